//! The service for operators: rights checked at every call, every change and every refusal audited.

use super::{Services, unexpected, unreadable};
use crate::jobs::Owner;
use crate::ledger::book::Event;
use crate::ledger::request::{Answer, AuditDraft, OperatorAct, Request};
use crate::store::read::{ListedNumber, OperatorRow};
use atm_rpc::error::{BadRequest, ServiceError, SessionEnd};
use atm_rpc::operator::ledger::{JobNews, JobStart};
use atm_rpc::operator::{
    BlacklistChange, BlacklistEntry, BlacklistEvent, BlacklistEventPage, BlacklistPage, Capability, Mode,
    Narrow, Operator, PAGE_ROWS_MAX, PROTOCOL, REASON_LENGTH_MAX, Status, Whoami,
};
use atm_rpc::types::account::AccountId;
use atm_rpc::types::mobile::MobileNumber;
use atm_rpc::types::money::Currency;
use atm_rpc::types::time::Timestamp;
use std::collections::BTreeSet;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tarpc::context::Context;
use tokio::sync::Notify;
use tokio::time::sleep;
use tracing::info;

/// Entries that the ledgers may lack before atmd calls itself unhealthy.
const LAG_MAX: i64 = 10_000;
/// The longest text that a host may give for a command, a plugin or a version.
const NAME_LENGTH_MAX: usize = 64;

/// An operator's connection.
#[derive(Clone, Debug)]
pub(super) struct OperatorConnection {
    services: Arc<Services>,
    fingerprint: [u8; 32],
    rights: Arc<Mutex<Rights>>,
    narrowed: Arc<Notify>,
    /// The job that was begun here; it ends with the connection.
    job: Arc<Mutex<Option<Owner>>>,
}

/// What a connection may do.
#[derive(Clone, Debug)]
pub(super) struct Rights {
    operator: OperatorRow,
    capabilities: BTreeSet<Capability>,
    mode: Mode,
    narrow: Option<Narrow>,
}

impl OperatorConnection {
    pub(super) fn new(services: Arc<Services>, fingerprint: [u8; 32], operator: OperatorRow) -> Self {
        let capabilities = operator.role.capabilities().iter().copied().collect();
        let rights = Rights { operator, capabilities, mode: Mode::Change, narrow: None };
        Self {
            services,
            fingerprint,
            rights: Arc::new(Mutex::new(rights)),
            narrowed: Arc::new(Notify::new()),
            job: Arc::default(),
        }
    }

    pub(super) const fn services(&self) -> &Arc<Services> {
        &self.services
    }

    pub(super) fn job(&self) -> MutexGuard<'_, Option<Owner>> {
        self.job.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until this connection must end: atmd stops, or the time it was narrowed to is over.
    pub(super) async fn until_it_ends(self) {
        loop {
            let narrow = self.rights().narrow.as_ref().map(|narrow| Duration::from_millis(narrow.ttl_ms));
            let over = async {
                match narrow {
                    Some(ttl) => sleep(ttl).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = self.services.stop.cancelled() => return,
                () = over => return,
                () = self.narrowed.notified() => {}
            }
        }
    }

    fn rights(&self) -> MutexGuard<'_, Rights> {
        self.rights.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The connection's rights, if the operator may still do anything.
    pub(super) async fn enter(&self) -> Result<Rights, ServiceError> {
        if self.services.stop.is_cancelled() {
            return Err(ServiceError::Unavailable);
        }
        let known = self.services.store.operator(&self.fingerprint).await.map_err(unreadable)?;
        let rights = self.rights().clone();
        match known {
            Some(operator) if operator.enabled && operator.role == rights.operator.role => Ok(rights),
            _ => Err(ServiceError::Unauthenticated(SessionEnd::OperatorUnknown)),
        }
    }

    /// The same for a call that needs a right. A refusal is audited.
    pub(super) async fn may(
        &self,
        method: &'static str,
        needs: Capability,
        arguments: impl FnOnce() -> String,
    ) -> Result<Rights, ServiceError> {
        let rights = self.enter().await?;
        if rights.capabilities.contains(&needs) {
            return Ok(rights);
        }
        Err(self.refuse(&rights, method, arguments(), ServiceError::Forbidden(needs)).await)
    }

    pub(super) async fn refuse(
        &self,
        rights: &Rights,
        method: &'static str,
        arguments: String,
        refusal: ServiceError,
    ) -> ServiceError {
        let audit = rights.audit(method, arguments);
        match self
            .services
            .writer
            .submit(Request::Operate { audit, act: OperatorAct::Refused(refusal) })
            .await
        {
            Ok(answer) => unexpected(&answer),
            Err(error) => error,
        }
    }

    /// Does, tries or refuses something that changes the bank, as the connection's mode has it.
    async fn change(
        &self,
        rights: &Rights,
        method: &'static str,
        arguments: String,
        act: OperatorAct,
    ) -> Result<BlacklistChange, ServiceError> {
        let audit = rights.audit(method, arguments.clone());
        let request = Request::Operate { audit, act };
        let answer = match rights.mode {
            Mode::Read => return Err(self.refuse(rights, method, arguments, ServiceError::ReadOnly).await),
            Mode::DryRun => self.services.writer.preview(&request).await?,
            Mode::Change => self.services.writer.submit(request).await?,
        };
        match answer {
            Answer::Blacklist(change) => {
                let (operator, dry_run) = (&rights.operator.name, rights.mode == Mode::DryRun);
                info!(operator, method, arguments, changed = change.changed, dry_run, "operator");
                Ok(BlacklistChange { dry_run, ..change })
            }
            other => Err(unexpected(&other)),
        }
    }
}

impl Rights {
    pub(super) fn operator_name(&self) -> &str {
        &self.operator.name
    }

