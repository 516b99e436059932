//! kill -9 in the middle of a large import: the bank has all of it or nothing.

use super::{ctl, of, rows};
use atm_tests::bank;
use atm_tests::daemon::{Atmd, Options};
use atm_tests::process;
use atm_tests::wait::eventually;
use serde_json::Value;
use std::fmt::Write;
use std::fs;
use std::path::PathBuf;
use std::process::Stdio;
use tokio::task::block_in_place;

const CUSTOMERS: u32 = 1_000;
const DEPOSITS: u32 = 100;

/// A history of so many deposits, in turns.
fn history(atmd: &Atmd) -> PathBuf {
    let mut text =
        "Mobile_Number,Action,Amount,User_Balance,Bank_Balance,Timestamp,Session_Start,Elapsed_Time\n"
            .to_owned();
    for deposit in 1..=DEPOSITS {
        for customer in 0..CUSTOMERS {
            let number = bank::number(customer).full();
            let vault = 10_000 + (deposit - 1) * CUSTOMERS + customer + 1;
            let (minute, second) = (deposit % 60, customer % 60);
            writeln!(
                text,
                "{number},deposit,1.0,{deposit}.0,{vault}.0,2024-01-31 10:{minute:02}:{second:02},,"
            )
            .unwrap();
        }
    }
    let file = atmd.data().join("old.csv");
    fs::write(&file, text).unwrap();
    file
}

fn entries(atmd: &Atmd) -> u64 {
    // The ledgers follow in their time, which is no matter here.
    let status = ctl(atmd, &["status"]);
    let status: Value =
        serde_json::from_str(&status.stdout).unwrap_or_else(|error| panic!("{error}: {status}"));
    let seq = status["data"][0]["journal_seq"].as_str().unwrap_or_else(|| panic!("{status:?}"));
    seq.parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_history_is_there_as_a_whole_or_not_at_all() {
    let mut atmd = Atmd::start(&Options::default());
    let file = history(&atmd).display().to_string();
    let line = ["--yes", "ledger", "import", "--client", &file, "--zone", "UTC", "-o", "json"];
    let whole = u64::from(CUSTOMERS * (DEPOSITS + 1)) + 1;
    let mut wal = atmd.config().database.path.into_os_string();
    wal.push("-wal");
    let wal = PathBuf::from(wal);
    let mut halves = 0;
    // What is not committed yet is in SQLite's write-ahead log as far as memory did not keep it.
    for mebibytes in [1, 6, 12] {
        let mut child = atmd.ctl_command(&line).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        block_in_place(|| {
            eventually("a part of the history is written", || {
                let length = wal.metadata().map_or(0, |metadata| metadata.len());
                if length > mebibytes * 1_048_576 || child.try_wait().unwrap().is_some() {
                    Ok(())
                } else {
                    Err(format!("{length} bytes"))
                }
            });
            atmd.kill();
            process::end(&mut child);
            atmd.restart();
        });
        match entries(&atmd) {
            1 => halves += 1,
            found => assert_eq!(found, whole, "a part of the history is there"),
        }
        assert_eq!(rows(ctl(&atmd, &["ledger", "verify"])), Vec::<Value>::new());
    }
    assert!(halves > 0, "atmd was never killed before it had committed");
    if entries(&atmd) == 1 {
        let plan = rows(block_in_place(|| atmd.ctl(&line)));
        assert_eq!(of(&plan, "customers")[0]["count"], CUSTOMERS.to_string(), "{plan:?}");
    }
    assert_eq!(entries(&atmd), whole);
    let again = block_in_place(|| atmd.ctl(&line)).coded(5);
    assert!(again.stderr.contains("this bank has a history of"), "{again}");
    assert_eq!(rows(ctl(&atmd, &["ledger", "verify"])), Vec::<Value>::new());
}
