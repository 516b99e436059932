//! Counting how long things take, and how many they are at once: an atomic for each bucket, nothing else.

use atm_rpc::operator::metrics::{BOUNDS_US, Histogram};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Upper bounds of the buckets of [`Sizes`].
pub(super) const SIZE_BOUNDS: [u64; 14] = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1_024, 2_048, 4_096, 8_192];

/// How long something took, again and again.
#[derive(Debug)]
pub struct Timing {
    buckets: [AtomicU64; BOUNDS_US.len() + 1],
    sum_ns: AtomicU64,
}

impl Default for Timing {
    fn default() -> Self {
        Self { buckets: [const { AtomicU64::new(0) }; BOUNDS_US.len() + 1], sum_ns: AtomicU64::new(0) }
    }
}

impl Timing {
    /// Counts one.
    pub fn add(&self, took: Duration) {
        let ns = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        if let Some(bucket) = self.buckets.get(Histogram::bucket(ns.div_ceil(1_000))) {
            bucket.fetch_add(1, Ordering::Relaxed);
        }
        self.sum_ns.fetch_add(ns, Ordering::Relaxed);
    }

    /// What was counted.
    #[must_use]
    pub fn read(&self) -> Histogram {
        let buckets = self.buckets.iter().map(|bucket| bucket.load(Ordering::Relaxed)).collect();
        Histogram::new(buckets, self.sum_ns.load(Ordering::Relaxed) / 1_000)
    }
}

/// How many something was at once, again and again.
#[derive(Debug, Default)]
pub struct Sizes {
    buckets: [AtomicU64; SIZE_BOUNDS.len() + 1],
    sum: AtomicU64,
}

impl Sizes {
    /// Counts one of that size.
    pub fn add(&self, size: usize) {
        let size = u64::try_from(size).unwrap_or(u64::MAX);
        if let Some(bucket) = self.buckets.get(SIZE_BOUNDS.partition_point(|bound| *bound < size)) {
            bucket.fetch_add(1, Ordering::Relaxed);
        }
        self.sum.fetch_add(size, Ordering::Relaxed);
    }

    /// How many in each bucket of `SIZE_BOUNDS` and above the last, and all sizes together.
    #[must_use]
    pub fn read(&self) -> (Vec<u64>, u64) {
        let buckets = self.buckets.iter().map(|bucket| bucket.load(Ordering::Relaxed)).collect();
        (buckets, self.sum.load(Ordering::Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_counted_is_read() {
        let timing = Timing::default();
        timing.add(Duration::from_nanos(100_000));
        timing.add(Duration::from_nanos(100_001));
        timing.add(Duration::from_secs(100));
        let read = timing.read();
        assert_eq!((read.count, read.sum_us), (3, 100_000_200));
        assert_eq!((read.buckets[0], read.buckets[1], read.buckets[BOUNDS_US.len()]), (1, 1, 1));
        let sizes = Sizes::default();
        [1, 2, 3, 8_192, 8_193].into_iter().for_each(|size| sizes.add(size));
        let (buckets, sum) = sizes.read();
        assert_eq!((buckets[0], buckets[1], buckets[2], buckets[13], buckets[14]), (1, 1, 1, 1, 1));
        assert_eq!(sum, 16_391);
    }
}
