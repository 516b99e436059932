//! Whole lists for the blacklist: all or nothing, in one transaction, with every wrong line named before.

use crate::engines::on_each_engine;
use atm_rpc::error::{BadRequest, Conflict, ServiceError};
use atm_rpc::operator::blacklist::{BlacklistListing, IMPORT_PART_ROWS_MAX, IMPORT_ROWS_MAX};
use atm_tests::daemon::{Atmd, Options};
use atm_tests::process::{self, Outcome};
use atm_tests::servers::Database;
use atm_tests::terminal::Terminal;
use atm_tests::{bank, link};
use serde_json::{Value, json};
use std::fmt::Write;
use std::fs;
use std::path::PathBuf;

/// Writes a list beside the bank's data.
fn list(atmd: &Atmd, name: &str, text: &str) -> PathBuf {
    let path = atmd.data().join(name);
    fs::write(&path, text).unwrap();
    path
}

fn import(atmd: &Atmd, file: &str, rest: &[&str]) -> Outcome {
    atmd.ctl(&[&["blacklist", "import", file, "-o", "json"], rest].concat())
}

fn row(outcome: &Outcome) -> Value {
    let json = outcome.json();
    assert_eq!(json["schema"], "atmctl.blacklist.import/1", "{json}");
    json["data"][0].clone()
}

fn listed(atmd: &Atmd) -> usize {
    let json = atmd.ctl(&["blacklist", "list", "-o", "json"]).json();
    json["data"].as_array().unwrap().len()
}

/// Lines for customers from the first on.
fn lines(first: u32, count: u32) -> String {
    (first..first + count).fold(String::new(), |mut text, n| {
        writeln!(text, "{},stolen", bank::number(n).full()).unwrap();
        text
    })
}

on_each_engine! { thousands_are_listed_at_once_and_a_repeat_changes_nothing }

async fn thousands_are_listed_at_once_and_a_repeat_changes_nothing(database: &Database) {
    let atmd = Atmd::start(&database.options(&Options::default()));
    let mobile = bank::number(3);
    link::register(&atmd, mobile).await;
    let mut live = link::logged_in(&atmd, mobile).await;
    let file = list(&atmd, "stolen.csv", &lines(0, 3_000));
    let file = file.to_str().unwrap();
    let tried = row(&import(&atmd, file, &["--dry-run"]));
    assert_eq!((&tried["added"], &tried["dry_run"]), (&json!("3000"), &json!(true)));
    assert_eq!(listed(&atmd), 0);
    assert!(live.balance().await.is_ok());
    let done = row(&import(&atmd, file, &[]));
    for (field, expected) in
        [("rows", "3000"), ("added", "3000"), ("unregistered", "2999"), ("sessions_ended", "1")]
    {
        assert_eq!(done[field], expected, "{done}");
    }
    assert_eq!((&done["changed"], listed(&atmd)), (&json!(true), 3_000));
    assert!(live.balance().await.is_err(), "the session goes on");
    let again = row(&import(&atmd, file, &[]));
    assert_eq!((&again["changed"], &again["added"]), (&json!(false), &json!("0")));
    let audit = atmd.ctl(&["audit", "list", "--method", "blacklist_import", "-o", "json"]).json();
    let results: Vec<&Value> = audit["data"].as_array().unwrap().iter().map(|row| &row["result"]).collect();
    assert_eq!(results, ["unchanged", "done: 3000 of 3000 rows"], "{audit}");
    assert!(audit.to_string().contains("blake3="), "{audit}");
    let _ = atmd.ctl(&["ledger", "verify"]).coded(0);
}

#[test]
fn a_list_with_wrong_lines_does_nothing() {
    let atmd = Atmd::start(&Options::default());
    let mut text = lines(0, 100);
    for n in 0..12 {
        writeln!(text, "not{n},stolen").unwrap();
    }
    let file = list(&atmd, "wrong.csv", &text);
    let failed = atmd.ctl(&["blacklist", "import", file.to_str().unwrap()]).coded(2);
    for words in ["12 lines are wrong", "line 101: a mobile number is", "line 110: ", "and 2 more"] {
        assert!(failed.stderr.contains(words), "{words}: {failed}");
    }
    assert!(!failed.stderr.contains("line 111: ") && failed.stdout.is_empty(), "{failed}");
    assert_eq!(listed(&atmd), 0);
    let _ = import(&atmd, "/no/such/file", &[]).coded(1);
}

