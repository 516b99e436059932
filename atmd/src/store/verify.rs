//! History as it is stored, with the hashes beside it, for whoever recomputes them.
//!
//! Rows are read column by column. One that atmd cannot have written is a [`Fault`] of its own: its place can
//! be named, and those after it are looked at all the same. Pages leave the database as they are and are
//! taken apart by who checks them, so that one thread reads while another one checks.

use super::bounded::Bounded;
use super::entity::{account, audit, journal, seal};
use super::{Store, StoreError, convert};
use crate::ledger::book::Account;
use crate::ledger::entry::Entry;
use crate::ledger::request::{Audit, AuditDraft};
use crate::seal::Seal;
use atm_rpc::operator::Role;
use atm_rpc::types::account::AccountId;
use atm_rpc::types::time::{BusinessDate, Timestamp};
use sea_orm::sqlx::{Row, TypeInfo, ValueRef};
use sea_orm::{
    AccessMode, ColumnTrait, ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbBackend, DbErr,
    EntityTrait, ExprTrait, IsolationLevel, Order, PrimaryKeyToColumn, QueryFilter, QueryOrder, QueryResult,
    QuerySelect, QueryTrait, Statement, TransactionOptions, TryGetable,
};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// How long a server may take to look through all request keys.
const SCAN_TIME: Duration = Duration::from_secs(600);

/// Seals that are looked at for one that can be read.
const LAST_SEALS: u64 = 100;

/// A row as it is stored.
#[derive(Debug)]
pub struct Kept<T> {
    /// Its place in its table.
    pub place: i64,
    /// What it says; a fault where atmd cannot have written it.
    pub row: Result<T, Fault>,
    /// The hash beside it, of whatever length; empty where there is none that can be read.
    pub mac: Vec<u8>,
}

/// Why atmd cannot have written a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The column, where it is one alone.
    pub column: Option<&'static str>,
    /// What is wrong with it.
    pub what: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.column {
            Some(column) => write!(f, "{column}: {}", self.what),
            None => f.write_str(&self.what),
        }
    }
}

impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Self {
        Self { column: None, what: error.to_string() }
    }
}

/// Rows as the database gave them, in the order of their places.
#[derive(Debug)]
pub struct Page<T> {
    rows: Vec<QueryResult>,
    read: fn(&QueryResult) -> Kept<T>,
    last: Option<i64>,
}

impl<T> Page<T> {
    /// How many there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.rows.len()
    }

    /// The place of the last one.
    #[must_use]
    pub const fn last(&self) -> Option<i64> {
        self.last
    }

    /// The rows, each with its place.
    pub fn rows(self) -> impl Iterator<Item = Kept<T>> {
        let read = self.read;
        self.rows.into_iter().map(move |row| read(&row))
    }
}

/// Which rows of a table.
#[derive(Clone, Copy, Debug)]
pub struct Part {
    /// Those after this place; `None` from the very first one.
    pub after: Option<i64>,
    /// Those up to this place; `None` to the very last one.
    pub until: Option<i64>,
    /// So many at the most.
    pub count: u64,
}

/// A key under which more than one entry stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RepeatedKey {
    /// The first of them.
    pub first: i64,
    /// The last of them.
    pub last: i64,
}

/// Where rows are read: as they are at each page, or as they were at one moment.
#[derive(Debug)]
pub struct View {
    on: On,
}

#[derive(Debug)]
enum On {
    Live(Bounded<DatabaseConnection>),
    Snapshot(Bounded<DatabaseTransaction>),
}

impl Store {
    /// Rows as they are at each page. What is never changed once it is written needs no more.
    #[must_use]
    pub fn live(&self) -> View {
        View { on: On::Live(self.readers.clone()) }
    }

    /// Rows as they were when the first of them was read. To be [ended](View::end) soon: on SQLite the WAL grows
    /// as long as it lasts.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn snapshot(&self) -> Result<View, StoreError> {
        Ok(View { on: On::Snapshot(self.begin_snapshot().await?) })
    }

    /// A transaction that sees one moment and changes nothing.
    pub(super) async fn begin_snapshot(&self) -> Result<Bounded<DatabaseTransaction>, StoreError> {
        // SQLite knows no levels: a transaction that reads sees one moment.
        let server = self.engine.is_server();
        let options = TransactionOptions {
            isolation_level: server.then_some(IsolationLevel::RepeatableRead),
            access_mode: server.then_some(AccessMode::ReadOnly),
            ..TransactionOptions::default()
        };
        Ok(self.readers.begin(options).await?)
    }
}

impl View {
    /// The newest seal that can be read, of the newest `LAST_SEALS`.
    ///
    /// # Errors
    /// As every function here: [`StoreError`] where the table cannot be read.
    pub async fn last_seal(&self) -> Result<Option<Seal>, StoreError> {
        let query = seal::Entity::find().order_by_desc(seal::Column::Id).limit(LAST_SEALS);
        let rows = self.all(query.build(self.backend())).await?;
        Ok(rows.iter().find_map(|row| kept_seal(row).row.ok()))
    }

