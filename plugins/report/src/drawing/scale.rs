//! From amounts to places on a drawing, in whole numbers alone: an axis with round marks, and shares of a length.

/// Farther from zero nothing is drawn as different: the sum of a hundred million rows of the largest amount is nearer.
const DRAWN_MAX: i128 = 1_000_000_000_000_000_000_000_000_000;

/// What is a share of more is held here, so that its product with a length fits.
const WHOLE_MAX: i128 = i128::MAX / (2 * u32::MAX as i128);

/// An axis: both ends are marks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scale {
    low: i128,
    high: i128,
    step: i128,
}

impl Scale {
    /// An axis that has both values on it and about so many steps of 1, 2 or 5 times a power of ten.
    #[must_use]
    pub fn over(low: i128, high: i128, steps: u16) -> Self {
        let (low, high) = (bounded(low), bounded(high));
        let (low, high) = (low.min(high), high.max(low));
        let step = step((high - low).max(1), i128::from(steps.max(1)));
        let down = low.div_euclid(step) * step;
        let up = -(-high).div_euclid(step) * step;
        Self { low: down, high: if up == down { down + step } else { up }, step }
    }

    /// The same with zero on it.
    #[must_use]
    pub fn from_zero(low: i128, high: i128, steps: u16) -> Self {
        Self::over(low.min(0), high.max(0), steps)
    }

    /// An axis for a balance: from zero, but for one that is far from it and moves little. That would be a
    /// straight line above nothing. One that hardly moves at all is such a line.
    #[must_use]
    pub fn of_balance(low: i128, high: i128, steps: u16) -> Self {
        let (moves, far) = (high.saturating_sub(low), low > 0 && low >= high / 2);
        if far && moves > high / 1_000 {
            Self::over(low, high, steps)
        } else {
            Self::from_zero(low, high, steps)
        }
    }

    /// From below: where there are marks.
    pub fn marks(self) -> impl Iterator<Item = i128> {
        let count = (self.high - self.low) / self.step;
        (0..=count).map(move |n| self.low + n * self.step)
    }

    /// How far a value is from the lower end on an axis of that length.
    #[must_use]
    pub fn place(self, value: i128, length: u32) -> u32 {
        share(bounded(value) - self.low, self.high - self.low, length)
    }

    /// Between two marks.
    #[must_use]
    pub const fn step(self) -> i128 {
        self.step
    }

    /// What is farthest from zero.
    #[must_use]
    pub fn magnitude(self) -> i128 {
        self.low.abs().max(self.high.abs())
    }

    /// The lower end.
    #[must_use]
    pub const fn low(self) -> i128 {
        self.low
    }

    /// The upper end.
    #[must_use]
    pub const fn high(self) -> i128 {
        self.high
    }
}

/// The part of a length that is to it as `part` to `whole`, to the nearest; within 0 and the length.
#[must_use]
pub fn share(part: i128, whole: i128, length: u32) -> u32 {
    let (part, whole) = (part.clamp(0, WHOLE_MAX), whole.clamp(1, WHOLE_MAX));
    let (part, length_wide) = (part.min(whole), i128::from(length));
    u32::try_from((part * length_wide + whole / 2) / whole).unwrap_or(length).min(length)
}

fn bounded(value: i128) -> i128 {
    value.clamp(-DRAWN_MAX, DRAWN_MAX)
}

/// The least of 1, 2, 5, 10, 20, 50 ... of which so many reach over that range.
fn step(range: i128, count_max: i128) -> i128 {
    let mut power = 1;
    loop {
        for factor in [1, 2, 5] {
            let step = factor * power;
            // Without a product that might not fit.
            if step >= range / count_max + i128::from(range % count_max != 0) {
                return step;
            }
        }
        power *= 10;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_round_and_hold_both_ends() {
        let table: &[(i128, i128, &[i128])] = &[
            (0, 0, &[0, 1]),
            (0, 1, &[0, 1]),
            (0, 100, &[0, 50, 100]),
            (0, 950, &[0, 500, 1000]),
            (-30, 70, &[-50, 0, 50, 100]),
            (-5, -5, &[-5, -4]),
            (1_000_100, 1_000_900, &[1_000_000, 1_000_500, 1_001_000]),
        ];
        for (low, high, marks) in table {
            assert_eq!(Scale::over(*low, *high, 2).marks().collect::<Vec<_>>(), *marks, "{low} {high}");
        }
    }

    #[test]
    fn whatever_the_values_marks_are_few_and_places_on_the_axis() {
        let table =
            [0, 1, -1, 7, 99, 12_345, i128::from(i64::MAX), -i128::from(i64::MAX), i128::MAX, i128::MIN];
        for low in table {
            for high in table {
                for steps in [0, 1, 4, 10] {
                    let scale = Scale::over(low, high, steps);
                    let count = scale.marks().count();
                    assert!(
                        (2..=usize::from(steps.max(1)) + 3).contains(&count),
                        "{low} {high} {steps}: {count}"
                    );
                    for value in table {
                        assert!(scale.place(value, 1000) <= 1000);
                    }
                    assert!(scale.place(low, u32::MAX) <= scale.place(low.max(high), u32::MAX));
                }
            }
        }
    }

    #[test]
    fn a_balance_is_seen_to_move_and_its_scale_stays_readable() {
        let table = [
            (5, 5, 0),
            (9_000_000, 9_000_100, 0),
            (9_000_000, 9_100_000, 9_000_000),
            (-5, 100, -50),
            (10, 100, 0),
        ];
        for (low, high, begins) in table {
            assert_eq!(Scale::of_balance(low, high, 4).low(), begins, "{low} {high}");
        }
    }

    #[test]
    fn a_share_is_to_the_nearest_and_never_beyond() {
        let table = [
            (1, 2, 10, 5),
            (1, 3, 100, 33),
            (2, 3, 100, 67),
            (-5, 3, 100, 0),
            (9, 3, 100, 100),
            (1, 0, 7, 7),
        ];
        for (part, whole, length, expected) in table {
            assert_eq!(share(part, whole, length), expected, "{part} {whole} {length}");
        }
    }
}
