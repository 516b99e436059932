//! The bank: journal, accounts, sessions, blacklist, operators and what seals them.

use crate::columns::{
    IndexOf, bytes, bytes_null, create, int32, int32_null, int64, int64_null, key, table, text, text_null,
    var_bytes,
};
use sea_orm_migration::prelude::*;

pub(crate) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &str {
        "m20261122_000001_bank"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    /// All or nothing, the row that tells of it included: a stop in the middle leaves nothing behind.
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let tables = money(manager).into_iter().chain(people(manager)).chain(service(manager));
        create(manager, tables, indexes()).await
    }

    async fn down(&self, _: &SchemaManager) -> Result<(), DbErr> {
        Err(DbErr::Migration("the bank's books are not taken down; restore a backup instead".into()))
    }
}

/// What happened, what everybody has, and what proves it.
fn money(manager: &SchemaManager<'_>) -> Vec<TableCreateStatement> {
    vec![
        // One row. Every writer locks it first, so batches have one order.
        table("bank", [key(manager, "id"), bytes("instance", 16), text("currency", 3), int64("created_at")]),
        table(
            "account",
            [
                key(manager, "id"),
                int64("posted_minor"),
                int64("pending_minor"),
                int32("state"),
                int64_null("last_seq"),
                int64("opened_at"),
            ],
        ),
        table(
            "journal",
            [
                key(manager, "seq"),
                int64("recorded_at"),
                int32("business_date"),
                int32("action"),
                int64_null("customer"),
                int64_null("amount_minor"),
                int64_null("debit"),
                int64_null("credit"),
                int64_null("customer_balance_minor"),
                int64("vault_balance_minor"),
                int64_null("session"),
                int64_null("session_started_at"),
                int64_null("elapsed_ms"),
                text_null("terminal", 16),
                bytes_null("request_key", 16),
                bytes_null("payload_hash", 16),
                int64_null("reverses"),
                int64_null("prev_seq"),
                bytes("mac", 16),
            ],
        ),
        table(
            "seal",
            [
                key(manager, "id"),
                bytes("batch", 16),
                int64("sealed_at"),
                int32("business_date"),
                int64("last_seq"),
                int64("last_audit"),
                int64("vault_balance_minor"),
                bytes("mac", 32),
            ],
        ),
        table(
            "rejection",
            [
                ColumnDef::new("request_key").binary_len(16).not_null().primary_key().take(),
                int64("account"),
                bytes("payload_hash", 16),
                var_bytes("body", 64),
                int64("recorded_at"),
            ],
        ),
        // How far the files derived from the journal are, per node and file.
        table("checkpoint", [text("node", 64), text("file", 64), int64("next_seq"), int64("byte_length")])
            .primary_key(Index::create().col("node").col("file"))
            .take(),
    ]
}

/// Who may do what: PINs, sessions, the blacklist.
fn people(manager: &SchemaManager<'_>) -> Vec<TableCreateStatement> {
    vec![
        table(
            "credential",
            [
                key(manager, "account"),
                int32("pepper"),
                int32("memory_kib"),
                int32("iterations"),
                bytes("salt", 16),
                bytes("hash", 32),
                int32("attempts"),
                int32("failures"),
                int64("raised_at"),
            ],
        ),
        table(
            "session",
            [
                key(manager, "id"),
                int64("account"),
                bytes("token_hash", 32),
                int32("attachment"),
                text("terminal", 16),
                int64("started_at"),
                int64("seen_at"),
                int64_null("ended_at"),
                int32_null("end_reason"),
            ],
        ),
        table(
            "blacklist",
            [
                key(manager, "number"),
                int64("id"),
                text("reason", 200),
                text("actor", 64),
                int64("since"),
                int64_null("until"),
            ],
        ),
        table(
            "blacklist_event",
            [
                key(manager, "id"),
                int64("at"),
                int64("number"),
                int32("act"),
                text("reason", 200),
                text("actor", 64),
                int64_null("until"),
            ],
        ),
    ]
}

/// Who runs the bank, and what they did.
fn service(manager: &SchemaManager<'_>) -> Vec<TableCreateStatement> {
    vec![
        table(
            "operator",
            [
                key(manager, "id"),
                text("name", 64),
                int32("role"),
                bytes("fingerprint", 32),
                int32("enabled"),
                int64("created_at"),
            ],
        ),
        table(
            "audit",
            [
                key(manager, "id"),
                int64("at"),
                text("operator", 64),
                text("role", 16),
                text_null("command", 64),
                text_null("plugin", 64),
                text_null("plugin_version", 64),
                text_null("plugin_digest", 128),
                text("capabilities", 512),
                text("method", 64),
                text("arguments", 1024),
                text("result", 128),
                bytes("mac", 16),
            ],
        ),
    ]
}

/// No index of random order on the journal: an entry names the customer's previous one, and request
/// keys are ordered in time, so that appending dirties few pages.
fn indexes() -> Vec<IndexOf> {
    let unique = |name, table, column| IndexOf { name, table, column, unique: true };
    let plain = |name, table, column| IndexOf { name, table, column, unique: false };
    vec![
        unique("journal_request_key", "journal", "request_key"),
        unique("seal_batch", "seal", "batch"),
        unique("session_token_hash", "session", "token_hash"),
        unique("blacklist_id", "blacklist", "id"),
        unique("operator_name", "operator", "name"),
        unique("operator_fingerprint", "operator", "fingerprint"),
        plain("session_account", "session", "account"),
        plain("rejection_recorded_at", "rejection", "recorded_at"),
        plain("blacklist_event_number", "blacklist_event", "number"),
    ]
}
