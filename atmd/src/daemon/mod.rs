//! The life of the daemon: start in order, serve, stop in order.

mod announce;
mod assemble;
mod background;
mod drains;
mod error;
mod prepare;
mod publish;
mod reload;
mod sockets;
mod supervisor;

pub use error::StartError;

use crate::backup;
use crate::cli::{complain, say};
use crate::clock::{self, Clock};
use crate::config::load::Loaded;
use crate::config::{Config, Source};
use crate::files;
use crate::live::{self, Live, Terms};
use crate::log::{self, LogGuard};
use crate::monitor::{self, Monitor, Phase};
use crate::pki::Pki;
use crate::rpc::{METHODS, Services};
use crate::seal::Sealer;
use crate::store::{self, DataLock, OpenError, Store};
use crate::writer::Ended;
use announce::{announce, announce_metrics};
use assemble::{Parts, gates, open_bank, project, services, sources, start_writer};
use atm_rpc::operator::backup::{RESTORED, RESTORING};
use background::{begin, remember_operators, tell_of_root};
use prepare::{bank_exists, load_secrets, log_panics, make_data_dir, raise_open_files, without_core_dumps};
use publish::publish;
use reload::{Reloader, Swaps};
use rustix::fs::Mode;
use rustix::process::umask;
use sockets::Sockets;
use std::io::{self, IsTerminal};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Runtime;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{error, info, warn};

/// How long the end waits for each of those that write, after the connections are done.
const WRITER_TIMEOUT: Duration = Duration::from_secs(10);

/// Serves until a signal.
///
/// # Errors
/// [`StartError`].
pub fn run(source: &Source, loaded: &Loaded) -> Result<(), StartError> {
    let config = &loaded.config;
    without_core_dumps();
    // Every file and folder is made with the mode it should have.
    umask(Mode::WGRP | Mode::WOTH);
    raise_open_files(config)?;
    let runtime = runtime(config)?;
    let result = runtime.block_on(async {
        let mut signals = Signals::listen()?;
        // From now on it ends nothing; what comes before atmd serves, waits.
        let hangup = signal(SignalKind::hangup()).map_err(StartError::Threads)?;
        let daemon = tokio::select! {
            daemon = Daemon::start(source, loaded, hangup) => daemon?,
            _ = signals.next() => return Ok(()),
        };
        daemon.serve(signals).await
    });
    // Threads that still wait for a disk are left behind.
    runtime.shutdown_background();
    result
}

/// Brings the database's schema up to date.
///
/// # Errors
/// [`StartError`].
pub fn migrate(config: &Config) -> Result<(), StartError> {
    let data_dir = &config.server.data_dir;
    runtime(config)?.block_on(async {
        make_data_dir(data_dir)?;
        let _lock = store::lock_data_dir(data_dir)?;
        let bank_exists = bank_exists(config).await?;
        let secrets = load_secrets(config, bank_exists)?;
        Pki::in_data_dir(data_dir, Clock::System)?.found(bank_exists)?;
        let applied = store::migrate(config).await?;
        let opened = Store::open(config, Sealer::new(secrets.seal_key), Clock::System.now()).await?;
        opened.close().await.map_err(OpenError::Database)?;
        match applied.as_slice() {
            [] => say("the schema is up to date\n"),
            names => say(&format!("applied {}\n", names.join(", "))),
        };
        Ok(())
    })
}

/// Makes a restored bank the one of a database that has none.
///
/// # Errors
/// [`StartError`]; the database has none then, as before.
pub fn load(config: &Config, file: Option<&Path>) -> Result<(), StartError> {
    umask(Mode::WGRP | Mode::WOTH);
    let data_dir = &config.server.data_dir;
    let restored = data_dir.join(RESTORED);
    let file = file.unwrap_or(&restored);
    runtime(config)?.block_on(async {
        make_data_dir(data_dir)?;
        let _lock = store::lock_data_dir(data_dir)?;
        let restoring = data_dir.join(RESTORING);
        if restoring.exists() {
            return Err(StartError::HalfRestored(restoring));
        }
        // Without its keys a bank is of no use, and new ones are never made for it.
        let secrets = load_secrets(config, true)?;
        Pki::in_data_dir(data_dir, Clock::System)?.found(true)?;
        let last = store::backup::fill(config, file).await?;
        let opened = Store::open(config, Sealer::new(secrets.seal_key), Clock::System.now()).await?;
        opened.close().await.map_err(OpenError::Database)?;
        say(&format!(
            "loaded the bank up to entry {last}; {} is not needed any more, and holds personal data\n",
            file.display()
        ));
        Ok(())
    })
}

