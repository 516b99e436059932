//! The peer of the writer: the statements that atmd's batch is made of, on the same tables and rows, as plain
//! SQL text with no code of atmd's behind it. Rows are not sealed, nothing is decided, and no text is made twice.

use crate::bank::{AMOUNT, Bank, Dialect, VAULT};
use atm_rpc::types::key::RequestKey;
use atm_tests::random::Random;
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, AssertSqlSafe, Connection, Executor, Row};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Columns of an entry of the journal.
const JOURNAL: &str = "seq, recorded_at, business_date, action, customer, amount_minor, debit, credit, \
    customer_balance_minor, vault_balance_minor, session, session_started_at, elapsed_ms, terminal, request_key, \
    payload_hash, reverses, prev_seq, mac";
const JOURNAL_COLUMNS: usize = 19;
const ACCOUNT: &str = "id, posted_minor, pending_minor, state, last_seq, opened_at";
const ACCOUNT_COLUMNS: usize = 6;
const SESSION: &str =
    "id, account, token_hash, attachment, terminal, started_at, seen_at, ended_at, end_reason";
/// A deposit's code in the journal.
const DEPOSIT: i32 = 5;

/// Entries are of this instant, in milliseconds since 1970.
const NOW_MS: i64 = 1_795_000_000_000;

/// One connection that writes.
pub(crate) struct Committer {
    bank: Bank,
    connection: AnyConnection,
    random: Random,
}

/// Statements for so many rows.
struct Texts {
    width: usize,
    sessions: Arc<str>,
    accounts: Arc<str>,
    blacklist: Arc<str>,
    journal: Arc<str>,
    rejections: Arc<str>,
    insert: Arc<str>,
    upsert: Arc<str>,
}

impl Committer {
    pub(crate) async fn connect(bank: &Bank) -> Self {
        Self { bank: bank.clone(), connection: bank.connect().await, random: Random::new(7) }
    }

    /// Batches of so many deposits, one transaction each, for some time: deposits a second.
    pub(crate) async fn batches(&mut self, width: usize, length: Duration) -> f64 {
        let texts = Texts::new(width, self.bank.dialect);
        // The first has its statements planned.
        self.batch(&texts).await;
        let begun = Instant::now();
        let mut done = 0_u32;
        while begun.elapsed() < length {
            done += self.batch(&texts).await;
        }
        f64::from(done) / begun.elapsed().as_secs_f64()
    }

    async fn begin(&mut self) {
        self.connection.execute(self.bank.dialect.begin()).await.expect("a transaction begins");
        if self.bank.dialect != Dialect::Sqlite {
            // SQLite has one lock for all of the file.
            let lock = "SELECT id FROM bank WHERE id = 1 FOR UPDATE";
            self.connection.execute(lock).await.expect("the bank's row is locked");
        }
    }

    async fn commit(&mut self) {
        self.connection.execute("COMMIT").await.expect("a transaction is committed");
    }

    /// Customers of a batch, each once, by the order of their sessions.
    fn chosen(&mut self, width: usize) -> Vec<(i64, i64)> {
        let mut chosen = BTreeSet::new();
        while chosen.len() < width {
            chosen.insert(self.bank.chosen(&mut self.random));
        }
        chosen.into_iter().collect()
    }

    async fn batch(&mut self, texts: &Texts) -> u32 {
        let chosen = self.chosen(texts.width);
        let keys: Vec<RequestKey> = chosen.iter().map(|_| RequestKey::generate()).collect();
        self.begin().await;
        let last = "SELECT id, last_seq, last_audit, vault_balance_minor, business_date, mac FROM seal \
                    ORDER BY id DESC LIMIT 1";
        let seal = self.connection.fetch_one(last).await.expect("there is a seal");
        let ids = chosen.iter().map(|(session, _)| *session);
        let started = self.rows(&texts.sessions, ids).await;
        let accounts = self.rows(&texts.accounts, chosen.iter().map(|(_, account)| *account)).await;
        self.rows(&texts.blacklist, chosen.iter().map(|(_, account)| *account)).await;
        self.rows(&texts.journal, keys.iter().map(|key| key.bytes().to_vec())).await;
        self.rows(&texts.rejections, keys.iter().map(|key| key.bytes().to_vec())).await;
        assert_eq!((started.len(), accounts.len()), (chosen.len(), chosen.len()), "every customer was found");
        self.insert(texts, &seal, &accounts, &keys).await;
        self.upsert(texts, &seal, &accounts).await;
        self.seal(&seal, chosen.len()).await;
        self.commit().await;
        u32::try_from(chosen.len()).expect("a count fits")
    }

    async fn rows<'q, T>(&mut self, text: &Arc<str>, values: impl Iterator<Item = T>) -> Vec<AnyRow>
    where
        T: sqlx::Encode<'q, sqlx::Any> + sqlx::Type<sqlx::Any> + Send + 'q,
    {
        let mut query = sqlx::query(AssertSqlSafe(Arc::clone(text)));
        for value in values {
            query = query.bind(value);
        }
        query.fetch_all(&mut self.connection).await.expect("rows are read")
    }

