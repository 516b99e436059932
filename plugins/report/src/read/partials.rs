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
    early: BTreeMap<usize, DataFrame>,
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

    /// Adds the result of a block.
    pub(super) fn add(&self, index: usize, partial: DataFrame) -> PolarsResult<()> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.early.insert(index, partial);
        let next = state.next;
        let State { early, ready, rows, .. } = &mut *state;
        let mut taken = next;
        while let Some(partial) = early.remove(&taken) {
            taken += 1;
            *rows += partial.height();
            ready.push(partial);
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
        let frames = ready.into_iter().map(IntoLazy::lazy).collect::<Vec<_>>();
        (self.merge)(concat(frames, UnionArgs::default())?).collect()
    }

    fn merged(&self, ready: Vec<DataFrame>) -> PolarsResult<DataFrame> {
        let frames = ready.into_iter().map(IntoLazy::lazy).collect::<Vec<_>>();
        (self.merge)(concat(frames, UnionArgs::default())?).collect()
    }
}
