//! The life of the daemon: start in order, serve, stop in order.

use crate::auth::hasher::Hasher;
use crate::auth::payload::PayloadHasher;
use crate::auth::pin::{Cost, Peppers};
use crate::auth::strangers::Strangers;
use crate::auth::throttle::Throttle;
use crate::calendar::Calendar;
use crate::cli::{complain, say};
use crate::clock::{self, Clock};
use crate::config::{Config, Lockout};
use crate::csv::render::Ledger;
use crate::csv::{Projection, Settings};
use crate::files;
use crate::ledger::Rules;
use crate::ledger::request::{NewOperator, Request};
use crate::log::{self, LogGuard};
use crate::monitor::{self, Monitor};
use crate::pki::{self, Pki, PkiError};
use crate::rpc::{Gate, Listener, Services};
use crate::seal::Sealer;
use crate::secrets::{self, SecretError};
use crate::store::{self, DataLock, OpenError, Store};
use crate::writer::{Bounds, Context, Ended, Writer};
use atm_rpc::customer::{PROTOCOL, ServerInfo};
use atm_rpc::error::ServiceError;
use atm_rpc::operator::Role;
use atm_rpc::transport::tls::{TlsError, server_config};
use atm_rpc::transport::{CUSTOMER, OPERATOR};
use rustix::fs::Mode;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit, umask};
use std::fs::DirBuilder;
use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicI64;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use thiserror::Error;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{error, info, warn};

/// How often the head of the seals goes to the log, where an attacker on the database cannot change it.
const SEAL_HEAD_INTERVAL: Duration = Duration::from_secs(60);
/// How often the keys of old rejections are forgotten.
const FORGET_INTERVAL: Duration = Duration::from_secs(3600);
const DAY_MS: i64 = 24 * 60 * 60 * 1000;
/// How long the end waits for the writer after everybody else is done.
const WRITER_TIMEOUT: Duration = Duration::from_secs(10);
/// The node's name for its checkpoints. The embedded database has one node.
const NODE: &str = "local";

/// Why atmd did not start, or ended by itself.
#[derive(Debug, Error)]
pub enum StartError {
    /// The data directory cannot be made.
    #[error("{path}: {source}; it must be a folder that this user may write")]
    DataDir {
        /// Which.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The data directory held a bank whose database is gone.
    #[error(
        "{database} is missing, but this data directory held a bank ({ledger} is there): restore the database, \
         or move the directory away to open a new bank"
    )]
    DatabaseGone {
        /// The database.
        database: PathBuf,
        /// What tells of a bank.
        ledger: PathBuf,
    },
    /// An address cannot be listened on.
    #[error("{source}; choose an address of this machine and a free port, or port 0 to be given one")]
    Listen {
        /// The section of the key.
        section: &'static str,
        /// The key.
        key: &'static str,
        /// What the system says.
        source: io::Error,
    },
    /// The system does not let atmd open as many files as it may have connections.
    #[error(
        "[server] max_connections and [operator] max_connections need {needed} open files and the system allows \
         {allowed}; lower them, or raise the limit (LimitNOFILE in a systemd unit, ulimit -Hn in a shell)"
    )]
    OpenFiles {
        /// So many.
        needed: u64,
        /// So many at the most.
        allowed: u64,
    },
    /// The log cannot be written.
    #[error("{0}")]
    Log(String),
    /// There are no certificates.
    #[error(transparent)]
    Pki(#[from] PkiError),
    /// Certificates are not usable.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The keys are missing or not safe.
    #[error(transparent)]
    Secrets(#[from] SecretError),
    /// The database cannot be used.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The system gives no threads.
    #[error("no threads: {0}")]
    Threads(#[source] io::Error),
    /// The bank could not be opened for the first time.
    #[error("the bank could not be opened: {0}")]
    Founding(#[source] ServiceError),
    /// atmd must not go on.
    #[error("atmd ends: {0}")]
    Ended(#[source] Ended),
}

/// Serves until a signal.
///
/// # Errors
/// [`StartError`].
pub fn run(config: &Config) -> Result<(), StartError> {
    without_core_dumps();
    // Every file and folder is made with the mode it should have.
    umask(Mode::WGRP | Mode::WOTH);
    raise_open_files(config)?;
    let runtime = runtime(config)?;
    let result = runtime.block_on(async {
        let daemon = Daemon::start(config).await?;
        daemon.serve().await
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
        let secrets = load_secrets(config)?;
        let pending = store::pending_migrations(config).await?;
        let opened = Store::open(config, Sealer::new(secrets.seal_key), Clock::System.now()).await?;
        opened.close().await.map_err(OpenError::Database)?;
        match pending.as_slice() {
            [] => say("the schema is up to date\n"),
            names => say(&format!("applied {}\n", names.join(", "))),
        };
        Ok(())
    })
}

fn runtime(config: &Config) -> Result<Runtime, StartError> {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    builder.worker_threads(config.server.worker_threads).thread_name("atmd").enable_all();
    builder.build().map_err(StartError::Threads)
}

/// A core dump would hold PINs and keys.
fn without_core_dumps() {
    // Refused only where the limit is lower already.
    let _ = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) });
}

/// Files beside connections: the database, the ledgers, the log, the runtime's own.
const OPEN_FILES_BESIDE: u64 = 128;

/// Makes room for as many open files as there may be connections.
fn raise_open_files(config: &Config) -> Result<(), StartError> {
    let connections = config.server.max_connections.saturating_add(config.operator.max_connections);
    let needed = u64::try_from(connections).unwrap_or(u64::MAX).saturating_add(OPEN_FILES_BESIDE);
    let limit = getrlimit(Resource::Nofile);
    if limit.current.is_some_and(|current| current < needed) {
        let raised = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit });
        if raised.is_err() || limit.maximum.is_some_and(|maximum| maximum < needed) {
            return Err(StartError::OpenFiles {
                needed,
                allowed: limit.maximum.or(limit.current).unwrap_or(0),
            });
        }
    }
    Ok(())
}

