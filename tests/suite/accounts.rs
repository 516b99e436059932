//! Customers' accounts as operators see and change them, and one-time codes from the operator's terminal to the
//! customer's: by the real programs.

use crate::engines::on_each_engine;
use atm_rpc::operator::{Capability, Mode, Narrow};
use atm_rpc::types::key::Seq;
use atm_rpc::types::mobile::MobileNumber;
use atm_tests::bank;
use atm_tests::daemon::{Atmd, Options};
use atm_tests::process::Outcome;
use atm_tests::servers::Database;
use atm_tests::terminal::Terminal;
use atm_tests::wait::eventually;
use atm_tests::{csv, link};
use serde_json::{Value, json};
use sqlx::{Connection, SqliteConnection};
use tarpc::context;

const NEW_PIN: &str = "50283";

/// The one row of a command of `atmctl account`, of its schema.
fn account(atmd: &Atmd, arguments: &[&str]) -> Value {
    let outcome = atmd.ctl(&[&["account"], arguments, &["-o", "json"]].concat());
    let json = outcome.json();
    assert_eq!(json["schema"], format!("atmctl.account.{}/1", arguments[0]), "{json}");
    assert_eq!(json["data"].as_array().map(Vec::len), Some(1), "{json}");
    json["data"][0].clone()
}

fn cli(atmd: &Atmd, command: &[&str], mobile: MobileNumber, lines: &[&str]) -> Outcome {
    let number = mobile.full();
    let rest = ["--mobile", &number, "--pin-stdin", "-o", "json"];
    atmd.cli(&[command, &rest].concat(), &(lines.join("\n") + "\n"))
}

/// The code of the error that atm-cli told a script.
fn refusal(outcome: &Outcome) -> String {
    let json: Value = serde_json::from_str(&outcome.stderr).unwrap_or_else(|_| panic!("{outcome}"));
    json["error"]["code"].as_str().unwrap().to_owned()
}

on_each_engine! { an_account_is_opened_blocked_reset_emptied_and_closed }

async fn an_account_is_opened_blocked_reset_emptied_and_closed(database: &Database) {
    let closed = Options::default().set("bank.open_registration", "false");
    let mut atmd = Atmd::start(&database.options(&closed));
    let mobile = bank::number(1);
    let number = mobile.full();
    let why = ["--reason", "branch"];
    assert_eq!(refusal(&cli(&atmd, &["register"], mobile, &[bank::PIN])), "registration_closed");
    let opened = account(&atmd, &[&["open", &number], &why[..]].concat());
    assert_eq!((&opened["changed"], &opened["state"]), (&json!(true), &json!("active")));
    let code = opened["code"].as_str().unwrap();
    let again = account(&atmd, &[&["open", &number], &why[..]].concat());
    assert_eq!((&again["changed"], &again["code"]), (&json!(false), &Value::Null));
    let _ = cli(&atmd, &["redeem"], mobile, &[&code.to_lowercase(), bank::PIN]).coded(0);
    let _ = cli(&atmd, &["deposit", "500"], mobile, &[bank::PIN]).coded(0);

    let mut live = link::logged_in(&atmd, mobile).await;
    let blocked = account(&atmd, &[&["block", &number, "--debit"], &why[..]].concat());
    assert_eq!((&blocked["changed"], &blocked["state"]), (&json!(true), &json!("debit-blocked")));
    let key = atm_rpc::types::key::RequestKey::generate;
    assert!(live.withdraw(key(), bank::rupees(100)).await.is_err());
    live.deposit(key(), bank::rupees(100)).await.unwrap();
    assert_eq!(refusal(&cli(&atmd, &["withdraw", "100"], mobile, &[bank::PIN])), "debit_blocked");
    let _ = cli(&atmd, &["balance"], mobile, &[bank::WRONG_PIN]).coded(1);
    let unblocked = account(&atmd, &[&["unblock", &number], &why[..]].concat());
    assert_eq!(unblocked["bars"], "debit-blocked, failures");
    let unblocked = account(&atmd, &[&["unblock", &number], &why[..]].concat());
    assert_eq!((&unblocked["changed"], &unblocked["bars"]), (&json!(false), &Value::Null));

    let reset = account(&atmd, &[&["reset-pin", &number, "--for", "2h"], &why[..]].concat());
    let code = reset["code"].as_str().unwrap();
    let mut live = link::logged_in(&atmd, mobile).await;
    let _ = cli(&atmd, &["redeem"], mobile, &[code, NEW_PIN]).coded(0);
    assert!(live.balance().await.is_err(), "the session by the old PIN goes on");
    let _ = cli(&atmd, &["balance"], mobile, &[bank::PIN]).coded(1);
    let close = [&["account", "close", &number, "--yes"], &why[..]].concat();
    let refused = atmd.ctl(&close).coded(5);
    assert!(refused.stderr.contains("balance of zero"), "{refused}");
    let _ = cli(&atmd, &["withdraw", "600"], mobile, &[NEW_PIN]).coded(0);
    let gone = account(&atmd, &[&["close", &number, "--yes"], &why[..]].concat());
    assert_eq!((&gone["changed"], &gone["state"]), (&json!(true), &json!("closed")));
    let gone = account(&atmd, &[&["close", &number, "--yes"], &why[..]].concat());
    assert_eq!(gone["changed"], false);
    assert_eq!(refusal(&cli(&atmd, &["balance"], mobile, &[NEW_PIN])), "account_closed");
    let listed = atmd.ctl(&["account", "list", "--state", "closed", "-o", "json"]).json();
    assert_eq!(listed["data"][0]["number"], json!(number), "{listed}");
    let verified = atmd.ctl(&["ledger", "verify"]).coded(0);
    assert!(verified.stdout.is_empty() || verified.stderr.contains("entries"), "{verified}");
    let log = atmd.log();
    assert!(!log.contains(code) && !log.contains(&number) && !log.contains(NEW_PIN), "{log}");
    assert!(atmd.stop().success());
}

