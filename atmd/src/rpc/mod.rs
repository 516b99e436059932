//! The services: who is asking, call, map the error once. Policy is elsewhere.
//!
//! - `listen`: connections, their bounds, TLS, and the task that serves each.
//! - `customer`, `login`, `redeem`: the service for customers. `counted`: its calls by method and outcome.
//! - `operator`: the service for operators, its rights and its audit.

mod counted;
mod customer;
mod listen;
mod login;
mod operator;
mod redeem;

pub use counted::METHODS;
pub use listen::{Gate, Listener};
pub use operator::{Presence, Reload, Remembered, note};

use crate::auth::cursor::Cursors;
use crate::auth::hasher::Hasher;
use crate::auth::payload::PayloadHasher;
use crate::auth::refusals::Refusals;
use crate::auth::strangers::Strangers;
use crate::auth::throttle::Throttle;
use crate::backup;
use crate::clock::{self, Clock};
use crate::csv::{self, Rebuild};
use crate::drain::Drain;
use crate::jobs::Jobs;
use crate::ledger::Rules;
use crate::ledger::request::Answer;
use crate::live::{Live, Terms};
use crate::monitor::Monitor;
use crate::pki::Pki;
use crate::store::{Store, StoreError};
use crate::writer::Writer;
use atm_rpc::customer::{PROTOCOL, Receipt, ServerInfo};
use atm_rpc::error::ServiceError;
use atm_rpc::types::key::IncidentId;
use atm_rpc::types::money::Currency;
use atm_rpc::types::time::Timestamp;
use std::net::IpAddr;
use std::sync::atomic::AtomicI64;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tracing::{Instrument, error};

/// What the services work with.
#[derive(Debug)]
pub struct Services {
    /// The database, for looking.
    pub store: Store,
    /// The writer, for everything else.
    pub writer: Writer,
    /// The bank's rules.
    pub rules: Live<Rules>,
    /// By what connections and log-ins go.
    pub terms: Live<Terms>,
    /// Hashes PINs.
    pub hasher: Hasher,
    /// Hashes requests.
    pub payloads: PayloadHasher,
    /// Places in lists of accounts.
    pub cursors: Cursors,
    /// Failures of numbers without an account.
    pub strangers: Mutex<Strangers>,
    /// Attempts per peer.
    pub throttle: Mutex<Throttle>,
    /// Operators' refusals that have a row of the audit log.
    pub refusals: Mutex<Refusals>,
    /// The bank's currency.
    pub currency: Currency,
    /// The time.
    pub clock: Clock,
    /// When atmd was started.
    pub started_at: Timestamp,
    /// Counts connections and calls.
    pub monitor: Arc<Monitor>,
    /// Newest entry that the ledgers have.
    pub projected: Arc<AtomicI64>,
    /// Where the ledgers are.
    pub ledgers: csv::Settings,
    /// Where the bank's files are.
    pub backups: backup::Place,
    /// Takes the wish to write ledgers anew.
    pub rebuilds: mpsc::Sender<Rebuild>,
    /// Takes the wish to read the configuration again.
    pub reloads: mpsc::Sender<Reload>,
    /// Whether customers are let in.
    pub drain: Arc<Drain>,
    /// Certifies operators' keys.
    pub pki: Pki,
    /// Operators who are connected.
    pub presence: Presence,
    /// Operators as they were found last.
    pub remembered: Remembered,
    /// What takes longer than a call.
    pub jobs: Jobs,
    /// Cancelled when atmd stops.
    pub stop: CancellationToken,
}

impl Services {
    /// Takes an attempt out of a peer's bucket.
    fn admit(&self, peer: IpAddr) -> Result<(), ServiceError> {
        let mut throttle = self.throttle.lock().unwrap_or_else(PoisonError::into_inner);
        throttle.take(peer, self.terms.now().attempts, clock::monotonic()).map_err(|wait| {
            ServiceError::Busy { retry_after_ms: u32::try_from(wait.as_millis()).unwrap_or(u32::MAX).max(1) }
        })
    }

    /// What a client is told about the bank.
    fn info(&self) -> ServerInfo {
        let rules = self.rules.now();
        ServerInfo {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            protocol: PROTOCOL,
            bank: self.store.instance(),
            currency: self.currency,
            withdraw_min: rules.withdraw_min,
            withdraw_max: rules.withdraw_max,
            withdraw_multiple: rules.withdraw_multiple,
            amount_max: rules.amount_max,
            open_registration: rules.open_registration,
        }
    }

    /// The buckets of operators' refusals.
    pub fn refusals(&self) -> std::sync::MutexGuard<'_, Refusals> {
        self.refusals.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn strangers(&self) -> std::sync::MutexGuard<'_, Strangers> {
        self.strangers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Runs to its end what must not stop halfway when whoever asked leaves.
async fn finish<T: Send + 'static>(
    work: impl Future<Output = Result<T, ServiceError>> + Send + 'static,
) -> Result<T, ServiceError> {
    tokio::spawn(work.in_current_span()).await.unwrap_or_else(|error| Err(internal(&error)))
}

/// A failure whose details stay in the log.
fn internal(error: &dyn std::fmt::Display) -> ServiceError {
    let incident = IncidentId::generate();
    error!(%incident, %error, "a request failed");
    ServiceError::Internal(incident)
}

/// The database could not be read; nothing was applied.
fn unreadable(error: StoreError) -> ServiceError {
    error!(%error, "the database could not be read");
    ServiceError::Unavailable
}

/// The writer answered with something that the request does not give.
fn unexpected(answer: &Answer) -> ServiceError {
    internal(&format!("unexpected answer of the ledger: {answer:?}"))
}

fn receipt(answer: Answer) -> Result<Receipt, ServiceError> {
    match answer {
        Answer::Receipt(receipt) => Ok(receipt),
        other => Err(unexpected(&other)),
    }
}
