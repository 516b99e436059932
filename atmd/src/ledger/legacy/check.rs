//! What a row of an older ledger can be, and which way its money goes.

use super::refused;
use crate::ledger::Rules;
use atm_rpc::error::ServiceError;
use atm_rpc::operator::legacy::{LegacyFault, LegacyRow};
use atm_rpc::types::account::AccountId;
use atm_rpc::types::action::Action;
use atm_rpc::types::time::Timestamp;

/// The longest session that is believed: a century.
const ELAPSED_MS_MAX: i64 = 100 * 366 * 86_400_000;

/// Which way the money of an action goes, as the customer sees it, and what is on the other side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// To the customer, from this account.
    In(AccountId),
    /// From the customer, to this account.
    Out(AccountId),
    /// Nothing moves.
    Nowhere,
}

/// The way of an action's money; `None` where an import cannot repeat it. Money between two customers goes through
/// suspense, because only one of the two may be in the file.
pub(super) const fn way(action: Action) -> Option<Way> {
    match action {
        Action::Deposit | Action::WithdrawReversed => Some(Way::In(AccountId::VAULT)),
        Action::Withdraw | Action::DepositReversed => Some(Way::Out(AccountId::VAULT)),
        Action::TransferIn => Some(Way::In(AccountId::SUSPENSE)),
        Action::TransferOut => Some(Way::Out(AccountId::SUSPENSE)),
        Action::Opening => Some(Way::In(AccountId::EQUITY)),
        Action::Registered
        | Action::Login
        | Action::Exit
        | Action::AuthFailed
        | Action::Blacklisted
        | Action::Unblacklisted
        | Action::PinChanged => Some(Way::Nowhere),
        Action::Correction
        | Action::DebitBlocked
        | Action::CreditBlocked
        | Action::Unblocked
        | Action::Closed => None,
    }
}

/// Checks each row for itself.
pub(super) fn check(rows: &[LegacyRow], rules: &Rules, now: Timestamp) -> Result<(), ServiceError> {
    for row in rows {
        if let Some(fault) = fault(row, rules, now) {
            return Err(refused(row.line, fault));
        }
    }
    Ok(())
}

fn fault(row: &LegacyRow, rules: &Rules, now: Timestamp) -> Option<LegacyFault> {
    let amount = row.amount_minor.unwrap_or(0);
    // An opening is no movement, and no customer asked for it.
    let bounded = row.action != Action::Opening;
    if way(row.action).is_none() {
        Some(LegacyFault::Action)
    } else if row.mobile.is_none() && row.action != Action::Opening {
        Some(LegacyFault::Customer)
    } else if amount < 0 || (bounded && amount > rules.amount_max.minor()) {
        Some(LegacyFault::Amount)
    } else if amount > 0 && way(row.action) == Some(Way::Nowhere) {
        Some(LegacyFault::Unmoved)
    } else if row.elapsed_ms.is_some_and(|elapsed| !(0..=ELAPSED_MS_MAX).contains(&elapsed)) {
        Some(LegacyFault::Elapsed)
    } else if row.at > now || row.session_started_at.is_some_and(|start| start > now) {
        Some(LegacyFault::Time)
    } else {
        None
    }
}
