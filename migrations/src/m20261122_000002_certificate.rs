//! Certificates that atmd issued to operators, and the keys that they are for.

use crate::columns::{IndexOf, bytes, create, key, table, text};
use sea_orm_migration::prelude::*;

pub(crate) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &str {
        "m20261122_000002_certificate"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        // One row an operator; the first one's certificate is not issued on request and has none.
        let certificate =
            table("certificate", [key(manager, "operator"), bytes("key_hash", 32), text("pem", 2048)]);
        let index =
            IndexOf { name: "certificate_key", table: "certificate", column: "key_hash", unique: true };
        create(manager, [certificate], vec![index]).await
    }

    async fn down(&self, _: &SchemaManager) -> Result<(), DbErr> {
        Err(DbErr::Migration("operators' certificates are not taken down; restore a backup instead".into()))
    }
}