    async fn insert(&mut self, texts: &Texts, seal: &AnyRow, accounts: &[AnyRow], keys: &[RequestKey]) {
        let (mut seq, mut vault): (i64, i64) = (seal.get(1), seal.get(3));
        let mut query = sqlx::query(AssertSqlSafe(Arc::clone(&texts.insert)));
        for (account, key) in accounts.iter().zip(keys) {
            seq += 1;
            vault += AMOUNT;
            let (id, posted): (i64, i64) = (account.get(0), account.get(1));
            let previous: Option<i64> = account.get(4);
            query = query
                .bind(seq)
                .bind(NOW_MS)
                .bind(20_000_i32)
                .bind(DEPOSIT)
                .bind(id)
                .bind(AMOUNT)
                .bind(VAULT)
                .bind(id)
                .bind(posted + AMOUNT)
                .bind(vault)
                .bind(1_i64)
                .bind(NOW_MS)
                .bind(1_000_i64)
                .bind("ATM-0001")
                .bind(key.bytes().to_vec())
                .bind(vec![7_u8; 16])
                .bind(None::<i64>)
                .bind(previous)
                .bind(vec![0_u8; 16]);
        }
        query.execute(&mut self.connection).await.expect("entries are written");
    }

    async fn upsert(&mut self, texts: &Texts, seal: &AnyRow, accounts: &[AnyRow]) {
        let mut seq: i64 = seal.get(1);
        let mut query = sqlx::query(AssertSqlSafe(Arc::clone(&texts.upsert)));
        for account in accounts {
            seq += 1;
            let (id, posted): (i64, i64) = (account.get(0), account.get(1));
            query = query.bind(id).bind(posted + AMOUNT).bind(0_i64).bind(0_i32).bind(seq).bind(NOW_MS);
        }
        query.execute(&mut self.connection).await.expect("balances are written");
    }

    async fn seal(&mut self, last: &AnyRow, count: usize) {
        let count = i64::try_from(count).expect("a count fits");
        let text = format!(
            "INSERT INTO seal (id, batch, sealed_at, business_date, last_seq, last_audit, vault_balance_minor, mac) \
             VALUES {}",
            groups(1, 8, self.bank.dialect)
        );
        let query = sqlx::query(AssertSqlSafe(text))
            .bind(last.get::<i64, _>(0) + 1)
            .bind(RequestKey::generate().bytes().to_vec())
            .bind(NOW_MS)
            .bind(20_000_i32)
            .bind(last.get::<i64, _>(1) + count)
            .bind(last.get::<i64, _>(2))
            .bind(last.get::<i64, _>(3) + count * AMOUNT)
            .bind(vec![0_u8; 32]);
        query.execute(&mut self.connection).await.expect("the seal is written");
    }

    /// Disconnects.
    pub(crate) async fn close(self) {
        self.connection.close().await.expect("the connection ends");
    }
}

impl Texts {
    fn new(width: usize, dialect: Dialect) -> Self {
        let list = groups(1, width, dialect);
        let select = |columns: &str, table: &str, key: &str| -> Arc<str> {
            format!("SELECT {columns} FROM {table} WHERE {key} IN {list}").into()
        };
        let columns = ACCOUNT.split(", ").skip(1);
        let (on_conflict, new): (&str, fn(&str) -> String) = match dialect {
            Dialect::MariaDb => ("ON DUPLICATE KEY UPDATE", |column| format!("{column} = VALUES({column})")),
            _ => ("ON CONFLICT (id) DO UPDATE SET", |column| format!("{column} = excluded.{column}")),
        };
        let replace = columns.map(new).collect::<Vec<_>>().join(", ");
        let entries = groups(width, JOURNAL_COLUMNS, dialect);
        let accounts = groups(width, ACCOUNT_COLUMNS, dialect);
        Self {
            width,
            sessions: select(SESSION, "session", "id"),
            accounts: select(ACCOUNT, "account", "id"),
            blacklist: select("number, id, reason, actor, since, until", "blacklist", "number"),
            journal: select(JOURNAL, "journal", "request_key"),
            rejections: select(
                "request_key, account, payload_hash, body, recorded_at",
                "rejection",
                "request_key",
            ),
            insert: format!("INSERT INTO journal ({JOURNAL}) VALUES {entries}").into(),
            upsert: format!("INSERT INTO account ({ACCOUNT}) VALUES {accounts} {on_conflict} {replace}")
                .into(),
        }
    }
}

/// So many groups of so many parameters: `(?, ?), (?, ?)`.
fn groups(count: usize, width: usize, dialect: Dialect) -> String {
    let group = |group: usize| {
        let parameters: Vec<String> =
            (0..width).map(|at| dialect.parameter(group * width + at + 1)).collect();
        format!("({})", parameters.join(", "))
    };
    (0..count).map(group).collect::<Vec<_>>().join(", ")
}
