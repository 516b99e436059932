//! Results of blocks on their way to one result, without keeping all of them.

use polars::prelude::{DataFrame, IntoLazy, LazyFrame, PolarsResult, UnionArgs, concat};
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// From so many rows on results are merged before there are more.
const ROWS: usize = 400_000;

/// Results in the order of their blocks.
pub(super) struct Partials<'m, M> {
    merge: &'m M,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Results before which one is missing.
    early: BTreeMap<usize, Option<DataFrame>>,
    /// Which comes next.
    next: usize,
    /// Results one behind the other.
    ready: Vec<DataFrame>,
    rows: usize,
    /// How many rows the last merging left.
    merged: usize,
}

impl<'m, M: Fn(LazyFrame) -> LazyFrame> Partials<'m, M> {
    pub(super) fn new(merge: &'m M) -> Self {
        Self { merge, state: Mutex::default() }
    }

    /// Adds the result of a block; `None`: it has no row.
    pub(super) fn add(&self, index: usize, partial: Option<DataFrame>) -> PolarsResult<()> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.early.insert(index, partial);
        let next = state.next;
        let State { early, ready, rows, .. } = &mut *state;
        let mut taken = next;
        while let Some(partial) = early.remove(&taken) {
            taken += 1;
            *rows += partial.as_ref().map_or(0, DataFrame::height);
            ready.extend(partial);
        }
        state.next = taken;
        if state.rows > ROWS.max(2 * state.merged) {
            let merged = self.merged(std::mem::take(&mut state.ready))?;
            state.rows = merged.height();
            state.merged = state.rows;
            state.ready.push(merged);
        }
        Ok(())
    }

    /// The one result. Where there was no block it is that of an empty one.
    pub(super) fn finish(self, empty: impl FnOnce() -> PolarsResult<DataFrame>) -> PolarsResult<DataFrame> {
        let mut ready = self.state.into_inner().unwrap_or_else(PoisonError::into_inner).ready;
        if ready.is_empty() {
            ready.push(empty()?);
        }
        (self.merge)(one_behind_the_other(&ready)?).collect()
    }

    fn merged(&self, ready: Vec<DataFrame>) -> PolarsResult<DataFrame> {
        (self.merge)(one_behind_the_other(&ready)?).collect()
    }
}

/// Frames of the same columns as one. What a merge left may have them in another order than a query.
fn one_behind_the_other(frames: &[DataFrame]) -> PolarsResult<LazyFrame> {
    let names = frames.first().map(DataFrame::get_column_names_owned).unwrap_or_default();
    let ordered = frames.iter().map(|frame| frame.select(names.clone()).map(IntoLazy::lazy));
    concat(ordered.collect::<PolarsResult<Vec<_>>>()?, UnionArgs::default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use polars::prelude::{col, df};

    #[test]
    fn what_was_merged_before_goes_with_what_comes_later() {
        let merge = |rows: LazyFrame| rows.group_by([col("key")]).agg([col("b").sum(), col("a").sum()]);
        let partials = Partials::new(&merge);
        let keys: Vec<i64> = (0..250_000).collect();
        for block in [1, 0, 2, 3] {
            let ones = vec![1_i64; keys.len()];
            let partial = df!("key" => &keys, "a" => &ones, "b" => &ones).unwrap();
            partials.add(block, Some(partial)).unwrap();
        }
        let one = partials.finish(|| unreachable!()).unwrap();
        assert_eq!(one.height(), keys.len());
        let sum = one.column("a").unwrap().i64().unwrap().iter().flatten().sum::<i64>();
        assert_eq!(sum, 1_000_000);
    }
}
