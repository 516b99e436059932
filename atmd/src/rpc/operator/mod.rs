//! The service for operators: rights checked at every call, every change and every refusal audited.
//!
//! - Here: a connection, and the one place where a call is allowed or refused before its handler runs, by
//!   [`atm_rpc::operator::rules`].
//! - `rights`: what a connection may do. `arguments`: what the audit log has of a call.
//! - `presence`: who is connected. `service`: the methods; the others: what they do, a file for each noun.

mod account;
mod arguments;
mod audit;
mod backup;
mod blacklist;
mod daemon;
mod explain;
mod history;
mod import;
mod jobs;
mod journal;
mod metrics;
mod operators;
mod presence;
mod remembered;
mod rights;
mod service;
mod status;

pub use daemon::{Reload, note};
pub use presence::Presence;
pub use remembered::Remembered;

use super::listen::End;
use super::{Services, unexpected, unreadable};
use crate::auth::refusals::Noted;
use crate::clock;
use crate::jobs::Owner;
use crate::ledger::request::{Answer, Listing, OperatorAct, Request};
use crate::store::read::OperatorRow;
use atm_rpc::error::{BadRequest, ServiceError, SessionEnd};
use atm_rpc::operator::legacy::LegacyRow;
use atm_rpc::operator::metrics::Side;
use atm_rpc::operator::rules::Method;
use atm_rpc::operator::{
    Mode, Narrow, Operator as _, OperatorRequest, OperatorResponse, PAGE_ROWS_MAX, REASON_LENGTH_MAX, Role,
    Whoami,
};
use presence::Present;
use remembered::is_of_atmd;
use rights::{Rights, is_plain};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tarpc::ServerError;
use tarpc::context::Context;
use tarpc::server::Serve;
use tokio::sync::Notify;
use tokio::time::sleep;
use tracing::{info, warn};

/// An operator's connection.
#[derive(Clone, Debug)]
pub(super) struct OperatorConnection {
    services: Arc<Services>,
    fingerprint: [u8; 32],
    rights: Arc<Mutex<Rights>>,
    narrowed: Arc<Notify>,
    present: Arc<Present>,
    /// How long it may last where it is good for nothing.
    brief: Option<Duration>,
    /// The job that was begun here; it ends with the connection.
    job: Arc<Mutex<Option<Owner>>>,
    /// Rows of an import that wait for the others; they go with the connection.
    staged: Arc<Mutex<Vec<Listing>>>,
    /// Rows of an older ledger that wait for the others.
    history: Arc<Mutex<Vec<LegacyRow>>>,
}

/// A call that the rules allow, with the rights that its connection had then.
#[derive(Clone, Debug)]
struct Call {
    connection: OperatorConnection,
    rights: Rights,
    trace: Trace,
}

/// What the audit log has of a call itself.
#[derive(Clone, Debug)]
struct Trace {
    method: &'static str,
    arguments: String,
}

/// Every call comes through here.
impl Serve for OperatorConnection {
    type Req = OperatorRequest;
    type Resp = OperatorResponse;

    async fn serve(self, context: Context, call: OperatorRequest) -> Result<OperatorResponse, ServerError> {
        let (method, services) = (Method::of(&call), Arc::clone(&self.services));
        let counted = services.monitor.requests(Side::Operator).begin(method as usize);
        let answered = match self.admit(method, arguments::of(&call)).await {
            Ok(admitted) => admitted.serve().serve(context, call).await,
            Err(error) => Ok(method.refused(error)),
        };
        counted.answered(answered.as_ref().ok().and_then(Method::error_of));
        answered
    }
}

impl OperatorConnection {
    /// The connection of whoever has the certificate of that fingerprint. A disabled operator has one, too, and so has a
    /// certificate of ours that nobody has any more, for as long as it takes to be told so.
    ///
    /// # Errors
    /// `Unavailable` where the operator cannot be looked up.
    pub(super) async fn enter(services: Arc<Services>, fingerprint: [u8; 32]) -> Result<Self, ServiceError> {
        let known = match look_up(&services, &fingerprint).await {
            Ok(known) => known,
            Err(error) => Some(services.remembered.of(&fingerprint).ok_or(error)?),
        };
        let operator = known.unwrap_or_else(|| stranger(&fingerprint));
        if !operator.enabled {
            warn!("no operator: the certificate is not known, or disabled");
        }
        Ok(Self {
            brief: (!operator.enabled).then(|| services.terms.now().login_timeout),
            present: Arc::new(services.presence.enter(&operator.name)),
            services,
            fingerprint,
            rights: Arc::new(Mutex::new(Rights::of(operator))),
            narrowed: Arc::new(Notify::new()),
            job: Arc::default(),
            staged: Arc::default(),
            history: Arc::default(),
        })
    }

