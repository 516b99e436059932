//! A connection whose statements end: a server that froze, or a network that swallows packets, must not hold
//! up whoever asks it.

use sea_orm::{
    ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbBackend, DbErr, ExecResult, QueryResult,
    RuntimeErr, Statement, TransactionOptions, TransactionTrait, sqlx,
};
use sea_orm_migration::async_trait;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::timeout;

/// A connection, and how long one of its statements may take. Without a bound it is the embedded database's,
/// which answers whenever the disk does.
#[derive(Clone, Debug)]
pub(super) struct Bounded<C> {
    pub(super) inner: C,
    pub(super) limit: Option<Duration>,
}

/// The result, or the failure of a connection whose other end is silent. What is not finished by then is
/// dropped; the connection must not be used again.
pub(super) async fn within<T>(
    limit: Option<Duration>,
    work: impl Future<Output = Result<T, DbErr>>,
) -> Result<T, DbErr> {
    let Some(limit) = limit else { return work.await };
    timeout(limit, work).await.unwrap_or_else(|_| Err(silent(limit)))
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
        within(self.limit, self.inner.execute_raw(statement)).await
    }

    async fn execute_unprepared(&self, sql: &str) -> Result<ExecResult, DbErr> {
        within(self.limit, self.inner.execute_unprepared(sql)).await
    }

    async fn query_one_raw(&self, statement: Statement) -> Result<Option<QueryResult>, DbErr> {
        within(self.limit, self.inner.query_one_raw(statement)).await
    }

    async fn query_all_raw(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        within(self.limit, self.inner.query_all_raw(statement)).await
    }
}

impl Bounded<DatabaseConnection> {
    pub(super) async fn begin(
        &self,
        options: TransactionOptions,
    ) -> Result<Bounded<DatabaseTransaction>, DbErr> {
        let inner = within(self.limit, self.inner.begin_with_options(options)).await?;
        Ok(Bounded { inner, limit: self.limit })
    }

    pub(super) async fn close(&self) -> Result<(), DbErr> {
        within(self.limit, self.inner.close_by_ref()).await
    }
}

impl Bounded<DatabaseTransaction> {
    pub(super) async fn commit(self) -> Result<(), DbErr> {
        within(self.limit, self.inner.commit()).await
    }

    pub(super) async fn rollback(self) -> Result<(), DbErr> {
        within(self.limit, self.inner.rollback()).await
    }
}
