//! The daemon itself: its configuration read again, and whether customers are let in.

use super::{Call, check_reason};
use crate::clock;
use crate::drain::Wish;
use crate::ledger::request::{AuditDraft, OperatorAct, Request};
use crate::rpc::{Services, finish};
use atm_rpc::error::{BadRequest, ServiceError};
use atm_rpc::operator::Mode;
use atm_rpc::operator::daemon::{DRAIN_MS_MAX, DrainChange, Reloaded};
use std::sync::Arc;
use tokio::sync::oneshot;
use tracing::info;

/// An operator's wish to have the configuration read again, and who waits for what comes of it.
#[derive(Debug)]
pub struct Reload {
    /// What the audit log has of it; nothing where it is only tried.
    pub audit: Option<AuditDraft>,
    /// Who waits.
    pub reply: oneshot::Sender<Result<Reloaded, ServiceError>>,
}

impl Call {
    pub(super) async fn reload(&self) -> Result<Reloaded, ServiceError> {
        let (reply, answer) = oneshot::channel();
        let audit = (self.rights.mode() == Mode::Change).then(|| self.rights.audit(self.trace.clone()));
        let asked = self.services().reloads.send(Reload { audit, reply }).await;
        asked.map_err(|_| ServiceError::Unavailable)?;
        let reloaded = answer.await.map_err(|_| ServiceError::Unavailable)??;
        self.tell(reloaded.changed, reloaded.dry_run);
        Ok(reloaded)
    }

    pub(super) async fn drain(
        &self,
        reason: String,
        length_ms: Option<u64>,
    ) -> Result<DrainChange, ServiceError> {
        let checked = check_reason(&reason).and_then(|()| match length_ms {
            Some(length_ms) if !(1..=DRAIN_MS_MAX).contains(&length_ms) => {
                Err(ServiceError::BadRequest(BadRequest::Deadline))
            }
            _ => Ok(()),
        });
        match checked {
            Ok(()) => self.set_doors(Wish::Shut { reason, length_ms }).await,
            Err(bad) => Err(self.refuse(bad).await),
        }
    }

    pub(super) async fn undrain(&self) -> Result<DrainChange, ServiceError> {
        self.set_doors(Wish::Open).await
    }

    async fn set_doors(&self, wish: Wish) -> Result<DrainChange, ServiceError> {
        let (services, dry_run) = (self.services(), self.rights.mode() != Mode::Change);
        let (shut, changed) = services.drain.try_out(&wish, services.clock.now(), clock::monotonic());
        if !dry_run {
            let (services, audit) = (Arc::clone(services), self.rights.audit(self.trace.clone()));
            let (result, doors) = (if changed { "done" } else { "unchanged" }, shut.clone());
            // The row may be committed after whoever asked has left.
            finish(async move {
                note(&services, audit, result.to_owned()).await?;
                if changed {
                    services.drain.set(doors);
                }
                Ok(())
            })
            .await?;
        }
        self.tell(changed, dry_run);
        Ok(DrainChange { changed, dry_run, draining: shut.map(|shut| shut.told) })
    }

    fn tell(&self, changed: bool, dry_run: bool) {
        let (operator, method, arguments) =
            (self.rights.operator_name(), self.trace.method, &self.trace.arguments);
        info!(operator, method, arguments, changed, dry_run, "operator");
    }
}

/// Has the audit log say what comes of a call that changes nothing in the database. It comes before its effect.
///
/// # Errors
/// Why it does not; then there must be no effect.
pub async fn note(services: &Services, audit: AuditDraft, result: String) -> Result<(), ServiceError> {
    let request = Request::Operate { audit, act: OperatorAct::Noted(result) };
    services.writer.submit(request).await.map(drop)
}
