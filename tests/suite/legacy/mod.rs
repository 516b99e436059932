//! An older tool's ledgers become the history of a new bank: all of them or nothing, every row as it was, and everything
//! that they do not explain in sight.

mod documented;
mod killed;
mod refused;

use crate::engines::on_each_engine;
use atm_rpc::types::mobile::MobileNumber;
use atm_tests::bank;
use atm_tests::books::Books;
use atm_tests::daemon::{Atmd, Options};
use atm_tests::process::Outcome;
use atm_tests::programs::root;
use atm_tests::servers::Database;
use atm_tests::wait::eventually;
use serde_json::{Value, json};
use std::fs;
use std::path::Path;
use tokio::task::block_in_place;

on_each_engine! {
    both_files_become_a_history,
    one_file_alone_becomes_a_history,
}

/// client.csv of the sample as this bank writes it. The older tool's `logout` is an `exit`.
const CLIENT: &str = "\
0712345678,registered,,0.00,10000.00,2024-01-31T04:29:58.120Z,2024-01-31T04:29:58.120Z,0.00
0712345678,login,,0.00,10000.00,2024-01-31T04:29:58.620Z,2024-01-31T04:29:58.120Z,0.50
0712345678,deposit,500.00,500.00,10500.00,2024-01-31T04:30:10.120Z,2024-01-31T04:29:58.120Z,12.00
0798765432,registered,,0.00,10500.00,2024-01-31T04:30:12.620Z,2024-01-31T04:30:12.620Z,0.00
0798765432,deposit,250.50,250.50,10750.50,2024-01-31T04:30:20.120Z,2024-01-31T04:30:12.620Z,7.50
0712345678,withdraw,100.00,400.00,10650.50,2024-01-31T04:30:25.120Z,2024-01-31T04:29:58.120Z,27.00
0798765432,withdraw,50.50,200.00,10600.00,2024-01-31T04:30:29.120Z,2024-01-31T04:30:12.620Z,16.50
0712345678,exit,,400.00,10600.00,2024-01-31T04:30:31.370Z,2024-01-31T04:29:58.120Z,33.25
0755500011,registered,,0.00,12600.00,2024-02-01T05:30:59.620Z,2024-02-01T05:30:59.620Z,0.00
0755500011,deposit,1000.00,1000.00,13600.00,2024-02-01T05:31:08.120Z,2024-02-01T05:30:59.620Z,8.50
0755500011,auth_failed,,1000.00,13600.00,2024-02-01T05:33:18.120Z,,
0712345678,login,,400.00,13600.00,2024-02-02T05:29:58.120Z,2024-02-02T05:29:58.120Z,0.00
0712345678,withdraw,150.00,250.00,13450.00,2024-02-02T05:30:08.620Z,2024-02-02T05:29:58.120Z,10.50
0712345678,exit,,250.00,13450.00,2024-02-02T05:30:18.120Z,2024-02-02T05:29:58.120Z,20.00
";

/// bank.csv of the sample, with the opening of this bank and the correction that the jump became.
const BANK: &str = "\
0712345678,deposit,500.00,10500.00,2024-01-31T04:30:10.120Z
0798765432,deposit,250.50,10750.50,2024-01-31T04:30:20.120Z
0712345678,withdraw,100.00,10650.50,2024-01-31T04:30:25.120Z
0798765432,withdraw,50.50,10600.00,2024-01-31T04:30:29.120Z
,correction,2000.00,12600.00,2024-02-01T05:30:59.620Z
0755500011,deposit,1000.00,13600.00,2024-02-01T05:31:08.120Z
0712345678,withdraw,150.00,13450.00,2024-02-02T05:30:08.620Z
";

/// A file of the sample.
fn sample(name: &str) -> String {
    root().join("tests/samples/legacy").join(name).display().to_string()
}

fn ctl(atmd: &Atmd, arguments: &[&str]) -> Outcome {
    block_in_place(|| atmd.ctl(&[arguments, &["-o", "json"]].concat()))
}

fn rows(outcome: Outcome) -> Vec<Value> {
    outcome.coded(0).json()["data"].as_array().unwrap().clone()
}

/// The plan's rows of that kind.
fn of<'a>(plan: &'a [Value], what: &str) -> Vec<&'a Value> {
    plan.iter().filter(|row| row["what"] == what).collect()
}

fn import(atmd: &Atmd, rest: &[&str]) -> Outcome {
    ctl(atmd, &[&["--yes", "ledger", "import", "--zone", "Asia/Kolkata"], rest].concat())
}

/// What the ledgers have behind their first lines, once they have so many.
fn ledgers(atmd: &Atmd, client: usize, bank: usize) -> (String, String) {
    let read = |path, count: usize| {
        let text = fs::read_to_string(path).unwrap_or_default();
        if text.lines().count() == count + 1 { Ok(text) } else { Err(text) }
    };
    block_in_place(|| {
        eventually("the ledgers have the history", || {
            Ok::<_, String>((read(atmd.client_csv(), client)?, read(atmd.bank_csv(), bank)?))
        })
    })
}

fn without_header(text: &str) -> &str {
    text.split_once('\n').unwrap().1
}

