//! Since when somebody who follows stands still though there is something to follow.

use std::time::{Duration, Instant};

/// How far one who follows came, as it was looked at.
#[derive(Clone, Debug, Default)]
pub(super) struct Progress {
    reached: i64,
    /// When it last was further than before, or had nothing to do.
    moved: Option<Instant>,
}

impl Progress {
    /// It came so far of what there is.
    pub(super) fn look(&mut self, reached: i64, there: i64, now: Instant) {
        if reached >= there || reached != self.reached || self.moved.is_none() {
            self.moved = Some(now);
        }
        self.reached = reached;
    }

    /// How long it stands still by now; zero where it has come to the end.
    pub(super) fn stalled(&self, reached: i64, there: i64, now: Instant) -> Duration {
        match self.moved {
            Some(moved) if reached < there && reached == self.reached => now.saturating_duration_since(moved),
            _ => Duration::ZERO,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::monotonic;

    #[test]
    fn it_stands_still_from_its_last_step_on() {
        let begin = monotonic();
        let after = |seconds| begin + Duration::from_secs(seconds);
        let mut progress = Progress::default();
        // Looks at (second, reached, there), and how many seconds it stands still by then.
        let table = [
            (0, 5, 5, 0),
            (10, 5, 6, 10),
            (11, 5, 6, 11),
            (12, 6, 9, 0),
            (20, 6, 9, 8),
            (21, 9, 9, 0),
            (90, 9, 9, 0),
        ];
        for (second, reached, there, expected) in table {
            progress.look(reached, there, after(second));
            let stalled = progress.stalled(reached, there, after(second));
            assert_eq!(stalled.as_secs(), expected, "at {second}");
        }
        assert_eq!(progress.stalled(8, 9, after(99)), Duration::ZERO, "it moved since the look");
    }
}
