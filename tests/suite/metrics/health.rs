//! `/readyz`, `/livez` and `atmctl status` in each state that atmd can be in.

use atm_rpc::types::key::RequestKey;
use atm_tests::bank::{self, rupees};
use atm_tests::daemon::{Atmd, Options};
use atm_tests::http;
use atm_tests::link::{self, HERE, patient};
use atm_tests::servers::{Engine, Server};
use atm_tests::wait::eventually;
use std::fs;
use std::net::SocketAddr;
use std::thread;
use tokio::task::block_in_place;

/// Waits until `/readyz` has a line that begins so, with 503.
fn not_ready(at: SocketAddr, reason: &str) -> String {
    eventually(reason, || match http::get(at, "/readyz") {
        Ok(answer) if answer.status == 503 && answer.body.lines().any(|line| line.starts_with(reason)) => {
            Ok(answer.body)
        }
        Ok(answer) => Err(format!("{answer:?}")),
        Err(error) => Err(error.to_string()),
    })
}

fn ready(at: SocketAddr) {
    eventually("ready", || match http::get(at, "/readyz") {
        Ok(answer) if (answer.status, answer.body.as_str()) == (200, "ok\n") => Ok(()),
        Ok(answer) => Err(format!("{answer:?}")),
        Err(error) => Err(error.to_string()),
    });
    assert!((http::metrics(at).value("atmd_ready") - 1.0).abs() < 0.5);
}

