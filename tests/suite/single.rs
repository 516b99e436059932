//! One data directory has one atmd at a time.

use atm_tests::bank;
use atm_tests::daemon::{Atmd, Options};
use atm_tests::{link, process};

/// "Try again": another one is there.
const TEMPORARY: i32 = 75;

#[tokio::test(flavor = "multi_thread")]
async fn a_second_daemon_says_so_and_the_first_goes_on() {
    let mut atmd = Atmd::start(&Options::default());
    let mobile = bank::number(1);
    link::register(&atmd, mobile).await;
    let mut live = link::logged_in(&atmd, mobile).await;
    for _ in 0..3 {
        let second = process::run(atmd.command(&[]), "").coded(TEMPORARY);
        let said = format!("{}{}", second.stdout, second.stderr);
        assert!(said.contains(atmd.data().to_str().unwrap()), "it names no folder:\n{second}");
        assert!(!said.contains("atmd ready"), "{second}");
        live.balance().await.unwrap();
    }
    atmd.kill();
    atmd.restart();
    live.balance().await.unwrap();
}