fn runtime(config: &Config) -> Result<Runtime, StartError> {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    builder.worker_threads(config.server.worker_threads).thread_name("atmd").enable_all();
    builder.build().map_err(StartError::Threads)
}

/// What asks atmd to end.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn listen() -> Result<Self, StartError> {
        let listen = |kind| signal(kind).map_err(StartError::Threads);
        Ok(Self { terminate: listen(SignalKind::terminate())?, interrupt: listen(SignalKind::interrupt())? })
    }

    async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        }
    }
}

/// A daemon that serves.
struct Daemon {
    services: Arc<Services>,
    writer: JoinHandle<Result<(), Ended>>,
    connections: TaskTracker,
    listeners: [JoinHandle<()>; 2],
    projection: JoinHandle<()>,
    stop_projection: CancellationToken,
    // Dropped last, in this order.
    _log: LogGuard,
    _lock: DataLock,
}

impl Daemon {
    async fn start(source: &Source, loaded: &Loaded, hangup: Signal) -> Result<Self, StartError> {
        let config = &loaded.config;
        let data_dir = &config.server.data_dir;
        let clock = Clock::System;
        let begun = clock::monotonic();
        make_data_dir(data_dir)?;
        let lock = store::lock_data_dir(data_dir)?;
        let mut sockets = Sockets::bind(config).await?;
        let log = log::start(&config.logging).map_err(|error| StartError::Log(format!("{error:#}")))?;
        log_panics();
        let (rules, swap_rules) = Live::new(live::rules(config));
        let (terms, swap_terms) = Live::new(Terms::of(config));
        let monitor = Monitor::new(begun, terms.clone(), METHODS);
        if let Some(listener) = sockets.metrics.take() {
            announce_metrics(&listener);
            tokio::spawn(monitor::serve(listener, Arc::clone(&monitor)));
        }
        backup::clear(data_dir).map_err(|source| StartError::DataDir { path: data_dir.clone(), source })?;
        let bank_exists = bank_exists(config).await?;
        let secrets = load_secrets(config, bank_exists)?;
        let pki = Pki::in_data_dir(data_dir, clock.clone())?;
        pki.found(bank_exists)?;
        files::sync_folder_of(&pki.ca_folder())
            .map_err(|source| StartError::DataDir { path: data_dir.clone(), source })?;
        monitor.enter(Phase::Migrating);
        let store = Store::open(config, Sealer::new(secrets.seal_key), clock.now()).await?;
        monitor.enter(Phase::Starting);
        // Before this start adds to it.
        let (_, sealed_at) = store.newest().await.map_err(OpenError::Database)?;
        let (writer, writer_task) = start_writer(config, rules.clone(), &store, &clock);
        let first_start = !store.is_founded().await.map_err(OpenError::Database)?;
        if first_start {
            open_bank(config, &pki, &writer, &clock).await?;
        }
        publish(config)?;
        // There is one job at a time.
        let (rebuilds, wishes) = mpsc::channel(1);
        let (reloads, wishes_to_reload) = mpsc::channel(1);
        let (peppers, pki_too) = (secrets.peppers, pki.clone());
        let parts =
            Parts { store, writer, peppers, pki: pki_too, clock, monitor, rebuilds, reloads, rules, terms };
        let services = services(config, parts)?;
        let stop_projection = CancellationToken::new();
        let projection = tokio::spawn(project(&services, wishes).run(stop_projection.clone()));
        let lost = log.lost();
        let gates = gates(&services.terms);
        services.monitor.look_at(sources(config, &services, &gates, (lost.clone(), sealed_at)));
        // Whoever is told that atmd serves may come with it.
        tell_of_root(&services).await;
        remember_operators(&services).await;
        begin(&services, lost);
        let connections = TaskTracker::new();
        let addresses = sockets.addresses();
        let endpoints = pki.endpoints(config)?;
        services.monitor.shows(endpoints.certificates);
        let (for_customers, swap_customers) = Live::new(endpoints.customers);
        let (for_operators, swap_operators) = Live::new(endpoints.operators);
        let listeners = sockets.serve([for_customers, for_operators], &services, gates, &connections);
        let listeners_swaps = [swap_customers, swap_operators];
        let swaps =
            Swaps { rules: swap_rules, terms: swap_terms, listeners: listeners_swaps, level: log.level() };
        let reloader = Reloader::new(source, loaded, swaps, &services);
        tokio::spawn(reloader.run(hangup, wishes_to_reload));
        services.monitor.enter(Phase::Serving);
        supervisor::ready(&addresses);
        tokio::spawn(supervisor::give_signs_of_life(Arc::clone(&services.monitor)));
        announce(config, &pki, first_start, addresses);
        Ok(Self {
            services,
            writer: writer_task,
            connections,
            listeners,
            projection,
            stop_projection,
            _log: log,
            _lock: lock,
        })
    }

