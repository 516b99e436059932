//! A row for each day, week or month.

use super::frames::{counted, counts, dates, is, last, narrow, total, wanted, wide, within};
use super::rows::{Options, Period, Unit};
use crate::read::{Column, Ledger};
use atm_ledger_csv::dialect::Kind;
use atm_rpc::plugin::Failure;
use atm_rpc::types::action::Action;
use jiff::civil::Date;
use polars::prelude::{NULL, col, lit, when};
use std::collections::BTreeMap;

const SUMS: [&str; 6] = ["sum", "deposits", "withdrawals", "restored", "returned", "opened"];

/// What moved in each period in which something did, oldest first.
///
/// # Errors
/// Where the ledger cannot be read.
pub fn daily(ledger: &Ledger, options: &Options) -> Result<Vec<Period>, Failure> {
    let wanted = wanted(ledger, options)?;
    let only = |values| match &wanted {
        Some(wanted) => when(wanted.clone()).then(values).otherwise(lit(NULL)),
        None => values,
    };
    let actions = [
        (Action::Deposit, "deposits"),
        (Action::Withdraw, "withdrawals"),
        (Action::WithdrawReversed, "restored"),
        (Action::DepositReversed, "returned"),
        (Action::Opening, "opened"),
    ];
    let mut sums = vec![col("count").sum(), total(col("sum")).alias("sum")];
    for (action, name) in actions {
        sums.push(total(col("sum").filter(is(ledger, action)?)).alias(name));
    }
    let columns = [Column::Day, Column::Action, Column::Amount, Column::BankBalance];
    let columns = columns.into_iter().chain(options.number.map(|_| Column::Number));
    let columns: Vec<Column> = columns.collect();
    let frame = ledger.query(
        &columns,
        |rows| {
            let rows = within(rows, options).with_column(only(col("amount")).alias("amount"));
            let closing = rows.clone().filter(col("bank_balance").is_not_null());
            let closing = closing.group_by([col("day")]).agg([col("bank_balance").last().alias("closing")]);
            // Few rows are left for the sums of each action; over all rows each of them would be a pass of its own.
            let moved = [counted(col("amount")).alias("count"), total(col("amount")).alias("sum")];
            let moved = rows.group_by([col("day"), col("action")]).agg(moved);
            moved.group_by([col("day")]).agg(&sums).left_join(closing, col("day"), col("day"))
        },
        |partials| {
            let added = SUMS.map(|name| total(col(name)).alias(name));
            let counted = [col("count").sum(), last(col("closing")).alias("closing")];
            partials.group_by([col("day")]).agg(added.into_iter().chain(counted).collect::<Vec<_>>())
        },
    )?;
    let [sum, deposits, withdrawals, restored, returned, opened] = SUMS.map(|name| wide(&frame, name));
    let (sum, deposits, withdrawals) = (sum?, deposits?, withdrawals?);
    let (restored, returned, opened) = (restored?, returned?, opened?);
    let (count, closing) = (counts(&frame, "count")?, narrow(&frame, "closing")?);
    let days = dates(&frame, "day")?.into_iter().enumerate().map(|(at, day)| {
        // In client.csv it is customers' opening amounts, which are no cash.
        let opened = if ledger.kind() == Some(Kind::Bank) { opened[at] } else { 0 };
        Period {
            day,
            count: count[at],
            sum: sum[at],
            deposits: deposits[at],
            withdrawals: withdrawals[at],
            net: deposits[at] + restored[at] + opened - withdrawals[at] - returned[at],
            closing: closing[at],
        }
    });
    Ok(periods(days.collect(), options.by))
}

/// Days put together, those without movements left out.
fn periods(mut days: Vec<Period>, by: Unit) -> Vec<Period> {
    days.sort_by_key(|day| day.day);
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
