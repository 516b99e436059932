//! One value: whether it is of its column's kind, and its text.

use atm_rpc::plugin::{Kind, Schema};
use atm_rpc::types::money::{Currency, Money};
use serde_json::Value;

/// The currency of amounts. The operator service does not name the bank's yet.
const CURRENCY: Currency = Currency::INR;

/// The values of a row in the order of the columns.
pub(crate) fn check<'r>(schema: &Schema, row: &'r Value) -> Result<Vec<&'r Value>, String> {
    let fields = row.as_object().ok_or("it is not an object")?;
    if let Some(other) = fields.keys().find(|name| !schema.columns.iter().any(|column| column.name == **name))
    {
        return Err(format!("it has {other}, which is no column"));
    }
    let cell = |column: &atm_rpc::plugin::Column| {
        let value = fields.get(&column.name).ok_or(format!("it lacks {}", column.name))?;
        let fits = match column.kind {
            _ if value.is_null() => true,
            Kind::Number => value.is_number(),
            Kind::Money => value.is_i64(),
            Kind::Duration => value.is_u64(),
            Kind::Boolean => value.is_boolean(),
            _ => value.is_string(),
        };
        fits.then_some(value).ok_or(format!("{} is not of its kind", column.name))
    };
    schema.columns.iter().map(cell).collect()
}

/// Whether the kind is one of quantities.
pub(crate) const fn is_quantity(kind: Kind) -> bool {
    matches!(kind, Kind::Number | Kind::Money | Kind::Duration)
}

/// For programs: null is nothing, amounts have their decimals.
pub(crate) fn plain(kind: Kind, value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Number(number) => match (kind, number.as_i64()) {
            (Kind::Money, Some(minor)) => Money::from_minor(minor).display(CURRENCY).to_string(),
            _ => number.to_string(),
        },
        other => other.to_string(),
    }
}

/// For people: one line, and nothing in it that a terminal would obey.
pub(crate) fn readable(kind: Kind, value: &Value) -> String {
    match (kind, value) {
        (_, Value::Null) => "-".to_owned(),
        (_, Value::Bool(yes)) => if *yes { "yes" } else { "no" }.to_owned(),
        (Kind::Duration, Value::Number(number)) => length(number.as_u64().unwrap_or_default()),
        _ => printable(&plain(kind, value)),
    }
}

/// A text without control characters.
fn printable(text: &str) -> String {
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
            (Kind::Number, json!(1.5), "1.5", "1.5"),
            (Kind::Boolean, json!(false), "false", "no"),
            (Kind::Text, json!("a\u{1b}[2Jb\n"), "a\u{1b}[2Jb\n", "a\\u{1b}[2Jb\\n"),
            (Kind::Text, json!("आत्म"), "आत्म", "आत्म"),
            (Kind::Date, Value::Null, "", "-"),
            (Kind::Duration, json!(999), "999", "999ms"),
            (Kind::Duration, json!(59_000), "59000", "59s"),
            (Kind::Duration, json!(3_600_000), "3600000", "1h 0m"),
            (Kind::Duration, json!(90_061_000), "90061000", "1d 1h"),
        ];
        for (kind, value, for_programs, for_people) in table {
            assert_eq!(plain(kind, &value), for_programs);
            assert_eq!(readable(kind, &value), for_people);
        }
    }
}
