//! Operators as they were found last, for when the database is away: then somebody has to see how atmd is.

use crate::ledger::operators::Operator;
use crate::store::read::OperatorRow;
use atm_rpc::operator::rules::Method;
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Operators who are let in, by the fingerprints of their certificates.
#[derive(Debug, Default)]
pub struct Remembered(Mutex<HashMap<[u8; 32], OperatorRow>>);

impl Remembered {
    /// These are all there are.
    pub fn replace(&self, all: Vec<(String, Operator)>) {
        let enabled = all.into_iter().filter(|(_, operator)| operator.enabled);
        *self.all() = enabled
            .map(|(name, Operator { fingerprint, role, enabled, .. })| {
                (fingerprint, OperatorRow { name, role, enabled })
            })
            .collect();
    }

    /// One of them is another one now, or none any more.
    pub fn forget(&self) {
        self.all().clear();
    }

    /// Whoever has the certificate of that fingerprint.
    pub(super) fn of(&self, fingerprint: &[u8; 32]) -> Option<OperatorRow> {
        self.all().get(fingerprint).cloned()
    }

    fn all(&self) -> MutexGuard<'_, HashMap<[u8; 32], OperatorRow>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether a method tells of atmd alone, and nothing of the bank that its database has.
pub(super) const fn is_of_atmd(method: Method) -> bool {
    matches!(
        method,
        Method::Narrow | Method::Whoami | Method::Status | Method::Metrics | Method::MetricsHistory
    )
}
