//! What holds after every request, whatever the answer.

use super::super::Decision;
use crate::ledger::book::Book;
use crate::ledger::entry::{Entry, PayloadHash, Transfer};
use crate::ledger::guesses::Guesses;
use crate::ledger::request::{Answer, Request};
use crate::ledger::{Now, Rules};
use atm_rpc::error::{ServiceError, SessionEnd};
use atm_rpc::types::account::AccountId;
use atm_rpc::types::action::Action;
use atm_rpc::types::key::RequestKey;
use atm_rpc::types::money::Money;
use atm_rpc::types::time::BusinessDate;
use std::collections::HashMap;

/// After this time an attempt without a verdict is given back.
const LEASE_MS: i64 = 60_000;

/// What must be remembered from request to request to see that a rule is kept.
#[derive(Default)]
pub(super) struct Watch {
    firsts: HashMap<(RequestKey, PayloadHash), Decision>,
    /// Attempts that wait for a verdict, and wrong PINs, since a number's count was last at zero.
    attempts: HashMap<AccountId, (Vec<i64>, u32)>,
    clock_ms: i64,
}

impl Watch {
    pub(super) fn look(
        &mut self,
        (before, after): (&Book, &Book),
        (request, decision): (&Request, &Decision),
        rules: &Rules,
        now: Now,
    ) {
        let new = &after.changes.entries[before.changes.entries.len()..];
        entries_follow(before, after, new);
        books_balance(after);
        sessions_are_few(after, rules, now);
        for entry in new {
            let fresh = entry.request.is_none_or(|(key, _)| !before.keys.contains_key(&key));
            assert!(fresh, "{entry:?} uses its key again");
        }
        if let Err(error) = decision {
            nothing_happened(before, after, request, *error);
        }
        self.answers_repeat(request, decision, new);
        self.guesses_are_few((before, after), (request, decision), new, rules, now);
    }

    /// The first outcome under a key and payload is the only one.
    fn answers_repeat(&mut self, request: &Request, decision: &Decision, new: &[Entry]) {
        let id = match request {
            Request::Move(order) => (order.key, order.payload),
            Request::Register(order) => (order.key, order.payload),
            Request::ChangePin(order) => (order.key, order.payload),
            _ => return,
        };
        if !matches!(decision, Ok(_) | Err(ServiceError::Rejected(_))) {
            return;
        }
        let Some(first) = self.firsts.get(&id) else {
            if let Ok(Answer::Receipt(receipt)) = decision {
                assert!(!receipt.replayed, "the first answer under {id:?} says it is a repeat");
                assert_eq!(
                    new.first().map(|entry| (entry.seq, entry.request)),
                    Some((receipt.reference, Some(id)))
                );
            }
            self.firsts.insert(id, decision.clone());
            return;
        };
        assert!(new.is_empty(), "a repeat under {id:?} left an entry");
        let mut expected = first.clone();
        if let Ok(Answer::Receipt(receipt)) = &mut expected {
            receipt.replayed = true;
        }
        assert_eq!(decision, &expected, "the answer under {id:?} changed");
    }

    /// Of one number, no more wrong PINs than allowed come from attempts of one run. A verdict that
    /// comes after its attempt was given back, or after the count was cleared, is of another run.
    fn guesses_are_few(
        &mut self,
        (before, after): (&Book, &Book),
        (request, decision): (&Request, &Decision),
        new: &[Entry],
        rules: &Rules,
        now: Now,
    ) {
        if now.at.ms() < self.clock_ms {
            // By a clock that was set back, nobody can tell how long an attempt waits.
            self.attempts.values_mut().for_each(|(waiting, _)| waiting.clear());
        }
        self.clock_ms = now.at.ms();
        let of = |action: Action| {
            new.iter().filter(move |entry| entry.action == action).filter_map(|entry| entry.customer)
        };
        for who in of(Action::Unblacklisted) {
            self.attempts.remove(&who);
        }
        let begun = match (request, decision) {
            (Request::BeginAttempt(attempt), Ok(Answer::Verify(_))) => Some(attempt.number),
            (Request::BeginRedeem { number, .. }, Ok(Answer::Verify(_) | Answer::NoCode)) => Some(*number),
            _ => None,
        };
        if let Some(number) = begun {
            self.attempts.entry(AccountId::of(number)).or_default().0.push(now.at.ms());
        }
        for who in of(Action::AuthFailed) {
            let (waiting, wrong) = self.attempts.entry(who).or_default();
            waiting.retain(|begun| (now.at.ms() - begun).abs() <= LEASE_MS);
            *wrong += u32::from(waiting.pop().is_some());
            assert!(*wrong <= rules.attempts_max, "{wrong} wrong PINs of {who:?}");
        }
        for (who, credential) in &after.credentials {
            let was = before.credentials.get(who).map_or(Guesses::default(), |before| before.guesses);
            if was != Guesses::default() && credential.guesses == Guesses::default() {
                self.attempts.remove(who);
            }
            let guesses = credential.guesses;
            assert!(guesses.failures <= guesses.attempts, "{guesses:?}");
        }
    }
}

