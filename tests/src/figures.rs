//! What benchmarks print: quantities measured again and again, their medians and spread, in tables of
//! Markdown. Knows nothing of what is measured.

use std::env;
use std::fmt;
use std::io::{self, Write};
use std::time::Duration;

/// How often each quantity is measured, unless `ATM_BENCH_REPEATS` says otherwise.
const REPEATS: usize = 3;
/// For how long each time, in seconds, unless `ATM_BENCH_SECONDS` says otherwise.
const SECONDS: u64 = 5;

/// How often to measure.
///
/// # Panics
/// Where `ATM_BENCH_REPEATS` is no number.
#[must_use]
pub fn repeats() -> usize {
    env::var("ATM_BENCH_REPEATS").map_or(REPEATS, |text| text.parse().expect("ATM_BENCH_REPEATS is a number"))
}

/// How long to measure.
///
/// # Panics
/// Where `ATM_BENCH_SECONDS` is no number.
#[must_use]
pub fn duration() -> Duration {
    let seconds = env::var("ATM_BENCH_SECONDS");
    let seconds =
        seconds.map_or(SECONDS, |text| text.parse().expect("ATM_BENCH_SECONDS is a number of seconds"));
    Duration::from_secs(seconds)
}

/// One quantity, measured some times.
#[derive(Clone, Debug, Default)]
pub struct Figure(Vec<f64>);

impl Figure {
    /// Adds a measurement.
    pub fn add(&mut self, value: f64) {
        self.0.push(value);
        self.0.sort_by(f64::total_cmp);
    }

    /// The one in the middle.
    ///
    /// # Panics
    /// Where nothing was measured.
    #[must_use]
    pub fn median(&self) -> f64 {
        assert!(!self.0.is_empty(), "nothing was measured");
        self.0[self.0.len() / 2]
    }

    /// How many times the other this is, by the medians.
    #[must_use]
    pub fn ratio(&self, other: &Self) -> f64 {
        self.median() / other.median()
    }
}

/// The median, and the smallest and largest behind it.
impl fmt::Display for Figure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&number(self.median()))?;
        match self.0.as_slice() {
            [low, .., high] => write!(f, " ({} to {})", number(*low), number(*high)),
            _ => Ok(()),
        }
    }
}

/// A number with as many digits as a reader takes in.
#[must_use]
pub fn number(value: f64) -> String {
    let text = match value.abs() {
        large if large >= 100.0 => format!("{value:.0}"),
        middle if middle >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    };
    let (whole, rest) =
        text.split_once('.').map_or((text.as_str(), None), |(whole, rest)| (whole, Some(rest)));
    let mut grouped = String::new();
    for (index, digit) in whole.chars().enumerate() {
        let left = whole.len() - index;
        if index > 0 && left.is_multiple_of(3) && grouped != "-" {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    rest.map_or(grouped.clone(), |rest| format!("{grouped}.{rest}"))
}

/// So many times, as `12.3x`.
#[must_use]
pub fn times(ratio: f64) -> String {
    format!("{}x", number(ratio))
}

/// Writes a line to stdout.
///
/// # Panics
/// Where nobody takes it.
pub fn say(line: &str) {
    writeln!(io::stdout().lock(), "{line}").expect("stdout takes a line");
}

/// Begins a part of the report, with the columns of its table.
pub fn table(title: &str, note: &str, columns: &[&str]) {
    say(&format!("\n## {title}\n\n{note}\n"));
    row(columns);
    row(&vec!["---"; columns.len()]);
}

/// A row of the table that was begun last.
pub fn row<T: AsRef<str>>(cells: &[T]) {
    let cells: Vec<&str> = cells.iter().map(AsRef::as_ref).collect();
    say(&format!("| {} |", cells.join(" | ")));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_the_digits_that_count() {
        let table = [
            (0.0, "0.00"),
            (9.876, "9.88"),
            (98.76, "98.8"),
            (987.6, "988"),
            (1_234_567.8, "1,234,568"),
            (12_345.0, "12,345"),
            (-4_321.0, "-4,321"),
        ];
        for (value, text) in table {
            assert_eq!(number(value), text);
        }
    }

    #[test]
    fn a_figure_is_its_median_and_spread() {
        let mut figure = Figure::default();
        [30.0, 10.0, 2_000.0].into_iter().for_each(|value| figure.add(value));
        assert_eq!(figure.to_string(), "30.0 (10.0 to 2,000)");
        let mut half = Figure::default();
        half.add(15.0);
        assert_eq!((half.to_string(), times(figure.ratio(&half))), ("15.0".into(), "2.00x".into()));
    }
}
