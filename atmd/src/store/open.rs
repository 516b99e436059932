//! Opening the database: who may, how durable it is, and its schema.

use super::bounded::Bounded;
use super::engine::{Engine, Purpose};
use super::entity::{account, bank, journal};
use super::error::is_denied;
use super::heads::SealedHeads;
use super::{Store, StoreError, convert, load, mysql, postgresql, sqlite};
use crate::config::{Config, Migrate};
use crate::ledger::book::Account;
use crate::seal::Sealer;
use atm_migrations::Migrator;
use atm_rpc::types::account::{AccountId, AccountState};
use atm_rpc::types::money::Money;
use atm_rpc::types::time::Timestamp;
use sea_orm::{
    ConnectionTrait, DatabaseConnection, DbErr, EntityTrait, IntoActiveModel, QueryOrder, QuerySelect,
    TransactionOptions,
};
use sea_orm_migration::{MigratorTrait, SchemaManager};
use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use thiserror::Error;
use tokio::sync::Mutex;

/// Where the migrations that were applied are noted.
const MIGRATIONS_TABLE: &str = "seaql_migrations";

/// Why the database cannot be used.
#[derive(Debug, Error)]
pub enum OpenError {
    /// Another atmd has the data directory.
    #[error("another atmd runs on {0}")]
    InUse(PathBuf),
    /// A file cannot be made or locked.
    #[error("{path}: {source}")]
    File {
        /// Which.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The schema is not the one this program knows.
    #[error(
        "the database's schema is newer than this atmd: it has {0}; run the atmd that made it, or a later one"
    )]
    NewerSchema(String),
    /// The schema lacks something, and may not be changed at the start.
    #[error(
        "the database lacks {0}: run 'atmd migrate' (with a backup at hand where it holds a bank), \
         or set [database] migrate = auto"
    )]
    Unmigrated(String),
    /// The bank's currency is not the configured one.
    #[error("the bank was opened with {stored} and [bank] currency says {configured}")]
    Currency {
        /// In the database.
        stored: String,
        /// In the configuration.
        configured: String,
    },
    /// The engine is too old or not durable.
    #[error("{0}")]
    Unfit(String),
    /// The server does not answer now.
    #[error("{0}")]
    Unreachable(String),
    /// The server does not let atmd in as it is configured.
    #[error("{0}")]
    Refused(String),
    /// The user lacks a right on the database.
    #[error(
        "the database refuses a right: {0}; grant atmd's user SELECT, INSERT, UPDATE and DELETE on all tables, \
         and whoever runs 'atmd migrate' CREATE, ALTER and INDEX, too"
    )]
    Denied(String),
    /// Anything else.
    #[error("the database cannot be opened: {0}")]
    Database(#[from] StoreError),
}

impl From<DbErr> for OpenError {
    fn from(error: DbErr) -> Self {
        if is_denied(&error) { Self::Denied(error.to_string()) } else { Self::Database(error.into()) }
    }
}

/// Held as long as atmd runs: one atmd at a time on a data directory.
#[derive(Debug)]
pub struct DataLock {
    file: File,
}

impl Drop for DataLock {
    fn drop(&mut self) {
        // Closing it would do, were there no child that has it open until it starts its own program.
        let _ = self.file.unlock();
    }
}

/// Takes the data directory. It is a file of its own that is locked, never the database's.
///
/// # Errors
/// [`OpenError::InUse`] where another atmd has it.
pub fn lock_data_dir(data_dir: &Path) -> Result<DataLock, OpenError> {
    let path = data_dir.join("atmd.lock");
    let failed = |source| OpenError::File { path: path.clone(), source };
    let file = OpenOptions::new()
        .create(true)
        .write(true)
        .truncate(false)
        .mode(0o600)
        .open(&path)
        .map_err(failed)?;
    match file.try_lock() {
        Ok(()) => Ok(DataLock { file }),
        Err(TryLockError::WouldBlock) => Err(OpenError::InUse(data_dir.to_owned())),
        Err(TryLockError::Error(source)) => Err(failed(source)),
    }
}

