//! Attempts, log-ins and sessions.

use crate::ledger::blacklist::{self, ATMD};
use crate::ledger::book::{Book, Draft, Session};
use crate::ledger::guesses::Verdict;
use crate::ledger::request::{Answer, Attempt, Caller, LoginOrder, replay};
use crate::ledger::{Now, Rules};
use atm_rpc::error::{Rejection, ServiceError, SessionEnd};
use atm_rpc::types::account::{AccountId, AccountState};
use atm_rpc::types::action::Action;
use atm_rpc::types::key::SessionId;
use atm_rpc::types::mobile::MobileNumber;
use atm_rpc::types::terminal::TerminalName;

/// When to come back while as many attempts as are allowed wait for their verdict.
const ATTEMPTS_RETRY_MS: u32 = 1_000;
/// When to come back where the PIN was changed in the middle of a log-in.
pub(super) const PIN_CHANGED_RETRY_MS: u32 = 100;

/// Whether a session may act now. What an operator or a newer log-in did reaches it here.
pub(super) fn check_session(
    book: &mut Book,
    caller: Caller,
    rules: &Rules,
    now: Now,
) -> Result<(), ServiceError> {
    if let Some(bar) = blacklist::bar(book, caller.account, now) {
        return Err(ServiceError::Rejected(bar));
    }
    let unauthenticated = |end| Err(ServiceError::Unauthenticated(end));
    let Some(session) = book.sessions.get(&caller.session).filter(|s| s.account == caller.account) else {
        return unauthenticated(SessionEnd::Unknown);
    };
    if let Some((_, reason)) = session.ended {
        return unauthenticated(reason);
    }
    if session.attachment != caller.attachment {
        return unauthenticated(SessionEnd::ResumedElsewhere);
    }
    if now.at.since_ms(session.started_at) > rules.session_length_ms {
        book.end_session(caller.session, SessionEnd::TooLong, now);
        return unauthenticated(SessionEnd::TooLong);
    }
    Ok(())
}

/// Counts an attempt before its PIN is hashed. A change of PIN that is refused here stays refused.
pub(super) fn begin_attempt(
    book: &mut Book,
    attempt: &Attempt,
    rules: &Rules,
    now: Now,
) -> Result<Answer, ServiceError> {
    let account = AccountId::of(attempt.number);
    if let Some((_, key, payload)) = attempt.change
        && let Some(known) = replay(book, account, key, &payload)
    {
        return known;
    }
    let decision = count_attempt(book, attempt, rules, now);
    match attempt.change {
        Some((_, key, payload)) => book.kept((key, payload), account, decision, now),
        None => decision,
    }
}

fn count_attempt(
    book: &mut Book,
    attempt: &Attempt,
    rules: &Rules,
    now: Now,
) -> Result<Answer, ServiceError> {
    let account = AccountId::of(attempt.number);
    if let Some((caller, _, _)) = attempt.change {
        check_session(book, caller, rules, now)?;
    }
    blacklist::expire(book, account, now);
    if let Some(bar) = blacklist::bar(book, account, now) {
        return Err(ServiceError::Rejected(bar));
    }
    let Some(credential) = book.credentials.get_mut(&account) else {
        return Ok(Answer::Stranger);
    };
    if !credential.guesses.raise(rules.attempts_max, now.at) {
        return Err(ServiceError::Busy { retry_after_ms: ATTEMPTS_RETRY_MS });
    }
    book.changes.credentials.insert(account);
    Ok(Answer::Verify(credential.pin.clone()))
}

/// Counts a verified wrong PIN, and blacklists the number at the last one. Gives the 'no'.
pub(super) fn fail_attempt(
    book: &mut Book,
    number: MobileNumber,
    terminal: Option<&TerminalName>,
    session: Option<SessionId>,
    rules: &Rules,
    now: Now,
) -> ServiceError {
    let account = AccountId::of(number);
    let Some(credential) = book.credentials.get_mut(&account) else {
        return ServiceError::NotFound;
    };
    let verdict = credential.guesses.wrong(rules.attempts_max);
    book.changes.credentials.insert(account);
    let listed = blacklist::bar(book, account, now).is_some();
    // Verdicts that come when the number is listed already, of attempts from before, leave no more entries.
    if !listed {
        let draft = Draft { terminal, session, ..Draft::note(Action::AuthFailed, account) };
        if let Err(rejection) = book.record(draft, now) {
            return ServiceError::Rejected(rejection);
        }
    }
    if verdict == Verdict::Exhausted && !listed {
        let until = rules.lockout_ms.map(|ms| now.at.plus_ms(ms));
        let reason = format!("{} wrong PINs", rules.attempts_max);
        blacklist::add(book, account, &reason, ATMD, until, now);
    }
    ServiceError::Rejected(match (blacklist::bar(book, account, now), verdict) {
        (Some(bar), _) => bar,
        (None, Verdict::Left(attempts_left)) => Rejection::WrongPin { attempts_left },
        (None, Verdict::Exhausted) => Rejection::WrongPin { attempts_left: 0 },
    })
}

