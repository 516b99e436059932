//! Everything that only looks. Runs beside the writer, on connections of its own.

use super::entity::{
    account, audit, blacklist, blacklist_event, certificate, checkpoint, journal, operator, session,
};
use super::{Store, StoreError, convert, load};
use crate::ledger::book::{Account, Event, Head, Listed};
use crate::ledger::entry::Entry;
use crate::ledger::operators::Operator;
use crate::ledger::request::{Audit, Caller};
use atm_rpc::operator::Role;
use atm_rpc::operator::audit::{AuditFilter, AuditFrom};
use atm_rpc::types::account::AccountId;
use atm_rpc::types::key::{Seq, SessionId};
use atm_rpc::types::time::Timestamp;
use sea_orm::{ColumnTrait, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder, QuerySelect};
use std::collections::{BTreeMap, HashSet};

/// Sessions that are looked at together.
const OPEN_SESSIONS_MAX: u64 = 100_000;

/// An operator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OperatorRow {
    /// The name.
    pub name: String,
    /// The role.
    pub role: Role,
    /// Whether it may connect.
    pub enabled: bool,
}

/// An entry of the blacklist, and whether the number has an account.
#[derive(Clone, Debug)]
pub struct ListedNumber {
    /// The number.
    pub number: AccountId,
    /// Its entry.
    pub listed: Listed,
    /// Whether it has an account.
    pub registered: bool,
}

impl Store {
    /// Where the journal ends.
    ///
    /// # Errors
    /// As every function here: [`StoreError`].
    pub async fn head(&self) -> Result<Head, StoreError> {
        Ok(load::head(&self.readers).await?.0)
    }

