//! A copy in Parquet: entries gathered to row groups, compressed with zstd. Amounts are decimals with the currency's
//! digits, times are UTC in milliseconds.

use super::tables::{Column, Field, Kind, Need, Table};
use atm_rpc::operator::journal::JournalRow;
use atm_rpc::plugin::{Code, Failure};
use atm_rpc::types::money::Currency;
use parquet::basic::{Compression, ZstdLevel};
use parquet::column::writer::ColumnWriter;
use parquet::data_type::ByteArray;
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;
use std::io::Write;
use std::sync::Arc;

/// Entries of one row group: what waits in memory.
const GROUP_ROWS: usize = 65_536;
/// A decimal of 64 bits has this many digits, and amounts must have fewer.
const DECIMAL_DIGITS: u32 = 18;

/// Writes a Parquet file.
pub(super) struct Groups<W: Write + Send> {
    columns: &'static [Column],
    waiting: Vec<JournalRow>,
    writer: SerializedFileWriter<W>,
}

pub(super) fn failed(error: &ParquetError) -> Failure {
    Failure::new(Code::Failed, format!("the file cannot be written: {error}"))
}

impl<W: Write + Send> Groups<W> {
    pub(super) fn new(to: W, table: Table, currency: Currency) -> Result<Self, Failure> {
        let columns = table.columns();
        let schema = parse_message_type(&schema(columns, currency)).map_err(|error| failed(&error))?;
        let zstd = Compression::ZSTD(ZstdLevel::default());
        let properties = WriterProperties::builder().set_compression(zstd).build();
        let writer = SerializedFileWriter::new(to, Arc::new(schema), Arc::new(properties));
        Ok(Self { columns, waiting: Vec::new(), writer: writer.map_err(|error| failed(&error))? })
    }

    pub(super) fn add(&mut self, row: JournalRow) -> Result<(), Failure> {
        self.waiting.push(row);
        if self.waiting.len() >= GROUP_ROWS { self.write() } else { Ok(()) }
    }

    pub(super) fn end(mut self) -> Result<W, Failure> {
        self.write()?;
        self.writer.into_inner().map_err(|error| failed(&error))
    }

    fn write(&mut self) -> Result<(), Failure> {
        if self.waiting.is_empty() {
            return Ok(());
        }
        let mut group = self.writer.next_row_group().map_err(|error| failed(&error))?;
        for column in self.columns {
            let mut writer = group
                .next_column()
                .map_err(|error| failed(&error))?
                .ok_or_else(|| Failure::new(Code::Crashed, "a column has no place in the file"))?;
            let fields: Vec<Field<'_>> = self.waiting.iter().map(column.get).collect();
            write_column(column, &fields, writer.untyped())?;
            writer.close().map_err(|error| failed(&error))?;
        }
        group.close().map(|_| self.waiting.clear()).map_err(|error| failed(&error))
    }
}

fn write_column(column: &Column, fields: &[Field<'_>], to: &mut ColumnWriter<'_>) -> Result<(), Failure> {
    let there = |field: &Field<'_>| i16::from(!matches!(field, Field::Blank));
    let levels: Vec<i16> = fields.iter().map(there).collect();
    let levels = (column.need == Need::Perhaps).then_some(levels.as_slice());
    let integers = fields.iter().filter_map(|field| match field {
        Field::Integer(value) => Some(*value),
        _ => None,
    });
    let written = match to {
        ColumnWriter::Int64ColumnWriter(to) => {
            let values: Vec<i64> = integers.collect();
            if column.kind == Kind::Money && values.iter().any(|value| !fits(*value)) {
                let text = format!("{} has an amount of more than {DECIMAL_DIGITS} digits", column.name);
                return Err(Failure::new(Code::Failed, text).hint("write CSV instead"));
            }
            to.write_batch(&values, levels, None)
        }
        ColumnWriter::Int32ColumnWriter(to) => {
            let days = integers.map(|days| i32::try_from(days).unwrap_or(i32::MAX));
            to.write_batch(&days.collect::<Vec<_>>(), levels, None)
        }
        ColumnWriter::ByteArrayColumnWriter(to) => {
            let texts = fields.iter().filter_map(|field| match field {
                Field::Text(text) => Some(ByteArray::from(text.as_bytes().to_vec())),
                _ => None,
            });
            to.write_batch(&texts.collect::<Vec<_>>(), levels, None)
        }
        _ => return Err(Failure::new(Code::Crashed, "a column is of another type than was asked for")),
    };
    written.map(drop).map_err(|error| failed(&error))
}

const fn fits(value: i64) -> bool {
    value.unsigned_abs() < 10_u64.pow(DECIMAL_DIGITS)
}

fn schema(columns: &[Column], currency: Currency) -> String {
    let fields = columns.iter().map(|Column { name, kind, need, .. }| {
        let need = match need {
            Need::Always => "required",
            Need::Perhaps => "optional",
        };
        let (physical, logical) = match kind {
            Kind::Integer => ("int64", String::new()),
            Kind::Money => ("int64", format!(" (DECIMAL({DECIMAL_DIGITS},{}))", currency.exponent())),
            Kind::Instant => ("int64", " (TIMESTAMP(MILLIS,true))".to_owned()),
            Kind::Day => ("int32", " (DATE)".to_owned()),
            Kind::Length => ("int64", format!(" (DECIMAL({DECIMAL_DIGITS},3))")),
            Kind::Text => ("binary", " (STRING)".to_owned()),
        };
        format!("{need} {physical} {name}{logical};")
    });
    format!("message ledger {{ {} }}", fields.collect::<Vec<_>>().join(" "))
}
