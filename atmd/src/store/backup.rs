//! The bank as it is at one moment, as a file of SQLite, whatever stores it; and such a file as the bank of a database
//! that has none.
//!
//! SQLite copies itself. Of a server all rows are read in one snapshot, by pages. So a backup has one form, and may
//! come back on another engine than it was taken from.

use super::engine::Engine;
use super::entity::{
    account, audit, bank, blacklist, blacklist_event, certificate, checkpoint, credential, journal, operator,
    rejection, reset_code, seal, session,
};
use super::open::{bring_up_to_date, check_currency, exists, first_connection, stored_bank};
use super::{OpenError, SealHead, Store, StoreError, convert, load, sqlite};
use crate::config::Config;
use crate::jobs::Job;
use atm_rpc::operator::ledger::Phase;
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, DbErr, EntityTrait, IntoActiveModel, Iterable, ModelTrait,
    PrimaryKeyToColumn, QueryFilter, QueryOrder, QuerySelect, TransactionOptions,
};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::sleep;

/// Rows that are copied at a time. Times the columns of the journal, below what a statement may have of values.
const PAGE: u64 = 1_000;
/// How often it is looked how long SQLite's copy is.
const LOOK: Duration = Duration::from_millis(200);

/// How far the history of a copy goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Copied {
    /// The last entry.
    pub last_seq: i64,
    /// The last seal.
    pub head: SealHead,
}

impl Store {
    /// Copies the bank as it is at one moment to a file that is not there yet. Nobody waits for it.
    ///
    /// # Errors
    /// [`StoreError`], also where the job is asked to end. What the file has then is of no use.
    pub async fn copy_to(&self, path: &Path, job: &Arc<Job>) -> Result<Copied, StoreError> {
        sqlite::create_private(path).map_err(|error| StoreError::unwritable(&error))?;
        match &self.engine {
            Engine::Sqlite(from) => {
                let length = |path: &Path| path.metadata().map_or(0, |metadata| metadata.len());
                job.enter(Phase::Copying, length(from));
                let mut copying = Box::pin(sqlite::copy(from, path, Arc::clone(job)));
                loop {
                    tokio::select! {
                        copied = &mut copying => break copied?,
                        () = sleep(LOOK) => job.reach(length(path)),
                    }
                }
            }
            Engine::Mysql(_) | Engine::Postgresql(_) => {
                let from = self.begin_snapshot().await?;
                let last = load::head(&from).await?.0.seq;
                job.enter(Phase::History, u64::try_from(last).unwrap_or(0));
                let to = sqlite::scratch(path).await?;
                bring_up_to_date(&to).await.map_err(|error| StoreError::unwritable(&error))?;
                copy_rows(&from, &to, &|entries| job.advance(entries)).await?;
                from.rollback().await?;
                to.close().await?;
            }
        }
        let copy = sqlite::scratch(path).await?;
        let (head, seal) = load::head(&copy).await?;
        copy.close().await?;
        Ok(Copied { last_seq: head.seq, head: seal })
    }
}

/// Makes a copied bank the one of a database that has none: all of it, or nothing. Gives the last entry. The caller
/// holds the data directory's lock.
///
/// # Errors
/// [`OpenError`].
pub async fn fill(config: &Config, file: &Path) -> Result<i64, OpenError> {
    let unreadable = |source| OpenError::File { path: file.to_owned(), source };
    fs::metadata(file).map_err(unreadable)?;
    let engine = Engine::of(config);
    if exists(config).await? {
        let text = "the database has a bank already, and a backup goes into one that has none: name another \
                    database, or move that bank away, with the files beside it that begin with its name";
        return Err(OpenError::Unfit(text.to_owned()));
    }
    if let Engine::Sqlite(path) = &engine {
        check_alone(path)?;
    }
    let from = first_connection(&Engine::Sqlite(file.to_owned())).await?;
    // It may be of an older version.
    bring_up_to_date(&from).await?;
    let bank = stored_bank(&from).await?.ok_or_else(|| convert::corrupt("bank"))?;
    check_currency(&bank, config)?;
    let last = load::head(&from).await?.0.seq;
    if let Engine::Sqlite(path) = &engine {
        from.close().await?;
        put_in_place(file, path).map_err(|source| OpenError::File { path: path.clone(), source })?;
        return Ok(last);
    }
    let to = first_connection(&engine).await?;
    bring_up_to_date(&to).await?;
    let transaction = to.begin(TransactionOptions::default()).await?;
    copy_rows(&from, &transaction, &|_| ()).await?;
    transaction.commit().await?;
    to.close().await?;
    from.close().await?;
    Ok(last)
}

