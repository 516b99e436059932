//! How long sessions were, and how many had no end of their own.

use super::frames::{date, is, narrow, whole};
use super::rows::{Options, Sessions, Unit};
use crate::read::{Column, Ledger};
use atm_rpc::plugin::Failure;
use atm_rpc::types::action::Action;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use polars::prelude::{DataType, col};
use std::collections::BTreeMap;

/// Lengths of a period's sessions, and how many had an exit.
#[derive(Default)]
struct Period {
    lengths_ms: Vec<u64>,
    exits: u64,
    count: u64,
}

/// Sessions by when they began; `by`: in which periods, or all of them together. A session is as long as its last entry
/// says.
///
/// # Errors
/// Where the ledger cannot be read.
pub fn sessions(ledger: &Ledger, options: &Options, by: Option<Unit>) -> Result<Vec<Sessions>, Failure> {
    let exit = is(ledger, Action::Exit)?.cast(DataType::Int64);
    let key = || [col("number"), col("session_start")];
    let frame = ledger.query(
        &[Column::Number, Column::SessionStart, Column::ElapsedCs, Column::Action],
        options.number,
        |rows| {
            let rows = rows.filter(col("session_start").is_not_null());
            rows.group_by(key()).agg([col("elapsed_cs").max(), exit.clone().max().alias("exit")])
        },
        |partials| partials.group_by(key()).agg([col("elapsed_cs").max(), col("exit").max()]),
    )?;
    let (starts, lengths) = (whole(&frame, "session_start")?, narrow(&frame, "elapsed_cs")?);
    let exits = whole(&frame, "exit")?;
    let mut periods: BTreeMap<Option<Date>, Period> = BTreeMap::new();
    let mut calendar = Days::of(ledger.zone());
    for ((start, length), exit) in starts.into_iter().zip(lengths).zip(exits) {
        let day = calendar.day(start);
        if options.from.is_some_and(|from| day < from) || options.to.is_some_and(|to| day > to) {
            continue;
        }
        let period = periods.entry(by.map(|by| by.first_day(day))).or_default();
        period.count += 1;
        period.exits += u64::from(exit > 0);
        let length = length.and_then(|hundredths| u64::try_from(hundredths).ok());
        period.lengths_ms.extend(length.map(|hundredths| hundredths.saturating_mul(10)));
    }
    Ok(periods.into_iter().map(|(day, period)| summed_up(day, period)).collect())
}

fn summed_up(day: Option<Date>, Period { mut lengths_ms, exits, count }: Period) -> Sessions {
    lengths_ms.sort_unstable();
    Sessions {
        day,
        count,
        without_exit: count - exits,
        median_ms: rank(&lengths_ms, 50),
        p95_ms: rank(&lengths_ms, 95),
        longest_ms: lengths_ms.last().copied(),
    }
}

/// The least value that so many of 100 do not exceed.
fn rank(sorted: &[u64], of_100: usize) -> Option<u64> {
    let at = sorted.len().saturating_mul(of_100).div_ceil(100);
    sorted.get(at.checked_sub(1)?).copied()
}

/// Days of a zone. Most instants are in the day of the one before.
struct Days<'z> {
    zone: &'z TimeZone,
    known: Option<(i64, i64, Date)>,
}

impl<'z> Days<'z> {
    const fn of(zone: &'z TimeZone) -> Self {
        Self { zone, known: None }
    }

    fn day(&mut self, at_ms: i64) -> Date {
        if let Some((from, to, day)) = self.known
            && (from..to).contains(&at_ms)
        {
            return day;
        }
        let Ok(instant) = jiff::Timestamp::from_millisecond(at_ms) else { return date(0) };
        let zoned = instant.to_zoned(self.zone.clone());
        let day = zoned.date();
        let ends = zoned.start_of_day().ok().zip(zoned.tomorrow().and_then(|next| next.start_of_day()).ok());
        self.known =
            ends.map(|(from, to)| (from.timestamp().as_millisecond(), to.timestamp().as_millisecond(), day));
        day
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_are_values_that_are_there() {
        let to_100: Vec<u64> = (1..=100).collect();
        let table: &[(&[u64], Option<u64>, Option<u64>)] = &[
            (&[], None, None),
            (&[7], Some(7), Some(7)),
            (&[1, 2], Some(1), Some(2)),
            (&[1, 2, 3], Some(2), Some(3)),
            (&to_100, Some(50), Some(95)),
        ];
        for (sorted, median, p95) in table {
            assert_eq!((rank(sorted, 50), rank(sorted, 95)), (*median, *p95), "{}", sorted.len());
        }
    }
}
