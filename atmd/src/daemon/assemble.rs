//! Puts the parts together, as the configuration has it.

use super::StartError;
use super::prepare::credentials;
use crate::auth::cursor::Cursors;
use crate::auth::hasher::Hasher;
use crate::auth::payload::PayloadHasher;
use crate::auth::pin::Peppers;
use crate::auth::strangers::Strangers;
use crate::backup;
use crate::calendar::Calendar;
use crate::clock::Clock;
use crate::config::Config;
use crate::csv::{Projection, Rebuild, Settings};
use crate::jobs::Jobs;
use crate::ledger::Rules;
use crate::ledger::request::{NewOperator, Request};
use crate::live::{Live, Terms};
use crate::log::LostLines;
use crate::monitor::{Monitor, Sources};
use crate::pki::{self, Pki};
use crate::rpc::{Gate, Presence, Reload, Remembered, Services};
use crate::store::Store;
use crate::writer::{Bounds, Context, Ended, Writer};
use atm_rpc::operator::Role;
use atm_rpc::operator::metrics::Side;
use atm_rpc::types::time::Timestamp;
use std::sync::atomic::AtomicI64;
use std::sync::{Arc, Mutex};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// The node's name for its checkpoints. The embedded database has one node.
const NODE: &str = "local";

/// What was made before, each for itself.
pub(super) struct Parts {
    pub(super) store: Store,
    pub(super) writer: Writer,
    pub(super) peppers: Peppers,
    pub(super) pki: Pki,
    pub(super) clock: Clock,
    pub(super) monitor: Arc<Monitor>,
    pub(super) rebuilds: mpsc::Sender<Rebuild>,
    pub(super) reloads: mpsc::Sender<Reload>,
    pub(super) rules: Live<Rules>,
    pub(super) terms: Live<Terms>,
}

pub(super) fn services(config: &Config, parts: Parts) -> Result<Arc<Services>, StartError> {
    let Parts { store, writer, peppers, pki, clock, monitor, rebuilds, reloads, rules, terms } = parts;
    let auth = &config.auth;
    let payload_secret = peppers.first_key_value().map_or([0; 32], |(_, pepper)| **pepper);
    let hasher = Hasher::start(peppers, terms.clone(), auth.hash_threads).map_err(StartError::Threads)?;
    Ok(Arc::new(Services {
        ledgers: ledgers(config, &terms),
        store,
        writer,
        rules,
        terms,
        hasher,
        payloads: PayloadHasher::new(&payload_secret),
        cursors: Cursors::new(&payload_secret),
        strangers: Mutex::new(Strangers::new(auth.strangers_max)),
        throttle: Mutex::default(),
        refusals: Mutex::default(),
        drain: Arc::default(),
        currency: config.bank.currency,
        started_at: clock.now(),
        clock,
        monitor,
        projected: Arc::new(AtomicI64::new(0)),
        backups: backup::Place { data_dir: config.server.data_dir.clone(), credentials: credentials() },
        rebuilds,
        reloads,
        pki,
        presence: Presence::default(),
        remembered: Remembered::default(),
        jobs: Jobs::default(),
        stop: CancellationToken::new(),
    }))
}

/// The gates of customers and of operators.
pub(super) fn gates(terms: &Live<Terms>) -> [Arc<Gate>; 2] {
    [Side::Customer, Side::Operator].map(|side| Gate::new(side, terms.clone()))
}

/// What the monitor looks at.
pub(super) fn sources(
    config: &Config,
    services: &Services,
    gates: &[Arc<Gate>; 2],
    (lost, sealed_at): (LostLines, Option<Timestamp>),
) -> Sources {
    Sources {
        clock: services.clock.clone(),
        started_at: services.started_at,
        store: services.store.clone(),
        writer: services.writer.work(),
        queues: services.writer.queues(),
        batch_count_max: config.ledger.batch_count_max,
        pins: services.hasher.work(),
        committed: services.writer.commits(),
        projected: Arc::clone(&services.projected),
        drain: Arc::clone(&services.drain),
        gates: gates.clone(),
        sealed_at,
        lost,
        data_dir: config.server.data_dir.clone(),
        pki: services.pki.clone(),
    }
}

fn ledgers(config: &Config, terms: &Live<Terms>) -> Settings {
    Settings {
        folder: config.server.data_dir.join("ledger"),
        node: NODE.to_owned(),
        currency: config.bank.currency,
        terms: terms.clone(),
    }
}

pub(super) fn project(services: &Services, wishes: mpsc::Receiver<Rebuild>) -> Projection {
    let (settings, clock) = (services.ledgers.clone(), services.clock.clone());
    let (store, writer) = (services.store.clone(), services.writer.clone());
    Projection::new(settings, store, writer, clock, Arc::clone(&services.projected), wishes)
}

pub(super) fn start_writer(
    config: &Config,
    rules: Live<Rules>,
    store: &Store,
    clock: &Clock,
) -> (Writer, JoinHandle<Result<(), Ended>>) {
    let calendar = Calendar::new(config.bank.timezone.clone(), config.bank.cutover_time);
    let context = Context { store: store.clone(), rules, calendar, clock: clock.clone() };
    let bounds =
        Bounds { batch_count_max: config.ledger.batch_count_max, queue_max: config.ledger.queue_max };
    Writer::start(context, bounds)
}

pub(super) async fn open_bank(
    config: &Config,
    pki: &Pki,
    writer: &Writer,
    clock: &Clock,
) -> Result<(), StartError> {
    let fingerprint = pki.root_fingerprint()?;
    let root = NewOperator {
        id: 1,
        name: pki::ROOT.to_owned(),
        role: Role::Admin,
        fingerprint,
        created_at: clock.now(),
    };
    let request = Request::Found { opening_vault: config.bank.opening_vault, root };
    writer.submit(request).await.map_err(StartError::Founding)?;
    Ok(())
}
