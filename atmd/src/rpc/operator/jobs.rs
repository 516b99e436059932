//! Jobs on the whole ledger at an operator's wish: who may begin one, what its audit row says, and its news as the
//! caller may see them.

use super::Call;
use super::rights::Rights;
use crate::clock;
use crate::csv::Rebuild;
use crate::jobs::{Job, News, Running, Ticket};
use crate::ledger::request::{AuditDraft, OperatorAct, Request};
use crate::rpc::{Services, internal};
use crate::seal::SealMac;
use crate::store::{SealHead, Store, StoreError};
use crate::verify::job::{Looked, Scope, Stopped, Subject, verify};
use crate::verify::{Finding, Place, Shown};
use atm_rpc::error::{BadRequest, ServiceError};
use atm_rpc::operator::Mode;
use atm_rpc::operator::ledger::{
    self, AuditVerified, JobEnd, JobNews, JobStart, Phase, RebuiltLedger, Verified,
};
use atm_rpc::types::account::AccountId;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::time::sleep;
use tracing::{error, info, warn};

/// How often, and how many times, the ledgers are waited for before they are compared.
const WAIT: Duration = Duration::from_millis(20);
const WAITS_MAX: u32 = 250;

impl Call {
    /// Begins to verify so much.
    pub(super) fn begin_verify(&self, scope: Scope, head: Option<String>) -> Result<JobStart, ServiceError> {
        let given = head.as_deref().map(parse_head).transpose()?;
        let services = self.services();
        let subject = Subject {
            scope,
            heads: services.store.seen_heads().into_iter().chain(given).collect(),
            store: services.store.clone(),
            folder: services.ledgers.folder.clone(),
            currency: services.currency,
            must_have: 0,
        };
        let projected = Arc::clone(&services.projected);
        let (operator, method) = (self.rights.operator_name().to_owned(), self.trace.method);
        Ok(self.begin(|ticket| {
            tokio::spawn(async move {
                info!(operator, method, "a job began");
                let must_have = match scope {
                    Scope::Everything => caught_up(&subject.store, &projected).await,
                    Scope::AuditLog => Ok(0),
                };
                let looked = match must_have {
                    Ok(must_have) => verify(Subject { must_have, ..subject }, ticket.job()).await,
                    Err(error) => Err(error.into()),
                };
                finish_verify(ticket, scope, looked, &operator);
            });
        }))
    }

    pub(super) fn begin_rebuild(&self) -> JobStart {
        let dry_run = self.rights.mode() != Mode::Change;
        let services = Arc::clone(self.services());
        let audit = self.rights.audit(self.trace.clone());
        self.begin(|ticket| {
            tokio::spawn(async move {
                info!(operator = audit.operator, method = &*audit.method, dry_run, "a job began");
                let end = rebuild(&services, ticket.job(), audit, dry_run).await;
                // Before others learn that it ended, so that a stop of atmd does not wait for it.
                drop(services);
                ticket.finish(end);
            });
        })
    }

    pub(super) async fn news(&self, after: u64) -> Result<JobNews, ServiceError> {
        let job = self.job().as_ref().map(|owner| Arc::clone(owner.job()));
        let News { phase, done, total, findings, count, end } =
            job.ok_or(ServiceError::NotFound)?.news(after).await;
        let findings = findings.into_iter().map(|finding| self.rights.finding(finding)).collect();
        Ok(JobNews { phase, done, total, findings, findings_count: count, end: end.transpose()? })
    }

    pub(super) async fn cancel(&self) -> bool {
        let Some(owner) = self.job().take() else { return false };
        owner.job().news(u64::MAX).await.end.is_none()
    }

    /// Takes the place for the one job, and keeps the job on this connection.
    pub(super) fn begin(&self, start: impl FnOnce(Ticket)) -> JobStart {
        let services = self.services();
        let operator = self.rights.operator_name().to_owned();
        let running = Running { method: self.trace.method, operator, since: services.clock.now() };
        match services.jobs.begin(running) {
            Ok((owner, ticket)) => {
                *self.job() = Some(owner);
                start(ticket);
                JobStart::Begun
            }
            Err(Running { method, operator, since }) => {
                JobStart::Occupied { method: method.to_owned(), operator, since }
            }
        }
    }
}

/// The ledgers come a moment after the journal. Gives the newest entry that they have by now.
async fn caught_up(store: &Store, projected: &AtomicI64) -> Result<i64, StoreError> {
    let head = store.head().await?.seq;
    for _ in 0..WAITS_MAX {
        if projected.load(Ordering::Relaxed) >= head {
            break;
        }
        sleep(WAIT).await;
    }
    Ok(projected.load(Ordering::Relaxed))
}

/// `ID:HEX`, as the log tells it.
fn parse_head(text: &str) -> Result<SealHead, ServiceError> {
    let parsed = || {
        let (id, hex) = text.split_once(':')?;
        let digits = hex.as_bytes();
        let mut mac: SealMac = [0; 32];
        if digits.len() != 2 * mac.len() {
            return None;
        }
        for (byte, pair) in mac.iter_mut().zip(digits.chunks_exact(2)) {
            let digit = |digit: u8| char::from(digit).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
            *byte = digit(pair[0])? << 4 | digit(pair[1])?;
        }
        let id = id.parse().ok().filter(|id| *id > 0)?;
        Some(SealHead { id, mac })
    };
    parsed().ok_or(ServiceError::BadRequest(BadRequest::SealHead))
}

