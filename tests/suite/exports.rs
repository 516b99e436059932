//! Copies of the journal: what client.csv and bank.csv have, byte for byte; every column of every entry; and a file is
//! whole or not there.

use crate::engines::on_each_engine;
use atm_rpc::types::account::AccountId;
use atm_rpc::types::key::RequestKey;
use atm_rpc::types::mobile::MobileNumber;
use atm_rpc::types::money::Currency;
use atm_tests::bank::{self, rupees};
use atm_tests::books::Books;
use atm_tests::daemon::{Atmd, Options};
use atm_tests::link;
use atm_tests::need::{need, need_duckdb};
use atm_tests::process::{self, Outcome, children};
use atm_tests::programs::programs;
use atm_tests::servers::Database;
use atm_tests::terminal::Terminal;
use atm_tests::wait::eventually;
use atmd::csv::render::Ledger;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::Row;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::fs::{self, File};
use std::path::Path;
use std::process::Command;
use tokio::task::block_in_place;

on_each_engine! { a_copy_is_what_the_journal_has }

fn export(atmd: &Atmd, file: &Path, rest: &[&str]) -> Outcome {
    let line = [&["ledger", "export", file.to_str().unwrap(), "-o", "json"], rest].concat();
    block_in_place(|| atmd.ctl(&line))
}

fn row(outcome: Outcome) -> Value {
    let json = outcome.coded(0).json();
    assert_eq!(json["schema"], "atmctl.ledger.export/1", "{json}");
    json["data"][0].clone()
}

/// A bank in which something of each kind happened.
async fn bank(options: &Options) -> Atmd {
    let atmd = Atmd::start(options);
    for customer in 0..3 {
        link::register(&atmd, bank::number(customer)).await;
        let mut session = link::logged_in(&atmd, bank::number(customer)).await;
        session.deposit(RequestKey::generate(), rupees(1_000)).await.unwrap();
        session.withdraw(RequestKey::generate(), rupees(300)).await.unwrap();
        session.exit().await.unwrap();
    }
    let listed = ["blacklist", "add", &bank::number(9).full(), "--reason", "a test"];
    let _ = block_in_place(|| atmd.ctl(&listed).coded(0));
    atmd
}

fn parquet(file: &Path) -> Vec<Row> {
    let reader = SerializedFileReader::new(File::open(file).unwrap()).unwrap();
    reader.get_row_iter(None).unwrap().map(Result::unwrap).collect()
}

async fn a_copy_is_what_the_journal_has(database: &Database) {
    let mut atmd = bank(&database.options(&Options::default())).await;
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| folder.path().join(name);
    let copies = [("client.csv", "client"), ("bank.csv", "bank"), ("journal.csv", "journal")];
    for (name, table) in copies.into_iter().chain([("journal.parquet", "journal")]) {
        let copied = row(export(&atmd, &file(name), &["--table", table]));
        let bytes = file(name).metadata().unwrap().len();
        assert_eq!(copied["bytes"], json!(bytes.to_string()), "{copied}");
    }
    let part = row(export(&atmd, &file("part.csv"), &["--after", "3"]));
    assert_eq!(part["first"], "4", "{part}");
    let none = row(export(&atmd, &file("none.csv"), &["--until", "2020-01-01"]));
    assert_eq!((&none["rows"], &none["last"]), (&json!("0"), &Value::Null), "{none}");
    block_in_place(|| atmd.stop());

    let books = Books::of(&atmd.config()).await;
    let read = |name: &str| fs::read_to_string(file(name)).unwrap();
    for (name, ledger) in [("client.csv", Ledger::Client), ("bank.csv", Ledger::Bank)] {
        assert_eq!(read(name), books.rendered(ledger), "{name}");
    }
    let journal = read("journal.csv");
    let lines: Vec<&str> = journal.lines().collect();
    assert_eq!(lines.len(), books.entries.len() + 1);
    assert!(read("part.csv").lines().skip(1).eq(lines[4..].iter().copied()), "entries after the third");
    assert_eq!(read("none.csv").lines().count(), 1, "the names of the columns");

    let rows = parquet(&file("journal.parquet"));
    assert_eq!(rows.len(), books.entries.len());
    for (row, entry) in rows.iter().zip(&books.entries) {
        let fields: HashMap<&str, String> =
            row.get_column_iter().map(|(name, field)| (name.as_str(), field.to_string())).collect();
        let amount = entry.transfer.map(|transfer| transfer.amount.display(Currency::INR).to_string());
        let number = entry.customer.and_then(AccountId::mobile).map(MobileNumber::full);
        for (name, expected) in [
            ("seq", Some(entry.seq.to_string())),
            ("action", Some(format!("\"{}\"", entry.action))),
            ("mobile_number", number.map(|number| format!("\"{number}\""))),
            ("session", entry.session.map(|session| session.id.to_string())),
            ("amount", amount),
            ("previous", entry.previous.map(|seq| seq.to_string())),
        ] {
            assert_eq!(fields[name], expected.unwrap_or_else(|| "null".into()), "{name} of {fields:?}");
        }
    }
}

