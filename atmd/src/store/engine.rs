//! The three engines: how each is reached, and what makes its commits durable.

use super::bounded::Bounded;
use super::held::Held;
use super::{mysql, postgresql, sqlite};
use crate::config::{Backend, Config, DatabaseServer};
use sea_orm::{ConnectOptions, DatabaseConnection, DbErr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// A statement on a server that takes longer has failed. Above the time that a lock is waited for.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(15);
/// How long a connection to a server may take.
pub(super) const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a server lets a batch wait for the bank's lock, in seconds: another node may have died with it.
pub(super) const LOCK_TIMEOUT_S: u32 = 5;

/// Where the bank is stored. Kept, because connections are made again after failures.
#[derive(Clone, Debug)]
pub(super) enum Engine {
    Sqlite(PathBuf),
    Mysql(DatabaseServer),
    Postgresql(DatabaseServer),
}

impl Engine {
    pub(super) fn of(config: &Config) -> Self {
        match config.database.backend {
            Backend::Sqlite => Self::Sqlite(config.database.path.clone()),
            Backend::Mysql => Self::Mysql(config.mysql.clone()),
            Backend::Postgresql => Self::Postgresql(config.postgresql.clone()),
        }
    }

    pub(super) const fn is_server(&self) -> bool {
        !matches!(self, Self::Sqlite(_))
    }

    /// Its name, as the configuration has it.
    pub(super) const fn name(&self) -> &'static str {
        match self {
            Self::Sqlite(_) => "sqlite",
            Self::Mysql(_) => "mysql",
            Self::Postgresql(_) => "postgresql",
        }
    }

    /// How many connections of a pool are open, and how many of them nobody uses.
    pub(super) fn pool(&self, pool: &DatabaseConnection) -> (u32, usize) {
        match self {
            Self::Sqlite(_) => {
                let pool = pool.get_sqlite_connection_pool();
                (pool.size(), pool.num_idle())
            }
            Self::Mysql(_) => {
                let pool = pool.get_mysql_connection_pool();
                (pool.size(), pool.num_idle())
            }
            Self::Postgresql(_) => {
                let pool = pool.get_postgres_connection_pool();
                (pool.size(), pool.num_idle())
            }
        }
    }

    pub(super) async fn connect(&self, purpose: Purpose) -> Result<Bounded<DatabaseConnection>, DbErr> {
        let (inner, limit) = match self {
            Self::Sqlite(path) => (sqlite::connect(path, purpose.connections()).await?, None),
            Self::Mysql(server) => (mysql::connect(server, purpose).await?, Some(ANSWER_TIMEOUT)),
            Self::Postgresql(server) => (postgresql::connect(server, purpose).await?, Some(ANSWER_TIMEOUT)),
        };
        Ok(Bounded { inner, limit, silent: None, failures: Arc::default() })
    }
}

impl Engine {
    /// One connection that writes.
    pub(super) async fn hold(&self) -> Result<Bounded<Held>, DbErr> {
        let (limit, connect) =
            if self.is_server() { (Some(ANSWER_TIMEOUT), Some(CONNECT_TIMEOUT)) } else { (None, None) };
        let connecting = Bounded { inner: (), limit: connect, silent: None, failures: Arc::default() };
        let inner = connecting.within(Held::connect(self)).await?;
        Ok(Bounded { inner, limit, silent: Some(Arc::default()), failures: Arc::default() })
    }
}

/// What connections are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// One that makes what is not there yet: tables, the bank.
    Write,
    /// So many that read.
    Read(u32),
}

impl Purpose {
    const fn connections(self) -> u32 {
        match self {
            Self::Write => 1,
            Self::Read(connections) => connections,
        }
    }
}

/// What connections to a server have in common. Those that read are looked at before they are used: the server
/// may have been started again. The one that writes is renewed after each failure.
pub(super) fn server_pool(url: &str, purpose: Purpose) -> ConnectOptions {
    let mut options = ConnectOptions::new(url);
    options
        .max_connections(purpose.connections())
        .min_connections(1)
        .connect_timeout(CONNECT_TIMEOUT)
        .acquire_timeout(CONNECT_TIMEOUT)
        .idle_timeout(None)
        .max_lifetime(None)
        .test_before_acquire(purpose != Purpose::Write)
        .sqlx_logging(false);
    options
}