fn minor(book: &Book, account: AccountId) -> i64 {
    match book.accounts.get(&account) {
        _ if account == AccountId::VAULT => book.head.vault.minor(),
        Some(row) => row.posted.minor(),
        None => 0,
    }
}

/// The rows give the balances: those that they name, and those that the accounts have in the end.
fn entries_follow(before: &Book, after: &Book, new: &[Entry]) {
    let mut balances: HashMap<AccountId, i64> = HashMap::new();
    let mut newest: HashMap<AccountId, _> =
        before.accounts.iter().filter_map(|(id, row)| Some((*id, row.last_seq?))).collect();
    let (mut seq, mut date) = (before.head.seq, before.head.date);
    for entry in new {
        seq += 1;
        assert_eq!(entry.seq.0, seq, "{entry:?} is not the next");
        assert!(entry.business_date >= date, "{entry:?} is of a day that was closed");
        date = entry.business_date;
        if let Some(Transfer { debit, credit, amount }) = entry.transfer {
            assert!(amount > Money::ZERO && debit != credit, "{entry:?} moves nothing");
            for (account, change) in [(debit, -amount.minor()), (credit, amount.minor())] {
                let change = if account == AccountId::VAULT { -change } else { change };
                *balances.entry(account).or_insert_with(|| minor(before, account)) += change;
            }
        }
        let balance = |account| balances.get(&account).copied().unwrap_or_else(|| minor(before, account));
        assert_eq!(entry.vault_balance.minor(), balance(AccountId::VAULT), "{entry:?}");
        let Some(customer) = entry.customer else { continue };
        if let Some(stated) = entry.customer_balance {
            assert_eq!(stated.minor(), balance(customer), "{entry:?}");
            assert_eq!(entry.previous, newest.insert(customer, entry.seq), "{entry:?}");
        }
    }
    assert_eq!((after.head.seq, after.head.date >= date), (seq, true));
    for (id, row) in &after.accounts {
        let expected = balances.get(id).copied().unwrap_or_else(|| minor(before, *id));
        assert_eq!(row.posted.minor(), expected, "the balance of {id:?}");
        assert_eq!(row.last_seq, newest.get(id).copied(), "the newest entry of {id:?}");
    }
    let vault = balances.get(&AccountId::VAULT).copied().unwrap_or_else(|| minor(before, AccountId::VAULT));
    assert_eq!(after.head.vault.minor(), vault);
}

/// What the bank has is what it owes and owns, and nobody is below zero.
fn books_balance(book: &Book) {
    let owed: i64 = book.accounts.values().map(|row| row.posted.minor()).sum();
    assert_eq!(book.head.vault.minor(), owed);
    assert!(book.head.vault >= Money::ZERO);
    assert_eq!(minor(book, AccountId::CLEARING), 0);
    for (id, row) in &book.accounts {
        assert!(id.mobile().is_none() || row.posted >= Money::ZERO, "{id:?} is below zero");
    }
}

fn sessions_are_few(book: &Book, rules: &Rules, now: Now) {
    for id in book.accounts.keys() {
        let open = book.sessions.values().filter(|s| s.account == *id && s.ended.is_none()).count();
        let listed = book.blacklist.get(id).is_some_and(|l| l.until.is_none_or(|until| until > now.at));
        let most = if listed { 0 } else { usize::try_from(rules.sessions_per_number_max).expect("a few") };
        assert!(open <= most, "{open} sessions of {id:?}");
    }
}

/// A 'no' leaves nothing but its memory, the end of a session that was over, and what became of a PIN
/// that was shown.
fn nothing_happened(before: &Book, after: &Book, request: &Request, error: ServiceError) {
    let [mut before, mut after] = [before.clone(), after.clone()];
    for book in [&mut before, &mut after] {
        book.keys.clear();
        book.changes.rejections.clear();
        book.head.date = BusinessDate::from_days(0);
    }
    if let ServiceError::Unauthenticated(SessionEnd::TooLong | SessionEnd::Idle) = error {
        for (id, session) in &after.sessions {
            let was = before.sessions.get_mut(id).expect("no session begins");
            if was != session {
                assert!(was.ended.is_none(), "{session:?} ended twice");
                was.ended = session.ended;
                before.changes.sessions.insert(*id);
            }
        }
    }
    if let Request::Operate { .. } = request {
        // That it was refused is in the audit log.
        assert_eq!(after.changes.audits.len(), before.changes.audits.len() + 1);
        after.changes.audits.pop();
        after.head.audit -= 1;
    }
    if let Request::ChangePin(_) | Request::Login(_) | Request::FailAttempt { .. } | Request::Redeem(_) =
        request
    {
        assert_eq!(before.codes, after.codes);
        for (id, credential) in &before.credentials {
            assert_eq!(credential.pin, after.credentials[id].pin);
        }
        let quiet = |entry: &Entry| matches!(entry.action, Action::AuthFailed | Action::Blacklisted);
        let new = &after.changes.entries[before.changes.entries.len()..];
        assert!(new.iter().all(quiet), "{new:?}");
        return;
    }
    assert_eq!(before, after, "{request:?} was refused with {error:?} and changed something");
}
