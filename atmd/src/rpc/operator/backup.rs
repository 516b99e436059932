//! Backups at an operator's wish: the job that puts one together, its rows of the audit log, and its bytes.

use super::Call;
use crate::backup::{self, Backup, BackupError, Facts};
use crate::jobs::Job;
use crate::ledger::request::{AuditDraft, OperatorAct, Request};
use crate::rpc::{Services, internal};
use atm_rpc::error::{Conflict, ServiceError};
use atm_rpc::operator::backup::{Keys, Part};
use atm_rpc::operator::ledger::JobStart;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::sync::Arc;
use tokio::task::spawn_blocking;
use tracing::{info, warn};

impl Call {
    /// Begins to put a backup together. Nothing leaves the bank before the audit log has it.
    pub(super) fn begin_backup(&self, keys: Keys) -> JobStart {
        let services = Arc::clone(self.services());
        let audit = self.rights.audit(self.trace.clone());
        self.begin(|ticket| {
            tokio::spawn(async move {
                info!(operator = audit.operator, method = &*audit.method, "a job began");
                let made = back_up(&services, &audit, keys, ticket.job()).await;
                // Before others learn that it ended, so that a stop of atmd does not wait for it.
                drop(services);
                match made {
                    Ok(backup) => ticket.hand_over(backup),
                    Err(error) => ticket.finish(Err(error)),
                }
            });
        })
    }

    pub(super) async fn read_backup(&self, member: u32, offset: u64) -> Result<Part, ServiceError> {
        let job = self.job().as_ref().map(|owner| Arc::clone(owner.job()));
        let job = job.ok_or(ServiceError::NotFound)?;
        let read = move || job.backup()?.read(member, offset);
        let read = spawn_blocking(read).await.map_err(|_| ServiceError::Unavailable)?;
        let bytes = read.ok_or(ServiceError::NotFound)?.map_err(|error| internal(&error))?;
        Ok(Part { base64: STANDARD.encode(&bytes) })
    }
}

async fn back_up(
    services: &Services,
    audit: &AuditDraft,
    keys: Keys,
    job: &Arc<Job>,
) -> Result<Backup, ServiceError> {
    note(services, audit, "begun".to_owned()).await?;
    let facts = Facts { currency: services.currency, created_at: services.clock.now() };
    let made = backup::make(services.backups.clone(), services.store.clone(), facts, keys, job).await;
    let (result, made) = match made {
        Ok(backup) => {
            let manifest = backup.manifest();
            let head = manifest.seal_head.as_deref().unwrap_or("none");
            (format!("done: up to entry {}, seal {head}", manifest.last_seq), Ok(backup))
        }
        Err(BackupError::Asked) => ("ended before its end".to_owned(), Err(ServiceError::Unavailable)),
        Err(error) if error.is_full() => {
            warn!(%error, "there is no space for a backup");
            ("failed: the disk is full".to_owned(), Err(ServiceError::Conflict(Conflict::DiskFull)))
        }
        Err(error) => ("failed".to_owned(), Err(internal(&error))),
    };
    info!(operator = audit.operator, method = &*audit.method, result, "a job ended");
    // Of one that is done, too: without its row nobody gets it.
    let noted = note(services, audit, result).await;
    made.and_then(|backup| noted.map(|()| backup))
}

async fn note(services: &Services, audit: &AuditDraft, result: String) -> Result<(), ServiceError> {
    let request = Request::Operate { audit: audit.clone(), act: OperatorAct::Noted(result) };
    services.writer.submit(request).await.map(drop)
}
