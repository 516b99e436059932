//! How far a pass is, for a person who has waited a second.

use crate::drawing::words::grouped;
use atm_plugin_sdk::Progress;
use std::time::{Duration, Instant};

/// What is faster shows no bar.
const PATIENCE: Duration = Duration::from_secs(1);

/// When it began.
pub(super) struct Step<'p> {
    progress: Option<&'p Progress>,
    begun: Instant,
}

impl<'p> Step<'p> {
    #[expect(clippy::disallowed_methods, reason = "it measures how long somebody has waited")]
    pub(super) fn new(progress: Option<&'p Progress>) -> Self {
        Self { progress, begun: Instant::now() }
    }

    /// So many bytes are done.
    pub(super) fn bytes(&self, what: &str, done: u64) {
        if let Some((progress, _)) = self.patience() {
            progress.bytes(what, done, 0);
        }
    }

    /// So many bytes of so many are done, and so many rows were in them.
    pub(super) fn rows(&self, what: &str, (done, total): (u64, u64), rows: u64) {
        if let Some((progress, elapsed)) = self.patience() {
            let a_second = u128::from(rows) * 1_000 / elapsed.as_millis().max(1);
            progress.bytes_with(
                what,
                done,
                total,
                &format!("{} rows/s", grouped(u64::try_from(a_second).unwrap_or(u64::MAX))),
            );
        }
    }

    fn patience(&self) -> Option<(&Progress, Duration)> {
        let elapsed = self.begun.elapsed();
        self.progress.filter(|_| elapsed > PATIENCE).map(|progress| (progress, elapsed))
    }
}
