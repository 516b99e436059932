//! The history of an older tool on its way into a bank that has none yet: its rows, and what becomes of them.

use crate::types::action::Action;
use crate::types::mobile::MobileNumber;
use crate::types::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::fmt;

/// The most rows of one part.
pub const PART_ROWS_MAX: usize = 1_000;
/// The most rows of one import.
pub const ROWS_MAX: u64 = 1_000_000;
/// The most differences that one answer tells of; more are counted.
pub const TOLD_MAX: usize = 1_000;

/// A row of an older tool's ledger. What it says of balances is what it had after it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LegacyRow {
    /// Its line, or another number that no other row has: by it the row is told of.
    pub line: u64,
    /// Whose; `None` for the bank's own.
    pub mobile: Option<MobileNumber>,
    /// What happened.
    pub action: Action,
    /// What moved, in minor units; nothing where it is blank or zero.
    #[serde(default)]
    pub amount_minor: Option<i64>,
    /// The customer's balance, where the row has one.
    #[serde(default)]
    pub customer_balance_minor: Option<i64>,
    /// The vault's balance, where the row has one.
    #[serde(default)]
    pub vault_balance_minor: Option<i64>,
    /// When.
    pub at: Timestamp,
    /// When the session began, where the row has one.
    #[serde(default)]
    pub session_started_at: Option<Timestamp>,
    /// How long it was by then.
    #[serde(default)]
    pub elapsed_ms: Option<i64>,
}

/// What a row of an import cannot be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LegacyFault {
    /// Its amount is above what one movement may have.
    Amount,
    /// Its action is none that an older tool's ledger can have.
    Action,
    /// It names no customer, and is nothing that the bank does itself.
    Customer,
    /// Its session is longer or shorter than any can be.
    Elapsed,
    /// A balance is, or would be, beyond what the ledger can count.
    Balance,
    /// Its time, or that of its session's begin, is still to come.
    Time,
    /// It has an amount, which its action does not move.
    Unmoved,
}

impl fmt::Display for LegacyFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Amount => "its amount is below zero, or above [bank] amount_max",
            Self::Action => "its action is none that an import can repeat",
            Self::Customer => "it names no customer, and is no opening of the bank's own",
            Self::Elapsed => "its elapsed time is below zero, or too long",
            Self::Balance => "a balance is, or would be, beyond what the ledger can count",
            Self::Time => "its time, or that of its session's begin, is still to come; is --zone right?",
            Self::Unmoved => {
                "it has an amount, and its action moves none: is --word right, or should the amount be blank?"
            }
        })
    }
}

/// What an import did, or would do.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LedgerImported {
    /// Whether anything is different now.
    pub changed: bool,
    /// Whether the connection only tries: nothing was stored.
    pub dry_run: bool,
    /// Rows that were sent.
    pub rows: u64,
    /// Entries that they became, openings and corrections included.
    pub entries: u64,
    /// Customers that are new.
    pub customers: u64,
    /// Those of them whose last word in the history is the blacklist.
    pub blacklisted: u64,
    /// The earliest time of a row.
    pub first_at: Option<Timestamp>,
    /// The latest.
    pub last_at: Option<Timestamp>,
    /// Entries by action, in the order of actions.
    pub actions: Vec<ActionTotal>,
    /// By how much the vault begins higher (lower, where negative) than the bank was opened with, in minor units.
    pub opening_vault_minor: i64,
    /// With how much customers begin, in minor units.
    pub opening_customers_minor: i64,
    /// Cash in the vault afterwards, in minor units.
    pub vault_balance_minor: i64,
    /// What the bank owes customers afterwards, in minor units.
    pub customers_balance_minor: i64,
    /// What is in suspense afterwards, in minor units: what the history does not explain.
    pub suspense_minor: i64,
    /// How many differences there are.
    pub differences_count: u64,
    /// The first of them.
    pub differences: Vec<Difference>,
}

/// The entries of an action.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ActionTotal {
    /// Which.
    pub action: Action,
    /// How many.
    pub entries: u64,
    /// The sum of what they moved, in minor units.
    pub amount_minor: i64,
}

/// Something in the history that does not follow from what is before it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Difference {
    /// The row's `line`.
    pub line: u64,
    /// When.
    pub at: Timestamp,
    /// What does not follow.
    pub what: DifferenceKind,
    /// Whose, masked where the caller may not see it; `None` for the bank's cash.
    pub number: Option<String>,
    /// The balance that follows from what is before the row, in minor units.
    pub expected_minor: i64,
    /// The balance that the row has, in minor units.
    pub found_minor: i64,
    /// What a correction moved out of suspense, or into it where negative, in minor units.
    pub corrected_minor: i64,
}

/// What does not follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DifferenceKind {
    /// The bank's balance jumps.
    BankBalance,
    /// The customer's balance jumps.
    CustomerBalance,
    /// The customer would be below zero, which no customer of this bank is.
    BelowZero,
    /// A number that is a customer already is registered again; the row is left out.
    Registered,
}

impl DifferenceKind {
    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::BankBalance => "bank_balance",
            Self::CustomerBalance => "customer_balance",
            Self::BelowZero => "below_zero",
            Self::Registered => "registered_again",
        }
    }
}
