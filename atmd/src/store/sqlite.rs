//! SQLite, embedded: one file, a write-ahead log, and a full sync at each commit.

use super::OpenError;
use super::bounded::Bounded;
use super::statement::KEPT_MAX;
use crate::jobs::Job;
use sea_orm::sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sea_orm::sqlx::{self, ConnectOptions as _, Connection};
use sea_orm::{ConnectOptions, ConnectionTrait, Database, DatabaseConnection, DbErr, RuntimeErr, Statement};
use std::fs::OpenOptions;
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// The oldest SQLite without the corruption that a reset of the WAL could cause.
const VERSION_MIN: (u32, u32, u32) = (3, 51, 3);
/// Bytes of a page of a new database: small, because a movement changes a few rows that lie far apart, and each
/// page that is touched goes to the WAL whole.
const PAGE_BYTES: &str = "1024";
/// Pages of the WAL before a commit checkpoints it: large, so that few commits do.
const WAL_PAGES: &str = "80000";
/// Rows that the driver's thread reads ahead of who wants them.
const ROWS_MAX: usize = 2_048;
/// Steps of SQLite's machine between two questions whether to go on.
const STEPS: i32 = 10_000;
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);

/// Makes the file with the right mode before SQLite would make it with another.
pub(super) fn create_private(path: &Path) -> Result<(), OpenError> {
    match OpenOptions::new().create_new(true).write(true).mode(0o600).open(path) {
        Err(source) if source.kind() != io::ErrorKind::AlreadyExists => {
            Err(OpenError::File { path: path.to_owned(), source })
        }
        _ => Ok(()),
    }
}

fn settings(options: SqliteConnectOptions, path: &Path) -> SqliteConnectOptions {
    options
        .in_memory(false)
        .shared_cache(false)
        .filename(path)
        .foreign_keys(true)
        .busy_timeout(BUSY_TIMEOUT)
        .statement_cache_capacity(KEPT_MAX)
        .row_buffer_size(ROWS_MAX)
        .pragma("page_size", PAGE_BYTES)
        .pragma("journal_mode", "WAL")
        .pragma("synchronous", "FULL")
        .pragma("wal_autocheckpoint", WAL_PAGES)
        .pragma("cache_size", "-65536")
        .disable_statement_logging()
}

/// One connection, held.
pub(super) async fn hold(path: &Path) -> Result<SqliteConnection, sqlx::Error> {
    SqliteConnection::connect_with(&settings(SqliteConnectOptions::new(), path)).await
}

/// So many connections, in a pool.
pub(super) async fn connect(path: &Path, connections: u32) -> Result<DatabaseConnection, DbErr> {
    let file = path.to_owned();
    let mut options = ConnectOptions::new("sqlite::memory:");
    options
        .max_connections(connections)
        .min_connections(1)
        .acquire_timeout(Duration::from_secs(30))
        .idle_timeout(None)
        .max_lifetime(None)
        .test_before_acquire(false)
        .sqlx_logging(false)
        .map_sqlx_sqlite_opts(move |options| settings(options, &file));
    Database::connect(options).await
}

/// Copies the database to a new file, as it is at one moment, until it is done or the job is to end. Whoever writes goes
/// on meanwhile, and the WAL grows.
pub(super) async fn copy(from: &Path, to: &Path, job: Arc<Job>) -> Result<(), DbErr> {
    let copied = async {
        let name = to
            .to_str()
            .ok_or_else(|| sqlx::Error::Protocol("the data directory's name is no text".into()))?;
        let mut connection = hold(from).await?;
        connection.lock_handle().await?.set_progress_handler(STEPS, move || !job.is_stopped());
        sqlx::query("VACUUM INTO ?1").bind(name).execute(&mut connection).await?;
        connection.close().await
    };
    copied.await.map_err(|error: sqlx::Error| DbErr::Exec(RuntimeErr::SqlxError(Arc::new(error))))
}

/// A file that nobody else opens, and that is thrown away where anything fails.
pub(super) async fn scratch(path: &Path) -> Result<Bounded<DatabaseConnection>, DbErr> {
    let file = path.to_owned();
    let mut options = ConnectOptions::new("sqlite::memory:");
    options.max_connections(1).min_connections(1).idle_timeout(None).max_lifetime(None).sqlx_logging(false);
    options.map_sqlx_sqlite_opts(move |options| {
        let options =
            options.in_memory(false).shared_cache(false).filename(&file).pragma("page_size", PAGE_BYTES);
        options.pragma("journal_mode", "OFF").pragma("synchronous", "OFF").disable_statement_logging()
    });
    let inner = Database::connect(options).await?;
    Ok(Bounded { inner, limit: None, silent: None, failures: Arc::default() })
}

async fn answer(on: &Bounded<DatabaseConnection>, sql: &str) -> Result<String, OpenError> {
    let statement = Statement::from_string(on.get_database_backend(), sql);
    let row = on.query_one_raw(statement).await?;
    let row = row.ok_or_else(|| OpenError::Unfit(format!("SQLite does not answer {sql:?}")))?;
    Ok(match row.try_get_by_index::<String>(0) {
        Ok(text) => text,
        Err(_) => row.try_get_by_index::<i64>(0)?.to_string(),
    })
}

pub(super) async fn check_durability(on: &Bounded<DatabaseConnection>) -> Result<(), OpenError> {
    let version = answer(on, "SELECT sqlite_version()").await?;
    let mut parts = version.split('.').map(|part| part.parse().unwrap_or(0));
    let parts = (parts.next().unwrap_or(0), parts.next().unwrap_or(0), parts.next().unwrap_or(0));
    if parts < VERSION_MIN {
        let (major, minor, patch) = VERSION_MIN;
        return Err(OpenError::Unfit(format!(
            "SQLite {version} is too old: {major}.{minor}.{patch} is the oldest that keeps what it was given"
        )));
    }
    let mode = answer(on, "PRAGMA journal_mode").await?;
    let synchronous = answer(on, "PRAGMA synchronous").await?;
    if mode != "wal" || synchronous != "2" {
        return Err(OpenError::Unfit(format!(
            "the database is not durable: journal_mode is {mode} and synchronous is {synchronous}, \
             not wal and 2 (FULL); is its file system one that can be mapped and locked?"
        )));
    }
    Ok(())
}
