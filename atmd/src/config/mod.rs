//! The configuration of atmd: read at the start and at an operator's wish, and passed down as plain data.
//!
//! [`keys`] lists every key with its default and meaning; [`ini`] reads the file; [`load`](mod@load) finds it
//! and puts flags and the environment before it.

pub mod ini;
pub mod keys;
pub mod load;
mod resolve;
mod values;

use atm_rpc::types::money::{Currency, Money};
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Finds and reads the configuration.
///
/// The file is the first of: `file` (`--config`), `ATMD_CONFIG`, ./config.ini, /etc/atm/config.ini; one that is
/// named has to exist, and without any the defaults hold. `overrides` (`section.key`, value) go before the
/// variables of `environment` (`ATMD_SERVER_PORT`), those before the file.
///
/// # Errors
/// All problems at once; each names its file and line, variable or flag, and what is allowed.
pub fn load(
    file: Option<&Path>,
    environment: &[(String, String)],
    overrides: &[(String, String)],
) -> Result<load::Loaded, load::ConfigErrors> {
    load::load(file, environment, overrides)
}

/// Where a configuration is read from: again, too. Without `Debug`, because the environment may hold passwords.
#[derive(Clone)]
#[expect(missing_debug_implementations, reason = "it may hold passwords")]
pub struct Source {
    /// The file that `--config` names.
    pub file: Option<PathBuf>,
    /// The variables that atmd was started with.
    pub environment: Vec<(String, String)>,
    /// What `--set` gives.
    pub overrides: Vec<(String, String)>,
}

impl Source {
    /// Reads it.
    ///
    /// # Errors
    /// As [`load`](fn@load).
    pub fn read(&self) -> Result<load::Loaded, load::ConfigErrors> {
        load::load(self.file.as_deref(), &self.environment, &self.overrides)
    }
}

/// Everything that can be configured, valid and complete.
#[derive(Clone, Debug)]
pub struct Config {
    /// `[server]`
    pub server: Server,
    /// `[operator]`
    pub operator: Operator,
    /// `[bank]`
    pub bank: Bank,
    /// `[limits]`
    pub limits: Limits,
    /// `[auth]`
    pub auth: Auth,
    /// `[ledger]`
    pub ledger: Ledger,
    /// `[database]`
    pub database: Database,
    /// `[mysql]`, used when `[database] backend` says so.
    pub mysql: DatabaseServer,
    /// `[postgresql]`, used when `[database] backend` says so.
    pub postgresql: DatabaseServer,
    /// `[logging]`
    pub logging: Logging,
    /// `[metrics]`
    pub metrics: Metrics,
}

/// `[metrics]`: metrics and health over HTTP.
#[derive(Clone, Debug)]
pub struct Metrics {
    /// Address and port to listen on; off without one.
    pub listen: Option<SocketAddr>,
    /// Entries that the CSV ledgers may lack before atmd is not ready.
    pub projection_lag_max: u64,
}

/// A certificate of the site's own: two PEM files, which may be one and the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateFiles {
    /// The certificate, and those between it and the CA.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

/// `[server]`: the daemon and its listener for customers.
#[derive(Clone, Debug)]
pub struct Server {
    /// Address to listen on.
    pub host: IpAddr,
    /// Port to listen on; 0 takes a free one.
    pub port: u16,
    /// Threads of the runtime.
    pub worker_threads: usize,
    /// Time between two lines of metrics.
    pub monitor_interval: Duration,
    /// Where everything that atmd keeps is; relative paths of other keys are under it.
    pub data_dir: PathBuf,
    /// Names and addresses that the server's certificate is made for, beside localhost and the host's.
    pub names: Vec<String>,
    /// A certificate of the site's own, in place of one of the bank's CA.
    pub certificate: Option<CertificateFiles>,
    /// Customers' connections at a time.
    pub max_connections: usize,
    /// Customers' connections at a time from one address.
    pub max_connections_per_peer: usize,
    /// A connection without a session ends after this time.
    pub login_timeout: Duration,
    /// How long a stop waits for what is under way.
    pub shutdown_timeout: Duration,
}

/// `[operator]`: the listener for operators.
#[derive(Clone, Debug)]
pub struct Operator {
    /// Address and port to listen on.
    pub listen: SocketAddr,
    /// A certificate of the site's own, in place of one of the bank's CA.
    pub certificate: Option<CertificateFiles>,
    /// Operators' connections at a time.
    pub max_connections: usize,
    /// Refusals of one operator with a row of the audit log each, at once.
    pub refusals_burst: u32,
    /// Such rows in a minute after that.
    pub refusals_per_minute: u32,
}

