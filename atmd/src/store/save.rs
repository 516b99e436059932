//! Writes what a batch decided: multi-row statements, and the seal last.

use super::entity::{
    account, audit, blacklist, blacklist_event, checkpoint, credential, journal, operator, rejection, seal,
    session,
};
use super::{SealHead, StoreError, convert};
use crate::ledger::book::{Book, KeyRecord};
use crate::ledger::request::{Audit, Checkpoint, NewOperator};
use crate::seal::{Seal, Sealer};
use atm_rpc::types::time::Timestamp;
use sea_orm::sea_query::OnConflict;
use sea_orm::{
    ActiveModelTrait, ColumnTrait, ConnectionTrait, EntityTrait, IntoActiveModel, Iterable,
    PrimaryKeyToColumn, QueryFilter,
};

/// The parameters that one statement may have: SQLite takes 32,766, the servers 65,535.
const PARAMETERS_MAX: usize = 32_766;

/// Gives the seal that it wrote.
pub(super) async fn book(
    on: &impl ConnectionTrait,
    sealer: &Sealer,
    book: &Book,
    head: SealHead,
    batch: [u8; 16],
    now: Timestamp,
) -> Result<SealHead, StoreError> {
    let changes = &book.changes;
    let entries: Vec<_> = changes.entries.iter().map(|entry| (entry, sealer.entry(entry))).collect();
    let audits: Vec<_> = changes.audits.iter().map(|audit| (audit, sealer.audit(audit))).collect();
    let seal = Seal {
        id: head.id + 1,
        batch,
        sealed_at: now,
        business_date: book.head.date,
        last_seq: book.head.seq,
        last_audit: book.head.audit,
        vault_minor: book.head.vault.minor(),
    };
    let macs = entries.iter().map(|(_, mac)| *mac).chain(audits.iter().map(|(_, mac)| *mac));
    let mac = sealer.seal(&head.mac, &seal, macs);

    insert::<journal::ActiveModel>(on, rows(&entries, |(entry, mac)| convert::entry_row(entry, *mac)))
        .await?;
    insert::<audit::ActiveModel>(on, rows(&audits, |(audit, mac)| audit_row(audit, *mac))).await?;
    save_accounts(on, book).await?;
    save_rejections(on, book).await?;
    save_sessions_and_blacklist(on, book).await?;
    upsert::<checkpoint::ActiveModel>(on, rows(changes.checkpoints.values(), checkpoint_row)).await?;
    insert::<operator::ActiveModel>(on, rows(&changes.operators, operator_row)).await?;
    insert::<seal::ActiveModel>(on, vec![seal_row(&seal, &mac)]).await?;
    Ok(SealHead { id: seal.id, mac })
}

fn rows<T, R>(values: impl IntoIterator<Item = T>, row: impl FnMut(T) -> R) -> Vec<R> {
    values.into_iter().map(row).collect()
}

async fn save_accounts(on: &impl ConnectionTrait, book: &Book) -> Result<(), StoreError> {
    let accounts = book.changes.accounts.iter();
    let accounts =
        accounts.filter_map(|id| Some(convert::account_row(*id, book.accounts.get(id)?))).collect();
    upsert::<account::ActiveModel>(on, accounts).await?;
    let credentials = book.changes.credentials.iter();
    let credentials =
        credentials.filter_map(|id| Some(convert::credential_row(*id, book.credentials.get(id)?))).collect();
    upsert::<credential::ActiveModel>(on, credentials).await
}

async fn save_rejections(on: &impl ConnectionTrait, book: &Book) -> Result<(), StoreError> {
    if let Some(before) = book.changes.forget_rejections_before {
        let old = rejection::Column::RecordedAt.lt(before.ms());
        rejection::Entity::delete_many().filter(old).exec(on).await?;
    }
    let mut rows = Vec::new();
    for key in &book.changes.rejections {
        if let Some(KeyRecord::Rejected { account, payload, rejection, at }) = book.keys.get(key) {
            rows.push(convert::rejection_row(*key, *account, payload, *rejection, *at)?);
        }
    }
    insert::<rejection::ActiveModel>(on, rows).await
}

