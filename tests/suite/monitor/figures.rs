//! `show`, `history` and `top` tell what was done.

use atm_rpc::customer::CustomerClient;
use atm_rpc::types::key::RequestKey;
use atm_tests::daemon::{Atmd, Options};
use atm_tests::link::{self, HERE, patient};
use atm_tests::process::Outcome;
use atm_tests::{bank, wait};
use serde_json::Value;

const DEPOSITS: u64 = 25;
const REFUSED: u64 = 3;

/// A customer who deposits often, wants more than there is sometimes, and mistyped the PIN once.
async fn customer(atmd: &Atmd) -> CustomerClient {
    let mobile = bank::number(1);
    link::register(atmd, mobile).await;
    let client = link::plain(atmd, HERE).await;
    let wrong = client.login(patient(), bank::wrong(mobile), bank::terminal()).await.unwrap();
    assert!(wrong.is_err());
    link::login(&client, mobile).await.unwrap();
    for _ in 0..DEPOSITS {
        client.deposit(patient(), RequestKey::generate(), bank::rupees(100)).await.unwrap().unwrap();
    }
    for _ in 0..REFUSED {
        let answer = client.withdraw(patient(), RequestKey::generate(), bank::rupees(5_000)).await.unwrap();
        assert!(answer.is_err());
    }
    client
}

fn rows(outcome: &Outcome) -> Vec<Value> {
    outcome.json()["data"].as_array().unwrap().clone()
}

/// The value of a figure, as a number.
fn figure(rows: &[Value], name: &str) -> f64 {
    let row = rows.iter().find(|row| row["name"] == name).unwrap_or_else(|| panic!("no {name}: {rows:?}"));
    number(&row["value"])
}

fn number(value: &Value) -> f64 {
    value.as_str().and_then(|text| text.parse().ok()).unwrap_or_else(|| panic!("{value} is no number"))
}

#[tokio::test(flavor = "multi_thread")]
async fn figures_are_what_was_done() {
    let atmd = Atmd::start(&Options::default());
    let client = customer(&atmd).await;
    let shown = rows(&atmd.ctl(&["monitor", "show", "-o", "json"]));
    let told = client.version(patient()).await;
    assert!(told.is_ok(), "the connection is still there");
    let exact = [
        ("ready", 1.0),
        ("sessions_open", 1.0),
        ("login_failures_total", 1.0),
        ("lock_outs_total", 0.0),
        ("requests_failed_total", 0.0),
        ("database_up", 1.0),
        ("operator_connections_active", 1.0),
        ("connections_active", 1.0),
    ];
    for (name, expected) in exact {
        let found = figure(&shown, name);
        assert!((found - expected).abs() < 1e-9, "{name} is {found} and not {expected}");
    }
    assert!(figure(&shown, "requests_rejected_total") >= REFUSED as f64);
    assert!(figure(&shown, "requests_total") >= (DEPOSITS + REFUSED) as f64);
    assert!(figure(&shown, "memory_bytes") > 1e6 && figure(&shown, "batches_total") >= DEPOSITS as f64);
    assert!(figure(&shown, "certificate_ca_days") > 30.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn top_has_methods_rejections_and_addresses() {
    let atmd = Atmd::start(&Options::default());
    let client = customer(&atmd).await;
    let told = rows(&atmd.ctl(&["monitor", "top", "--over", "100ms", "-o", "json"]));
    drop(client);
    let of = |what: &str, name: &str| {
        let row = told.iter().find(|row| row["what"] == what && row["name"] == name);
        row.unwrap_or_else(|| panic!("no {what} {name}: {told:?}"))["count"].clone()
    };
    assert_eq!(of("method", "deposit"), DEPOSITS.to_string());
    assert_eq!(of("method", "withdraw"), REFUSED.to_string());
    assert_eq!(of("peer", "127.0.0.1"), "1");
    assert!(told.iter().any(|row| row["what"] == "rejection"), "{told:?}");
    let first = told.iter().find(|row| row["what"] == "method").unwrap();
    assert_eq!(first["name"], "operator metrics", "what was called meanwhile comes first");
    let few = rows(&atmd.ctl(&["monitor", "top", "--over", "10ms", "--rows", "1", "-o", "json"]));
    assert!(few.len() <= 3, "{few:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn history_has_every_request_once() {
    let atmd = Atmd::start(&Options::default().set("server.monitor_interval", "1s"));
    let _client = customer(&atmd).await;
    let sum = |rows: &[Value], column: &str| rows.iter().map(|row| number(&row[column])).sum::<f64>();
    let counted = |rows: &[Value]| {
        rows.iter().map(|row| number(&row["requests_per_s"]) * number(&row["length"]) / 1e3).sum::<f64>()
    };
    let expected = figure(&rows(&atmd.ctl(&["monitor", "show", "-o", "json"])), "requests_total");
    for arguments in
        [&["--since", "-10m"][..], &["--since=-10m", "--every", "5m"], &["--since", "2020-01-01"]]
    {
        wait::eventually("the last interval ends", || {
            let line = [&["monitor", "history", "-o", "json"], arguments].concat();
            let told = rows(&atmd.ctl(&line));
            // Rates have three decimals.
            let found = counted(&told);
            let fits = (found - expected).abs() < 0.5 && (sum(&told, "login_failures") - 1.0).abs() < 1e-9;
            if fits { Ok(()) } else { Err(format!("{found} and not {expected}: {told:?}")) }
        });
    }
    let future = atmd.ctl(&["monitor", "history", "--since", "2100-01-01", "-o", "json"]);
    assert!(rows(&future).is_empty(), "{future}");
}

#[test]
fn a_condition_that_holds_is_a_finding() {
    let atmd = Atmd::start(&Options::default());
    let _ = atmd.ctl(&["monitor", "show", "--fail-if", "ready < 1", "--fail-if", "threads>100000"]).coded(0);
    let found =
        atmd.ctl(&["monitor", "show", "--fail-if", "ready < 1", "--fail-if", "ready >= 1", "-o", "json"]);
    let found = found.coded(3);
    assert_eq!(found.stderr, "note: ready >= 1: it is 1\n");
    assert!(found.stdout.contains("memory_bytes"), "{found}");
    let table = [
        ("redy < 1", "did you mean ready?"),
        ("weather > 3", "there are: ready, "),
        ("ready", "NAME OP NUMBER"),
    ];
    for (condition, told) in table {
        let failed = atmd.ctl(&["monitor", "show", "--fail-if", condition]).coded(2);
        assert!(failed.stdout.is_empty() && failed.stderr.contains(told), "{condition}: {failed}");
    }
    let failed = atmd.ctl(&["monitor", "history", "--since", "yesterday"]).coded(2);
    assert!(failed.stderr.contains("-2h"), "{failed}");
}
