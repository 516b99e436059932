//! Amounts, exactly: from text with or without decimals to minor units.
#![deny(clippy::float_arithmetic)]

use crate::fault::shown;

/// Reads an amount such as `100`, `100.5`, `-100.50` or `100.5000`, of a currency with so many decimals.
///
/// # Errors
/// What is wrong with it, to go on after "the amount ".
pub fn amount(text: &str, decimals: u8) -> Result<i64, String> {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, text),
    };
    let scaled = scaled(digits, decimals).map_err(|wrong| match wrong {
        Wrong::NotANumber => format!("{} is not a number such as {}", shown(text), example(decimals)),
        Wrong::TooPrecise => format!("{} has more decimals than the {decimals} of the currency", shown(text)),
        Wrong::TooLarge => format!("{} is larger than this program can count", shown(text)),
    })?;
    Ok(sign * scaled)
}

const fn example(decimals: u8) -> &'static str {
    match decimals {
        0 => "100",
        3 => "100.500",
        _ => "100.50",
    }
}

/// Why digits are no amount.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wrong {
    NotANumber,
    TooPrecise,
    TooLarge,
}

/// Digits with at most one point between them, times ten to the power of `decimals`. What is finer must be zero.
pub(crate) fn scaled(text: &str, decimals: u8) -> Result<i64, Wrong> {
    let (whole, fraction) = match text.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (text, None),
    };
    let is_digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    if !is_digits(whole) || !fraction.is_none_or(is_digits) {
        return Err(Wrong::NotANumber);
    }
    let fraction = fraction.unwrap_or_default().as_bytes();
    let (counted, finer) = fraction.split_at(fraction.len().min(usize::from(decimals)));
    if finer.iter().any(|digit| *digit != b'0') {
        return Err(Wrong::TooPrecise);
    }
    let padding = usize::from(decimals) - counted.len();
    let digits = whole.bytes().chain(counted.iter().copied()).chain(std::iter::repeat_n(b'0', padding));
    let value = digits.into_iter().try_fold(0_i64, |value, digit| {
        value.checked_mul(10).and_then(|value| value.checked_add(i64::from(digit - b'0')))
    });
    value.ok_or(Wrong::TooLarge)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_ledgers_have_and_nothing_else() {
        let table: &[(&str, u8, Result<i64, &str>)] = &[
            ("100", 2, Ok(10_000)),
            ("100.5", 2, Ok(10_050)),
            ("100.50", 2, Ok(10_050)),
            ("100.5000", 2, Ok(10_050)),
            ("0", 2, Ok(0)),
            ("-0.0", 2, Ok(0)),
            ("-100.0", 2, Ok(-10_000)),
            ("007.00", 2, Ok(700)),
            ("100.0", 0, Ok(100)),
            ("1.234", 3, Ok(1_234)),
            ("92233720368547758.07", 2, Ok(i64::MAX)),
            ("-92233720368547758.07", 2, Ok(-i64::MAX)),
            ("92233720368547758.08", 2, Err("larger")),
            ("99999999999999999999999", 2, Err("larger")),
            ("100.505", 2, Err("decimals")),
            ("100.5", 0, Err("decimals")),
            ("", 2, Err("not a number")),
            ("-", 2, Err("not a number")),
            ("--1", 2, Err("not a number")),
            ("+1", 2, Err("not a number")),
            (".5", 2, Err("not a number")),
            ("5.", 2, Err("not a number")),
            ("1.2.3", 2, Err("not a number")),
            ("1,000", 2, Err("not a number")),
            ("1e3", 2, Err("not a number")),
            ("nan", 2, Err("not a number")),
            ("१००", 2, Err("not a number")),
        ];
        for (text, decimals, expected) in table {
            match (amount(text, *decimals), expected) {
                (Err(told), Err(word)) => assert!(told.contains(word), "{text}: {told}"),
                (read, expected) => assert_eq!(read, expected.map_err(str::to_owned), "{text}"),
            }
        }
    }
}
