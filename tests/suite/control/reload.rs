//! The configuration read again: what can hold without a restart holds at once and whole, what cannot is named, and
//! mistakes change nothing.

use super::{audited, logged, rows, text};
use atm_rpc::client::CustomerError;
use atm_rpc::error::{Rejection, ServiceError, SessionEnd};
use atm_rpc::transport::CUSTOMER;
use atm_rpc::types::key::RequestKey;
use atm_tests::daemon::{Atmd, Options};
use atm_tests::programs::programs;
use atm_tests::wait::{PATIENCE, eventually, exit};
use atm_tests::{bank, link};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use std::fs;
use std::process::{Command, Stdio};
use tempfile::TempDir;
use tokio::io::AsyncReadExt;
use tokio::task::block_in_place;

/// `key: old -> new, state` of each row.
fn told(rows: &[Value]) -> Vec<String> {
    let of = |row: &Value| {
        let [key, old, new, state] = ["key", "old", "new", "state"].map(|field| text(row, field));
        format!("{key}: {old} -> {new}, {state}")
    };
    rows.iter().map(of).collect()
}

fn reload(atmd: &Atmd) -> Vec<String> {
    told(&rows(atmd, &["daemon", "reload"]))
}

async fn withdraw(customer: &mut atm_rpc::client::Customer, whole: i64) -> Option<Rejection> {
    match customer.withdraw(RequestKey::generate(), bank::rupees(whole)).await {
        Ok(_) => None,
        Err(CustomerError::Service(ServiceError::Rejected(no))) => Some(no),
        Err(other) => panic!("{other}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_can_hold_does_and_the_rest_waits_for_a_restart() {
    let options = Options::default().set("limits.withdraw_max", "5000.00");
    let mut atmd = Atmd::start(&options);
    link::register(&atmd, bank::number(1)).await;
    let mut customer = link::logged_in(&atmd, bank::number(1)).await;
    customer.deposit(RequestKey::generate(), bank::rupees(9_000)).await.unwrap();
    let options = options
        .set("limits.withdraw_max", "4000.00")
        .set("logging.level", "debug")
        .set("server.worker_threads", "3")
        .set("mysql.password", "not-for-eyes");
    atmd.configure(&options);
    let changed =
        ["limits.withdraw_max: 5000.00 -> 4000.00, changed", "logging.level: info -> debug, changed"];
    let waits =
        ["server.worker_threads: 2 -> 3, needs restart", "mysql.password:  -> ********, needs restart"];
    let all = [waits[0], changed[0], waits[1], changed[1]];
    block_in_place(|| {
        let tried = rows(&atmd, &["daemon", "reload", "--dry-run"]);
        assert!(tried.iter().all(|row| row["dry_run"] == true), "{tried:?}");
        assert_eq!(told(&tried), all);
    });
    assert_eq!(withdraw(&mut customer, 4_500).await, None, "a trial changes nothing");
    block_in_place(|| {
        assert_eq!(reload(&atmd), all);
        assert_eq!(reload(&atmd), waits, "what holds is told of once");
        let shown = atmd.ctl(&["daemon", "reload"]).coded(0);
        assert!(shown.stdout.contains("needs restart"), "{shown}");
        let audited = audited(&atmd, "daemon_reload");
        assert_eq!(audited, ["unchanged", "unchanged", "done: 2 changed, 2 need a restart"]);
        assert!(!logged(&atmd, "limits.withdraw_max").contains("not-for-eyes"));
    });
    let maximum = bank::rupees(4_000);
    assert_eq!(withdraw(&mut customer, 4_500).await, Some(Rejection::AboveMaximum { maximum }));
    assert!(customer.has_session(), "sessions go on");
    assert_eq!(link::customer(&atmd).version().await.unwrap().withdraw_max, maximum);
    block_in_place(|| {
        atmd.restart();
        assert_eq!(reload(&atmd), [""; 0], "the restart made the rest hold");
        let said = atmd.ctl(&["daemon", "reload"]).coded(0);
        assert!(said.stderr.contains("every key has the value that holds already"), "{said}");
    });
    assert_eq!(withdraw(&mut customer, 4_500).await, Some(Rejection::AboveMaximum { maximum }));
}

#[tokio::test(flavor = "multi_thread")]
async fn mistakes_change_nothing_and_are_named() {
    let options = Options::default();
    let atmd = Atmd::start(&options);
    let bad = options
        .clone()
        .set("limits.withdraw_max", "much")
        .set("limits.withdraw_min", "200.00")
        .set("server.prot", "1");
    atmd.configure(&bad);
    let mistakes = ["[limits] withdraw_max = \"much\": ", "[server] has no key prot; did you mean port?"];
    block_in_place(|| {
        for arguments in [&["daemon", "reload", "--dry-run"][..], &["daemon", "reload"]] {
            let said = atmd.ctl(arguments).coded(78);
            assert!(said.stderr.contains("nothing was changed"), "{said}");
            for mistake in mistakes {
                assert!(said.stderr.contains(mistake) && said.stderr.contains("config.ini:"), "{said}");
            }
        }
        assert_eq!(audited(&atmd, "daemon_reload"), ["refused: 2 mistakes"]);
        let before = atmd.log();
        atmd.signal(Signal::HUP);
        let log = eventually("the log names the mistakes of SIGHUP", || {
            let log = atmd.log();
            let new = log.get(before.len()..).unwrap_or_default().to_owned();
            if mistakes
                .iter()
                .all(|mistake| new.contains(&mistake.replace('"', "\\\"")) || new.contains(mistake))
            {
                Ok(new)
            } else {
                Err(log)
            }
        });
        assert!(log.contains("nothing was changed"), "{log}");
    });
    assert_eq!(link::customer(&atmd).version().await.unwrap().withdraw_min, bank::rupees(100));
    block_in_place(|| {
        // Good by themselves, and still not for this bank.
        for (key, value, words) in [
            ("bank.currency", "EUR", "the bank has INR, for good"),
            ("server.max_connections", "999999", "open files"),
        ] {
            atmd.configure(&options.clone().set(key, value).set("limits.withdraw_min", "200.00"));
            let said = atmd.ctl(&["daemon", "reload"]).coded(78);
            assert!(said.stderr.contains(words), "{said}");
        }
    });
    assert_eq!(link::customer(&atmd).version().await.unwrap().withdraw_min, bank::rupees(100));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_certificate_is_for_new_connections_and_old_ones_go_on() {
    let options = Options::default();
    let atmd = Atmd::start(&options);
    let certificate = async || {
        let stream = link::stream(&atmd, CUSTOMER, link::HERE).await;
        stream.get_ref().1.peer_certificates().unwrap()[0].to_vec()
    };
    let holds =
        |certificate: &[u8], name: &str| certificate.windows(name.len()).any(|part| part == name.as_bytes());
    link::register(&atmd, bank::number(1)).await;
    let client = link::plain(&atmd, link::HERE).await;
    link::login(&client, bank::number(1)).await.unwrap();
    let before = certificate().await;
    assert_eq!(certificate().await, before);
    let name = "machines.example.org";
    atmd.configure_with_names(&options, &[name]);
    let rows = block_in_place(|| reload(&atmd));
    assert!(rows.len() == 1 && rows[0].starts_with("server.names: ") && rows[0].contains(name), "{rows:?}");
    let after = certificate().await;
    assert!(!holds(&before, name) && holds(&after, name));
    let deposit = client.deposit(link::patient(), RequestKey::generate(), bank::rupees(5));
    assert!(deposit.await.unwrap().is_ok(), "the connection of before goes on");
    assert_eq!(block_in_place(|| reload(&atmd)), [""; 0]);
    assert_ne!(certificate().await, after, "it is issued anew each time");
}

/// A shorter time holds for those who are there already.
#[tokio::test(flavor = "multi_thread")]
async fn times_that_are_shortened_end_what_waits_by_the_old_ones() {
    let options = Options::default().set("server.login_timeout", "1h").set("limits.idle_timeout", "1h");
    let atmd = Atmd::start(&options);
    link::register(&atmd, bank::number(1)).await;
    let client = link::plain(&atmd, link::HERE).await;
    link::login(&client, bank::number(1)).await.unwrap();
    let mut stranger = link::stream(&atmd, CUSTOMER, link::HERE).await;
    atmd.configure(&options.set("server.login_timeout", "100ms").set("limits.idle_timeout", "100ms"));
    atmd.signal(Signal::HUP);
    assert_eq!(stranger.read(&mut [0; 8]).await.unwrap_or(0), 0, "its connection ends");
    block_in_place(|| logged(&atmd, "reason=Idle"));
    let late = client.balance(link::patient()).await;
    let idle = ServiceError::Unauthenticated(SessionEnd::Idle);
    assert!(late.is_err() || late.as_ref().is_ok_and(|answer| *answer == Err(idle)), "{late:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn fewer_places_hold_for_those_who_come() {
    let options = Options::default();
    let atmd = Atmd::start(&options);
    let first = link::plain(&atmd, link::HERE).await;
    atmd.configure(&options.clone().set("server.max_connections", "1"));
    let _ = block_in_place(|| reload(&atmd));
    let refused = link::tcp(atmd.customers(), link::HERE).await;
    let mut refused = refused;
    assert_eq!(refused.read(&mut [0; 8]).await.unwrap_or(0), 0, "there is no place for it");
    assert!(first.version(link::patient()).await.is_ok(), "who is there stays");
    atmd.configure(&options);
    let _ = block_in_place(|| reload(&atmd));
    assert!(link::plain(&atmd, link::HERE).await.version(link::patient()).await.is_ok());
}

#[test]
fn a_file_that_atmd_found_by_itself_is_missed() {
    let folder = TempDir::new().unwrap();
    let config = folder.path().join("config.ini");
    let text = "[server]\nhost = 127.0.0.1\nport = 0\n[operator]\nlisten = 127.0.0.1:0\n[limits]\nwithdraw_max = 6000\n";
    fs::write(&config, text).unwrap();
    let mut atmd = Command::new(programs().path("atmd"));
    let mut child =
        atmd.env_clear().current_dir(&folder).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let log = || fs::read_to_string(folder.path().join("data/bank_server.log")).unwrap_or_default();
    let says = |words: &str| {
        eventually("the log tells", || if log().contains(words) { Ok(()) } else { Err(log()) });
    };
    says("atmd started");
    fs::remove_file(&config).unwrap();
    let pid = Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap();
    kill_process(pid, Signal::HUP).unwrap();
    says("config.ini: atmd was started with it, and it is not there");
    assert!(!log().contains("withdraw_max"), "{}", log());
    kill_process(pid, Signal::TERM).unwrap();
    assert!(exit(&mut child, PATIENCE).is_some_and(|status| status.success()));
}
