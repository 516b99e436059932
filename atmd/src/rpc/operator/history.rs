//! An older tool's history: brought in parts that wait on the connection, and decided in one go, as a job, because a long
//! one takes longer than a call may.

use super::Call;
use crate::jobs::Job;
use crate::ledger::book::PinHash;
use crate::ledger::request::{Answer, OperatorAct};
use crate::rpc::login::hash_error;
use crate::rpc::{internal, unexpected};
use atm_rpc::error::{BadRequest, Conflict, ServiceError};
use atm_rpc::operator::Mode;
use atm_rpc::operator::ledger::{JobEnd, JobStart, Phase};
use atm_rpc::operator::legacy::{LedgerImported, LegacyRow, PART_ROWS_MAX, ROWS_MAX};
use atm_rpc::types::code::{OneTimeCode, SYMBOLS};
use atm_rpc::types::mobile::MobileNumber;
use std::collections::BTreeSet;
use std::mem::take;
use std::sync::{MutexGuard, PoisonError};
use tracing::info;
use zeroize::Zeroizing;

impl Call {
    fn history(&self) -> MutexGuard<'_, Vec<LegacyRow>> {
        self.connection.history.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) async fn stage_history(&self, first: u64, rows: Vec<LegacyRow>) -> Result<u64, ServiceError> {
        match self.staged_history(first, rows) {
            Ok(here) => Ok(here),
            Err(refusal) => Err(self.refuse(refusal).await),
        }
    }

    fn staged_history(&self, first: u64, rows: Vec<LegacyRow>) -> Result<u64, ServiceError> {
        let fits =
            (1..=PART_ROWS_MAX).contains(&rows.len()) && first.saturating_add(count(rows.len())) <= ROWS_MAX;
        if !fits {
            return Err(ServiceError::BadRequest(BadRequest::LegacyRows));
        }
        let mut staged = self.history();
        if first == 0 {
            staged.clear();
        }
        let here = count(staged.len());
        if here != first {
            return Err(ServiceError::Conflict(Conflict::Staged { staged: here }));
        }
        staged.extend(rows);
        Ok(count(staged.len()))
    }

    pub(super) async fn begin_import(&self, expected: u64) -> Result<JobStart, ServiceError> {
        let rows = take(&mut *self.history());
        let here = count(rows.len());
        if here != expected || here == 0 {
            return Err(self.refuse(ServiceError::Conflict(Conflict::Staged { staged: here })).await);
        }
        let pin = Box::new(self.unknown_pin().await?);
        let mut call = self.clone();
        call.trace.arguments = format!("rows={here} blake3={}", digest(&rows)?);
        Ok(self.begin(|ticket| {
            tokio::spawn(async move {
                let (operator, method) = (call.rights.operator_name().to_owned(), call.trace.method);
                info!(operator, method, rows = here, "a job began");
                let end = call.import_history(ticket.job(), rows, pin).await;
                // Before others learn that it ended, so that a stop of atmd does not wait for it.
                drop(call);
                ticket.finish(end.map(|imported| JobEnd::Imported(Box::new(imported))));
            });
        }))
    }

    async fn import_history(
        &self,
        job: &Job,
        rows: Vec<LegacyRow>,
        pin: Box<PinHash>,
    ) -> Result<LedgerImported, ServiceError> {
        job.enter(Phase::Importing, 0);
        let numbers: BTreeSet<MobileNumber> = rows.iter().filter_map(|row| row.mobile).collect();
        let masked = !self.rights.sees_numbers();
        match self.change(OperatorAct::LedgerImport { rows, pin, masked }).await? {
            Answer::History(imported) => {
                let dry_run = self.rights.mode() == Mode::DryRun;
                if !dry_run {
                    let mut strangers = self.services().strangers();
                    numbers.into_iter().for_each(|number| strangers.forget(number));
                }
                Ok(LedgerImported { dry_run, ..*imported })
            }
            other => Err(unexpected(&other)),
        }
    }

    /// What stands for a PIN that nobody chose: a hash that nothing can meet, with the secret and the cost of others.
    async fn unknown_pin(&self) -> Result<PinHash, ServiceError> {
        let mut random: Zeroizing<[u8; SYMBOLS]> = Zeroizing::new([0; SYMBOLS]);
        getrandom::fill(&mut *random).map_err(|error| internal(&error))?;
        let nobody = MobileNumber::parse("00000").map_err(|error| internal(&error))?;
        let place = self.services().hasher.place().await.map_err(hash_error)?;
        let like_others = place.hash(nobody, OneTimeCode::from_random(&random)).await.map_err(hash_error)?;
        let (mut salt, mut hash) = ([0; 16], [0; 32]);
        getrandom::fill(&mut salt).map_err(|error| internal(&error))?;
        getrandom::fill(&mut hash).map_err(|error| internal(&error))?;
        Ok(PinHash { salt, hash, ..like_others })
    }
}

fn count(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}

/// Tells for ever which rows they were, without telling the numbers: a line of JSON for each.
fn digest(rows: &[LegacyRow]) -> Result<blake3::Hash, ServiceError> {
    let mut hasher = blake3::Hasher::new();
    for row in rows {
        serde_json::to_writer(&mut hasher, row).map_err(|error| internal(&error))?;
        hasher.update(b"\n");
    }
    Ok(hasher.finalize())
}