#[test]
fn a_wrong_code_is_answered_as_a_wrong_pin_is() {
    let options = Options::default().set("auth.attempts_max", "3");
    let atmd = Atmd::start(&options);
    let (with, without, nobody) = (bank::number(1), bank::number(2), bank::number(3));
    for mobile in [with, without] {
        let _ = cli(&atmd, &["register"], mobile, &[bank::PIN]).coded(0);
    }
    let number = with.full();
    let first = account(&atmd, &["reset-pin", &number, "--reason", "forgotten"]);
    let second = account(&atmd, &["reset-pin", &number, "--reason", "lost"]);
    let (old, new) = (first["code"].as_str().unwrap(), second["code"].as_str().unwrap());
    assert_ne!(old, new);
    for mobile in [with, without, nobody] {
        for left in [2, 1] {
            let failed = cli(&atmd, &["redeem"], mobile, &[old, NEW_PIN]).coded(1);
            let error: Value = serde_json::from_str(&failed.stderr).unwrap();
            assert_eq!(error["error"]["attempts_left"], left, "{failed}");
            assert_eq!(refusal(&failed), "wrong_code");
        }
        assert_eq!(refusal(&cli(&atmd, &["balance"], mobile, &[bank::WRONG_PIN])), "blacklisted");
        assert_eq!(refusal(&cli(&atmd, &["redeem"], mobile, &[new, NEW_PIN])), "blacklisted");
    }
    let barred = atmd.ctl(&["account", "reset-pin", &number, "--reason", "x"]).coded(0);
    assert!(barred.stderr.contains("unblock it"), "{barred}");
    let unblocked = account(&atmd, &["unblock", &number, "--reason", "seen"]);
    assert_eq!(unblocked["bars"], "blacklisted");
    let last = account(&atmd, &["reset-pin", &number, "--reason", "forgotten"]);
    let last = last["code"].as_str().unwrap();
    assert_eq!(refusal(&cli(&atmd, &["redeem"], with, &[last, "12345"])), "weak_pin");
    let key = "0190a6e2-7d4c-7b1e-9c53-2f6d8e0a4b17";
    for _ in 0..2 {
        let done = cli(&atmd, &["redeem", "--request-key", key], with, &[last, NEW_PIN]);
        assert_eq!(done.code, Some(0), "{done}");
    }
    assert_eq!(refusal(&cli(&atmd, &["redeem"], with, &[last, bank::PIN])), "wrong_code");
    let _ = cli(&atmd, &["balance"], with, &[NEW_PIN]).coded(0);
    let shown = account(&atmd, &["show", &number]);
    assert_eq!((&shown["code_until"], &shown["failures"]), (&Value::Null, &json!("0")));
}

