//! The time of day is a day ahead, and then an hour and a day back, while atmd serves.

use super::check;
use atm_rpc::client::CustomerError;
use atm_rpc::error::{Rejection, ServiceError, SessionEnd};
use atm_rpc::types::key::RequestKey;
use atm_tests::bank::{self, rupees};
use atm_tests::books::Books;
use atm_tests::daemon::{Atmd, Options};
use atm_tests::link;
use atm_tests::time::TimeOfDay;
use atm_tests::tools::Tools;
use atm_tests::wait::eventually;
use std::collections::HashSet;
use tokio::task::block_in_place;

/// Tries wrong PINs until the number is blocked.
async fn lock_out(atmd: &Atmd, n: u32) {
    let client = link::plain(atmd, link::HERE).await;
    for _ in 0..5 {
        let answer = client.login(link::patient(), bank::wrong(bank::number(n)), bank::terminal()).await;
        assert!(matches!(answer.unwrap(), Err(ServiceError::Rejected(_))));
    }
    assert!(is_blocked(atmd, n).await);
}

async fn is_blocked(atmd: &Atmd, n: u32) -> bool {
    let client = link::plain(atmd, link::HERE).await;
    match link::login(&client, bank::number(n)).await {
        Ok(_) => false,
        Err(ServiceError::Rejected(Rejection::Blacklisted { .. })) => true,
        Err(other) => panic!("{other}"),
    }
}

fn business_date(atmd: &Atmd) -> String {
    let status = atmd.ctl(&["status", "-o", "json"]).coded(0).json();
    status["data"][0]["business_date"].as_str().unwrap().to_owned()
}

/// Waits until status and log tell that the time of day was set.
fn is_told(atmd: &Atmd, how: &str) {
    eventually("the step is told of", || {
        let status = atmd.ctl(&["status", "-o", "json"]).coded(0).json();
        let warnings = status["data"][0]["warnings"].as_str().unwrap_or_default().to_owned();
        let logged = atmd.log().contains("the time of day was set");
        if warnings.contains(how) && logged { Ok(()) } else { Err(format!("{warnings:?} {logged}")) }
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_is_set_loses_nothing_and_lets_nobody_in() {
    let Some(time) = TimeOfDay::new() else { return };
    let options = Options::default().set("auth.lockout", "15m").set("limits.idle_timeout", "10m");
    let mut atmd = Atmd::prepare(&options).within(&time.within());
    block_in_place(|| atmd.restart());
    for n in 1..=4 {
        link::register(&atmd, bank::number(n)).await;
    }
    let mut acknowledged = HashSet::new();
    let mut customer = link::logged_in(&atmd, bank::number(1)).await;
    let deposited = |key: RequestKey, acknowledged: &mut HashSet<RequestKey>| acknowledged.insert(key);
    let key = RequestKey::generate();
    customer.deposit(key, rupees(10)).await.unwrap();
    deposited(key, &mut acknowledged);
    lock_out(&atmd, 2).await;
    let today = block_in_place(|| business_date(&atmd));

    // An hour back: sessions go on, who is locked out stays so, and a request that was done is not done again.
    time.moved("-1h");
    let again = customer.deposit(key, rupees(10)).await.unwrap();
    let key = RequestKey::generate();
    let receipt = customer.deposit(key, rupees(10)).await.unwrap();
    deposited(key, &mut acknowledged);
    assert!(receipt.reference > again.reference, "{receipt:?} {again:?}");
    assert!(is_blocked(&atmd, 2).await);
    lock_out(&atmd, 3).await;
    assert_eq!(block_in_place(|| business_date(&atmd)), today);
    block_in_place(|| is_told(&atmd, "set back by 3"));

    // A day ahead: sessions are too long, lock-outs are over, and a new business date begins.
    time.moved("+1d");
    let ended = customer.deposit(RequestKey::generate(), rupees(10)).await;
    let too_long = |error: &CustomerError| {
        matches!(error, CustomerError::Service(ServiceError::Unauthenticated(SessionEnd::TooLong)))
    };
    assert!(ended.as_ref().is_err_and(too_long), "{ended:?}");
    assert!(!is_blocked(&atmd, 2).await && !is_blocked(&atmd, 3).await);
    lock_out(&atmd, 4).await;
    let mut customer = link::logged_in(&atmd, bank::number(1)).await;
    let key = RequestKey::generate();
    customer.deposit(key, rupees(10)).await.unwrap();
    deposited(key, &mut acknowledged);
    let tomorrow = block_in_place(|| business_date(&atmd));
    block_in_place(|| is_told(&atmd, "set forward by 9"));
    assert!(tomorrow > today, "{tomorrow} {today}");

    // Right again: the business date stays, who was let in stays in, and who is locked out stays out.
    time.moved("+0");
    let key = RequestKey::generate();
    customer.deposit(key, rupees(10)).await.unwrap();
    deposited(key, &mut acknowledged);
    assert_eq!(block_in_place(|| business_date(&atmd)), tomorrow);
    assert!(!is_blocked(&atmd, 2).await && !is_blocked(&atmd, 3).await && is_blocked(&atmd, 4).await);
    // Five attempts and no more, whatever their times.
    lock_out(&atmd, 2).await;

    // The same after a restart, and the ledgers are what the journal gives.
    block_in_place(|| atmd.restart());
    assert!(is_blocked(&atmd, 2).await && is_blocked(&atmd, 4).await);
    let tools = Tools::with(&["ledger"]);
    block_in_place(|| {
        eventually("the ledgers have all", || {
            let status = atmd.ctl(&["status", "-o", "json"]).coded(0).json();
            match status["data"][0]["projection_lag_entries"].as_str() {
                Some("0") => Ok(()),
                lag => Err(format!("{lag:?}")),
            }
        });
        let _ = tools.operate(&atmd, &["ledger", "verify"]).coded(0);
        assert!(atmd.stop().success());
    });
    assert!(!atmd.log().contains("panicked"), "{}", atmd.log());
    check(&Books::of(&atmd.config()).await, &acknowledged);
}
