//! The database, and the only place that names sea-orm. Rows never leave it; the ledger's values do.
//!
//! - `open`: connecting, durability, the lock of the data directory, migrations.
//! - `engine`: what differs between SQLite and the servers; `bounded` ends statements that a server leaves open.
//! - `load` and `save`: a batch's book, read and written in one transaction, by statements of few widths (`statement`);
//!   what one batch read, the next one has (`kept`).
//! - [`backup`]: the bank as a file, and back.
//! - [`read`], [`accounts`]: everything that only looks; [`verify`]: history with its hashes.

pub mod accounts;
pub mod backup;
mod bounded;
mod convert;
mod engine;
mod entity;
mod error;
mod heads;
mod held;
mod kept;
mod load;
mod mysql;
mod open;
mod postgresql;
pub mod read;
mod save;
mod server;
mod sqlite;
mod statement;
#[cfg(test)]
mod tests;
pub mod verify;

pub use error::{Failure, StoreError};
pub use open::{DataLock, OpenError, exists, lock_data_dir, migrate};

use crate::ledger::book::Book;
use crate::ledger::needs::Needs;
use crate::seal::{SealMac, Sealer};
use atm_rpc::types::time::Timestamp;
use bounded::Bounded;
use engine::Engine;
use heads::SealedHeads;
use held::{End, Held};
use kept::Kept;
use sea_orm::DatabaseConnection;
use statement::Texts;
use std::fmt;
use std::mem;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex as StdMutex, PoisonError};
use tokio::sync::Mutex;

/// The open database: one connection that writes, and some that read.
#[derive(Clone, Debug)]
pub struct Store {
    engine: Engine,
    writer: Arc<Mutex<Arc<Bounded<Held>>>>,
    readers: Bounded<DatabaseConnection>,
    readers_max: u32,
    instance: [u8; 16],
    sealer: Arc<Sealer>,
    texts: Arc<Texts>,
    sealed: Arc<SealedHeads>,
    kept: Arc<StdMutex<Kept>>,
}

/// The connections that read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pool {
    /// How many are open.
    pub open: u64,
    /// How many of them nobody uses.
    pub idle: u64,
    /// How many there may be.
    pub limit: u64,
}

/// The chain of seals as a batch finds it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SealHead {
    /// The last seal's place; 0 before the first.
    pub id: i64,
    /// Its hash; zeros before the first.
    pub mac: SealMac,
}

/// As an operator takes it from the log: `ID:HEX`.
impl fmt::Display for SealHead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.id)?;
        self.mac.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// A batch under way: one transaction that holds the bank's lock.
#[derive(Debug)]
pub struct Transaction {
    inner: Arc<Bounded<Held>>,
    sealer: Arc<Sealer>,
    texts: Arc<Texts>,
    sealed: Arc<SealedHeads>,
    /// The seal that it wrote.
    head: Option<SealHead>,
    /// Lent to one that is under way. What it was given goes with it where it fails.
    kept: Kept,
    lender: Arc<StdMutex<Kept>>,
}

