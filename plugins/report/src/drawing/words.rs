//! Numbers, amounts and days as people read them.

use atm_rpc::types::money::Currency;
use jiff::civil::Date;

/// With a comma between thousands: `1,234,567`.
#[must_use]
pub fn grouped(number: impl ToString) -> String {
    let text = number.to_string();
    let (sign, digits) = text.strip_prefix('-').map_or(("", text.as_str()), |digits| ("-", digits));
    let mut grouped = sign.to_owned();
    for (index, digit) in digits.char_indices() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// An amount with all decimals of its currency: `1,234.50`.
#[must_use]
pub fn amount(minor: i128, currency: Currency) -> String {
    let exponent = u32::from(currency.exponent());
    let unit = 10_u128.pow(exponent);
    let sign = if minor < 0 { "-" } else { "" };
    let magnitude = minor.unsigned_abs();
    let whole = grouped(magnitude / unit);
    match usize::from(currency.exponent()) {
        0 => format!("{sign}{whole}"),
        width => format!("{sign}{whole}.{:0width$}", magnitude % unit),
    }
}

/// With its currency: `INR 1,234.50`, with a space at which no line is broken.
#[must_use]
pub fn priced(minor: i128, currency: Currency) -> String {
    format!("{}\u{a0}{}", currency.code(), amount(minor, currency))
}

/// So many of something: `1 deposit`, `2 deposits`.
#[must_use]
pub fn counted(count: u64, one: &str) -> String {
    format!("{} {one}{}", grouped(count), if count == 1 { "" } else { "s" })
}

/// Thousand, million, and on.
const LETTERS: [(u32, &str); 5] = [(12, "tn"), (9, "bn"), (6, "M"), (3, "k"), (0, "")];

/// The label of a mark on an axis with that step: the largest unit that the axis fills, and as many decimals as
/// tell two marks apart. `exponent` is how many decimals are in `value` already.
#[must_use]
pub fn mark(value: i128, exponent: u8, magnitude: i128, step: i128) -> String {
    if value == 0 {
        return "0".into();
    }
    let exponent = u32::from(exponent);
    let fills = |(power, _): &&(u32, &str)| 10_i128.pow(*power + exponent) <= magnitude;
    let (power, letter) = LETTERS.iter().find(fills).copied().unwrap_or((0, ""));
    let digits = power + exponent;
    // A step of 1, 2 or 5 times ten to the n needs no more decimals than the unit has zeros above n.
    let decimals = digits.saturating_sub(step.unsigned_abs().checked_ilog10().unwrap_or(0));
    let scaled = value.unsigned_abs() / 10_u128.pow(digits - decimals);
    let sign = if value < 0 { "-" } else { "" };
    let (whole, rest) = (scaled / 10_u128.pow(decimals), scaled % 10_u128.pow(decimals));
    match usize::try_from(decimals).unwrap_or(0) {
        0 => format!("{sign}{}{letter}", grouped(whole)),
        width => format!("{sign}{}.{rest:0width$}{letter}", grouped(whole)),
    }
}

/// `1 May 2024`.
#[must_use]
pub fn day(date: Date) -> String {
    date.strftime("%-d %b %Y").to_string()
}

/// `Wed 1 May 2024`.
#[must_use]
pub fn weekday(date: Date) -> String {
    date.strftime("%a %-d %b %Y").to_string()
}

/// `1 May 2024`, `1 to 7 May 2024`, `29 Apr to 5 May 2024`, `30 Dec 2023 to 2 Jan 2024`.
#[must_use]
pub fn period(first: Date, last: Date) -> String {
    let from = match (first.year() == last.year(), first.month() == last.month()) {
        _ if first == last => return day(first),
        (true, true) => first.strftime("%-d"),
        (true, false) => first.strftime("%-d %b"),
        _ => first.strftime("%-d %b %Y"),
    };
    format!("{from} to {}", day(last))
}

/// Weekdays as `Data::hours` has them.
pub const WEEKDAYS: [&str; 7] =
    ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    #[test]
    fn amounts_have_all_their_decimals() {
        let table = [
            ("INR", 0, "0.00"),
            ("INR", 5, "0.05"),
            ("INR", -5, "-0.05"),
            ("INR", 123_456, "1,234.56"),
            ("INR", -100_000_000, "-1,000,000.00"),
            ("JPY", 1_234, "1,234"),
            ("KWD", 1_234_567, "1,234.567"),
            ("INR", i128::MIN, "-1,701,411,834,604,692,317,316,873,037,158,841,057.28"),
        ];
        for (code, minor, expected) in table {
            assert_eq!(amount(minor, Currency::parse(code).unwrap()), expected);
        }
    }

    #[test]
    fn marks_tell_apart_what_differs() {
        let table = [
            (0, 2, 100, 100, "0"),
            (50, 2, 100, 50, "0.5"),
            (10_000, 2, 10_000, 5_000, "100"),
            (-20_000_000, 2, 40_000_000, 20_000_000, "-200k"),
            (120_000_000, 2, 120_000_000, 20_000_000, "1.2M"),
            (1_000_100_000, 2, 1_000_100_000, 100_000, "10.001M"),
            (3, 0, 5, 1, "3"),
            (1_500, 0, 2_000, 500, "1.5k"),
            (i128::from(i64::MAX), 2, i128::from(i64::MAX), 1_000_000_000_000_000_000, "92,233tn"),
        ];
        for (value, exponent, magnitude, step, expected) in table {
            assert_eq!(mark(value, exponent, magnitude, step), expected);
        }
    }

    #[test]
    fn periods_say_nothing_twice() {
        let table = [
            (date(2024, 5, 1), date(2024, 5, 1), "1 May 2024"),
            (date(2024, 5, 1), date(2024, 5, 7), "1 to 7 May 2024"),
            (date(2024, 4, 29), date(2024, 5, 5), "29 Apr to 5 May 2024"),
            (date(2023, 12, 30), date(2024, 1, 2), "30 Dec 2023 to 2 Jan 2024"),
        ];
        for (first, last, expected) in table {
            assert_eq!(period(first, last), expected);
        }
    }

    #[test]
    fn thousands_are_set_apart() {
        for (number, expected) in [(0, "0"), (999, "999"), (1000, "1,000"), (-1000, "-1,000"), (-100, "-100")]
        {
            assert_eq!(grouped(number), expected);
        }
    }
}
