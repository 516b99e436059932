//! From blocks to polars' frames.

use crate::read::Column;
use crate::read::block::{Block, NONE};
use crate::read::calendar::Calendar;
use polars::prelude::{
    ChunkedArray, Column as Series, DataFrame, Int32Type, Int64Type, IntoColumn, PolarsResult, UInt8Type,
};
use std::mem::take;

/// The asked columns of a block that belongs to that file. Each column is asked for once.
pub(super) fn of(
    mut block: Block,
    columns: &[Column],
    calendar: &Calendar,
    file: i32,
) -> PolarsResult<DataFrame> {
    let rows = block.rows;
    let mut calendar = calendar.clone();
    let mut made = Vec::with_capacity(columns.len());
    // The columns that follow from instants come first, because `at` gives its numbers away.
    for column in columns {
        let name = column.name().into();
        made.push(match column {
            Column::Day => {
                let days = block.at.iter().map(|at| calendar.day(*at)).collect();
                Some(ChunkedArray::<Int32Type>::from_vec(name, days).into_column())
            }
            Column::Hour => {
                let hours = block.at.iter().map(|at| calendar.hour(*at)).collect();
                Some(ChunkedArray::<UInt8Type>::from_vec(name, hours).into_column())
            }
            _ => None,
        });
    }
    let mut rest = |column: Column| match column {
        Column::Number => whole(column, take(&mut block.number)),
        Column::Action => {
            ChunkedArray::<UInt8Type>::from_vec(column.name().into(), take(&mut block.action)).into_column()
        }
        Column::Amount => nullable(column, take(&mut block.amount), rows),
        Column::UserBalance => nullable(column, take(&mut block.user_balance), rows),
        Column::BankBalance => nullable(column, take(&mut block.bank_balance), rows),
        Column::SessionStart => nullable(column, take(&mut block.session_start), rows),
        Column::ElapsedCs => nullable(column, take(&mut block.elapsed), rows),
        Column::At | Column::Day | Column::Hour => whole(column, take(&mut block.at)),
        Column::File => {
            ChunkedArray::<Int32Type>::from_vec(column.name().into(), vec![file; rows]).into_column()
        }
        Column::Line => {
            whole(column, block.line.iter().map(|line| block.first_line + i64::from(*line)).collect())
        }
    };
    let series = columns.iter().zip(made).map(|(column, made)| made.unwrap_or_else(|| rest(*column)));
    DataFrame::new(rows, series.collect())
}

/// A frame of these columns without rows.
pub(super) fn empty(columns: &[Column], calendar: &Calendar) -> PolarsResult<DataFrame> {
    of(Block::default(), columns, calendar, 0)
}

fn whole(column: Column, values: Vec<i64>) -> Series {
    ChunkedArray::<Int64Type>::from_vec(column.name().into(), values).into_column()
}

/// A column whose blank fields are null. One that the ledger does not have is null throughout.
fn nullable(column: Column, mut values: Vec<i64>, rows: usize) -> Series {
    values.resize(rows, NONE);
    if !values.contains(&NONE) {
        return whole(column, values);
    }
    let there = values.iter().map(|value| *value != NONE).collect();
    ChunkedArray::<Int64Type>::from_vec_validity(column.name().into(), values, Some(there)).into_column()
}
