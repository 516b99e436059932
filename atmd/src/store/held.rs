//! The connection that writes: one, held for as long as it works.
//!
//! A pool would take it back after each batch in a task of its own, and ask it for a sign of life before it gives
//! it away again. Under load that took longer than to read what a batch needs.

use super::engine::Engine;
use super::{mysql, postgresql, sqlite};
use sea_orm::sea_query::Values;
use sea_orm::sqlx::mysql::MySqlConnection;
use sea_orm::sqlx::postgres::PgConnection;
use sea_orm::sqlx::sqlite::SqliteConnection;
use sea_orm::sqlx::{self, AssertSqlSafe, Connection};
use sea_orm::{ConnectionTrait, DbBackend, DbErr, ExecResult, QueryResult, RuntimeErr, Statement};
use sea_orm_migration::async_trait;
use sea_query_sqlx::SqlxValues;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::sync::{Mutex, MutexGuard};

/// A connection of one of the engines' drivers.
#[derive(Debug)]
enum Driver {
    Sqlite(SqliteConnection),
    Mysql(MySqlConnection),
    Postgresql(PgConnection),
}

/// A connection that nobody else gets; nothing where it was closed.
#[derive(Debug)]
pub(super) struct Held {
    driver: Mutex<Option<Driver>>,
    backend: DbBackend,
    /// Whether a transaction was begun and not ended. Another BEGIN would go on in it, or even commit it.
    open: AtomicBool,
}

fn failed(error: sqlx::Error) -> DbErr {
    DbErr::Exec(RuntimeErr::SqlxError(Arc::new(error)))
}

/// Does the same on whichever driver it is.
macro_rules! on_driver {
    ($held:expr, $connection:ident => $work:expr) => {{
        let mut driver: MutexGuard<'_, Option<Driver>> = $held.driver.lock().await;
        match driver.as_mut() {
            Some(Driver::Sqlite($connection)) => $work.map_err(failed),
            Some(Driver::Mysql($connection)) => $work.map_err(failed),
            Some(Driver::Postgresql($connection)) => $work.map_err(failed),
            None => Err(failed(sqlx::Error::PoolClosed)),
        }
    }};
}

/// How a transaction ends.
#[derive(Clone, Copy, Debug)]
pub(super) enum End {
    Commit,
    Rollback,
}

impl Held {
    pub(super) async fn connect(engine: &Engine) -> Result<Self, DbErr> {
        let (driver, backend) = match engine {
            Engine::Sqlite(path) => (sqlite::hold(path).await.map(Driver::Sqlite), DbBackend::Sqlite),
            Engine::Mysql(server) => (mysql::hold(server).await.map(Driver::Mysql), DbBackend::MySql),
            Engine::Postgresql(server) => {
                (postgresql::hold(server).await.map(Driver::Postgresql), DbBackend::Postgres)
            }
        };
        let driver = driver.map_err(|error| DbErr::Conn(RuntimeErr::SqlxError(Arc::new(error))))?;
        Ok(Self { driver: Mutex::new(Some(driver)), backend, open: AtomicBool::new(false) })
    }

    /// Begins a transaction and takes the bank's lock, in one round trip: on a server its row, and what is read after
    /// that no other batch changes. SQLite has one lock for all of the file. A transaction that was left open makes
    /// this connection one that has to be renewed.
    pub(super) async fn begin(&self) -> Result<(), DbErr> {
        if self.open.swap(true, Ordering::Relaxed) {
            return Err(failed(sqlx::Error::PoolClosed));
        }
        let begin = match self.backend {
            DbBackend::Sqlite => "BEGIN IMMEDIATE",
            _ => "BEGIN; SELECT id FROM bank WHERE id = 1 FOR UPDATE",
        };
        self.execute_unprepared(begin).await.map(drop)
    }

    /// Commits the transaction, or rolls it back.
    pub(super) async fn end(&self, how: End) -> Result<(), DbErr> {
        let end = match how {
            End::Commit => "COMMIT",
            End::Rollback => "ROLLBACK",
        };
        self.execute_unprepared(end).await?;
        self.open.store(false, Ordering::Relaxed);
        Ok(())
    }

    /// Closes it. What it had begun is rolled back by the database.
    pub(super) async fn close(&self) -> Result<(), DbErr> {
        let closed = match self.driver.lock().await.take() {
            Some(Driver::Sqlite(connection)) => connection.close().await,
            Some(Driver::Mysql(connection)) => connection.close().await,
            Some(Driver::Postgresql(connection)) => connection.close().await,
            None => Ok(()),
        };
        closed.map_err(failed)
    }
}

/// A statement for sqlx, in its words.
macro_rules! query {
    ($statement:expr) => {
        sqlx::query_with(
            AssertSqlSafe($statement.sql.as_str()),
            SqlxValues($statement.values.clone().unwrap_or(Values(Vec::new()))),
        )
    };
}

#[async_trait::async_trait]
impl ConnectionTrait for Held {
    fn get_database_backend(&self) -> DbBackend {
        self.backend
    }

    async fn execute_raw(&self, statement: Statement) -> Result<ExecResult, DbErr> {
        on_driver!(self, connection => query!(statement).execute(connection).await.map(ExecResult::from))
    }

    async fn execute_unprepared(&self, sql: &str) -> Result<ExecResult, DbErr> {
        on_driver!(self, connection => {
            sqlx::raw_sql(AssertSqlSafe(sql)).execute(connection).await.map(ExecResult::from)
        })
    }

    async fn query_one_raw(&self, statement: Statement) -> Result<Option<QueryResult>, DbErr> {
        on_driver!(self, connection => {
            query!(statement).fetch_optional(connection).await.map(|row| row.map(QueryResult::from))
        })
    }

    async fn query_all_raw(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        on_driver!(self, connection => {
            let rows = query!(statement).fetch_all(connection).await;
            rows.map(|rows| rows.into_iter().map(QueryResult::from).collect())
        })
    }
}
