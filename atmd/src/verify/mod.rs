//! Finds what in the bank's history, balances and ledgers is not as atmd wrote it.
//!
//! The checks are pure: they are fed with rows in order, and tell of each difference by a [`Finding`]. They keep
//! one small value for each account and none for entries.
//!
//! - [`history`]: hashes, the chain of seals, and that no place is empty.
//! - [`books`]: balances after each entry, and the table of accounts in the end.
//! - [`job`]: reads the rows beside the writer and feeds the checks; the ledgers are compared by `csv`.
#![deny(clippy::float_arithmetic)]

pub mod books;
pub mod history;
pub mod job;
#[cfg(test)]
mod tests;

use crate::csv::render::Ledger;
use crate::store::verify::Fault;
use atm_rpc::operator::ledger::Check;
use atm_rpc::types::account::AccountId;

/// A difference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What was checked.
    pub check: Check,
    /// Where.
    pub place: Place,
    /// In which column, where it is known.
    pub column: Option<&'static str>,
    /// What must be there. Never a hash by the bank's key: who changes rows could write it beside them.
    pub expected: Option<Shown>,
    /// What is there.
    pub found: Option<Shown>,
}

/// Where a difference is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// An entry of the journal.
    Entry(i64),
    /// A row of the audit log.
    Audit(i64),
    /// A seal.
    Seal(i64),
    /// An account, by its id as it is stored.
    Account(i64),
    /// The books as a whole.
    Books,
    /// A ledger, at a byte and the line that it is in, counted from 0 and 1.
    Ledger {
        /// Which.
        ledger: Ledger,
        /// The byte.
        byte: u64,
        /// The line.
        line: u64,
    },
}

/// A value as a person may be shown it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Shown {
    /// Anybody may see it.
    Plain(String),
    /// An account's number, masked for most.
    Account(AccountId),
    /// Has numbers of customers in it, and is left out for most.
    Personal(String),
}

impl From<i64> for Shown {
    fn from(value: i64) -> Self {
        Self::Plain(value.to_string())
    }
}

impl From<&str> for Shown {
    fn from(value: &str) -> Self {
        Self::Plain(value.to_owned())
    }
}

impl Finding {
    /// A difference without more to say.
    #[must_use]
    pub const fn at(check: Check, place: Place) -> Self {
        Self { check, place, column: None, expected: None, found: None }
    }

    /// A difference of a column.
    fn of(
        check: Check,
        place: Place,
        column: &'static str,
        expected: impl Into<Shown>,
        found: impl Into<Shown>,
    ) -> Self {
        let (expected, found) = (Some(expected.into()), Some(found.into()));
        Self { check, place, column: Some(column), expected, found }
    }

    /// A row that atmd cannot have written.
    fn fault(place: Place, fault: &Fault) -> Self {
        let found = Some(Shown::Plain(fault.what.clone()));
        Self { check: Check::Row, place, column: fault.column, expected: None, found }
    }
}

/// An absent number, for a person.
fn maybe(value: Option<i64>) -> Shown {
    value.map_or_else(|| Shown::from("nothing"), Shown::from)
}
