//! One-time codes, by which customers choose a PIN without the old one.

use crate::columns::{bytes, create, int32, int64, key, table};
use sea_orm_migration::prelude::*;

pub(crate) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &str {
        "m20261122_000003_reset_code"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    /// All or nothing, the row that tells of it included.
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let columns = [
            key(manager, "account"),
            int32("pepper"),
            int32("memory_kib"),
            int32("iterations"),
            bytes("salt", 16),
            bytes("hash", 32),
            int64("issued_at"),
            int64("expires_at"),
        ];
        create(manager, [table("reset_code", columns)], Vec::new()).await
    }

    async fn down(&self, _: &SchemaManager) -> Result<(), DbErr> {
        Err(DbErr::Migration(
            "codes that customers were given are not taken down; restore a backup instead".into(),
        ))
    }
}
