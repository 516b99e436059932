//! A row for each day, week or month.

use super::effect::index;
use super::frames::{date, days};
use super::rows::{Options, Period, Unit};
use crate::read::{Day, Ledger};
use atm_ledger_csv::dialect::Kind;
use atm_rpc::plugin::Failure;
use atm_rpc::types::action::Action;
use jiff::civil::Date;
use std::collections::BTreeMap;

/// What moved in each period in which something did, oldest first.
///
/// # Errors
/// Where the ledger cannot be read.
pub fn daily(ledger: &Ledger, options: &Options) -> Result<Vec<Period>, Failure> {
    let asked = options.action.as_deref().map(|word| ledger.action_index(word)).transpose()?;
    let deposit = index(ledger, Action::Deposit)?;
    let withdraw = index(ledger, Action::Withdraw)?;
    let restored = index(ledger, Action::WithdrawReversed)?;
    let returned = index(ledger, Action::DepositReversed)?;
    let opening = index(ledger, Action::Opening)?;
    let period = |(day, found): (i32, Day)| {
        let moved = || found.moved.iter().filter(|moved| asked.is_none_or(|asked| asked == moved.action));
        let of = |action| moved().filter(|moved| moved.action == action).map(|moved| moved.sum).sum::<i128>();
        let (deposits, withdrawals) = (of(deposit), of(withdraw));
        // In client.csv it is customers' opening amounts, which are no cash.
        let opened = if ledger.kind() == Some(Kind::Bank) { of(opening) } else { 0 };
        Period {
            day: date(day),
            count: moved().map(|moved| moved.count).sum(),
            sum: moved().map(|moved| moved.sum).sum(),
            deposits,
            withdrawals,
            net: deposits + of(restored) + opened - withdrawals - of(returned),
            closing: found.closing,
        }
    };
    let (from, to) = (options.from.map_or(i32::MIN, days), options.to.map_or(i32::MAX, days));
    let found = ledger.days(options.number)?.into_iter().filter(|(day, _)| (from..=to).contains(day));
    Ok(periods(found.map(period), options.by))
}

/// Days in their order put together, those without movements left out.
fn periods(days: impl Iterator<Item = Period>, by: Unit) -> Vec<Period> {
    let mut periods: BTreeMap<Date, Period> = BTreeMap::new();
    for day in days {
        let first = by.first_day(day.day);
        match periods.get_mut(&first) {
            None => drop(periods.insert(first, Period { day: first, ..day })),
            Some(period) => {
                period.count += day.count;
                period.sum += day.sum;
                period.deposits += day.deposits;
                period.withdrawals += day.withdrawals;
                period.net += day.net;
                period.closing = day.closing.or(period.closing);
            }
        }
    }
    periods.into_values().filter(|period| period.count > 0).collect()
}

impl Unit {
    /// The first day of the period that a day is in.
    #[must_use]
    pub fn first_day(self, day: Date) -> Date {
        match self {
            Self::Day => day,
            Self::Week => {
                let since_monday = day.weekday().to_monday_zero_offset();
                day.saturating_sub(jiff::Span::new().days(since_monday))
            }
            Self::Month => day.first_of_month(),
        }
    }
}
