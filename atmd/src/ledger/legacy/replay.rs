//! One row after the other: what is booked ahead of it, the entry that it becomes, and what is told of it.

use super::Newcomers;
use super::check::{Way, way};
use crate::ledger::Now;
use crate::ledger::blacklist;
use crate::ledger::book::{Book, Draft, PinHash, Session};
use crate::ledger::entry::{SessionRef, Transfer};
use atm_rpc::error::SessionEnd;
use atm_rpc::operator::legacy::{
    Difference, DifferenceKind, LedgerImported, LegacyFault, LegacyRow, TOLD_MAX,
};
use atm_rpc::types::account::AccountId;
use atm_rpc::types::action::Action;
use atm_rpc::types::key::SessionId;
use atm_rpc::types::money::Money;
use atm_rpc::types::terminal::TerminalName;
use atm_rpc::types::time::Timestamp;
use std::collections::{BTreeMap, HashMap, HashSet};

/// Where sessions of an older tool were, for all that is known.
const TERMINAL: &str = "imported";

type Done = Result<(), LegacyFault>;

/// The history so far.
pub(super) struct Replay<'a> {
    book: &'a mut Book,
    newcomers: Newcomers<'a>,
    today: Now,
    /// Numbers that the file registers somewhere.
    registered: HashSet<AccountId>,
    sessions: HashMap<(AccountId, Timestamp), SessionId>,
    /// Numbers on the blacklist, and since when.
    listed: BTreeMap<AccountId, Timestamp>,
    /// Whether a row told of the vault's balance yet.
    vault_known: bool,
    imported: LedgerImported,
}

/// An account whose balance a row tells of.
#[derive(Clone, Copy)]
struct Told {
    account: AccountId,
    /// The balance after the row; `None` where it does not say.
    after: Option<i64>,
    /// By how much the row moves it.
    by: i64,
    /// Whether nothing was known of it before.
    first: bool,
}

impl<'a> Replay<'a> {
    pub(super) fn new(book: &'a mut Book, rows: &[LegacyRow], newcomers: Newcomers<'a>, now: Now) -> Self {
        let registers = rows.iter().filter(|row| row.action == Action::Registered);
        let registered = registers.filter_map(|row| row.mobile.map(AccountId::of)).collect();
        let imported = LedgerImported {
            rows: u64::try_from(rows.len()).unwrap_or(u64::MAX),
            first_at: rows.iter().map(|row| row.at).min(),
            last_at: rows.iter().map(|row| row.at).max(),
            ..LedgerImported::default()
        };
        let (sessions, listed) = (HashMap::new(), BTreeMap::new());
        Self { book, newcomers, today: now, registered, sessions, listed, vault_known: false, imported }
    }

    /// Numbers that are on the blacklist at the end, and what is known of the import.
    pub(super) fn end(self) -> (BTreeMap<AccountId, Timestamp>, LedgerImported) {
        (self.listed, self.imported)
    }

    /// Takes the next row.
    pub(super) fn row(&mut self, row: &LegacyRow) -> Done {
        let now = Now { at: row.at, ..self.today };
        let amount = row.amount_minor.unwrap_or(0);
        let way = way(row.action).ok_or(LegacyFault::Action)?;
        let Some(customer) = row.mobile.map(AccountId::of) else {
            self.follow_vault(row, amount, now)?;
            let moved = transfer(AccountId::VAULT, AccountId::EQUITY, amount);
            return self.record(
                Draft { customer: None, transfer: moved, ..Draft::note(row.action, AccountId::VAULT) },
                now,
            );
        };
        let by = match way {
            Way::In(_) => amount,
            Way::Out(_) => -amount,
            Way::Nowhere => 0,
        };
        let is_there = self.book.accounts.contains_key(&customer);
        if is_there && row.action == Action::Registered {
            // It has no entry of its own; what it says of balances is followed as in any row.
            let balance = self.posted(customer);
            let found = row.customer_balance_minor.unwrap_or(balance);
            self.tell(row, DifferenceKind::Registered, (Some(customer), balance, found), 0);
        }
        let (other, moved) = match way {
            Way::In(from) => (from, transfer(from, customer, amount)),
            Way::Out(to) => (to, transfer(customer, to, amount)),
            Way::Nowhere => (AccountId::EQUITY, None),
        };
        self.follow_vault(row, if other == AccountId::VAULT { by } else { 0 }, now)?;
        let opens = !is_there && self.opens(row, customer);
        if opens {
            self.open(row, customer, now)?;
        }
        if is_there || opens {
            let after = row.customer_balance_minor;
            self.follow(row, Told { account: customer, after, by, first: opens }, now)?;
        }
        if row.action != Action::Registered {
            self.record(Draft { transfer: moved, ..Draft::note(row.action, customer) }, now)?;
            self.attend(row, customer);
        }
        self.list(row, customer);
        self.settle(row, customer, now)
    }

