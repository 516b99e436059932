//! The journal by pages, for operators who copy it elsewhere.

use super::{Call, row_count};
use crate::ledger::entry::Entry;
use crate::rpc::unreadable;
use atm_rpc::error::ServiceError;
use atm_rpc::operator::journal::{JournalPage, JournalRow};
use atm_rpc::types::account::AccountId;
use atm_rpc::types::key::Seq;
use atm_rpc::types::money::Money;

impl Call {
    pub(super) async fn journal(&self, after: Option<Seq>, rows: u32) -> Result<JournalPage, ServiceError> {
        let store = &self.services().store;
        let (_, count) = row_count(rows);
        let first = after.map_or(1, |Seq(seq)| seq.saturating_add(1));
        // The head first: then no page is without an entry that its head tells of.
        let newest = Seq(store.head().await.map_err(unreadable)?.seq);
        let count = u64::try_from(count).unwrap_or(u64::MAX);
        let found = store.journal(first, count).await.map_err(unreadable)?;
        Ok(JournalPage { rows: found.into_iter().map(|entry| self.row(entry)).collect(), newest })
    }

    fn row(&self, entry: Entry) -> JournalRow {
        let named = |id: AccountId| self.rights.account(id.raw());
        JournalRow {
            seq: entry.seq,
            recorded_at: entry.recorded_at,
            business_date: entry.business_date,
            action: entry.action,
            number: entry.customer.map(named),
            amount_minor: entry.transfer.map(|transfer| transfer.amount.minor()),
            debit: entry.transfer.map(|transfer| named(transfer.debit)),
            credit: entry.transfer.map(|transfer| named(transfer.credit)),
            customer_balance_minor: entry.customer_balance.map(Money::minor),
            vault_balance_minor: entry.vault_balance.minor(),
            session: entry.session.map(|session| session.id),
            session_started_at: entry.session.map(|session| session.started_at),
            elapsed_ms: entry.session.map(|session| session.elapsed_ms),
            terminal: entry.terminal,
            request_key: entry.request.map(|(key, _)| key),
            reverses: entry.reverses,
            previous: entry.previous,
        }
    }
}
