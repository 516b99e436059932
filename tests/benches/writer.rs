//! The writer alone, on each database: movements of random customers out of many, beside the same statements as plain
//! SQL and beside a transaction for each debit and credit, on the same data.
#![expect(
    clippy::expect_used,
    clippy::disallowed_methods,
    reason = "a benchmark that cannot go on ends, and measures"
)]

#[path = "raw/bank.rs"]
mod bank;
#[path = "raw/batch.rs"]
mod batch;

use atm_tests::daemon::Options;
use atm_tests::figures::{self, Figure, times};
use atm_tests::office::Office;
use atm_tests::servers::{Engine, Server};
use bank::{Bank, Dialect};
use batch::Committer;
use tempfile::TempDir;
use tokio::runtime::Runtime;

const CUSTOMERS: u32 = 100_000;
const IN_FLIGHT: [u32; 5] = [1, 16, 64, 256, 1_024];
/// Connections that debit and credit in transactions of their own. SQLite lets one write at a time.
const SINGLE_CONNECTIONS: u32 = 64;

#[derive(Default)]
struct Row {
    rate: Figure,
    median_us: Figure,
    p99_us: Figure,
    processor_us: Figure,
    raw: Figure,
}

fn main() {
    let runtime = Runtime::new().expect("there are threads");
    // `cargo bench --bench writer -- MariaDb` measures that one alone.
    let wanted: Vec<String> = std::env::args().skip(1).filter(|name| !name.starts_with('-')).collect();
    let is_wanted = |engine: &Engine| wanted.is_empty() || wanted.contains(&format!("{engine:?}"));
    for engine in [Engine::Sqlite, Engine::MariaDb, Engine::PostgreSql].into_iter().filter(is_wanted) {
        let server = match engine {
            Engine::Sqlite => None,
            // Memory as for a server that has work to do.
            Engine::MariaDb => {
                Server::start_with(engine, &["innodb_buffer_pool_size=512M", "innodb_log_file_size=512M"])
            }
            Engine::PostgreSql => Server::start_with(engine, &["shared_buffers=512MB", "max_wal_size=2GB"]),
        };
        if engine == Engine::Sqlite || server.is_some() {
            runtime.block_on(measure(engine, server.as_ref()));
        }
    }
}

/// The writer first and its peers after it, on one database.
async fn measure(engine: Engine, server: Option<&Server>) {
    let mut rows: [Row; IN_FLIGHT.len()] = Default::default();
    let mut singles = Figure::default();
    let folder = TempDir::with_prefix("writer-bench-").expect("a temporary folder can be made");
    let data = folder.path().to_str().expect("temporary folders have names in UTF-8");
    let options = Options::default().set("server.data_dir", data);
    let database = server.map(Server::database);
    let config = database.as_ref().map_or(options.clone(), |database| database.options(&options)).config();
    let office = Office::open(folder.path(), &config, CUSTOMERS).await;
    for _ in 0..figures::repeats() {
        for (in_flight, row) in IN_FLIGHT.into_iter().zip(rows.iter_mut()) {
            let counted = office.movements(in_flight, figures::duration()).await;
            row.rate.add(counted.rate);
            row.median_us.add(counted.median.as_secs_f64() * 1e6);
            row.p99_us.add(counted.p99.as_secs_f64() * 1e6);
            row.processor_us.add(counted.processor.as_secs_f64() * 1e6);
        }
    }
    office.close().await;
    let embedded = || format!("sqlite://{}", config.database.path.display());
    let url = database.as_ref().map_or_else(embedded, bank::on_server);
    let connections = if engine == Engine::Sqlite { 1 } else { SINGLE_CONNECTIONS };
    let bank = Bank::find(url, Dialect::of(engine)).await;
    for _ in 0..figures::repeats() {
        let mut committer = Committer::connect(&bank).await;
        for (in_flight, row) in IN_FLIGHT.into_iter().zip(rows.iter_mut()) {
            let width = usize::try_from(in_flight).expect("a width fits");
            row.raw.add(committer.batches(width, figures::duration()).await);
        }
        committer.close().await;
        singles.add(bank.singles(connections, figures::duration()).await);
    }
    report(engine, connections, &rows, &singles);
}

fn report(engine: Engine, connections: u32, rows: &[Row], singles: &Figure) {
    let note = format!(
        "Deposits and withdrawals of random customers out of {}, in process, without sessions over TLS. Plain SQL writes \
         the same rows by the same statements, one transaction for as many deposits, from one connection. One \
         transaction for each debit and credit, {connections} at once, makes {singles} a second.",
        figures::count(CUSTOMERS)
    );
    let columns = [
        "in flight",
        "writer, a second",
        "plain SQL, a second",
        "writer / plain",
        "writer / single",
        "median µs",
        "p99 µs",
        "processor, µs each",
    ];
    figures::table(&format!("The writer alone: {engine:?}"), &note, &columns);
    for (in_flight, row) in IN_FLIGHT.into_iter().zip(rows) {
        figures::row(&[
            figures::count(in_flight),
            row.rate.to_string(),
            row.raw.to_string(),
            times(row.rate.ratio(&row.raw)),
            times(row.rate.ratio(singles)),
            row.median_us.to_string(),
            row.p99_us.to_string(),
            row.processor_us.to_string(),
        ]);
    }
}
