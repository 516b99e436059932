//! The one table of what can be configured. Names in errors, environment variables, `config show` and the
//! default config.ini all come from here.

/// One key of the configuration.
#[derive(Debug, PartialEq, Eq)]
pub struct Key {
    /// Its section in the file.
    pub section: &'static str,
    /// Its name in that section.
    pub name: &'static str,
    /// The value where none is given, as it stands in the file.
    pub default: &'static str,
    /// What it is for, in one line.
    pub comment: &'static str,
    /// Whether its value is for nobody's eyes.
    pub secret: bool,
    /// When a change of it holds.
    pub holds: Holds,
}

/// When a change of a key holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Holds {
    /// As soon as the configuration is read again.
    AtOnce,
    /// From the next start on.
    AtStart,
}

impl Key {
    /// `section.name`, as flags name a key.
    #[must_use]
    pub fn path(&self) -> String {
        format!("{}.{}", self.section, self.name)
    }

    /// The environment variable that sets it, such as `ATMD_SERVER_PORT`.
    #[must_use]
    pub fn variable(&self) -> String {
        format!("{VARIABLE_PREFIX}{}_{}", self.section, self.name).to_ascii_uppercase()
    }
}

/// What every environment variable of atmd begins with.
pub const VARIABLE_PREFIX: &str = "ATMD_";
/// The environment variable that names the file; no key.
pub const VARIABLE_OF_FILE: &str = "ATMD_CONFIG";

/// The sections in their order, each with what it is about.
#[rustfmt::skip]
pub const SECTIONS: &[(&str, &str)] = &[
    ("server", "The daemon and its listener for customers"),
    ("operator", "The listener for operators (atmctl)"),
    ("bank", "The bank itself"),
    ("limits", "What customers may do"),
    ("auth", "PINs, and guessing them"),
    ("ledger", "The writer of the journal"),
    ("database", "Where the bank is stored"),
    ("mysql", "The MariaDB or MySQL server, where backend = mysql"),
    ("postgresql", "The PostgreSQL server, where backend = postgresql"),
    ("logging", "The log"),
    ("metrics", "Metrics and health over HTTP, for machines that look after atmd"),
];

/// A key that is read at the start alone.
const fn key(section: &'static str, name: &'static str, default: &'static str, comment: &'static str) -> Key {
    Key { section, name, default, comment, secret: false, holds: Holds::AtStart }
}

/// A key that may be changed while atmd runs.
const fn live(
    section: &'static str,
    name: &'static str,
    default: &'static str,
    comment: &'static str,
) -> Key {
    Key { holds: Holds::AtOnce, ..key(section, name, default, comment) }
}

