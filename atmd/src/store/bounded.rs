//! A connection whose statements end: a server that froze, or a network that swallows packets, must not hold
//! up whoever asks it.

use super::held::{End, Held};
use sea_orm::{
    ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbBackend, DbErr, ExecResult, QueryResult,
    RuntimeErr, Statement, TransactionOptions, TransactionTrait, sqlx,
};
use sea_orm_migration::async_trait;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;
use tokio::time::timeout;

/// A connection, and how long one of its statements may take. Without a bound it is the embedded database's,
/// which answers whenever the disk does.
#[derive(Clone, Debug)]
pub(super) struct Bounded<C> {
    pub(super) inner: C,
    pub(super) limit: Option<Duration>,
    /// Whether a statement met silence. Then nothing is asked any more: a ROLLBACK would wait as long again.
    /// Connections of a pool do not share one.
    pub(super) silent: Option<Arc<AtomicBool>>,
    /// How many statements failed.
    pub(super) failures: Arc<AtomicU64>,
}

impl<C> Bounded<C> {
    fn is_silent(&self) -> bool {
        self.silent.as_ref().is_some_and(|silent| silent.load(Ordering::Relaxed))
    }

    /// The result, or the failure of a connection whose other end is silent. What is not finished by then is
    /// dropped; the connection must not be used again.
    pub(super) async fn within<T>(&self, work: impl Future<Output = Result<T, DbErr>>) -> Result<T, DbErr> {
        let done = match self.limit {
            None => work.await,
            Some(limit) if self.is_silent() => Err(silent(limit)),
            Some(limit) => timeout(limit, work).await.unwrap_or_else(|_| {
                if let Some(silent) = &self.silent {
                    silent.store(true, Ordering::Relaxed);
                }
                Err(silent(limit))
            }),
        };
        if done.is_err() {
            self.failures.fetch_add(1, Ordering::Relaxed);
        }
        done
    }
}

fn silent(limit: Duration) -> DbErr {
    let message = format!("the database server did not answer within {} s", limit.as_secs());
    let error = sqlx::Error::Io(io::Error::new(io::ErrorKind::TimedOut, message));
    DbErr::Conn(RuntimeErr::SqlxError(Arc::new(error)))
}

#[async_trait::async_trait]
impl<C: ConnectionTrait + Send> ConnectionTrait for Bounded<C> {
    fn get_database_backend(&self) -> DbBackend {
        self.inner.get_database_backend()
    }

    async fn execute_raw(&self, statement: Statement) -> Result<ExecResult, DbErr> {
        self.within(self.inner.execute_raw(statement)).await
    }

    async fn execute_unprepared(&self, sql: &str) -> Result<ExecResult, DbErr> {
        self.within(self.inner.execute_unprepared(sql)).await
    }

    async fn query_one_raw(&self, statement: Statement) -> Result<Option<QueryResult>, DbErr> {
        self.within(self.inner.query_one_raw(statement)).await
    }

    async fn query_all_raw(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        self.within(self.inner.query_all_raw(statement)).await
    }
}

impl Bounded<DatabaseConnection> {
    pub(super) async fn begin(
        &self,
        options: TransactionOptions,
    ) -> Result<Bounded<DatabaseTransaction>, DbErr> {
        let inner = self.within(self.inner.begin_with_options(options)).await?;
        Ok(Bounded {
            inner,
            limit: self.limit,
            silent: self.silent.clone(),
            failures: Arc::clone(&self.failures),
        })
    }

    pub(super) async fn close(&self) -> Result<(), DbErr> {
        self.within(self.inner.close_by_ref()).await
    }
}

impl Bounded<Held> {
    pub(super) async fn begin(&self) -> Result<(), DbErr> {
        self.within(self.inner.begin()).await
    }

    pub(super) async fn end(&self, how: End) -> Result<(), DbErr> {
        self.within(self.inner.end(how)).await
    }

    /// Nobody waits for one that is silent.
    pub(super) async fn close(self: Arc<Self>) -> Result<(), DbErr> {
        if self.is_silent() {
            let limit = self.limit.unwrap_or_default();
            tokio::spawn(async move { timeout(limit, self.inner.close()).await.map(drop) });
            return Ok(());
        }
        self.within(self.inner.close()).await
    }
}

impl Bounded<DatabaseTransaction> {
    pub(super) async fn commit(self) -> Result<(), DbErr> {
        let bound = Bounded { inner: (), limit: self.limit, silent: None, failures: self.failures };
        bound.within(self.inner.commit()).await
    }

    pub(super) async fn rollback(self) -> Result<(), DbErr> {
        let bound = Bounded { inner: (), limit: self.limit, silent: None, failures: self.failures };
        bound.within(self.inner.rollback()).await
    }
}