#[test]
fn what_an_operator_was_refused_clears_no_wrong_pin() {
    let atmd = Atmd::start(&Options::default().set("auth.attempts_max", "4"));
    let nobody = bank::number(9);
    let left = || {
        let failed = cli(&atmd, &["balance"], nobody, &[bank::WRONG_PIN]).coded(1);
        let error: Value = serde_json::from_str(&failed.stderr).unwrap();
        error["error"]["attempts_left"].clone()
    };
    assert_eq!(left(), 3);
    let _ = atmd.ctl(&["account", "unblock", &nobody.full(), "--reason", "no account"]).coded(4);
    assert_eq!(left(), 2);
    let _ = atmd.ctl(&["blacklist", "remove", &nobody.full(), "--reason", "a mistake"]).coded(0);
    assert_eq!(left(), 3);
}

#[test]
fn a_customer_types_the_code_at_the_terminal() {
    let atmd = Atmd::start(&Options::default());
    let mobile = bank::number(1);
    let _ = cli(&atmd, &["register"], mobile, &[bank::PIN]).coded(0);
    let reset = account(&atmd, &["reset-pin", &mobile.full(), "--reason", "forgotten"]);
    let mut terminal = Terminal::start(atmd.cli_command(&[]));
    terminal.expect("Mobile number: ");
    terminal.line(&mobile.full());
    terminal.expect("PIN: ");
    terminal.line(bank::WRONG_PIN);
    terminal.expect("type code instead of the PIN");
    terminal.expect("PIN: ");
    terminal.line("code");
    terminal.expect("One-time code: ");
    terminal.line("7K2M-Q9XD-3HRT");
    terminal.expect("New PIN: ");
    terminal.line(NEW_PIN);
    terminal.expect("New PIN again: ");
    terminal.line(NEW_PIN);
    terminal.expect("This code is not good.");
    terminal.expect("One-time code: ");
    terminal.line(reset["code"].as_str().unwrap());
    terminal.expect("New PIN: ");
    terminal.line(NEW_PIN);
    terminal.expect("New PIN again: ");
    terminal.line(NEW_PIN);
    terminal.expect("You are logged in as ******0001.");
    terminal.expect("> ");
    terminal.line("exit");
    terminal.expect("Goodbye.");
}

