//! Which way money goes by what happened, as atmd writes it.

use crate::read::Ledger;
use atm_ledger_csv::dialect::Kind;
use atm_rpc::plugin::Failure;
use atm_rpc::types::action::Action;

/// What a row does to a balance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Effect {
    /// The amount is added.
    Adds,
    /// The amount is taken away.
    Takes,
    /// Nothing.
    Leaves,
    /// The row does not say: the amount is added, taken away, or concerns another balance.
    Either,
}

/// What an action does to the vault, in a row of that ledger.
pub(super) fn on_vault(action: Option<Action>, kind: Kind) -> Effect {
    match action {
        Some(Action::Deposit | Action::WithdrawReversed) => Effect::Adds,
        Some(Action::Withdraw | Action::DepositReversed) => Effect::Takes,
        // In client.csv it is a customer's opening amount, which is no cash.
        Some(Action::Opening) if kind == Kind::Bank => Effect::Adds,
        Some(Action::Correction) => Effect::Either,
        _ => Effect::Leaves,
    }
}

/// What an action does to the customer's balance.
pub(super) const fn on_customer(action: Option<Action>) -> Effect {
    match action {
        Some(Action::Deposit | Action::TransferIn | Action::WithdrawReversed | Action::Opening) => {
            Effect::Adds
        }
        Some(Action::Withdraw | Action::TransferOut | Action::DepositReversed) => Effect::Takes,
        Some(Action::Correction) => Effect::Either,
        _ => Effect::Leaves,
    }
}

impl Effect {
    /// The balance behind a row from the one before it. `None`: the row does not say.
    pub(super) fn applied(self, before: i128, amount: Option<i64>) -> Option<i128> {
        let amount = i128::from(amount.unwrap_or(0));
        match self {
            Self::Adds => Some(before + amount),
            Self::Takes => Some(before - amount),
            Self::Leaves => Some(before),
            Self::Either => None,
        }
    }
}

/// The action of a word in a ledger's column, where atmd knows it.
pub(super) fn known(word: &str) -> Option<Action> {
    Action::ALL.iter().copied().find(|action| action.name() == word)
}

/// The index of an action in a ledger's column.
pub(super) fn index(ledger: &Ledger, action: Action) -> Result<u8, Failure> {
    ledger.action_index(action.name())
}