    /// Waits for a signal, or for the writer to end by itself, and stops in order. A second signal ends
    /// atmd at once.
    async fn serve(mut self, mut signals: Signals) -> Result<(), StartError> {
        let [customers, operators] = &mut self.listeners;
        let why = tokio::select! {
            signal = signals.next() => Ok(signal),
            ended = &mut self.writer => Err(match ended {
                Ok(Err(ended)) => ended,
                Ok(Ok(())) => Ended::Task("writer"),
                Err(panic) => Ended::Invariant(panic.to_string()),
            }),
            _ = &mut self.projection => Err(Ended::Task("ledgers")),
            _ = customers => Err(Ended::Task("customers' listener")),
            _ = operators => Err(Ended::Task("operators' listener")),
        };
        let why = why.map_err(|ended| {
            error!(error = %ended, "atmd ends: it cannot go on like this");
            StartError::Ended(ended)
        })?;
        // Somebody who looks on is told; who does not read stderr must not hold up the end.
        if io::stderr().is_terminal() {
            complain("stopping; a second signal ends it at once");
        }
        info!(signal = why, "stopping: no new connections, what is queued is committed");
        let Self { services, writer, connections, projection, stop_projection, .. } = self;
        let shutdown_timeout = services.terms.now().shutdown_timeout;
        supervisor::stopping(shutdown_timeout.saturating_add(WRITER_TIMEOUT * 3));
        let stopped = stop(services, writer, connections, projection, stop_projection, shutdown_timeout);
        tokio::select! {
            () = stopped => info!("stopped"),
            _ = signals.next() => warn!("ended at once by a second signal"),
        }
        Ok(())
    }
}

async fn stop(
    services: Arc<Services>,
    writer: JoinHandle<Result<(), Ended>>,
    connections: TaskTracker,
    projection: JoinHandle<()>,
    stop_projection: CancellationToken,
    shutdown_timeout: Duration,
) {
    services.monitor.enter(Phase::Stopping);
    services.stop.cancel();
    connections.close();
    if timeout(shutdown_timeout, connections.wait()).await.is_err() {
        warn!(connections = connections.len(), "connections were still open when shutdown_timeout was over");
    }
    stop_projection.cancel();
    if !matches!(timeout(WRITER_TIMEOUT, projection).await, Ok(Ok(()))) {
        warn!("the task that writes the CSV ledgers did not end in order");
    }
    let store = services.store.clone();
    drop(services);
    match timeout(WRITER_TIMEOUT, writer).await {
        Ok(Ok(Ok(()))) => {}
        Ok(ended) => error!(?ended, "the writer did not end in order"),
        Err(_) => warn!("the writer still waits; what it has not committed is not acknowledged"),
    }
    match timeout(WRITER_TIMEOUT, store.close()).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => warn!(%error, "the database did not close in order"),
        Err(_) => warn!("the database does not close; what is committed is there"),
    }
}