fn alive(at: SocketAddr) {
    let answer = http::get(at, "/livez").unwrap();
    assert_eq!((answer.status, answer.body.as_str()), (200, "ok\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_not_ready_as_soon_as_it_stops() {
    let options = Options::default().with_metrics().set("auth.failure_delay", "3s");
    let mut atmd = Atmd::start(&options);
    let at = atmd.metrics();
    ready(at);
    link::register(&atmd, bank::number(1)).await;
    let client = link::plain(&atmd, HERE).await;
    // Its answer waits for the delay, and the stop for the answer.
    let refused =
        tokio::spawn(
            async move { client.login(patient(), bank::wrong(bank::number(1)), bank::terminal()).await },
        );
    block_in_place(|| {
        eventually("the PIN was hashed", || {
            let wrong = http::metrics(at).value("atmd_login_failures_total");
            if wrong > 0.5 { Ok(()) } else { Err("no wrong PIN yet".into()) }
        });
        let stopping = thread::spawn(move || atmd.stop());
        let why = not_ready(at, "stopping: atmd stops");
        assert_eq!(why, "stopping: atmd stops\n");
        alive(at);
        assert!((http::metrics(at).value("atmd_not_ready{reason=\"stopping\"}") - 1.0).abs() < 0.5);
        assert!(stopping.join().unwrap().success());
    });
    assert!(refused.await.unwrap().unwrap().is_err(), "what was under way is answered");
    assert!(http::get(at, "/readyz").is_err());
}

#[test]
fn it_is_not_ready_while_the_schema_is_brought_up_to_date() {
    let Some(database) = Engine::PostgreSql.database() else { return };
    let options = database.options(&Options::default().with_metrics());
    let mut atmd = Atmd::start(&options);
    assert!(atmd.stop().success());
    let mut other = database.session();
    assert!(other.run("BEGIN; LOCK TABLE seaql_migrations IN ACCESS EXCLUSIVE MODE").is_empty());
    let at = atmd.metrics();
    let starting = thread::spawn(move || {
        atmd.restart();
        atmd
    });
    not_ready(at, "migrating: ");
    alive(at);
    assert!((http::metrics(at).value("atmd_not_ready{reason=\"migrating\"}") - 1.0).abs() < 0.5);
    assert!(other.run("ROLLBACK").is_empty());
    let _atmd = starting.join().unwrap();
    ready(at);
}

#[test]
fn it_is_not_ready_without_its_database() {
    for engine in [Engine::PostgreSql, Engine::MariaDb] {
        let Some(mut server) = Server::start(engine) else { continue };
        let atmd = Atmd::start(&server.database().options(&Options::default().with_metrics()));
        let at = atmd.metrics();
        ready(at);
        server.stop();
        let why = not_ready(at, "database: the database does not answer: ");
        assert_eq!(why.lines().count(), 1, "{why}");
        alive(at);
        // Whoever is woken by it sees what it is.
        let said = atmd.ctl(&["status", "-o", "json"]).coded(3).stdout;
        let row = serde_json::from_str::<serde_json::Value>(&said).unwrap()["data"][0].clone();
        assert!(row["reasons"].as_str().unwrap().contains("the database does not answer"), "{row}");
        let _ = atmd.ctl(&["monitor", "show", "--fail-if", "database_up < 1"]).coded(3);
        let _ = atmd.ctl(&["blacklist", "list"]).coded(75);
        let now = http::metrics(at);
        assert!(now.value("atmd_database_up").abs() < 0.5);
        assert!(now.value("atmd_database_errors_total{operation=\"read\"}") > 0.5);
        server.restart();
        ready(at);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_not_ready_while_its_writer_waits() {
    let Some(database) = block_in_place(|| Engine::PostgreSql.database()) else { return };
    let options = database.options(&Options::default().with_metrics());
    let atmd = block_in_place(|| Atmd::start(&options));
    let at = atmd.metrics();
    link::register(&atmd, bank::number(1)).await;
    let mut customer = link::logged_in(&atmd, bank::number(1)).await;
    let mut other = database.session();
    let rows = block_in_place(|| other.run("BEGIN; SELECT id FROM bank WHERE id = 1 FOR UPDATE"));
    assert_eq!(rows, ["1"]);
    let waiting = tokio::spawn(async move { customer.deposit(RequestKey::generate(), rupees(7)).await });
    block_in_place(|| {
        not_ready(at, "writer: the writer has been at one batch for ");
        assert!(http::metrics(at).value("atmd_writer_batch_age_seconds") > 4.9);
        alive(at);
        assert!(other.run("ROLLBACK").is_empty());
        ready(at);
    });
    waiting.await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_not_ready_while_the_ledgers_are_too_far_behind() {
    let atmd = Atmd::start(&Options::default().with_metrics().set("metrics.projection_lag_max", "3"));
    let at = atmd.metrics();
    link::register(&atmd, bank::number(1)).await;
    let mut customer = link::logged_in(&atmd, bank::number(1)).await;
    block_in_place(|| ready(at));
    // A folder in the place of a ledger, and nothing can be written there.
    let (ledger, away) = (atmd.client_csv(), atmd.data().join("away.csv"));
    fs::rename(&ledger, &away).unwrap();
    fs::create_dir(&ledger).unwrap();
    for _ in 0..5 {
        let _ = customer.deposit(RequestKey::generate(), rupees(1)).await.unwrap();
    }
    block_in_place(|| {
        // How many may change: whoever registered has yet to leave.
        let lack = "the CSV ledgers lack ";
        not_ready(at, &format!("projection: {lack}"));
        assert!(http::metrics(at).value("atmd_projection_lag_entries") > 3.5);
        eventually("they stand still", || match http::metrics(at).value("atmd_projection_stalled_seconds") {
            stalled if stalled > 1.0 => Ok(()),
            stalled => Err(stalled.to_string()),
        });
        alive(at);
        let status = atmd.ctl(&["status"]).coded(3);
        assert!(status.stdout.contains(lack), "{status}");
        fs::remove_dir(&ledger).unwrap();
        fs::rename(&away, &ledger).unwrap();
        ready(at);
        let _ = atmd.ctl(&["status"]).coded(0);
        let now = http::metrics(at);
        assert!(now.value("atmd_projection_lag_entries").abs() < 0.5);
        assert!(now.value("atmd_projection_stalled_seconds").abs() < 0.5);
    });
}
