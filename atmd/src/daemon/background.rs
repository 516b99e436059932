//! What is done at intervals while atmd serves.

use super::drains::see_drains_through;
use crate::auth::refusals::{Counted, Due};
use crate::clock;
use crate::ledger::blacklist::ATMD;
use crate::ledger::operators::Renewal;
use crate::ledger::request::{AuditDraft, OperatorAct, Request};
use crate::log::LostLines;
use crate::monitor;
use crate::pki::{PkiError, ROOT, Renewed};
use crate::rpc::Services;
use crate::store::Store;
use atm_rpc::error::ServiceError;
use atm_rpc::operator::Role;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

/// How often the head of the seals goes to the log, where an attacker on the database cannot change it.
const SEAL_HEAD_INTERVAL: Duration = Duration::from_secs(60);
/// How often the keys of old rejections are forgotten.
const FORGET_INTERVAL: Duration = Duration::from_secs(3600);
/// How often refusals that were counted go to the audit log.
const REFUSALS_INTERVAL: Duration = Duration::from_secs(60);
const DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// How often it is looked whether the first operator's certificate was renewed.
const ROOT_INTERVAL: Duration = Duration::from_secs(1);

/// How often operators are remembered as they are, and how many.
const OPERATORS_INTERVAL: Duration = Duration::from_secs(60);
const OPERATORS_MAX: u64 = 1_000;

/// Begins all of it.
pub(super) fn begin(services: &Arc<Services>, lost: LostLines) {
    let (monitor, stop) = (&services.monitor, &services.stop);
    tokio::spawn(monitor::probe(Arc::clone(monitor), stop.clone()));
    tokio::spawn(monitor::run(Arc::clone(monitor), stop.clone(), move || lost.count()));
    tokio::spawn(tell_seal_head(services.store.clone(), stop.clone()));
    tokio::spawn(learn_of_root(Arc::clone(services)));
    tokio::spawn(keep_remembering(Arc::clone(services)));
    tokio::spawn(tell_refusals(Arc::clone(services)));
    tokio::spawn(forget_rejections(Arc::clone(services)));
    tokio::spawn(see_drains_through(Arc::clone(services)));
}

/// Looks at intervals whether the first operator's certificate was renewed.
async fn learn_of_root(services: Arc<Services>) {
    let mut ticks = tokio::time::interval(ROOT_INTERVAL);
    loop {
        tokio::select! {
            () = services.stop.cancelled() => return,
            _ = ticks.tick() => tell_of_root(&services).await,
        }
    }
}

/// Remembers operators at intervals.
async fn keep_remembering(services: Arc<Services>) {
    loop {
        tokio::select! {
            () = services.stop.cancelled() => return,
            () = tokio::time::sleep(OPERATORS_INTERVAL) => remember_operators(&services).await,
        }
    }
}

/// Remembers operators, for when the database is away.
pub(super) async fn remember_operators(services: &Services) {
    match services.store.operators(None, OPERATORS_MAX).await {
        Ok(all) => services.remembered.replace(all),
        // Those of before are remembered.
        Err(error) => warn!(%error, "operators could not be read"),
    }
}

/// Tells the ledger of the first operator's new certificate, where `atmd pki` has made one.
pub(super) async fn tell_of_root(services: &Services) {
    // A reload does not wait for the next look, and one of the two is enough.
    static TELLING: Mutex<()> = Mutex::const_new(());
    let _telling = TELLING.lock().await;
    let Renewed { replaces, fingerprint, certificate } = match services.pki.renewed_root() {
        Ok(Some(renewed)) => renewed,
        Ok(None) => return,
        Err(error) => return warn!(%error, "root's new certificate cannot be read"),
    };
    let wish = Renewal { name: ROOT.to_owned(), replaces, fingerprint, certificate };
    let audit = AuditDraft {
        operator: ATMD.to_owned(),
        role: Role::Admin,
        command: None,
        plugin: None,
        capabilities: String::new(),
        method: "operator_renew".into(),
        arguments: format!("name={ROOT:?}"),
    };
    let request = Request::Operate { audit, act: OperatorAct::OperatorRenew(wish) };
    match services.writer.submit(request).await {
        Ok(_) => {
            services.remembered.forget();
            info!("root has a new certificate");
        }
        Err(error @ (ServiceError::Conflict(_) | ServiceError::NotFound)) => {
            warn!(%error, "root's new certificate is not taken: root is disabled or has another one");
        }
        Err(error) => return warn!(%error, "root's new certificate is not known yet; trying again"),
    }
    match services.pki.root_is_known(&fingerprint) {
        // Whoever is at work there renews root once more, or is done at the next look.
        Ok(()) | Err(PkiError::Busy(_)) => {}
        Err(error) => warn!(%error, "what tells of root's new certificate cannot be removed"),
    }
}

/// Tells the head of the seals to the log: a history that was cut off at its end does not match it.
async fn tell_seal_head(store: Store, stop: CancellationToken) {
    let mut ticks = tokio::time::interval(SEAL_HEAD_INTERVAL);
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = ticks.tick() => {}
        }
        match store.seal_head().await {
            Ok(head) => {
                let mac: String = head.mac.iter().map(|byte| format!("{byte:02x}")).collect();
                info!(seal = head.id, mac, "seal head");
            }
            Err(error) => warn!(%error, "the head of the seals could not be read"),
        }
    }
}

/// Forgets the keys of requests that were rejected so many days ago.
async fn forget_rejections(services: Arc<Services>) {
    let mut ticks = tokio::time::interval(FORGET_INTERVAL);
    loop {
        tokio::select! {
            () = services.stop.cancelled() => return,
            _ = ticks.tick() => {}
        }
        let days = services.terms.now().rejections_days;
        let before = services.clock.now().plus_ms(-i64::from(days) * DAY_MS);
        if let Err(error) = services.writer.submit(Request::ForgetRejections { before }).await {
            warn!(%error, "old rejections could not be forgotten; trying again in an hour");
        }
    }
}

/// Writes how many calls of each operator were refused beyond those with a row of their own; the last time when atmd
/// stops.
async fn tell_refusals(services: Arc<Services>) {
    let mut ticks = tokio::time::interval(REFUSALS_INTERVAL);
    loop {
        let due = tokio::select! {
            () = services.stop.cancelled() => Due::All,
            _ = ticks.tick() => Due::InTime,
        };
        let counts = services.refusals().due(due, services.terms.now().refusals, clock::monotonic());
        for (operator, counted) in counts {
            let request = refused(&operator, counted);
            if let Err(error) = services.writer.submit(request).await {
                warn!(%error, operator, count = counted.count, "refused calls are not in the audit log yet");
                services.refusals().take_back(operator, counted, clock::monotonic());
            }
        }
        if due == Due::All {
            return;
        }
    }
}

fn refused(operator: &str, counted: Counted) -> Request {
    let audit = AuditDraft {
        operator: operator.to_owned(),
        role: counted.role,
        command: None,
        plugin: None,
        capabilities: String::new(),
        method: "several".into(),
        arguments: format!("count={}", counted.count),
    };
    let result = format!("refused: {} more, too many for a row each", counted.count);
    Request::Operate { audit, act: OperatorAct::Noted(result) }
}
