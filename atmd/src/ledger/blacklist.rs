//! The blacklist: numbers that may not log in. Entries go, their history stays.

use crate::ledger::Now;
use crate::ledger::book::{Book, Draft, Event, Listed};
use atm_rpc::error::{Rejection, SessionEnd};
use atm_rpc::operator::blacklist::{BlacklistAct, BlacklistChange};
use atm_rpc::types::account::AccountId;
use atm_rpc::types::action::Action;
use atm_rpc::types::mobile::MobileNumber;
use atm_rpc::types::time::Timestamp;

/// Who acted where no operator did.
pub const ATMD: &str = "atmd";

/// The 'no' for a number that is on the blacklist now.
pub(super) fn bar(book: &Book, account: AccountId, now: Now) -> Option<Rejection> {
    let listed = book.blacklist.get(&account)?;
    let over = listed.until.is_some_and(|until| until <= now.at);
    (!over).then_some(Rejection::Blacklisted { until: listed.until })
}

/// Takes a number off whose time is over.
pub(super) fn expire(book: &mut Book, account: AccountId, now: Now) {
    if book.blacklist.contains_key(&account) && bar(book, account, now).is_none() {
        remove(book, account, BlacklistAct::Expired, "its time was over", ATMD, now);
    }
}

/// Puts a number on the blacklist and ends its sessions. Says how many ended.
pub(super) fn add(
    book: &mut Book,
    account: AccountId,
    reason: &str,
    actor: &str,
    until: Option<Timestamp>,
    now: Now,
) -> u32 {
    let known = bar(book, account, now).is_some();
    let id = note_event(book, account, BlacklistAct::Added, reason, actor, until, now);
    let listed = Listed { id, reason: reason.into(), actor: actor.into(), since: now.at, until };
    book.blacklist.insert(account, listed);
    book.changes.listed.insert(account);
    if !known {
        // Cannot fail: the entry moves no money.
        let _ = book.record(Draft::note(Action::Blacklisted, account), now);
    }
    let mut ended: u32 = 0;
    for session in book.open_sessions(account) {
        if book.end_session(session, SessionEnd::Blacklisted, now) {
            ended = ended.saturating_add(1);
        }
    }
    ended
}

fn remove(book: &mut Book, account: AccountId, act: BlacklistAct, reason: &str, actor: &str, now: Now) {
    note_event(book, account, act, reason, actor, None, now);
    book.blacklist.remove(&account);
    book.changes.listed.insert(account);
    clear_failures(book, account);
    let _ = book.record(Draft::note(Action::Unblacklisted, account), now);
}

fn clear_failures(book: &mut Book, account: AccountId) -> u32 {
    let Some(credential) = book.credentials.get_mut(&account) else { return 0 };
    let failures = credential.guesses.failures;
    if credential.guesses.attempts > 0 {
        credential.guesses.clear();
        book.changes.credentials.insert(account);
    }
    failures
}

fn note_event(
    book: &mut Book,
    number: AccountId,
    act: BlacklistAct,
    reason: &str,
    actor: &str,
    until: Option<Timestamp>,
    now: Now,
) -> i64 {
    book.head.event += 1;
    let id = book.head.event;
    let event = Event { id, at: now.at, number, act, reason: reason.into(), actor: actor.into(), until };
    book.changes.events.push(event);
    id
}

fn shown(number: MobileNumber, masked: bool) -> String {
    if masked { number.masked() } else { number.full() }
}

pub(super) fn operator_adds(
    book: &mut Book,
    number: MobileNumber,
    reason: &str,
    until: Option<Timestamp>,
    actor: &str,
    masked: bool,
    now: Now,
) -> BlacklistChange {
    let account = AccountId::of(number);
    expire(book, account, now);
    let same = |listed: &Listed| listed.reason == reason && listed.until == until;
    let changed = !book.blacklist.get(&account).is_some_and(same);
    let sessions_ended = if changed { add(book, account, reason, actor, until, now) } else { 0 };
    BlacklistChange {
        changed,
        dry_run: false,
        number: shown(number, masked),
        registered: book.accounts.contains_key(&account),
        listed: true,
        until,
        sessions_ended,
        failures_cleared: 0,
    }
}

pub(super) fn operator_removes(
    book: &mut Book,
    number: MobileNumber,
    reason: &str,
    actor: &str,
    masked: bool,
    now: Now,
) -> BlacklistChange {
    let account = AccountId::of(number);
    let failures_cleared = clear_failures(book, account);
    let listed = book.blacklist.contains_key(&account);
    if listed {
        remove(book, account, BlacklistAct::Removed, reason, actor, now);
    }
    BlacklistChange {
        changed: listed || failures_cleared > 0,
        dry_run: false,
        number: shown(number, masked),
        registered: book.accounts.contains_key(&account),
        listed: false,
        until: None,
        sessions_ended: 0,
        failures_cleared,
    }
}
