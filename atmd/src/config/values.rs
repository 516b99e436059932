//! Reads single values: text in, a typed value or what is allowed out. Knows no key.

use super::{Backend, Lockout, LogFormat, Migrate, Rotation, TlsMode};
use atm_rpc::types::money::{Currency, Money};
use std::fmt::Display;
use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::str::FromStr;
use std::time::Duration;

/// What a value has to be, where it is not.
pub(super) type Parsed<T> = Result<T, String>;

const SECOND: u64 = 1_000;
const MINUTE: u64 = 60 * SECOND;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// The largest amount that can be configured: a million millions, far below what a sum can hold.
const AMOUNT_MAX: i64 = 1_000_000_000_000;

/// A whole number within bounds.
pub(super) fn number<T>(range: RangeInclusive<T>) -> impl Fn(&str) -> Parsed<T>
where
    T: FromStr + PartialOrd + Display,
{
    move |text| {
        let allowed = || format!("a number from {} to {}", range.start(), range.end());
        if !text.bytes().all(|b| b.is_ascii_digit()) {
            return Err(allowed());
        }
        text.parse().ok().filter(|n| range.contains(n)).ok_or_else(allowed)
    }
}

/// A port to listen on.
pub(super) fn port(text: &str) -> Parsed<u16> {
    number(0..=u16::MAX)(text).map_err(|_| "a port is 0 to 65535 (0 takes a free one)".into())
}

/// A time: `500ms`, `30s`, `2m`, `1h`, `1d`, or seconds without a unit; within bounds of the same form.
pub(super) fn duration(min: &'static str, max: &'static str) -> impl Fn(&str) -> Parsed<Duration> {
    move |text| {
        let within = |ms: &u64| Some(*ms) >= milliseconds(min) && Some(*ms) <= milliseconds(max);
        milliseconds(text).filter(within).map(Duration::from_millis).ok_or_else(|| {
            format!("a time from {min} to {max}: seconds, or a number with ms, s, m, h or d, such as 2m")
        })
    }
}

fn milliseconds(text: &str) -> Option<u64> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let unit = match unit {
        "ms" => 1,
        "" | "s" => SECOND,
        "m" => MINUTE,
        "h" => HOUR,
        "d" => DAY,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(unit)
}

/// How long a number stays on the blacklist.
pub(super) fn lockout(text: &str) -> Parsed<Lockout> {
    if text == "permanent" {
        return Ok(Lockout::Permanent);
    }
    let time = duration("1s", "3650d")(text);
    time.map(Lockout::For).map_err(|allowed| format!("permanent, or {allowed}"))
}

/// One word of a few.
pub(super) fn choice<T: Copy>(words: &'static [(&'static str, T)]) -> impl Fn(&str) -> Parsed<T> {
    move |text| {
        let found = words.iter().find(|(word, _)| *word == text).map(|(_, value)| *value);
        found.ok_or_else(|| words.iter().map(|(word, _)| *word).collect::<Vec<_>>().join(" or "))
    }
}

/// Yes or no, in the words that INI files have for it.
pub(super) fn boolean(text: &str) -> Parsed<bool> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "yes" | "on" => Ok(true),
        "false" | "no" | "off" => Ok(false),
        _ => Err("true or false".into()),
    }
}

pub(super) const ROTATIONS: &[(&str, Rotation)] =
    &[("daily", Rotation::Daily), ("hourly", Rotation::Hourly), ("never", Rotation::Never)];

pub(super) const FORMATS: &[(&str, LogFormat)] = &[("text", LogFormat::Text), ("json", LogFormat::Json)];

pub(super) const BACKENDS: &[(&str, Backend)] =
    &[("sqlite", Backend::Sqlite), ("mysql", Backend::Mysql), ("postgresql", Backend::Postgresql)];

pub(super) const MIGRATE: &[(&str, Migrate)] = &[("auto", Migrate::Auto), ("manual", Migrate::Manual)];

pub(super) const TLS_MODES: &[(&str, TlsMode)] = &[
    ("disable", TlsMode::Disable),
    ("prefer", TlsMode::Prefer),
    ("require", TlsMode::Require),
    ("verify-ca", TlsMode::VerifyCa),
    ("verify-full", TlsMode::VerifyFull),
];

/// What stores the bank, by the names that people have for it.
pub(super) fn backend(text: &str) -> Parsed<Backend> {
    let name = match text {
        "mariadb" => "mysql",
        "postgres" => "postgresql",
        name => name,
    };
    choice(BACKENDS)(name)
}

/// An address to listen on.
pub(super) fn address(text: &str) -> Parsed<IpAddr> {
    text.parse().map_err(|_| "an IP address, such as 0.0.0.0, 127.0.0.1 or ::".into())
}

/// An address and port to listen on.
pub(super) fn socket(text: &str) -> Parsed<SocketAddr> {
    text.parse().map_err(|_| "an IP address and a port, such as 127.0.0.1:65433 or [::1]:65433".into())
}

