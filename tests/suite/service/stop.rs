//! How atmd stops: in order at a signal, at once at a second one; nothing is lost or doubled by either.

use super::{Running, logged};
use atm_rpc::customer::{CustomerClient, Receipt};
use atm_rpc::error::ServiceError;
use atm_rpc::types::account::AccountId;
use atm_rpc::types::action::Action;
use atm_rpc::types::key::RequestKey;
use atm_rpc::types::mobile::MobileNumber;
use atm_rpc::types::money::Money;
use atm_tests::bank;
use atm_tests::books::Books;
use atm_tests::daemon::{Atmd, Options};
use atm_tests::random::Random;
use atm_tests::wait::eventually;
use atm_tests::{csv, link};
use futures::future::join_all;
use rustix::process::Signal;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::task::block_in_place;

/// What a client asked for, and what it was told.
#[derive(Clone, Debug)]
struct Asked {
    mobile: MobileNumber,
    key: RequestKey,
    amount: Money,
    told: Option<Receipt>,
}

/// Deposits over one connection until it breaks or atmd says that it stops.
async fn load(
    client: CustomerClient,
    mobile: MobileNumber,
    seed: u64,
    acknowledged: &AtomicU64,
) -> Vec<Asked> {
    let mut random = Random::new(seed);
    let mut asked: Vec<Asked> = Vec::new();
    loop {
        let amount = Money::from_minor(i64::try_from(random.below(10_000)).unwrap() + 1);
        let key = RequestKey::generate();
        let answer = client.deposit(link::patient(), key, amount).await;
        let told = match answer {
            Ok(Ok(receipt)) => Some(receipt),
            Ok(Err(ServiceError::Unavailable | ServiceError::OutcomeUnknown)) | Err(_) => None,
            Ok(Err(other)) => panic!("{mobile:?} is told {other} where atmd stops"),
        };
        let goes_on = told.is_some();
        asked.push(Asked { mobile, key, amount, told });
        if !goes_on {
            return asked;
        }
        acknowledged.fetch_add(1, Ordering::Relaxed);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sigterm_under_load_loses_and_doubles_nothing() {
    const CUSTOMERS: u32 = 8;
    const AT_ONCE: u64 = 3;
    let mut atmd = Atmd::start(&Options::default());
    let acknowledged = Arc::new(AtomicU64::new(0));
    let mut loads = Vec::new();
    for n in 0..CUSTOMERS {
        link::register(&atmd, bank::number(n)).await;
        let client = link::plain(&atmd, link::HERE).await;
        link::login(&client, bank::number(n)).await.unwrap();
        for at_once in 0..AT_ONCE {
            let (client, acknowledged) = (client.clone(), Arc::clone(&acknowledged));
            let seed = u64::from(n) * AT_ONCE + at_once;
            loads.push(tokio::spawn(async move { load(client, bank::number(n), seed, &acknowledged).await }));
        }
    }
    let status = block_in_place(|| {
        eventually("clients are served", || match acknowledged.load(Ordering::Relaxed) {
            300.. => Ok(()),
            few => Err(few.to_string()),
        });
        atmd.stop()
    });
    assert_eq!(status.code(), Some(0));
    let asked: Vec<Asked> = join_all(loads).await.into_iter().flat_map(Result::unwrap).collect();
    let books = Books::of(&atmd.config()).await;
    check_once(&books, &asked);
    atmd.restart();
    for n in 0..CUSTOMERS {
        let mut customer = link::logged_in(&atmd, bank::number(n)).await;
        for Asked { key, amount, told, .. } in asked.iter().filter(|asked| asked.mobile == bank::number(n)) {
            let receipt = customer.deposit(*key, *amount).await.unwrap();
            if let Some(told) = told {
                assert_eq!(receipt, Receipt { replayed: true, ..told.clone() });
            }
        }
    }
    assert!(atmd.stop().success());
    let books = Books::of(&atmd.config()).await;
    assert_eq!(check_once(&books, &asked), asked.len(), "each repeat has its effect");
}

/// All that was acknowledged is in the books, and nothing that nobody asked for. Gives how much is there.
fn check_once(books: &Books, asked: &[Asked]) -> usize {
    let deposits = books.entries.iter().filter(|entry| entry.action == Action::Deposit);
    let mut there: HashMap<RequestKey, _> = deposits.map(|entry| (entry.request.unwrap().0, entry)).collect();
    let count = there.len();
    for Asked { mobile, key, amount, told } in asked {
        let entry = there.remove(key);
        if let Some(told) = told {
            assert_eq!(entry.map(|entry| entry.receipt(false)).as_ref(), Some(told), "what was acknowledged");
        }
        if let Some(entry) = entry {
            assert_eq!(entry.customer, Some(AccountId::of(*mobile)));
            assert_eq!(entry.transfer.map(|transfer| transfer.amount), Some(*amount));
        }
    }
    assert_eq!(there.len(), 0, "nobody asked for {there:?}");
    count
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_signal_ends_it_at_once() {
    let options = Options::default().set("auth.failure_delay", "1m").set("server.shutdown_timeout", "10m");
    for second in [Signal::TERM, Signal::INT] {
        let mut atmd = Atmd::start(&options);
        link::register(&atmd, bank::number(1)).await;
        assert!(atmd.stop().success());
        let (mut running, _) = Running::start(&atmd);
        // An answer that is under way for a minute keeps the stop waiting.
        let client = link::plain(&atmd, link::HERE).await;
        let slow = tokio::spawn(async move {
            let _ = client.login(link::patient(), bank::wrong(bank::number(1)), bank::terminal()).await;
        });
        eventually("the attempt is decided", || {
            let rows = csv::client(&atmd.client_csv())?;
            let failed = rows.iter().any(|row| row.action == Action::AuthFailed);
            if failed { Ok(()) } else { Err(format!("{rows:?}")) }
        });
        let before = atmd.log();
        running.signal(Signal::TERM);
        logged(&atmd, &before, "stopping");
        assert!(running.runs(), "it does not wait for the answer that is under way");
        running.signal(second);
        let (status, _) = running.wait();
        assert_eq!(status.code(), Some(0));
        assert!(atmd.log().contains("ended at once by a second signal"), "{}", atmd.log());
        slow.abort();
        atmd.restart();
        assert!(atmd.stop().success());
        let _ = Books::of(&atmd.config()).await;
    }
}
