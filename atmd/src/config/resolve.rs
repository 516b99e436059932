//! Turns the text of every key into the typed [`Config`], and checks what no single value can show.

use super::keys::Key;
use super::load::{INSTALLED, Origin, Setting};
use super::values::{self as v, Parsed, amount, duration, number};
use super::{
    Auth, Bank, CertificateFiles, Config, Database, DatabaseServer, Ledger, Limits, Logging, Metrics,
    Operator, Server,
};
use atm_rpc::types::money::Currency;
use std::fs::{self, File};
use std::io::{self, Read};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// Where an installed atmd keeps its data.
const INSTALLED_DATA: &str = "/var/lib/atmd";
/// Bytes that a file of a password may have.
const PASSWORD_MAX: u64 = 4_096;
/// What stands for a secret.
const HIDDEN: &str = "********";

/// One key's text on its way to a value. Without `Debug`, because it may be a password.
pub(super) struct Item {
    pub(super) key: &'static Key,
    raw: Zeroizing<String>,
    origin: Origin,
    shown: Option<String>,
    bad: bool,
}

impl Item {
    pub(super) fn default_of(key: &'static Key) -> Self {
        let raw = Zeroizing::new(key.default.to_owned());
        Self { key, raw, origin: Origin::Default, shown: None, bad: false }
    }

    pub(super) fn set(&mut self, raw: &str, origin: &Origin) {
        self.raw = Zeroizing::new(raw.to_owned());
        self.origin = origin.clone();
    }

    pub(super) fn into_setting(self) -> Setting {
        let value = match self.shown {
            _ if self.key.secret && !self.raw.is_empty() => HIDDEN.to_owned(),
            Some(shown) => shown,
            None => self.raw.as_str().to_owned(),
        };
        Setting { key: self.key, value, origin: self.origin }
    }

    /// Whether somebody chose this value, rather than left it or copied the default.
    fn is_chosen(&self) -> bool {
        match self.origin {
            Origin::Default => false,
            Origin::File(..) => self.raw.as_str() != self.key.default,
            Origin::Variable(_) | Origin::Flag => true,
        }
    }

    /// `config.ini:4: [server] port = "x"`, or the variable or flag in its place.
    fn place(&self) -> String {
        let key = match &self.origin {
            Origin::File(file, line) => {
                format!("{}:{line}: [{}] {}", file.display(), self.key.section, self.key.name)
            }
            Origin::Variable(name) => name.clone(),
            Origin::Flag => format!("--set {}", self.key.path()),
            Origin::Default => format!("[{}] {}", self.key.section, self.key.name),
        };
        if self.key.secret {
            return key;
        }
        let value: String = self.raw.chars().take(80).collect();
        let cut = if value.len() < self.raw.len() { "..." } else { "" };
        let default = if self.origin == Origin::Default { " (default)" } else { "" };
        format!("{key} = {value:?}{cut}{default}")
    }
}

/// All keys' texts, and what was found wrong so far.
pub(super) struct Values {
    pub(super) items: Vec<Item>,
    pub(super) problems: Vec<String>,
}

impl Values {
    pub(super) fn new(items: Vec<Item>, problems: Vec<String>) -> Self {
        Self { items, problems }
    }

    fn item(&mut self, path: &str) -> Option<&mut Item> {
        let found = self.items.iter_mut().find(|item| {
            path.split_once('.')
                .is_some_and(|(section, name)| (item.key.section, item.key.name) == (section, name))
        });
        if found.is_none() {
            self.problems.push(format!("{path} is missing in atmd's table of keys"));
        }
        found
    }

    /// A key's value. Where its text is bad, that is a problem, and the default stands in for it so that all
    /// other problems are found, too.
    fn get<T>(&mut self, path: &str, parse: impl Fn(&str) -> Parsed<T>) -> Option<T> {
        let item = self.item(path)?;
        match parse(&item.raw) {
            Ok(value) => Some(value),
            Err(allowed) => {
                let default = item.key.default;
                self.problem(path, &allowed);
                parse(default).ok()
            }
        }
    }

    fn problem(&mut self, path: &str, message: &str) {
        let Some(item) = self.item(path) else { return };
        item.bad = true;
        let in_file = matches!(item.origin, Origin::File(..));
        let commented = in_file && !item.key.secret && (item.raw.contains(" #") || item.raw.contains(" ;"));
        let hint = if commented { " (a comment needs a line of its own)" } else { "" };
        let problem = format!("{}: {message}{hint}", item.place());
        self.problems.push(problem);
    }

