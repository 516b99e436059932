//! What operators do to accounts. Each change of what an account may do is an entry of the journal, so that the
//! journal alone gives every account's state.

use crate::ledger::blacklist::{self, clear_failures, end_sessions};
use crate::ledger::book::{Account, Book, Draft, PinHash, ResetCode};
use crate::ledger::request::AccountAct;
use crate::ledger::{Now, Rules, pin};
use atm_rpc::error::{Conflict, ServiceError, SessionEnd};
use atm_rpc::operator::account::{AccountChange, Bar, Block};
use atm_rpc::operator::blacklist::BlacklistAct;
use atm_rpc::types::account::{AccountId, AccountState};
use atm_rpc::types::action::Action;
use atm_rpc::types::mobile::MobileNumber;
use atm_rpc::types::money::Money;

/// Does it, or says why not. The number in the answer is for the caller to fill in.
pub(super) fn change(
    book: &mut Book,
    number: MobileNumber,
    act: &AccountAct,
    operator: &str,
    rules: &Rules,
    now: Now,
) -> Result<AccountChange, ServiceError> {
    let account = AccountId::of(number);
    match act {
        AccountAct::Open { pin, code } => open(book, account, (pin, code), rules, now),
        AccountAct::Block(what) => block(book, account, *what, now),
        AccountAct::Unblock { reason } => unblock(book, account, reason, operator, now),
        AccountAct::ResetPin { code } => reset_pin(book, account, code, now),
        AccountAct::Close => close(book, account, now),
    }
}

/// Takes a one-time code away, if there is one.
pub(super) fn drop_code(book: &mut Book, account: AccountId) {
    if book.codes.remove(&account).is_some() {
        book.changes.codes.insert(account);
    }
}

fn put_code(book: &mut Book, account: AccountId, code: &ResetCode) {
    book.codes.insert(account, code.clone());
    book.changes.codes.insert(account);
}

/// The answer, from what the book has now.
fn told(book: &Book, account: AccountId, changed: bool) -> AccountChange {
    AccountChange {
        changed,
        dry_run: false,
        number: String::new(),
        state: book.accounts.get(&account).map(|row| row.state),
        bars: Vec::new(),
        sessions_ended: 0,
    }
}

/// The account, where it is there and not closed.
fn living(book: &Book, account: AccountId) -> Result<Account, ServiceError> {
    let row = book.accounts.get(&account).copied().ok_or(ServiceError::NotFound)?;
    match row.state {
        AccountState::Closed => Err(ServiceError::Conflict(Conflict::AccountClosed)),
        _ => Ok(row),
    }
}

fn set_state(
    book: &mut Book,
    account: AccountId,
    state: AccountState,
    action: Action,
    now: Now,
) -> Result<(), ServiceError> {
    if let Some(row) = book.accounts.get_mut(&account) {
        row.state = state;
        book.changes.accounts.insert(account);
    }
    book.record(Draft::note(action, account), now).map(drop).map_err(ServiceError::Rejected)
}

fn open(
    book: &mut Book,
    account: AccountId,
    (pin, code): (&PinHash, &ResetCode),
    rules: &Rules,
    now: Now,
) -> Result<AccountChange, ServiceError> {
    match living(book, account) {
        Err(ServiceError::NotFound) => {}
        Err(error) => return Err(error),
        Ok(_) => return Ok(told(book, account, false)),
    }
    if blacklist::bar(book, account, now).is_some() {
        return Err(ServiceError::Conflict(Conflict::Blacklisted));
    }
    book.check(pin::opening(account, rules)).map_err(ServiceError::Rejected)?;
    blacklist::expire(book, account, now);
    pin::open(book, account, pin.clone(), None, rules, now).map_err(ServiceError::Rejected)?;
    put_code(book, account, code);
    Ok(told(book, account, true))
}

fn block(book: &mut Book, account: AccountId, what: Block, now: Now) -> Result<AccountChange, ServiceError> {
    let before = living(book, account)?.state;
    let mut state = before;
    if matches!(what, Block::Debit | Block::Both) && state.without_debit() != state {
        state = state.without_debit();
        set_state(book, account, state, Action::DebitBlocked, now)?;
    }
    if matches!(what, Block::Credit | Block::Both) && state.without_credit() != state {
        state = state.without_credit();
        set_state(book, account, state, Action::CreditBlocked, now)?;
    }
    Ok(told(book, account, state != before))
}

/// What stands between a customer and the account.
fn bars(book: &Book, account: AccountId, now: Now) -> Vec<Bar> {
    let state = book.accounts.get(&account).map(|row| row.state);
    let failures = book.credentials.get(&account).map_or(0, |credential| credential.guesses.failures);
    let is = |states: [AccountState; 2]| state.is_some_and(|state| states.contains(&state));
    let table = [
        (Bar::DebitBlocked, is([AccountState::DebitBlocked, AccountState::Blocked])),
        (Bar::CreditBlocked, is([AccountState::CreditBlocked, AccountState::Blocked])),
        (Bar::Blacklisted, blacklist::bar(book, account, now).is_some()),
        (Bar::Failures, failures > 0),
    ];
    table.into_iter().filter(|(_, there)| *there).map(|(bar, _)| bar).collect()
}

fn unblock(
    book: &mut Book,
    account: AccountId,
    reason: &str,
    operator: &str,
    now: Now,
) -> Result<AccountChange, ServiceError> {
    let state = match living(book, account) {
        // A number can be on the blacklist without an account.
        Err(ServiceError::NotFound) if book.blacklist.contains_key(&account) => AccountState::Active,
        other => other?.state,
    };
    blacklist::expire(book, account, now);
    let bars = bars(book, account, now);
    clear_failures(book, account);
    if bars.contains(&Bar::Blacklisted) {
        blacklist::remove(book, account, BlacklistAct::Removed, reason, operator, now);
    }
    if state != AccountState::Active {
        set_state(book, account, AccountState::Active, Action::Unblocked, now)?;
    }
    Ok(AccountChange { bars: bars.clone(), ..told(book, account, !bars.is_empty()) })
}

fn reset_pin(
    book: &mut Book,
    account: AccountId,
    code: &ResetCode,
    now: Now,
) -> Result<AccountChange, ServiceError> {
    living(book, account)?;
    blacklist::expire(book, account, now);
    // Who forgot the PIN has tried before asking for a code, which needs attempts, too.
    clear_failures(book, account);
    put_code(book, account, code);
    let barred = blacklist::bar(book, account, now).map(|_| Bar::Blacklisted);
    Ok(AccountChange { bars: barred.into_iter().collect(), ..told(book, account, true) })
}

fn close(book: &mut Book, account: AccountId, now: Now) -> Result<AccountChange, ServiceError> {
    let row = match living(book, account) {
        Err(ServiceError::Conflict(Conflict::AccountClosed)) => return Ok(told(book, account, false)),
        other => other?,
    };
    let Account { posted, pending, .. } = row;
    if posted != Money::ZERO || pending != Money::ZERO {
        return Err(ServiceError::Conflict(Conflict::NotEmpty { posted, pending }));
    }
    drop_code(book, account);
    set_state(book, account, AccountState::Closed, Action::Closed, now)?;
    let sessions_ended = end_sessions(book, book.open_sessions(account), SessionEnd::AccountClosed, now);
    Ok(AccountChange { sessions_ended, ..told(book, account, true) })
}
