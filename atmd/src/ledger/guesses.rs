//! How many PINs were tried against a number since the last right one.
//!
//! An attempt is counted before its PIN is hashed, so that many at once cannot try more than the
//! bound. Only a verified wrong PIN counts as a failure: attempts that a crash cut off, or right
//! ones in parallel, lead nowhere near the blacklist.

use atm_rpc::types::time::Timestamp;

/// After this time an attempt without a verdict is taken as lost in a crash.
const ATTEMPT_LEASE_MS: i64 = 60_000;

/// Attempts and failures of one number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Guesses {
    /// Attempts that were let through to the hash.
    pub attempts: u32,
    /// Those of them that were verified as wrong.
    pub failures: u32,
    /// When the newest attempt was let through, in milliseconds since 1970.
    pub raised_at_ms: i64,
}

/// What one more wrong PIN means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// So many are left.
    Left(u32),
    /// That was the last one.
    Exhausted,
}

impl Guesses {
    /// Lets an attempt through, or not: `false` while as many as are allowed wait for their verdict.
    ///
    /// A number with all its failures is on the blacklist and does not come here; if it does, because
    /// fewer are allowed than before, one attempt at a time decides.
    pub fn raise(&mut self, attempts_max: u32, now: Timestamp) -> bool {
        // As far away in the future, too: a clock that was set back would keep it for as long as it was set back.
        let raised = Timestamp::from_ms(self.raised_at_ms);
        let lost = now.since_ms(raised).max(raised.since_ms(now)) > ATTEMPT_LEASE_MS;
        if self.attempts > self.failures && lost {
            self.attempts = self.failures;
        }
        if self.attempts >= attempts_max.max(self.failures.saturating_add(1)) {
            return false;
        }
        self.attempts = self.attempts.saturating_add(1);
        self.raised_at_ms = now.ms();
        true
    }

    /// Counts a verified wrong PIN.
    pub fn wrong(&mut self, attempts_max: u32) -> Verdict {
        self.failures = self.failures.saturating_add(1);
        self.attempts = self.attempts.max(self.failures);
        match attempts_max.saturating_sub(self.failures) {
            0 => Verdict::Exhausted,
            left => Verdict::Left(left),
        }
    }

    /// Forgets all of them: after a right PIN, or when the number is taken off the blacklist.
    pub fn clear(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::{Guesses, Verdict};
    use atm_rpc::types::time::Timestamp;

    #[test]
    fn no_more_attempts_than_allowed_are_let_through() {
        let mut guesses = Guesses::default();
        let let_through = (0..100).filter(|ms| guesses.raise(5, Timestamp::from_ms(*ms))).count();
        assert_eq!(let_through, 5);
        for left in (1..5).rev() {
            assert_eq!(guesses.wrong(5), Verdict::Left(left));
        }
        assert_eq!(guesses.wrong(5), Verdict::Exhausted);
        assert_eq!(guesses.failures, 5);
    }

    #[test]
    fn where_fewer_are_allowed_than_before_one_at_a_time_decides() {
        let mut guesses = Guesses { attempts: 4, failures: 4, raised_at_ms: 0 };
        assert!(guesses.raise(3, Timestamp::from_ms(1)));
        assert!(!guesses.raise(3, Timestamp::from_ms(2)));
        assert_eq!(guesses.wrong(3), Verdict::Exhausted);
    }

    #[test]
    fn attempts_lost_in_a_crash_are_given_back_and_failures_are_not() {
        let mut guesses = Guesses::default();
        for _ in 0..5 {
            assert!(guesses.raise(5, Timestamp::from_ms(1_000)));
        }
        assert_eq!(guesses.wrong(5), Verdict::Left(4));
        assert!(!guesses.raise(5, Timestamp::from_ms(61_000)));
        assert!(guesses.raise(5, Timestamp::from_ms(61_001)));
        assert_eq!((guesses.attempts, guesses.failures), (2, 1));
        // The clock was set back by an hour, and then by no more than a lease.
        let mut guesses = Guesses { attempts: 5, failures: 1, raised_at_ms: 3_600_000 };
        assert!(guesses.raise(5, Timestamp::from_ms(1_000)));
        assert_eq!((guesses.attempts, guesses.failures), (2, 1));
        let mut guesses = Guesses { attempts: 5, failures: 1, raised_at_ms: 61_000 };
        assert!(!guesses.raise(5, Timestamp::from_ms(1_000)));
    }

    #[test]
    fn a_right_pin_forgets_them() {
        let mut guesses = Guesses { attempts: 4, failures: 4, raised_at_ms: 9 };
        guesses.clear();
        assert_eq!(guesses, Guesses::default());
    }
}
