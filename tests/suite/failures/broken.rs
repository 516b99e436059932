//! Another hand in the bank's database: where the books would not balance any more, atmd says so, stores nothing,
//! and ends, and a start does not go on from there.

use super::on_each_server;
use atm_rpc::types::account::AccountId;
use atm_tests::bank;
use atm_tests::daemon::{Atmd, Options};
use atm_tests::link;
use atm_tests::process::run;
use atm_tests::servers::Engine;
use std::net::Ipv4Addr;
use tokio::task::block_in_place;

on_each_server!(a_balance_below_zero_ends_atmd, a_journal_cut_at_its_end_is_not_opened);

/// What ended inside.
const SOFTWARE: i32 = 70;
const CONFIGURATION: i32 = 78;

async fn a_balance_below_zero_ends_atmd(engine: Engine) {
    let Some(database) = engine.database() else { return };
    let mut atmd = Atmd::start(&database.options(&Options::default()));
    let mobile = bank::number(1);
    link::register(&atmd, mobile).await;
    assert!(block_in_place(|| atmd.stop()).success());
    let id = AccountId::of(mobile).raw();
    let _ = database.sql(&format!("UPDATE account SET posted_minor = -1000 WHERE id = {id}"));
    let entries = || database.sql("SELECT count(*) FROM journal");
    let before = entries();
    block_in_place(|| atmd.restart());
    let client = link::plain(&atmd, Ipv4Addr::LOCALHOST.into()).await;
    let answer =
        tokio::spawn(
            async move { client.login(link::patient(), bank::right(mobile), bank::terminal()).await },
        );
    let ended = block_in_place(|| atmd.ended());
    assert_eq!(ended.code(), Some(SOFTWARE), "{ended}");
    assert_eq!(entries(), before, "it went on to write");
    let answer = answer.await.unwrap();
    assert!(!matches!(answer, Ok(Ok(_))), "it was acknowledged: {answer:?}");
    let log = atmd.log();
    assert!(log.contains("an invariant of the ledger is broken") && log.contains("below zero"), "{log}");
}

async fn a_journal_cut_at_its_end_is_not_opened(engine: Engine) {
    let Some(database) = engine.database() else { return };
    let mut atmd = Atmd::start(&database.options(&Options::default()));
    link::register(&atmd, bank::number(1)).await;
    assert!(atmd.stop().success());
    let _ = database.sql("DELETE FROM journal WHERE seq = 2");
    let refused = run(atmd.command(&[]), "").coded(CONFIGURATION);
    let expected = "the journal ends with entry 1 and its last seal tells of 2";
    assert!(refused.stderr.contains(expected), "{}", refused.stderr);
}
