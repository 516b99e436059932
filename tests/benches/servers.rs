//! Deposits over TLS with the real atmd on a database server, beside a transaction for each debit and credit on the
//! same server in the same run.
#![expect(
    clippy::expect_used,
    clippy::disallowed_methods,
    reason = "a benchmark that cannot go on ends, and measures"
)]

#[path = "raw/bank.rs"]
mod bank;

use atm_tests::daemon::{Atmd, Options};
use atm_tests::figures::{self, Figure, times};
use atm_tests::load;
use atm_tests::servers::{Engine, Server};
use bank::{Bank, Dialect};
use tokio::runtime::Runtime;

const SESSIONS: u32 = 64;

#[derive(Default)]
struct Row {
    rate: Figure,
    median_us: Figure,
    p99_us: Figure,
    single: Figure,
}

fn main() {
    let runtime = Runtime::new().expect("there are threads");
    let note = format!(
        "Deposits of {SESSIONS} sessions over TLS. Beside them one transaction for each debit and credit on the same \
         server and tables, from {SESSIONS} connections."
    );
    let columns =
        ["server", "deposits a second", "single, a second", "beside single", "target", "median µs", "p99 µs"];
    figures::table("End to end on database servers", &note, &columns);
    for engine in [Engine::MariaDb, Engine::PostgreSql] {
        let settings: &[&str] = match engine {
            Engine::MariaDb => &["innodb_buffer_pool_size=512M", "innodb_log_file_size=512M"],
            _ => &["shared_buffers=512MB", "max_wal_size=2GB"],
        };
        let Some(server) = Server::start_with(engine, settings) else { continue };
        let mut row = Row::default();
        for _ in 0..figures::repeats() {
            runtime.block_on(measure(engine, &server, &mut row));
        }
        figures::row(&[
            format!("{engine:?}"),
            row.rate.to_string(),
            row.single.to_string(),
            times(row.rate.ratio(&row.single)),
            "4x, further 8x".to_owned(),
            row.median_us.to_string(),
            row.p99_us.to_string(),
        ]);
    }
}

/// A new bank each time.
async fn measure(engine: Engine, server: &Server, row: &mut Row) {
    let database = server.database();
    let options = database.options(&Options::default().set("limits.idle_timeout", "1h"));
    let atmd = Atmd::start(&options);
    let sessions = load::sessions(&atmd, 0, SESSIONS).await;
    let (_, counted) = load::deposits(&atmd, sessions, figures::duration()).await;
    drop(atmd);
    row.rate.add(counted.rate);
    row.median_us.add(counted.median.as_secs_f64() * 1e6);
    row.p99_us.add(counted.p99.as_secs_f64() * 1e6);
    let bank = Bank::find(bank::on_server(&database), Dialect::of(engine)).await;
    row.single.add(bank.singles(SESSIONS, figures::duration()).await);
}
