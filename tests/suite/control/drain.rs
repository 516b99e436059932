//! Nobody let in: a friendly word for who comes, time for who is there, and an end that is told.

use super::{audited, logged, rows, text};
use atm_rpc::client::{Customer, CustomerError};
use atm_rpc::error::{ServiceError, SessionEnd};
use atm_rpc::types::key::RequestKey;
use atm_tests::daemon::{Atmd, Options};
use atm_tests::wait::eventually;
use atm_tests::{bank, http, link};
use serde_json::Value;
use tokio::task::block_in_place;

const REASON: &str = "new disks";
const CLOSED: &str = "The machine is closed for maintenance: New disks.";

fn drain(atmd: &Atmd, more: &[&str]) -> Value {
    let rows = rows(atmd, &[&["daemon", "drain", "--reason", REASON], more].concat());
    assert_eq!(rows.len(), 1, "{rows:?}");
    rows[0].clone()
}

/// What `atmctl status` says, once it says that so many sessions are left.
fn status(atmd: &Atmd, left: &str) -> Value {
    eventually("status counts the sessions that are left", || {
        let said = atmd.ctl(&["status", "-o", "json"]).coded(3);
        let json: Value = serde_json::from_str(&said.stdout).unwrap();
        let row = json["data"][0].clone();
        if text(&row, "drain_sessions_left") == left { Ok(row) } else { Err(row.to_string()) }
    })
}