    /// Rows of a table: of entries, rows of the audit log, seals, or accounts, which have no hash.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn page<T: Stored>(&self, part: Part) -> Result<Page<T>, StoreError> {
        T::page(self, part).await
    }

    /// How many accounts there are.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn account_count(&self) -> Result<u64, StoreError> {
        let column = account::Column::Id;
        let query = account::Entity::find().select_only().column_as(column.count(), "count");
        let counted = self.all(query.build(self.backend())).await?;
        let count: i64 = counted.first().map_or(Ok(0), |row| row.try_get_by_index(0))?;
        Ok(u64::try_from(count).unwrap_or(0))
    }

    /// Request keys that stand at more than one entry, `count` of them at the most. The database finds them by
    /// its index, so that nobody has to keep them in memory.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn repeated_keys(&self, count: u64) -> Result<Vec<RepeatedKey>, StoreError> {
        let (seq, key) = (journal::Column::Seq, journal::Column::RequestKey);
        let query = journal::Entity::find()
            .select_only()
            .column_as(seq.min(), "first")
            .column_as(seq.max(), "last")
            .filter(key.is_not_null())
            .group_by(key)
            .having(seq.count().gt(1))
            .limit(count);
        let repeated = |row: &QueryResult| {
            Ok(RepeatedKey { first: row.try_get_by_index(0)?, last: row.try_get_by_index(1)? })
        };
        let statement = query.build(self.backend());
        // All keys are looked at: that takes longer than what others wait for.
        let rows = match &self.on {
            On::Live(connection) => {
                let limit = connection.limit.map(|_| SCAN_TIME);
                Bounded {
                    inner: connection.inner.clone(),
                    limit,
                    silent: None,
                    failures: Arc::clone(&connection.failures),
                }
                .query_all_raw(statement)
                .await?
            }
            On::Snapshot(transaction) => transaction.query_all_raw(statement).await?,
        };
        rows.iter().map(repeated).collect()
    }

    /// Ends it. Where it is just dropped, the database does so when the connection is used again.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn end(self) -> Result<(), StoreError> {
        match self.on {
            On::Live(_) => Ok(()),
            On::Snapshot(transaction) => Ok(transaction.rollback().await?),
        }
    }

    async fn rows<E, T>(
        &self,
        place: E::Column,
        part: Part,
        read: fn(&QueryResult) -> Kept<T>,
    ) -> Result<Page<T>, StoreError>
    where
        E: EntityTrait,
        E::PrimaryKey: PrimaryKeyToColumn<Column = E::Column>,
    {
        let mut query = E::find().order_by(place, Order::Asc).limit(part.count);
        if let Some(after) = part.after {
            query = query.filter(place.gt(after));
        }
        if let Some(until) = part.until {
            query = query.filter(place.lte(until));
        }
        let rows = self.all(query.build(self.backend())).await?;
        let last = rows.last().map(|row| row.try_get_by_index(0)).transpose()?;
        Ok(Page { rows, read, last })
    }

    fn backend(&self) -> DbBackend {
        match &self.on {
            On::Live(connection) => connection.get_database_backend(),
            On::Snapshot(transaction) => transaction.get_database_backend(),
        }
    }

    async fn all(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        match &self.on {
            On::Live(connection) => connection.query_all_raw(statement).await,
            On::Snapshot(transaction) => transaction.query_all_raw(statement).await,
        }
    }
}

/// What has a table that history is read from.
pub trait Stored: Sized + Send + 'static {
    /// Reads rows.
    fn page(view: &View, part: Part) -> impl Future<Output = Result<Page<Self>, StoreError>> + Send;
}

impl Stored for Entry {
    async fn page(view: &View, part: Part) -> Result<Page<Self>, StoreError> {
        view.rows::<journal::Entity, _>(journal::Column::Seq, part, kept_entry).await
    }
}

impl Stored for Audit {
    async fn page(view: &View, part: Part) -> Result<Page<Self>, StoreError> {
        view.rows::<audit::Entity, _>(audit::Column::Id, part, kept_audit).await
    }
}

impl Stored for Seal {
    async fn page(view: &View, part: Part) -> Result<Page<Self>, StoreError> {
        view.rows::<seal::Entity, _>(seal::Column::Id, part, kept_seal).await
    }
}

impl Stored for (AccountId, Account) {
    async fn page(view: &View, part: Part) -> Result<Page<Self>, StoreError> {
        view.rows::<account::Entity, _>(account::Column::Id, part, kept_account).await
    }
}

/// The columns of one row, taken in the order of the table.
struct Columns<'a> {
    row: &'a QueryResult,
    next: usize,
}

impl<'a> Columns<'a> {
    const fn of(row: &'a QueryResult) -> Self {
        Self { row, next: 0 }
    }

    fn take<T: TryGetable>(&mut self, column: &'static str) -> Result<T, Fault> {
        let index = self.next;
        self.next += 1;
        self.row.try_get_by_index(index).map_err(|error| fault(column, &error))
    }

