//! `deposit` and `withdraw`: an amount that moves.

use super::Job;
use crate::args::Movement;
use crate::bank::Order;
use crate::error::Error;
use crate::explain::sentence;
use atm_rpc::types::key::RequestKey;
use atm_rpc::types::money::{Currency, Money, MoneyError};

/// Which way cash goes, seen from the bank.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Direction {
    /// A deposit.
    In,
    /// A withdrawal.
    Out,
}

pub(super) async fn run(mut job: Job<'_>, args: &Movement, direction: Direction) -> Result<(), Error> {
    let amount = Money::parse(&args.amount, job.bank.info.currency).map_err(usage)?;
    let mobile = job.log_in().await?;
    let order = match direction {
        Direction::In => Order::Deposit(amount),
        Direction::Out => Order::Withdraw(amount),
    };
    let key = job.key.unwrap_or_else(RequestKey::generate);
    let done = job.bank.perform(job.console, mobile, key, &order).await?;
    job.receipt(&done)
}

/// Refuses what is no amount in any currency, before anybody is asked for a PIN.
pub(super) fn check(amount: &str) -> Result<(), Error> {
    match Money::parse(amount, Currency::INR) {
        Err(wrong @ (MoneyError::Empty | MoneyError::NotAnAmount(_))) => Err(usage(wrong)),
        // How many decimals and how much there may be, the bank's currency says.
        _ => Ok(()),
    }
}

fn usage(wrong: MoneyError) -> Error {
    Error::Usage { message: sentence(&wrong.to_string()), hint: "Such as: atm-cli deposit 500" }
}

#[cfg(test)]
mod tests {
    use super::check;

    #[test]
    fn refuses_what_is_no_amount_in_any_currency() {
        for (text, good) in
            [("5", true), ("5.123", true), ("-5", false), ("", false), ("1,000", false), ("x", false)]
        {
            assert_eq!(check(text).is_ok(), good, "{text:?}");
        }
    }
}