/// All keys, section by section.
#[rustfmt::skip]
pub const KEYS: &[Key] = &[
    key("server", "host", "0.0.0.0", "Address to listen on: 0.0.0.0 and :: are all, 127.0.0.1 is this machine alone."),
    key("server", "port", "65432", "Port to listen on; 0 takes a free one."),
    key("server", "worker_threads", "4", "Threads that serve connections."),
    live("server", "monitor_interval", "60", "Time between two lines of metrics in the log: seconds, or 500ms, 2m, 1h, 1d as all times here."),
    key("server", "data_dir", "data", "Folder of the database, CSV files, keys and log; the default is /var/lib/atmd where this file is in /etc/atm."),
    live("server", "names", "", "More names and addresses for the server's certificate, with commas between."),
    live("server", "certificate", "", "A certificate of the site's own for customers, with those between it and the CA behind it (PEM), in place of one by the bank's CA; under data_dir unless absolute."),
    live("server", "key", "", "Its private key (PEM), which others may not read."),
    live("server", "max_connections", "1024", "Customers' connections at a time."),
    live("server", "max_connections_per_peer", "64", "Customers' connections at a time from one address."),
    live("server", "login_timeout", "60s", "A connection that does not log in ends after this time."),
    live("server", "shutdown_timeout", "10s", "How long a stop waits for what is under way."),

    key("operator", "listen", "127.0.0.1:65433", "Address and port to listen on."),
    live("operator", "certificate", "", "The same for operators; they go on to be known by their own certificates."),
    live("operator", "key", "", "Its private key."),
    live("operator", "max_connections", "64", "Operators' connections at a time."),
    live("operator", "refusals_burst", "100", "Refused calls of one operator that the audit log has a row for each at once."),
    live("operator", "refusals_per_minute", "10", "Such rows in a minute after that; more refusals are counted in one row."),

    key("bank", "currency", "INR", "ISO 4217 code of the currency of all amounts."),
    key("bank", "timezone", "UTC", "Zone of the bank's days, such as Asia/Kolkata."),
    key("bank", "cutover_time", "00:00", "When one business date ends and the next begins, in that zone."),
    live("bank", "amount_max", "1000000.00", "The largest amount of one movement."),
    key("bank", "opening_vault", "10000.00", "Cash in the vault when the bank is first opened."),
    live("bank", "opening_customer", "0.00", "What a new customer's account opens with."),
    live("bank", "open_registration", "true", "Whether an unknown number may register itself."),

    live("limits", "sessions_per_number_max", "1", "Sessions of one number at a time; one more takes over the oldest."),
    live("limits", "idle_timeout", "2m", "A session ends after this time without a request."),
    live("limits", "session_length", "30m", "A session ends after this time in any case."),
    live("limits", "withdraw_min", "100.00", "The smallest withdrawal."),
    live("limits", "withdraw_max", "5000.00", "The largest withdrawal."),
    live("limits", "withdraw_multiple", "10.00", "Withdrawals are multiples of this."),

    live("auth", "attempts_max", "5", "Wrong PINs in a row that put a number on the blacklist."),
    live("auth", "lockout", "permanent", "How long it stays there: permanent, until an operator removes it, or a time such as 1d."),
    live("auth", "failure_delay", "1s", "A failed log-in is answered after a multiple of this."),
    live("auth", "memory_kib", "19456", "Memory of one PIN hash in KiB (argon2id m)."),
    live("auth", "iterations", "2", "Passes of one PIN hash (argon2id t)."),
    key("auth", "hash_threads", "0", "PIN hashes at a time; 0 is one for each core."),
    live("auth", "peer_burst", "20", "Log-ins that one address may try at once."),
    live("auth", "peer_per_minute", "30", "Log-ins that one address may try in a minute after that."),
    key("auth", "strangers_max", "100000", "Numbers without an account whose failures are remembered at a time."),

    key("ledger", "batch_count_max", "1024", "Requests in one transaction of the database."),
    key("ledger", "queue_max", "8192", "Requests that may wait for the writer, in each of its queues."),
    live("ledger", "rejections_days", "30", "Days that the answer to a rejected request is kept."),

    key("database", "backend", "sqlite", "What stores the bank: sqlite, mysql (MariaDB or MySQL) or postgresql."),
    key("database", "path", "bank.db", "SQLite's file, under data_dir unless absolute."),
    key("database", "read_connections", "4", "Connections for reading, beside the one that writes."),
    key("database", "migrate", "manual", "A server's schema is brought up to date by 'atmd migrate' (manual) or at the start (auto); SQLite's always at the start."),

    key("mysql", "host", "127.0.0.1", "Name or address of the server."),
    key("mysql", "port", "3306", "Its port."),
    key("mysql", "user", "root", "User to log in as."),
    Key { secret: true, ..key("mysql", "password", "", "Password of that user; password_file keeps it out of this file.") },
    key("mysql", "password_file", "", "File that holds the password, in place of password."),
    key("mysql", "database", "bank_db", "Database on that server."),
    key("mysql", "tls", "prefer", "disable, prefer, require, verify-ca (a certificate of tls_ca) or verify-full (and of this host)."),
    key("mysql", "tls_ca", "", "CA of the server's certificate as a PEM file, under data_dir unless absolute; the public CAs without it."),

    key("postgresql", "host", "127.0.0.1", "Name or address of the server."),
    key("postgresql", "port", "5432", "Its port."),
    key("postgresql", "user", "atm", "User to log in as."),
    Key { secret: true, ..key("postgresql", "password", "", "Password of that user; password_file keeps it out of this file.") },
    key("postgresql", "password_file", "", "File that holds the password, in place of password."),
    key("postgresql", "database", "bank_db", "Database on that server."),
    key("postgresql", "tls", "prefer", "disable, prefer, require, verify-ca (a certificate of tls_ca) or verify-full (and of this host)."),
    key("postgresql", "tls_ca", "", "CA of the server's certificate as a PEM file, under data_dir unless absolute; the public CAs without it."),

    key("logging", "logfile", "bank_server.log", "The file, under data_dir unless absolute; with rotation it is a link to the newest."),
    key("logging", "rotation", "daily", "When a new file begins: daily, hourly (both UTC) or never."),
    key("logging", "keep", "14", "How many files are kept; 0 keeps all."),
    live("logging", "level", "info", "error, warn, info, debug, trace or off, or a filter such as info,atmd::rpc=debug; RUST_LOG goes before it."),
    key("logging", "format", "text", "How a line looks: text or json."),
    live("logging", "full_numbers", "false", "Whether mobile numbers are logged in full; their last digits otherwise."),

    key("metrics", "listen", "", "Address and port of /metrics, /livez and /readyz, such as 127.0.0.1:9464; off where empty. Whoever reaches it may read: keep it on this machine or behind a firewall."),
    live("metrics", "projection_lag_max", "10000", "Entries that the CSV ledgers may lack before atmd is not ready."),
];

/// The key of that name in that section.
#[must_use]
pub fn find(section: &str, name: &str) -> Option<&'static Key> {
    KEYS.iter().find(|key| key.section == section && key.name == name)
}

