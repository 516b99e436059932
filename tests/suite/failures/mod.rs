//! What goes wrong between atmd and its database server, each provoked on purpose: commits whose outcome nobody
//! told, servers that die, freeze or stay away, locks of others, rows that cannot be stored, and all that keeps
//! atmd from starting.

mod away;
mod broken;
mod commit;
mod locks;
mod poison;
mod start;

use crate::checker::{self, Settled};
use crate::load::{Load, Progress};
use atm_tests::books::Books;
use atm_tests::daemon::Atmd;
use atm_tests::wait::eventually;
use futures::future::BoxFuture;
use tokio::task::block_in_place;

/// Customers at a time, where it is not their number that matters.
const FEW: u32 = 8;

/// Makes a module of that name with one test for each server. They call the function of that name.
macro_rules! on_each_server {
    ($($check:ident),+ $(,)?) => { $(mod $check {
        use atm_tests::servers::Engine;

        #[tokio::test(flavor = "multi_thread")]
        async fn on_mariadb() {
            super::$check(Engine::MariaDb).await;
        }

        #[tokio::test(flavor = "multi_thread")]
        async fn on_postgresql() {
            super::$check(Engine::PostgreSql).await;
        }
    })+ };
}

use on_each_server;

/// Runs checks that mostly wait for time-outs at the same time.
async fn at_once<const N: usize>(checks: [BoxFuture<'static, ()>; N]) {
    for check in checks.map(tokio::spawn) {
        check.await.unwrap();
    }
}

/// Waits until the log tells of something that many times.
fn told(atmd: &Atmd, what: &str, times: usize) {
    eventually(what, || {
        let log = atmd.log();
        if log.matches(what).count() >= times { Ok(()) } else { Err(log) }
    });
}

/// Waits without keeping a thread of the tests' own work from running.
fn wait_for(progress: &Progress, more: u64) {
    block_in_place(|| progress.wait_for(more));
}

/// Ends the load and atmd, and finds what customers were told in the books: all of it once, and nothing else.
async fn agrees(mut atmd: Atmd, load: Load) {
    let settled: Settled = checker::settle(load.end().await).await;
    assert_eq!(settled.differences, []);
    assert!(block_in_place(|| atmd.stop()).success());
    let books = Books::of(&atmd.config()).await;
    assert_eq!(checker::compare(&books, &settled), []);
}