fn finish_verify(ticket: Ticket, scope: Scope, looked: Result<Looked, Stopped>, operator: &str) {
    let job = ticket.job();
    let elapsed = clock::monotonic().duration_since(job.begun());
    let findings = job.count();
    let what = match scope {
        Scope::Everything => "ledger",
        Scope::AuditLog => "audit log",
    };
    let end = match looked {
        Ok(looked) => {
            let elapsed_ms = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX);
            let (entries, audits) = (looked.counts.entries, looked.counts.audits);
            if findings == 0 {
                info!(operator, entries, audits, elapsed_ms, "the {what} was verified: nothing differs");
            } else {
                error!(
                    operator,
                    entries, audits, elapsed_ms, findings, "the {what} was verified: it is not what it was"
                );
            }
            Ok(verified(scope, &looked, elapsed_ms))
        }
        Err(Stopped::Asked) => {
            info!(operator, what, "a verification was ended before its end");
            Err(ServiceError::Unavailable)
        }
        Err(error) => Err(internal(&error)),
    };
    ticket.finish(end);
}

fn verified(scope: Scope, looked: &Looked, elapsed_ms: u64) -> JobEnd {
    let Looked { counts, accounts, ledger_bytes, head, .. } = *looked;
    let (audits, seals) = (counts.audits, counts.seals);
    let head = (head.id > 0).then(|| head.to_string());
    match scope {
        Scope::Everything => {
            let entries = counts.entries;
            JobEnd::Verified(Verified { entries, audits, seals, accounts, ledger_bytes, elapsed_ms, head })
        }
        Scope::AuditLog => JobEnd::AuditVerified(AuditVerified { audits, seals, elapsed_ms, head }),
    }
}

/// Asks the task that has the ledgers. What it changes has its row of the audit log before, and all of it after.
async fn rebuild(
    services: &Services,
    job: &Arc<Job>,
    audit: AuditDraft,
    dry_run: bool,
) -> Result<JobEnd, ServiceError> {
    job.enter(Phase::Waiting, 0);
    let (reply, answer) = oneshot::channel();
    let wish = Rebuild { audit: (!dry_run).then(|| audit.clone()), job: Arc::clone(job), reply };
    let asked = services.rebuilds.send(wish).await.map_err(|_| ServiceError::Unavailable);
    let rebuilt = match asked {
        Ok(()) => answer.await.map_err(|_| ServiceError::Unavailable),
        Err(error) => Err(error),
    };
    let (result, end) = match rebuilt {
        Ok(Ok(ledgers)) => (done(&ledgers), Ok(JobEnd::Rebuilt(ledgers))),
        Ok(Err(_)) if job.is_stopped() => ("ended before its end".to_owned(), Err(ServiceError::Unavailable)),
        Ok(Err(error)) => ("failed".to_owned(), Err(internal(&format!("{error:#}")))),
        Err(error) => ("failed".to_owned(), Err(error)),
    };
    info!(operator = audit.operator, method = &*audit.method, dry_run, result, "a job ended");
    if !dry_run {
        let act = OperatorAct::Noted(result);
        if let Err(error) = services.writer.submit(Request::Operate { audit, act }).await {
            warn!(%error, "the end of a job is not in the audit log");
        }
    }
    end
}

fn done(ledgers: &[RebuiltLedger]) -> String {
    let changed: Vec<&str> =
        ledgers.iter().filter(|ledger| ledger.changed).map(|ledger| ledger.file.as_str()).collect();
    if changed.is_empty() { "unchanged".to_owned() } else { format!("done: {}", changed.join(", ")) }
}

impl Rights {
    fn finding(&self, finding: Finding) -> ledger::Finding {
        let Finding { check, place, column, expected, found } = finding;
        ledger::Finding {
            check,
            place: match place {
                Place::Entry(seq) => format!("journal {seq}"),
                Place::Audit(id) => format!("audit {id}"),
                Place::Seal(id) => format!("seal {id}"),
                Place::Account(raw) => format!("account {}", self.account(raw)),
                Place::Books => "books".to_owned(),
                Place::Ledger { ledger, byte, line } => {
                    format!("{} line {line}, byte {byte}", ledger.file_name())
                }
            },
            column: column.map(str::to_owned),
            expected: expected.and_then(|value| self.value(value)),
            found: found.and_then(|value| self.value(value)),
        }
    }

    fn value(&self, value: Shown) -> Option<String> {
        match value {
            Shown::Plain(text) => Some(text),
            Shown::Account(account) => Some(self.account(account.raw())),
            Shown::Personal(text) => self.sees_numbers().then_some(text),
        }
    }

    /// A customer's number, a name of the bank's own, or the id where it is neither.
    pub(super) fn account(&self, raw: i64) -> String {
        const NAMES: [&str; 5] = ["vault", "equity", "suspense", "clearing", "fees"];
        match AccountId::from_raw(raw) {
            Some(id) if id.mobile().is_some() => self.shown(id),
            Some(id) => {
                let own = AccountId::SYSTEM.iter().zip(NAMES).find(|(system, _)| **system == id);
                own.map_or_else(|| raw.to_string(), |(_, name)| name.to_owned())
            }
            None => format!("id {raw}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_is_read_as_the_log_tells_it() {
        let head = SealHead { id: 17, mac: [0xa5; 32] };
        assert_eq!(parse_head(&head.to_string()), Ok(head));
        let hex = "a5".repeat(32);
        for bad in ["", "17", ":", &hex, &format!("0:{hex}"), &format!("-1:{hex}"), &format!("1:{hex}0")] {
            assert_eq!(parse_head(bad), Err(ServiceError::BadRequest(BadRequest::SealHead)), "{bad}");
        }
        assert!(parse_head(&format!("1:{}", "g5".repeat(32))).is_err());
    }
}
