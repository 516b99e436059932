//! Texts: the configuration, amounts, and the values that customers and operators type.

use atm_rpc::plugin::{Kind, parse_date, parse_duration};
use atm_rpc::types::key::RequestKey;
use atm_rpc::types::mobile::MobileNumber;
use atm_rpc::types::money::{Currency, Money};
use atm_rpc::types::pin::{self, Pin};
use atm_rpc::types::terminal::TerminalName;
use atm_rpc::types::time::Timestamp;
use atmd::config::load::from_text;
use std::path::Path;

/// A configuration file. What is valid says the same again when it is shown; what is not is told in lines
/// that a terminal can print.
pub fn config(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    // Here a name would be that of a file of this machine.
    if text.contains("password_file") {
        return;
    }
    let path = Path::new("/srv/atm/config.ini");
    match from_text(Some((path, text)), &[], &[]) {
        Err(errors) => {
            assert!(!errors.problems.is_empty(), "a reason is given");
            for problem in errors.problems {
                assert!(!problem.is_empty() && !problem.contains(char::is_control), "{problem:?}");
            }
        }
        Ok(loaded) => {
            let shown = loaded.show();
            let again = from_text(Some((path, &shown)), &[], &[]);
            let again = again.unwrap_or_else(|errors| panic!("what is shown is valid: {errors}\n{shown}"));
            for (setting, again) in loaded.settings.iter().zip(&again.settings) {
                assert_eq!((setting.key, &setting.value), (again.key, &again.value));
            }
        }
    }
}

/// Amounts as people type them, and any number of minor units as it is printed.
pub fn amounts(bytes: &[u8]) {
    for code in ["INR", "JPY", "KWD"] {
        let currency = Currency::parse(code).expect("it is a currency");
        if let Ok(text) = std::str::from_utf8(bytes) {
            typed(text, currency);
        }
        for minor in bytes.chunks_exact(8).map(|eight| i64::from_be_bytes(eight.try_into().unwrap())) {
            printed(minor, currency);
        }
    }
    if let Ok(text) = std::str::from_utf8(bytes) {
        let capitals = text.len() == 3 && text.bytes().all(|letter| letter.is_ascii_uppercase());
        assert_eq!(Currency::parse(text).is_ok(), capitals, "{text:?}");
    }
}

fn typed(text: &str, currency: Currency) {
    let read = Money::parse(text, currency).ok();
    assert_eq!(read.map(Money::minor), minor_units(text, usize::from(currency.exponent())), "{text:?}");
    if let Some(amount) = read {
        let shown = amount.display(currency).to_string();
        assert_eq!(Money::parse(&shown, currency).ok(), Some(amount), "{text:?} is printed as {shown}");
        assert!(Kind::Money.check(text).is_ok(), "atmctl takes {text:?}, too");
    }
}

/// The same by other means: what an amount of that text is in minor units, if it is one.
fn minor_units(text: &str, exponent: usize) -> Option<i64> {
    let (whole, decimals) = text.split_once('.').map_or((text, None), |(w, d)| (w, Some(d)));
    let digits = |part: &str| !part.is_empty() && part.chars().all(|c| c.is_ascii_digit());
    let fits = digits(whole) && decimals.is_none_or(|d| digits(d) && d.len() <= exponent) && text.len() <= 32;
    let written = format!("{whole}{:0<exponent$}", decimals.unwrap_or_default());
    fits.then(|| written.parse::<u128>().ok()).flatten().and_then(|minor| i64::try_from(minor).ok())
}

fn printed(minor: i64, currency: Currency) {
    let text = Money::from_minor(minor).display(currency).to_string();
    let magnitude = text.strip_prefix('-');
    assert_eq!(magnitude.is_some(), minor < 0, "{text}");
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    assert_eq!(digits.parse(), Ok(minor.unsigned_abs()), "{text}");
    if let Ok(amount) = Money::parse(magnitude.unwrap_or(&text), currency) {
        assert_eq!(amount.minor().unsigned_abs(), minor.unsigned_abs());
    } else {
        assert_eq!(minor, i64::MIN, "only its magnitude does not fit");
    }
    let step = Money::from_minor(i64::from(currency.exponent()) * 7 + 1);
    let rounded = Money::from_minor(minor).round_down_to(step).minor();
    assert!(rounded >= 0 && rounded % step.minor() == 0 && rounded <= minor.max(0));
}

/// Mobile numbers, PINs, keys, terminals' names, instants and times: what is read is written as the same.
pub fn numbers(bytes: &[u8]) {
    if let Ok(eight) = bytes.try_into() {
        let packed = i64::from_be_bytes(eight);
        if let Some(number) = MobileNumber::from_packed(packed) {
            assert_eq!((number.packed(), MobileNumber::parse(&number.full())), (packed, Ok(number)));
        }
        let instant = Timestamp::from_ms(packed);
        if let Ok(read) = Timestamp::parse(&instant.to_string()) {
            assert_eq!(read, instant);
        }
    }
    if let Ok(key) = RequestKey::try_from(bytes) {
        assert_eq!(RequestKey::parse(&key.to_string()), Ok(key));
    }
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let digits = |count: std::ops::RangeInclusive<usize>| {
        count.contains(&text.len()) && text.chars().all(|c| c.is_ascii_digit())
    };
    let number = MobileNumber::parse(text).ok();
    assert_eq!(number.is_some(), digits(5..=15), "{text:?}");
    if let Some(number) = number {
        assert_eq!(
            (number.full().as_str(), MobileNumber::from_packed(number.packed())),
            (text, Some(number))
        );
        let shown = format!("{number:?}");
        assert_eq!((&shown, shown.len()), (&number.masked(), text.len()));
        assert!(shown.starts_with("***") && text.ends_with(shown.trim_start_matches('*')), "{shown}");
        pins(text, number);
    }
    let pin = Pin::parse(text).ok();
    assert_eq!(pin.is_some(), digits(pin::DIGITS..=pin::DIGITS), "{text:?}");
    if let Ok(name) = TerminalName::parse(text) {
        assert!(name.as_str() == text && text.len() <= 16 && text.is_ascii());
    }
    if let Ok(key) = RequestKey::parse(text) {
        assert_eq!(RequestKey::parse(&key.to_string()), Ok(key));
    }
    if let Ok(instant) = Timestamp::parse(text) {
        assert_eq!(Timestamp::parse(&instant.to_string()).ok(), Some(instant), "{text:?}");
    }
    if let Ok(time) = parse_duration(text) {
        assert!(!time.is_zero() && text.starts_with(|first: char| first.is_ascii_digit()), "{text:?}");
    }
    if let Ok(instant) = parse_date(text) {
        assert_eq!(parse_date(&instant.to_string()), Ok(instant), "{text:?}");
    }
}

/// Each part of a number is a weak PIN for it.
fn pins(text: &str, number: MobileNumber) {
    for start in 0..=text.len() - pin::DIGITS {
        let part = &text[start..start + pin::DIGITS];
        let pin = Pin::parse(part).expect("five digits are a PIN");
        assert!(pin.weakness(number).is_some() && pin.expose() == part.as_bytes(), "{part} of {text}");
    }
}
