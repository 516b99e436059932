//! The ledgers of a running site: found by themselves, true to what happened, and nobody's who was not granted them.

use super::rows;
use atm_rpc::types::key::RequestKey;
use atm_tests::bank::{self, rupees};
use atm_tests::daemon::{Atmd, Options};
use atm_tests::link;
use atm_tests::process::{self, Outcome};
use atm_tests::tools::Tools;
use atm_tests::wait::eventually;
use serde_json::{Value, json};
use std::fs;
use std::path::Path;

/// Runs a report in the folder that has atmd's data.
fn report(atmd: &Atmd, line: &str) -> Outcome {
    let words = ["report"].into_iter().chain(line.split_whitespace()).chain(["-o", "json"]);
    let mut command = atmd.ctl_command(&words.collect::<Vec<_>>());
    command.current_dir(atmd.data().parent().unwrap());
    process::run(command, "")
}

#[tokio::test(flavor = "multi_thread")]
async fn reports_tell_what_happened_at_the_site() {
    let options = Options::default().set("bank.timezone", "Asia/Kolkata").set("auth.attempts_max", "3");
    let atmd = Atmd::start(&options.set("auth.failure_delay", "10ms"));
    let [one, two, three] = [1, 2, 3].map(bank::number);
    for mobile in [one, two, three] {
        link::register(&atmd, mobile).await;
    }
    let mut customer = link::logged_in(&atmd, one).await;
    for amount in [5_000, 700, 30] {
        let _ = customer.deposit(RequestKey::generate(), rupees(amount)).await.unwrap();
    }
    let _ = customer.withdraw(RequestKey::generate(), rupees(1_000)).await.unwrap();
    customer.exit().await.unwrap();
    let mut customer = link::logged_in(&atmd, two).await;
    let _ = customer.deposit(RequestKey::generate(), rupees(90)).await.unwrap();
    drop(customer);
    for _ in 0..3 {
        let refused = link::customer(&atmd).login(&bank::wrong(three), &bank::terminal()).await;
        assert!(refused.is_err());
    }
    let _ = atmd.ctl(&["blacklist", "remove", &three.full(), "--reason", "found"]).coded(0);
    eventually("the ledger has the last entry", || {
        let ledger = fs::read_to_string(atmd.client_csv()).unwrap_or_default();
        if ledger.contains(",unblacklisted,") { Ok(()) } else { Err(ledger) }
    });

    let day = &rows(&report(&atmd, "daily").coded(0))[0];
    let sums = ["count", "sum", "deposits", "withdrawals", "net", "closing"].map(|name| day[name].clone());
    assert_eq!(sums, ["5", "6820.00", "5820.00", "1000.00", "4820.00", "14820.00"].map(Value::from));
    let top = rows(&report(&atmd, "top --full-numbers").coded(0));
    let balances: Vec<_> = top.iter().map(|row| (row["number"].clone(), row["balance"].clone())).collect();
    let expected = [(json!(one.full()), json!("4730.00")), (json!(two.full()), json!("90.00"))];
    assert_eq!(balances, expected);
    let session = &rows(&report(&atmd, "sessions").coded(0))[0];
    assert_eq!((&session["count"], &session["without_exit"]), (&json!("2"), &json!("1")));
    let failure = &rows(&report(&atmd, "failures --full-numbers").coded(0))[0];
    let counts = ["number", "auth_failed", "blacklisted", "unblacklisted"].map(|name| failure[name].clone());
    assert_eq!(counts, [json!(three.full()), json!("3"), json!("1"), json!("1")]);
    let statement = rows(&report(&atmd, &format!("statement {}", one.full())).coded(0));
    let balances: Vec<_> = statement.iter().map(|row| row["balance"].as_str().unwrap()).collect();
    assert_eq!(balances, ["0.00", "5000.00", "5700.00", "5730.00", "4730.00", "4730.00"]);
    let at = statement[1]["at"].as_str().unwrap();
    assert!(at.ends_with("+05:30"), "the bank's clocks: {at}");

    // Both ledgers are in order, and a changed amount is not.
    for (ledger, file) in [("client.csv", atmd.client_csv()), ("bank.csv", atmd.bank_csv())] {
        let text = fs::read_to_string(&file).unwrap();
        let copy = atmd.data().parent().unwrap().join(ledger);
        fs::write(&copy, &text).unwrap();
        assert_eq!(rows(&report(&atmd, &format!("continuity --file {ledger}")).coded(0)), [Value::Null; 0]);
        let line = text.lines().position(|line| line.contains(",700.00,")).unwrap() + 1;
        fs::write(&copy, text.replacen(",700.00,", ",707.00,", 1)).unwrap();
        let gaps = rows(&report(&atmd, &format!("continuity --file {ledger}")).coded(3));
        assert_eq!(
            (gaps.len(), &gaps[0]["line"], &gaps[0]["gap"]),
            (1, &json!(line.to_string()), &json!("-7.00"))
        );
    }
    assert_eq!(rows(&report(&atmd, "continuity").coded(0)), [Value::Null; 0]);
}

