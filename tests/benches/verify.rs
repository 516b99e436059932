//! A verification of the whole ledger: entries a second, on a bank of `ATM_BENCH_ENTRIES` entries (a million otherwise),
//! with its ledgers. Beside it what reading alone takes: the same rows from the same store, looked at by nobody.
#![expect(
    clippy::expect_used,
    clippy::disallowed_methods,
    reason = "a benchmark that cannot go on ends, and measures"
)]

use atm_rpc::types::money::Currency;
use atm_rpc::types::time::Timestamp;
use atm_tests::books;
use atm_tests::figures::{self, Figure, number};
use atm_tests::office::Office;
use atmd::csv::render::Ledger;
use atmd::jobs::{Jobs, Running};
use atmd::ledger::entry::Entry;
use atmd::store::Store;
use atmd::store::verify::Part;
use atmd::verify::job::{Scope, Subject, verify};
use std::env;
use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::Path;
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tokio::runtime::Runtime;

const CUSTOMERS: u32 = 100_000;
const IN_FLIGHT: u32 = 1_024;
const PAGE: u64 = 2_000;

fn main() {
    let wanted = env::var("ATM_BENCH_ENTRIES").map_or(1e6, |text| text.parse().expect("a number"));
    Runtime::new().expect("there are threads").block_on(measure(wanted));
}

async fn measure(wanted: f64) {
    let folder = TempDir::with_prefix("verify-bench-").expect("a temporary folder can be made");
    let config = books::config(folder.path());
    let office = Office::open(folder.path(), &config, CUSTOMERS).await;
    let mut entries = 0.0;
    while entries < wanted {
        entries += office.movements(IN_FLIGHT, Duration::from_secs(1)).await.rate;
    }
    office.close().await;
    let store = books::store(&config).await;
    let ledgers = folder.path().join("ledger");
    let last = project(&store, &ledgers).await;
    let (mut whole, mut bare, mut reading) = (Figure::default(), Figure::default(), Figure::default());
    for _ in 0..figures::repeats() {
        whole.add(rate(last, verified(&store, &ledgers, last).await));
        bare.add(rate(last, verified(&store, &folder.path().join("none"), 0).await));
        reading.add(rate(last, read(&store).await));
    }
    store.close().await.expect("the database closes");
    let note = format!(
        "{} entries of {} customers, SQLite, in process.",
        number(f64::from(i32::try_from(last).expect("a count fits"))),
        number(f64::from(CUSTOMERS))
    );
    figures::table("Verifying the ledger", &note, &["what", "entries a second"]);
    figures::row(&["everything", &whole.to_string()]);
    figures::row(&["without the CSV ledgers", &bare.to_string()]);
    figures::row(&["reading the journal alone", &reading.to_string()]);
}

fn rate(entries: i64, time: Duration) -> f64 {
    f64::from(i32::try_from(entries).expect("a count fits")) / time.as_secs_f64()
}

/// Verifies, and gives the time.
async fn verified(store: &Store, ledgers: &Path, must_have: i64) -> Duration {
    let running = Running { method: "bench", operator: "root".into(), since: Timestamp::from_ms(0) };
    let (owner, ticket) = Jobs::default().begin(running).expect("nothing else runs");
    let subject = Subject {
        scope: Scope::Everything,
        store: store.clone(),
        heads: store.seen_heads(),
        folder: ledgers.to_owned(),
        currency: Currency::INR,
        must_have,
    };
    let begun = Instant::now();
    verify(subject, ticket.job()).await.expect("everything can be read");
    let time = begun.elapsed();
    assert_eq!(owner.job().count(), 0, "{:?}", owner.job().news(0).await.findings);
    time
}

/// Reads the journal to its end, and gives the time.
async fn read(store: &Store) -> Duration {
    let (view, mut after) = (store.live(), None);
    let begun = Instant::now();
    loop {
        let page = view.page::<Entry>(Part { after, until: None, count: PAGE }).await.expect("a page");
        match page.last() {
            Some(last) => after = Some(last),
            None => return begun.elapsed(),
        }
    }
}

/// Writes the ledgers as the journal gives them, and gives its last entry.
async fn project(store: &Store, folder: &Path) -> i64 {
    fs::create_dir_all(folder).expect("a folder can be made");
    let mut files = Ledger::ALL.map(|ledger| {
        let file = File::create(folder.join(ledger.file_name())).expect("a file can be made");
        let mut file = BufWriter::new(file);
        file.write_all(ledger.header().as_bytes()).expect("a file can be written");
        (ledger, file)
    });
    let mut last = 0;
    loop {
        let entries = store.journal(last + 1, PAGE).await.expect("the journal can be read");
        let Some(newest) = entries.last() else { break };
        last = newest.seq.0;
        for (ledger, file) in &mut files {
            let mut text = String::new();
            entries.iter().for_each(|entry| ledger.render(entry, Currency::INR, &mut text));
            file.write_all(text.as_bytes()).expect("a file can be written");
        }
    }
    files.iter_mut().for_each(|(_, file)| file.flush().expect("a file can be written"));
    last
}
