//! RFC 4180 with a header. Texts that a spreadsheet would run as a formula get an apostrophe.

use super::cell::Cell;
use atm_rpc::plugin::Schema;
use std::io::{self, Write};

pub(super) fn row(schema: &Schema, cells: &[Cell<'_>], first: bool, to: &mut dyn Write) -> io::Result<()> {
    if first {
        header(schema, to)?;
    }
    record(cells.iter().map(field), to)
}

pub(super) fn header(schema: &Schema, to: &mut dyn Write) -> io::Result<()> {
    record(schema.columns.iter().map(|column| quoted(&harmless(&column.name))), to)
}

fn record(fields: impl Iterator<Item = String>, to: &mut dyn Write) -> io::Result<()> {
    write!(to, "{}\r\n", fields.collect::<Vec<_>>().join(","))
}

fn field(cell: &Cell<'_>) -> String {
    let text = cell.plain();
    if cell.is_quantity() { text } else { quoted(&harmless(&text)) }
}

fn harmless(text: &str) -> String {
    let runs = text.starts_with(['=', '+', '-', '@', '\t', '\r']);
    if runs { format!("'{text}") } else { text.to_owned() }
}

fn quoted(text: &str) -> String {
    let needs = text.contains([',', '"', '\r', '\n']);
    if needs { format!("\"{}\"", text.replace('"', "\"\"")) } else { text.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::{cell, schema};
    use atm_rpc::plugin::Kind;
    use atm_rpc::types::money::Currency;
    use serde_json::{Value, json};

    #[test]
    fn texts_are_harmless_and_numbers_whole() {
        let table = [
            (Kind::Text, json!("=1+1"), "'=1+1"),
            (Kind::Text, json!("+91"), "'+91"),
            (Kind::Text, json!("-5"), "'-5"),
            (Kind::Text, json!("@x"), "'@x"),
            (Kind::Text, json!("\t=x"), "'\t=x"),
            (Kind::Text, json!("\r=x"), "\"'\r=x\""),
            (Kind::Text, json!("a=b, \"c\"\n"), "\"a=b, \"\"c\"\"\n\""),
            (Kind::Money, json!(-500), "-5.00"),
            (Kind::Number, json!(-3), "-3"),
            (Kind::Boolean, json!(true), "true"),
            (Kind::Date, Value::Null, ""),
        ];
        for (kind, value, expected) in table {
            let row = json!({ "it": value });
            let cells = cell::check(&schema("demo/1", &[("it", kind)]), Some(Currency::INR), &row).unwrap();
            assert_eq!(field(&cells[0]), expected);
        }
    }
}
