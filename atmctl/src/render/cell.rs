//! One value: whether it is of its column's kind, and its text.

use atm_rpc::plugin::{Column, Kind, Schema};
use atm_rpc::types::money::Currency;
use serde_json::Value;

/// A value, and what is needed to write it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cell<'r> {
    kind: Kind,
    value: &'r Value,
    currency: Option<Currency>,
}

/// The values of a row in the order of the columns.
pub(crate) fn check<'r>(
    schema: &Schema,
    currency: Option<Currency>,
    row: &'r Value,
) -> Result<Vec<Cell<'r>>, String> {
    let fields = row.as_object().ok_or("it is not an object")?;
    if let Some(other) = fields.keys().find(|name| !schema.columns.iter().any(|column| column.name == **name))
    {
        return Err(format!("it has {other}, which is no column"));
    }
    let cell = |column: &Column| {
        let value = fields.get(&column.name).ok_or(format!("it lacks {}", column.name))?;
        let fits = match column.kind {
            _ if value.is_null() => true,
            Kind::Number => value.is_number(),
            Kind::Money if currency.is_none() => {
                return Err(format!("{} is an amount, and nobody said of which currency", column.name));
            }
            Kind::Money => minor(value).is_some(),
            Kind::Duration => value.is_u64(),
            Kind::Boolean => value.is_boolean(),
            _ => value.is_string(),
        };
        let cell = Cell { kind: column.kind, value, currency };
        fits.then_some(cell).ok_or(format!("{} is not of its kind", column.name))
    };
    schema.columns.iter().map(cell).collect()
}

/// Minor units: a number, or where it has more than 64 bits a text of one.
fn minor(value: &Value) -> Option<i128> {
    match value {
        Value::String(text) => text.parse().ok(),
        number => number.as_i64().map(i128::from),
    }
}

/// Whether the kind is one of quantities.
pub(crate) const fn is_quantity(kind: Kind) -> bool {
    matches!(kind, Kind::Number | Kind::Money | Kind::Duration)
}

impl Cell<'_> {
    /// For programs: null is nothing, amounts have the decimals of their currency.
    pub(crate) fn plain(&self) -> String {
        match (self.kind, self.value, self.currency) {
            (_, Value::Null, _) => String::new(),
            (Kind::Money, value, Some(currency)) => {
                currency.display(minor(value).unwrap_or_default()).to_string()
            }
            (_, Value::String(text), _) => text.clone(),
            (_, other, _) => other.to_string(),
        }
    }

    /// For people: one line, and nothing in it that a terminal would obey.
    pub(crate) fn readable(&self) -> String {
        match (self.kind, self.value) {
            (_, Value::Null) => "-".to_owned(),
            (_, Value::Bool(yes)) => if *yes { "yes" } else { "no" }.to_owned(),
            (Kind::Duration, Value::Number(number)) => length(number.as_u64().unwrap_or_default()),
            (Kind::Date, Value::String(instant)) => printable(&to_seconds(instant)),
            _ => printable(&self.plain()),
        }
    }

    /// As JSON: quantities as texts, because 64 bits survive no reader that takes numbers for floats.
    pub(crate) fn json(&self) -> Value {
        match self.value {
            Value::Null => Value::Null,
            _ if self.is_quantity() => Value::from(self.plain()),
            other => other.clone(),
        }
    }

    /// What it adds to the sum of its column. `None`: no whole number.
    pub(crate) fn addend(&self) -> Option<i128> {
        let number = minor(self.value).or_else(|| self.value.as_u64().map(i128::from));
        if self.value.is_null() { Some(0) } else { number }
    }

    /// Whether it is a quantity, and not a text.
    pub(crate) const fn is_quantity(&self) -> bool {
        is_quantity(self.kind)
    }
}

/// An instant without its milliseconds, which no person reads.
fn to_seconds(instant: &str) -> String {
    let Some((seconds, rest)) = instant.split_once('.') else { return instant.to_owned() };
    format!("{seconds}{}", rest.trim_start_matches(|c: char| c.is_ascii_digit()))
}

/// A sum as its column's values are written for people.
pub(crate) fn sum(kind: Kind, currency: Option<Currency>, sum: i128) -> String {
    let value = i64::try_from(sum).map_or_else(|_| Value::from(sum.to_string()), Value::from);
    Cell { kind, value: &value, currency }.readable()
}

