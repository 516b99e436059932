//! What an entry of the journal records.

use serde::{Deserialize, Serialize};
use std::fmt;

macro_rules! actions {
    ($($(#[$doc:meta])* $variant:ident = $code:literal $name:literal,)+) => {
        /// What happened to a customer or to money. The codes are stored and never reused.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum Action { $($(#[$doc])* $variant,)+ }

        impl Action {
            /// Every action there is.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The code under which the journal stores it.
            #[must_use]
            pub const fn code(self) -> i32 {
                match self { $(Self::$variant => $code,)+ }
            }

            /// The action of a stored code.
            #[must_use]
            pub const fn from_code(code: i32) -> Option<Self> {
                match code { $($code => Some(Self::$variant),)+ _ => None }
            }

            /// The word in ledgers, logs and receipts.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)+ }
            }
        }
    };
}

actions! {
    /// Opening amount of the vault or of a customer, from equity.
    Opening = 1 "opening",
    /// A number became a customer.
    Registered = 2 "registered",
    /// A session began.
    Login = 3 "login",
    /// A session ended at the customer's wish.
    Exit = 4 "exit",
    /// A PIN was wrong.
    AuthFailed = 5 "auth_failed",
    /// The number may not log in any more.
    Blacklisted = 6 "blacklisted",
    /// The number may log in again.
    Unblacklisted = 7 "unblacklisted",
    /// Cash went out of the vault.
    Withdraw = 8 "withdraw",
    /// Cash came into the vault.
    Deposit = 9 "deposit",
    /// Money left for another customer.
    TransferOut = 10 "transfer_out",
    /// Money came from another customer.
    TransferIn = 11 "transfer_in",
    /// A withdrawal undone.
    WithdrawReversed = 12 "withdraw_reversed",
    /// A deposit undone.
    DepositReversed = 13 "deposit_reversed",
    /// The customer chose a new PIN.
    PinChanged = 14 "pin_changed",
    /// An operator's correction.
    Correction = 15 "correction",
    /// The bank lets no money out of the account.
    DebitBlocked = 16 "debit_blocked",
    /// The bank lets no money into the account.
    CreditBlocked = 17 "credit_blocked",
    /// The bank lets money out and in again.
    Unblocked = 18 "unblocked",
    /// The account was closed.
    Closed = 19 "closed",
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::Action;

    #[test]
    fn each_code_and_name_leads_back_to_its_action() {
        for action in Action::ALL {
            assert_eq!(Action::from_code(action.code()), Some(*action));
            assert_eq!(serde_json::to_string(action).ok(), Some(format!("\"{action}\"")));
        }
        assert_eq!(Action::from_code(0), None);
    }
}
