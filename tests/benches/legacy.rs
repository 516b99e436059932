//! An older tool's history into a new bank, and the journal out of it again: rows a second of the whole commands.
#![expect(
    clippy::expect_used,
    clippy::disallowed_methods,
    reason = "a benchmark that cannot go on ends, and measures"
)]

use atm_tests::bank;
use atm_tests::daemon::{Atmd, Options};
use atm_tests::figures::{self, Figure};
use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::time::Instant;
use tempfile::TempDir;

/// A tenth of what one import may have.
const ROWS: u32 = 100_000;
const CUSTOMERS: u32 = 1_000;
const COPIES: [&str; 2] = ["journal.csv", "journal.parquet"];

fn main() {
    let folder = TempDir::with_prefix("legacy-").expect("a temporary folder can be made");
    let history = folder.path().join("client.csv");
    fs::write(&history, text()).expect("there is room");
    let (mut plan, mut import) = <(Figure, Figure)>::default();
    let mut export: [Figure; COPIES.len()] = Default::default();
    for _ in 0..figures::repeats() {
        let atmd = Atmd::start(&Options::default());
        let line = ["--yes", "ledger", "import", "--zone", "UTC", "--client", name(&history)];
        plan.add(rate(&atmd, &[&line[..], &["--dry-run"]].concat()));
        import.add(rate(&atmd, &line));
        for (copy, rate_of) in COPIES.iter().zip(&mut export) {
            let copy = atmd.data().join(copy);
            rate_of.add(rate(&atmd, &["ledger", "export", name(&copy)]));
        }
    }
    let note = format!(
        "A client.csv of {} rows of {} customers, deposits and withdrawals; SQLite. The whole command, from its start to its \
         last row.",
        figures::count(ROWS),
        figures::count(CUSTOMERS)
    );
    figures::table("An older tool's history, in and out", &note, &["command", "rows a second"]);
    figures::row(&["ledger import --dry-run", &plan.to_string()]);
    figures::row(&["ledger import", &import.to_string()]);
    for (copy, rate_of) in COPIES.iter().zip(&export) {
        figures::row(&[&format!("ledger export {copy}"), &rate_of.to_string()]);
    }
}

fn name(path: &Path) -> &str {
    path.to_str().expect("temporary folders have names in UTF-8")
}

/// Each customer brings cash, and takes some of it again.
fn text() -> String {
    let mut text =
        "Mobile_Number,Action,Amount,User_Balance,Bank_Balance,Timestamp,Session_Start,Elapsed_Time\n"
            .to_owned();
    for row in 0..ROWS {
        let number = bank::number(row / 2 % CUSTOMERS).full();
        let (action, amount) = if row % 2 == 0 { ("deposit", 200) } else { ("withdraw", 100) };
        let second = row % 60;
        writeln!(text, "{number},{action},{amount}.00,,,2024-01-31 10:00:{second:02},,")
            .expect("a text takes all");
    }
    text
}

fn rate(atmd: &Atmd, line: &[&str]) -> f64 {
    let begun = Instant::now();
    let _ = atmd.ctl(line).coded(0);
    f64::from(ROWS) / begun.elapsed().as_secs_f64()
}