const ASK: &str = r#"
import duckdb, json, sys
row = duckdb.connect().execute(f"""SELECT (sum(amount) FILTER (action = 'deposit'))::VARCHAR, typeof(any_value(amount)),
  typeof(any_value(recorded_at)), typeof(any_value(business_date)), count(*)::VARCHAR FROM '{sys.argv[1]}'""").fetchall()[0]
print(json.dumps(row))
"#;

/// What other programs make of the types: sums of amounts, and times in UTC.
#[tokio::test(flavor = "multi_thread")]
async fn duckdb_reads_a_copy() {
    let Some(python) = need_duckdb() else { return };
    let atmd = bank(&Options::default()).await;
    let file = atmd.data().join("journal.parquet");
    let copied = row(export(&atmd, &file, &[]));
    let mut command = Command::new(python);
    command.args(["-c", ASK]).arg(&file);
    let told = block_in_place(|| process::run(command, "").coded(0).json());
    let types = ["DECIMAL(18,2)", "TIMESTAMP WITH TIME ZONE", "DATE"];
    assert_eq!(told, json!(["3000.00", types[0], types[1], types[2], copied["rows"]]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_is_whole_or_not_there() {
    let atmd = bank(&Options::default()).await;
    let folder = tempfile::tempdir().unwrap();
    let there = folder.path().join("there.csv");
    fs::write(&there, "mine\n").unwrap();
    let refused = export(&atmd, &there, &[]).coded(5);
    assert!(refused.stderr.contains("has something in it already"), "{refused}");
    assert_eq!(fs::read_to_string(&there).unwrap(), "mine\n");
    let _ = export(&atmd, &folder.path().join("no/such/folder.csv"), &[]).coded(1);
    // A device that is always full takes nothing, and what was written before that would be a part.
    let full = export(&atmd, Path::new("/dev/full"), &[]).coded(1);
    assert!(full.stderr.contains("/dev/full"), "{full}");
    // One whom atmd does not answer leaves no file.
    let absent = folder.path().join("absent.csv");
    let line = ["--timeout", "1ms", "ledger", "export", absent.to_str().unwrap()];
    let late = block_in_place(|| atmd.ctl(&line));
    assert_ne!(late.code, Some(0), "{late}");
    assert!(!absent.exists(), "{late}");
}

fn send(process: u32, signal: Signal) {
    kill_process(Pid::from_raw(i32::try_from(process).unwrap()).unwrap(), signal).unwrap();
}

/// A history that takes some pages to copy: customers who came and went.
fn long_history(atmd: &Atmd) {
    let header =
        "Mobile_Number,Action,Amount,User_Balance,Bank_Balance,Timestamp,Session_Start,Elapsed_Time\n";
    let rows = (0..20_000).map(|row| {
        let (number, action) =
            (bank::number(row / 2 % 50).full(), ["login", "exit"][usize::from(row % 2 == 1)]);
        format!("{number},{action},,,,2024-01-31 10:00:{:02},,\n", row % 60)
    });
    let file = atmd.data().join("old.csv");
    fs::write(&file, header.to_owned() + &rows.collect::<String>()).unwrap();
    let line = ["--yes", "ledger", "import", "--zone", "UTC", "--client", file.to_str().unwrap()];
    let _ = atmd.ctl(&line).coded(0);
}

/// What is done to a copy half-way.
enum Halfway {
    CtrlC,
    KillsPlugin,
    KillsHost,
}

#[test]
fn a_copy_that_is_ended_half_way_leaves_no_part() {
    let atmd = Atmd::start(&Options::default());
    long_history(&atmd);
    for (name, halfway, code) in [
        ("interrupted.csv", Halfway::CtrlC, Some(130)),
        ("plugin.csv", Halfway::KillsPlugin, Some(70)),
        ("host.csv", Halfway::KillsHost, None),
    ] {
        let file = atmd.data().join(name);
        let mut terminal = Terminal::start(atmd.ctl_command(&["ledger", "export", file.to_str().unwrap()]));
        let length = || file.metadata().map_or(0, |metadata| metadata.len());
        eventually("a part is there", || if length() > 0 { Ok(()) } else { Err("nothing".into()) });
        send(atmd.pid(), Signal::STOP);
        let host = terminal.pid();
        match halfway {
            Halfway::CtrlC => terminal.ctrl_c(),
            Halfway::KillsPlugin => send(children(host)[0], Signal::KILL),
            Halfway::KillsHost => send(host, Signal::KILL),
        }
        let ended = terminal.wait();
        send(atmd.pid(), Signal::CONT);
        assert_eq!(ended, code, "{}", terminal.shown());
        // Where the host is gone, an empty file stays.
        eventually("no part stays", || if length() == 0 { Ok(()) } else { Err(length().to_string()) });
        assert!(matches!(halfway, Halfway::KillsHost) || !file.exists(), "{name} is there");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn where_files_may_not_be_so_long_there_is_none() {
    let atmd = bank(&Options::default()).await;
    let file = atmd.data().join("long.csv");
    // What atmctl keeps of its plugins is there, too.
    let _ = row(export(&atmd, &atmd.data().join("short.csv"), &[]));
    let inner = atmd.ctl_command(&["ledger", "export", file.to_str().unwrap()]);
    let mut command = Command::new("sh");
    command.args(["-c", "ulimit -f 1; exec \"$0\" \"$@\""]).arg(inner.get_program()).args(inner.get_args());
    command.env_clear().envs(inner.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let failed = block_in_place(|| process::run(command, "")).coded(1);
    assert!(failed.stderr.contains("long.csv") && failed.stderr.contains("File too large"), "{failed}");
    assert!(!file.exists(), "{failed}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trial_writes_nothing() {
    let atmd = bank(&Options::default()).await;
    let file = atmd.data().join("tried.csv");
    let refused = export(&atmd, &file, &["--dry-run"]).coded(2);
    assert!(refused.stderr.contains("ledger export changes nothing at the bank"), "{refused}");
    assert!(!file.exists() && refused.stdout.is_empty(), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_goes_through_a_pipe() {
    let Some(bash) = need("bash") else { return };
    let atmd = bank(&Options::default()).await;
    let (plain, packed) = (atmd.data().join("plain.csv"), atmd.data().join("packed.csv"));
    let _ = row(export(&atmd, &plain, &["--table", "client"]));
    let inner = atmd.ctl_command(&["ledger", "export", "--table", "client"]);
    let mut command = Command::new(bash);
    // The shell waits for who reads.
    command
        .args(["-c", "packed=$1; shift; \"$0\" \"$@\" >(cat > \"$packed\"); code=$?; wait $!; exit $code"]);
    command.arg(inner.get_program()).arg(&packed).args(inner.get_args());
    command.env_clear().envs(inner.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let _ = block_in_place(|| process::run(command, "")).coded(0);
    assert_eq!(fs::read_to_string(packed).unwrap(), fs::read_to_string(plain).unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_not_see_numbers_gets_them_masked() {
    let atmd = bank(&Options::default()).await;
    let viewer = atmd.data().join("viewer.pem");
    let added = ["operator", "add", "vera", "--role", "viewer", "--out", viewer.to_str().unwrap()];
    let _ = block_in_place(|| atmd.ctl(&added).coded(0));
    let file = atmd.data().join("masked.csv");
    let mut command = Command::new(programs().path("atmctl"));
    command.args(["--server", &atmd.operators().to_string(), "--ca"]).arg(atmd.ca());
    command.arg("--identity").arg(&viewer).args(["ledger", "export", "--table", "client"]).arg(&file);
    let _ = block_in_place(|| process::run(command, "").coded(0));
    let text = fs::read_to_string(&file).unwrap();
    assert!(text.contains(&bank::number(1).masked()), "{text}");
    assert!(!text.contains(&bank::number(1).full()), "{text}");
}
