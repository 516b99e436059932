//! What a row of a ledger says.

use atm_rpc::types::action::Action;
use atm_rpc::types::mobile::MobileNumber;

/// A row of client.csv or of bank.csv. `None` is a blank field, or one that the ledger does not have.
///
/// Amounts are in minor units, instants in milliseconds since 1970 in UTC.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The line where the row begins, the first of the file being 1.
    pub line: u64,
    /// The customer; `None` where it was the bank itself.
    pub mobile: Option<MobileNumber>,
    /// What happened.
    pub action: Word,
    /// What moved. Never below zero where the action is known, but for a correction.
    pub amount: Option<i64>,
    /// The customer's balance after it. Only in client.csv.
    pub user_balance: Option<i64>,
    /// The vault's balance after it.
    pub bank_balance: Option<i64>,
    /// When.
    pub at_ms: i64,
    /// When the session began. Only in client.csv.
    pub session_start_ms: Option<i64>,
    /// Hundredths of a second since then. Only in client.csv.
    pub elapsed_cs: Option<i64>,
}

/// The word for what happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Word {
    /// One that atmd knows.
    Known(Action),
    /// One of an older tool, as it stands in the file.
    Other(String),
}

impl Word {
    /// Reads a word: in any case, with spaces or hyphens for underscores.
    #[must_use]
    pub fn read(text: &str) -> Self {
        let plain = plain(text);
        let known = Action::ALL.iter().find(|action| action.name() == plain);
        known.map_or_else(|| Self::Other(text.to_owned()), |action| Self::Known(*action))
    }

    /// The word.
    #[must_use]
    pub fn text(&self) -> &str {
        match self {
            Self::Known(action) => action.name(),
            Self::Other(text) => text,
        }
    }
}

/// A word or the name of a column as atmd would write it: small letters and underscores.
pub(crate) fn plain(text: &str) -> String {
    text.trim().replace([' ', '-'], "_").to_ascii_lowercase()
}
