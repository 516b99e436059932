//! Accounts of the double-entry ledger and their identifiers.

use super::mobile::MobileNumber;
use serde::{Deserialize, Serialize};
use std::fmt;

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

/// What an account may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AccountState {
    /// Everything.
    Active,
    /// No money goes out.
    DebitBlocked,
    /// No money comes in.
    CreditBlocked,
    /// No money goes out or comes in.
    Blocked,
    /// Nothing any more.
    Closed,
}

impl AccountState {
    /// Every state there is.
    pub const ALL: &'static [Self] =
        &[Self::Active, Self::DebitBlocked, Self::CreditBlocked, Self::Blocked, Self::Closed];

    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::DebitBlocked => "debit-blocked",
            Self::CreditBlocked => "credit-blocked",
            Self::Blocked => "blocked",
            Self::Closed => "closed",
        }
    }

    /// The state with no money going out. A closed account stays closed.
    #[must_use]
    pub const fn without_debit(self) -> Self {
        match self {
            Self::Active | Self::DebitBlocked => Self::DebitBlocked,
            Self::CreditBlocked | Self::Blocked => Self::Blocked,
            Self::Closed => Self::Closed,
        }
    }

    /// The state with no money coming in. A closed account stays closed.
    #[must_use]
    pub const fn without_credit(self) -> Self {
        match self {
            Self::Active | Self::CreditBlocked => Self::CreditBlocked,
            Self::DebitBlocked | Self::Blocked => Self::Blocked,
            Self::Closed => Self::Closed,
        }
    }
}

impl fmt::Display for AccountState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::AccountState::{self, *};

    #[test]
    fn bars_add_up_and_a_closed_account_stays_closed() {
        let table = [
            (Active, DebitBlocked, CreditBlocked),
            (DebitBlocked, DebitBlocked, Blocked),
            (CreditBlocked, Blocked, CreditBlocked),
            (Blocked, Blocked, Blocked),
            (Closed, Closed, Closed),
        ];
        assert_eq!(table.map(|(state, ..)| state), AccountState::ALL);
        for (state, without_debit, without_credit) in table {
            assert_eq!((state.without_debit(), state.without_credit()), (without_debit, without_credit));
            assert_eq!(serde_json::to_string(&state).ok(), Some(format!("\"{state}\"")));
        }
    }
}
