//! A day as people name it, counted by the calendar of whoever reads it.

use jiff::Span;
use jiff::civil::Date;

/// A day, or how long before today it is. Which day today is depends on the zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Day {
    /// `2026-11-22`.
    On(Date),
    /// `today`, `yesterday`, `-7d`.
    Ago(i32),
}

/// The most days back, 100 years.
const AGO_MAX: i32 = 36_500;
/// How a date is written, for its length.
const DATE: &str = "2026-11-22";

impl Day {
    /// Which day that is.
    #[must_use]
    pub fn date(self, today: Date) -> Date {
        match self {
            Self::On(date) => date,
            Self::Ago(days) => today.saturating_sub(Span::new().days(days)),
        }
    }
}

/// Reads `2026-11-22`, `today`, `yesterday`, or `-7d` for a week ago.
///
/// # Errors
/// What is allowed, for the person who typed it.
pub fn parse_day(text: &str) -> Result<Day, String> {
    let ago = || text.strip_prefix('-')?.strip_suffix('d').filter(|days| digits(days))?.parse().ok();
    let date = || (text.len() == DATE.len()).then(|| text.parse().ok()).flatten().map(Day::On);
    let day = match text {
        "today" => Some(Day::Ago(0)),
        "yesterday" => Some(Day::Ago(1)),
        _ => ago().filter(|days| *days <= AGO_MAX).map(Day::Ago).or_else(date),
    };
    day.ok_or_else(|| "a day is 2026-11-22, today, yesterday, or -7d for a week ago".into())
}

fn digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    #[test]
    fn reads_days_by_date_and_by_distance() {
        let today = date(2026, 3, 1);
        let table = [
            ("2026-11-22", date(2026, 11, 22)),
            ("today", today),
            ("yesterday", date(2026, 2, 28)),
            ("-0d", today),
            ("-7d", date(2026, 2, 22)),
            ("-36500d", date(1926, 3, 26)),
        ];
        for (text, day) in table {
            assert_eq!(parse_day(text).map(|read| read.date(today)), Ok(day), "{text}");
        }
        for bad in ["", "7d", "-d", "--7d", "-7", "+7d", "-36501d", "tomorrow", "20261122", "2026-13-01"] {
            assert!(parse_day(bad).is_err(), "{bad}");
        }
        assert_eq!(Day::Ago(AGO_MAX).date(Date::MIN), Date::MIN);
    }
}
