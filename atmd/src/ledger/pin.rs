//! New customers and new PINs.

use crate::ledger::blacklist;
use crate::ledger::book::{Book, Draft, PinHash};
use crate::ledger::entry::{PayloadHash, Transfer};
use crate::ledger::request::{Answer, PinOrder, Registration, Unfit, Verified, replay};
use crate::ledger::{Now, Rules, login};
use atm_rpc::customer::Receipt;
use atm_rpc::error::{Rejection, ServiceError, SessionEnd};
use atm_rpc::types::account::{AccountId, AccountState};
use atm_rpc::types::action::Action;
use atm_rpc::types::key::RequestKey;
use atm_rpc::types::money::Money;

pub(super) fn register(
    book: &mut Book,
    order: &Registration,
    rules: &Rules,
    now: Now,
) -> Result<Answer, ServiceError> {
    let account = AccountId::of(order.number);
    if let Some(known) = replay(book, account, order.key, &order.payload) {
        return known;
    }
    let pin = match may_register(book, account, order, rules, now) {
        Ok(pin) => pin.clone(),
        Err(rejection) => {
            // Keeping this one would let strangers fill the table.
            if rejection != Rejection::RegistrationClosed {
                book.keep_rejection((order.key, order.payload), account, rejection, now);
            }
            return Err(ServiceError::Rejected(rejection));
        }
    };
    let request = Some((order.key, order.payload));
    let receipt = open(book, account, pin, request, rules, now).map_err(ServiceError::Rejected)?;
    Ok(Answer::Receipt(receipt))
}

/// Opens an account, after it was checked that the opening amount fits.
pub(super) fn open(
    book: &mut Book,
    account: AccountId,
    pin: PinHash,
    request: Option<(RequestKey, PayloadHash)>,
    rules: &Rules,
    now: Now,
) -> Result<Receipt, Rejection> {
    book.open(account, pin, now);
    let draft = Draft { request, ..Draft::note(Action::Registered, account) };
    let receipt = book.record(draft, now)?.receipt(false);
    if rules.opening_customer > Money::ZERO {
        let transfer = Some(opening(account, rules));
        let draft = Draft { transfer, ..Draft::note(Action::Opening, account) };
        book.record(draft, now)?;
    }
    Ok(receipt)
}

fn may_register<'a>(
    book: &Book,
    account: AccountId,
    order: &'a Registration,
    rules: &Rules,
    now: Now,
) -> Result<&'a PinHash, Rejection> {
    if !rules.open_registration {
        return Err(Rejection::RegistrationClosed);
    }
    if let Some(bar) = blacklist::bar(book, account, now) {
        return Err(bar);
    }
    if book.accounts.contains_key(&account) {
        return Err(Rejection::AlreadyRegistered);
    }
    book.check(opening(account, rules))?;
    order.pin.as_ref().map_err(|weak| Rejection::WeakPin(*weak))
}

/// What a new account opens with.
pub(super) const fn opening(account: AccountId, rules: &Rules) -> Transfer {
    Transfer { debit: AccountId::EQUITY, credit: account, amount: rules.opening_customer }
}

pub(super) fn change(
    book: &mut Book,
    order: &PinOrder,
    rules: &Rules,
    now: Now,
) -> Result<Answer, ServiceError> {
    if let Some(known) = replay(book, order.caller.account, order.key, &order.payload) {
        return known;
    }
    let decision = apply_change(book, order, rules, now);
    book.kept((order.key, order.payload), order.caller.account, decision, now)
}

fn apply_change(book: &mut Book, order: &PinOrder, rules: &Rules, now: Now) -> Result<Answer, ServiceError> {
    let account = order.caller.account;
    login::check_session(book, order.caller, rules, now)?;
    if book.accounts.get(&account).is_none_or(|row| row.state == AccountState::Closed) {
        return Err(ServiceError::Rejected(Rejection::AccountClosed));
    }
    let salt = match (&order.verified, account.mobile()) {
        (Verified::Right { salt }, _) => salt,
        (Verified::Wrong, Some(number)) => {
            return Err(login::fail_attempt(book, number, None, Some(order.caller.session), rules, now));
        }
        (Verified::Wrong, None) => return Err(ServiceError::NotFound),
    };
    login::prove(book, account, salt)?;
    let pin = match &order.new {
        Ok(pin) => pin.clone(),
        Err(Unfit::Weak(weak)) => return Err(ServiceError::Rejected(Rejection::WeakPin(*weak))),
        Err(Unfit::Same) => return Err(ServiceError::Rejected(Rejection::SamePin)),
    };
    if let Some(credential) = book.credentials.get_mut(&account) {
        credential.pin = pin;
    }
    // A code is for somebody who does not know the PIN.
    super::account::drop_code(book, account);
    // Whoever is in by the old PIN elsewhere is out.
    for other in book.open_sessions(account) {
        if other != order.caller.session {
            book.end_session(other, SessionEnd::TakenOver, now);
        }
    }
    let draft = Draft {
        session: Some(order.caller.session),
        request: Some((order.key, order.payload)),
        ..Draft::note(Action::PinChanged, account)
    };
    let entry = book.record(draft, now).map_err(ServiceError::Rejected)?;
    Ok(Answer::Receipt(entry.receipt(false)))
}