    pub(super) const fn mode(&self) -> Mode {
        self.mode
    }

    pub(super) fn sees_numbers(&self) -> bool {
        self.capabilities.contains(&Capability::AccountsPii)
    }

    pub(super) fn shown(&self, account: AccountId) -> String {
        match account.mobile() {
            Some(number) if self.sees_numbers() => number.full(),
            Some(number) => number.masked(),
            None => String::new(),
        }
    }

    pub(super) fn audit(&self, method: &'static str, arguments: String) -> AuditDraft {
        let names: Vec<&str> = self.capabilities.iter().map(|capability| capability.name()).collect();
        let narrow = self.narrow.as_ref();
        let plugin = narrow.and_then(|narrow| narrow.plugin.clone());
        AuditDraft {
            operator: self.operator.name.clone(),
            role: self.operator.role,
            command: narrow.map(|narrow| narrow.command.clone()),
            plugin: plugin.map(|plugin| (plugin.name, plugin.version, plugin.digest)),
            capabilities: names.join(" "),
            method: method.into(),
            arguments,
        }
    }

    fn entry(&self, row: ListedNumber) -> BlacklistEntry {
        BlacklistEntry {
            id: row.listed.id,
            number: self.shown(row.number),
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
            number: self.shown(event.number),
            act: event.act,
            reason: event.reason,
            actor: event.actor,
            until: event.until,
        }
    }

    fn whoami(&self, currency: Currency) -> Whoami {
        Whoami {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            protocol: PROTOCOL,
            currency,
            operator: self.operator.name.clone(),
            role: self.operator.role,
            capabilities: self.capabilities.iter().copied().collect(),
            mode: self.mode,
        }
    }

    /// These rights without those that `to` does not name.
    fn narrowed(&self, to: Narrow) -> Result<Self, ServiceError> {
        let named = |text: &str| (1..=NAME_LENGTH_MAX).contains(&text.chars().count()) && is_plain(text);
        let plugin_named = to.plugin.as_ref().is_none_or(|plugin| {
            named(&plugin.name)
                && named(&plugin.version)
                && plugin.digest.len() <= 128
                && is_plain(&plugin.digest)
        });
        if !named(&to.command) || !plugin_named {
            return Err(ServiceError::BadRequest(BadRequest::Name));
        }
        if to.mode > self.mode || self.narrow.is_some() {
            return Err(ServiceError::BadRequest(BadRequest::Widening));
        }
        let asked: BTreeSet<Capability> = to.capabilities.iter().copied().collect();
        Ok(Self {
            operator: self.operator.clone(),
            capabilities: self.capabilities.intersection(&asked).copied().collect(),
            mode: to.mode,
            narrow: Some(to),
        })
    }
}

fn is_plain(text: &str) -> bool {
    !text.chars().any(char::is_control)
}

fn check_reason(reason: &str) -> Result<(), ServiceError> {
    let length = reason.chars().count();
    let acceptable =
        (1..=REASON_LENGTH_MAX).contains(&length) && is_plain(reason) && !reason.trim().is_empty();
    if acceptable { Ok(()) } else { Err(ServiceError::BadRequest(BadRequest::Reason)) }
}

/// Rows of a page, and whether more follow.
fn page<T>(mut rows: Vec<T>, count: usize) -> (Vec<T>, bool) {
    let more = rows.len() > count;
    rows.truncate(count);
    (rows, more)
}

fn row_count(rows: u32) -> (u64, usize) {
    let rows = rows.clamp(1, PAGE_ROWS_MAX);
    (u64::from(rows) + 1, usize::try_from(rows).unwrap_or(usize::MAX))
}

impl Operator for OperatorConnection {
    async fn whoami(self, _: Context) -> Result<Whoami, ServiceError> {
        Ok(self.enter().await?.whoami(self.services.info.currency))
    }

    async fn narrow(self, _: Context, to: Narrow) -> Result<Whoami, ServiceError> {
        let rights = self.enter().await?;
        let arguments = format!("mode={:?} command={:?}", to.mode, to.command);
        let narrowed = {
            let mut rights = self.rights();
            rights.narrowed(to).inspect(|narrowed| *rights = narrowed.clone())
        };
        match narrowed {
            Ok(narrowed) => {
                self.narrowed.notify_one();
                Ok(narrowed.whoami(self.services.info.currency))
            }
            Err(error) => Err(self.refuse(&rights, "narrow", arguments, error).await),
        }
    }

