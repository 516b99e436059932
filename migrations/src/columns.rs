//! Columns of the few types that the schema uses, and how tables are made of them on each engine.

use sea_orm_migration::prelude::{
    ColumnDef, DbErr, Index, IndexCreateStatement, SchemaManager, Table, TableCreateStatement,
};
use sea_orm_migration::sea_orm::DbBackend;

/// The primary key, a 64-bit integer that the program chooses. On SQLite it is the row's own
/// address, which is what keeps appending to a table cheap.
pub(crate) fn key(manager: &SchemaManager<'_>, name: &'static str) -> ColumnDef {
    let mut column = ColumnDef::new(name);
    if manager.get_database_backend() == DbBackend::Sqlite {
        column.custom("integer");
    } else {
        column.big_integer();
    }
    column.not_null().primary_key();
    column
}

/// 64 bits.
pub(crate) fn int64(name: &'static str) -> ColumnDef {
    ColumnDef::new(name).big_integer().not_null().take()
}

/// 64 bits, or nothing.
pub(crate) fn int64_null(name: &'static str) -> ColumnDef {
    ColumnDef::new(name).big_integer().null().take()
}

/// 32 bits.
pub(crate) fn int32(name: &'static str) -> ColumnDef {
    ColumnDef::new(name).integer().not_null().take()
}

/// 32 bits, or nothing.
pub(crate) fn int32_null(name: &'static str) -> ColumnDef {
    ColumnDef::new(name).integer().null().take()
}

/// Bytes of a fixed length.
pub(crate) fn bytes(name: &'static str, length: u32) -> ColumnDef {
    ColumnDef::new(name).binary_len(length).not_null().take()
}

/// Bytes of a fixed length, or nothing.
pub(crate) fn bytes_null(name: &'static str, length: u32) -> ColumnDef {
    ColumnDef::new(name).binary_len(length).null().take()
}

/// Bytes of any length up to the bound.
pub(crate) fn var_bytes(name: &'static str, length_max: u32) -> ColumnDef {
    ColumnDef::new(name).var_binary(length_max).not_null().take()
}

/// Text of any length up to the bound.
pub(crate) fn text(name: &'static str, length_max: u32) -> ColumnDef {
    ColumnDef::new(name).string_len(length_max).not_null().take()
}

/// Text of any length up to the bound, or nothing.
pub(crate) fn text_null(name: &'static str, length_max: u32) -> ColumnDef {
    ColumnDef::new(name).string_len(length_max).null().take()
}

/// A table of these columns. On MariaDB and MySQL text is compared byte by byte, as everywhere else.
pub(crate) fn table(
    name: &'static str,
    columns: impl IntoIterator<Item = ColumnDef>,
) -> TableCreateStatement {
    let mut table = Table::create();
    table.table(name);
    for mut column in columns {
        table.col(&mut column);
    }
    table.take()
}

/// An index on one column.
#[derive(Clone, Copy)]
pub(crate) struct IndexOf {
    pub(crate) name: &'static str,
    pub(crate) table: &'static str,
    pub(crate) column: &'static str,
    pub(crate) unique: bool,
}

impl IndexOf {
    fn statement(self, in_table: bool) -> IndexCreateStatement {
        let mut index = Index::create();
        index.name(self.name).col(self.column);
        if !in_table {
            index.table(self.table);
        }
        if self.unique {
            index.unique();
        }
        index
    }
}

/// Creates tables and their indexes.
///
/// MariaDB and MySQL commit each statement by itself, whatever the transaction says. So there a table comes with
/// its indexes in one statement, which may find it made by a run that was interrupted.
pub(crate) async fn create(
    manager: &SchemaManager<'_>,
    tables: impl IntoIterator<Item = TableCreateStatement>,
    indexes: Vec<IndexOf>,
) -> Result<(), DbErr> {
    let one_by_one = manager.get_database_backend() == DbBackend::MySql;
    for mut table in tables {
        if one_by_one {
            let name = table.get_table_name().map(|name| name.sea_orm_table().to_string());
            for index in indexes.iter().filter(|index| name.as_deref() == Some(index.table)) {
                table.index(&mut index.statement(true));
            }
            table.if_not_exists().engine("InnoDB").character_set("utf8mb4").collate("utf8mb4_bin");
        }
        manager.create_table(table).await?;
    }
    if !one_by_one {
        for index in indexes {
            manager.create_index(index.statement(false)).await?;
        }
    }
    Ok(())
}
