//! Accounts of the double-entry ledger and their identifiers.

use super::mobile::MobileNumber;
use serde::{Deserialize, Serialize};

/// An account: one of the bank's own, or a customer's, whose id is the packed mobile number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AccountId(i64);

impl AccountId {
    /// The bank's cash. Debit-normal; its balance is the ledger's `Bank_Balance`.
    pub const VAULT: Self = Self(1);
    /// Where opening amounts come from.
    pub const EQUITY: Self = Self(2);
    /// Differences of cash that nobody has explained yet.
    pub const SUSPENSE: Self = Self(3);
    /// Money on its way between two customers; zero after each batch.
    pub const CLEARING: Self = Self(4);
    /// What the bank charges.
    pub const FEES: Self = Self(5);
    /// Every account of the bank's own.
    pub const SYSTEM: [Self; 5] = [Self::VAULT, Self::EQUITY, Self::SUSPENSE, Self::CLEARING, Self::FEES];

    /// The account of a customer.
    #[must_use]
    pub const fn of(number: MobileNumber) -> Self {
        Self(number.packed())
    }

    /// The customer whose account this is, or `None` for the bank's own.
    #[must_use]
    pub fn mobile(self) -> Option<MobileNumber> {
        MobileNumber::from_packed(self.0)
    }

    /// The id as the database stores it.
    #[must_use]
    pub const fn raw(self) -> i64 {
        self.0
    }

    /// The id that [`raw`](Self::raw) gave, or `None` where no account has it.
    #[must_use]
    pub fn from_raw(raw: i64) -> Option<Self> {
        let id = Self(raw);
        (Self::SYSTEM.contains(&id) || id.mobile().is_some()).then_some(id)
    }
}
