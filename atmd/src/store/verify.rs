//! History as it is stored, with the hashes beside it, for whoever recomputes them.
//!
//! A row that atmd cannot have written is an error of its own: its place can be named, and those after it
//! are looked at all the same.

use super::entity::{audit, journal, seal};
use super::{Store, StoreError, convert};
use crate::ledger::entry::Entry;
use crate::ledger::request::{Audit, AuditDraft};
use crate::seal::Seal;
use atm_rpc::operator::Role;
use atm_rpc::types::time::{BusinessDate, Timestamp};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

/// A row as it is stored.
#[derive(Debug)]
pub struct Kept<T> {
    /// Its place in its table.
    pub place: i64,
    /// What it says; an error where atmd cannot have written it.
    pub row: Result<T, StoreError>,
    /// The hash beside it, of whatever length.
    pub mac: Vec<u8>,
}

impl Store {
    /// Entries of the journal from `first` on with their hashes, in order, `count` at the most.
    ///
    /// # Errors
    /// [`StoreError`] where the table cannot be read.
    pub async fn journal_macs(&self, first: i64, count: u64) -> Result<Vec<Kept<Entry>>, StoreError> {
        let rows = journal::Entity::find()
            .filter(journal::Column::Seq.gte(first))
            .order_by_asc(journal::Column::Seq)
            .limit(count)
            .all(&self.readers)
            .await?;
        let kept = |row: journal::Model| Kept { place: row.seq, row: convert::entry(&row), mac: row.mac };
        Ok(rows.into_iter().map(kept).collect())
    }

    /// Rows of the audit log from `first` on with their hashes, in order, `count` at the most.
    ///
    /// # Errors
    /// [`StoreError`] where the table cannot be read.
    pub async fn audit_rows(&self, first: i64, count: u64) -> Result<Vec<Kept<Audit>>, StoreError> {
        let rows = audit::Entity::find()
            .filter(audit::Column::Id.gte(first))
            .order_by_asc(audit::Column::Id)
            .limit(count)
            .all(&self.readers)
            .await?;
        Ok(rows.into_iter().map(kept_audit).collect())
    }

    /// Seals after one's id, in order, `count` at the most.
    ///
    /// # Errors
    /// [`StoreError`] where the table cannot be read.
    pub async fn seals(&self, after: i64, count: u64) -> Result<Vec<Kept<Seal>>, StoreError> {
        let rows = seal::Entity::find()
            .filter(seal::Column::Id.gt(after))
            .order_by_asc(seal::Column::Id)
            .limit(count)
            .all(&self.readers)
            .await?;
        let kept = |row: seal::Model| Kept { place: row.id, row: seal_of(&row), mac: row.mac };
        Ok(rows.into_iter().map(kept).collect())
    }
}

fn seal_of(row: &seal::Model) -> Result<Seal, StoreError> {
    Ok(Seal {
        id: row.id,
        batch: row.batch.as_slice().try_into().map_err(|_| convert::corrupt("batch"))?,
        sealed_at: Timestamp::from_ms(row.sealed_at),
        business_date: BusinessDate::from_days(row.business_date),
        last_seq: row.last_seq,
        last_audit: row.last_audit,
        vault_minor: row.vault_balance_minor,
    })
}

fn kept_audit(row: audit::Model) -> Kept<Audit> {
    let (place, mac) = (row.id, row.mac.clone());
    Kept { place, row: audit_of(row), mac }
}

fn audit_of(row: audit::Model) -> Result<Audit, StoreError> {
    let roles = [Role::Viewer, Role::Operator, Role::Admin];
    let role = roles.into_iter().find(|role| role.name() == row.role);
    let plugin = match (row.plugin, row.plugin_version, row.plugin_digest) {
        (Some(name), Some(version), Some(digest)) => Some((name, version, digest)),
        (None, None, None) => None,
        _ => return Err(convert::corrupt("plugin")),
    };
    let draft = AuditDraft {
        operator: row.operator,
        role: role.ok_or_else(|| convert::corrupt("role"))?,
        command: row.command,
        plugin,
        capabilities: row.capabilities,
        method: name_of(&row.method),
        arguments: row.arguments,
    };
    Ok(Audit { id: row.id, at: Timestamp::from_ms(row.at), draft, result: row.result })
}

/// A method's name for as long as the process lives. There are few, and each is kept once.
fn name_of(method: &str) -> &'static str {
    static NAMES: Mutex<BTreeSet<&'static str>> = Mutex::new(BTreeSet::new());
    let mut names = NAMES.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(name) = names.get(method) {
        return name;
    }
    let name: &'static str = method.to_owned().leak();
    names.insert(name);
    name
}
