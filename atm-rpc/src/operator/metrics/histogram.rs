//! How long things took: counts in fixed buckets, which can be added and subtracted, so that a share of any
//! interval can be told. No floats.

use serde::{Deserialize, Serialize};

/// Upper bounds of the buckets in microseconds, from 100 µs to 30 s; what took longer is in one more.
pub const BOUNDS_US: [u64; 33] = [
    100, 150, 200, 300, 500, 700, 1_000, 1_500, 2_000, 3_000, 5_000, 7_000, 10_000, 15_000, 20_000, 30_000,
    50_000, 70_000, 100_000, 150_000, 200_000, 300_000, 500_000, 700_000, 1_000_000, 1_500_000, 2_000_000,
    3_000_000, 5_000_000, 7_000_000, 10_000_000, 20_000_000, 30_000_000,
];

/// Counts in buckets.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Histogram {
    /// How many in all.
    pub count: u64,
    /// How long all together.
    pub sum_us: u64,
    /// How many in each bucket of [`BOUNDS_US`], and those above the last; buckets at the end that have none are
    /// left out.
    pub buckets: Vec<u64>,
}

impl Histogram {
    /// One of these counts, buckets at the end that have none left out.
    #[must_use]
    pub fn new(mut buckets: Vec<u64>, sum_us: u64) -> Self {
        let used = buckets.iter().rposition(|count| *count > 0).map_or(0, |last| last + 1);
        buckets.truncate(used);
        let count = buckets.iter().fold(0, |sum: u64, count| sum.saturating_add(*count));
        Self { count, sum_us, buckets }
    }

    /// The bucket that something belongs to which took so long.
    #[must_use]
    pub fn bucket(took_us: u64) -> usize {
        BOUNDS_US.partition_point(|bound| *bound < took_us)
    }

    /// Both together.
    #[must_use]
    pub fn plus(&self, other: &Self) -> Self {
        self.each(other, u64::saturating_add)
    }

    /// What came since `earlier`, of the same counts; everything where those began anew.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        if earlier.count > self.count { self.clone() } else { self.each(earlier, u64::saturating_sub) }
    }

    fn each(&self, other: &Self, with: impl Fn(u64, u64) -> u64) -> Self {
        let length = self.buckets.len().max(other.buckets.len());
        let at = |buckets: &[u64], index| buckets.get(index).copied().unwrap_or(0);
        let buckets = (0..length).map(|index| with(at(&self.buckets, index), at(&other.buckets, index)));
        Self::new(buckets.collect(), with(self.sum_us, other.sum_us))
    }

    /// What so many of a thousand stayed below, in microseconds: 500 is the median. Within a bucket they are taken
    /// to be spread evenly; above the last bound it is the last bound. `None` where there is nothing.
    #[must_use]
    pub fn quantile_us(&self, of_thousand: u64) -> Option<u64> {
        if self.count == 0 {
            return None;
        }
        let rank = u128::from(self.count) * u128::from(of_thousand.min(1_000));
        let rank = u64::try_from(rank.div_ceil(1_000)).unwrap_or(u64::MAX).max(1);
        let mut below = 0_u64;
        for (index, count) in self.buckets.iter().enumerate() {
            let upper = BOUNDS_US.get(index).copied();
            if below.saturating_add(*count) < rank {
                below = below.saturating_add(*count);
                continue;
            }
            let lower = index.checked_sub(1).and_then(|index| BOUNDS_US.get(index)).copied().unwrap_or(0);
            let Some(upper) = upper else { break };
            let part = u128::from(upper - lower) * u128::from(rank - below) / u128::from((*count).max(1));
            return Some(lower.saturating_add(u64::try_from(part).unwrap_or(u64::MAX)));
        }
        BOUNDS_US.last().copied()
    }

    /// The mean in microseconds.
    #[must_use]
    pub const fn mean_us(&self) -> Option<u64> {
        self.sum_us.checked_div(self.count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(took_us: &[u64]) -> Histogram {
        let mut buckets = vec![0; BOUNDS_US.len() + 1];
        for took in took_us {
            buckets[Histogram::bucket(*took)] += 1;
        }
        Histogram::new(buckets, took_us.iter().sum())
    }

    #[test]
    fn each_value_is_in_the_bucket_whose_bound_is_the_first_that_is_not_below_it() {
        let table =
            [(0, 0), (100, 0), (101, 1), (150, 1), (30_000_000, 32), (30_000_001, 33), (u64::MAX, 33)];
        for (took, bucket) in table {
            assert_eq!(Histogram::bucket(took), bucket, "{took}");
        }
        assert!(BOUNDS_US.is_sorted_by(|one, next| one < next));
    }

    #[test]
    fn quantiles_are_within_their_bucket() {
        let hundred: Vec<u64> = (1..=100).map(|n| n * 1_000).collect();
        let histogram = of(&hundred);
        assert_eq!(histogram.quantile_us(500), Some(50_000));
        assert_eq!(histogram.quantile_us(990), Some(99_000));
        assert_eq!(histogram.quantile_us(0), Some(1_000));
        assert_eq!(histogram.quantile_us(1_000), Some(100_000));
        assert_eq!(histogram.mean_us(), Some(50_500));
        assert_eq!(of(&[u64::MAX / 2]).quantile_us(500), Some(30_000_000), "above the last bound");
        assert_eq!(Histogram::default().quantile_us(500), None);
        assert_eq!(Histogram::default().mean_us(), None);
    }

    #[test]
    fn adding_and_subtracting_are_as_if_everything_was_counted_together() {
        let (first, second) = (of(&[120, 5_000, 70_000]), of(&[90, 120]));
        let both = first.plus(&second);
        assert_eq!(both, of(&[120, 5_000, 70_000, 90, 120]));
        assert_eq!(both.since(&first), second);
        assert_eq!(second.since(&both), second, "after a restart");
    }
}
