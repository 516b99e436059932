//! Lines by which a command with rows tells more than its rows. [`FailureLine`](super::FailureLine) is another.

use crate::types::money::Currency;
use serde::{Deserialize, Serialize};

/// The most warnings of one command that the host tells one by one.
pub const WARNINGS_MAX: usize = 100;

/// What a person should know of the rows: it goes to stderr, or into JSON's `warnings`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WarningLine {
    /// One line.
    pub atmctl_warning: String,
}

/// The currency of the amounts of a command that has no connection. Comes before them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CurrencyLine {
    /// ISO 4217.
    pub atmctl_currency: Currency,
}