    /// Values that do not go together, if each is good by itself; those that somebody gave are named first.
    fn conflict(&mut self, paths: &[&str], message: &str) {
        let mut found: Vec<(bool, String)> = Vec::new();
        for path in paths {
            let Some(item) = self.item(path) else { return };
            if item.bad {
                return;
            }
            found.push((item.origin == Origin::Default, item.place()));
        }
        found.sort_by_key(|(default, _)| *default);
        let places: Vec<String> = found.into_iter().map(|(_, place)| place).collect();
        self.problems.push(format!("{}: {message}", places.join(" and ")));
    }

    /// A path under `data_dir`, unless absolute.
    fn path_under(&mut self, path: &str, data_dir: &Path) -> Option<PathBuf> {
        let full = data_dir.join(self.get(path, v::path)?);
        self.item(path)?.shown = Some(full.display().to_string());
        Some(full)
    }

    /// The configuration; what is wrong with it is in `problems`, and then it is not to be used.
    pub(super) fn config(mut self, file: Option<&Path>) -> (Option<Config>, Self) {
        let config = self.all(file);
        if let Some(config) = &config {
            self.check(config);
        }
        (config, self)
    }

    fn all(&mut self, file: Option<&Path>) -> Option<Config> {
        let data_dir = self.data_dir(file)?;
        let server = self.server(&data_dir)?;
        let operator = Operator {
            listen: self.get("operator.listen", v::socket)?,
            certificate: self.certificate("operator", &data_dir)?,
            max_connections: self.get("operator.max_connections", number(1..=10_000))?,
            refusals_burst: self.get("operator.refusals_burst", number(1..=1_000_000))?,
            refusals_per_minute: self.get("operator.refusals_per_minute", number(1..=1_000_000))?,
        };
        let bank = self.bank()?;
        Some(Config {
            server,
            operator,
            limits: self.limits(bank.currency)?,
            bank,
            auth: self.auth()?,
            ledger: Ledger {
                batch_count_max: self.get("ledger.batch_count_max", number(1..=8_192))?,
                queue_max: self.get("ledger.queue_max", number(1..=1_000_000))?,
                rejections_days: self.get("ledger.rejections_days", number(1..=3_650))?,
            },
            database: Database {
                backend: self.get("database.backend", v::backend)?,
                path: self.path_under("database.path", &data_dir)?,
                read_connections: self.get("database.read_connections", number(1..=256))?,
                migrate: self.get("database.migrate", v::choice(v::MIGRATE))?,
            },
            mysql: self.database_server("mysql", &data_dir)?,
            postgresql: self.database_server("postgresql", &data_dir)?,
            logging: Logging {
                logfile: self.path_under("logging.logfile", &data_dir)?,
                rotation: self.get("logging.rotation", v::choice(v::ROTATIONS))?,
                keep: self.get("logging.keep", number(0..=10_000))?,
                level: self.get("logging.level", v::level)?,
                format: self.get("logging.format", v::choice(v::FORMATS))?,
                full_numbers: self.get("logging.full_numbers", v::boolean)?,
            },
            metrics: Metrics {
                listen: self.get("metrics.listen", v::optional_socket)?,
                projection_lag_max: self.get("metrics.projection_lag_max", number(1..=1_000_000_000))?,
            },
        })
    }

    /// The data directory, absolute: relative to the current folder, but for an installed file, whose
    /// default is a place of its own and for which any other relative path would be a guess.
    fn data_dir(&mut self, file: Option<&Path>) -> Option<PathBuf> {
        const KEY: &str = "server.data_dir";
        let installed = file.and_then(Path::parent) == Some(Path::new(INSTALLED));
        let data_dir = PathBuf::from(self.get(KEY, v::text)?);
        let item = self.item(KEY)?;
        let in_file = matches!(item.origin, Origin::File(..) | Origin::Default);
        let full = if installed && in_file && item.raw.as_str() == item.key.default {
            PathBuf::from(INSTALLED_DATA)
        } else {
            std::path::absolute(&data_dir).unwrap_or_else(|_| data_dir.clone())
        };
        item.shown = Some(full.display().to_string());
        if installed && in_file && data_dir.is_relative() && item.raw.as_str() != item.key.default {
            self.problem(KEY, &format!("an absolute path, because the file is in {INSTALLED}"));
        }
        Some(full)
    }

