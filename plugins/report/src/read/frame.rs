//! From blocks to polars' frames.

use crate::read::Column;
use crate::read::block::{Block, NONE};
use crate::read::calendar::Calendar;
use polars::prelude::{
    ChunkedArray, Column as Series, DataFrame, Int32Type, Int64Type, IntoColumn, PolarsResult, UInt8Type,
};

/// The asked columns of a block that belongs to that file.
pub(super) fn of(
    block: Block,
    columns: &[Column],
    calendar: &Calendar,
    file: i32,
) -> PolarsResult<DataFrame> {
    let rows = block.rows();
    let series = columns.iter().map(|column| {
        let name = column.name();
        match column {
            Column::Number => whole(name, block.number.clone()),
            Column::Action => {
                ChunkedArray::<UInt8Type>::from_vec(name.into(), block.action.clone()).into_column()
            }
            Column::Amount => nullable(name, block.amount.clone(), rows),
            Column::UserBalance => nullable(name, block.user_balance.clone(), rows),
            Column::BankBalance => nullable(name, block.bank_balance.clone(), rows),
            Column::At => whole(name, block.at.clone()),
            Column::Day => {
                let mut calendar = calendar.clone();
                let days = block.at.iter().map(|at| calendar.day(*at)).collect();
                ChunkedArray::<Int32Type>::from_vec(name.into(), days).into_column()
            }
            Column::Hour => {
                let mut calendar = calendar.clone();
                let hours = block.at.iter().map(|at| calendar.hour(*at)).collect();
                ChunkedArray::<UInt8Type>::from_vec(name.into(), hours).into_column()
            }
            Column::SessionStart => nullable(name, block.session_start.clone(), rows),
            Column::ElapsedCs => nullable(name, block.elapsed.clone(), rows),
            Column::File => ChunkedArray::<Int32Type>::from_vec(name.into(), vec![file; rows]).into_column(),
            Column::Line => {
                let lines = block.line.iter().map(|line| block.first_line + i64::from(*line)).collect();
                whole(name, lines)
            }
        }
    });
    DataFrame::new(rows, series.collect())
}

/// A frame of these columns without rows.
pub(super) fn empty(columns: &[Column]) -> PolarsResult<DataFrame> {
    of(Block::default(), columns, &Calendar::of(&jiff::tz::TimeZone::UTC), 0)
}

fn whole(name: &'static str, values: Vec<i64>) -> Series {
    ChunkedArray::<Int64Type>::from_vec(name.into(), values).into_column()
}

/// A column whose blank fields are null. One that the ledger does not have is null throughout.
fn nullable(name: &'static str, mut values: Vec<i64>, rows: usize) -> Series {
    values.resize(rows, NONE);
    if !values.contains(&NONE) {
        return whole(name, values);
    }
    let there = values.iter().map(|value| *value != NONE).collect();
    ChunkedArray::<Int64Type>::from_vec_validity(name.into(), values, Some(there)).into_column()
}
