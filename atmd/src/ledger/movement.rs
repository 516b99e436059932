//! Cash in and out.

use crate::ledger::book::{Book, Draft};
use crate::ledger::entry::Transfer;
use crate::ledger::request::{Answer, Direction, Movement, replay};
use crate::ledger::{Now, Rules, login};
use atm_rpc::error::{Rejection, ServiceError};
use atm_rpc::types::account::{AccountId, AccountState};
use atm_rpc::types::action::Action;
use atm_rpc::types::money::Money;

pub(super) fn decide(
    book: &mut Book,
    order: &Movement,
    rules: &Rules,
    now: Now,
) -> Result<Answer, ServiceError> {
    if let Some(known) = replay(book, order.caller.account, order.key, &order.payload) {
        return known;
    }
    let decision = apply(book, order, rules, now);
    book.kept((order.key, order.payload), order.caller.account, decision, now)
}

fn apply(book: &mut Book, order: &Movement, rules: &Rules, now: Now) -> Result<Answer, ServiceError> {
    login::check_session(book, order.caller, rules, now)?;
    let rejected = match order.direction {
        Direction::Withdraw => check_withdrawal(book, order, rules),
        Direction::Deposit => check_deposit(book, order, rules),
    };
    rejected.map_err(ServiceError::Rejected)?;
    let (action, debit, credit) = match order.direction {
        Direction::Withdraw => (Action::Withdraw, order.caller.account, AccountId::VAULT),
        Direction::Deposit => (Action::Deposit, AccountId::VAULT, order.caller.account),
    };
    let draft = Draft {
        action,
        customer: Some(order.caller.account),
        transfer: Some(Transfer { debit, credit, amount: order.amount }),
        session: Some(order.caller.session),
        terminal: None,
        request: Some((order.key, order.payload)),
    };
    let entry = book.record(draft, now).map_err(ServiceError::Rejected)?;
    Ok(Answer::Receipt(entry.receipt(false)))
}

fn state(book: &Book, account: AccountId) -> AccountState {
    book.accounts.get(&account).map_or(AccountState::Closed, |row| row.state)
}

fn check_withdrawal(book: &Book, order: &Movement, rules: &Rules) -> Result<(), Rejection> {
    match state(book, order.caller.account) {
        AccountState::Closed => return Err(Rejection::AccountClosed),
        AccountState::DebitBlocked | AccountState::Blocked => return Err(Rejection::DebitBlocked),
        AccountState::Active | AccountState::CreditBlocked => {}
    }
    let amount = order.amount;
    if amount <= Money::ZERO {
        return Err(Rejection::ZeroAmount);
    }
    if amount < rules.withdraw_min {
        return Err(Rejection::BelowMinimum { minimum: rules.withdraw_min });
    }
    let maximum = rules.withdraw_max.min(rules.amount_max);
    if amount > maximum {
        return Err(Rejection::AboveMaximum { maximum });
    }
    let below = amount.round_down_to(rules.withdraw_multiple);
    if below != amount {
        let below = if below < rules.withdraw_min { Money::ZERO } else { below };
        return Err(Rejection::NotAMultiple { multiple: rules.withdraw_multiple, below });
    }
    let available = available(book, order.caller.account);
    let vault = book.head.vault;
    let largest = available.min(vault).min(maximum).round_down_to(rules.withdraw_multiple);
    let largest = if largest < rules.withdraw_min { Money::ZERO } else { largest };
    if amount > available {
        return Err(Rejection::InsufficientFunds { available, largest });
    }
    if amount > vault {
        return Err(Rejection::VaultShort { largest });
    }
    Ok(())
}

fn check_deposit(book: &Book, order: &Movement, rules: &Rules) -> Result<(), Rejection> {
    match state(book, order.caller.account) {
        AccountState::Closed => return Err(Rejection::AccountClosed),
        AccountState::CreditBlocked | AccountState::Blocked => return Err(Rejection::CreditBlocked),
        AccountState::Active | AccountState::DebitBlocked => {}
    }
    if order.amount <= Money::ZERO {
        return Err(Rejection::ZeroAmount);
    }
    if order.amount > rules.amount_max {
        return Err(Rejection::AboveMaximum { maximum: rules.amount_max });
    }
    Ok(())
}

/// What may be withdrawn: posted less pending.
fn available(book: &Book, account: AccountId) -> Money {
    let row = book.accounts.get(&account);
    row.and_then(|row| row.posted.checked_sub(row.pending)).unwrap_or(Money::ZERO)
}