    fn server(&mut self, data_dir: &Path) -> Option<Server> {
        Some(Server {
            host: self.get("server.host", v::address)?,
            port: self.get("server.port", v::port)?,
            worker_threads: self.get("server.worker_threads", number(1..=1_024))?,
            monitor_interval: self.get("server.monitor_interval", duration("1s", "1d"))?,
            data_dir: data_dir.to_owned(),
            names: self.get("server.names", v::names)?,
            certificate: self.certificate("server", data_dir)?,
            max_connections: self.get("server.max_connections", number(1..=1_000_000))?,
            max_connections_per_peer: self.get("server.max_connections_per_peer", number(1..=1_000_000))?,
            login_timeout: self.get("server.login_timeout", duration("100ms", "1h"))?,
            shutdown_timeout: self.get("server.shutdown_timeout", duration("100ms", "10m"))?,
        })
    }

    fn bank(&mut self) -> Option<Bank> {
        let currency = self.get("bank.currency", v::currency)?;
        Some(Bank {
            currency,
            timezone: self.get("bank.timezone", v::timezone)?,
            cutover_time: self.get("bank.cutover_time", v::time_of_day)?,
            amount_max: self.get("bank.amount_max", amount(currency, 1))?,
            opening_vault: self.get("bank.opening_vault", amount(currency, 0))?,
            opening_customer: self.get("bank.opening_customer", amount(currency, 0))?,
            open_registration: self.get("bank.open_registration", v::boolean)?,
        })
    }

    fn limits(&mut self, currency: Currency) -> Option<Limits> {
        Some(Limits {
            sessions_per_number_max: self.get("limits.sessions_per_number_max", number(1..=1_000))?,
            idle_timeout: self.get("limits.idle_timeout", duration("100ms", "1d"))?,
            session_length: self.get("limits.session_length", duration("100ms", "7d"))?,
            withdraw_min: self.get("limits.withdraw_min", amount(currency, 1))?,
            withdraw_max: self.get("limits.withdraw_max", amount(currency, 1))?,
            withdraw_multiple: self.get("limits.withdraw_multiple", amount(currency, 1))?,
        })
    }

    fn auth(&mut self) -> Option<Auth> {
        Some(Auth {
            attempts_max: self.get("auth.attempts_max", number(1..=100))?,
            lockout: self.get("auth.lockout", v::lockout)?,
            failure_delay: self.get("auth.failure_delay", duration("0", "1m"))?,
            memory_kib: self.get("auth.memory_kib", number(8..=1_048_576))?,
            iterations: self.get("auth.iterations", number(1..=100))?,
            hash_threads: self.get("auth.hash_threads", number(0..=1_024))?,
            peer_burst: self.get("auth.peer_burst", number(1..=1_000_000))?,
            peer_per_minute: self.get("auth.peer_per_minute", number(1..=1_000_000))?,
            strangers_max: self.get("auth.strangers_max", number(1..=10_000_000))?,
        })
    }

    fn database_server(&mut self, section: &str, data_dir: &Path) -> Option<DatabaseServer> {
        let key = |name: &str| format!("{section}.{name}");
        Some(DatabaseServer {
            host: self.get(&key("host"), v::text)?,
            port: self.get(&key("port"), number(1..=u16::MAX))?,
            user: self.get(&key("user"), v::text)?,
            password: self.password(section, data_dir),
            database: self.get(&key("database"), v::text)?,
            tls: self.get(&key("tls"), v::choice(v::TLS_MODES))?,
            tls_ca: self.optional_file(&key("tls_ca"), data_dir)?,
            configured: self.items.iter().any(|item| item.key.section == section && item.is_chosen()),
        })
    }

    /// A certificate of the site's own, or none.
    fn certificate(&mut self, section: &str, data_dir: &Path) -> Option<Option<CertificateFiles>> {
        let paths = ["certificate", "key"].map(|name| format!("{section}.{name}"));
        let certificate = self.optional_file(&paths[0], data_dir)?;
        let key = self.optional_file(&paths[1], data_dir)?;
        if certificate.is_some() != key.is_some() {
            self.conflict(&[&paths[0], &paths[1]], "a certificate and its key are set together, or neither");
        }
        Some(certificate.zip(key).map(|(certificate, key)| CertificateFiles { certificate, key }))
    }

