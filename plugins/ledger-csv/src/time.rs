//! Instants and lengths of time as ledgers write them.
#![deny(clippy::float_arithmetic)]

use crate::amount::scaled;
use crate::fault::shown;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

/// Reads RFC 3339, a time of day without a zone, which is one of `zone`, or seconds since 1970 with or without
/// decimals; gives milliseconds since 1970. What is finer is cut off.
///
/// A time of day that a zone has twice is the first of the two; one that it leaves out is as late as if the clock had not
/// been put forward.
///
/// # Errors
/// What is wrong with it, to go on after "the time ".
pub fn instant(text: &str, zone: &TimeZone) -> Result<i64, String> {
    let wrong =
        || format!("{} is not one such as 2026-11-22T14:03:05.120Z or 2026-11-22 14:03:05", shown(text));
    if text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') {
        return epoch(text).ok_or_else(wrong);
    }
    if !text.contains(':') {
        return Err(wrong());
    }
    if let Ok(instant) = text.parse::<jiff::Timestamp>() {
        return Ok(milliseconds(instant));
    }
    let local: DateTime = text.parse().map_err(|_| wrong())?;
    zone.to_timestamp(local).map(milliseconds).map_err(|_| wrong())
}

/// The whole milliseconds, towards the past.
fn milliseconds(instant: jiff::Timestamp) -> i64 {
    let ms = instant.as_millisecond();
    if instant.subsec_nanosecond() % 1_000_000 < 0 { ms - 1 } else { ms }
}

fn epoch(text: &str) -> Option<i64> {
    let ms = scaled(cut(text, 3), 3).ok()?;
    jiff::Timestamp::from_millisecond(ms).ok().map(|_| ms)
}

/// Reads seconds with or without decimals, gives hundredths. What is finer is cut off.
///
/// # Errors
/// What is wrong with it, to go on after "the elapsed time ".
pub fn elapsed(text: &str) -> Result<i64, String> {
    let wrong = |_| format!("{} is not a number of seconds such as 61.23", shown(text));
    scaled(cut(text, 2), 2).map_err(wrong)
}

/// The text with so many of its decimals at the most, if it has decimals alone.
fn cut(text: &str, decimals: usize) -> &str {
    match text.split_once('.') {
        Some((whole, rest)) if rest.len() > decimals && rest.bytes().all(|byte| byte.is_ascii_digit()) => {
            &text[..whole.len() + 1 + decimals]
        }
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_instants_of_all_tools() {
        let zone = TimeZone::get("Asia/Kolkata").unwrap();
        let table = [
            ("2026-11-18T11:06:40.007Z", Some(1_795_000_000_007)),
            ("2026-11-18T16:36:40.007+05:30", Some(1_795_000_000_007)),
            ("2026-11-18 16:36:40", Some(1_795_000_000_000)),
            ("2026-11-18 16:36:40.007999", Some(1_795_000_000_007)),
            ("2026-11-18T16:36:40.5", Some(1_795_000_000_500)),
            ("1795000000.0079", Some(1_795_000_000_007)),
            ("1795000000", Some(1_795_000_000_000)),
            ("1969-12-31T23:59:59.9995Z", Some(-1)),
            ("0", Some(0)),
            ("2026-11-18", None),
            ("2026-02-30 10:00:00", None),
            ("2026-11-18 25:00:00", None),
            ("99999999999999", None),
            ("9999999999999999999999", None),
            ("1795000000.1.2", None),
            (".", None),
            ("", None),
            ("-1", None),
            ("yesterday: noon", None),
        ];
        for (text, expected) in table {
            assert_eq!(instant(text, &zone).ok(), expected, "{text}");
        }
    }

    #[test]
    fn a_time_that_a_zone_has_twice_is_the_first_and_one_that_it_lacks_is_later() {
        let zone = TimeZone::get("Europe/Berlin").unwrap();
        let utc = |text: &str| instant(text, &TimeZone::UTC).unwrap();
        assert_eq!(instant("2026-10-25 02:30:00", &zone), Ok(utc("2026-10-25 00:30:00")));
        assert_eq!(instant("2026-03-29 02:30:00", &zone), Ok(utc("2026-03-29 01:30:00")));
    }

    #[test]
    fn reads_lengths_of_time() {
        let table = [("61.23", Some(6_123)), ("0", Some(0)), ("5.5", Some(550)), ("12.349999", Some(1_234))];
        for (text, expected) in table {
            assert_eq!(elapsed(text).ok(), expected, "{text}");
        }
        for bad in ["", "-1", "1:01", "1e3", "nan", "5.x", "99999999999999999999"] {
            assert!(elapsed(bad).is_err(), "{bad}");
        }
    }
}
