//! One object with schema, data and warnings, written as the rows come. Nothing is written before
//! the first row, so that a failure without rows leaves stdout empty.

use super::cell::Cell;
use atm_rpc::plugin::Schema;
use serde_json::Value;
use std::io::{self, Write};

pub(super) fn row(schema: &Schema, cells: &[Cell<'_>], first: bool, to: &mut dyn Write) -> io::Result<()> {
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

pub(super) fn finish(schema: &Schema, empty: bool, to: &mut dyn Write) -> io::Result<()> {
    if empty {
        head(schema, to)?;
    } else {
        to.write_all(b"\n")?;
    }
    to.write_all(b"],\"warnings\":[]}\n")
}

fn head(schema: &Schema, to: &mut dyn Write) -> io::Result<()> {
    write!(to, "{{\"schema\":{},\"data\":[", Value::from(schema.name.as_str()))
}
