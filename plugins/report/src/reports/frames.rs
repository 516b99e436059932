//! Expressions that several reports use, and the way from small frames to plain values.

use super::effect;
use super::rows::Options;
use crate::read::Ledger;
use atm_rpc::plugin::{Code, Failure};
use atm_rpc::types::action::Action;
use atm_rpc::types::time::BusinessDate;
use jiff::civil::Date;
use polars::prelude::{DataFrame, DataType, Expr, LazyFrame, PolarsError, PolarsResult, col, lit};

/// A sum that leaves no type: of 64 bits it could.
pub(super) fn total(amounts: Expr) -> Expr {
    amounts.cast(DataType::Int128).sum()
}

/// How many values are not null, as a number that results can be added up in.
pub(super) fn counted(values: Expr) -> Expr {
    values.count().cast(DataType::Int64)
}

/// Whether it is a row of that action.
pub(super) fn is(ledger: &Ledger, action: Action) -> Result<Expr, Failure> {
    Ok(col("action").eq(lit(effect::index(ledger, action)?)))
}

/// Whether it is a row of the wanted action. `None`: every row is.
pub(super) fn wanted(ledger: &Ledger, options: &Options) -> Result<Option<Expr>, Failure> {
    let action = options.action.as_deref().map(|word| ledger.action_index(word)).transpose()?;
    Ok(action.map(|index| col("action").eq(lit(index))))
}

/// Rows of the wanted days.
pub(super) fn within(rows: LazyFrame, options: &Options) -> LazyFrame {
    let from = options.from.map(|day| col("day").gt_eq(lit(days(day))));
    let to = options.to.map(|day| col("day").lt_eq(lit(days(day))));
    from.into_iter().chain(to).fold(rows, LazyFrame::filter)
}

/// Days since 1970.
pub(super) fn days(date: Date) -> i32 {
    BusinessDate::of(date).days()
}

/// The day so many days after 1970, held at the ends of the calendar.
pub(super) fn date(days: i32) -> Date {
    let epoch = jiff::civil::date(1970, 1, 1);
    epoch.saturating_add(jiff::Span::new().days(days))
}

/// A column of 64 bits or fewer.
pub(super) fn narrow(frame: &DataFrame, name: &str) -> Result<Vec<Option<i64>>, Failure> {
    let read = || -> PolarsResult<Vec<Option<i64>>> {
        let column = frame.column(name)?.cast(&DataType::Int64)?;
        Ok(column.i64()?.iter().collect())
    };
    read().map_err(failed)
}

/// A column of 128 bits, or fewer.
pub(super) fn wide(frame: &DataFrame, name: &str) -> Result<Vec<i128>, Failure> {
    let read = || -> PolarsResult<Vec<i128>> {
        let column = frame.column(name)?.cast(&DataType::Int128)?;
        Ok(column.i128()?.iter().map(Option::unwrap_or_default).collect())
    };
    read().map_err(failed)
}

/// A column of counts.
pub(super) fn counts(frame: &DataFrame, name: &str) -> Result<Vec<u64>, Failure> {
    let counts = narrow(frame, name)?.into_iter();
    Ok(counts.map(|count| u64::try_from(count.unwrap_or(0)).unwrap_or(0)).collect())
}

/// A column of what is never null.
pub(super) fn whole(frame: &DataFrame, name: &str) -> Result<Vec<i64>, Failure> {
    Ok(narrow(frame, name)?.into_iter().map(Option::unwrap_or_default).collect())
}

/// A column of days.
pub(super) fn dates(frame: &DataFrame, name: &str) -> Result<Vec<Date>, Failure> {
    Ok(whole(frame, name)?.into_iter().map(|days| date(i32::try_from(days).unwrap_or(0))).collect())
}

pub(super) fn failed(error: PolarsError) -> Failure {
    Failure::new(Code::Crashed, format!("the rows cannot be worked with: {error}"))
}

/// Of nothing but nulls, a null.
pub(super) fn last(values: Expr) -> Expr {
    values.last_non_null()
}
