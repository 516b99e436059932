//! One entry of the journal for operators, with all that belongs to it.

use super::Call;
use crate::ledger::entry::{Entry, Transfer};
use crate::rpc::{internal, unreadable};
use atm_rpc::error::ServiceError;
use atm_rpc::operator::account::{BeforeAfter, Explained, ExplainedSession, Moved};
use atm_rpc::types::account::AccountId;
use atm_rpc::types::key::Seq;

impl Call {
    pub(super) async fn explain(&self, seq: Seq) -> Result<Explained, ServiceError> {
        let store = &self.services().store;
        let found = store.journal(seq.0, 1).await.map_err(unreadable)?;
        let entry = found.into_iter().find(|entry| entry.seq == seq).ok_or(ServiceError::NotFound)?;
        let seal = store.seal_over(seq.0).await.map_err(unreadable)?;
        let seal = seal.ok_or_else(|| internal(&format!("no seal covers entry {seq}")))?;
        let named = |id: AccountId| self.rights.account(id.raw());
        Ok(Explained {
            seq,
            recorded_at: entry.recorded_at,
            business_date: entry.business_date.to_string(),
            action: entry.action,
            number: entry.customer.map(named),
            moved: entry.transfer.map(|transfer| Moved {
                amount: transfer.amount,
                debit: named(transfer.debit),
                credit: named(transfer.credit),
            }),
            customer: entry
                .customer
                .zip(entry.customer_balance)
                .map(|(customer, after)| before_after(&entry, customer, after.minor())),
            vault: before_after(&entry, AccountId::VAULT, entry.vault_balance.minor()),
            session: entry.session.map(|session| ExplainedSession {
                id: session.id,
                started_at: session.started_at,
                elapsed_ms: session.elapsed_ms,
            }),
            terminal: entry.terminal.clone(),
            request_key: entry.request.map(|(key, _)| key),
            reverses: entry.reverses,
            previous: entry.previous,
            seal,
        })
    }
}

/// The balance that the account had before, from the one after. The vault is debit-normal, everything else
/// credit-normal.
fn before_after(entry: &Entry, account: AccountId, after_minor: i64) -> BeforeAfter {
    let by = match entry.transfer {
        Some(Transfer { debit, amount, .. }) if debit == account => -amount.minor(),
        Some(Transfer { credit, amount, .. }) if credit == account => amount.minor(),
        _ => 0,
    };
    let by = if account == AccountId::VAULT { -by } else { by };
    BeforeAfter { before_minor: after_minor.saturating_sub(by), after_minor }
}
