//! An older tool's history as the beginning of this bank: every row becomes an entry with its own time, and what the
//! rows do not explain becomes entries of its own that anybody can see.
//!
//! A row says what balances were after it. Where they do not follow from what is before it, an entry is booked ahead of
//! the row, so that the row itself is as it was: against equity where it is the first that is known of the vault or of
//! a customer (an opening), against suspense everywhere else (a correction). No customer is ever below zero: a history
//! that says otherwise is corrected to the nearest balance that can be.
//!
//! Entries keep the order of the rows, whatever their times say, and belong to the business date of the import: a
//! business date does not go back, and the bank was opened on it at the earliest.

mod check;
mod replay;
#[cfg(test)]
mod tests;

use crate::ledger::blacklist;
use crate::ledger::book::{Book, PinHash};
use crate::ledger::{Now, Rules};
use atm_rpc::error::{BadRequest, Conflict, ServiceError};
use atm_rpc::operator::legacy::{ActionTotal, LedgerImported, LegacyFault, LegacyRow};
use atm_rpc::types::account::AccountId;
use atm_rpc::types::action::Action;
use atm_rpc::types::money::Money;
use replay::Replay;

/// What the rows do not say of those who become customers.
#[derive(Clone, Copy, Debug)]
pub(super) struct Newcomers<'a> {
    /// A PIN that nobody knows.
    pub(super) pin: &'a PinHash,
    /// Who imports them.
    pub(super) actor: &'a str,
    /// Whether the answer shows their numbers masked.
    pub(super) masked: bool,
}

/// Makes rows the history of a bank that has none.
pub(super) fn import(
    book: &mut Book,
    rows: &[LegacyRow],
    newcomers: Newcomers<'_>,
    rules: &Rules,
    now: Now,
) -> Result<LedgerImported, ServiceError> {
    if !is_fresh(book) {
        let entries = u64::try_from(book.head.seq).unwrap_or(0);
        return Err(ServiceError::Conflict(Conflict::NotFresh { entries }));
    }
    check::check(rows, rules, now.at)?;
    let before = book.clone();
    let imported = play(book, rows, newcomers, now);
    if imported.is_err() {
        *book = before;
    }
    imported
}

/// Whether nothing happened but the opening. The first entry of a bank that is opened with money is that of the vault;
/// one without begins with a customer, who has no part in the vault's balance yet.
fn is_fresh(book: &Book) -> bool {
    match book.head.seq {
        0 => true,
        1 => book.head.vault != Money::ZERO,
        _ => false,
    }
}

fn play(
    book: &mut Book,
    rows: &[LegacyRow],
    newcomers: Newcomers<'_>,
    now: Now,
) -> Result<LedgerImported, ServiceError> {
    let first = book.changes.entries.len();
    let mut replay = Replay::new(book, rows, newcomers, now);
    for row in rows {
        replay.row(row).map_err(|fault| refused(row.line, fault))?;
    }
    let (listed, mut imported) = replay.end();
    for (account, at) in &listed {
        blacklist::import_listed(book, *account, newcomers.actor, *at);
    }
    imported.blacklisted = u64::try_from(listed.len()).unwrap_or(u64::MAX);
    let entries = &book.changes.entries[first..];
    imported.entries = u64::try_from(entries.len()).unwrap_or(u64::MAX);
    imported.actions =
        totals(entries.iter().map(|entry| (entry.action, entry.transfer.map(|moved| moved.amount))));
    imported.changed = imported.entries > 0;
    imported.vault_balance_minor = book.head.vault.minor();
    let suspense = book.accounts.get(&AccountId::SUSPENSE);
    imported.suspense_minor = suspense.map_or(0, |account| account.posted.minor());
    let customers = book.accounts.iter().filter(|(id, _)| id.mobile().is_some());
    let owed = customers.map(|(_, account)| account.posted.minor());
    imported.customers_balance_minor = owed.fold(0, i64::saturating_add);
    Ok(imported)
}

const fn refused(line: u64, fault: LegacyFault) -> ServiceError {
    ServiceError::BadRequest(BadRequest::LegacyRow { line, fault })
}

fn totals(entries: impl Iterator<Item = (Action, Option<Money>)>) -> Vec<ActionTotal> {
    let nothing = |action: &Action| ActionTotal { action: *action, entries: 0, amount_minor: 0 };
    let mut totals: Vec<ActionTotal> = Action::ALL.iter().map(nothing).collect();
    for (action, amount) in entries {
        if let Some(total) = totals.iter_mut().find(|total| total.action == action) {
            total.entries += 1;
            let amount = amount.map_or(0, Money::minor);
            // A sum of this kind is for a person; a balance that does not fit is refused where it is booked.
            total.amount_minor = total.amount_minor.saturating_add(amount);
        }
    }
    totals.retain(|total| total.entries > 0);
    totals
}