    /// Where the journal ends, and when the newest batch was sealed, if there is one.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn newest(&self) -> Result<(Head, Option<Timestamp>), StoreError> {
        let Some(seal) = load::last_seal(&self.readers).await? else { return Ok((Head::default(), None)) };
        Ok((load::head_of(&seal), Some(Timestamp::from_ms(seal.sealed_at))))
    }

    /// Place and hash of the last seal.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn seal_head(&self) -> Result<super::SealHead, StoreError> {
        Ok(load::head(&self.readers).await?.1)
    }

    /// Whether a number has an account.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn is_registered(&self, account: AccountId) -> Result<bool, StoreError> {
        Ok(account::Entity::find_by_id(account.raw()).count(&self.readers).await? > 0)
    }

    /// Whether there is a session with a token of that hash.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn has_token(&self, hash: &[u8; 32]) -> Result<bool, StoreError> {
        let found = session::Entity::find().filter(session::Column::TokenHash.eq(hash.to_vec()));
        Ok(found.count(&self.readers).await? > 0)
    }

    /// Sessions from one on, oldest first, that did not end, began and were seen since: 100,000 at the most.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn open_sessions(
        &self,
        first: SessionId,
        seen_since: Timestamp,
        started_since: Timestamp,
    ) -> Result<Vec<Caller>, StoreError> {
        let rows = session::Entity::find()
            .filter(session::Column::Id.gte(first.0))
            .filter(session::Column::EndedAt.is_null())
            .filter(session::Column::SeenAt.gte(seen_since.ms()))
            .filter(session::Column::StartedAt.gte(started_since.ms()))
            .order_by_asc(session::Column::Id)
            .limit(OPEN_SESSIONS_MAX)
            .all(&self.readers)
            .await?;
        let callers = rows.iter().map(|row| {
            let account = convert::account_id(row.account)?;
            Ok(Caller { session: SessionId(row.id), attachment: row.attachment, account })
        });
        callers.collect()
    }

    /// The newest entries of a customer, newest first: back along the chain, by primary key.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn statement(&self, newest: Option<Seq>, count: usize) -> Result<Vec<Entry>, StoreError> {
        let mut entries = Vec::new();
        let mut next = newest;
        while let Some(Seq(seq)) = next.filter(|_| entries.len() < count) {
            let row = journal::Entity::find_by_id(seq).one(&self.readers).await?;
            let entry = convert::entry(&row.ok_or_else(|| convert::corrupt("chain of entries"))?)?;
            next = entry.previous;
            entries.push(entry);
        }
        Ok(entries)
    }

    /// Entries of the journal from `first` on, in order, `count` at the most.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn journal(&self, first: i64, count: u64) -> Result<Vec<Entry>, StoreError> {
        let rows = journal::Entity::find()
            .filter(journal::Column::Seq.gte(first))
            .order_by_asc(journal::Column::Seq)
            .limit(count)
            .all(&self.readers)
            .await?;
        rows.iter().map(convert::entry).collect()
    }

    /// How far a derived file of a node is: next entry and length in bytes.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn checkpoint(&self, node: &str, file: &str) -> Result<Option<(i64, i64)>, StoreError> {
        let key = (node.to_owned(), file.to_owned());
        let row = checkpoint::Entity::find_by_id(key).one(&self.readers).await?;
        Ok(row.map(|row| (row.next_seq, row.byte_length)))
    }

    /// The operator with that certificate.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn operator(&self, fingerprint: &[u8; 32]) -> Result<Option<OperatorRow>, StoreError> {
        let found = operator::Entity::find().filter(operator::Column::Fingerprint.eq(fingerprint.to_vec()));
        let Some(row) = found.one(&self.readers).await? else { return Ok(None) };
        let (name, Operator { role, enabled, .. }) = convert::operator(row)?;
        Ok(Some(OperatorRow { name, role, enabled }))
    }

    /// Operators after one's id, oldest first, `count` at the most.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn operators(
        &self,
        after: Option<i64>,
        count: u64,
    ) -> Result<Vec<(String, Operator)>, StoreError> {
        let rows = operator::Entity::find()
            .filter(operator::Column::Id.gt(after.unwrap_or(0)))
            .order_by_asc(operator::Column::Id)
            .limit(count)
            .all(&self.readers)
            .await?;
        rows.into_iter().map(convert::operator).collect()
    }

    /// The certificates that are kept of these operators, as PEM, by their ids.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn certificates(
        &self,
        of: impl Iterator<Item = i64>,
    ) -> Result<BTreeMap<i64, String>, StoreError> {
        let found = certificate::Entity::find().filter(certificate::Column::Operator.is_in(of));
        Ok(found.all(&self.readers).await?.into_iter().map(|row| (row.operator, row.pem)).collect())
    }

    /// An operator of that name, and the certificate that is kept, as PEM.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn operator_named(&self, name: &str) -> Result<Option<(Operator, Option<String>)>, StoreError> {
        let found = operator::Entity::find().filter(operator::Column::Name.eq(name));
        let Some(row) = found.one(&self.readers).await? else { return Ok(None) };
        let kept = certificate::Entity::find_by_id(row.id).one(&self.readers).await?;
        let (_, operator) = convert::operator(row)?;
        Ok(Some((operator, kept.map(|row| row.pem))))
    }

    /// Whether the bank was opened: it has an operator.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn is_founded(&self) -> Result<bool, StoreError> {
        Ok(operator::Entity::find().count(&self.readers).await? > 0)
    }

    /// The blacklist after an entry's id, oldest first, `count` at the most.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn blacklist(&self, after: Option<i64>, count: u64) -> Result<Vec<ListedNumber>, StoreError> {
        let rows = blacklist::Entity::find()
            .filter(blacklist::Column::Id.gt(after.unwrap_or(0)))
            .order_by_asc(blacklist::Column::Id)
            .limit(count)
            .all(&self.readers)
            .await?;
        self.with_accounts(rows).await
    }

    /// A number's entry on the blacklist.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn blacklisted(&self, number: AccountId) -> Result<Option<ListedNumber>, StoreError> {
        let row = blacklist::Entity::find_by_id(number.raw()).one(&self.readers).await?;
        Ok(self.with_accounts(row.into_iter().collect()).await?.pop())
    }

    async fn with_accounts(&self, rows: Vec<blacklist::Model>) -> Result<Vec<ListedNumber>, StoreError> {
        let ids: Vec<i64> = rows.iter().map(|row| row.number).collect();
        let found: Vec<i64> = account::Entity::find()
            .select_only()
            .column(account::Column::Id)
            .filter(account::Column::Id.is_in(ids))
            .into_tuple()
            .all(&self.readers)
            .await?;
        let registered: HashSet<i64> = found.into_iter().collect();
        let listed = rows.iter().map(|row| {
            let (number, listed) = convert::listed(row)?;
            Ok(ListedNumber { number, listed, registered: registered.contains(&row.number) })
        });
        listed.collect()
    }

    /// Events of the blacklist after an event's id, oldest first, of one number or of all.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn blacklist_events(
        &self,
        number: Option<AccountId>,
        after: Option<i64>,
        count: u64,
    ) -> Result<Vec<Event>, StoreError> {
        let mut events = blacklist_event::Entity::find()
            .filter(blacklist_event::Column::Id.gt(after.unwrap_or(0)))
            .order_by_asc(blacklist_event::Column::Id)
            .limit(count);
        if let Some(number) = number {
            events = events.filter(blacklist_event::Column::Number.eq(number.raw()));
        }
        events.all(&self.readers).await?.iter().map(convert::event).collect()
    }

    /// Rows of the audit log, `count` at the most. Those that atmd cannot have written are errors.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn audit(
        &self,
        filter: &AuditFilter,
        from: AuditFrom,
        count: u64,
    ) -> Result<Vec<Audit>, StoreError> {
        let AuditFilter { operator, method, outcome, since } = filter;
        let (id, result) = (audit::Column::Id, audit::Column::Result);
        let mut rows = audit::Entity::find().limit(count);
        rows = match from {
            AuditFrom::Newest => rows.order_by_desc(id),
            AuditFrom::Before(before) => rows.order_by_desc(id).filter(id.lt(before)),
            AuditFrom::After(after) => rows.order_by_asc(id).filter(id.gt(after)),
        };
        if let Some(operator) = operator {
            rows = rows.filter(audit::Column::Operator.eq(operator));
        }
        if let Some(method) = method {
            rows = rows.filter(audit::Column::Method.eq(method));
        }
        if let Some(outcome) = outcome {
            rows = rows.filter(result.starts_with(outcome.name()));
        }
        if let Some(since) = since {
            rows = rows.filter(audit::Column::At.gte(since.ms()));
        }
        rows.all(&self.readers).await?.into_iter().map(convert::audit).collect()
    }

    /// Methods and results in the audit log, in order: what was done, and what came of it.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn audit_log(&self) -> Result<Vec<(String, String)>, StoreError> {
        let rows = audit::Entity::find().order_by_asc(audit::Column::Id).all(&self.readers).await?;
        Ok(rows.into_iter().map(|row| (row.method, row.result)).collect())
    }

    /// All accounts and their balances.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn accounts(&self) -> Result<Vec<(AccountId, Account)>, StoreError> {
        account::Entity::find().all(&self.readers).await?.iter().map(convert::account).collect()
    }
}
