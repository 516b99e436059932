//! Whether the time of day is what it should be: whether somebody set it while atmd runs, found by a clock that nobody
//! sets, and whether the journal has seen a later one.

use atm_rpc::operator::metrics::{ClockMetrics, ClockStep};
use atm_rpc::types::time::Timestamp;
use std::time::Instant;

/// What both clocks may differ by without somebody having set one of them.
const STEP_LEAST_MS: i64 = 2_000;

/// The time of day as it was looked at, again and again.
#[derive(Clone, Debug, Default)]
pub(super) struct Wallclock {
    /// Both clocks since the start, or since the last step.
    base: Option<(Timestamp, Instant)>,
    steps: u64,
    stepped_ms: i64,
    last: Option<ClockStep>,
    /// The latest time that a batch of the journal has.
    latest: Option<Timestamp>,
}

impl Wallclock {
    /// Looks at both clocks; gives the step that was made since, if one was.
    pub(super) fn look(&mut self, at: Timestamp, monotonic: Instant) -> Option<ClockStep> {
        let Some((base, begun)) = self.base else {
            self.base = Some((at, monotonic));
            return None;
        };
        let passed = monotonic.saturating_duration_since(begun).as_millis();
        let expected = base.plus_ms(i64::try_from(passed).unwrap_or(i64::MAX));
        let by_ms = at.ms().saturating_sub(expected.ms());
        if by_ms.saturating_abs() < STEP_LEAST_MS {
            return None;
        }
        self.base = Some((at, monotonic));
        self.steps += 1;
        self.stepped_ms = self.stepped_ms.saturating_add(by_ms);
        self.last = Some(ClockStep { at, by_ms });
        self.last
    }

    /// A batch of the journal has that time.
    pub(super) fn seen(&mut self, sealed_at: Timestamp) {
        self.latest = self.latest.max(Some(sealed_at));
    }

    /// What there is to tell of it now.
    pub(super) fn read(&self, now: Timestamp) -> ClockMetrics {
        let behind = self.latest.map_or(0, |latest| latest.ms().saturating_sub(now.ms()));
        ClockMetrics {
            steps_total: self.steps,
            stepped_ms: self.stepped_ms,
            last_step: self.last,
            behind_ms: u64::try_from(behind).unwrap_or(0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::monotonic;
    use std::time::Duration;

    const HOUR_MS: i64 = 3_600_000;

    /// Looks at so many milliseconds since the begin, with the time of day that far ahead of them.
    fn looked(looks: &[(u64, i64)]) -> (Wallclock, Vec<i64>) {
        let (begin, mut clock) = (monotonic(), Wallclock::default());
        let mut steps = Vec::new();
        for &(passed, ahead) in looks {
            let at = Timestamp::from_ms(HOUR_MS + i64::try_from(passed).unwrap() + ahead);
            steps.extend(clock.look(at, begin + Duration::from_millis(passed)).map(|step| step.by_ms));
        }
        (clock, steps)
    }

    #[test]
    fn a_step_is_told_once_whichever_way() {
        type Looks<'a> = &'a [(u64, i64)];
        let table: &[(Looks<'_>, &[i64])] = &[
            (&[(0, 0), (1_000, 0), (2_000, 40)], &[]),
            (&[(0, 0), (1_000, -HOUR_MS), (2_000, -HOUR_MS)], &[-HOUR_MS]),
            (&[(0, 0), (1_000, 24 * HOUR_MS), (2_000, 24 * HOUR_MS)], &[24 * HOUR_MS]),
            (&[(0, 0), (1_000, HOUR_MS), (9_000, 0)], &[HOUR_MS, -HOUR_MS]),
            // Small steps add up.
            (&[(0, 0), (1_000, 1_500), (2_000, 3_000), (3_000, 3_000)], &[3_000]),
            // A look that came late is none.
            (&[(0, 0), (90_000, 0)], &[]),
        ];
        for (looks, expected) in table {
            let (clock, steps) = looked(looks);
            assert_eq!(steps, *expected, "{looks:?}");
            let told = clock.read(Timestamp::from_ms(0));
            assert_eq!((told.steps_total, told.stepped_ms), (expected.len() as u64, expected.iter().sum()));
            assert_eq!(told.last_step.map(|step| step.by_ms), expected.last().copied());
        }
    }

    #[test]
    fn it_is_behind_the_latest_that_the_journal_saw() {
        let mut clock = Wallclock::default();
        assert_eq!(clock.read(Timestamp::from_ms(5)).behind_ms, 0);
        clock.seen(Timestamp::from_ms(HOUR_MS));
        // What is written after the clock was set back is no proof that it is right.
        clock.seen(Timestamp::from_ms(10));
        for (now, behind) in [(HOUR_MS + 1, 0), (HOUR_MS, 0), (HOUR_MS - 7, 7), (0, 3_600_000)] {
            assert_eq!(clock.read(Timestamp::from_ms(now)).behind_ms, behind);
        }
    }
}
