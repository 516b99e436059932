//! One object with schema, data and warnings, written as the rows come. What is not much is written when it is
//! whole, so that a failure leaves stdout empty; more than that does not wait.

use super::cell::Cell;
use atm_rpc::plugin::Schema;
use serde_json::Value;
use std::io::{self, Write};

/// The most bytes that wait for the end.
const HELD_BYTES_MAX: usize = 1024 * 1024;

/// What was printed, as far as it waits.
#[derive(Debug, Default)]
pub(super) struct Json {
    held: Vec<u8>,
    /// Whether nothing waits any more.
    streams: bool,
    warnings: Vec<String>,
}

impl Json {
    pub(super) fn row(
        &mut self,
        schema: &Schema,
        cells: &[Cell<'_>],
        first: bool,
        to: &mut dyn Write,
    ) -> io::Result<()> {
        if self.streams {
            return row(schema, cells, first, to);
        }
        row(schema, cells, first, &mut self.held)?;
        if self.held.len() > HELD_BYTES_MAX {
            self.streams = true;
            to.write_all(&std::mem::take(&mut self.held))?;
        }
        Ok(())
    }

    /// Keeps a warning for the end.
    pub(super) fn warn(&mut self, text: &str) {
        self.warnings.push(text.to_owned());
    }

    pub(super) fn finish(&mut self, schema: &Schema, empty: bool, to: &mut dyn Write) -> io::Result<()> {
        to.write_all(&std::mem::take(&mut self.held))?;
        if empty {
            head(schema, to)?;
        } else {
            to.write_all(b"\n")?;
        }
        writeln!(to, "],\"warnings\":{}}}", Value::from(std::mem::take(&mut self.warnings)))
    }
}

fn row(schema: &Schema, cells: &[Cell<'_>], first: bool, to: &mut dyn Write) -> io::Result<()> {
    if first {
        head(schema, to)?;
    }
    to.write_all(if first { b"\n{" } else { b",\n{" })?;
    for (at, (column, cell)) in schema.columns.iter().zip(cells).enumerate() {
        let comma = if at == 0 { "" } else { "," };
        let name = Value::from(column.name.as_str());
        write!(to, "{comma}{name}:{}", cell.json())?;
    }
    to.write_all(b"}")
}

fn head(schema: &Schema, to: &mut dyn Write) -> io::Result<()> {
    write!(to, "{{\"schema\":{},\"data\":[", Value::from(schema.name.as_str()))
}
