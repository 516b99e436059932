//! Many numbers for the blacklist: brought in parts that wait on the connection, and decided in one go.

use super::{Call, check_reason};
use crate::ledger::request::{Answer, Listing, OperatorAct};
use crate::rpc::unexpected;
use atm_rpc::error::{BadRequest, Conflict, ServiceError};
use atm_rpc::operator::Mode;
use atm_rpc::operator::blacklist::{
    BlacklistImported, BlacklistListing, IMPORT_PART_ROWS_MAX, IMPORT_ROWS_MAX,
};
use std::mem::take;
use std::sync::{MutexGuard, PoisonError};

impl Call {
    /// Rows of an import that wait.
    fn staged(&self) -> MutexGuard<'_, Vec<Listing>> {
        self.connection.staged.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) async fn stage(&self, first: u64, rows: Vec<BlacklistListing>) -> Result<u64, ServiceError> {
        let staged = self.check_part(first, &rows).and_then(|()| {
            let mut staged = self.staged();
            if first == 0 {
                staged.clear();
            }
            let here = count(staged.len());
            if here != first {
                return Err(ServiceError::Conflict(Conflict::Staged { staged: here }));
            }
            staged.extend(rows.into_iter().map(|row| {
                let BlacklistListing { mobile: number, reason, until } = row;
                Listing { number, reason, until }
            }));
            Ok(count(staged.len()))
        });
        match staged {
            Ok(here) => Ok(here),
            Err(refusal) => Err(self.refuse(refusal).await),
        }
    }

    fn check_part(&self, first: u64, rows: &[BlacklistListing]) -> Result<(), ServiceError> {
        let fits = (1..=IMPORT_PART_ROWS_MAX).contains(&rows.len())
            && first.saturating_add(count(rows.len())) <= IMPORT_ROWS_MAX;
        if !fits {
            return Err(ServiceError::BadRequest(BadRequest::Rows));
        }
        let now = self.services().clock.now();
        for row in rows {
            check_reason(&row.reason)?;
            if row.until.is_some_and(|until| until <= now) {
                return Err(ServiceError::BadRequest(BadRequest::Until));
            }
        }
        Ok(())
    }

    pub(super) async fn import_blacklist(&self, expected: u64) -> Result<BlacklistImported, ServiceError> {
        let rows = take(&mut *self.staged());
        let here = count(rows.len());
        if here != expected || here == 0 {
            return Err(self.refuse(ServiceError::Conflict(Conflict::Staged { staged: here })).await);
        }
        let mut call = self.clone();
        call.trace.arguments = format!("rows={here} blake3={}", digest(&rows));
        match call.change(OperatorAct::BlacklistImport { rows }).await? {
            Answer::Imported(imported) => {
                Ok(BlacklistImported { dry_run: self.rights.mode() == Mode::DryRun, ..imported })
            }
            other => Err(unexpected(&other)),
        }
    }
}

fn count(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}

/// Tells for ever which rows they were, without telling the numbers: lines `number,until in ms,reason`.
fn digest(rows: &[Listing]) -> blake3::Hash {
    let mut hasher = blake3::Hasher::new();
    for Listing { number, reason, until } in rows {
        let until = until.map_or_else(String::new, |until| until.ms().to_string());
        hasher.update(format!("{},{until},{reason}\n", number.full()).as_bytes());
    }
    hasher.finalize()
}
