//! What the writer and the threads that hash PINs count of their work.

use super::timing::{Sizes, Timing};
use crate::clock;
use atm_rpc::operator::metrics::PinMetrics;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// The writer's work.
#[derive(Debug)]
pub struct WriterWork {
    /// Reading what a batch needs, the bank's lock included.
    pub read: Timing,
    /// Deciding.
    pub decide: Timing,
    /// Writing.
    pub write: Timing,
    /// Making it durable.
    pub commit: Timing,
    /// Requests in batches that were done.
    pub batches: Sizes,
    /// Batches that were answered with a failure.
    pub failed: AtomicU64,
    /// Further tries of batches.
    pub retries: AtomicU64,
    /// Failures of the database before a commit.
    pub write_errors: AtomicU64,
    /// Failures of the database at a commit.
    pub commit_errors: AtomicU64,
    /// Numbers that wrong PINs put on the blacklist.
    pub lock_outs: AtomicU64,
    /// Whether it waits for space on the disk.
    pub disk_full: AtomicBool,
    since: Instant,
    /// When the batch under way began and when it came one step on, in ms since `since` and never 0; 0 without one.
    begun: AtomicU64,
    stepped: AtomicU64,
    /// Rows that the batch under way has of imports.
    rows: AtomicU64,
}

impl Default for WriterWork {
    fn default() -> Self {
        Self {
            read: Timing::default(),
            decide: Timing::default(),
            write: Timing::default(),
            commit: Timing::default(),
            batches: Sizes::default(),
            failed: AtomicU64::new(0),
            retries: AtomicU64::new(0),
            write_errors: AtomicU64::new(0),
            commit_errors: AtomicU64::new(0),
            lock_outs: AtomicU64::new(0),
            disk_full: AtomicBool::new(false),
            since: clock::monotonic(),
            begun: AtomicU64::new(0),
            stepped: AtomicU64::new(0),
            rows: AtomicU64::new(0),
        }
    }
}

impl WriterWork {
    /// A batch begins, with so many rows of imports.
    pub fn begin(&self, rows: u64) {
        let now = self.now();
        self.rows.store(rows, Ordering::Relaxed);
        self.stepped.store(now, Ordering::Relaxed);
        self.begun.store(now, Ordering::Relaxed);
    }

    /// The batch came one step on, or is tried again.
    pub fn step(&self) {
        self.stepped.store(self.now(), Ordering::Relaxed);
    }

    /// The batch is answered.
    pub fn end(&self) {
        self.begun.store(0, Ordering::Relaxed);
    }

    /// How long the batch under way has taken; nothing where there is none.
    #[must_use]
    pub fn age(&self) -> Option<Duration> {
        self.ago(&self.begun)
    }

    /// How long the batch under way has been at one step; nothing where there is none.
    #[must_use]
    pub fn at_one_step(&self) -> Option<Duration> {
        self.age().and_then(|_| self.ago(&self.stepped))
    }

    /// Rows that the batch under way, or the last one, has of imports.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.rows.load(Ordering::Relaxed)
    }

    fn now(&self) -> u64 {
        u64::try_from(self.since.elapsed().as_millis()).unwrap_or(u64::MAX).max(1)
    }

    fn ago(&self, then: &AtomicU64) -> Option<Duration> {
        let then = then.load(Ordering::Relaxed);
        (then > 0).then(|| Duration::from_millis(self.now().saturating_sub(then)))
    }
}

/// The work of the threads that hash PINs.
#[derive(Debug, Default)]
pub struct PinWork {
    /// How many threads there are.
    pub threads: AtomicU64,
    /// How many are taken.
    pub busy: AtomicU64,
    /// Who waits for one.
    pub waiting: AtomicU64,
    /// Time of one hash.
    pub hash: Timing,
    /// PINs and codes that were wrong.
    pub wrong: AtomicU64,
}

impl PinWork {
    pub(super) fn read(&self) -> PinMetrics {
        PinMetrics {
            threads: self.threads.load(Ordering::Relaxed),
            busy: self.busy.load(Ordering::Relaxed),
            waiting: self.waiting.load(Ordering::Relaxed),
            hash: self.hash.read(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_has_an_age_as_long_as_it_is_under_way() {
        let work = WriterWork::default();
        assert_eq!((work.age(), work.at_one_step()), (None, None));
        work.begin(7);
        assert_eq!(work.rows(), 7);
        assert!(work.age().is_some() && work.at_one_step().is_some());
        work.end();
        work.step();
        assert_eq!((work.age(), work.at_one_step()), (None, None), "a step beside a batch is none");
    }
}
