//! The ledger as a whole.

use super::frames::{counted, counts, failed, last, narrow, total, whole, wide, within};
use super::rows::{Options, Summary};
use crate::read::{Column, Ledger};
use atm_rpc::plugin::Failure;
use polars::prelude::{DataFrame, IntoLazy, PolarsResult, UnionArgs, col, concat, len, lit};

/// How much of what there is, and from when to when.
///
/// # Errors
/// Where the ledger cannot be read.
pub fn summary(ledger: &Ledger, options: &Options) -> Result<Summary, Failure> {
    use Column::{Action, Amount, At, BankBalance, Day, Number};
    // What a block comes to: its actions, its customers, its days, and the vault behind it.
    let parts = ledger.blocks(&[Number, Action, Amount, At, BankBalance, Day], |block| {
        let rows = within(block.lazy(), options).collect()?.lazy();
        let of_actions = [
            len().alias("rows"),
            counted(col("amount")).alias("count"),
            total(col("amount")).alias("sum"),
            col("at").min().alias("from"),
            col("at").max().alias("to"),
        ];
        let customers = rows.clone().filter(col("number").neq(lit(0_i64))).group_by([col("number")]);
        Ok([
            rows.clone().group_by([col("action")]).agg(of_actions).collect()?,
            customers.agg([len()]).collect()?,
            rows.clone().group_by([col("day")]).agg([len()]).collect()?,
            rows.select([last(col("bank_balance"))]).collect()?,
        ])
    })?;
    let together = |of: usize| together(parts.iter().filter_map(|part| part.get(of)).cloned());
    let distinct = |frame: Option<DataFrame>, name: &str| -> Result<u64, Failure> {
        let Some(frame) = frame else { return Ok(0) };
        let all = frame.lazy().select([col(name).n_unique().alias("distinct")]).collect().map_err(failed)?;
        Ok(counts(&all, "distinct")?.first().copied().unwrap_or(0))
    };
    let mut summary = Summary {
        customers: distinct(together(1).map_err(failed)?, "number")?,
        days: distinct(together(2).map_err(failed)?, "day")?,
        ..Summary::default()
    };
    if let Some(vaults) = together(3).map_err(failed)? {
        summary.vault = narrow(&vaults, "bank_balance")?.into_iter().flatten().last();
    }
    let Some(actions) = together(0).map_err(failed)? else { return Ok(summary) };
    let added = [
        col("rows").sum(),
        col("count").sum(),
        total(col("sum")).alias("sum"),
        col("from").min(),
        col("to").max(),
    ];
    let actions = actions.lazy().group_by([col("action")]).agg(added).collect().map_err(failed)?;
    let words = ledger.actions();
    let (rows, count, sum) = (counts(&actions, "rows")?, counts(&actions, "count")?, wide(&actions, "sum")?);
    for (at, index) in whole(&actions, "action")?.into_iter().enumerate() {
        let word =
            usize::try_from(index).ok().and_then(|index| words.get(index)).cloned().unwrap_or_default();
        summary.rows += rows[at];
        summary.actions.push((word, rows[at], (count[at] > 0).then_some(sum[at])));
    }
    summary.actions.sort_unstable_by(|one, other| (other.1, &one.0).cmp(&(one.1, &other.0)));
    let ends = whole(&actions, "from")?.into_iter().min().zip(whole(&actions, "to")?.into_iter().max());
    summary.times_ms = ends;
    Ok(summary)
}

/// Frames one behind the other. `None`: there are none.
fn together(frames: impl Iterator<Item = DataFrame>) -> PolarsResult<Option<DataFrame>> {
    let frames: Vec<_> = frames.map(IntoLazy::lazy).collect();
    if frames.is_empty() { Ok(None) } else { concat(frames, UnionArgs::default())?.collect().map(Some) }
}
