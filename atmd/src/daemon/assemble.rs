//! Puts the parts together, as the configuration has it.

use super::StartError;
use super::prepare::credentials;
use crate::auth::cursor::Cursors;
use crate::auth::hasher::Hasher;
use crate::auth::payload::PayloadHasher;
use crate::auth::pin::{Cost, Peppers};
use crate::auth::refusals::Refusals;
use crate::auth::strangers::Strangers;
use crate::auth::throttle::Throttle;
use crate::backup;
use crate::calendar::Calendar;
use crate::clock::Clock;
use crate::config::{Config, Lockout};
use crate::csv::{Projection, Rebuild, Settings};
use crate::jobs::Jobs;
use crate::ledger::Rules;
use crate::ledger::request::{NewOperator, Request};
use crate::log::LostLines;
use crate::monitor::{Monitor, Sources};
use crate::pki::{self, Pki};
use crate::rpc::{Gate, Presence, Services};
use crate::store::Store;
use crate::writer::{Bounds, Context, Ended, Writer};
use atm_rpc::customer::{PROTOCOL, ServerInfo};
use atm_rpc::operator::Role;
use std::sync::atomic::AtomicI64;
use std::sync::{Arc, Mutex};
use std::time::Duration;
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
}

pub(super) fn services(config: &Config, parts: Parts) -> Result<Arc<Services>, StartError> {
    let Parts { store, writer, peppers, pki, clock, monitor, rebuilds } = parts;
    let auth = &config.auth;
    let payload_secret = peppers.first_key_value().map_or([0; 32], |(_, pepper)| **pepper);
    let cost = Cost { memory_kib: auth.memory_kib, iterations: auth.iterations };
    Ok(Arc::new(Services {
        info: server_info(config, &store),
        store,
        writer,
        rules: rules(config),
        hasher: Hasher::start(peppers, cost, auth.hash_threads).map_err(StartError::Threads)?,
        payloads: PayloadHasher::new(&payload_secret),
        cursors: Cursors::new(&payload_secret),
        strangers: Mutex::new(Strangers::new(auth.strangers_max)),
        throttle: Mutex::new(Throttle::new(auth.peer_burst, auth.peer_per_minute)),
        refusals: Mutex::new(Refusals::new(
            config.operator.refusals_burst,
            config.operator.refusals_per_minute,
        )),
        failure_delay: auth.failure_delay,
        login_timeout: config.server.login_timeout,
        started_at: clock.now(),
        clock,
        monitor,
        projected: Arc::new(AtomicI64::new(0)),
        ledgers: ledgers(config),
        backups: backup::Place { data_dir: config.server.data_dir.clone(), credentials: credentials() },
        rebuilds,
        pki,
        presence: Presence::default(),
        jobs: Jobs::default(),
        stop: CancellationToken::new(),
    }))
}

/// The gates of customers and of operators.
pub(super) fn gates(config: &Config) -> [Arc<Gate>; 2] {
    let (server, operator) = (&config.server, &config.operator);
    [
        Gate::new(server.max_connections, server.max_connections_per_peer),
        Gate::new(operator.max_connections, operator.max_connections.div_ceil(2)),
    ]
}

/// What the monitor looks at.
pub(super) fn sources(
    config: &Config,
    services: &Services,
    gates: &[Arc<Gate>; 2],
    lost: LostLines,
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
        projection_lag_max: config.metrics.projection_lag_max,
        gates: gates.clone(),
        lost,
        data_dir: config.server.data_dir.clone(),
        pki: services.pki.clone(),
    }
}

fn ledgers(config: &Config) -> Settings {
    Settings {
        folder: config.server.data_dir.join("ledger"),
        node: NODE.to_owned(),
        currency: config.bank.currency,
        full_numbers: config.logging.full_numbers,
    }
}

pub(super) fn project(services: &Services, wishes: mpsc::Receiver<Rebuild>) -> Projection {
    let (settings, clock) = (services.ledgers.clone(), services.clock.clone());
    let (store, writer) = (services.store.clone(), services.writer.clone());
    Projection::new(settings, store, writer, clock, Arc::clone(&services.projected), wishes)
}

pub(super) fn start_writer(
    config: &Config,
    store: &Store,
    clock: &Clock,
) -> (Writer, JoinHandle<Result<(), Ended>>) {
    let calendar = Calendar::new(config.bank.timezone.clone(), config.bank.cutover_time);
    let context = Context { store: store.clone(), rules: rules(config), calendar, clock: clock.clone() };
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

fn milliseconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

fn rules(config: &Config) -> Rules {
    let Config { bank, limits, auth, .. } = config;
    Rules {
        amount_max: bank.amount_max,
        opening_customer: bank.opening_customer,
        open_registration: bank.open_registration,
        withdraw_min: limits.withdraw_min,
        withdraw_max: limits.withdraw_max,
        withdraw_multiple: limits.withdraw_multiple,
        sessions_per_number_max: limits.sessions_per_number_max,
        idle_timeout_ms: milliseconds(limits.idle_timeout),
        session_length_ms: milliseconds(limits.session_length),
        attempts_max: auth.attempts_max,
        lockout_ms: match auth.lockout {
            Lockout::Permanent => None,
            Lockout::For(time) => Some(milliseconds(time)),
        },
    }
}

fn server_info(config: &Config, store: &Store) -> ServerInfo {
    ServerInfo {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        protocol: PROTOCOL,
        bank: store.instance(),
        currency: config.bank.currency,
        withdraw_min: config.limits.withdraw_min,
        withdraw_max: config.limits.withdraw_max,
        withdraw_multiple: config.limits.withdraw_multiple,
        amount_max: config.bank.amount_max,
        open_registration: config.bank.open_registration,
    }
}
