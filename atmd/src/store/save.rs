//! Writes what a batch decided: multi-row statements, and the seal last.

use super::entity::{
    account, audit, blacklist, blacklist_event, certificate, checkpoint, credential, journal, operator,
    rejection, reset_code, seal, session,
};
use super::statement::{Texts, list};
use super::{SealHead, StoreError, convert};
use crate::ledger::book::{Book, KeyRecord};
use crate::ledger::request::{Audit, Checkpoint};
use crate::seal::{Seal, Sealer};
use atm_rpc::types::account::AccountId;
use atm_rpc::types::time::Timestamp;
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter};

/// Entries that are made rows at a time: a history that is imported has hundreds of thousands of them, a batch a few.
const PART_ROWS: usize = 8_192;

/// Gives the seal that it wrote.
pub(super) async fn book(
    on: &impl ConnectionTrait,
    (sealer, texts): (&Sealer, &Texts),
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

    for part in entries.chunks(PART_ROWS) {
        let part = rows(part, |(entry, mac)| convert::entry_row(entry, *mac));
        texts.insert::<journal::Entity>(on, &part).await?;
    }
    texts.insert::<audit::Entity>(on, &rows(&audits, |(audit, mac)| audit_row(audit, *mac))).await?;
    save_accounts(on, texts, book).await?;
    save_rejections(on, texts, book).await?;
    save_sessions_and_blacklist(on, texts, book).await?;
    texts.put::<checkpoint::Entity>(on, &rows(changes.checkpoints.values(), checkpoint_row)).await?;
    save_operators(on, texts, book).await?;
    texts.insert::<seal::Entity>(on, &[seal_row(&seal, &mac)]).await?;
    Ok(SealHead { id: seal.id, mac })
}

fn rows<T, R>(values: impl IntoIterator<Item = T>, row: impl FnMut(T) -> R) -> Vec<R> {
    values.into_iter().map(row).collect()
}

async fn save_accounts(on: &impl ConnectionTrait, texts: &Texts, book: &Book) -> Result<(), StoreError> {
    let accounts = book.changes.accounts.iter();
    let accounts =
        accounts.filter_map(|id| Some(convert::account_row(*id, book.accounts.get(id)?))).collect::<Vec<_>>();
    texts.put::<account::Entity>(on, &accounts).await?;
    let credentials = book.changes.credentials.iter();
    let credentials = credentials
        .filter_map(|id| Some(convert::credential_row(*id, book.credentials.get(id)?)))
        .collect::<Vec<_>>();
    texts.put::<credential::Entity>(on, &credentials).await?;
    save_codes(on, texts, book).await
}

async fn save_codes(on: &impl ConnectionTrait, texts: &Texts, book: &Book) -> Result<(), StoreError> {
    let (given, gone): (Vec<AccountId>, Vec<AccountId>) =
        book.changes.codes.iter().partition(|id| book.codes.contains_key(id));
    if !gone.is_empty() {
        let gone = list(gone.into_iter().map(AccountId::raw));
        let gone = reset_code::Entity::delete_many().filter(reset_code::Column::Account.is_in(gone));
        gone.exec(on).await?;
    }
    let given = given.into_iter();
    let given =
        given.filter_map(|id| Some(convert::reset_code_row(id, book.codes.get(&id)?))).collect::<Vec<_>>();
    texts.put::<reset_code::Entity>(on, &given).await
}

async fn save_rejections(on: &impl ConnectionTrait, texts: &Texts, book: &Book) -> Result<(), StoreError> {
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
    texts.insert::<rejection::Entity>(on, &rows).await
}

async fn save_sessions_and_blacklist(
    on: &impl ConnectionTrait,
    texts: &Texts,
    book: &Book,
) -> Result<(), StoreError> {
    let changes = &book.changes;
    let sessions = changes.sessions.iter();
    let sessions =
        sessions.filter_map(|id| Some(convert::session_row(*id, book.sessions.get(id)?))).collect::<Vec<_>>();
    texts.put::<session::Entity>(on, &sessions).await?;
    let removed: Vec<i64> =
        changes.listed.iter().filter(|n| !book.blacklist.contains_key(n)).map(|n| n.raw()).collect();
    if !removed.is_empty() {
        blacklist::Entity::delete_many()
            .filter(blacklist::Column::Number.is_in(list(removed)))
            .exec(on)
            .await?;
    }
    let listed = changes.listed.iter();
    let listed = listed
        .filter_map(|number| Some(convert::listed_row(*number, book.blacklist.get(number)?)))
        .collect::<Vec<_>>();
    texts.put::<blacklist::Entity>(on, &listed).await?;
    texts.insert::<blacklist_event::Entity>(on, &rows(&changes.events, convert::event_row)).await
}

async fn save_operators(on: &impl ConnectionTrait, texts: &Texts, book: &Book) -> Result<(), StoreError> {
    let operators = book.changes.operators.iter();
    let operators = operators
        .filter_map(|name| Some(convert::operator_row(name, book.operators.get(name)?)))
        .collect::<Vec<_>>();
    texts.put::<operator::Entity>(on, &operators).await?;
    let certificates = book.changes.certificates.iter();
    let certificates = certificates
        .filter_map(|id| Some(convert::certificate_row(*id, book.certificates.get(id)?)))
        .collect::<Vec<_>>();
    texts.put::<certificate::Entity>(on, &certificates).await
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