/// Readable by others, who need the CA in it; what is secret has folders of its own.
fn make_data_dir(path: &Path) -> Result<(), StartError> {
    let made = DirBuilder::new().recursive(true).mode(0o755).create(path);
    made.map_err(|source| StartError::DataDir { path: path.to_owned(), source })
}

/// A bank is never opened anew beside the ledgers of one that was there.
fn check_database(config: &Config) -> Result<(), StartError> {
    let database = &config.database.path;
    let ledgers = Ledger::ALL.map(|ledger| config.server.data_dir.join("ledger").join(ledger.file_name()));
    match ledgers.into_iter().find(|ledger| ledger.exists()) {
        Some(ledger) if !database.exists() => {
            Err(StartError::DatabaseGone { database: database.clone(), ledger })
        }
        _ => Ok(()),
    }
}

fn load_secrets(config: &Config) -> Result<secrets::Secrets, StartError> {
    check_database(config)?;
    let folder = config.server.data_dir.join("keys");
    let made = DirBuilder::new().recursive(true).mode(0o700).create(&folder);
    made.map_err(|source| StartError::DataDir { path: folder.clone(), source })?;
    let credentials = std::env::var_os("CREDENTIALS_DIRECTORY").map(PathBuf::from);
    Ok(secrets::load(&folder, credentials.as_deref(), config.database.path.exists())?)
}

/// A daemon that serves.
struct Daemon {
    services: Arc<Services>,
    writer: JoinHandle<Result<(), Ended>>,
    connections: TaskTracker,
    projection: JoinHandle<()>,
    stop_projection: CancellationToken,
    shutdown_timeout: Duration,
    terminate: Signal,
    interrupt: Signal,
    // Dropped last, in this order.
    _log: LogGuard,
    _lock: DataLock,
}

impl Daemon {
    async fn start(config: &Config) -> Result<Self, StartError> {
        let data_dir = &config.server.data_dir;
        let clock = Clock::System;
        let begun = clock::monotonic();
        let terminate = signal(SignalKind::terminate()).map_err(StartError::Threads)?;
        let interrupt = signal(SignalKind::interrupt()).map_err(StartError::Threads)?;
        make_data_dir(data_dir)?;
        let lock = store::lock_data_dir(data_dir)?;
        let sockets = Sockets::bind(config).await?;
        let log = log::start(&config.logging).map_err(|error| StartError::Log(format!("{error:#}")))?;
        log_panics();
        let secrets = load_secrets(config)?;
        let pki = Pki::in_data_dir(data_dir)?;
        pki.found(config.database.path.exists())?;
        files::sync_folder_of(&pki.ca_folder())
            .map_err(|source| StartError::DataDir { path: data_dir.clone(), source })?;
        let store = Store::open(config, Sealer::new(secrets.seal_key), clock.now()).await?;
        let (writer, writer_task) = start_writer(config, &store, &clock);
        let first_start = !store.is_founded().await.map_err(OpenError::Database)?;
        if first_start {
            open_bank(config, &pki, &writer, &clock).await?;
        }
        let monitor = Monitor::new(begun);
        let services = services(config, store, writer, secrets.peppers, clock, monitor)?;
        let stop_projection = CancellationToken::new();
        let projection = tokio::spawn(project(config, &services).run(stop_projection.clone()));
        let lost = log.lost();
        let (monitor, stop) = (Arc::clone(&services.monitor), services.stop.clone());
        let interval = config.server.monitor_interval;
        tokio::spawn(monitor::run(monitor, interval, stop.clone(), move || lost.count()));
        tokio::spawn(tell_seal_head(services.store.clone(), stop));
        tokio::spawn(forget_rejections(config.ledger.rejections_days, Arc::clone(&services)));
        let connections = TaskTracker::new();
        let addresses = sockets.addresses();
        sockets.serve(config, &pki, &services, &connections)?;
        announce(config, &pki, first_start, addresses);
        Ok(Self {
            services,
            writer: writer_task,
            connections,
            projection,
            stop_projection,
            shutdown_timeout: config.server.shutdown_timeout,
            terminate,
            interrupt,
            _log: log,
            _lock: lock,
        })
    }

