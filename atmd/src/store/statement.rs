//! Statements for many rows, of few widths. A text with another number of parameters is another statement, and
//! the database would read and plan it anew for nearly every batch.

use super::StoreError;
use sea_orm::sea_query::OnConflict;
use sea_orm::{
    ConnectionTrait, DbBackend, EntityTrait, IntoActiveModel, Iterable, ModelTrait, PrimaryKeyToColumn,
    QueryTrait, Statement,
};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// The parameters that one statement may have: SQLite takes 32,766, the servers 65,535.
const PARAMETERS_MAX: usize = 32_766;
/// Fewer rows than these are one statement; more are several, each of a power of two.
const EXACT_MAX: usize = 64;
/// Lists are filled up to powers of two until here.
const FILLED_MAX: usize = 1_024;
/// Statements that a connection keeps: more than there are widths of all that batches use.
pub(super) const KEPT_MAX: usize = 512;

/// What becomes of a row with a primary key that is there already.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Existing {
    /// The statement fails.
    Refused,
    /// The new row takes its place.
    Replaced,
}

/// The texts of statements that write rows, made once for each table and number of rows.
#[derive(Debug, Default)]
pub(super) struct Texts {
    made: Mutex<HashMap<(&'static str, Existing, usize), Arc<str>>>,
}

impl Texts {
    /// Inserts rows, in their order. Fails where one has a primary key that is there.
    pub(super) async fn insert<E>(
        &self,
        on: &impl ConnectionTrait,
        rows: &[E::Model],
    ) -> Result<(), StoreError>
    where
        E: EntityTrait,
        E::Model: IntoActiveModel<E::ActiveModel>,
    {
        self.write::<E>(on, rows, Existing::Refused).await
    }

    /// Inserts rows, or puts them in the place of those with the same primary key.
    pub(super) async fn put<E>(&self, on: &impl ConnectionTrait, rows: &[E::Model]) -> Result<(), StoreError>
    where
        E: EntityTrait,
        E::Model: IntoActiveModel<E::ActiveModel>,
    {
        self.write::<E>(on, rows, Existing::Replaced).await
    }

    async fn write<E>(
        &self,
        on: &impl ConnectionTrait,
        rows: &[E::Model],
        existing: Existing,
    ) -> Result<(), StoreError>
    where
        E: EntityTrait,
        E::Model: IntoActiveModel<E::ActiveModel>,
    {
        let backend = on.get_database_backend();
        let mut rest = rows;
        while !rest.is_empty() {
            let (part, after) = rest.split_at(width(rest.len(), E::Column::iter().count()));
            let text = self.text::<E>(backend, part, existing);
            let values = part.iter().flat_map(|row| E::Column::iter().map(|column| row.get(column)));
            on.execute_raw(Statement::from_sql_and_values(backend, &*text, values)).await?;
            rest = after;
        }
        Ok(())
    }

    /// The text for as many rows as these.
    fn text<E>(&self, backend: DbBackend, rows: &[E::Model], existing: Existing) -> Arc<str>
    where
        E: EntityTrait,
        E::Model: IntoActiveModel<E::ActiveModel>,
    {
        let place = (E::default().table_name(), existing, rows.len());
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(made.entry(place).or_insert_with(|| {
            let insert = E::insert_many(rows.iter().cloned().map(IntoActiveModel::into_active_model));
            let insert = match existing {
                Existing::Refused => insert,
                Existing::Replaced => insert.on_conflict(replace::<E>()),
            };
            insert.build(backend).sql.into()
        }))
    }
}

fn replace<E: EntityTrait>() -> OnConflict {
    let is_key = |column: &E::Column| E::PrimaryKey::from_column(*column).is_some();
    let others = E::Column::iter().filter(|column| !is_key(column));
    let keys = E::PrimaryKey::iter().map(PrimaryKeyToColumn::into_column);
    OnConflict::columns(keys).update_columns(others).to_owned()
}

/// How many of so many rows the next statement takes.
fn width(rows: usize, columns: usize) -> usize {
    let rows = rows.min((PARAMETERS_MAX / columns.max(1)).max(1));
    if rows < EXACT_MAX { rows } else { 1 << rows.ilog2() }
}

/// The values of a list for `IN`: the last is repeated until there are as many as a power of two.
pub(super) fn list<T: Clone>(values: impl IntoIterator<Item = T>) -> Vec<T> {
    let mut values: Vec<T> = values.into_iter().collect();
    if let Some(last) = values.last().cloned()
        && values.len() < FILLED_MAX
    {
        values.resize(values.len().next_power_of_two(), last);
    }
    values
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_written_in_few_widths_and_none_is_left() {
        for (rows, columns, expected) in [
            (1, 19, vec![1]),
            (63, 19, vec![63]),
            (64, 19, vec![64]),
            (100, 19, vec![64, 36]),
            (1_024, 19, vec![1_024]),
            (1_500, 19, vec![1_024, 256, 128, 64, 28]),
            (3_000, 19, vec![1_024, 1_024, 512, 256, 128, 56]),
            (20_000, 2, vec![8_192, 8_192, 2_048, 1_024, 512, 32]),
        ] {
            let mut left = rows;
            let widths = std::iter::from_fn(|| {
                let width = (left > 0).then(|| width(left, columns))?;
                left -= width;
                Some(width)
            });
            assert_eq!(widths.collect::<Vec<_>>(), expected, "{rows}");
        }
    }

    #[test]
    fn a_list_is_filled_with_its_last_value() {
        assert_eq!(list([7, 8, 9]), [7, 8, 9, 9]);
        assert_eq!(list([7, 8]), [7, 8]);
        assert_eq!(list(Vec::<i64>::new()), [0; 0]);
        assert_eq!((list(0..1_000).len(), list(0..1_025).len()), (1_024, 1_025));
    }
}