async fn save_sessions_and_blacklist(on: &impl ConnectionTrait, book: &Book) -> Result<(), StoreError> {
    let changes = &book.changes;
    let sessions = changes.sessions.iter();
    let sessions =
        sessions.filter_map(|id| Some(convert::session_row(*id, book.sessions.get(id)?))).collect();
    upsert::<session::ActiveModel>(on, sessions).await?;
    let removed: Vec<i64> =
        changes.listed.iter().filter(|n| !book.blacklist.contains_key(n)).map(|n| n.raw()).collect();
    if !removed.is_empty() {
        blacklist::Entity::delete_many().filter(blacklist::Column::Number.is_in(removed)).exec(on).await?;
    }
    let listed = changes.listed.iter();
    let listed =
        listed.filter_map(|number| Some(convert::listed_row(*number, book.blacklist.get(number)?))).collect();
    upsert::<blacklist::ActiveModel>(on, listed).await?;
    insert::<blacklist_event::ActiveModel>(on, rows(&changes.events, convert::event_row)).await
}

async fn insert<A>(
    on: &impl ConnectionTrait,
    rows: Vec<<A::Entity as EntityTrait>::Model>,
) -> Result<(), StoreError>
where
    A: ActiveModelTrait,
    <A::Entity as EntityTrait>::Model: IntoActiveModel<A>,
{
    for part in parts::<A>(rows) {
        <A::Entity as EntityTrait>::insert_many(part).exec_without_returning(on).await?;
    }
    Ok(())
}

/// Inserts rows, or puts them in the place of those with the same primary key.
async fn upsert<A>(
    on: &impl ConnectionTrait,
    rows: Vec<<A::Entity as EntityTrait>::Model>,
) -> Result<(), StoreError>
where
    A: ActiveModelTrait,
    <A::Entity as EntityTrait>::Model: IntoActiveModel<A>,
{
    for part in parts::<A>(rows) {
        let keys = <A::Entity as EntityTrait>::PrimaryKey::iter().map(PrimaryKeyToColumn::into_column);
        let is_key = |column: &<A::Entity as EntityTrait>::Column| {
            <A::Entity as EntityTrait>::PrimaryKey::from_column(*column).is_some()
        };
        let others = <A::Entity as EntityTrait>::Column::iter().filter(|column| !is_key(column));
        let replace = OnConflict::columns(keys).update_columns(others).to_owned();
        let insert = <A::Entity as EntityTrait>::insert_many(part).on_conflict(replace);
        insert.exec_without_returning(on).await?;
    }
    Ok(())
}

/// Rows in parts that one statement can take.
fn parts<A>(rows: Vec<<A::Entity as EntityTrait>::Model>) -> Vec<Vec<A>>
where
    A: ActiveModelTrait,
    <A::Entity as EntityTrait>::Model: IntoActiveModel<A>,
{
    let columns = <A::Entity as EntityTrait>::Column::iter().count().max(1);
    let mut rows = rows.into_iter().map(IntoActiveModel::into_active_model).peekable();
    let mut parts = Vec::new();
    while rows.peek().is_some() {
        parts.push(rows.by_ref().take(PARAMETERS_MAX / columns).collect());
    }
    parts
}

fn checkpoint_row(checkpoint: &Checkpoint) -> checkpoint::Model {
    checkpoint::Model {
        node: checkpoint.node.clone(),
        file: checkpoint.file.clone(),
        next_seq: checkpoint.next_seq,
        byte_length: checkpoint.byte_length,
    }
}

fn audit_row(audit: &Audit, mac: [u8; 16]) -> audit::Model {
    let draft = &audit.draft;
    let (plugin, version, digest) = match &draft.plugin {
        Some((name, version, digest)) => (Some(name.clone()), Some(version.clone()), Some(digest.clone())),
        None => (None, None, None),
    };
    audit::Model {
        id: audit.id,
        at: audit.at.ms(),
        operator: draft.operator.clone(),
        role: draft.role.name().to_owned(),
        command: draft.command.clone(),
        plugin,
        plugin_version: version,
        plugin_digest: digest,
        capabilities: draft.capabilities.clone(),
        method: draft.method.clone().into_owned(),
        arguments: draft.arguments.clone(),
        result: audit.result.clone(),
        mac: mac.to_vec(),
    }
}

fn operator_row(operator: &NewOperator) -> operator::Model {
    operator::Model {
        id: operator.id,
        name: operator.name.clone(),
        role: convert::role_code(operator.role),
        fingerprint: operator.fingerprint.to_vec(),
        enabled: 1,
        created_at: operator.created_at.ms(),
    }
}

fn seal_row(seal: &Seal, mac: &[u8; 32]) -> seal::Model {
    seal::Model {
        id: seal.id,
        batch: seal.batch.to_vec(),
        sealed_at: seal.sealed_at.ms(),
        business_date: seal.business_date.days(),
        last_seq: seal.last_seq,
        last_audit: seal.last_audit,
        vault_balance_minor: seal.vault_minor,
        mac: mac.to_vec(),
    }
}