/// An address and port to listen on, or nothing.
pub(super) fn optional_socket(text: &str) -> Parsed<Option<SocketAddr>> {
    if text.is_empty() {
        return Ok(None);
    }
    let socket = text.parse().map(Some);
    socket.map_err(|_| "empty, or an IP address and a port, such as 127.0.0.1:9464 or [::1]:9464".into())
}

/// Host names and addresses with commas between.
pub(super) fn names(text: &str) -> Parsed<Vec<String>> {
    let all: Vec<String> =
        text.split(',').map(str::trim).filter(|name| !name.is_empty()).map(str::to_owned).collect();
    let bad = all.iter().find(|name| name.parse::<IpAddr>().is_err() && !is_host_name(name));
    match bad {
        Some(bad) => Err(format!("{bad:?} is neither a host name nor an IP address")),
        None if all.len() > 64 => Err("at most 64 names".into()),
        None => Ok(all),
    }
}

fn is_host_name(text: &str) -> bool {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    text.len() <= 253 && text.strip_prefix("*.").unwrap_or(text).split('.').all(label)
}

/// A code of a currency.
pub(super) fn currency(text: &str) -> Parsed<Currency> {
    Currency::parse(text).map_err(|error| error.to_string())
}

/// An amount from `min_minor` upwards. Decimals that the currency lacks are no error where they are zeros,
/// so that `100.00` is a hundred yen, too.
pub(super) fn amount(currency: Currency, min_minor: i64) -> impl Fn(&str) -> Parsed<Money> {
    move |text| {
        let exponent = usize::from(currency.exponent());
        let text = match text.split_once('.') {
            Some((whole, decimals))
                if decimals.len() > exponent
                    && decimals.bytes().skip(exponent).all(|b| b == b'0')
                    && decimals.len() <= 32 =>
            {
                let kept = decimals.get(..exponent).unwrap_or_default();
                if kept.is_empty() { whole.to_owned() } else { format!("{whole}.{kept}") }
            }
            _ => text.to_owned(),
        };
        let amount = Money::parse(&text, currency).map_err(|error| error.to_string())?;
        let max_minor = AMOUNT_MAX * 10_i64.pow(u32::from(currency.exponent()));
        if (min_minor..=max_minor).contains(&amount.minor()) {
            return Ok(amount);
        }
        let bound = |minor| Money::from_minor(minor).display(currency);
        Err(format!("an amount from {} to {}", bound(min_minor), bound(max_minor)))
    }
}

/// A zone by its name in the IANA database.
pub(super) fn timezone(text: &str) -> Parsed<jiff::tz::TimeZone> {
    jiff::tz::TimeZone::get(text).map_err(|_| "a time zone's name, such as UTC or Asia/Kolkata".into())
}

/// A time of the day, `HH:MM`.
pub(super) fn time_of_day(text: &str) -> Parsed<jiff::civil::Time> {
    let two = |digits: &str| (digits.len() == 2).then(|| number(0..=59_i8)(digits).ok()).flatten();
    let parsed = text.split_once(':').and_then(|(hour, minute)| Some((two(hour)?, two(minute)?)));
    parsed
        .and_then(|(hour, minute)| jiff::civil::Time::new(hour, minute, 0, 0).ok())
        .ok_or_else(|| "a time of the day from 00:00 to 23:59".into())
}

/// A text that is not empty.
pub(super) fn text(text: &str) -> Parsed<String> {
    if text.is_empty() { Err("may not be empty".into()) } else { Ok(text.to_owned()) }
}

/// The name of a file or folder.
pub(super) fn path(text: &str) -> Parsed<String> {
    match std::path::Path::new(text).file_name() {
        Some(_) if !text.ends_with('/') && !text.contains('\0') => Ok(text.to_owned()),
        _ => Err("the path of a file".into()),
    }
}

