//! Many sessions at once, each request sent twice: every key acts once, and the sums are exact.

use crate::engines::on_each_engine;
use atm_rpc::customer::{CustomerClient, Receipt};
use atm_rpc::error::{Rejection, ServiceError};
use atm_rpc::types::action::Action;
use atm_rpc::types::key::RequestKey;
use atm_rpc::types::mobile::MobileNumber;
use atm_rpc::types::money::Money;
use atm_tests::daemon::{Atmd, Options};
use atm_tests::random::Random;
use atm_tests::servers::Database;
use atm_tests::wait::eventually;
use atm_tests::{bank, csv, link};
use futures::future::join_all;
use std::collections::{HashMap, HashSet};
use std::env;

const SESSIONS: u32 = 64;

/// What a customer asks for.
#[derive(Clone, Copy, Debug)]
struct Movement {
    key: RequestKey,
    action: Action,
    amount: Money,
}

impl Movement {
    fn random(random: &mut Random) -> Self {
        let amount = i64::try_from(random.below(20)).unwrap() + 10;
        let (action, amount) = match random.below(3) {
            0 => (Action::Withdraw, Money::from_minor(amount * 1_000)),
            _ => (Action::Deposit, Money::from_minor(amount * 997)),
        };
        Self { key: RequestKey::generate(), action, amount }
    }

    async fn send(self, client: &CustomerClient) -> Result<Receipt, ServiceError> {
        let context = link::patient();
        let answer = match self.action {
            Action::Withdraw => client.withdraw(context, self.key, self.amount).await,
            _ => client.deposit(context, self.key, self.amount).await,
        };
        answer.expect("the connection holds")
    }

    /// The balance after it; `None` where it is more than there is.
    fn after(self, balance: i64) -> Option<i64> {
        match self.action {
            Action::Withdraw => Some(balance - self.amount.minor()).filter(|left| *left >= 0),
            _ => Some(balance + self.amount.minor()),
        }
    }
}

/// Sends a movement twice over two sessions of its customer; the outcome is one.
async fn twice(movement: Movement, sessions: &[CustomerClient; 2], random: &mut Random) -> Option<Receipt> {
    let [one, other] = sessions;
    let (first, second) = match random.below(3) {
        0 => futures::join!(movement.send(one), movement.send(other)),
        1 => (movement.send(one).await, movement.send(one).await),
        _ => (movement.send(one).await, movement.send(other).await),
    };
    match (first, second) {
        (Ok(first), Ok(second)) => {
            assert!(first.replayed != second.replayed, "one acts, one repeats: {first:?} {second:?}");
            assert_eq!(Receipt { replayed: false, ..first.clone() }, Receipt { replayed: false, ..second });
            assert_eq!((first.action, first.amount), (movement.action, movement.amount));
            Some(first)
        }
        (Err(first), Err(second)) => {
            assert_eq!(first, second, "{movement:?}");
            assert!(
                matches!(first, ServiceError::Rejected(Rejection::InsufficientFunds { .. })),
                "{movement:?}: {first:?}"
            );
            None
        }
        (first, second) => panic!("{movement:?} has two outcomes: {first:?} {second:?}"),
    }
}

/// One customer's work: the receipts in their order.
async fn work(atmd: &Atmd, n: u32, movements: u32) -> (MobileNumber, Vec<Receipt>) {
    let mobile = bank::number(n);
    let mut random = Random::new(u64::from(n));
    link::register(atmd, mobile).await;
    let sessions = [link::plain(atmd, link::HERE).await, link::plain(atmd, link::HERE).await];
    for session in &sessions {
        link::login(session, mobile).await.unwrap();
    }
    let mut balance = 0;
    let mut receipts = Vec::new();
    for _ in 0..movements {
        let movement = Movement::random(&mut random);
        let receipt = twice(movement, &sessions, &mut random).await;
        let after = movement.after(balance);
        assert_eq!(receipt.as_ref().map(|receipt| receipt.balance.minor()), after, "{movement:?}");
        balance = after.unwrap_or(balance);
        receipts.extend(receipt);
    }
    let stored = sessions[0].balance(link::patient()).await.unwrap().unwrap();
    assert_eq!((stored.posted.minor(), stored.available.minor()), (balance, balance));
    (mobile, receipts)
}

on_each_engine! { every_key_acts_once_and_the_sums_are_exact }

async fn every_key_acts_once_and_the_sums_are_exact(database: &Database) {
    let movements = env::var("ATM_MOVEMENTS").map_or(200, |number| number.parse().unwrap());
    let options = database.options(&Options::default().set("limits.sessions_per_number_max", "2"));
    let atmd = Atmd::start(&options);
    let workers = (1..=SESSIONS).map(|n| work(&atmd, n, movements));
    let receipts: HashMap<MobileNumber, Vec<Receipt>> = join_all(workers).await.into_iter().collect();

    let all: Vec<&Receipt> = receipts.values().flatten().collect();
    let references: HashSet<_> = all.iter().map(|receipt| receipt.reference).collect();
    assert_eq!(references.len(), all.len(), "two keys share an entry");
    let rows = eventually("bank.csv has every movement", || {
        let rows = csv::continuous_bank(&atmd.bank_csv())?;
        if rows.len() > all.len() { Ok(rows) } else { Err(format!("{} of {}", rows.len(), all.len() + 1)) }
    });
    assert_eq!(rows.len(), all.len() + 1, "the opening and each movement");
    for (mobile, receipts) in &receipts {
        let told = rows.iter().filter(|row| row.mobile == mobile.full());
        let told: Vec<_> = told.map(|row| (row.action, row.amount)).collect();
        let done: Vec<_> = receipts.iter().map(|receipt| (receipt.action, receipt.amount)).collect();
        assert_eq!(told, done, "{mobile:?}");
    }
    let owed: i64 = receipts.values().filter_map(|done| done.last()).map(|last| last.balance.minor()).sum();
    let vault = rows.last().map(|row| row.bank_balance.minor());
    assert_eq!(vault, Some(bank::rupees(10_000).minor() + owed), "the vault holds what customers brought");
}
