//! Columns of the few types that the schema uses.

use sea_orm_migration::prelude::{ColumnDef, SchemaManager};
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
