//! Holds what customers were told against what the bank knows, and names each difference. It does not judge: a
//! test that expects loss needs it as much as one that expects none.

use crate::load::{self, Asked, Mover, Told};
use atm_rpc::client::{Customer, CustomerError};
use atm_rpc::customer::{KeyOutcome, Receipt};
use atm_rpc::error::{Rejection, ServiceError};
use atm_rpc::types::action::Action;
use atm_rpc::types::key::RequestKey;
use atm_rpc::types::mobile::MobileNumber;
use atm_rpc::types::money::Money;
use atm_tests::books::Books;
use futures::future::join_all;
use std::collections::HashMap;

/// One thing that the customers and the bank do not agree about.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Difference {
    /// It was acknowledged, and is not there.
    Lost(RequestKey),
    /// It is there, and otherwise than the customer was told or asked for.
    Changed(RequestKey, String),
    /// An entry that no request of a customer made.
    Unasked(RequestKey),
    /// A balance that does not follow from the movements before it.
    Balance(MobileNumber, String),
}

/// A movement that was made, under its key.
pub(crate) type Done = (RequestKey, Receipt);

/// What the customers know after all questions were answered.
#[derive(Debug, Default)]
pub(crate) struct Settled {
    /// The movements that were made for each customer, in the journal's order.
    pub(crate) done: Vec<(MobileNumber, Vec<Done>)>,
    /// What does not agree.
    pub(crate) differences: Vec<Difference>,
}

/// Asks the bank what became of everything.
pub(crate) async fn settle(movers: Vec<Mover>) -> Settled {
    let all = join_all(movers.into_iter().map(|mover| tokio::spawn(settle_one(mover)))).await;
    let mut settled = Settled::default();
    for (mobile, done, differences) in all.into_iter().map(Result::unwrap) {
        settled.done.push((mobile, done));
        settled.differences.extend(differences);
    }
    settled
}

async fn settle_one(mover: Mover) -> (MobileNumber, Vec<Done>, Vec<Difference>) {
    let Mover { mobile, mut client, asked } = mover;
    let (mut done, mut differences) = (Vec::new(), Vec::new());
    for asked in asked {
        let key = asked.key;
        match became(&mut client, asked).await {
            Ok(receipt) => done.extend(receipt.map(|receipt| (key, receipt))),
            Err(difference) => differences.push(difference),
        }
    }
    done.sort_by_key(|(_, receipt)| receipt.reference);
    let mut balance = 0;
    for (_, receipt) in &done {
        balance += match receipt.action {
            Action::Withdraw => -receipt.amount.minor(),
            _ => receipt.amount.minor(),
        };
        if receipt.balance.minor() != balance {
            differences.push(Difference::Balance(mobile, format!("{receipt:?} should leave {balance}")));
            balance = receipt.balance.minor();
        }
    }
    let stored = client.balance().await.unwrap().posted;
    if stored != Money::from_minor(balance) {
        differences.push(Difference::Balance(mobile, format!("{stored:?} is stored for {balance}")));
    }
    (mobile, done, differences)
}

/// What became of a request: its receipt where it was done.
async fn became(client: &mut Customer, asked: Asked) -> Result<Option<Receipt>, Difference> {
    let Asked { key, action, amount, told } = asked;
    let outcome = client.outcome(key).await.unwrap();
    let changed = |what: String| Err(Difference::Changed(key, what));
    match (told, outcome) {
        (Told::Done(receipt), KeyOutcome::Done(found)) => {
            let as_first = |receipt: Receipt| Receipt { replayed: false, ..receipt };
            if as_first(receipt.clone()) == as_first(found.clone()) {
                Ok(Some(receipt))
            } else {
                changed(format!("{receipt:?} is now {found:?}"))
            }
        }
        (Told::Done(_), KeyOutcome::NotApplied) => Err(Difference::Lost(key)),
        (Told::Nothing, KeyOutcome::Done(found)) => {
            if (found.action, found.amount) == (action, amount) {
                Ok(Some(found))
            } else {
                changed(format!("{action} of {amount:?} did {found:?}"))
            }
        }
        (Told::Rejected(why), KeyOutcome::Rejected(found)) if why == found => Ok(None),
        (Told::Nothing, KeyOutcome::Rejected(_)) => Ok(None),
        // The question closed the key: a late copy must do nothing.
        (Told::Nothing, KeyOutcome::NotApplied) => match load::ask(client, key, action, amount).await {
            Err(CustomerError::Service(ServiceError::Rejected(Rejection::KeyClosed))) => Ok(None),
            late => changed(format!("closed, and then {late:?}")),
        },
        (told, outcome) => changed(format!("{told:?} is now {outcome:?}")),
    }
}

/// Holds the journal against what the customers know: each movement is one entry, and there are no others.
pub(crate) fn compare(books: &Books, settled: &Settled) -> Vec<Difference> {
    let moved = books.entries.iter().filter(|e| matches!(e.action, Action::Deposit | Action::Withdraw));
    let mut entries: HashMap<RequestKey, Receipt> =
        moved.filter_map(|entry| Some((entry.request?.0, entry.receipt(false)))).collect();
    let mut differences = Vec::new();
    for (key, receipt) in settled.done.iter().flat_map(|(_, done)| done) {
        match entries.remove(key) {
            Some(entry) if entry == (Receipt { replayed: false, ..receipt.clone() }) => {}
            Some(entry) => differences.push(Difference::Changed(*key, format!("the entry is {entry:?}"))),
            None => differences.push(Difference::Lost(*key)),
        }
    }
    differences.extend(entries.into_keys().map(Difference::Unasked));
    differences
}
