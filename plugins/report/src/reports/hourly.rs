//! The shape of the day: movements by hour and weekday.

use super::frames::{counted, counts, dates, total, wanted, whole, wide, within};
use super::rows::{Hour, Options};
use crate::read::{Column, Ledger};
use atm_rpc::plugin::Failure;
use polars::prelude::col;
use std::collections::BTreeMap;

/// What moved in each hour of each weekday in which something did, Monday's first hour first.
///
/// # Errors
/// Where the ledger cannot be read.
pub fn hourly(ledger: &Ledger, options: &Options) -> Result<Vec<Hour>, Failure> {
    let wanted = wanted(ledger, options)?;
    let columns = [Column::Day, Column::Hour, Column::Amount].into_iter();
    let columns: Vec<Column> = columns.chain(options.action.as_ref().map(|_| Column::Action)).collect();
    let key = || [col("day"), col("hour")];
    let frame = ledger.query(
        &columns,
        options.number,
        |rows| {
            let rows = within(rows, options).filter(col("amount").is_not_null());
            let rows = wanted.iter().cloned().fold(rows, |rows, wanted| rows.filter(wanted));
            let sums = [counted(col("amount")).alias("count"), total(col("amount")).alias("sum")];
            rows.group_by(key()).agg(sums)
        },
        |partials| partials.group_by(key()).agg([col("count").sum(), total(col("sum")).alias("sum")]),
    )?;
    let (count, sum) = (counts(&frame, "count")?, wide(&frame, "sum")?);
    let keys = dates(&frame, "day")?.into_iter().zip(whole(&frame, "hour")?);
    let mut hours: BTreeMap<(u8, u8), Hour> = BTreeMap::new();
    for ((day, hour), (count, sum)) in keys.zip(count.into_iter().zip(sum)) {
        let weekday = u8::try_from(day.weekday().to_monday_zero_offset()).unwrap_or(0);
        let hour = u8::try_from(hour).unwrap_or(0);
        let cell = hours.entry((weekday, hour)).or_insert(Hour { weekday, hour, count: 0, sum: 0 });
        cell.count += count;
        cell.sum += sum;
    }
    Ok(hours.into_values().collect())
}
