//! The blacklist: numbers that may not log in. Entries go, their history stays.

use crate::ledger::Now;
use crate::ledger::book::{Book, Draft, Event, Listed};
use crate::ledger::request::Listing;
use atm_rpc::error::{Rejection, SessionEnd};
use atm_rpc::operator::blacklist::{BlacklistAct, BlacklistChange, BlacklistImported};
use atm_rpc::types::account::AccountId;
use atm_rpc::types::action::Action;
use atm_rpc::types::key::SessionId;
use atm_rpc::types::mobile::MobileNumber;
use atm_rpc::types::time::Timestamp;
use std::collections::HashMap;

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
    put(book, account, reason, actor, until, now);
    end_sessions(book, book.open_sessions(account), SessionEnd::Blacklisted, now)
}

fn put(book: &mut Book, account: AccountId, reason: &str, actor: &str, until: Option<Timestamp>, now: Now) {
    let known = bar(book, account, now).is_some();
    let id = note_event(book, account, BlacklistAct::Added, reason, actor, until, now);
    let listed = Listed { id, reason: reason.into(), actor: actor.into(), since: now.at, until };
    book.blacklist.insert(account, listed);
    book.changes.listed.insert(account);
    if !known {
        // Cannot fail: the entry moves no money.
        let _ = book.record(Draft::note(Action::Blacklisted, account), now);
    }
}

/// Ends sessions, and says how many of them were open.
pub(super) fn end_sessions(book: &mut Book, sessions: Vec<SessionId>, why: SessionEnd, now: Now) -> u32 {
    let mut ended: u32 = 0;
    for session in sessions {
        if book.end_session(session, why, now) {
            ended = ended.saturating_add(1);
        }
    }
    ended
}

pub(super) fn remove(
    book: &mut Book,
    account: AccountId,
    act: BlacklistAct,
    reason: &str,
    actor: &str,
    now: Now,
) {
    note_event(book, account, act, reason, actor, None, now);
    book.blacklist.remove(&account);
    book.changes.listed.insert(account);
    clear_failures(book, account);
    let _ = book.record(Draft::note(Action::Unblacklisted, account), now);
}

pub(super) fn clear_failures(book: &mut Book, account: AccountId) -> u32 {
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

pub(super) fn shown(number: MobileNumber, masked: bool) -> String {
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

/// Puts all numbers of a list on the blacklist. Those that are there already with the same words stay as they are.
pub(super) fn import(book: &mut Book, rows: &[Listing], actor: &str, now: Now) -> BlacklistImported {
    let mut sessions: HashMap<AccountId, Vec<SessionId>> = HashMap::new();
    for (id, session) in book.sessions.iter().filter(|(_, session)| session.ended.is_none()) {
        sessions.entry(session.account).or_default().push(*id);
    }
    let mut imported = BlacklistImported { rows: count(rows.len()), ..BlacklistImported::default() };
    for Listing { number, reason, until } in rows {
        let account = AccountId::of(*number);
        if !book.accounts.contains_key(&account) {
            imported.unregistered += 1;
        }
        expire(book, account, now);
        let same = |listed: &Listed| listed.reason == *reason && listed.until == *until;
        if book.blacklist.get(&account).is_some_and(same) {
            continue;
        }
        put(book, account, reason, actor, *until, now);
        let open = sessions.remove(&account).unwrap_or_default();
        let ended = end_sessions(book, open, SessionEnd::Blacklisted, now);
        imported.sessions_ended += u64::from(ended);
        imported.added += 1;
    }
    imported.changed = imported.added > 0;
    imported
}

/// Puts a number on the blacklist whose history says that it is there already.
pub(super) fn import_listed(book: &mut Book, account: AccountId, actor: &str, since: Timestamp) {
    let now = Now { at: since, today: book.head.date };
    let reason = "blacklisted in the imported ledger";
    let id = note_event(book, account, BlacklistAct::Added, reason, actor, None, now);
    let listed = Listed { id, reason: reason.into(), actor: actor.into(), since, until: None };
    book.blacklist.insert(account, listed);
    book.changes.listed.insert(account);
}

fn count(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}
