//! How far a pass is, for a person who has waited a second.

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

    /// So many bytes of so many are done; a total of 0 is one that nobody knows.
    pub(super) fn at(&self, what: &str, done: u64, total: u64) {
        if let Some(progress) = self.progress
            && self.begun.elapsed() > PATIENCE
        {
            progress.at(what, done, total);
        }
    }
}
