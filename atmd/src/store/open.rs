//! Opening the database: who may, how durable it is, and its schema.

use super::entity::{account, bank, journal};
use super::heads::SealedHeads;
use super::{Store, StoreError, convert, load};
use crate::config::Config;
use crate::ledger::book::{Account, AccountState};
use crate::seal::Sealer;
use atm_migrations::Migrator;
use atm_rpc::types::account::AccountId;
use atm_rpc::types::money::Money;
use atm_rpc::types::time::Timestamp;
use sea_orm::{
    ConnectOptions, ConnectionTrait, Database, DatabaseConnection, DbErr, EntityTrait, IntoActiveModel,
    QueryOrder, Statement, TransactionTrait,
};
use sea_orm_migration::MigratorTrait;
use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use thiserror::Error;
use tokio::sync::Mutex;

/// The oldest SQLite without the corruption that a reset of the WAL could cause.
const SQLITE_VERSION_MIN: (u32, u32, u32) = (3, 51, 3);
/// Pages of the WAL before a commit checkpoints it: large, so that few commits do.
const WAL_PAGES: &str = "20000";
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);

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
    #[error("the database's schema is newer than this atmd: {0}")]
    NewerSchema(String),
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
    /// Anything else.
    #[error("the database cannot be opened: {0}")]
    Database(#[from] StoreError),
}

impl From<DbErr> for OpenError {
    fn from(error: DbErr) -> Self {
        Self::Database(error.into())
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
    /// Opens the bank's database, makes it where there is none, and brings its schema up to date.
    /// The caller holds the [`DataLock`].
    ///
    /// # Errors
    /// [`OpenError`] says why not.
    pub async fn open(config: &Config, sealer: Sealer, now: Timestamp) -> Result<Self, OpenError> {
        let path = &config.database.path;
        create_private(path)?;
        let writer = connect(path, 1).await?;
        check_durability(&writer).await?;
        migrate(&writer).await?;
        let bank = found(&writer, config, now).await?;
        check_seals(&writer).await?;
        let readers = connect(path, config.database.read_connections).await?;
        let instance = bank.instance.as_slice().try_into().map_err(|_| convert::corrupt("bank"))?;
        let sealed = Arc::new(SealedHeads::new(load::head(&writer).await?.1));
        let writer = Arc::new(Mutex::new(writer));
        Ok(Self { path: path.clone(), writer, readers, instance, sealer: Arc::new(sealer), sealed })
    }
}

/// Names of the migrations that the database lacks. The caller holds the [`DataLock`].
///
/// # Errors
/// [`OpenError`].
pub async fn pending_migrations(config: &Config) -> Result<Vec<String>, OpenError> {
    create_private(&config.database.path)?;
    let connection = connect(&config.database.path, 1).await?;
    let pending = Migrator::get_pending_migrations(&connection).await?;
    let names = pending.iter().map(|migration| migration.name().to_owned()).collect();
    connection.close().await?;
    Ok(names)
}

/// Makes the file with the right mode before SQLite would make it with another.
fn create_private(path: &Path) -> Result<(), OpenError> {
    match OpenOptions::new().create_new(true).write(true).mode(0o600).open(path) {
        Err(source) if source.kind() != io::ErrorKind::AlreadyExists => {
            Err(OpenError::File { path: path.to_owned(), source })
        }
        _ => Ok(()),
    }
}

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
        .map_sqlx_sqlite_opts(move |options| {
            options
                .in_memory(false)
                .shared_cache(false)
                .filename(&file)
                .foreign_keys(true)
                .busy_timeout(BUSY_TIMEOUT)
                .pragma("journal_mode", "WAL")
                .pragma("synchronous", "FULL")
                .pragma("wal_autocheckpoint", WAL_PAGES)
                .pragma("cache_size", "-65536")
        });
    Database::connect(options).await
}

