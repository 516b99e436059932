//! Lists of customers' accounts, and the seal over an entry, for operators.

use super::entity::{account, blacklist, seal};
use super::{Store, StoreError, convert};
use crate::ledger::book::Account;
use atm_rpc::operator::account::ExplainedSeal;
use atm_rpc::types::account::{AccountId, AccountState};
use atm_rpc::types::key::Seq;
use atm_rpc::types::time::Timestamp;
use sea_orm::sea_query::Query;
use sea_orm::{ColumnTrait, Condition, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use std::collections::HashSet;

/// Which accounts.
#[derive(Clone, Copy, Debug)]
pub struct AccountQuery {
    /// Those of this state alone.
    pub state: Option<AccountState>,
    /// Those that are on the blacklist, or those that are not.
    pub blacklisted: Option<bool>,
    /// Those after this one.
    pub after: Option<AccountId>,
    /// So many at the most.
    pub limit: u64,
    /// When.
    pub now: Timestamp,
}

/// A customer's account in a list.
#[derive(Clone, Copy, Debug)]
pub struct ListedAccount {
    /// Whose.
    pub id: AccountId,
    /// The account.
    pub account: Account,
    /// Whether the number is on the blacklist now.
    pub blacklisted: bool,
}

impl Store {
    /// Customers' accounts in the order of their ids.
    ///
    /// # Errors
    /// As every function here: [`StoreError`].
    pub async fn list_accounts(&self, query: AccountQuery) -> Result<Vec<ListedAccount>, StoreError> {
        let barred = || {
            let until = blacklist::Column::Until;
            Condition::any().add(until.is_null()).add(until.gt(query.now.ms()))
        };
        // The bank's own accounts come before all customers'.
        let after = query.after.unwrap_or(AccountId::FEES);
        let mut found = account::Entity::find()
            .filter(account::Column::Id.gt(after.raw()))
            .order_by_asc(account::Column::Id)
            .limit(query.limit);
        if let Some(state) = query.state {
            found = found.filter(account::Column::State.eq(convert::state_code(state)));
        }
        if let Some(blacklisted) = query.blacklisted {
            let listed = Query::select()
                .column(blacklist::Column::Number)
                .from(blacklist::Entity)
                .cond_where(barred())
                .to_owned();
            let id = account::Column::Id;
            found =
                found.filter(if blacklisted { id.in_subquery(listed) } else { id.not_in_subquery(listed) });
        }
        let rows = found.all(&self.readers).await?;
        let ids = rows.iter().map(|row| row.id).collect::<Vec<i64>>();
        let listed: Vec<i64> = blacklist::Entity::find()
            .select_only()
            .column(blacklist::Column::Number)
            .filter(blacklist::Column::Number.is_in(ids))
            .filter(barred())
            .into_tuple()
            .all(&self.readers)
            .await?;
        let listed: HashSet<i64> = listed.into_iter().collect();
        let accounts = rows.iter().map(|row| {
            let (id, account) = convert::account(row)?;
            Ok(ListedAccount { id, account, blacklisted: listed.contains(&row.id) })
        });
        accounts.collect()
    }

    /// The seal that covers an entry: the first one that tells of it. Seals stand in the order of their batches, so
    /// a few of them are looked at by primary key, however many there are.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn seal_over(&self, seq: i64) -> Result<Option<ExplainedSeal>, StoreError> {
        let last = seal::Entity::find().order_by_desc(seal::Column::Id).one(&self.readers).await?;
        let Some(mut over) = last.filter(|last| last.last_seq >= seq) else { return Ok(None) };
        let mut below = 0;
        let mut first = 1;
        while over.id - below > 1 {
            let middle = below + (over.id - below) / 2;
            let row = seal::Entity::find_by_id(middle).one(&self.readers).await?;
            let row = row.ok_or_else(|| convert::corrupt("chain of seals"))?;
            if row.last_seq >= seq {
                over = row;
            } else {
                (below, first) = (row.id, row.last_seq + 1);
            }
        }
        let sealed_at = Timestamp::from_ms(over.sealed_at);
        Ok(Some(ExplainedSeal { id: over.id, sealed_at, first: Seq(first), last: Seq(over.last_seq) }))
    }
}