    /// Waits until this connection must end: atmd stops, its operator was disabled, or the time it was narrowed to is
    /// over.
    pub(super) async fn until_it_ends(self) -> End {
        loop {
            let ttl = self.rights().ttl().or(self.brief);
            let over = async {
                match ttl {
                    Some(ttl) => sleep(ttl).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = self.services.stop.cancelled() => return End::InOrder,
                end = self.present.ended() => return end,
                () = over => return End::InOrder,
                () = self.narrowed.notified() => {}
            }
        }
    }

    fn rights(&self) -> MutexGuard<'_, Rights> {
        self.rights.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the operator is still one, with the role that it had. Otherwise this was the last call here.
    async fn recognise(&self, method: Method, trace: Trace) -> Result<(), ServiceError> {
        let known = match look_up(&self.services, &self.fingerprint).await {
            Ok(known) => known,
            Err(error) if is_of_atmd(method) => {
                Some(self.services.remembered.of(&self.fingerprint).ok_or(error)?)
            }
            Err(error) => return Err(error),
        };
        let rights = self.rights().clone();
        if known.is_some_and(|operator| rights.are_of(&operator)) {
            return Ok(());
        }
        let refusal = ServiceError::Unauthenticated(SessionEnd::OperatorUnknown);
        let told = self.refuse(&rights, trace, refusal).await;
        self.present.leave();
        Err(told)
    }

    /// A call that the operator and this connection may make. A refusal is audited.
    async fn admit(&self, method: Method, arguments: String) -> Result<Call, ServiceError> {
        if self.services.stop.is_cancelled() {
            return Err(ServiceError::Unavailable);
        }
        let trace = Trace { method: method.name(), arguments };
        self.recognise(method, trace.clone()).await?;
        let rights = self.rights().clone();
        match rights.check(method.rule()) {
            Ok(()) => Ok(Call { connection: self.clone(), rights, trace }),
            Err(refusal) => Err(self.refuse(&rights, trace, refusal).await),
        }
    }

    /// Notes in the audit log that something was refused, or counts it where that was too often. Gives the refusal, or why it could not be noted.
    async fn refuse(&self, rights: &Rights, trace: Trace, refusal: ServiceError) -> ServiceError {
        let (operator, role) = (rights.operator_name(), rights.role());
        match self.services.refusals().note(
            operator,
            role,
            self.services.terms.now().refusals,
            clock::monotonic(),
        ) {
            Noted::Row => {}
            Noted::First => {
                warn!(operator, "more calls are refused than the audit log has rows for; they are counted");
                return refusal;
            }
            Noted::Counted => return refusal,
        }
        let audit = rights.audit(trace);
        let request = Request::Operate { audit, act: OperatorAct::Refused(refusal) };
        match self.services.writer.submit(request).await {
            Ok(answer) => unexpected(&answer),
            Err(error) => error,
        }
    }
}

impl Call {
    const fn services(&self) -> &Arc<Services> {
        &self.connection.services
    }

    fn job(&self) -> MutexGuard<'_, Option<Owner>> {
        self.connection.job.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn refuse(&self, refusal: ServiceError) -> ServiceError {
        self.connection.refuse(&self.rights, self.trace.clone(), refusal).await
    }

    /// Does or tries something that changes the bank, as the connection's mode has it.
    async fn change(&self, act: OperatorAct) -> Result<Answer, ServiceError> {
        let request = Request::Operate { audit: self.rights.audit(self.trace.clone()), act };
        let writer = &self.services().writer;
        let answer = match self.rights.mode() {
            // The rules do not let it come to this.
            Mode::Read => return Err(self.refuse(ServiceError::ReadOnly).await),
            Mode::DryRun => writer.preview(&request).await?,
            Mode::Change => writer.submit(request).await?,
        };
        let changed = answer.changed();
        let Trace { method, arguments } = &self.trace;
        let (operator, dry_run) = (self.rights.operator_name(), self.rights.mode() == Mode::DryRun);
        info!(operator, method, arguments, changed, dry_run, "operator");
        Ok(answer)
    }

    async fn narrow_connection(&self, to: Narrow) -> Result<Whoami, ServiceError> {
        let narrowed = {
            let mut rights = self.connection.rights();
            rights.narrowed(to).inspect(|narrowed| *rights = narrowed.clone())
        };
        match narrowed {
            Ok(narrowed) => {
                self.connection.narrowed.notify_one();
                Ok(narrowed.whoami(self.services().currency))
            }
            Err(error) => Err(self.refuse(error).await),
        }
    }
}

/// Whoever has the certificate of that fingerprint. Where the database is known not to answer, nobody waits for it.
async fn look_up(services: &Services, fingerprint: &[u8; 32]) -> Result<Option<OperatorRow>, ServiceError> {
    if services.monitor.database_is_silent() {
        return Err(ServiceError::Unavailable);
    }
    services.store.operator(fingerprint).await.map_err(unreadable)
}

/// Who has a certificate of our CA that no operator has. The name is none that an operator can have.
fn stranger(fingerprint: &[u8; 32]) -> OperatorRow {
    let name = format!("unknown {}", hex(&fingerprint[..8]));
    OperatorRow { name, role: Role::Viewer, enabled: false }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
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

/// How many rows to read for a page, one more than it has, and how many it has.
fn row_count(rows: u32) -> (u64, usize) {
    let rows = rows.clamp(1, PAGE_ROWS_MAX);
    (u64::from(rows) + 1, usize::try_from(rows).unwrap_or(usize::MAX))
}
