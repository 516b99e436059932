//! Balances, recomputed from the entries: after each entry, after each batch, and against the table of accounts.

use super::{Finding, Place, Shown, maybe};
use crate::ledger::book::Account;
use crate::ledger::entry::{Entry, Transfer};
use crate::seal::Seal;
use crate::store::verify::Kept;
use atm_rpc::operator::ledger::Check;
use atm_rpc::types::account::{AccountId, AccountState};
use atm_rpc::types::action::Action;
use atm_rpc::types::key::Seq;
use atm_rpc::types::money::Money;
use atm_rpc::types::time::{BusinessDate, Timestamp};
use std::collections::HashMap;

/// What the entries so far add up to.
#[derive(Debug)]
pub struct Books {
    vault: Balance,
    accounts: HashMap<AccountId, Known>,
    date: Option<BusinessDate>,
    /// What was between customers after the batch before.
    clearing: i64,
}

/// A balance that follows from entries, in minor units.
#[derive(Clone, Copy, Debug, Default)]
struct Balance {
    minor: i64,
    /// What the newest entry said instead. Where the next one goes on from there, the transfer was changed and
    /// not the balance, and the difference is told once.
    said: Option<i64>,
}

/// An account of the journal.
#[derive(Clone, Copy, Debug)]
struct Known {
    posted: Balance,
    state: AccountState,
    last: Option<Seq>,
    /// `None`: not a customer's.
    opened_at: Option<Timestamp>,
}

impl Default for Known {
    fn default() -> Self {
        Self { posted: Balance::default(), state: AccountState::Active, last: None, opened_at: None }
    }
}

impl Default for Books {
    fn default() -> Self {
        let accounts = AccountId::SYSTEM.into_iter().map(|id| (id, Known::default())).collect();
        Self { vault: Balance::default(), accounts, date: None, clearing: 0 }
    }
}

type Found<'a> = &'a mut dyn FnMut(Finding);

impl Books {
    /// The vault's balance, in minor units.
    #[must_use]
    pub const fn vault(&self) -> i64 {
        self.vault.minor
    }

    /// How many accounts there must be.
    #[must_use]
    pub fn account_count(&self) -> usize {
        self.accounts.len()
    }

    /// Takes an entry, in the order of the journal.
    pub fn entry(&mut self, entry: &Entry, found: Found<'_>) {
        let place = Place::Entry(entry.seq.0);
        self.date_goes_on(place, entry.business_date, found);
        self.open(entry, found);
        self.restrict(entry);
        let vault_before = self.vault.minor;
        let customer = entry.customer.filter(|id| *id != AccountId::VAULT);
        let before = customer.and_then(|id| self.accounts.get(&id)).map(|known| known.posted.minor);
        if let Some(transfer) = entry.transfer {
            self.book(entry, transfer, found);
        }
        let by = self.vault.minor.wrapping_sub(vault_before);
        if let Some(expected) = self.vault.follow(by, entry.vault_balance.minor()) {
            let there = entry.vault_balance.minor();
            found(Finding::of(Check::VaultBalance, place, "vault_balance_minor", expected, there));
        }
        self.customer_follows(entry, before, found);
    }

    /// A batch ends with this seal.
    pub fn batch_ends(&mut self, seal: &Seal, found: Found<'_>) {
        let place = Place::Seal(seal.id);
        self.date_goes_on(place, seal.business_date, found);
        // The one that the entries say: where they were changed, they are told of themselves.
        let vault = self.vault.said.unwrap_or(self.vault.minor);
        if seal.vault_minor != vault && seal.vault_minor != self.vault.minor {
            found(Finding::of(Check::SealVault, place, "vault_balance_minor", vault, seal.vault_minor));
        }
        let clearing = self.posted(AccountId::CLEARING);
        if clearing != 0 && clearing != self.clearing {
            found(Finding::of(Check::Clearing, place, "clearing", 0, clearing));
        }
        self.clearing = clearing;
    }

    /// Compares a row of the table of accounts.
    pub fn account(&mut self, kept: &Kept<(AccountId, Account)>, found: Found<'_>) {
        let place = Place::Account(kept.place);
        let (id, account) = match &kept.row {
            Ok(row) => row,
            Err(fault) => {
                // It is there, whatever it says.
                AccountId::from_raw(kept.place).and_then(|id| self.accounts.remove(&id));
                return found(Finding::fault(place, fault));
            }
        };
        let Some(known) = self.accounts.remove(id) else {
            return found(Finding::at(Check::AccountUnknown, place));
        };
        let mut differs = |column, expected: Shown, there: Shown| {
            if expected != there {
                found(Finding::of(Check::Account, place, column, expected, there));
            }
        };
        // The vault's balance is in the seals; its row stays as it was made.
        let posted = if *id == AccountId::VAULT { 0 } else { known.posted.minor };
        differs("posted_minor", posted.into(), account.posted.minor().into());
        differs("pending_minor", 0.into(), account.pending.minor().into());
        let seq = |seq: Option<Seq>| maybe(seq.map(|Seq(seq)| seq));
        differs("last_seq", seq(known.last), seq(account.last_seq));
        differs("state", known.state.name().into(), account.state.name().into());
        if let Some(opened_at) = known.opened_at {
            differs("opened_at", opened_at.ms().into(), account.opened_at.ms().into());
        }
        if id.mobile().is_some() && account.posted < Money::ZERO {
            found(Finding::of(
                Check::BelowZero,
                place,
                "posted_minor",
                "zero or more",
                account.posted.minor(),
            ));
        }
    }