impl Store {
    /// What it is: `sqlite`, `mysql` or `postgresql`.
    #[must_use]
    pub const fn backend(&self) -> &'static str {
        self.engine.name()
    }

    /// Whether it is a file of this process alone.
    #[must_use]
    pub const fn is_embedded(&self) -> bool {
        !self.engine.is_server()
    }

    /// The connections that read, as they are now.
    #[must_use]
    pub fn pool(&self) -> Pool {
        let (open, idle) = self.engine.pool(&self.readers.inner);
        Pool {
            open: open.into(),
            idle: u64::try_from(idle).unwrap_or(u64::MAX),
            limit: self.readers_max.into(),
        }
    }

    /// How many statements failed that read.
    #[must_use]
    pub fn read_failures(&self) -> u64 {
        self.readers.failures.load(Ordering::Relaxed)
    }

    /// 16 random bytes of this bank.
    #[must_use]
    pub const fn instance(&self) -> [u8; 16] {
        self.instance
    }

    /// What seals rows and batches.
    #[must_use]
    pub const fn sealer(&self) -> &Arc<Sealer> {
        &self.sealer
    }

    /// Heads of the chain of seals that this process has seen: history must have them.
    #[must_use]
    pub fn seen_heads(&self) -> Vec<SealHead> {
        self.sealed.seen()
    }

    /// Begins a batch and takes the bank's lock: all batches, of all nodes, have one order.
    ///
    /// # Errors
    /// [`StoreError`]; nothing was begun, and the connection must be [renewed](Self::renew_writer).
    pub async fn begin(&self) -> Result<Transaction, StoreError> {
        let inner = Arc::clone(&*self.writer.lock().await);
        inner.begin().await?;
        let (sealer, texts) = (Arc::clone(&self.sealer), Arc::clone(&self.texts));
        let (sealed, lender) = (Arc::clone(&self.sealed), Arc::clone(&self.kept));
        let kept = mem::take(&mut *lender.lock().unwrap_or_else(PoisonError::into_inner));
        Ok(Transaction { inner, sealer, texts, sealed, head: None, kept, lender })
    }

    /// Puts a new connection in the place of the one that writes. To be done after each failure of a
    /// batch: SQLite may have rolled back by itself, a server may still be at work for the old one, and a
    /// connection whose driver does not know that acknowledges what is never stored.
    ///
    /// # Errors
    /// [`StoreError`]: there is no connection that writes until this succeeds.
    pub async fn renew_writer(&self) -> Result<(), StoreError> {
        let mut writer = self.writer.lock().await;
        let closed = Arc::clone(&writer).close().await;
        if !self.engine.is_server() {
            closed?;
        }
        *writer = Arc::new(self.engine.hold().await?);
        Ok(())
    }

    /// Reads a book outside of a batch, for a decision without effect.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn preview(&self, needs: &Needs) -> Result<Book, StoreError> {
        Ok(load::book(&self.readers, needs, &mut Kept::default()).await?.0)
    }

    /// Whether the batch was committed. Asked after a commit whose outcome is not known, and after the
    /// connection that failed is [gone](Self::renew_writer).
    ///
    /// # Errors
    /// [`StoreError`]: still not known.
    pub async fn was_committed(&self, batch: &[u8; 16]) -> Result<bool, StoreError> {
        let transaction = self.begin().await?;
        let found = load::seal_of(&*transaction.inner, batch).await?;
        transaction.rollback().await?;
        Ok(found)
    }

    /// Closes all connections.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn close(self) -> Result<(), StoreError> {
        self.readers.close().await?;
        let writer = Arc::clone(&*self.writer.lock().await);
        Ok(writer.close().await?)
    }
}

impl Transaction {
    /// Reads what the batch needs.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn load(&mut self, needs: &Needs) -> Result<(Book, SealHead), StoreError> {
        load::book(&*self.inner, needs, &mut self.kept).await
    }

    /// Writes what the batch decided, and its seal.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn save(
        &mut self,
        book: &Book,
        head: SealHead,
        batch: [u8; 16],
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let sealed = save::book(&*self.inner, (&self.sealer, &self.texts), book, head, batch, now).await?;
        self.kept.follow(book, sealed);
        self.head = Some(sealed);
        Ok(())
    }

    /// Makes it durable.
    ///
    /// # Errors
    /// [`StoreError`]: whether it was committed is not known.
    pub async fn commit(self) -> Result<(), StoreError> {
        self.inner.end(End::Commit).await?;
        if let Some(head) = self.head {
            self.sealed.remember(head);
        }
        self.keep();
        Ok(())
    }

    /// Drops it.
    ///
    /// # Errors
    /// [`StoreError`]: the connection must be [renewed](Store::renew_writer).
    pub async fn rollback(self) -> Result<(), StoreError> {
        self.inner.end(End::Rollback).await?;
        if self.head.is_none() {
            self.keep();
        }
        Ok(())
    }

    /// Gives back what the next batch need not read.
    fn keep(self) {
        *self.lender.lock().unwrap_or_else(PoisonError::into_inner) = self.kept;
    }
}