    /// Whether a row makes a number a customer. What strangers do before they are registered does not, nor what
    /// happens to somebody who never is.
    fn opens(&self, row: &LegacyRow, customer: AccountId) -> bool {
        let tells = row.customer_balance_minor.is_some() || way(row.action) != Some(Way::Nowhere);
        let strange = matches!(row.action, Action::AuthFailed | Action::Blacklisted | Action::Unblacklisted);
        tells || row.action == Action::Registered || !(strange || self.registered.contains(&customer))
    }

    fn open(&mut self, row: &LegacyRow, customer: AccountId, now: Now) -> Done {
        self.book.open(customer, unknown(self.newcomers.pin, customer), now);
        self.imported.customers += 1;
        self.record(Draft::note(Action::Registered, customer), now)?;
        if row.action == Action::Registered {
            self.attend(row, customer);
        }
        Ok(())
    }

    /// Books what must be there ahead of a row for it to be as it was.
    fn follow(&mut self, row: &LegacyRow, told: Told, now: Now) -> Done {
        let Told { account, after, by, first } = told;
        let before = self.posted(account);
        let wanted = match after {
            Some(after) => after.checked_sub(by).ok_or(LegacyFault::Balance)?,
            None => before,
        };
        let is_vault = account == AccountId::VAULT;
        // Neither before nor after it may a customer be below zero.
        let possible = if is_vault { wanted } else { wanted.max(0).max(by.saturating_neg()) };
        if possible == before && possible == wanted {
            return Ok(());
        }
        let difference = possible.checked_sub(before).ok_or(LegacyFault::Balance)?;
        // A history that begins below zero is not explained by any opening.
        let opens = first && possible == wanted;
        let (action, other) = match opens {
            true => (Action::Opening, AccountId::EQUITY),
            false => (Action::Correction, AccountId::SUSPENSE),
        };
        self.correct(action, (account, other), difference, now)?;
        if opens {
            let sum = if is_vault {
                &mut self.imported.opening_vault_minor
            } else {
                &mut self.imported.opening_customers_minor
            };
            *sum = sum.checked_add(difference).ok_or(LegacyFault::Balance)?;
            return Ok(());
        }
        let what = match (is_vault, possible == wanted) {
            (true, _) => DifferenceKind::BankBalance,
            (false, true) => DifferenceKind::CustomerBalance,
            (false, false) => DifferenceKind::BelowZero,
        };
        let whose = (!is_vault).then_some(account);
        let follows = before.saturating_add(by);
        self.tell(row, what, (whose, follows, after.unwrap_or(follows)), difference);
        Ok(())
    }

    fn follow_vault(&mut self, row: &LegacyRow, by: i64, now: Now) -> Done {
        let after = row.vault_balance_minor;
        let first = after.is_some() && !self.vault_known;
        self.vault_known |= first;
        self.follow(row, Told { account: AccountId::VAULT, after, by, first }, now)
    }

    /// After a row that could not be as it was, the customer has what the row says, where a customer can have that.
    fn settle(&mut self, row: &LegacyRow, customer: AccountId, now: Now) -> Done {
        let Some(after) = row.customer_balance_minor.filter(|after| *after >= 0) else { return Ok(()) };
        let difference = after.checked_sub(self.posted(customer)).ok_or(LegacyFault::Balance)?;
        self.correct(Action::Correction, (customer, AccountId::SUSPENSE), difference, now)
    }

