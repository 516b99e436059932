//! Which entries a statement shows: those that moved money or changed the account, unless all are
//! asked for.

use atm_rpc::customer::StatementLine;
use atm_rpc::types::action::Action;

/// The most entries that the bank gives.
const ASKED_MAX: u16 = 50;

/// What is to be shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Choice {
    /// How many entries at most.
    pub(crate) count: u16,
    /// Log-ins and exits, too.
    pub(crate) all: bool,
}

impl Choice {
    /// How many entries the bank is asked for.
    pub(crate) const fn asked(self) -> u16 {
        if self.all { self.count } else { ASKED_MAX }
    }

    /// Of the entries that it gave, those to show.
    pub(crate) fn of(self, mut lines: Vec<StatementLine>) -> Vec<StatementLine> {
        lines.retain(|line| self.all || matters(line.action));
        lines.truncate(usize::from(self.count));
        lines
    }
}

/// Whether an entry moved money or changed something of the account.
const fn matters(action: Action) -> bool {
    match action {
        Action::Opening
        | Action::Registered
        | Action::Withdraw
        | Action::Deposit
        | Action::TransferOut
        | Action::TransferIn
        | Action::WithdrawReversed
        | Action::DepositReversed
        | Action::PinChanged
        | Action::DebitBlocked
        | Action::CreditBlocked
        | Action::Unblocked
        | Action::Closed
        | Action::Correction => true,
        Action::Login | Action::Exit | Action::AuthFailed | Action::Blacklisted | Action::Unblacklisted => {
            false
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use atm_rpc::types::key::Seq;
    use atm_rpc::types::money::Money;
    use atm_rpc::types::time::Timestamp;

    #[test]
    fn shows_the_newest_that_matter_or_all() {
        let actions = [
            Action::Exit,
            Action::Deposit,
            Action::Login,
            Action::Withdraw,
            Action::AuthFailed,
            Action::PinChanged,
            Action::Registered,
        ];
        let line = |(reference, action)| StatementLine {
            reference: Seq(reference),
            recorded_at: Timestamp::from_ms(0),
            action,
            amount: None,
            balance: Money::ZERO,
        };
        let lines: Vec<StatementLine> = (1..).zip(actions).map(line).collect();
        let table: [(u16, bool, u16, &[i64]); 4] = [
            (10, false, 50, &[2, 4, 6, 7]),
            (3, false, 50, &[2, 4, 6]),
            (10, true, 10, &[1, 2, 3, 4, 5, 6, 7]),
            (2, true, 2, &[1, 2]),
        ];
        for (count, all, asked, expected) in table {
            let choice = Choice { count, all };
            let shown: Vec<Seq> = choice.of(lines.clone()).into_iter().map(|line| line.reference).collect();
            let expected: Vec<Seq> = expected.iter().map(|seq| Seq(*seq)).collect();
            assert_eq!((choice.asked(), shown), (asked, expected), "{choice:?}");
        }
    }
}