#[test]
fn no_line_of_a_list_is_lost_unseen() {
    let atmd = Atmd::start(&Options::default());
    let open = format!("number,reason,note\n{}", lines(0, 3).replacen("stolen", "stolen,\"seen", 1));
    let file = list(&atmd, "open.csv", &open);
    let failed = import(&atmd, file.to_str().unwrap(), &[]).coded(2);
    assert!(failed.stderr.contains("line 2: has a field that goes on"), "{failed}");
    // Behind what is read there may be any number of lines.
    let file = list(&atmd, "long.csv", &lines(0, 3));
    fs::File::options().write(true).open(&file).unwrap().set_len(128 * 1024 * 1024 + 1).unwrap();
    let failed = import(&atmd, file.to_str().unwrap(), &[]).coded(2);
    assert!(failed.stderr.contains("has more than 134217728 bytes"), "{failed}");
    assert_eq!(listed(&atmd), 0);
}

#[test]
fn what_was_printed_can_be_read_again() {
    let atmd = Atmd::start(&Options::default());
    let text =
        "number,reason,until\n0712345678,=1+1,\n0712345679,\"lost, \"\"twice\"\"\",2040-01-01T00:00:00Z\n";
    let command = atmd.ctl_command(&["blacklist", "import", "-", "-o", "json"]);
    assert_eq!(row(&process::run(command, text))["added"], "2");
    let printed = atmd.ctl(&["blacklist", "list", "-o", "csv"]).coded(0);
    assert!(printed.stdout.contains("'=1+1"), "{printed}");
    let again = list(&atmd, "again.csv", &printed.stdout);
    assert_eq!(row(&import(&atmd, again.to_str().unwrap(), &[]))["changed"], false);
}

#[test]
fn a_person_sees_how_far_it_is() {
    let atmd = Atmd::start(&Options::default());
    let file = list(&atmd, "stolen.csv", &lines(0, 20_000));
    let mut terminal = Terminal::start(atmd.ctl_command(&["blacklist", "import", file.to_str().unwrap()]));
    terminal.expect("sending [");
    terminal.expect("ADDED");
    terminal.expect("20000");
}

#[tokio::test(flavor = "multi_thread")]
async fn parts_are_bounded_and_must_be_those_that_were_meant() {
    let atmd = Atmd::start(&Options::default());
    let operator = link::operator(&atmd).await;
    let rows = |count: usize, reason: &str| -> Vec<BlacklistListing> {
        let numbers = (0..u32::try_from(count).unwrap()).map(bank::number);
        numbers.map(|mobile| BlacklistListing { mobile, reason: reason.into(), until: None }).collect()
    };
    let stage = async |first, rows| operator.blacklist_stage(link::patient(), first, rows).await.unwrap();
    let import = async |rows| operator.blacklist_import(link::patient(), rows).await.unwrap();
    let bad = |what| Err(ServiceError::BadRequest(what));
    let staged = |staged| Err(ServiceError::Conflict(Conflict::Staged { staged }));
    assert_eq!(stage(0, rows(IMPORT_PART_ROWS_MAX + 1, "x")).await, bad(BadRequest::Rows));
    assert_eq!(stage(0, rows(0, "x")).await, bad(BadRequest::Rows));
    assert_eq!(stage(IMPORT_ROWS_MAX, rows(1, "x")).await, bad(BadRequest::Rows));
    assert_eq!(stage(0, rows(1, "\u{1b}[2J")).await, bad(BadRequest::Reason));
    assert_eq!(stage(5, rows(1, "x")).await, staged(0));
    assert_eq!(stage(0, rows(10, "x")).await, Ok(10));
    assert_eq!(stage(0, rows(2, "x")).await, Ok(2), "it begins anew");
    assert_eq!(import(10).await.map(|imported| imported.rows), staged(2));
    assert_eq!(import(2).await.map(|imported| imported.rows), staged(0), "what was refused is gone");
    assert_eq!(listed(&atmd), 0);
    assert_eq!(stage(0, rows(2, "x")).await, Ok(2));
    assert_eq!(import(2).await.map(|imported| imported.added), Ok(2));
}