    async fn status(self, _: Context) -> Result<Status, ServiceError> {
        self.may("status", Capability::StatusRead, String::new).await?;
        let services = &self.services;
        let head = services.store.head().await.map_err(unreadable)?;
        let metrics = services.monitor.sample();
        let lag = (head.seq - services.projected.load(Ordering::Relaxed)).max(0);
        let mut reasons = Vec::new();
        if lag > LAG_MAX {
            reasons.push(format!("the CSV ledgers lack {lag} entries"));
        }
        Ok(Status {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            healthy: reasons.is_empty(),
            reasons,
            started_at: services.started_at,
            uptime_ms: u64::try_from(metrics.uptime.as_millis()).unwrap_or(u64::MAX),
            cpu_percent: metrics.cpu_percent,
            memory_bytes: metrics.memory_bytes,
            threads: u64::try_from(metrics.threads).unwrap_or(u64::MAX),
            connections_active: metrics.customers.active,
            connections_max: metrics.customers.max,
            connections_total: metrics.customers.total,
            journal_seq: head.seq,
            vault_balance_minor: head.vault.minor(),
            business_date: head.date.to_string(),
            projection_lag_entries: lag,
        })
    }

    async fn blacklist_list(
        self,
        _: Context,
        after: Option<i64>,
        rows: u32,
    ) -> Result<BlacklistPage, ServiceError> {
        let rights = self.may("blacklist_list", Capability::BlacklistRead, String::new).await?;
        let (limit, count) = row_count(rows);
        let (found, more) =
            page(self.services.store.blacklist(after, limit).await.map_err(unreadable)?, count);
        Ok(BlacklistPage { rows: found.into_iter().map(|row| rights.entry(row)).collect(), more })
    }

    async fn blacklist_show(self, _: Context, mobile: MobileNumber) -> Result<BlacklistEntry, ServiceError> {
        let arguments = || format!("number={}", mobile.masked());
        let rights = self.may("blacklist_show", Capability::BlacklistRead, arguments).await?;
        let found = self.services.store.blacklisted(AccountId::of(mobile)).await.map_err(unreadable)?;
        found.map(|row| rights.entry(row)).ok_or(ServiceError::NotFound)
    }

    async fn blacklist_add(
        self,
        _: Context,
        mobile: MobileNumber,
        reason: String,
        until: Option<Timestamp>,
    ) -> Result<BlacklistChange, ServiceError> {
        let until_text = until.map_or_else(|| "for good".to_owned(), |until| until.to_string());
        let arguments = format!("number={} until={until_text}", mobile.masked());
        let rights = self.may("blacklist_add", Capability::BlacklistWrite, || arguments.clone()).await?;
        let past = until.is_some_and(|until| until <= self.services.clock.now());
        let bad = check_reason(&reason).err().or(past.then_some(ServiceError::BadRequest(BadRequest::Until)));
        if let Some(bad) = bad {
            return Err(self.refuse(&rights, "blacklist_add", arguments, bad).await);
        }
        let masked = !rights.sees_numbers();
        let act = OperatorAct::BlacklistAdd { number: mobile, reason, until, masked };
        self.change(&rights, "blacklist_add", arguments, act).await
    }

    async fn blacklist_remove(
        self,
        _: Context,
        mobile: MobileNumber,
        reason: String,
    ) -> Result<BlacklistChange, ServiceError> {
        let arguments = format!("number={}", mobile.masked());
        let rights = self.may("blacklist_remove", Capability::BlacklistWrite, || arguments.clone()).await?;
        if let Err(bad) = check_reason(&reason) {
            return Err(self.refuse(&rights, "blacklist_remove", arguments, bad).await);
        }
        let act = OperatorAct::BlacklistRemove { number: mobile, reason, masked: !rights.sees_numbers() };
        let change = self.change(&rights, "blacklist_remove", arguments, act).await?;
        if !change.dry_run {
            self.services.strangers().forget(mobile);
        }
        Ok(change)
    }

    async fn blacklist_history(
        self,
        _: Context,
        mobile: Option<MobileNumber>,
        after: Option<i64>,
        rows: u32,
    ) -> Result<BlacklistEventPage, ServiceError> {
        let rights = self.may("blacklist_history", Capability::BlacklistRead, String::new).await?;
        let (limit, count) = row_count(rows);
        let number = mobile.map(AccountId::of);
        let found = self.services.store.blacklist_events(number, after, limit).await.map_err(unreadable)?;
        let (found, more) = page(found, count);
        Ok(BlacklistEventPage { rows: found.into_iter().map(|event| rights.event(event)).collect(), more })
    }

    async fn ledger_verify(self, _: Context, head: Option<String>) -> Result<JobStart, ServiceError> {
        self.begin_verify(head).await
    }

    async fn ledger_rebuild(self, _: Context) -> Result<JobStart, ServiceError> {
        self.begin_rebuild().await
    }

    async fn job_news(self, _: Context, after: u64) -> Result<JobNews, ServiceError> {
        self.news(after).await
    }

    async fn job_cancel(self, _: Context) -> Result<bool, ServiceError> {
        self.cancel().await
    }
}
