//! A bank's database by plain SQL: how to reach it, what differs between engines, and one transaction for each debit
//! and credit. Nothing of atmd's code is behind it.

use atm_tests::random::Random;
use atm_tests::servers::{Database, Engine};
use futures::future::join_all;
use sqlx::any::AnyConnectOptions;
use sqlx::{AnyConnection, AssertSqlSafe, ConnectOptions, Connection, Executor, Row};
use std::str::FromStr;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Amount of each deposit, in minor units.
pub(crate) const AMOUNT: i64 = 12_300;
/// The vault's account.
pub(crate) const VAULT: i64 = 1;

/// How an engine writes what differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// Embedded: one lock for all of the file.
    Sqlite,
    /// `?` as SQLite, and an upsert of its own.
    MariaDb,
    /// `$1`.
    PostgreSql,
}

/// Where a bank is stored. Nobody else writes to it meanwhile.
#[derive(Clone, Debug)]
pub(crate) struct Bank {
    pub(crate) url: String,
    pub(crate) dialect: Dialect,
    /// Sessions with their customers.
    pub(crate) sessions: Arc<[(i64, i64)]>,
}

impl Dialect {
    pub(crate) const fn of(engine: Engine) -> Self {
        match engine {
            Engine::Sqlite => Self::Sqlite,
            Engine::MariaDb => Self::MariaDb,
            Engine::PostgreSql => Self::PostgreSql,
        }
    }

    /// The n-th parameter, from 1.
    pub(crate) fn parameter(self, n: usize) -> String {
        if self == Self::PostgreSql { format!("${n}") } else { "?".to_owned() }
    }

    fn settings(self) -> &'static [&'static str] {
        match self {
            // As atmd has them.
            Self::Sqlite => &[
                "PRAGMA journal_mode = WAL",
                "PRAGMA synchronous = FULL",
                "PRAGMA wal_autocheckpoint = 20000",
                "PRAGMA cache_size = -65536",
            ],
            Self::MariaDb => &["SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED"],
            Self::PostgreSql => &[],
        }
    }

    pub(crate) const fn begin(self) -> &'static str {
        match self {
            Self::Sqlite => "BEGIN IMMEDIATE",
            Self::MariaDb | Self::PostgreSql => "BEGIN",
        }
    }
}

/// Where plain SQL reaches a database on a server: encrypted, as atmd's connection is.
pub(crate) fn on_server(database: &Database) -> String {
    let (name, password, address) = (database.name(), database.password(), database.address());
    match Dialect::of(database.engine()) {
        Dialect::MariaDb => format!("mysql://{name}:{password}@{address}/{name}?ssl-mode=REQUIRED"),
        _ => format!("postgres://{name}:{password}@{address}/{name}?sslmode=require"),
    }
}

impl Bank {
    /// One that has customers with sessions.
    pub(crate) async fn find(url: String, dialect: Dialect) -> Self {
        sqlx::any::install_default_drivers();
        let mut connection = connect(&url, dialect).await;
        let history = "CREATE TABLE IF NOT EXISTS raw_history (account bigint, amount bigint, at bigint)";
        connection.execute(history).await.expect("a table can be made");
        let rows = connection.fetch_all("SELECT id, account FROM session").await.expect("there are sessions");
        let sessions = rows.iter().map(|row| (row.get(0), row.get(1))).collect();
        connection.close().await.expect("the connection ends");
        Self { url, dialect, sessions }
    }

    pub(crate) async fn connect(&self) -> AnyConnection {
        connect(&self.url, self.dialect).await
    }

    /// Deposits of one transaction each, from so many connections, for some time: deposits a second.
    pub(crate) async fn singles(&self, connections: u32, length: Duration) -> f64 {
        let connected = join_all((0..connections).map(|_| self.connect())).await;
        let begun = Instant::now();
        let working = connected.into_iter().zip(0..).map(|(mut connection, seed)| {
            let bank = self.clone();
            tokio::spawn(async move {
                let mut random = Random::new(seed);
                let mut done = 0_u32;
                while begun.elapsed() < length {
                    bank.single(&mut connection, &mut random).await;
                    done += 1;
                }
                connection.close().await.expect("the connection ends");
                done
            })
        });
        let done: u32 = join_all(working).await.into_iter().map(|task| task.expect("it goes on")).sum();
        f64::from(done) / begun.elapsed().as_secs_f64()
    }

    /// The customer's balance, the bank's, and a line of history.
    async fn single(&self, connection: &mut AnyConnection, random: &mut Random) {
        let (_, account) = self.chosen(random);
        let [one, two, three] = [1, 2, 3].map(|n| self.dialect.parameter(n));
        connection.execute(self.dialect.begin()).await.expect("a transaction begins");
        let text = format!("UPDATE account SET posted_minor = posted_minor + {one} WHERE id = {two}");
        let text: Arc<str> = text.into();
        for id in [account, VAULT] {
            let update = sqlx::query(AssertSqlSafe(Arc::clone(&text))).bind(AMOUNT).bind(id);
            let written = update.execute(&mut *connection).await.expect("a balance is written");
            assert_eq!(written.rows_affected(), 1);
        }
        let text = format!("INSERT INTO raw_history (account, amount, at) VALUES ({one}, {two}, {three})");
        let insert = sqlx::query(AssertSqlSafe(text)).bind(account).bind(AMOUNT).bind(1_i64);
        insert.execute(&mut *connection).await.expect("history is written");
        connection.execute("COMMIT").await.expect("a transaction is committed");
    }

    /// A random session and its customer.
    pub(crate) fn chosen(&self, random: &mut Random) -> (i64, i64) {
        let count = u64::try_from(self.sessions.len()).expect("a count fits");
        let index = usize::try_from(random.below(count)).expect("an index fits");
        self.sessions[index]
    }
}

async fn connect(url: &str, dialect: Dialect) -> AnyConnection {
    let options = AnyConnectOptions::from_str(url).expect("this is an address").disable_statement_logging();
    let mut connection = AnyConnection::connect_with(&options).await.expect("the database is there");
    for setting in dialect.settings() {
        connection.execute(*setting).await.expect("the database takes its settings");
    }
    connection
}
