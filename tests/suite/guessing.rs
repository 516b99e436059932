//! What a guesser learns and gets: nothing about who is a customer, and never more tries than allowed.

use crate::engines::on_each_engine;
use atm_rpc::customer::{Credentials, CustomerRequest};
use atm_rpc::error::{Rejection, ServiceError};
use atm_rpc::types::action::Action;
use atm_rpc::types::key::RequestKey;
use atm_rpc::types::mobile::MobileNumber;
use atm_tests::daemon::{Atmd, Options};
use atm_tests::link::{self, Frames};
use atm_tests::servers::Database;
use atm_tests::wait::eventually;
use atm_tests::{bank, csv};
use futures::future::join_all;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use tokio::sync::Barrier;

on_each_engine! {
    answers_do_not_tell_who_is_a_customer,
    a_thousand_guesses_at_once_are_five,
    right_pins_in_parallel_blacklist_nobody,
}

const ATTEMPTS_MAX: usize = 5;
const GUESSERS: u16 = 1_000;

fn login(credentials: Credentials) -> CustomerRequest {
    CustomerRequest::Login { credentials, terminal: bank::terminal() }
}

/// The frames that answer a call about each of two numbers, which must be the same.
async fn same_answer(
    atmd: &Atmd,
    what: &str,
    numbers: [MobileNumber; 2],
    call: impl Fn(MobileNumber) -> CustomerRequest,
) -> Vec<u8> {
    let [one, other] = numbers;
    let first = Frames::open(atmd).await.ask(call(one)).await;
    let second = Frames::open(atmd).await.ask(call(other)).await;
    assert_eq!(first, second, "{what} tells them apart");
    first
}

async fn answers_do_not_tell_who_is_a_customer(database: &Database) {
    let open = database.options(&Options::default());
    let mut atmd = Atmd::start(&open);
    let (registered, stranger) = (bank::number(1), bank::number(2));
    link::register(&atmd, registered).await;
    atmd.restart_with(&open.set("bank.open_registration", "false"));
    let numbers = [registered, stranger];
    let key = RequestKey::generate();
    same_answer(&atmd, "lookup", numbers, |mobile| CustomerRequest::Lookup { mobile }).await;
    let register = |mobile| CustomerRequest::Register { key, credentials: bank::right(mobile) };
    same_answer(&atmd, "register", numbers, register).await;
    let mut answers = Vec::new();
    for attempt in 1..=ATTEMPTS_MAX + 3 {
        let wrong = |mobile| login(bank::wrong(mobile));
        answers.push(same_answer(&atmd, &format!("wrong PIN {attempt}"), numbers, wrong).await);
    }
    answers.dedup();
    assert_eq!(answers.len(), ATTEMPTS_MAX, "each failure up to the last says how many are left");
    // Now on the blacklist, the right PIN and a wrong one are the same as well.
    let right = same_answer(&atmd, "right PIN", numbers, |mobile| login(bank::right(mobile))).await;
    assert_eq!(answers.last(), Some(&right), "the right PIN is told from a wrong one");
    same_answer(&atmd, "lookup on the blacklist", numbers, |mobile| CustomerRequest::Lookup { mobile }).await;
    let register = |mobile| CustomerRequest::Register { key, credentials: bank::right(mobile) };
    same_answer(&atmd, "register on the blacklist", numbers, register).await;
}

/// An address of its own for each guesser.
fn source(n: u16) -> IpAddr {
    let [high, low] = n.to_be_bytes();
    IpAddr::V4(Ipv4Addr::new(127, 200, high, low))
}

async fn a_thousand_guesses_at_once_are_five(database: &Database) {
    let options = database.options(&Options::default().set("server.login_timeout", "10m"));
    let atmd = Arc::new(Atmd::start(&options));
    let mobile = bank::number(1);
    link::register(&atmd, mobile).await;
    let together = Arc::new(Barrier::new(usize::from(GUESSERS)));
    let guess = |n| {
        let (atmd, together) = (Arc::clone(&atmd), Arc::clone(&together));
        tokio::spawn(async move {
            let client = link::plain(&atmd, source(n)).await;
            together.wait().await;
            client.login(link::patient(), bank::wrong(mobile), bank::terminal()).await.unwrap().unwrap_err()
        })
    };
    let answers = join_all((1..=GUESSERS).map(guess)).await;
    let answers: Vec<ServiceError> = answers.into_iter().map(Result::unwrap).collect();
    let mut left: Vec<u32> = Vec::new();
    for answer in answers {
        match answer {
            ServiceError::Rejected(Rejection::WrongPin { attempts_left }) => left.push(attempts_left),
            ServiceError::Rejected(Rejection::Blacklisted { until: None }) | ServiceError::Busy { .. } => {}
            other => panic!("{other:?}"),
        }
    }
    left.sort_unstable();
    assert_eq!(left, [1, 2, 3, 4], "a verified guess takes one attempt, and the last one the number");
    let last = link::plain(&atmd, link::HERE).await;
    let last = link::login(&last, mobile).await.unwrap_err();
    assert_eq!(last, ServiceError::Rejected(Rejection::Blacklisted { until: None }));
    let rows = eventually("the blacklisting is in client.csv", || {
        let rows = csv::client(&atmd.client_csv())?;
        let listed = rows.iter().any(|row| row.action == Action::Blacklisted);
        if listed { Ok(rows) } else { Err(format!("{} rows", rows.len())) }
    });
    let count = |action| rows.iter().filter(|row| row.action == action).count();
    assert_eq!((count(Action::AuthFailed), count(Action::Blacklisted)), (ATTEMPTS_MAX, 1));
}

async fn right_pins_in_parallel_blacklist_nobody(database: &Database) {
    let atmd = Arc::new(Atmd::start(&database.options(&Options::default())));
    let mobile = bank::number(1);
    link::register(&atmd, mobile).await;
    for _ in 0..10 {
        let together = Arc::new(Barrier::new(ATTEMPTS_MAX));
        let enter = |_| {
            let (atmd, together) = (Arc::clone(&atmd), Arc::clone(&together));
            tokio::spawn(async move {
                let client = link::plain(&atmd, link::HERE).await;
                together.wait().await;
                link::login(&client, mobile).await
            })
        };
        for entered in join_all((0..ATTEMPTS_MAX).map(enter)).await {
            entered.unwrap().unwrap();
        }
    }
    let operator = link::operator(&atmd).await;
    let list = operator.blacklist_list(link::patient(), None, 10).await.unwrap().unwrap();
    assert_eq!(list.rows, []);
}