    /// Waits for a signal, or for the writer to end by itself, and stops in order. A second signal ends
    /// atmd at once.
    async fn serve(mut self) -> Result<(), StartError> {
        let why = tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
            ended = &mut self.writer => {
                let ended = ended.unwrap_or_else(|panic| Err(Ended::Invariant(panic.to_string())));
                let ended = ended.err().unwrap_or_else(|| Ended::Invariant("the writer stopped".into()));
                error!(error = %ended, "atmd ends: nothing is written any more");
                return Err(StartError::Ended(ended));
            }
        };
        complain("stopping; a second signal ends it at once");
        info!(signal = why, "stopping: no new connections, what is queued is committed");
        let Self { services, writer, connections, projection, stop_projection, shutdown_timeout, .. } = self;
        let (mut terminate, mut interrupt) = (self.terminate, self.interrupt);
        let stopped = stop(services, writer, connections, projection, stop_projection, shutdown_timeout);
        tokio::select! {
            () = stopped => info!("stopped"),
            _ = terminate.recv() => warn!("ended at once by a second signal"),
            _ = interrupt.recv() => warn!("ended at once by a second signal"),
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
    services.stop.cancel();
    connections.close();
    if timeout(shutdown_timeout, connections.wait()).await.is_err() {
        warn!(connections = connections.len(), "connections were still open when shutdown_timeout was over");
    }
    stop_projection.cancel();
    if projection.await.is_err() {
        warn!("the task that writes the CSV ledgers had failed");
    }
    let store = services.store.clone();
    drop(services);
    match timeout(WRITER_TIMEOUT, writer).await {
        Ok(Ok(Ok(()))) => {}
        Ok(ended) => error!(?ended, "the writer did not end in order"),
        Err(_) => warn!("the writer still waits; what it has not committed is not acknowledged"),
    }
    if let Err(error) = store.close().await {
        warn!(%error, "the database did not close in order");
    }
}

/// The two addresses that atmd listens on.
struct Sockets {
    customers: TcpListener,
    operators: TcpListener,
}

impl Sockets {
    async fn bind(config: &Config) -> Result<Self, StartError> {
        let server = &config.server;
        Ok(Self {
            customers: listen("server", "port", (server.host, server.port).into()).await?,
            operators: listen("operator", "listen", config.operator.listen).await?,
        })
    }

    fn addresses(&self) -> [String; 2] {
        [&self.customers, &self.operators]
            .map(|socket| socket.local_addr().map_or_else(|error| error.to_string(), |at| at.to_string()))
    }

