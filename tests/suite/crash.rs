//! kill -9 under load, again and again: what was acknowledged is there once, what was not is there at most
//! once and found under its key, clients go on by themselves, and the ledgers are whole.

use atm_rpc::client::{Customer, CustomerError};
use atm_rpc::customer::{KeyOutcome, Receipt};
use atm_rpc::error::{Rejection, ServiceError};
use atm_rpc::types::action::Action;
use atm_rpc::types::key::RequestKey;
use atm_rpc::types::mobile::MobileNumber;
use atm_rpc::types::money::Money;
use atm_tests::books::Books;
use atm_tests::csv::{self, BankRow, ClientRow};
use atm_tests::daemon::{Atmd, Options};
use atm_tests::random::Random;
use atm_tests::wait::eventually;
use atm_tests::{bank, link};
use futures::future::join_all;
use std::env;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::sleep;
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::time::timeout;

const CLIENTS: u32 = 12;

/// What the clients and the one who kills have in common.
#[derive(Debug, Default)]
struct Load {
    acknowledged: AtomicU64,
    over: AtomicBool,
}

/// What a customer asked for, and what it was told.
#[derive(Debug)]
struct Asked {
    key: RequestKey,
    action: Action,
    amount: Money,
    told: Told,
}

#[derive(Debug)]
enum Told {
    Done(Receipt),
    Rejected(Rejection),
    /// Nobody waited for the answer, or none came.
    Nothing,
}

/// Moves money until the load is over. Now and then it does not wait for the answer.
async fn customer(mut customer: Customer, seed: u64, load: &Load) -> (Customer, Vec<Asked>) {
    let mut random = Random::new(seed);
    let mut asked = Vec::new();
    while !load.over.load(Ordering::Relaxed) {
        let whole = i64::try_from(random.below(40)).unwrap() + 10;
        let (action, amount) = match random.below(3) {
            0 => (Action::Withdraw, bank::rupees(whole * 10)),
            _ => (Action::Deposit, Money::from_minor(whole * 1_001)),
        };
        let key = RequestKey::generate();
        let answer = async {
            match action {
                Action::Withdraw => customer.withdraw(key, amount).await,
                _ => customer.deposit(key, amount).await,
            }
        };
        let answer = match random.below(8) {
            0 => timeout(Duration::from_micros(random.below(4_000)), answer).await.ok(),
            _ => Some(answer.await),
        };
        let told = match answer {
            Some(Ok(receipt)) => {
                load.acknowledged.fetch_add(1, Ordering::Relaxed);
                Told::Done(receipt)
            }
            Some(Err(CustomerError::Service(ServiceError::Rejected(why)))) => Told::Rejected(why),
            Some(Err(CustomerError::OutcomeUnknown)) | None => Told::Nothing,
            Some(Err(other)) => panic!("the client cannot go on: {other}"),
        };
        asked.push(Asked { key, action, amount, told });
    }
    (customer, asked)
}

/// Kills and starts atmd, each time at another moment of its work.
fn kill(mut atmd: Atmd, rounds: u32, load: &Load) -> Atmd {
    let mut random = Random::new(9);
    for round in 0..rounds {
        let until = load.acknowledged.load(Ordering::Relaxed) + 1 + random.below(400);
        eventually("clients go on", || match load.acknowledged.load(Ordering::Relaxed) {
            enough if enough >= until => Ok(()),
            now => Err(format!("round {round}: {now} of {until} are acknowledged")),
        });
        // Not a wait for anything: it spreads the kills over the phases of a batch.
        sleep(Duration::from_micros(random.below(3_000)));
        atmd.kill();
        // Not each time: looking into the database leaves less of it to be mended.
        if round % 10 == 9 {
            let _ = Handle::current().block_on(Books::without_ledgers(&atmd.config()));
        }
        atmd.restart();
    }
    load.over.store(true, Ordering::Relaxed);
    atmd
}

/// What became of everything a customer asked for: the movements that were made, in the journal's order.
async fn settle(customer: &mut Customer, asked: Vec<Asked>) -> Vec<Receipt> {
    let mut done = Vec::new();
    for Asked { key, action, amount, told } in asked {
        let outcome = customer.outcome(key).await.unwrap();
        match (told, outcome) {
            (Told::Done(receipt), KeyOutcome::Done(found)) => {
                let as_first = |receipt: Receipt| Receipt { replayed: false, ..receipt };
                assert_eq!(as_first(receipt.clone()), as_first(found), "the receipt changed");
                done.push(receipt);
            }
            (Told::Nothing, KeyOutcome::Done(found)) => {
                assert_eq!((found.action, found.amount), (action, amount), "the key did something else");
                done.push(found);
            }
            (Told::Rejected(why), KeyOutcome::Rejected(found)) => assert_eq!(why, found),
            (Told::Nothing, KeyOutcome::Rejected(_)) => {}
            (Told::Nothing, KeyOutcome::NotApplied) => {
                let late = match action {
                    Action::Withdraw => customer.withdraw(key, amount).await,
                    _ => customer.deposit(key, amount).await,
                };
                let closed = ServiceError::Rejected(Rejection::KeyClosed);
                assert!(matches!(late, Err(CustomerError::Service(why)) if why == closed), "{late:?}");
            }
            (told, outcome) => panic!("{key}: the client was told {told:?}, and the bank knows {outcome:?}"),
        }
    }
    done.sort_by_key(|receipt| receipt.reference);
    done
}