    /// A file that can be read, under `data_dir` unless absolute, or none where it is empty.
    fn optional_file(&mut self, path: &str, data_dir: &Path) -> Option<Option<PathBuf>> {
        if self.item(path)?.raw.is_empty() {
            return Some(None);
        }
        let file = self.path_under(path, data_dir)?;
        // Of a pipe the opening alone may take for ever.
        let opened = match fs::metadata(&file) {
            Ok(metadata) if !metadata.is_file() => Err(io::Error::other("it is no regular file")),
            Ok(_) => File::open(&file),
            Err(error) => Err(error),
        };
        if let Err(error) = opened {
            self.problem(path, &format!("cannot read {}: {error}", file.display()));
            return None;
        }
        Some(Some(file))
    }

    /// The password from its key or its file.
    fn password(&mut self, section: &str, data_dir: &Path) -> Option<Zeroizing<String>> {
        let (key, file) = (format!("{section}.password"), format!("{section}.password_file"));
        let given = Some(self.item(&key)?.raw.clone()).filter(|password| !password.is_empty());
        let item = self.item(&file)?;
        if item.raw.is_empty() {
            return given;
        }
        let path = data_dir.join(item.raw.as_str());
        item.shown = Some(path.display().to_string());
        if given.is_some() {
            self.conflict(&[&key, &file], "only one of the two may be set");
            return None;
        }
        match first_line(&path) {
            Ok(line) => {
                if line.is_empty() {
                    self.problem(&file, &format!("{} is empty", path.display()));
                }
                Some(line)
            }
            Err(error) => {
                self.problem(&file, &format!("cannot read {}: {error}", path.display()));
                None
            }
        }
    }

    /// What only values together can show.
    fn check(&mut self, config: &Config) {
        let (limits, bank, server) = (&config.limits, &config.bank, &config.server);
        if limits.withdraw_min > limits.withdraw_max {
            self.conflict(
                &["limits.withdraw_min", "limits.withdraw_max"],
                "the smallest is above the largest",
            );
        } else if limits.withdraw_max.round_down_to(limits.withdraw_multiple) < limits.withdraw_min {
            let message = "no multiple lies between withdraw_min and withdraw_max";
            let paths = ["limits.withdraw_multiple", "limits.withdraw_min", "limits.withdraw_max"];
            self.conflict(&paths, message);
        }
        if limits.withdraw_max > bank.amount_max {
            let message = "no withdrawal may be above the largest amount of one movement";
            self.conflict(&["limits.withdraw_max", "bank.amount_max"], message);
        }
        if bank.opening_customer > bank.amount_max {
            let message = "no account can open with more than the largest amount of one movement";
            self.conflict(&["bank.opening_customer", "bank.amount_max"], message);
        }
        let operators = config.operator.listen;
        let overlap =
            server.host == operators.ip() || server.host.is_unspecified() || operators.ip().is_unspecified();
        if server.port != 0 && server.port == operators.port() && overlap {
            self.conflict(&["server.port", "operator.listen"], "customers and operators need a port each");
        }
        if let Some(metrics) = config.metrics.listen.filter(|metrics| metrics.port() != 0) {
            let meets = |ip: IpAddr, port| {
                let overlap = ip == metrics.ip() || ip.is_unspecified() || metrics.ip().is_unspecified();
                port == metrics.port() && overlap
            };
            let message = "metrics need a port of their own";
            if meets(server.host, server.port) {
                self.conflict(&["metrics.listen", "server.port"], message);
            }
            if meets(operators.ip(), operators.port()) {
                self.conflict(&["metrics.listen", "operator.listen"], message);
            }
        }
        if config.database.path == config.logging.logfile {
            self.conflict(&["database.path", "logging.logfile"], "the database and the log need a file each");
        }
    }
}

/// What a file of a password has, without the end of its line. Bounded, because a path may lead anywhere.
fn first_line(path: &Path) -> io::Result<Zeroizing<String>> {
    let mut text = Zeroizing::new(String::new());
    let length = File::open(path)?.take(PASSWORD_MAX + 1).read_to_string(&mut text)?;
    if length as u64 > PASSWORD_MAX {
        return Err(io::Error::other(format!(
            "it has more than {PASSWORD_MAX} bytes, which no password has"
        )));
    }
    let line = text.strip_suffix('\n').map_or(text.as_str(), |t| t.strip_suffix('\r').unwrap_or(t));
    Ok(Zeroizing::new(line.to_owned()))
}