impl Store {
    /// Opens the bank's database, and makes the bank where there is none. SQLite's file is made and its schema
    /// brought up to date; a server's schema only where the configuration says so. The caller holds the
    /// [`DataLock`].
    ///
    /// # Errors
    /// [`OpenError`] says why not.
    pub async fn open(config: &Config, sealer: Sealer, now: Timestamp) -> Result<Self, OpenError> {
        let engine = Engine::of(config);
        let writer = first_connection(&engine).await?;
        if !engine.is_server() || config.database.migrate == Migrate::Auto {
            bring_up_to_date(&writer).await?;
        } else {
            check_schema(&writer).await?;
        }
        let bank = found(&writer, config, now).await?;
        check_seals(&writer, &engine, &sealer).await?;
        let readers_max = config.database.read_connections;
        let readers = engine.connect(Purpose::Read(readers_max)).await?;
        let instance = bank.instance.as_slice().try_into().map_err(|_| convert::corrupt("bank"))?;
        let sealed = Arc::new(SealedHeads::new(load::head(&writer).await?.1));
        writer.close().await?;
        let writer = Arc::new(Mutex::new(Arc::new(engine.hold().await?)));
        let (sealer, texts, kept) = (Arc::new(sealer), Arc::default(), Arc::default());
        Ok(Self { engine, writer, readers, readers_max, instance, sealer, texts, sealed, kept })
    }
}

/// Whether there is a bank already: its file, or its row on the server.
///
/// # Errors
/// [`OpenError`] where the server cannot tell.
pub async fn exists(config: &Config) -> Result<bool, OpenError> {
    let engine = Engine::of(config);
    if let Engine::Sqlite(path) = &engine {
        return Ok(path.exists());
    }
    check_reachable(&engine).await?;
    let connection = engine.connect(Purpose::Write).await?;
    let manager = SchemaManager::new(&connection.inner);
    let found = manager.has_table("bank").await? && stored_bank(&connection).await?.is_some();
    connection.close().await?;
    Ok(found)
}

/// Brings the schema up to date, and returns the names of the migrations that the database lacked. The caller
/// holds the [`DataLock`].
///
/// # Errors
/// [`OpenError`].
pub async fn migrate(config: &Config) -> Result<Vec<String>, OpenError> {
    let connection = first_connection(&Engine::of(config)).await?;
    let applied = bring_up_to_date(&connection).await?;
    connection.close().await?;
    Ok(applied)
}

async fn check_reachable(engine: &Engine) -> Result<(), OpenError> {
    match engine {
        Engine::Sqlite(path) => sqlite::create_private(path),
        Engine::Mysql(server) => mysql::check_reachable(server).await,
        Engine::Postgresql(server) => postgresql::check_reachable(server).await,
    }
}

/// A connection to a database that is there and durable.
pub(super) async fn first_connection(engine: &Engine) -> Result<Bounded<DatabaseConnection>, OpenError> {
    check_reachable(engine).await?;
    let connection = engine.connect(Purpose::Write).await?;
    match engine {
        Engine::Sqlite(_) => sqlite::check_durability(&connection).await?,
        Engine::Mysql(_) => mysql::check_durability(&connection).await?,
        Engine::Postgresql(_) => postgresql::check_durability(&connection).await?,
    }
    Ok(connection)
}

