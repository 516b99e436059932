//! The folder of the log is gone, and that of the ledgers cannot be written.

use super::check;
use atm_rpc::client::Customer;
use atm_rpc::types::key::RequestKey;
use atm_tests::bank::{self, rupees};
use atm_tests::books::Books;
use atm_tests::daemon::{Atmd, Options};
use atm_tests::link;
use atm_tests::wait::eventually;
use serde_json::Value;
use std::collections::HashSet;
use std::fs;
use tokio::task::block_in_place;

async fn deposit(customer: &mut Customer, acknowledged: &mut HashSet<RequestKey>) {
    let key = RequestKey::generate();
    customer.deposit(key, rupees(1)).await.expect("a customer is served");
    acknowledged.insert(key);
}

fn status(atmd: &Atmd) -> Value {
    atmd.ctl(&["status", "-o", "json"]).coded(0).json()["data"][0].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_whose_folder_is_gone_goes_on_in_a_new_one() {
    let options =
        Options::default().set("logging.logfile", "logs/atmd.log").set("server.monitor_interval", "1s");
    let mut atmd = Atmd::start(&options);
    let folder = atmd.data().join("logs");
    link::register(&atmd, bank::number(1)).await;
    let mut customer = link::logged_in(&atmd, bank::number(1)).await;
    let mut acknowledged = HashSet::new();
    let log = || fs::read_to_string(folder.join("atmd.log")).unwrap_or_default();

    fs::remove_dir_all(&folder).unwrap();
    deposit(&mut customer, &mut acknowledged).await;
    block_in_place(|| {
        eventually("the log goes on", || {
            let log = log();
            if log.contains("the log's file was taken away") { Ok(()) } else { Err(log) }
        });
    });

    // A file where the folder was, so that there cannot be another one.
    fs::remove_dir_all(&folder).unwrap();
    fs::write(&folder, "").unwrap();
    deposit(&mut customer, &mut acknowledged).await;
    block_in_place(|| {
        eventually("status tells of it", || {
            let status = status(&atmd);
            let warnings = status["warnings"].as_str().unwrap_or_default();
            if warnings.contains("lines are lost") { Ok(()) } else { Err(status.to_string()) }
        });
    });
    fs::remove_file(&folder).unwrap();
    deposit(&mut customer, &mut acknowledged).await;
    block_in_place(|| {
        eventually("the log tells how many lines were lost", || {
            let log = log();
            if log.contains("lines of the log were lost") { Ok(()) } else { Err(log) }
        });
        assert_eq!(status(&atmd)["warnings"], Value::Null);
    });
    assert!(block_in_place(|| atmd.stop()).success());
    let log = log();
    assert!(!log.contains("panicked"), "{log}");
    check(&Books::of(&atmd.config()).await, &acknowledged);
}

#[tokio::test(flavor = "multi_thread")]
async fn ledgers_that_cannot_be_written_catch_up_when_they_can() {
    let mut atmd = Atmd::start(&Options::default());
    link::register(&atmd, bank::number(1)).await;
    let mut customer = link::logged_in(&atmd, bank::number(1)).await;
    let mut acknowledged = HashSet::new();
    let (folder, away) = (atmd.data().join("ledger"), atmd.data().join("away"));
    let lag = |atmd: &Atmd| status(atmd)["projection_lag_entries"].as_str().unwrap().parse::<u64>().unwrap();
    deposit(&mut customer, &mut acknowledged).await;
    block_in_place(|| {
        eventually("the ledgers have all", || {
            if lag(&atmd) == 0 { Ok(()) } else { Err(lag(&atmd).to_string()) }
        });
    });
    // Root writes wherever modes forbid it; nobody makes a file in what is no folder.
    fs::rename(&folder, &away).unwrap();
    fs::write(&folder, "").unwrap();
    for _ in 0..3 {
        deposit(&mut customer, &mut acknowledged).await;
    }
    block_in_place(|| {
        eventually("log and status tell of it", || {
            let (log, lag) = (atmd.log(), lag(&atmd));
            let told = log.contains("the CSV ledgers are behind; trying again") && lag >= 3;
            if told { Ok(()) } else { Err(format!("{lag}: {log}")) }
        });
    });
    // A restart finds the same, serves, and says so again.
    block_in_place(|| atmd.restart());
    deposit(&mut customer, &mut acknowledged).await;
    fs::remove_file(&folder).unwrap();
    fs::rename(&away, &folder).unwrap();
    block_in_place(|| {
        eventually("the ledgers catch up", || {
            if lag(&atmd) == 0 { Ok(()) } else { Err(lag(&atmd).to_string()) }
        });
    });
    assert!(block_in_place(|| atmd.stop()).success());
    assert!(!atmd.log().contains("panicked"), "{}", atmd.log());
    check(&Books::of(&atmd.config()).await, &acknowledged);
}