/// Says that there is no such key, and what was probably meant.
#[must_use]
pub fn unknown(section: &str, name: &str) -> String {
    if !SECTIONS.iter().any(|(known, _)| *known == section) {
        let hint = nearest(section, SECTIONS.iter().map(|(known, _)| (*known).to_owned()));
        let all: Vec<String> = SECTIONS.iter().map(|(known, _)| format!("[{known}]")).collect();
        return match hint {
            Some(hint) => format!("there is no section [{section}]; did you mean [{hint}]?"),
            None => format!("there is no section [{section}]; there are {}", all.join(" ")),
        };
    }
    if let Some(elsewhere) = KEYS.iter().find(|key| key.name == name) {
        return format!("[{section}] has no key {name}; [{}] has", elsewhere.section);
    }
    let here: Vec<&str> = KEYS.iter().filter(|key| key.section == section).map(|key| key.name).collect();
    match nearest(name, here.iter().map(|name| (*name).to_owned())) {
        Some(hint) => format!("[{section}] has no key {name}; did you mean {hint}?"),
        None => format!("[{section}] has no key {name}; it has {}", here.join(", ")),
    }
}

/// Says that a flag's key has no such form, and what was probably meant.
#[must_use]
pub fn unknown_path(path: &str) -> String {
    if let Some((section, name)) = path.split_once('.') {
        return unknown(section, name);
    }
    let meant = KEYS.iter().find(|key| key.name == path).map_or_else(|| "server.port".into(), Key::path);
    format!("a key is given with its section, such as {meant}")
}

/// Says that there is no such environment variable, and what was probably meant.
#[must_use]
pub fn unknown_variable(variable: &str) -> String {
    let known = KEYS.iter().map(Key::variable).chain([VARIABLE_OF_FILE.to_owned()]);
    match nearest(variable, known) {
        Some(hint) => format!("atmd knows no such variable; did you mean {hint}?"),
        None => {
            "atmd knows no such variable; ATMD_SERVER_PORT is [server] port, and so on for each key".into()
        }
    }
}

/// The default config.ini.
#[must_use]
pub fn render() -> String {
    let mut text = String::from(
        "# Configuration of atmd: every key with its default.\n\
         # A flag goes before the environment (ATMD_SERVER_PORT is [server] port), and that before this file.\n\
         # A comment needs a line of its own: a value goes to the end of its line.\n",
    );
    for (section, about) in SECTIONS {
        text += &format!("\n# ---- {about} ----\n[{section}]\n");
        for key in KEYS.iter().filter(|key| key.section == *section) {
            text += &format!("# {}\n{}\n", key.comment, format!("{} = {}", key.name, key.default).trim_end());
        }
    }
    text
}

/// The candidate that the fewest typing mistakes lead to, if they are few.
fn nearest(typed: &str, candidates: impl Iterator<Item = String>) -> Option<String> {
    let typed: String = typed.chars().take(64).collect::<String>().to_lowercase();
    candidates
        .map(|candidate| (distance(&typed, &candidate.to_lowercase()), candidate))
        .filter(|(distance, candidate)| *distance <= (candidate.len() / 4).clamp(2, 3))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// Levenshtein's distance: letters to add, drop or change.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = i;
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let changed = diagonal + usize::from(x != *y);
            diagonal = row[j + 1];
            row[j + 1] = changed.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn every_key_is_in_a_section_has_one_line_of_comment_and_a_variable_of_its_own() {
        let mut variables = HashSet::from([VARIABLE_OF_FILE.to_owned()]);
        for key in KEYS {
            assert!(SECTIONS.iter().any(|(section, _)| *section == key.section), "{}", key.path());
            assert!(variables.insert(key.variable()), "{}", key.variable());
            assert!(key.comment.ends_with('.') && !key.comment.contains('\n'), "{}", key.path());
            assert_eq!(key.secret, key.name == "password", "{}", key.path());
        }
    }

    #[test]
    fn the_file_at_the_root_is_the_table() {
        let file = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../config.ini"));
        assert_eq!(file, render());
    }

    #[test]
    fn suggests_what_was_probably_meant() {
        let table = [
            ("server", "prot", "[server] has no key prot; did you mean port?"),
            ("server", "Port", "[server] has no key Port; did you mean port?"),
            ("server", "withdraw_max", "[server] has no key withdraw_max; [limits] has"),
            ("sever", "port", "there is no section [sever]; did you mean [server]?"),
            (
                "operator",
                "zzz",
                "[operator] has no key zzz; it has listen, certificate, key, max_connections, refusals_burst, refusals_per_minute",
            ),
        ];
        for (section, name, expected) in table {
            assert_eq!(unknown(section, name), expected);
        }
        assert!(unknown("zzz", "port").contains("there are [server] [operator]"));
        assert!(unknown_variable("ATMD_SERVER_PROT").ends_with("did you mean ATMD_SERVER_PORT?"));
        assert!(unknown_variable("ATMD_CONFG").ends_with("did you mean ATMD_CONFIG?"));
        assert!(unknown_variable("ATMD_X").contains("no such variable; ATMD_SERVER_PORT is"));
    }
}