/// What an ended SQLite wrote ahead for a database belongs to that one alone: another one in its place would get the old
/// one's pages.
///
/// # Errors
/// [`OpenError::Unfit`] where there is something of the kind.
pub fn check_alone(path: &Path) -> Result<(), OpenError> {
    let beside = ["-wal", "-journal"].map(|suffix| {
        let mut name = path.as_os_str().to_owned();
        name.push(suffix);
        PathBuf::from(name)
    });
    match beside.into_iter().find(|path| path.exists()) {
        None => Ok(()),
        Some(left) => Err(OpenError::Unfit(format!(
            "{} is left of a bank that was here, and would damage the restored one: move it to where its database is",
            left.display()
        ))),
    }
}

/// A copy beside the file it becomes, which is there whole or not at all.
fn put_in_place(file: &Path, path: &Path) -> std::io::Result<()> {
    let mut unfinished = path.as_os_str().to_owned();
    unfinished.push(".unfinished");
    let unfinished = Path::new(&unfinished);
    // The mode comes along.
    fs::copy(file, unfinished)?;
    File::open(unfinished)?.sync_all()?;
    fs::rename(unfinished, path)?;
    crate::files::sync_folder_of(path)
}

macro_rules! tables {
    ($($table:ident),+ $(,)?) => {
        /// Copies every row of every table. The bank's own comes last: without it there is no bank.
        pub(super) async fn copy_rows(
            from: &impl ConnectionTrait,
            to: &impl ConnectionTrait,
            entries: &(impl Fn(u64) + Sync),
        ) -> Result<(), DbErr> {
            $(
                let journal = stringify!($table) == "journal";
                copy_table::<$table::Entity>(from, to, &|rows| if journal { entries(rows) }).await?;
            )+
            Ok(())
        }

        #[cfg(test)]
        pub(super) const TABLES: &[&str] = &[$(stringify!($table)),+];
    };
}

tables! {
    account, audit, blacklist, blacklist_event, certificate, checkpoint, credential, journal, operator, rejection,
    reset_code, seal, session, bank,
}

async fn copy_table<E>(
    from: &impl ConnectionTrait,
    to: &impl ConnectionTrait,
    copied: &(impl Fn(u64) + Sync),
) -> Result<(), DbErr>
where
    E: EntityTrait,
    E::Model: IntoActiveModel<E::ActiveModel> + ModelTrait<Entity = E> + Send + Sync,
    E::ActiveModel: Send,
    E::PrimaryKey: PrimaryKeyToColumn<Column = E::Column>,
{
    let key: Vec<E::Column> = E::PrimaryKey::iter().map(PrimaryKeyToColumn::into_column).collect();
    let mut last: Option<E::Model> = None;
    loop {
        let mut query = E::find().limit(PAGE);
        for column in &key {
            query = query.order_by_asc(*column);
        }
        if let Some(last) = &last {
            query = query.filter(after::<E>(&key, last));
        }
        let rows = query.all(from).await?;
        let count = u64::try_from(rows.len()).unwrap_or(PAGE);
        last = rows.last().cloned();
        if last.is_none() {
            return Ok(());
        }
        let rows = rows.into_iter().map(IntoActiveModel::into_active_model);
        E::insert_many(rows).exec_without_returning(to).await?;
        copied(count);
    }
}

/// Rows whose key is greater, of however many columns it is made.
fn after<E: EntityTrait>(key: &[E::Column], last: &E::Model) -> Condition
where
    E::Model: ModelTrait<Entity = E>,
{
    let greater = key.iter().enumerate().map(|(place, column)| {
        let same = key.iter().take(place).map(|column| column.eq(last.get(*column)));
        same.fold(Condition::all(), Condition::add).add(column.gt(last.get(*column)))
    });
    greater.fold(Condition::any(), Condition::add)
}