    /// All rows of the table of accounts were compared; `owed` is the sum of them without the vault's. What is left
    /// is missing.
    pub fn accounts_end(self, owed: i128, found: Found<'_>) {
        let mut missing: Vec<AccountId> = self.accounts.into_keys().collect();
        missing.sort_unstable();
        for id in missing {
            found(Finding::at(Check::AccountMissing, Place::Account(id.raw())));
        }
        if i128::from(self.vault.minor) != owed {
            let owed = Shown::Plain(owed.to_string());
            let finding = Finding::at(Check::Books, Place::Books);
            found(Finding { expected: Some(owed), found: Some(self.vault.minor.into()), ..finding });
        }
    }

    fn posted(&self, id: AccountId) -> i64 {
        self.accounts.get(&id).map_or(0, |known| known.posted.minor)
    }

    fn date_goes_on(&mut self, place: Place, date: BusinessDate, found: Found<'_>) {
        if let Some(before) = self.date.filter(|before| *before > date) {
            let (before, date) = (i64::from(before.days()), i64::from(date.days()));
            found(Finding::of(Check::BusinessDate, place, "business_date", before, date));
        } else {
            self.date = Some(date);
        }
    }

    /// An account begins with its customer's registration.
    fn open(&mut self, entry: &Entry, found: Found<'_>) {
        let (Action::Registered, Some(customer)) = (entry.action, entry.customer) else { return };
        let opened = Known { opened_at: Some(entry.recorded_at), ..Known::default() };
        if self.accounts.insert(customer, opened).is_some() {
            let finding = Finding::at(Check::Transfer, Place::Entry(entry.seq.0));
            let number = Some(Shown::Account(customer));
            found(Finding { column: Some("customer"), expected: None, found: number, ..finding });
        }
    }

    /// What an account may do follows from its entries.
    fn restrict(&mut self, entry: &Entry) {
        let Some(known) = entry.customer.and_then(|id| self.accounts.get_mut(&id)) else { return };
        known.state = match entry.action {
            Action::DebitBlocked => known.state.without_debit(),
            Action::CreditBlocked => known.state.without_credit(),
            Action::Unblocked => AccountState::Active,
            Action::Closed => AccountState::Closed,
            _ => known.state,
        };
    }

    fn book(&mut self, entry: &Entry, transfer: Transfer, found: Found<'_>) {
        let place = Place::Entry(entry.seq.0);
        let Transfer { debit, credit, amount } = transfer;
        if amount <= Money::ZERO {
            found(Finding::of(Check::Transfer, place, "amount_minor", "above zero", amount.minor()));
        }
        if debit == credit {
            let there = Shown::Account(credit);
            found(Finding::of(Check::Transfer, place, "credit", "another account than debit", there));
        }
        for (column, account, is_debit) in [("debit", debit, true), ("credit", credit, false)] {
            if account.mobile().is_some() && entry.customer != Some(account) {
                let expected = entry.customer.map_or_else(|| "the bank's own".into(), Shown::Account);
                found(Finding::of(Check::Transfer, place, column, expected, Shown::Account(account)));
            }
            let vault = account == AccountId::VAULT;
            let balance = if vault {
                Some(&mut self.vault)
            } else {
                self.accounts.get_mut(&account).map(|known| &mut known.posted)
            };
            let Some(balance) = balance else {
                let there = Shown::Account(account);
                found(Finding::of(Check::Transfer, place, column, "an account", there));
                continue;
            };
            // The vault is debit-normal, everything else credit-normal.
            let by = amount.minor();
            let sum =
                if is_debit == vault { balance.minor.checked_add(by) } else { balance.minor.checked_sub(by) };
            match sum {
                Some(sum) => balance.minor = sum,
                None => found(Finding::of(Check::Transfer, place, "amount_minor", "a sum that fits", by)),
            }
        }
    }

    fn customer_follows(&mut self, entry: &Entry, before: Option<i64>, found: Found<'_>) {
        let place = Place::Entry(entry.seq.0);
        let Some(customer) = entry.customer else { return };
        let said = entry.customer_balance.map(Money::minor);
        let previous = |seq: Option<Seq>| maybe(seq.map(|Seq(seq)| seq));
        let (balance, last) = match (self.accounts.get_mut(&customer), before) {
            (Some(known), Some(before)) => {
                let by = known.posted.minor.wrapping_sub(before);
                let expected = match said {
                    Some(said) => known.posted.follow(by, said),
                    None => Some(known.posted.minor),
                };
                (expected.map(Shown::from), known.last.replace(entry.seq))
            }
            // A number without an account has neither a balance nor a chain.
            _ => (said.is_some().then(|| "nothing".into()), None),
        };
        if let Some(expected) = balance {
            let column = "customer_balance_minor";
            found(Finding::of(Check::CustomerBalance, place, column, expected, maybe(said)));
        }
        if entry.previous != last {
            let (last, said) = (previous(last), previous(entry.previous));
            found(Finding::of(Check::Previous, place, "prev_seq", last, said));
        }
        if let Some(said) = said.filter(|said| *said < 0) {
            let column = "customer_balance_minor";
            found(Finding::of(Check::BelowZero, place, column, "zero or more", said));
        }
    }
}

impl Balance {
    /// The balance moved by `by` and an entry says that it is `said`. Gives what it must be where that differs.
    fn follow(&mut self, by: i64, said: i64) -> Option<i64> {
        if said == self.minor {
            self.said = None;
            return None;
        }
        if self.said.is_some_and(|before| before.checked_add(by) == Some(said)) {
            *self = Self { minor: said, said: None };
            return None;
        }
        self.said = Some(said);
        Some(self.minor)
    }
}
