//! Rows as table, JSON or CSV, as they come. Knows schemas, not what rows are about.

mod cell;
mod csv;
mod json;
mod table;

use crate::Io;
use crate::stop::Stop;
pub(crate) use cell::is_quantity;

use atm_rpc::plugin::{Code, Column, Failure, Kind, Schema, WARNINGS_MAX};
use atm_rpc::types::money::Currency;
use serde_json::Value;
use std::cmp::Ordering;
use std::io::Write;

/// How rows are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Format {
    // No documentation comments: clap would make `--help` twice as long by them.
    // For people.
    Table,
    // One object with schema and data; money and numbers as texts.
    Json,
    // RFC 4180, with a header.
    Csv,
}

/// Prints rows of one schema. A row is checked before anything of it is printed.
pub(crate) struct Renderer<'a> {
    schema: &'a Schema,
    currency: Option<Currency>,
    printer: Printer,
    count: u64,
    warnings: usize,
}

enum Printer {
    Table(table::Table),
    Json(json::Json),
    Csv,
}

impl<'a> Renderer<'a> {
    /// `currency`: of amounts, where atmd said it.
    pub(crate) fn new(format: Format, schema: &'a Schema, currency: Option<Currency>) -> Self {
        let printer = match format {
            Format::Table => Printer::Table(table::Table::default()),
            Format::Json => Printer::Json(json::Json::default()),
            Format::Csv => Printer::Csv,
        };
        Self { schema, currency, printer, count: 0, warnings: 0 }
    }

    /// Takes the currency of amounts from who does not talk with atmd.
    pub(crate) fn take_currency(&mut self, currency: Currency) -> Result<(), Failure> {
        let known = self.currency.replace(currency);
        let again = || Failure::new(Code::Protocol, "the currency is known already, and comes once more");
        known.map_or(Ok(()), |_| Err(again()))
    }

    /// Tells a warning: a person at once, a program behind the rows. Behind very many there are no more.
    pub(crate) fn warn(&mut self, text: &str, aside: &mut dyn Write) {
        self.warnings = self.warnings.saturating_add(1);
        let text = match self.warnings.cmp(&WARNINGS_MAX) {
            Ordering::Less => text,
            Ordering::Equal => "there are more warnings",
            Ordering::Greater => return,
        };
        match &mut self.printer {
            Printer::Json(json) => json.warn(text),
            // Where nobody can be told, the rows are not worse for it.
            Printer::Table(_) | Printer::Csv => {
                let _ = writeln!(aside, "warning: {}", cell::printable(text));
            }
        }
    }

    /// Prints one row; of a table perhaps later.
    pub(crate) fn row(&mut self, row: &Value, to: &mut dyn Write) -> Result<(), Stop> {
        let cells = cell::check(self.schema, self.currency, row).map_err(|what| {
            Failure::new(Code::Protocol, format!("a row is not of {}: {what}", self.schema.name))
        })?;
        let first = self.count == 0;
        self.count = self.count.saturating_add(1);
        match &mut self.printer {
            Printer::Table(table) => table.row(self.schema, &cells, to)?,
            Printer::Json(json) => json.row(self.schema, &cells, first, to)?,
            Printer::Csv => csv::row(self.schema, &cells, first, to)?,
        }
        Ok(())
    }

    /// Prints what is left and gives the number of rows. Not called where the rows ended with a
    /// failure: then JSON stays empty, or incomplete where it was long.
    pub(crate) fn finish(mut self, to: &mut dyn Write) -> Result<u64, Stop> {
        match &mut self.printer {
            Printer::Table(table) => table.finish(self.schema, self.currency, to)?,
            Printer::Json(json) => json.finish(self.schema, self.count == 0, to)?,
            Printer::Csv if self.count == 0 => csv::header(self.schema, to)?,
            Printer::Csv => {}
        }
        to.flush()?;
        Ok(self.count)
    }

    /// Prints what of a table waits for more rows, because a failure came instead.
    pub(crate) fn give_up(mut self, to: &mut dyn Write) -> Result<(), Stop> {
        if let Printer::Table(table) = &mut self.printer {
            table.give_up(self.schema, to)?;
        }
        Ok(to.flush()?)
    }
}

/// Tells a person, and no program, that there was nothing.
pub(crate) fn say_if_empty(format: Format, rows: u64, io: &mut Io) {
    if rows == 0 && format == Format::Table && io.stderr_is_terminal {
        // Only a courtesy.
        let _ = writeln!(io.stderr, "no rows");
    }
}

/// Prints all rows of a command of the core; none of them has amounts.
pub(crate) fn rows(format: Format, schema: &Schema, rows: &[Value], io: &mut Io) -> Result<(), Stop> {
    print(format, schema, None, rows, io)
}

