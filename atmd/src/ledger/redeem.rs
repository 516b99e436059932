//! One-time codes: a new PIN for a customer who does not know the old one.
//!
//! An attempt to show a code is counted with those to show the PIN, so until a code is right nothing tells the one
//! from the other, nor whether there is a code at all.

use crate::ledger::account::drop_code;
use crate::ledger::blacklist::{self, end_sessions};
use crate::ledger::book::{Book, Draft};
use crate::ledger::entry::PayloadHash;
use crate::ledger::request::{Answer, Attempt, RedeemOrder, replay};
use crate::ledger::{Now, Rules, login};
use atm_rpc::error::{Rejection, ServiceError, SessionEnd};
use atm_rpc::types::account::{AccountId, AccountState};
use atm_rpc::types::action::Action;
use atm_rpc::types::key::RequestKey;
use atm_rpc::types::mobile::MobileNumber;

/// Counts an attempt before the code is hashed.
pub(super) fn begin(
    book: &mut Book,
    number: MobileNumber,
    (key, payload): (RequestKey, PayloadHash),
    rules: &Rules,
    now: Now,
) -> Result<Answer, ServiceError> {
    let account = AccountId::of(number);
    if let Some(known) = replay(book, account, key, &payload) {
        return known;
    }
    let counted = login::begin_attempt(book, &Attempt { number, change: None }, rules, now)?;
    let code = book.codes.get(&account).filter(|code| code.expires_at > now.at);
    Ok(match (counted, code) {
        (Answer::Verify(_), Some(code)) => Answer::Verify(code.code.clone()),
        (Answer::Verify(_), None) => Answer::NoCode,
        (other, _) => other,
    })
}

/// Sets the PIN that was chosen. The code must still be the one that was verified. What is refused leaves the code
/// as it was, and is not kept under the key: strangers could fill the table.
pub(super) fn redeem(book: &mut Book, order: &RedeemOrder, now: Now) -> Result<Answer, ServiceError> {
    let account = AccountId::of(order.number);
    if let Some(known) = replay(book, account, order.key, &order.payload) {
        return known;
    }
    if let Some(bar) = blacklist::bar(book, account, now) {
        return Err(ServiceError::Rejected(bar));
    }
    let good = book.codes.get(&account).is_some_and(|kept| kept.code.salt == order.salt);
    let Some(credential) = book.credentials.get_mut(&account).filter(|_| good) else {
        return Err(ServiceError::Busy { retry_after_ms: login::PIN_CHANGED_RETRY_MS });
    };
    credential.guesses.clear();
    book.changes.credentials.insert(account);
    if book.accounts.get(&account).is_none_or(|row| row.state == AccountState::Closed) {
        return Err(ServiceError::Rejected(Rejection::AccountClosed));
    }
    credential.pin = order.new.clone().map_err(|weak| ServiceError::Rejected(Rejection::WeakPin(weak)))?;
    drop_code(book, account);
    blacklist::expire(book, account, now);
    end_sessions(book, book.open_sessions(account), SessionEnd::PinReset, now);
    let draft = Draft {
        terminal: Some(&order.terminal),
        request: Some((order.key, order.payload)),
        ..Draft::note(Action::PinChanged, account)
    };
    let entry = book.record(draft, now).map_err(ServiceError::Rejected)?;
    Ok(Answer::Receipt(entry.receipt(false)))
}
