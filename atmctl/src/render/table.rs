//! Columns for people. The first rows decide on the widths, then rows are printed as they come.

use super::cell::{Cell, is_quantity};
use atm_rpc::plugin::{Column, Kind, Schema};
use std::io::{self, Write};

/// How many rows decide on the widths.
pub(super) const ROWS_MEASURED: usize = 200;

/// Rows that wait for the widths, or the widths.
#[derive(Debug)]
pub(super) enum Table {
    Measuring(Vec<Vec<String>>),
    Measured(Vec<usize>),
}

impl Default for Table {
    fn default() -> Self {
        Self::Measuring(Vec::new())
    }
}

impl Table {
    pub(super) fn row(&mut self, schema: &Schema, cells: &[Cell<'_>], to: &mut dyn Write) -> io::Result<()> {
        let texts: Vec<String> = cells.iter().map(Cell::readable).collect();
        match self {
            Self::Measured(widths) => line(schema, widths, &texts, to),
            Self::Measuring(rows) => {
                rows.push(texts);
                if rows.len() > ROWS_MEASURED { self.finish(schema, to) } else { Ok(()) }
            }
        }
    }

    /// Prints what waits.
    pub(super) fn finish(&mut self, schema: &Schema, to: &mut dyn Write) -> io::Result<()> {
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
