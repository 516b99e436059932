//! The writer alone: movements of random customers out of many, beside the same statements as plain SQL and beside
//! a transaction for each movement, on the same database.
#![expect(
    clippy::expect_used,
    clippy::disallowed_methods,
    reason = "a benchmark that cannot go on ends, and measures"
)]

mod raw;

use atm_tests::books;
use atm_tests::figures::{self, Figure, number, times};
use atm_tests::office::Office;
use raw::{Dialect, Raw};
use tempfile::TempDir;
use tokio::runtime::Runtime;

const CUSTOMERS: u32 = 100_000;
const IN_FLIGHT: [u32; 5] = [1, 16, 64, 256, 1_024];

#[derive(Default)]
struct Row {
    rate: Figure,
    median_us: Figure,
    p99_us: Figure,
    raw: Figure,
}

fn main() {
    let runtime = Runtime::new().expect("there are threads");
    let mut rows: [Row; IN_FLIGHT.len()] = Default::default();
    let mut singles = Figure::default();
    runtime.block_on(measure(&mut rows, &mut singles));
    let note = format!(
        "Deposits and withdrawals of random customers out of {}, in process, without connections; SQLite. Beside it the \
         same rows by the same statements in plain SQL, one transaction for as many deposits, from one connection. One \
         transaction for each debit and credit makes {singles} a second.",
        number(f64::from(CUSTOMERS))
    );
    let columns = [
        "in flight",
        "writer, a second",
        "plain SQL",
        "writer / plain",
        "beside single",
        "median µs",
        "p99 µs",
    ];
    figures::table("The writer alone: SQLite", &note, &columns);
    for (in_flight, row) in IN_FLIGHT.into_iter().zip(&rows) {
        figures::row(&[
            number(f64::from(in_flight)),
            row.rate.to_string(),
            row.raw.to_string(),
            times(row.rate.ratio(&row.raw)),
            times(row.rate.ratio(&singles)),
            row.median_us.to_string(),
            row.p99_us.to_string(),
        ]);
    }
}

/// The writer first and its peer after it, on one database.
async fn measure(rows: &mut [Row], singles: &mut Figure) {
    let folder = TempDir::with_prefix("writer-bench-").expect("a temporary folder can be made");
    let config = books::config(folder.path());
    let office = Office::open(folder.path(), &config, CUSTOMERS).await;
    for _ in 0..figures::repeats() {
        for (in_flight, row) in IN_FLIGHT.into_iter().zip(rows.iter_mut()) {
            let counted = office.movements(in_flight, figures::duration()).await;
            row.rate.add(counted.rate);
            row.median_us.add(counted.median.as_secs_f64() * 1e6);
            row.p99_us.add(counted.p99.as_secs_f64() * 1e6);
        }
    }
    office.close().await;
    let url = format!("sqlite://{}", config.database.path.display());
    let mut raw = Raw::open(&url, Dialect::Sqlite).await;
    for _ in 0..figures::repeats() {
        for (in_flight, row) in IN_FLIGHT.into_iter().zip(rows.iter_mut()) {
            let width = usize::try_from(in_flight).expect("a width fits");
            row.raw.add(raw.batches(width, figures::duration()).await);
        }
        singles.add(raw.singles(figures::duration()).await);
    }
    raw.close().await;
}
