//! The blacklist for operators.

use super::{Call, check_reason, page, row_count};
use crate::ledger::book::Event;
use crate::ledger::request::{Answer, OperatorAct};
use crate::rpc::{unexpected, unreadable};
use crate::store::read::ListedNumber;
use atm_rpc::error::{BadRequest, ServiceError};
use atm_rpc::operator::Mode;
use atm_rpc::operator::blacklist::{
    BlacklistChange, BlacklistEntry, BlacklistEvent, BlacklistEventPage, BlacklistPage,
};
use atm_rpc::types::account::AccountId;
use atm_rpc::types::mobile::MobileNumber;
use atm_rpc::types::time::Timestamp;

impl Call {
    pub(super) async fn list_blacklist(
        &self,
        after: Option<i64>,
        rows: u32,
    ) -> Result<BlacklistPage, ServiceError> {
        let (limit, count) = row_count(rows);
        let found = self.services().store.blacklist(after, limit).await.map_err(unreadable)?;
        let (found, more) = page(found, count);
        Ok(BlacklistPage { rows: found.into_iter().map(|row| self.entry(row)).collect(), more })
    }

    pub(super) async fn show_blacklisted(
        &self,
        mobile: MobileNumber,
    ) -> Result<BlacklistEntry, ServiceError> {
        let number = AccountId::of(mobile);
        let found = self.services().store.blacklisted(number).await.map_err(unreadable)?;
        found.map(|row| self.entry(row)).ok_or(ServiceError::NotFound)
    }

    pub(super) async fn add_to_blacklist(
        &self,
        mobile: MobileNumber,
        reason: String,
        until: Option<Timestamp>,
    ) -> Result<BlacklistChange, ServiceError> {
        let past = until.is_some_and(|until| until <= self.services().clock.now());
        let bad = check_reason(&reason).err().or(past.then_some(ServiceError::BadRequest(BadRequest::Until)));
        if let Some(bad) = bad {
            return Err(self.refuse(bad).await);
        }
        let masked = !self.rights.sees_numbers();
        self.change_blacklist(OperatorAct::BlacklistAdd { number: mobile, reason, until, masked }).await
    }

    pub(super) async fn remove_from_blacklist(
        &self,
        mobile: MobileNumber,
        reason: String,
    ) -> Result<BlacklistChange, ServiceError> {
        if let Err(bad) = check_reason(&reason) {
            return Err(self.refuse(bad).await);
        }
        let masked = !self.rights.sees_numbers();
        let act = OperatorAct::BlacklistRemove { number: mobile, reason, masked };
        let change = self.change_blacklist(act).await?;
        if !change.dry_run {
            self.services().strangers().forget(mobile);
        }
        Ok(change)
    }

    pub(super) async fn blacklist_events(
        &self,
        mobile: Option<MobileNumber>,
        after: Option<i64>,
        rows: u32,
    ) -> Result<BlacklistEventPage, ServiceError> {
        let (limit, count) = row_count(rows);
        let number = mobile.map(AccountId::of);
        let found = self.services().store.blacklist_events(number, after, limit).await.map_err(unreadable)?;
        let (found, more) = page(found, count);
        Ok(BlacklistEventPage { rows: found.into_iter().map(|event| self.event(event)).collect(), more })
    }

    async fn change_blacklist(&self, act: OperatorAct) -> Result<BlacklistChange, ServiceError> {
        match self.change(act).await? {
            Answer::Blacklist(change) => {
                Ok(BlacklistChange { dry_run: self.rights.mode() == Mode::DryRun, ..change })
            }
            other => Err(unexpected(&other)),
        }
    }

    pub(super) fn entry(&self, row: ListedNumber) -> BlacklistEntry {
        BlacklistEntry {
            id: row.listed.id,
            number: self.rights.shown(row.number),
            registered: row.registered,
            reason: row.listed.reason,
            actor: row.listed.actor,
            since: row.listed.since,
            until: row.listed.until,
        }
    }

    fn event(&self, event: Event) -> BlacklistEvent {
        BlacklistEvent {
            id: event.id,
            at: event.at,
            number: self.rights.shown(event.number),
            act: event.act,
            reason: event.reason,
            actor: event.actor,
            until: event.until,
        }
    }
}