async fn pragma(on: &DatabaseConnection, sql: &str) -> Result<String, OpenError> {
    let statement = Statement::from_string(on.get_database_backend(), sql);
    let row = on.query_one_raw(statement).await?;
    let row = row.ok_or_else(|| OpenError::Unfit(format!("SQLite does not answer {sql:?}")))?;
    Ok(match row.try_get_by_index::<String>(0) {
        Ok(text) => text,
        Err(_) => row.try_get_by_index::<i64>(0)?.to_string(),
    })
}

async fn check_durability(on: &DatabaseConnection) -> Result<(), OpenError> {
    let version = pragma(on, "SELECT sqlite_version()").await?;
    let mut parts = version.split('.').map(|part| part.parse().unwrap_or(0));
    let parts = (parts.next().unwrap_or(0), parts.next().unwrap_or(0), parts.next().unwrap_or(0));
    if parts < SQLITE_VERSION_MIN {
        let (major, minor, patch) = SQLITE_VERSION_MIN;
        return Err(OpenError::Unfit(format!(
            "SQLite {version} is too old: {major}.{minor}.{patch} is the oldest that keeps what it was given"
        )));
    }
    let mode = pragma(on, "PRAGMA journal_mode").await?;
    let synchronous = pragma(on, "PRAGMA synchronous").await?;
    if mode != "wal" || synchronous != "2" {
        return Err(OpenError::Unfit(format!(
            "the database is not durable: journal_mode is {mode} and synchronous is {synchronous}, \
             not wal and 2 (FULL); is its file system one that can be mapped and locked?"
        )));
    }
    Ok(())
}

/// The last seal must tell of the last entry: otherwise the end of history was cut off, or added to, by another
/// hand, and every batch after it would fail.
async fn check_seals(on: &DatabaseConnection) -> Result<(), OpenError> {
    let sealed = load::head(on).await?.0.seq;
    let last = journal::Entity::find().order_by_desc(journal::Column::Seq).one(on).await?;
    let found = last.map_or(0, |row| row.seq);
    if sealed == found {
        return Ok(());
    }
    Err(OpenError::Unfit(format!(
        "the journal ends with entry {found} and its last seal tells of {sealed}: history was changed by another \
         hand; restore a backup, and compare the seal heads in the log"
    )))
}

async fn migrate(on: &DatabaseConnection) -> Result<(), OpenError> {
    let known: Vec<String> = Migrator::migrations().iter().map(|m| m.name().to_owned()).collect();
    Migrator::install(on).await?;
    let applied = Migrator::get_migration_models(on).await?;
    if let Some(newer) = applied.into_iter().find(|model| !known.contains(&model.version)) {
        return Err(OpenError::NewerSchema(newer.version));
    }
    Ok(Migrator::up(on, None).await?)
}

/// The bank's row and its own accounts, made where they are not there.
async fn found(on: &DatabaseConnection, config: &Config, now: Timestamp) -> Result<bank::Model, OpenError> {
    let configured = config.bank.currency.code().to_owned();
    if let Some(bank) = Store::bank(on).await? {
        if bank.currency != configured {
            return Err(OpenError::Currency { stored: bank.currency, configured });
        }
        return Ok(bank);
    }
    let mut instance = [0; 16];
    getrandom::fill(&mut instance).map_err(|e| OpenError::Unfit(format!("no random numbers: {e}")))?;
    let bank = bank::Model { id: 1, instance: instance.to_vec(), currency: configured, created_at: now.ms() };
    let opened = Account {
        posted: Money::ZERO,
        pending: Money::ZERO,
        state: AccountState::Active,
        last_seq: None,
        opened_at: now,
    };
    let accounts = AccountId::SYSTEM.map(|id| convert::account_row(id, &opened).into_active_model());
    let transaction = on.begin().await?;
    account::Entity::insert_many(accounts).exec_without_returning(&transaction).await?;
    bank::Entity::insert(bank.clone().into_active_model()).exec_without_returning(&transaction).await?;
    transaction.commit().await?;
    Ok(bank)
}