#[test]
fn atmd_says_of_what_zone_and_currency_its_ledgers_are() {
    let mut atmd = Atmd::start(&Options::default());
    let file = atmd.data().join("public/bank.json");
    let said = || serde_json::from_str::<Value>(&fs::read_to_string(&file).unwrap()).unwrap();
    assert_eq!(said(), json!({ "currency": "INR", "decimals": 2, "timezone": "UTC" }));
    let mode = std::os::unix::fs::PermissionsExt::mode(&fs::metadata(&file).unwrap().permissions());
    assert_eq!(mode & 0o777, 0o644);
    assert!(atmd.stop().success());
    atmd.restart_with(&Options::default().set("bank.timezone", "Asia/Kolkata"));
    assert_eq!(said()["timezone"], "Asia/Kolkata");
}

/// A plugin that prints the file that it is given, and its installation's stderr.
fn given(site: Option<&str>) -> Value {
    let mut file = json!({ "name": "file", "kind": "path:read", "form": "flag", "help": "What" });
    if let Some(site) = site {
        file["site"] = json!(site);
    }
    json!([{ "name": "go", "summary": "Goes", "connection": "none", "output": "raw", "arguments": [file] }])
}

const PRINTS: &str = "for word; do case $word in --file=*) cat \"${word#--file=}\";; esac; done";

#[test]
fn a_stranger_gets_the_ledger_only_where_that_was_agreed_to() {
    let tools = Tools::with(&[]);
    let ledger = tools.work("data/ledger");
    fs::create_dir_all(&ledger).unwrap();
    fs::write(ledger.join("client.csv"), "secret\n").unwrap();
    let install = |verb: &[&str], file: &Path| {
        tools.run(&[&["plugin"], verb, &[file.to_str().unwrap(), "--yes"]].concat())
    };
    // One that wants no file of the site gets none.
    let modest = tools.stranger("nosy", &given(None), PRINTS);
    let outcome = install(&["install"], &modest).coded(0);
    assert!(!outcome.stderr.contains("ledger"), "{outcome}");
    assert_eq!(tools.run(&["nosy", "go"]).coded(0).stdout, "");
    // One that wants it says so, and asks.
    let nosy = tools.stranger("nosy", &given(Some("ledger/client.csv")), PRINTS);
    let refused = tools.run(&["plugin", "update", "nosy", nosy.to_str().unwrap(), "--no-input"]);
    assert!(refused.code != Some(0), "{refused}");
    let asks = "it wants more than before: reads ledger/client.csv";
    assert!(refused.stderr.contains(asks), "{refused}");
    let outcome = install(&["update", "nosy"], &nosy).coded(0);
    assert!(outcome.stderr.contains("given ledger/client.csv"), "{outcome}");
    assert_eq!(tools.run(&["nosy", "go"]).coded(0).stdout, "secret\n");
    let info = tools.run(&["plugin", "info", "nosy"]).coded(0).stdout;
    assert!(info.contains("reads ledger/client.csv"), "{info}");
    // What else there is cannot be asked for.
    let greedy = tools.stranger("greedy", &given(Some("pki/root.pem")), PRINTS);
    assert!(install(&["install"], &greedy).code != Some(0));
}