    fn serve(
        self,
        config: &Config,
        pki: &Pki,
        services: &Arc<Services>,
        connections: &TaskTracker,
    ) -> Result<(), StartError> {
        let (server, operator) = (&config.server, &config.operator);
        let identity = || pki.server(&server.names);
        let customers = Listener {
            socket: self.customers,
            service: CUSTOMER,
            tls: server_config(CUSTOMER, identity()?, None)?,
            gate: Gate::new(server.max_connections, server.max_connections_per_peer),
            services: Arc::clone(services),
        };
        let operators = Listener {
            socket: self.operators,
            service: OPERATOR,
            tls: server_config(OPERATOR, identity()?, Some(pki.ca_pem()?.as_bytes()))?,
            gate: Gate::new(operator.max_connections, operator.max_connections.div_ceil(2)),
            services: Arc::clone(services),
        };
        tokio::spawn(customers.run(connections.clone()));
        tokio::spawn(operators.run(connections.clone()));
        Ok(())
    }
}

async fn listen(section: &'static str, key: &'static str, on: SocketAddr) -> Result<TcpListener, StartError> {
    TcpListener::bind(on).await.map_err(|source| {
        let wrong_address = source.kind() == io::ErrorKind::AddrNotAvailable && section == "server";
        StartError::Listen { section, key: if wrong_address { "host" } else { key }, source }
    })
}

fn services(
    config: &Config,
    store: Store,
    writer: Writer,
    peppers: Peppers,
    clock: Clock,
    monitor: Arc<Monitor>,
) -> Result<Arc<Services>, StartError> {
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
        strangers: Mutex::new(Strangers::new(auth.strangers_max)),
        throttle: Mutex::new(Throttle::new(auth.peer_burst, auth.peer_per_minute)),
        failure_delay: auth.failure_delay,
        login_timeout: config.server.login_timeout,
        started_at: clock.now(),
        clock,
        monitor,
        projected: Arc::new(AtomicI64::new(0)),
        stop: CancellationToken::new(),
    }))
}

fn project(config: &Config, services: &Services) -> Projection {
    let settings = Settings {
        folder: config.server.data_dir.join("ledger"),
        node: NODE.to_owned(),
        currency: config.bank.currency,
        full_numbers: config.logging.full_numbers,
    };
    let (store, writer) = (services.store.clone(), services.writer.clone());
    Projection::new(settings, store, writer, services.clock.clone(), Arc::clone(&services.projected))
}

fn start_writer(config: &Config, store: &Store, clock: &Clock) -> (Writer, JoinHandle<Result<(), Ended>>) {
    let calendar = Calendar::new(config.bank.timezone.clone(), config.bank.cutover_time);
    let context = Context { store: store.clone(), rules: rules(config), calendar, clock: clock.clone() };
    let bounds =
        Bounds { batch_count_max: config.ledger.batch_count_max, queue_max: config.ledger.queue_max };
    Writer::start(context, bounds)
}

async fn open_bank(config: &Config, pki: &Pki, writer: &Writer, clock: &Clock) -> Result<(), StartError> {
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

/// Tells on stdout where things are at the first start, and one line at every start.
fn announce(config: &Config, pki: &Pki, first_start: bool, [customers, operators]: [String; 2]) {
    let data = config.server.data_dir.display();
    let version = env!("CARGO_PKG_VERSION");
    info!(version, customers, operators, data_dir = %data, "atmd started");
    if config.mysql.configured {
        warn!("[mysql] is filled in and not used: [database] backend = sqlite");
    }
    let mut text = String::new();
    if first_start {
        let (ca, root) = (pki.ca(), pki.root_identity());
        let (ca, root) = (ca.display(), root.display());
        text = format!(
            "A new bank was opened in {data}\n  \
             for terminals    {ca}\n  \
             first operator   {root} (secret)\n  \
             keys             {data}/keys (secret; back them up apart from the database)\n  \
             ledgers          {data}/ledger/client.csv and bank.csv\n  \
             log              {}\n\
             Next, in another terminal:\n  \
             atm-cli --server {} --ca {ca}\n  \
             atmctl --server {} --ca {ca} --identity {root} status\n",
            config.logging.logfile.display(),
            reachable(&customers),
            reachable(&operators),
        );
    }
    text += &format!("atmd ready: customers {customers}, operators {operators}, data {data}\n");
    say(&text);
}

/// An address to connect to, for one to listen on.
fn reachable(address: &str) -> String {
    address.replacen("0.0.0.0", "127.0.0.1", 1).replacen("[::]", "[::1]", 1)
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
async fn forget_rejections(days: u32, services: Arc<Services>) {
    let mut ticks = tokio::time::interval(FORGET_INTERVAL);
    loop {
        tokio::select! {
            () = services.stop.cancelled() => return,
            _ = ticks.tick() => {}
        }
        let before = services.clock.now().plus_ms(-i64::from(days) * DAY_MS);
        if let Err(error) = services.writer.submit(Request::ForgetRejections { before }).await {
            warn!(%error, "old rejections could not be forgotten; trying again in an hour");
        }
    }
}

/// What should never happen goes to the log, too.
fn log_panics() {
    let default = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        let place = panic.location().map(ToString::to_string);
        error!(place, "a task of atmd panicked; this is a mistake in the program");
        default(panic);
    }));
}
