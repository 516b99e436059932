//! Columns for people. The first rows decide on the widths, then rows are printed as they come.

use super::cell::{self, Cell, is_quantity};
use atm_rpc::plugin::{Column, Kind, Schema};
use atm_rpc::types::money::Currency;
use std::io::{self, Write};

/// How many rows decide on the widths.
pub(super) const ROWS_MEASURED: usize = 200;

/// What the last line begins with that has the sums.
const TOTAL: &str = "total";

/// Rows on their way to a person, and the sums of their columns.
#[derive(Debug, Default)]
pub(super) struct Table {
    printed: Printed,
    rows: u64,
    /// Of each column that is summed; `None`: of the others, and where there is no exact sum.
    sums: Vec<Option<i128>>,
}

/// Rows that wait for the widths, or the widths.
#[derive(Debug)]
enum Printed {
    Measuring(Vec<Vec<String>>),
    Measured(Vec<usize>),
}

impl Default for Printed {
    fn default() -> Self {
        Self::Measuring(Vec::new())
    }
}

impl Table {
    pub(super) fn row(&mut self, schema: &Schema, cells: &[Cell<'_>], to: &mut dyn Write) -> io::Result<()> {
        if self.rows == 0 {
            self.sums = schema.columns.iter().map(|column| column.summed.then_some(0)).collect();
        }
        self.rows = self.rows.saturating_add(1);
        for (sum, cell) in self.sums.iter_mut().zip(cells) {
            *sum = sum.zip(cell.addend()).and_then(|(sum, addend)| sum.checked_add(addend));
        }
        self.printed.line(schema, cells.iter().map(Cell::readable).collect(), to)
    }

    /// Prints what waits, and behind more than one row their sums.
    pub(super) fn finish(
        &mut self,
        schema: &Schema,
        currency: Option<Currency>,
        to: &mut dyn Write,
    ) -> io::Result<()> {
        if self.rows > 1 && self.sums.iter().any(Option::is_some) {
            let columns = schema.columns.iter().zip(&self.sums);
            let sums = columns.map(|(column, sum)| {
                sum.map(|sum| cell::sum(column.kind, currency, sum)).unwrap_or_default()
            });
            let mut texts: Vec<String> = sums.collect();
            if let Some(first) = texts.first_mut().filter(|first| first.is_empty()) {
                *first = TOTAL.to_owned();
            }
            self.printed.line(schema, texts, to)?;
        }
        self.printed.finish(schema, to)
    }

    /// Prints what waits, of rows that are not all.
    pub(super) fn give_up(&mut self, schema: &Schema, to: &mut dyn Write) -> io::Result<()> {
        self.printed.finish(schema, to)
    }
}

impl Printed {
    fn line(&mut self, schema: &Schema, texts: Vec<String>, to: &mut dyn Write) -> io::Result<()> {
        match self {
            Self::Measured(widths) => line(schema, widths, &texts, to),
            Self::Measuring(rows) => {
                rows.push(texts);
                if rows.len() > ROWS_MEASURED { self.finish(schema, to) } else { Ok(()) }
            }
        }
    }

    fn finish(&mut self, schema: &Schema, to: &mut dyn Write) -> io::Result<()> {
        let Self::Measuring(rows) = self else { return Ok(()) };
        let header: Vec<String> = schema.columns.iter().map(|column| label(column).to_uppercase()).collect();
        let width = |at: usize, name: &String| {
            let widest = rows.iter().filter_map(|row| row.get(at)).map(|text| text.chars().count()).max();
            widest.unwrap_or(0).max(name.chars().count())
        };
        let widths: Vec<usize> = header.iter().enumerate().map(|(at, name)| width(at, name)).collect();
        if !rows.is_empty() {
            line(schema, &widths, &header, to)?;
            rows.iter().try_for_each(|row| line(schema, &widths, row, to))?;
        }
        *self = Self::Measured(widths);
        Ok(())
    }
}

/// One record, a field a line.
pub(super) fn upright(schema: &Schema, cells: &[Cell<'_>], to: &mut dyn Write) -> io::Result<()> {
    let width = schema.columns.iter().map(|column| label(column).len()).max().unwrap_or(0);
    for (column, cell) in schema.columns.iter().zip(cells) {
        writeln!(to, "{:width$}  {}", label(column).replace('_', " "), cell.readable())?;
    }
    to.flush()
}

/// A column's name; without the unit where the text has one.
fn label(column: &Column) -> &str {
    match column.kind {
        Kind::Duration => column.name.trim_end_matches("_ms"),
        _ => &column.name,
    }
}

fn line(schema: &Schema, widths: &[usize], texts: &[String], to: &mut dyn Write) -> io::Result<()> {
    let cells = schema.columns.iter().zip(widths).zip(texts);
    let padded = cells.map(|((column, width), text)| {
        if is_quantity(column.kind) { format!("{text:>width$}") } else { format!("{text:width$}") }
    });
    writeln!(to, "{}", padded.collect::<Vec<_>>().join("  ").trim_end())
}
