//! Log-ins that failed, by day and number.

use super::frames::{counted, counts, dates, is, whole, within};
use super::rows::{FailureDay, Options};
use crate::read::{Column, Ledger};
use atm_rpc::plugin::Failure;
use atm_rpc::types::action::Action;
use atm_rpc::types::mobile::MobileNumber;
use polars::prelude::col;

/// Wrong PINs and what became of them, by day, those with the most first.
///
/// # Errors
/// Where the ledger cannot be read.
pub fn failures(ledger: &Ledger, options: &Options) -> Result<Vec<FailureDay>, Failure> {
    let acts = [
        (Action::AuthFailed, "failed"),
        (Action::Blacklisted, "blacklisted"),
        (Action::Unblacklisted, "unblacklisted"),
    ];
    let mut of_numbers = Vec::new();
    let mut any = None;
    for (action, name) in acts {
        let it = is(ledger, action)?;
        of_numbers.push(counted(col("number").filter(it.clone())).alias(name));
        any = Some(any.map_or(it.clone(), |any: polars::prelude::Expr| any.or(it)));
    }
    let key = || [col("day"), col("number")];
    let frame = ledger.query(
        &[Column::Day, Column::Number, Column::Action],
        options.number,
        |rows| {
            let rows = any.iter().cloned().fold(within(rows, options), |rows, it| rows.filter(it));
            rows.group_by(key()).agg(&of_numbers)
        },
        |partials| partials.group_by(key()).agg(acts.map(|(_, name)| col(name).sum())),
    )?;
    let [failed, blacklisted, unblacklisted] = acts.map(|(_, name)| counts(&frame, name));
    let (failed, blacklisted, unblacklisted) = (failed?, blacklisted?, unblacklisted?);
    let keys = dates(&frame, "day")?.into_iter().zip(whole(&frame, "number")?).enumerate();
    let mut found: Vec<FailureDay> = keys
        .filter_map(|(at, (day, number))| {
            Some(FailureDay {
                day,
                number: MobileNumber::from_packed(number)?,
                failed: failed[at],
                blacklisted: blacklisted[at],
                unblacklisted: unblacklisted[at],
            })
        })
        .collect();
    found.sort_unstable_by_key(|row| (row.day, std::cmp::Reverse(row.failed), row.number));
    Ok(found)
}
