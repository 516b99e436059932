//! The service for operators: rights checked at every call, every change and every refusal audited.
//!
//! - Here: a connection, and the one place where a call is allowed or refused before its handler runs, by
//!   [`atm_rpc::operator::rules`].
//! - `rights`: what a connection may do. `arguments`: what the audit log has of a call.
//! - `service`: the methods; `status`, `blacklist`, `jobs`: what they do, a file for each noun.

mod arguments;
mod blacklist;
mod jobs;
mod rights;
mod service;
mod status;

use super::{Services, unexpected, unreadable};
use crate::jobs::Owner;
use crate::ledger::request::{Answer, OperatorAct, Request};
use crate::store::read::OperatorRow;
use atm_rpc::error::{BadRequest, ServiceError, SessionEnd};
use atm_rpc::operator::rules::Method;
use atm_rpc::operator::{
    Mode, Narrow, Operator as _, OperatorRequest, OperatorResponse, PAGE_ROWS_MAX, REASON_LENGTH_MAX, Whoami,
};
use rights::{Rights, is_plain};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tarpc::ServerError;
use tarpc::context::Context;
use tarpc::server::Serve;
use tokio::sync::Notify;
use tokio::time::sleep;
use tracing::info;

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

/// A call that the rules allow, with the rights that its connection had then.
#[derive(Clone, Debug)]
struct Call {
    connection: OperatorConnection,
    rights: Rights,
    method: Method,
    arguments: String,
}

/// Every call comes through here.
impl Serve for OperatorConnection {
    type Req = OperatorRequest;
    type Resp = OperatorResponse;

    async fn serve(self, context: Context, call: OperatorRequest) -> Result<OperatorResponse, ServerError> {
        let method = Method::of(&call);
        match self.admit(method, arguments::of(&call)).await {
            Ok(admitted) => admitted.serve().serve(context, call).await,
            Err(error) => Ok(method.refused(error)),
        }
    }
}

impl OperatorConnection {
    pub(super) fn new(services: Arc<Services>, fingerprint: [u8; 32], operator: OperatorRow) -> Self {
        Self {
            services,
            fingerprint,
            rights: Arc::new(Mutex::new(Rights::of(operator))),
            narrowed: Arc::new(Notify::new()),
            job: Arc::default(),
        }
    }

    /// Waits until this connection must end: atmd stops, or the time it was narrowed to is over.
    pub(super) async fn until_it_ends(self) {
        loop {
            let ttl = self.rights().ttl();
            let over = async {
                match ttl {
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

    /// A call that the operator and this connection may make. A refusal is audited.
    async fn admit(&self, method: Method, arguments: String) -> Result<Call, ServiceError> {
        if self.services.stop.is_cancelled() {
            return Err(ServiceError::Unavailable);
        }
        let known = self.services.store.operator(&self.fingerprint).await.map_err(unreadable)?;
        let call = Call { connection: self.clone(), rights: self.rights().clone(), method, arguments };
        let allowed = match known {
            Some(operator) if call.rights.are_of(&operator) => call.rights.check(method.rule()),
            _ => Err(ServiceError::Unauthenticated(SessionEnd::OperatorUnknown)),
        };
        match allowed {
            Ok(()) => Ok(call),
            Err(refusal) => Err(call.refuse(refusal).await),
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

    /// Notes in the audit log that the call was refused. Gives the refusal, or why it could not be noted.
    async fn refuse(&self, refusal: ServiceError) -> ServiceError {
        let audit = self.rights.audit(self.method.name(), self.arguments.clone());
        let request = Request::Operate { audit, act: OperatorAct::Refused(refusal) };
        match self.services().writer.submit(request).await {
            Ok(answer) => unexpected(&answer),
            Err(error) => error,
        }
    }

    /// Does or tries something that changes the bank, as the connection's mode has it.
    async fn change(&self, act: OperatorAct) -> Result<Answer, ServiceError> {
        let (method, dry_run) = (self.method.name(), self.rights.mode() == Mode::DryRun);
        let request = Request::Operate { audit: self.rights.audit(method, self.arguments.clone()), act };
        let writer = &self.services().writer;
        let answer = match self.rights.mode() {
            // The rules do not let it come to this.
            Mode::Read => return Err(self.refuse(ServiceError::ReadOnly).await),
            Mode::DryRun => writer.preview(&request).await?,
            Mode::Change => writer.submit(request).await?,
        };
        let changed = answer.changed();
        info!(operator = self.rights.operator_name(), method, self.arguments, changed, dry_run, "operator");
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
                Ok(narrowed.whoami(self.services().info.currency))
            }
            Err(error) => Err(self.refuse(error).await),
        }
    }
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