/// A text without control characters.
pub(crate) fn printable(text: &str) -> String {
    // Beside control characters, those that turn the direction of a line around.
    let obeyed = |c: char| {
        c.is_control()
            || matches!(c, '\u{200e}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    let shown = |c: char| if obeyed(c) { c.escape_default().collect() } else { String::from(c) };
    text.chars().map(shown).collect()
}

/// The two largest units of a length of time.
fn length(ms: u64) -> String {
    let seconds = ms / 1_000;
    let parts =
        [(seconds / 86_400, "d"), (seconds / 3_600 % 24, "h"), (seconds / 60 % 60, "m"), (seconds % 60, "s")];
    if seconds == 0 {
        return format!("{ms}ms");
    }
    let shown = parts.iter().skip_while(|(count, _)| *count == 0).take(2);
    shown.map(|(count, unit)| format!("{count}{unit}")).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn values_have_their_texts() {
        let table = [
            (Kind::Money, json!(-5), "-0.05", "-0.05"),
            (Kind::Money, json!(i64::MAX), "92233720368547758.07", "92233720368547758.07"),
            (Kind::Money, json!("-18446744073709551614"), "-184467440737095516.14", "-184467440737095516.14"),
            (Kind::Number, json!(1.5), "1.5", "1.5"),
            (Kind::Boolean, json!(false), "false", "no"),
            (Kind::Text, json!("a\u{1b}[2Jb\n"), "a\u{1b}[2Jb\n", "a\\u{1b}[2Jb\\n"),
            (Kind::Text, json!("आत्म"), "आत्म", "आत्म"),
            (Kind::Date, Value::Null, "", "-"),
            (
                Kind::Date,
                json!("2026-11-22T18:00:00.125+05:30"),
                "2026-11-22T18:00:00.125+05:30",
                "2026-11-22T18:00:00+05:30",
            ),
            (
                Kind::Date,
                json!("2026-11-22T18:00:00.125Z"),
                "2026-11-22T18:00:00.125Z",
                "2026-11-22T18:00:00Z",
            ),
            (Kind::Date, json!("2026-11-22"), "2026-11-22", "2026-11-22"),
            (Kind::Duration, json!(999), "999", "999ms"),
            (Kind::Duration, json!(59_000), "59000", "59s"),
            (Kind::Duration, json!(3_600_000), "3600000", "1h 0m"),
            (Kind::Duration, json!(90_061_000), "90061000", "1d 1h"),
        ];
        for (kind, value, for_programs, for_people) in table {
            let cell = Cell { kind, value: &value, currency: Some(Currency::INR) };
            assert_eq!((cell.plain().as_str(), cell.readable().as_str()), (for_programs, for_people));
        }
    }

    #[test]
    fn an_amount_is_a_whole_number_of_any_size() {
        let columns = vec![Column { name: "sum".to_owned(), kind: Kind::Money, summed: true }];
        let schema = Schema { name: "demo/1".to_owned(), columns };
        let table = [
            (json!(5), Some(5)),
            (json!("18446744073709551614"), Some(18_446_744_073_709_551_614)),
            (Value::Null, Some(0)),
            (json!(u64::MAX), None),
            (json!(1.5), None),
            (json!("1.5"), None),
            (json!(""), None),
            (json!(true), None),
        ];
        for (value, addend) in table {
            let row = json!({ "sum": value });
            let cells = check(&schema, Some(Currency::INR), &row).ok();
            assert_eq!(cells.and_then(|cells| cells[0].addend()), addend, "{value}");
        }
        assert_eq!(
            sum(Kind::Money, Some(Currency::INR), i128::MAX / 100),
            "17014118346046923173168730371588410.57"
        );
    }

    #[test]
    fn amounts_have_the_decimals_of_their_currency() {
        let value = json!(12_345);
        for (code, text) in [("INR", "123.45"), ("JPY", "12345"), ("BHD", "12.345")] {
            let cell = Cell { kind: Kind::Money, value: &value, currency: Currency::parse(code).ok() };
            assert_eq!((cell.plain().as_str(), cell.json()), (text, json!(text)));
        }
    }
}
