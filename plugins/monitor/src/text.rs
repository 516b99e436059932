//! Quantities as people read them: short, aligned, with their units.

use crate::number::whole;

/// A count: `12`, `3,450`, `12.3 k`, `4.56 M`.
pub(crate) fn count(value: f64) -> String {
    match value {
        value if value < 0.0 || value.is_nan() => "-".to_owned(),
        value if value < 9.95 && value.fract() > 0.001 => format!("{value:.1}"),
        value if value < 9_999.5 => grouped(whole(value)),
        value => prefixed(value, 1_000.0, &["k", "M", "G", "T", "P"]),
    }
}

/// Bytes: `512 B`, `34.6 MiB`.
pub(crate) fn bytes(value: f64) -> String {
    match value {
        value if value < 0.0 || value.is_nan() => "-".to_owned(),
        value if value < 1_023.5 => format!("{} B", whole(value)),
        value => prefixed(value, 1_024.0, &["KiB", "MiB", "GiB", "TiB", "PiB"]),
    }
}

/// A length of time given in seconds: `850 us`, `1.25 ms`, `2.10 s`; `micro` is how a millionth is written.
pub(crate) fn latency(seconds: f64, micro: &str) -> String {
    match seconds {
        seconds if seconds < 0.0 || seconds.is_nan() => "-".to_owned(),
        seconds if seconds < 0.000_999_5 => format!("{} {micro}s", whole(seconds * 1e6)),
        seconds if seconds < 0.999_5 => format!("{} ms", three(seconds * 1e3)),
        seconds => format!("{} s", three(seconds)),
    }
}

/// The two largest units of a length of time in milliseconds: `12 s`, `3 min 4 s`, `2 h 5 min`, `3 d 4 h`.
pub(crate) fn length(ms: u64) -> String {
    let seconds = ms / 1_000;
    let parts = [
        (seconds / 86_400, "d"),
        (seconds / 3_600 % 24, "h"),
        (seconds / 60 % 60, "min"),
        (seconds % 60, "s"),
    ];
    let shown = parts.iter().skip_while(|(count, _)| *count == 0).take(2).filter(|(count, _)| *count > 0);
    let shown: Vec<String> = shown.map(|(count, unit)| format!("{count} {unit}")).collect();
    if shown.is_empty() { "0 s".to_owned() } else { shown.join(" ") }
}

fn prefixed(value: f64, step: f64, prefixes: &[&str]) -> String {
    let (mut value, mut prefixes) = (value / step, prefixes);
    // 999.5 would be written with four digits.
    while let [_, rest @ ..] = prefixes
        && value >= 999.5
        && !rest.is_empty()
    {
        (value, prefixes) = (value / step, rest);
    }
    format!("{} {}", three(value), prefixes.first().unwrap_or(&""))
}

/// Three digits that matter.
fn three(value: f64) -> String {
    match value {
        value if value < 9.995 => format!("{value:.2}"),
        value if value < 99.95 => format!("{value:.1}"),
        value => format!("{value:.0}"),
    }
}

/// Digits in threes.
fn grouped(value: u64) -> String {
    let digits = value.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_have_three_digits_and_a_unit() {
        let counts = [0.0, 0.5, 3.0, 12.4, 3_450.0, 9_999.0, 10_000.0, 999_600.0, 4.56e6, -1.0].map(count);
        assert_eq!(counts, ["0", "0.5", "3", "12", "3,450", "9,999", "10.0 k", "1.00 M", "4.56 M", "-"]);
        let sizes = [0.0, 1_023.0, 1_024.0, 36_280_730.0, 1_072_693_248.0, 1e18].map(bytes);
        assert_eq!(sizes, ["0 B", "1023 B", "1.00 KiB", "34.6 MiB", "1.00 GiB", "888 PiB"]);
        let latencies = [0.0, 0.000_85, 0.001_254, 0.043_21, 0.999_6, 2.1, 30.0].map(|s| latency(s, "u"));
        assert_eq!(latencies, ["0 us", "850 us", "1.25 ms", "43.2 ms", "1.00 s", "2.10 s", "30.0 s"]);
        assert_eq!(latency(f64::NAN, "u"), "-");
    }

    #[test]
    fn lengths_have_two_units() {
        let table = [
            (0, "0 s"),
            (999, "0 s"),
            (12_300, "12 s"),
            (184_000, "3 min 4 s"),
            (180_000, "3 min"),
            (7_500_000, "2 h 5 min"),
            (273_600_000, "3 d 4 h"),
        ];
        for (ms, expected) in table {
            assert_eq!(length(ms), expected);
        }
    }
}