async fn both_files_become_a_history(database: &Database) {
    let mut atmd = Atmd::start(&database.options(&Options::default()));
    let files = ["--client", &sample("client.csv"), "--bank", &sample("bank.csv"), "--word", "logout=exit"];
    let tried = rows(import(&atmd, &[&files[..], &["--dry-run"]].concat()));
    let jump = of(&tried, "bank_balance");
    let expected = json!({ "what": "bank_balance", "file": sample("client.csv"), "line": "10", "at": "2024-02-01T05:30:59.620Z", "number": null,
        "count": null, "amount": "2000.00", "note": "10600.00 follows, 12600.00 is there", "changed": true, "dry_run": true });
    assert_eq!(jump, [&expected], "{tried:?}");
    assert_eq!(
        (&of(&tried, "customers")[0]["count"], &of(&tried, "rows")[0]["count"]),
        (&json!("3"), &json!("14"))
    );
    assert_eq!(of(&tried, "suspense")[0]["amount"], "2000.00", "{tried:?}");
    assert_eq!(ctl(&atmd, &["account", "list"]).json()["data"], json!([]), "a trial");

    the_jump_is_a_gap(&atmd, &[("client.csv", "10"), ("bank.csv", "6")]);
    let done = rows(import(&atmd, &files));
    let same = |rows: &[Value]| {
        let plan = rows.iter().cloned().map(|mut row| {
            row["dry_run"] = Value::Null;
            row
        });
        plan.collect::<Vec<_>>()
    };
    assert_eq!(same(&done), same(&tried), "what was planned is what was done");
    let (client, bank) = ledgers(&atmd, 14, 8);
    assert_eq!(without_header(&client), CLIENT);
    assert!(without_header(&bank).split_once('\n').unwrap().1 == BANK, "{bank}");

    // In the new bank.csv a row says what it was.
    assert_eq!(
        rows(ctl(&atmd, &["report", "continuity", "--file", &path(atmd.bank_csv())])),
        Vec::<Value>::new()
    );
    assert_eq!(rows(ctl(&atmd, &["ledger", "verify"])), Vec::<Value>::new());
    let rebuilt = rows(ctl(&atmd, &["ledger", "rebuild"]));
    assert!(rebuilt.iter().all(|file| file["changed"] == false), "{rebuilt:?}");
    let again = import(&atmd, &files).coded(5);
    assert!(again.stderr.contains("this bank has a history of 16 entries"), "{again}");
    let audit = rows(ctl(&atmd, &["audit", "list", "--method", "ledger_import"]));
    let results: Vec<&str> = audit.iter().map(|row| row["result"].as_str().unwrap()).collect();
    assert_eq!(results[1], "done: 15 entries of 14 rows, 3 customers", "{audit:?}");
    assert!(results[0].starts_with("refused: conflict: this bank has a history of 16"), "{audit:?}");

    first_log_in(&atmd);
    block_in_place(|| atmd.stop());
    let books = Books::of(&atmd.config()).await;
    let dates: Vec<_> = books.entries.iter().map(|entry| entry.business_date).collect();
    assert!(dates.windows(2).all(|pair| pair[0] <= pair[1]), "{dates:?}");
}

/// What the plan calls a jump of the bank's balance, the report on the same files calls a gap: of these lines.
fn the_jump_is_a_gap(atmd: &Atmd, files: &[(&str, &str)]) {
    for (name, line) in files {
        let outcome = ctl(atmd, &["report", "continuity", "--zone", "Asia/Kolkata", "--file", &sample(name)]);
        let json: Value = serde_json::from_str(&outcome.coded(3).stdout).unwrap();
        let gaps = &json["data"];
        let found = ["line", "at", "before", "found", "gap"].map(|column| gaps[0][column].clone());
        let at = if *name == "bank.csv" {
            "2024-02-01T11:01:08.120+05:30"
        } else {
            "2024-02-01T11:00:59.620+05:30"
        };
        let (before, behind) = ("10600.00", if *name == "bank.csv" { "13600.00" } else { "12600.00" });
        assert_eq!(found, [*line, at, before, behind, "2000.00"], "{name}: {gaps}");
        assert_eq!(gaps.as_array().map(Vec::len), Some(1), "{name}: {gaps}");
    }
}

fn path(of: impl AsRef<Path>) -> String {
    of.as_ref().display().to_string()
}

/// A customer who was imported has no PIN, and chooses one by a code.
fn first_log_in(atmd: &Atmd) {
    let number = MobileNumber::parse("0712345678").unwrap().full();
    let cli = |command: &str, lines: &[&str]| {
        let line = [command, "--mobile", &number, "--pin-stdin", "-o", "json"];
        block_in_place(|| atmd.cli(&line, &(lines.join("\n") + "\n")))
    };
    let refused = cli("balance", &[bank::PIN]);
    assert_ne!(refused.code, Some(0), "{refused}");
    let reset = rows(ctl(atmd, &["account", "reset-pin", &number, "--reason", "imported"]));
    let code = reset[0]["code"].as_str().unwrap();
    let _ = cli("redeem", &[code, bank::PIN]).coded(0);
    let balance = cli("balance", &[bank::PIN]).coded(0);
    assert!(balance.stdout.contains("250.00"), "{balance}");
}

async fn one_file_alone_becomes_a_history(database: &Database) {
    let atmd = Atmd::start(&database.options(&Options::default()));
    let plan = rows(import(&atmd, &["--bank", &sample("bank.csv")]));
    the_jump_is_a_gap(&atmd, &[("bank.csv", "6")]);
    let jump = of(&plan, "bank_balance");
    assert_eq!(
        (jump.len(), &jump[0]["line"], &jump[0]["amount"]),
        (1, &json!("6"), &json!("2000.00")),
        "{plan:?}"
    );
    let (client, bank) = ledgers(&atmd, 9, 8);
    for line in BANK.lines().filter(|line| !line.starts_with(',')) {
        assert!(bank.lines().any(|found| found == line), "{line} is not in {bank}");
    }
    assert!(
        client.contains("0798765432,withdraw,50.50,200.00,10600.00,"),
        "balances follow from movements: {client}"
    );
    assert_eq!(rows(ctl(&atmd, &["ledger", "verify"])), Vec::<Value>::new());
}