/// A level or a filter of the log.
pub(super) fn level(text: &str) -> Parsed<String> {
    const LEVELS: [&str; 6] = ["error", "warn", "info", "debug", "trace", "off"];
    let allowed = || format!("{}, or a filter such as info,atmd::rpc=debug", LEVELS.join(", "));
    // A filter takes a lone word that is no level for the name of a module, which `inof` is not meant to be.
    let typo =
        |part: &str| !part.contains(['=', '[', ':']) && !LEVELS.contains(&part.to_lowercase().as_str());
    if !text.contains('[') && text.split(',').any(|part| typo(part.trim())) {
        return Err(allowed());
    }
    match tracing_subscriber::EnvFilter::builder().parse(text) {
        Ok(_) => Ok(text.to_owned()),
        Err(_) => Err(allowed()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check<T: std::fmt::Debug + PartialEq>(parse: impl Fn(&str) -> Parsed<T>, table: &[(&str, Option<T>)]) {
        for (text, expected) in table {
            let got = parse(text);
            assert_eq!(got.as_ref().ok(), expected.as_ref(), "{text:?}: {got:?}");
        }
    }

    #[test]
    fn times() {
        let ms = |ms| Some(Duration::from_millis(ms));
        check(
            duration("500ms", "1d"),
            &[
                ("500ms", ms(500)),
                ("60", ms(60_000)),
                ("60s", ms(60_000)),
                ("2m", ms(120_000)),
                ("1h", ms(3_600_000)),
                ("1d", ms(86_400_000)),
                ("499ms", None),
                ("25h", None),
                ("", None),
                ("s", None),
                ("-1", None),
                ("1.5s", None),
                ("1 s", None),
                ("1w", None),
                ("99999999999999999999", None),
                ("9999999999999999999d", None),
            ],
        );
        check(
            lockout,
            &[
                ("permanent", Some(Lockout::Permanent)),
                ("15m", Some(Lockout::For(Duration::from_secs(900)))),
                ("0", None),
                ("forever", None),
            ],
        );
        let at = |hour, minute| jiff::civil::Time::new(hour, minute, 0, 0).ok();
        check(
            time_of_day,
            &[
                ("00:00", at(0, 0)),
                ("23:59", at(23, 59)),
                ("24:00", None),
                ("7:30", None),
                ("07:60", None),
                ("", None),
            ],
        );
        for (zone, known) in [("UTC", true), ("Asia/Kolkata", true), ("Asia/Calcuta", false), ("", false)] {
            assert_eq!(timezone(zone).is_ok(), known, "{zone}");
        }
    }

    #[test]
    fn numbers_and_words() {
        check(number(1..=1024_usize), &[("1", Some(1)), ("1024", Some(1024)), ("0", None), ("1025", None)]);
        check(number(0..=9_u32), &[("", None), ("+1", None), (" 1", None), ("99999999999999999999", None)]);
        check(port, &[("0", Some(0)), ("65535", Some(65_535)), ("65536", None), ("x", None)]);
        check(
            boolean,
            &[("true", Some(true)), ("No", Some(false)), ("on", Some(true)), ("1", None), ("", None)],
        );
        check(choice(ROTATIONS), &[("never", Some(Rotation::Never)), ("weekly", None)]);
        let backends = [("sqlite", Backend::Sqlite), ("mariadb", Backend::Mysql), ("mysql", Backend::Mysql)];
        check(backend, &backends.map(|(name, found)| (name, Some(found))));
        check(backend, &[("postgres", Some(Backend::Postgresql)), ("MySQL", None), ("oracle", None)]);
    }

    #[test]
    fn amounts_are_in_the_currency_of_the_bank() {
        let table = [
            ("INR", "100", Some(10_000)),
            ("INR", "100.5", Some(10_050)),
            ("INR", "0.01", Some(1)),
            ("INR", "0", None),
            ("INR", "100.505", None),
            ("INR", "100.500", Some(10_050)),
            ("INR", "1000000000000.00", Some(100_000_000_000_000)),
            ("INR", "1000000000000.01", None),
            ("INR", "-1", None),
            ("INR", "", None),
            ("INR", "5.", None),
            ("JPY", "100.00", Some(100)),
            ("JPY", "100.50", None),
            ("KWD", "10.00", Some(10_000)),
            ("KWD", "1000000000000", Some(1_000_000_000_000_000)),
        ];
        for (code, text, expected) in table {
            let got = amount(currency(code).unwrap(), 1)(text).map(Money::minor);
            assert_eq!(got.as_ref().ok(), expected.as_ref(), "{code} {text:?}: {got:?}");
        }
        assert!(currency("inr").is_err());
    }

    #[test]
    fn names_paths_and_filters() {
        let all = |names: &[&str]| Some(names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>());
        check(
            names,
            &[
                ("", all(&[])),
                ("atm.example.com, 10.0.0.1,::1,", all(&["atm.example.com", "10.0.0.1", "::1"])),
                ("*.example.com", all(&["*.example.com"])),
                ("two words", None),
                ("a..b", None),
                ("-a", None),
            ],
        );
        for (text, fits) in [("bank.db", true), ("/a/b", true), ("", false), ("a/", false), ("..", false)] {
            assert_eq!(path(text).is_ok(), fits, "{text:?}");
        }
        let filters = [
            ("info", true),
            ("WARN", true),
            ("info,atmd::rpc=debug", true),
            ("off", true),
            ("inof", false),
            ("3", false),
            ("", false),
            ("atmd=loud", false),
        ];
        for (text, fits) in filters {
            assert_eq!(level(text).is_ok(), fits, "{text:?}");
        }
        for (text, fits) in [("::", true), ("127.0.0.1", true), ("localhost", false), ("1.2.3.4:5", false)] {
            assert_eq!(address(text).is_ok(), fits, "{text:?}");
        }
        for (text, fits) in
            [("[::1]:1", true), ("127.0.0.1:0", true), ("127.0.0.1", false), (":65433", false)]
        {
            assert_eq!(socket(text).is_ok(), fits, "{text:?}");
        }
    }
}