/// `[bank]`: the bank itself.
#[derive(Clone, Debug)]
pub struct Bank {
    /// Currency of all amounts.
    pub currency: Currency,
    /// Zone of the bank's days.
    pub timezone: jiff::tz::TimeZone,
    /// When a business date ends and the next begins.
    pub cutover_time: jiff::civil::Time,
    /// The largest amount of one movement.
    pub amount_max: Money,
    /// Cash in the vault when the bank opens.
    pub opening_vault: Money,
    /// What a new customer's account opens with.
    pub opening_customer: Money,
    /// Whether a new number may register itself.
    pub open_registration: bool,
}

/// `[limits]`: what customers may do.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Sessions of one number at a time; a log-in above it takes over the oldest.
    pub sessions_per_number_max: u32,
    /// A session ends after this time without a request.
    pub idle_timeout: Duration,
    /// A session ends after this time in any case.
    pub session_length: Duration,
    /// The smallest withdrawal.
    pub withdraw_min: Money,
    /// The largest withdrawal.
    pub withdraw_max: Money,
    /// Withdrawals are multiples of this.
    pub withdraw_multiple: Money,
}

/// How long a lock-out lasts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lockout {
    /// Until an operator takes the number off the blacklist.
    Permanent,
    /// For this time.
    For(Duration),
}

/// `[auth]`: PINs and guesses.
#[derive(Clone, Debug)]
pub struct Auth {
    /// Wrong PINs in a row that put a number on the blacklist.
    pub attempts_max: u32,
    /// How long it stays there.
    pub lockout: Lockout,
    /// A failed log-in is answered after a multiple of this.
    pub failure_delay: Duration,
    /// Memory of one hash in KiB (argon2id's m).
    pub memory_kib: u32,
    /// Passes of one hash (argon2id's t).
    pub iterations: u32,
    /// Hashes at a time; 0 means one for each core.
    pub hash_threads: usize,
    /// Attempts that one address may make at once.
    pub peer_burst: u32,
    /// Attempts that one address may make in a minute after that.
    pub peer_per_minute: u32,
    /// Numbers without an account whose failures are remembered at a time.
    pub strangers_max: usize,
}

/// `[ledger]`: the writer.
#[derive(Clone, Debug)]
pub struct Ledger {
    /// Requests in one transaction of the database, at the most.
    pub batch_count_max: usize,
    /// Requests that wait for the writer, at the most, in each of its queues.
    pub queue_max: usize,
    /// How long the outcome of a rejected request is kept.
    pub rejections_days: u32,
}

/// What stores the bank.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Backend {
    /// Embedded, one node.
    Sqlite,
    /// A MariaDB or MySQL server.
    Mysql,
    /// A PostgreSQL server.
    Postgresql,
}

/// When a server's schema is brought up to date.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Migrate {
    /// At the start.
    Auto,
    /// By `atmd migrate` alone.
    Manual,
}

/// How a connection to a database server is protected. The words are libpq's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TlsMode {
    /// Not at all.
    Disable,
    /// With TLS where the server has it.
    Prefer,
    /// With TLS, whoever the server is.
    Require,
    /// With a certificate of a known CA.
    VerifyCa,
    /// With a certificate of a known CA for this host.
    VerifyFull,
}

/// `[database]`: where the bank is stored.
#[derive(Clone, Debug)]
pub struct Database {
    /// Which engine.
    pub backend: Backend,
    /// SQLite's file.
    pub path: PathBuf,
    /// Connections for reading.
    pub read_connections: u32,
    /// When a server's schema is brought up to date.
    pub migrate: Migrate,
}

/// `[mysql]` or `[postgresql]`: a database server.
#[derive(Clone)]
pub struct DatabaseServer {
    /// Host name or address.
    pub host: String,
    /// Port.
    pub port: u16,
    /// User.
    pub user: String,
    /// Password, from `password` or the file that `password_file` names.
    pub password: Option<zeroize::Zeroizing<String>>,
    /// Database on that server.
    pub database: String,
    /// How the connection is protected.
    pub tls: TlsMode,
    /// The CA of the server's certificate, a PEM file; the public ones without it.
    pub tls_ca: Option<PathBuf>,
    /// Whether the file or the environment has any key of this section.
    pub configured: bool,
}

impl std::fmt::Debug for DatabaseServer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "DatabaseServer({}@{}:{}/{})", self.user, self.host, self.port, self.database)
    }
}

/// When a new log file begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rotation {
    /// At midnight UTC.
    Daily,
    /// At each full hour UTC.
    Hourly,
    /// Never.
    Never,
}

/// How a line of the log looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// `[logging]`: the log.
#[derive(Clone, Debug)]
pub struct Logging {
    /// The file; rotation adds the date to its name.
    pub logfile: PathBuf,
    /// When a new file begins.
    pub rotation: Rotation,
    /// How many files are kept; 0 keeps all.
    pub keep: usize,
    /// What is logged: a level, or a filter such as `info,atmd::rpc=debug`. `RUST_LOG` goes before it.
    pub level: String,
    /// How a line looks.
    pub format: LogFormat,
    /// Whether mobile numbers are logged in full.
    pub full_numbers: bool,
}