#[test]
fn what_is_destroyed_needs_a_yes_and_a_dry_run_changes_nothing() {
    let atmd = Atmd::start(&Options::default());
    let mobile = bank::number(1);
    let number = mobile.full();
    let _ = cli(&atmd, &["register"], mobile, &[bank::PIN]).coded(0);
    let why = ["--reason", "=1+1"];
    let before = account(&atmd, &["show", &number]);
    let refused = atmd.ctl(&[&["account", "close", &number], &why[..]].concat()).coded(2);
    assert!(refused.stderr.contains("--yes") && refused.stdout.is_empty(), "{refused}");
    for command in [
        &["block", &number, "--debit", "--credit"][..],
        &["unblock", &number],
        &["reset-pin", &number],
        &["close", &number, "--yes"],
        &["open", "0799999999"],
    ] {
        let row = account(&atmd, &[command, &why[..], &["--dry-run"]].concat());
        assert_eq!(row["dry_run"], true, "{row}");
        assert!(row.get("code").is_none_or(Value::is_null), "{row}");
        assert_eq!(row["changed"], json!(command[0] != "unblock"), "{row}");
    }
    assert_eq!(account(&atmd, &["show", &number]), before);
    let _ = atmd.ctl(&["account", "show", "0799999999"]).coded(4);
    let _ = atmd.ctl(&[&["account", "block", &number], &why[..]].concat()).coded(2);
    let _ = atmd.ctl(&["account", "reset-pin", &number, "--reason", "x", "--for", "60d"]).coded(2);
    let _ = atmd.ctl(&["account", "explain", "999"]).coded(4);
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_come_in_pages_that_tell_no_numbers() {
    let atmd = Atmd::start(&Options::default());
    let mut numbers: Vec<String> = (0..7).map(|n| bank::number(n * 37).full()).collect();
    for n in 0..7 {
        link::register(&atmd, bank::number(n * 37)).await;
    }
    let operator = link::operator(&atmd).await;
    let to = Narrow {
        mode: Mode::Read,
        command: "probe run".into(),
        capabilities: vec![Capability::AccountsRead],
        plugin: None,
        ttl_ms: 60_000,
    };
    operator.narrow(context::current(), to).await.unwrap().unwrap();
    let (mut after, mut masked) = (None, Vec::new());
    loop {
        let page = operator.account_list(context::current(), None, after, 3).await.unwrap().unwrap();
        masked.extend(page.rows.into_iter().map(|row| row.number));
        let Some(next) = page.next else { break };
        assert!(numbers.iter().all(|number| !next.contains(number)));
        after = Some(next);
    }
    assert_eq!(masked, (0..7).map(|n| bank::number(n * 37).masked()).collect::<Vec<_>>());
    let forged = Some("00".repeat(24));
    let refused = operator.account_list(context::current(), None, forged, 3).await.unwrap();
    assert!(refused.is_err());

    let _ = atmd.ctl(&["blacklist", "add", &numbers[2], "--reason", "=1+1"]).coded(0);
    let _ = atmd.ctl(&["blacklist", "add", &numbers[3], "--reason", "soon over", "--for", "1s"]).coded(0);
    eventually("the listing that is over is not shown", || {
        let listed = atmd.ctl(&["account", "list", "--blacklisted", "-o", "json"]).json();
        let found: Vec<_> =
            listed["data"].as_array().unwrap().iter().map(|row| row["number"].clone()).collect();
        if found == [json!(numbers[2])] { Ok(()) } else { Err(listed.to_string()) }
    });
    let shown = atmd.ctl(&["account", "show", &numbers[2], "-o", "csv"]).coded(0);
    assert!(shown.stdout.contains("'=1+1"), "{shown}");
    let records =
        csv::parse(&atmd.ctl(&["account", "list", "-o", "csv"]).stdout.replace("\r\n", "\n")).unwrap();
    let found: Vec<String> = records.into_iter().skip(1).map(|record| record[0].clone()).collect();
    numbers.sort();
    assert_eq!(found, numbers);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_largest_balance_survives_and_an_entry_is_explained() {
    let options = [
        ("bank.currency", "JPY"),
        ("bank.amount_max", "1000000"),
        ("bank.opening_vault", "10000"),
        ("bank.opening_customer", "500"),
        ("limits.withdraw_min", "100"),
        ("limits.withdraw_max", "5000"),
        ("limits.withdraw_multiple", "10"),
    ]
    .into_iter()
    .fold(Options::default(), |options, (key, value)| options.set(key, value));
    let mut atmd = Atmd::start(&options);
    let mobile = bank::number(1);
    let number = mobile.full();
    let _ = cli(&atmd, &["register"], mobile, &[bank::PIN]).coded(0);
    let _ = cli(&atmd, &["withdraw", "100"], mobile, &[bank::PIN]).coded(0);
    let shown = account(&atmd, &["show", &number]);
    assert_eq!(shown["balance"], "400");
    let seq: i64 = shown["last_entry"].as_str().unwrap().parse().unwrap();
    // The newest entry is the exit; the withdrawal stands before it.
    let explained = account(&atmd, &["explain", &Seq(seq - 1).0.to_string()]);
    for (field, expected) in [
        ("action", "withdraw"),
        ("amount", "100"),
        ("debit", &number),
        ("credit", "vault"),
        ("balance_before", "500"),
        ("balance_after", "400"),
        ("vault_before", "10000"),
        ("vault_after", "9900"),
    ] {
        assert_eq!(explained[field], expected, "{explained}");
    }
    let told = explained["told"].as_str().unwrap();
    for words in ["took cash", "out of the vault", "a repeat gets this receipt again", "covers it"] {
        assert!(told.contains(words), "{told}");
    }
    assert!(explained["request_key"].is_string() && explained["seal"].is_string(), "{explained}");
    // No customer gets there by bringing cash.
    assert!(atmd.stop().success());
    let url = format!("sqlite://{}", atmd.config().database.path.display());
    let mut database = SqliteConnection::connect(&url).await.unwrap();
    let most = format!("UPDATE account SET posted_minor = {} WHERE id = {}", i64::MAX, mobile.packed());
    sqlx::raw_sql(sqlx::AssertSqlSafe(most)).execute(&mut database).await.unwrap();
    database.close().await.unwrap();
    atmd.restart();
    assert_eq!(account(&atmd, &["show", &number])["balance"], "9223372036854775807");
    let printed = atmd.ctl(&["account", "list", "-o", "csv"]).coded(0);
    assert!(printed.stdout.contains(",9223372036854775807,"), "{printed}");
}