/// The last seal must tell of the last entry: otherwise the end of history was cut off, or added to, by another
/// hand, and every batch after it would fail. With the key of another bank, all that is sealed from now on would be wrong.
async fn check_seals(
    on: &Bounded<DatabaseConnection>,
    engine: &Engine,
    sealer: &Sealer,
) -> Result<(), OpenError> {
    // Under the lock: another node may be about to seal what it has written.
    let transaction = on.begin(TransactionOptions::default()).await?;
    if engine.is_server() {
        bank::Entity::find_by_id(1).lock_exclusive().one(&transaction).await?;
    }
    let sealed = load::head(&transaction).await?.0.seq;
    let last = journal::Entity::find().order_by_desc(journal::Column::Seq).one(&transaction).await?;
    let first = journal::Entity::find().order_by_asc(journal::Column::Seq).one(&transaction).await?;
    transaction.rollback().await?;
    // A row that somebody changed is found by a verification; a key that fits neither end is another bank's.
    let ends: Vec<&journal::Model> = first.iter().chain(&last).collect();
    let is_ours = |row: &&journal::Model| {
        convert::entry(row).is_ok_and(|entry| sealer.entry(&entry)[..] == row.mac[..])
    };
    if !ends.is_empty() && !ends.iter().any(is_ours) {
        return Err(OpenError::Unfit(
            "keys/seal is not the key that this bank's history is sealed with: put the bank's own keys and pki into \
             the data directory, all of them from one copy"
                .to_owned(),
        ));
    }
    let found = last.map_or(0, |row| row.seq);
    if sealed == found {
        return Ok(());
    }
    Err(OpenError::Unfit(format!(
        "the journal ends with entry {found} and its last seal tells of {sealed}: history was changed by another \
         hand; restore a backup, and compare the seal heads in the log"
    )))
}

/// Names of the migrations that the database lacks.
async fn pending(on: &Bounded<DatabaseConnection>) -> Result<Vec<String>, OpenError> {
    let known: Vec<String> = Migrator::migrations().iter().map(|m| m.name().to_owned()).collect();
    let applied = if SchemaManager::new(&on.inner).has_table(MIGRATIONS_TABLE).await? {
        Migrator::get_migration_models(on).await?
    } else {
        Vec::new()
    };
    let applied: Vec<String> = applied.into_iter().map(|model| model.version).collect();
    if let Some(newer) = applied.iter().find(|name| !known.contains(name)) {
        return Err(OpenError::NewerSchema(newer.clone()));
    }
    Ok(known.into_iter().filter(|name| !applied.contains(name)).collect())
}

async fn check_schema(on: &Bounded<DatabaseConnection>) -> Result<(), OpenError> {
    let pending = pending(on).await?;
    if pending.is_empty() { Ok(()) } else { Err(OpenError::Unmigrated(pending.join(", "))) }
}

pub(super) async fn bring_up_to_date(on: &Bounded<DatabaseConnection>) -> Result<Vec<String>, OpenError> {
    let pending = pending(on).await?;
    if !pending.is_empty() {
        Migrator::up(&on.inner, None).await?;
    }
    Ok(pending)
}

pub(super) async fn stored_bank(on: &impl ConnectionTrait) -> Result<Option<bank::Model>, DbErr> {
    bank::Entity::find_by_id(1).one(on).await
}

/// A bank has the currency that it was opened with.
pub(super) fn check_currency(bank: &bank::Model, config: &Config) -> Result<(), OpenError> {
    let (stored, configured) = (bank.currency.clone(), config.bank.currency.code().to_owned());
    if stored == configured { Ok(()) } else { Err(OpenError::Currency { stored, configured }) }
}

/// The bank's row and its own accounts, made where they are not there.
async fn found(
    on: &Bounded<DatabaseConnection>,
    config: &Config,
    now: Timestamp,
) -> Result<bank::Model, OpenError> {
    if let Some(bank) = stored_bank(on).await? {
        check_currency(&bank, config)?;
        return Ok(bank);
    }
    let mut instance = [0; 16];
    getrandom::fill(&mut instance).map_err(|e| OpenError::Unfit(format!("no random numbers: {e}")))?;
    let currency = config.bank.currency.code().to_owned();
    let bank = bank::Model { id: 1, instance: instance.to_vec(), currency, created_at: now.ms() };
    let opened = Account {
        posted: Money::ZERO,
        pending: Money::ZERO,
        state: AccountState::Active,
        last_seq: None,
        opened_at: now,
    };
    let accounts = AccountId::SYSTEM.map(|id| convert::account_row(id, &opened).into_active_model());
    let transaction = on.begin(TransactionOptions::default()).await?;
    account::Entity::insert_many(accounts).exec_without_returning(&transaction).await?;
    bank::Entity::insert(bank.clone().into_active_model()).exec_without_returning(&transaction).await?;
    transaction.commit().await?;
    Ok(bank)
}