    /// Bytes. SQLite keeps a text in any column and its driver reads one as bytes, but atmd writes none there.
    fn bytes<T: TryGetable>(&mut self, column: &'static str) -> Result<T, Fault> {
        if let Some(row) = self.row.try_as_sqlite_row()
            && row.try_get_raw(self.next).is_ok_and(|value| value.type_info().name() == "TEXT")
        {
            self.next += 1;
            return Err(Fault { column: Some(column), what: "a text where bytes must be".into() });
        }
        self.take(column)
    }
}

/// What the driver says, without the source of the driver.
fn fault(column: &'static str, error: &DbErr) -> Fault {
    let text = error.to_string();
    let what = text.split(": ").skip_while(|part| part.contains("rror")).collect::<Vec<_>>().join(": ");
    Fault { column: Some(column), what: if what.is_empty() { text } else { what } }
}

/// A row's place, hash and content, from its columns.
fn kept<T>(
    row: &QueryResult,
    mac: Option<usize>,
    read: impl FnOnce(&mut Columns<'_>) -> Result<T, Fault>,
) -> Kept<T> {
    let place = row.try_get_by_index(0).unwrap_or_default();
    let mac = mac.and_then(|index| row.try_get_by_index(index).ok()).unwrap_or_default();
    Kept { place, row: read(&mut Columns::of(row)), mac }
}

fn kept_entry(row: &QueryResult) -> Kept<Entry> {
    kept(row, Some(18), |columns| {
        let model = journal::Model {
            seq: columns.take("seq")?,
            recorded_at: columns.take("recorded_at")?,
            business_date: columns.take("business_date")?,
            action: columns.take("action")?,
            customer: columns.take("customer")?,
            amount_minor: columns.take("amount_minor")?,
            debit: columns.take("debit")?,
            credit: columns.take("credit")?,
            customer_balance_minor: columns.take("customer_balance_minor")?,
            vault_balance_minor: columns.take("vault_balance_minor")?,
            session: columns.take("session")?,
            session_started_at: columns.take("session_started_at")?,
            elapsed_ms: columns.take("elapsed_ms")?,
            terminal: columns.take("terminal")?,
            request_key: columns.bytes("request_key")?,
            payload_hash: columns.bytes("payload_hash")?,
            reverses: columns.take("reverses")?,
            prev_seq: columns.take("prev_seq")?,
            mac: columns.bytes("mac")?,
        };
        Ok(convert::entry(&model)?)
    })
}

fn kept_audit(row: &QueryResult) -> Kept<Audit> {
    kept(row, Some(12), |columns| {
        let id = columns.take("id")?;
        let at = Timestamp::from_ms(columns.take("at")?);
        let operator = columns.take("operator")?;
        let role: String = columns.take("role")?;
        let command = columns.take("command")?;
        let plugin =
            [columns.take("plugin")?, columns.take("plugin_version")?, columns.take("plugin_digest")?];
        let draft = AuditDraft {
            operator,
            role: role_named(&role)?,
            command,
            plugin: plugin_of(plugin)?,
            capabilities: columns.take("capabilities")?,
            method: columns.take::<String>("method")?.into(),
            arguments: columns.take("arguments")?,
        };
        let result = columns.take("result")?;
        columns.bytes::<Vec<u8>>("mac")?;
        Ok(Audit { id, at, draft, result })
    })
}

fn role_named(name: &str) -> Result<Role, Fault> {
    let roles = [Role::Viewer, Role::Operator, Role::Admin];
    let role = roles.into_iter().find(|role| role.name() == name);
    role.ok_or_else(|| Fault { column: Some("role"), what: "no role has this name".into() })
}

fn plugin_of(parts: [Option<String>; 3]) -> Result<Option<(String, String, String)>, Fault> {
    match parts {
        [Some(name), Some(version), Some(digest)] => Ok(Some((name, version, digest))),
        [None, None, None] => Ok(None),
        _ => Err(Fault { column: Some("plugin"), what: "a part of the plugin is missing".into() }),
    }
}

fn kept_seal(row: &QueryResult) -> Kept<Seal> {
    kept(row, Some(7), |columns| {
        let id = columns.take("id")?;
        let batch: Vec<u8> = columns.bytes("batch")?;
        let wrong = |_| Fault { column: Some("batch"), what: "not 16 bytes".into() };
        let seal = Seal {
            id,
            batch: batch.as_slice().try_into().map_err(wrong)?,
            sealed_at: Timestamp::from_ms(columns.take("sealed_at")?),
            business_date: BusinessDate::from_days(columns.take("business_date")?),
            last_seq: columns.take("last_seq")?,
            last_audit: columns.take("last_audit")?,
            vault_minor: columns.take("vault_balance_minor")?,
        };
        columns.bytes::<Vec<u8>>("mac")?;
        Ok(seal)
    })
}

fn kept_account(row: &QueryResult) -> Kept<(AccountId, Account)> {
    kept(row, None, |columns| {
        let model = account::Model {
            id: columns.take("id")?,
            posted_minor: columns.take("posted_minor")?,
            pending_minor: columns.take("pending_minor")?,
            state: columns.take("state")?,
            last_seq: columns.take("last_seq")?,
            opened_at: columns.take("opened_at")?,
        };
        Ok(convert::account(&model)?)
    })
}
