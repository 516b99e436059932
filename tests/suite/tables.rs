//! All that is in a bank's database, row by row, so that a test can tell whether something changed.

use atm_tests::daemon::Atmd;
use atm_tests::wait::PATIENCE;
use sqlx::{Connection, Row, SqliteConnection};
use std::collections::BTreeMap;
use std::time::Instant;

/// The audit log, and the seals that are over its rows, too.
const LOG: [&str; 2] = ["audit", "seal"];

/// Rows by table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Tables(BTreeMap<String, Vec<String>>);

impl Tables {
    /// What there is now that atmd has written all that follows from what it was asked so far.
    pub(crate) async fn at_rest(atmd: &Atmd) -> Self {
        let begun = Instant::now();
        loop {
            let tables = Self::read(atmd).await;
            if tables.is_followed() {
                return tables;
            }
            assert!(begun.elapsed() < PATIENCE, "the ledgers do not follow: {tables:?}");
            tokio::task::yield_now().await;
        }
    }

    async fn read(atmd: &Atmd) -> Self {
        let url = format!("sqlite://{}?mode=ro", atmd.config().database.path.display());
        let mut connection = SqliteConnection::connect(&url).await.unwrap();
        let mut transaction = connection.begin().await.unwrap();
        let names = "SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name";
        let names = sqlx::query_scalar::<_, String>(names).fetch_all(&mut *transaction).await.unwrap();
        let mut tables = BTreeMap::new();
        for name in names {
            let columns =
                sqlx::query_scalar::<_, String>("SELECT name FROM pragma_table_info(?)").bind(&name);
            let columns = columns.fetch_all(&mut *transaction).await.unwrap();
            let quoted: Vec<String> = columns.iter().map(|column| format!("quote(\"{column}\")")).collect();
            let sql = format!("SELECT {} AS row FROM \"{name}\" ORDER BY 1", quoted.join(" || ' ' || "));
            let rows = sqlx::query(sqlx::AssertSqlSafe(sql)).fetch_all(&mut *transaction).await.unwrap();
            tables.insert(name, rows.iter().map(|row| row.get::<String, _>("row")).collect());
        }
        drop(transaction);
        connection.close().await.unwrap();
        Self(tables)
    }

    /// Whether each derived file has all of the journal: nothing more is written by itself then.
    fn is_followed(&self) -> bool {
        let next = self.0["journal"].len() + 1;
        let checkpoints = &self.0["checkpoint"];
        !checkpoints.is_empty()
            && checkpoints.iter().all(|row| row.split(' ').nth(2) == Some(&next.to_string()))
    }

    /// The same without the audit log.
    pub(crate) fn without_log(mut self) -> Self {
        self.0.retain(|name, _| !LOG.contains(&name.as_str()));
        self
    }

    /// Names of tables.
    pub(crate) fn names(&self) -> Vec<&str> {
        self.0.keys().map(String::as_str).collect()
    }
}
