//! Files of atmd's data directory that a plugin may be given where the operator names none.

use serde::{Deserialize, Serialize};

/// One of them. There are no others, and a person is told at installation who wants which.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Site {
    /// The ledger of all that happened to customers.
    #[serde(rename = "ledger/client.csv")]
    ClientLedger,
    /// The ledger of all that moved the vault.
    #[serde(rename = "ledger/bank.csv")]
    BankLedger,
    /// The bank's currency and zone: a [`Bank`], for everybody.
    #[serde(rename = "public/bank.json")]
    Bank,
}

impl Site {
    /// Every file there is.
    pub const ALL: &'static [Self] = &[Self::ClientLedger, Self::BankLedger, Self::Bank];

    /// Where it is in the data directory.
    #[must_use]
    pub const fn path(self) -> &'static str {
        match self {
            Self::ClientLedger => "ledger/client.csv",
            Self::BankLedger => "ledger/bank.csv",
            Self::Bank => "public/bank.json",
        }
    }
}

/// What whoever reads the bank's ledgers has to know, as `public/bank.json` has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bank {
    /// ISO 4217 code of the currency of all amounts.
    pub currency: String,
    /// How many decimals amounts have.
    pub decimals: u8,
    /// Zone of the bank's days, such as `Asia/Kolkata`.
    pub timezone: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_called_by_its_path() {
        for site in Site::ALL {
            assert_eq!(serde_json::to_value(site).unwrap(), site.path());
        }
    }
}