/// Begins a session after a right PIN.
pub(super) fn login(
    book: &mut Book,
    order: &LoginOrder,
    rules: &Rules,
    now: Now,
) -> Result<Answer, ServiceError> {
    let account = AccountId::of(order.number);
    if let Some(bar) = blacklist::bar(book, account, now) {
        return Err(ServiceError::Rejected(bar));
    }
    let failures_before = prove(book, account, &order.salt)?;
    if let (Some(pin), Some(credential)) = (&order.rehashed, book.credentials.get_mut(&account)) {
        credential.pin = pin.clone();
    }
    if book.accounts.get(&account).is_none_or(|row| row.state == AccountState::Closed) {
        return Err(ServiceError::Rejected(Rejection::AccountClosed));
    }
    // A listing that ran out since the attempt goes: no session begins beside one, which a clock that is set
    // back would bring to life again.
    blacklist::expire(book, account, now);
    let taken_over = take_over(book, account, rules, now);
    book.head.session += 1;
    let session = SessionId(book.head.session);
    book.sessions.insert(
        session,
        Session {
            account,
            token: order.token,
            attachment: 1,
            terminal: order.terminal.clone(),
            started_at: now.at,
            seen_at: now.at,
            ended: None,
        },
    );
    book.changes.sessions.insert(session);
    let draft = Draft { session: Some(session), ..Draft::note(Action::Login, account) };
    book.record(draft, now).map_err(ServiceError::Rejected)?;
    let caller = Caller { session, attachment: 1, account };
    Ok(Answer::Session { caller, started_at: now.at, taken_over, failures_before })
}

/// Notes a right PIN: forgets the failures, and says how many there were. The PIN must still be
/// the one that was verified.
pub(super) fn prove(book: &mut Book, account: AccountId, salt: &[u8; 16]) -> Result<u32, ServiceError> {
    let Some(credential) = book.credentials.get_mut(&account).filter(|c| c.pin.salt == *salt) else {
        return Err(ServiceError::Busy { retry_after_ms: PIN_CHANGED_RETRY_MS });
    };
    let failures = credential.guesses.failures;
    credential.guesses.clear();
    book.changes.credentials.insert(account);
    Ok(failures)
}

/// Makes room for one more session. Says how many live ones ended by it.
fn take_over(book: &mut Book, account: AccountId, rules: &Rules, now: Now) -> u32 {
    let open = book.open_sessions(account);
    let room = usize::try_from(rules.sessions_per_number_max).unwrap_or(usize::MAX);
    let excess = (open.len() + 1).saturating_sub(room);
    let mut live: u32 = 0;
    for id in open.into_iter().take(excess) {
        let idle = book.sessions.get(&id).is_none_or(|s| is_idle(s, rules, now));
        let reason = if idle { SessionEnd::Idle } else { SessionEnd::TakenOver };
        if book.end_session(id, reason, now) && !idle {
            live = live.saturating_add(1);
        }
    }
    live
}

/// Signs of life are stored at intervals of a quarter of the idle time.
fn is_idle(session: &Session, rules: &Rules, now: Now) -> bool {
    let allowed = rules.idle_timeout_ms.saturating_add(rules.idle_timeout_ms / 4);
    now.at.since_ms(session.seen_at) > allowed
}

/// Moves a session to the connection that asks.
pub(super) fn resume(
    book: &mut Book,
    token: &[u8; 32],
    rules: &Rules,
    now: Now,
) -> Result<Answer, ServiceError> {
    let found = book.sessions.iter_mut().find(|(_, session)| session.token == *token);
    let Some((&id, session)) = found else {
        return Err(ServiceError::Unauthenticated(SessionEnd::Unknown));
    };
    let (account, started_at) = (session.account, session.started_at);
    let idle = session.ended.is_none() && is_idle(session, rules, now);
    let caller = Caller { session: id, attachment: session.attachment, account };
    check_session(book, caller, rules, now)?;
    if idle {
        book.end_session(id, SessionEnd::Idle, now);
        return Err(ServiceError::Unauthenticated(SessionEnd::Idle));
    }
    let Some(session) = book.sessions.get_mut(&id) else {
        return Err(ServiceError::Unauthenticated(SessionEnd::Unknown));
    };
    session.attachment = session.attachment.saturating_add(1);
    session.seen_at = now.at;
    let caller = Caller { attachment: session.attachment, ..caller };
    book.changes.sessions.insert(id);
    Ok(Answer::Session { caller, started_at, taken_over: 0, failures_before: 0 })
}

/// Notes a sign of life.
pub(super) fn touch(book: &mut Book, id: SessionId, now: Now) -> Answer {
    if let Some(session) = book.sessions.get_mut(&id).filter(|session| session.ended.is_none()) {
        session.seen_at = session.seen_at.max(now.at);
        book.changes.sessions.insert(id);
    }
    Answer::Done
}

/// Ends a session that was idle or too long, unless it goes on over another connection.
pub(super) fn end(book: &mut Book, caller: Caller, reason: SessionEnd, now: Now) -> Answer {
    if book.sessions.get(&caller.session).is_some_and(|session| session.attachment == caller.attachment) {
        book.end_session(caller.session, reason, now);
    }
    Answer::Done
}

/// Ends a session at the customer's wish.
pub(super) fn exit(book: &mut Book, caller: Caller, rules: &Rules, now: Now) -> Result<Answer, ServiceError> {
    check_session(book, caller, rules, now)?;
    book.end_session(caller.session, SessionEnd::Exited, now);
    let draft = Draft { session: Some(caller.session), ..Draft::note(Action::Exit, caller.account) };
    book.record(draft, now).map_err(ServiceError::Rejected)?;
    Ok(Answer::Done)
}
