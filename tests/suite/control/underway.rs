//! Under the load of 64 sessions: the configuration read again, nobody let in, ended and started, and another version
//! on the same data. What was acknowledged is there once, and no customer sees what its client does not mend.

use super::rows;
use crate::checker;
use crate::load::{self, CLIENTS, Load, Progress};
use atm_rpc::client::CustomerError;
use atm_rpc::error::ServiceError;
use atm_tests::books::Books;
use atm_tests::daemon::Atmd;
use atm_tests::previous::previous_atmd;
use atm_tests::programs::programs;
use atm_tests::{bank, link, process};
use rustix::process::Signal;
use std::path::Path;
use std::process::Command;
use tokio::task::block_in_place;

/// Movements that are acknowledged between two steps.
const MOVEMENTS: u64 = 200;

/// Ends the load, and holds what its customers were told against the books.
async fn assert_whole(mut atmd: Atmd, load: Load) {
    let movers = load.end().await;
    for mover in &movers {
        assert!(mover.client.has_session(), "{:?} did not keep its session", mover.mobile);
    }
    let settled = checker::settle(movers).await;
    assert_eq!(settled.differences, []);
    assert!(block_in_place(|| atmd.stop()).success());
    let books = Books::of(&atmd.config()).await;
    assert_eq!(checker::compare(&books, &settled), []);
}

/// A customer who comes now, and does not go on from before.
async fn comes(atmd: &Atmd, n: u32) {
    link::logged_in(atmd, bank::number(n)).await.exit().await.unwrap();
}

/// What a program calls itself.
fn version(atmd: &Path) -> String {
    let mut command = Command::new(atmd);
    command.arg("--version");
    process::run(command, "").coded(0).stdout
}

/// Under way, and with movements after it.
fn step<T>(progress: &Progress, act: impl FnOnce() -> T) -> T {
    block_in_place(|| {
        progress.wait_for(MOVEMENTS);
        let done = act();
        progress.wait_for(MOVEMENTS);
        done
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn customers_notice_nothing_of_what_operators_do() {
    let options = load::options();
    let mut atmd = Atmd::start(&options);
    let newcomer = CLIENTS + 1;
    link::register(&atmd, bank::number(newcomer)).await;
    let load = Load::start(&atmd, CLIENTS).await;
    let progress = load.progress();
    for (round, withdraw_max) in ["300.00", "4000.00"].into_iter().enumerate() {
        atmd.configure_with_names(&options.clone().set("limits.withdraw_max", withdraw_max), &["a.example"]);
        step(&progress, || match round {
            0 => assert!(!rows(&atmd, &["daemon", "reload"]).is_empty()),
            _ => atmd.signal(Signal::HUP),
        });
        comes(&atmd, newcomer).await;
    }
    let drained = step(&progress, || rows(&atmd, &["daemon", "drain", "--reason", "new disks"]));
    assert_eq!(drained[0]["changed"], true);
    let late = link::customer(&atmd).login(&bank::right(bank::number(newcomer)), &bank::terminal()).await;
    assert!(matches!(late, Err(CustomerError::Service(ServiceError::Closed { .. }))), "{late:?}");
    step(&progress, || atmd.restart());
    comes(&atmd, newcomer).await;
    step(&progress, || atmd.restart());
    comes(&atmd, newcomer).await;
    assert_whole(atmd, load).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn customers_of_the_version_before_go_on_with_this_one() {
    // Built before anybody waits for it.
    let now = block_in_place(|| programs().path("atmd"));
    let Some(before) = block_in_place(previous_atmd) else { return };
    assert_ne!(version(&before), version(now), "the version before is this one");
    let mut atmd = Atmd::prepare(&load::options()).in_place_of_atmd(Some(before));
    block_in_place(|| atmd.restart());
    let load = Load::start(&atmd, CLIENTS).await;
    let mut atmd = step(&load.progress(), || {
        let mut atmd = atmd.in_place_of_atmd(None);
        atmd.restart();
        atmd
    });
    // And once more, on what this one wrote itself.
    step(&load.progress(), || atmd.restart());
    assert_whole(atmd, load).await;
}