    /// Changes a balance by so much, against another account.
    fn correct(
        &mut self,
        action: Action,
        (account, other): (AccountId, AccountId),
        difference: i64,
        now: Now,
    ) -> Done {
        let amount = difference.checked_abs().ok_or(LegacyFault::Balance)?;
        let is_vault = account == AccountId::VAULT;
        let (debit, credit) = if (difference > 0) == is_vault { (account, other) } else { (other, account) };
        let Some(moved) = transfer(debit, credit, amount) else { return Ok(()) };
        let customer = (!is_vault).then_some(account);
        self.record(Draft { customer, transfer: Some(moved), ..Draft::note(action, account) }, now)
    }

    fn record(&mut self, draft: Draft<'_>, now: Now) -> Done {
        self.book.record(draft, now).map(drop).map_err(|_| LegacyFault::Balance)
    }

    /// Puts the newest entry into the row's session.
    fn attend(&mut self, row: &LegacyRow, customer: AccountId) {
        let elapsed = || Some(row.at.plus_ms(-row.elapsed_ms?));
        let Some(started_at) = row.session_started_at.or_else(elapsed) else { return };
        let elapsed_ms = row.elapsed_ms.unwrap_or_else(|| row.at.since_ms(started_at));
        let head = &mut self.book.head.session;
        let id = *self.sessions.entry((customer, started_at)).or_insert_with(|| {
            *head += 1;
            SessionId(*head)
        });
        let end = if row.action == Action::Exit { SessionEnd::Exited } else { SessionEnd::Idle };
        let session = self.book.sessions.entry(id).or_insert_with(|| Session {
            account: customer,
            token: no_token(id),
            attachment: 1,
            terminal: imported(),
            started_at,
            seen_at: row.at,
            ended: None,
        });
        session.seen_at = session.seen_at.max(row.at);
        session.ended = Some((session.seen_at, end));
        self.book.changes.sessions.insert(id);
        if let Some(entry) = self.book.changes.entries.last_mut() {
            entry.session = Some(SessionRef { id, started_at, elapsed_ms });
        }
    }

    fn list(&mut self, row: &LegacyRow, customer: AccountId) {
        match row.action {
            Action::Blacklisted => drop(self.listed.insert(customer, row.at)),
            Action::Unblacklisted => drop(self.listed.remove(&customer)),
            _ => {}
        }
    }

    fn posted(&self, account: AccountId) -> i64 {
        match account {
            AccountId::VAULT => self.book.head.vault.minor(),
            other => self.book.accounts.get(&other).map_or(0, |account| account.posted.minor()),
        }
    }

    fn tell(
        &mut self,
        row: &LegacyRow,
        what: DifferenceKind,
        (whose, expected_minor, found_minor): (Option<AccountId>, i64, i64),
        corrected_minor: i64,
    ) {
        self.imported.differences_count += 1;
        if self.imported.differences.len() < TOLD_MAX {
            let masked = self.newcomers.masked;
            let number = whose.and_then(AccountId::mobile).map(|number| blacklist::shown(number, masked));
            let (line, at) = (row.line, row.at);
            let told = Difference { line, at, what, number, expected_minor, found_minor, corrected_minor };
            self.imported.differences.push(told);
        }
    }
}

/// Money on its way, where there is any.
fn transfer(debit: AccountId, credit: AccountId, amount_minor: i64) -> Option<Transfer> {
    (amount_minor > 0).then(|| Transfer { debit, credit, amount: Money::from_minor(amount_minor) })
}

/// A PIN that nobody knows, another for each customer: the hash was never one of a PIN.
fn unknown(pin: &PinHash, customer: AccountId) -> PinHash {
    let mut pin = pin.clone();
    for (salt, byte) in pin.salt.iter_mut().zip(customer.raw().to_be_bytes()) {
        *salt ^= byte;
    }
    pin
}

/// In the place of a token's hash, which no token has: the session is over.
fn no_token(id: SessionId) -> [u8; 32] {
    let mut hash = [0; 32];
    hash[..8].copy_from_slice(&id.0.to_be_bytes());
    hash
}

#[expect(clippy::expect_used, reason = "a constant; a test reads it")]
fn imported() -> TerminalName {
    TerminalName::parse(TERMINAL).expect("it is a terminal's name")
}