fn print(
    format: Format,
    schema: &Schema,
    currency: Option<Currency>,
    rows: &[Value],
    io: &mut Io,
) -> Result<(), Stop> {
    let mut renderer = Renderer::new(format, schema, currency);
    rows.iter().try_for_each(|row| renderer.row(row, &mut io.stdout))?;
    let count = renderer.finish(&mut io.stdout)?;
    say_if_empty(format, count, io);
    Ok(())
}

/// Prints a single thing: for people one field a line, otherwise as one row.
pub(crate) fn record(
    format: Format,
    schema: &Schema,
    currency: Option<Currency>,
    record: &Value,
    io: &mut Io,
) -> Result<(), Stop> {
    if format != Format::Table {
        return print(format, schema, currency, std::slice::from_ref(record), io);
    }
    let cells = cell::check(schema, currency, record).map_err(|what| Failure::new(Code::Protocol, what))?;
    Ok(table::upright(schema, &cells, &mut io.stdout)?)
}

/// A schema of the core's own.
pub(crate) fn schema(name: &str, columns: &[(&str, Kind)]) -> Schema {
    let column =
        |(name, kind): &(&str, Kind)| Column { name: (*name).to_owned(), kind: *kind, summed: false };
    Schema { name: name.to_owned(), columns: columns.iter().map(column).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn sample() -> Schema {
        schema(
            "demo.list/1",
            &[
                ("name", Kind::Text),
                ("count", Kind::Number),
                ("amount", Kind::Money),
                ("since", Kind::Date),
                ("took_ms", Kind::Duration),
                ("ok", Kind::Boolean),
            ],
        )
    }

    fn rendered(format: Format, rows: &[Value]) -> Result<String, Stop> {
        let schema = sample();
        let mut renderer = Renderer::new(format, &schema, Some(Currency::INR));
        let mut out = Vec::new();
        rows.iter().try_for_each(|row| renderer.row(row, &mut out))?;
        renderer.finish(&mut out)?;
        Ok(String::from_utf8(out).unwrap())
    }

    fn row(name: &str, count: i64, amount: i64) -> Value {
        json!({ "name": name, "count": count, "amount": amount, "since": null, "took_ms": 61_000, "ok": true })
    }

    #[test]
    fn rows_are_printed_in_each_format() {
        let two = [row("a,\"", 7, -500), row("=cmd", -12_000, 123_456)];
        let table = [
            (
                Format::Table,
                &two[..],
                "\
NAME   COUNT   AMOUNT  SINCE   TOOK  OK
a,\"        7    -5.00  -      1m 1s  yes
=cmd  -12000  1234.56  -      1m 1s  yes
",
            ),
            (
                Format::Json,
                &two[..],
                r#"{"schema":"demo.list/1","data":[
{"name":"a,\"","count":"7","amount":"-5.00","since":null,"took_ms":"61000","ok":true},
{"name":"=cmd","count":"-12000","amount":"1234.56","since":null,"took_ms":"61000","ok":true}
],"warnings":[]}
"#,
            ),
            (
                Format::Csv,
                &two[..],
                "name,count,amount,since,took_ms,ok\r\n\
\"a,\"\"\",7,-5.00,,61000,true\r\n'=cmd,-12000,1234.56,,61000,true\r\n",
            ),
            (Format::Table, &[], ""),
            (Format::Json, &[], "{\"schema\":\"demo.list/1\",\"data\":[],\"warnings\":[]}\n"),
            (Format::Csv, &[], "name,count,amount,since,took_ms,ok\r\n"),
        ];
        for (format, rows, expected) in table {
            assert_eq!(rendered(format, rows).unwrap(), expected, "{format:?}");
        }
    }

    #[test]
    fn a_table_ends_with_the_sums_of_what_is_summed() {
        let mut schema = sample();
        for column in
            schema.columns.iter_mut().filter(|column| ["count", "amount"].contains(&column.name.as_str()))
        {
            column.summed = true;
        }
        let table = |rows: &[Value]| {
            let mut renderer = Renderer::new(Format::Table, &schema, Some(Currency::INR));
            let mut out = Vec::new();
            rows.iter().for_each(|row| renderer.row(row, &mut out).unwrap());
            renderer.finish(&mut out).unwrap();
            String::from_utf8(out).unwrap()
        };
        let mut null = row("c", 1, 0);
        null["amount"] = Value::Null;
        let expected = "\
NAME   COUNT    AMOUNT  SINCE  TOOK   OK
a          7     -5.00  -      1m 1s  yes
b      99999  10005.00  -      1m 1s  yes
c          1         -  -      1m 1s  yes
total 100007  10000.00
";
        let squeezed = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        let rows = [row("a", 7, -500), row("b", 99_999, 1_000_500), null];
        assert_eq!(squeezed(&table(&rows)), squeezed(expected));
        assert_eq!(table(&rows[..1]).lines().count(), 2, "one row is its own sum");
        let huge = [row("a", 1, i64::MAX), row("b", 2, i64::MAX)];
        assert!(table(&huge).ends_with("total      3  184467440737095516.14\n"), "{}", table(&huge));
        let many: Vec<Value> = (0..300).map(|n| row("x", n, 100)).collect();
        assert!(squeezed(&table(&many)).ends_with(&["total".into(), "44850".into(), "300.00".into()]));
    }

    #[test]
    fn warnings_go_to_people_at_once_and_to_programs_at_the_end() {
        let schema = sample();
        for (format, told) in [(Format::Table, true), (Format::Csv, true), (Format::Json, false)] {
            let mut renderer = Renderer::new(format, &schema, None);
            let (mut out, mut aside) = (Vec::new(), Vec::new());
            renderer.warn("torn\u{1b}[2J", &mut aside);
            renderer.finish(&mut out).unwrap();
            let (out, aside) = (String::from_utf8(out).unwrap(), String::from_utf8(aside).unwrap());
            assert_eq!(aside, if told { "warning: torn\\u{1b}[2J\n" } else { "" });
            assert_eq!(out.ends_with("],\"warnings\":[\"torn\\u001b[2J\"]}\n"), !told, "{out}");
        }
        let mut renderer = Renderer::new(Format::Table, &schema, None);
        let mut aside = Vec::new();
        (0..1_000).for_each(|_| renderer.warn("again", &mut aside));
        assert_eq!(aside.iter().filter(|byte| **byte == b'\n').count(), WARNINGS_MAX);
    }

    #[test]
    fn amounts_have_a_currency_and_one_only() {
        let schema = sample();
        let mut renderer = Renderer::new(Format::Csv, &schema, None);
        assert!(renderer.row(&row("a", 1, 1), &mut Vec::new()).is_err());
        renderer.take_currency(Currency::INR).unwrap();
        assert!(renderer.row(&row("a", 1, 1), &mut Vec::new()).is_ok());
        assert_eq!(renderer.take_currency(Currency::INR).unwrap_err().code, Code::Protocol);
    }

    #[test]
    fn a_table_streams_behind_its_first_rows() {
        let schema = sample();
        let mut renderer = Renderer::new(Format::Table, &schema, Some(Currency::INR));
        let mut out = Vec::new();
        for count in 0..table::ROWS_MEASURED + 1 {
            assert!(out.is_empty());
            renderer.row(&row("x", i64::try_from(count).unwrap(), 0), &mut out).unwrap();
        }
        assert_eq!(out.iter().filter(|byte| **byte == b'\n').count(), table::ROWS_MEASURED + 2);
    }

    #[test]
    fn json_waits_until_it_is_whole_or_long() {
        let schema = sample();
        let mut renderer = Renderer::new(Format::Json, &schema, Some(Currency::INR));
        let mut out = Vec::new();
        let long = "x".repeat(100_000);
        (0..10).for_each(|n| renderer.row(&row(&long, n, 0), &mut out).unwrap());
        assert!(out.is_empty());
        (0..10).for_each(|n| renderer.row(&row(&long, n, 0), &mut out).unwrap());
        assert!(out.len() > 2_000_000, "what is long does not wait");
        renderer.finish(&mut out).unwrap();
        assert_eq!(serde_json::from_slice::<Value>(&out).unwrap()["data"].as_array().unwrap().len(), 20);
        let mut renderer = Renderer::new(Format::Json, &schema, Some(Currency::INR));
        let mut out = Vec::new();
        renderer.row(&row("a", 1, 1), &mut out).unwrap();
        renderer.give_up(&mut out).unwrap();
        assert!(out.is_empty(), "what failed leaves nothing");
    }

    #[test]
    fn rows_of_another_shape_are_refused() {
        let mut short = row("a", 1, 1);
        short.as_object_mut().unwrap().remove("ok");
        let mut long = row("a", 1, 1);
        long["more"] = json!(1);
        let mut wrong = row("a", 1, 1);
        wrong["amount"] = json!("1.00");
        let mut float = row("a", 1, 1);
        float["amount"] = json!(1.5);
        for bad in [json!([1]), json!("text"), short, long, wrong, float] {
            let Err(Stop::Failed(failure)) = rendered(Format::Json, std::slice::from_ref(&bad)) else {
                panic!("{bad}")
            };
            assert_eq!(failure.code, Code::Protocol, "{bad}");
        }
    }
}