fn is_closed<T: std::fmt::Debug>(result: Result<T, CustomerError>) {
    assert!(matches!(result, Err(CustomerError::Service(ServiceError::Closed { .. }))), "{result:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_comes_is_told_and_who_is_there_finishes() {
    let atmd = Atmd::start(&Options::default().with_metrics());
    for n in [1, 2] {
        link::register(&atmd, bank::number(n)).await;
    }
    let mut inside = link::logged_in(&atmd, bank::number(1)).await;
    block_in_place(|| {
        assert_eq!(drain(&atmd, &["--dry-run"])["draining"], true);
        assert_eq!(http::get(atmd.metrics(), "/readyz").unwrap().status, 200, "a trial shuts no door");
        let row = drain(&atmd, &[]);
        assert_eq!((&row["changed"], text(&row, "reason").as_str()), (&Value::Bool(true), REASON));
        assert_eq!(drain(&atmd, &[])["changed"], false);
    });
    is_closed(link::customer(&atmd).lookup(bank::number(2)).await);
    is_closed(link::customer(&atmd).login(&bank::right(bank::number(2)), &bank::terminal()).await);
    is_closed(link::customer(&atmd).register(RequestKey::generate(), &bank::right(bank::number(3))).await);
    let notice = link::customer(&atmd).notice().await.unwrap().unwrap();
    assert_eq!(notice.reason, REASON);
    block_in_place(|| {
        let (known, new) = (bank::number(2).full(), bank::number(3).full());
        for (arguments, input) in [
            (&["balance", "--mobile", &known, "--pin-stdin"][..], "28471\n"),
            (&["register", "--mobile", &new, "--pin-stdin"], "28471\n"),
            (&["redeem", "--mobile", &known, "--pin-stdin"], "7K2M-Q9XD-3HRT\n93618\n"),
        ] {
            let said = atmd.cli(arguments, input).coded(75);
            assert_eq!(said.stderr, format!("atm-cli: {CLOSED}\nTry again later.\n"), "{said}");
        }
        let said =
            atmd.cli(&["balance", "--mobile", &known, "--pin-stdin", "-o", "json"], "28471\n").coded(75);
        let error: Value = serde_json::from_str(&said.stderr).unwrap();
        assert_eq!(error["error"]["reason"], REASON, "{said}");
        let said = atmd.cli(&[], &format!("{known}\n")).coded(75);
        assert!(said.stdout.contains(&format!("{CLOSED}\nTry again later.\nGoodbye.")), "{said}");

        let row = status(&atmd, "1");
        assert_eq!((&row["draining"], text(&row, "drain_reason").as_str()), (&Value::Bool(true), REASON));
        let why = http::get(atmd.metrics(), "/readyz").unwrap();
        assert_eq!(why.status, 503);
        assert!(why.body.starts_with("draining: nobody is let in since "), "{why:?}");
        assert!(why.body.contains("(new disks); 1 session is left"), "{why:?}");
        assert!((http::metrics(atmd.metrics()).value("atmd_draining") - 1.0).abs() < 0.5);
        assert!(
            (http::metrics(atmd.metrics()).value("atmd_not_ready{reason=\"draining\"}") - 1.0).abs() < 0.5
        );
    });
    inside.deposit(RequestKey::generate(), bank::rupees(5)).await.unwrap();
    inside.exit().await.unwrap();
    block_in_place(|| {
        let row = status(&atmd, "0");
        assert!(text(&row, "reasons").contains("drained: no session is left"), "{row}");
        logged(&atmd, "drained: no session is left");
        assert_eq!(rows(&atmd, &["daemon", "undrain"])[0]["changed"], true);
        assert_eq!(rows(&atmd, &["daemon", "undrain"])[0]["changed"], false);
        let _ = atmd.ctl(&["status"]).coded(0);
        assert_eq!(http::get(atmd.metrics(), "/readyz").unwrap().status, 200);
        let reason = "reason=\"new disks\"";
        let drains = [format!("{reason} unchanged"), format!("{reason} done")];
        assert_eq!(audited(&atmd, "daemon_drain"), drains);
        assert_eq!(audited(&atmd, "daemon_undrain"), ["unchanged", "done"]);
    });
    link::logged_in(&atmd, bank::number(2)).await;
}

/// Those that no connection has at that moment as well: their clients may come back with the token until then.
#[tokio::test(flavor = "multi_thread")]
async fn at_the_deadline_the_sessions_that_are_left_end_and_are_told() {
    let mut atmd = Atmd::start(&Options::default());
    let mut inside: Vec<Customer> = Vec::new();
    for n in [1, 2] {
        link::register(&atmd, bank::number(n)).await;
        inside.push(link::logged_in(&atmd, bank::number(n)).await);
    }
    block_in_place(|| {
        // Their connections end with it, and the sessions do not.
        atmd.restart();
        let row = drain(&atmd, &["--deadline", "1h"]);
        assert_ne!(text(&row, "deadline"), "");
        status(&atmd, "2");
    });
    inside[0].balance().await.unwrap();
    block_in_place(|| {
        let row = drain(&atmd, &["--deadline", "1ms"]);
        assert_eq!(row["changed"], true, "another deadline is another wish: {row}");
        status(&atmd, "0");
        logged(&atmd, "the deadline of the drain is over");
    });
    for customer in &mut inside {
        let told = customer.deposit(RequestKey::generate(), bank::rupees(5)).await;
        let end = ServiceError::Unauthenticated(SessionEnd::Drained);
        assert!(matches!(told, Err(CustomerError::Service(error)) if error == end), "{told:?}");
    }
    block_in_place(|| {
        // A drain is of the process: who takes a machine out for longer stops atmd.
        atmd.restart();
        let _ = atmd.ctl(&["status"]).coded(0);
    });
    link::logged_in(&atmd, bank::number(1)).await;
}

#[test]
fn what_is_no_wish_is_refused_by_name() {
    let atmd = Atmd::start(&Options::default());
    for (arguments, words) in [
        (&["daemon", "drain", "--reason", " "][..], "a reason is 1 to 200 characters"),
        (&["daemon", "drain", "--reason", "x", "--deadline", "8d"], "a deadline is 1 millisecond to 7 days"),
        (&["daemon", "drain"], "--reason"),
        (&["daemon", "drain", "--reason", "x", "--deadline", "soon"], "soon"),
    ] {
        let said = atmd.ctl(arguments).coded(2);
        assert!(said.stderr.contains(words), "{said}");
    }
    let _ = atmd.ctl(&["status"]).coded(0);
}