/// The balance that follows from the movements, each of which leads from the one before.
fn balance_of(done: &[Receipt]) -> Money {
    let mut balance = 0;
    for receipt in done {
        balance += match receipt.action {
            Action::Withdraw => -receipt.amount.minor(),
            _ => receipt.amount.minor(),
        };
        assert_eq!(receipt.balance.minor(), balance, "{receipt:?} does not follow");
    }
    Money::from_minor(balance)
}

/// Both ledgers have exactly the movements that were made, in their order.
fn the_ledgers_have(atmd: &Atmd, done: &[(MobileNumber, Vec<Receipt>)]) {
    let count = done.iter().map(|(_, receipts)| receipts.len()).sum::<usize>();
    let vault = eventually("bank.csv has every movement", || {
        let rows = csv::continuous_bank(&atmd.bank_csv())?;
        if rows.len() > count { Ok(rows) } else { Err(format!("{} of {}", rows.len(), count + 1)) }
    });
    assert_eq!(vault.len(), count + 1, "the opening and each movement");
    let clients = eventually("client.csv has every movement", || {
        let rows = csv::client(&atmd.client_csv())?;
        let moved: Vec<_> = rows.into_iter().filter(|row| row.amount.is_some()).collect();
        if moved.len() >= count { Ok(moved) } else { Err(format!("{} of {count}", moved.len())) }
    });
    assert_eq!(clients.len(), count, "client.csv has more than was moved");
    for (mobile, receipts) in done {
        let expected: Vec<_> = receipts.iter().map(|r| (r.action, r.amount, r.recorded_at)).collect();
        let own = |row: &&BankRow| row.mobile == mobile.full();
        let told: Vec<_> = vault.iter().filter(own).map(|r| (r.action, r.amount, r.timestamp)).collect();
        assert_eq!(told, expected, "bank.csv, {mobile:?}");
        let own: Vec<&ClientRow> = clients.iter().filter(|row| row.mobile == mobile.full()).collect();
        let told: Vec<_> = own.iter().map(|r| (r.action, r.amount.unwrap(), r.timestamp)).collect();
        assert_eq!(told, expected, "client.csv, {mobile:?}");
        let balances: Vec<_> = own.iter().map(|r| r.user_balance).collect();
        assert_eq!(balances, receipts.iter().map(|r| Some(r.balance)).collect::<Vec<_>>(), "{mobile:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_and_nothing_doubled() {
    let rounds = env::var("ATM_KILLS").map_or(30, |number| number.parse().unwrap());
    let atmd =
        Atmd::start(&Options::default().set("limits.session_length", "1d").set("limits.idle_timeout", "1h"));
    let load = Arc::new(Load::default());
    let mut customers = Vec::new();
    for n in 1..=CLIENTS {
        link::register(&atmd, bank::number(n)).await;
        let client = link::logged_in(&atmd, bank::number(n)).await;
        customers.push(customer(client, u64::from(n), &load));
    }
    let killer = Arc::clone(&load);
    let killed = tokio::task::spawn_blocking(move || kill(atmd, rounds, &killer));
    let ended = join_all(customers).await;
    let mut atmd = killed.await.unwrap();
    let mut done = Vec::new();
    for (n, ended) in (1..=CLIENTS).zip(ended) {
        let (mut customer, asked) = ended;
        assert!(customer.has_session(), "customer {n} did not keep its session");
        let movements = settle(&mut customer, asked).await;
        assert_eq!(customer.balance().await.unwrap().posted, balance_of(&movements), "customer {n}");
        done.push((bank::number(n), movements));
    }
    the_ledgers_have(&atmd, &done);
    // What an ordered end and another start leave is the same.
    assert!(atmd.stop().success());
    let books = Books::of(&atmd.config()).await;
    let movements = done.iter().map(|(_, receipts)| receipts.len()).sum::<usize>();
    let moved = books.entries.iter().filter(|entry| entry.transfer.is_some()).count();
    assert_eq!(moved, movements + 1, "the opening and each movement");
    atmd.restart();
    the_ledgers_have(&atmd, &done);
}
