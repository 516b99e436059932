//! What of the configuration holds as soon as it is read again: [`Terms`] and the ledger's [`Rules`], each swapped
//! whole. Whoever works by them asks each time, and keeps none of it.
//!
//! Which keys these are says [`keys`](crate::config::keys); a test here holds both to it. Knows nobody who asks.

use crate::auth::pin::Cost;
use crate::config::{CertificateFiles, Config, Lockout};
use crate::ledger::Rules;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// A value that may be another the next time.
#[derive(Debug)]
pub struct Live<T>(watch::Receiver<Arc<T>>);

/// Swaps it.
#[derive(Debug)]
pub struct Swap<T>(watch::Sender<Arc<T>>);

impl<T> Live<T> {
    /// The value, and what swaps it.
    #[must_use]
    pub fn new(value: impl Into<Arc<T>>) -> (Self, Swap<T>) {
        let (swap, live) = watch::channel(value.into());
        (Self(live), Swap(swap))
    }

    /// What holds now.
    #[must_use]
    pub fn now(&self) -> Arc<T> {
        Arc::clone(&self.0.borrow())
    }

    /// Waits until it is another than that which was asked for or waited for last; for ever where nobody can swap it.
    pub async fn changed(&mut self) {
        if self.0.changed().await.is_err() {
            std::future::pending().await
        }
    }
}

impl<T> Clone for Live<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

/// One that stays.
impl<T> From<T> for Live<T> {
    fn from(value: T) -> Self {
        Self::new(value).0
    }
}

impl<T> Swap<T> {
    /// From now on it is this.
    pub fn to(&self, value: impl Into<Arc<T>>) {
        self.0.send_replace(value.into());
    }
}

/// How many places a listener has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Places {
    /// In all.
    pub count_max: usize,
    /// For one peer.
    pub per_peer_max: usize,
}

/// A bucket's size and how fast it fills again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// So much at once.
    pub burst: u32,
    /// So much in a minute after that.
    pub per_minute: u32,
}

impl Rate {
    /// The time in which one comes back.
    #[must_use]
    pub fn refill(self) -> Duration {
        Duration::from_secs(60) / self.per_minute.max(1)
    }

    /// How much time a bucket may lack that still has one.
    #[must_use]
    pub fn room(self) -> Duration {
        self.refill() * self.burst.max(1).saturating_sub(1)
    }
}

/// By what connections, log-ins, the log and the monitor go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Terms {
    /// Places of customers and of operators.
    pub places: [Places; 2],
    /// A connection without a session ends after this time.
    pub login_timeout: Duration,
    /// How long a stop waits for what is under way.
    pub shutdown_timeout: Duration,
    /// Time between two samples.
    pub monitor_interval: Duration,
    /// Names of the server's certificate.
    pub names: Vec<String>,
    /// Certificates of the site's own, of customers' listener and of operators'.
    pub certificates: [Option<CertificateFiles>; 2],
    /// Rows of the audit log for one operator's refusals.
    pub refusals: Rate,
    /// Log-ins of one address.
    pub attempts: Rate,
    /// A failed log-in is answered after a multiple of this.
    pub failure_delay: Duration,
    /// What a new PIN hash costs.
    pub cost: Cost,
    /// Days that the answer to a rejected request is kept.
    pub rejections_days: u32,
    /// What is logged.
    pub level: String,
    /// Whether the log shows numbers in full.
    pub full_numbers: bool,
    /// Entries that the ledgers may lack.
    pub projection_lag_max: u64,
}

impl Terms {
    /// Those of a configuration.
    #[must_use]
    pub fn of(config: &Config) -> Self {
        let Config { server, operator, auth, .. } = config;
        let operators_max = operator.max_connections;
        Self {
            places: [
                Places { count_max: server.max_connections, per_peer_max: server.max_connections_per_peer },
                Places { count_max: operators_max, per_peer_max: operators_max.div_ceil(2) },
            ],
            login_timeout: server.login_timeout,
            shutdown_timeout: server.shutdown_timeout,
            monitor_interval: server.monitor_interval,
            names: server.names.clone(),
            certificates: [&server.certificate, &operator.certificate].map(Clone::clone),
            refusals: Rate { burst: operator.refusals_burst, per_minute: operator.refusals_per_minute },
            attempts: Rate { burst: auth.peer_burst, per_minute: auth.peer_per_minute },
            failure_delay: auth.failure_delay,
            cost: Cost { memory_kib: auth.memory_kib, iterations: auth.iterations },
            rejections_days: config.ledger.rejections_days,
            level: config.logging.level.clone(),
            full_numbers: config.logging.full_numbers,
            projection_lag_max: config.metrics.projection_lag_max,
        }
    }
}

/// The bank's rules of a configuration.
#[must_use]
pub fn rules(config: &Config) -> Rules {
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

fn milliseconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::keys::{Holds, KEYS, Key};
    use crate::config::load::from_text;

    const A_FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");

    /// Another value than the default, that goes with the other defaults.
    fn another(key: &Key) -> &'static str {
        match key.default {
            "true" => "false",
            "false" => "true",
            "127.0.0.1" | "0.0.0.0" => "127.0.0.9",
            "127.0.0.1:65433" | "127.0.0.1:9464" => "127.0.0.9:7000",
            "65432" | "3306" | "5432" => "7001",
            "prefer" => "require",
            "daily" => "never",
            "info" => "debug",
            "text" => "json",
            "manual" => "auto",
            "sqlite" => "postgresql",
            "permanent" => "1d",
            "UTC" => "Asia/Kolkata",
            "INR" => "EUR",
            "00:00" => "03:00",
            "5000.00" => "4000.00",
            "100.00" => "200.00",
            "10.00" => "20.00",
            "0.00" | "1000000.00" | "10000.00" => "9000.00",
            "2m" | "30m" | "60s" | "10s" | "60" | "1s" => "45s",
            "" => match key.name {
                "listen" => "127.0.0.9:9464",
                "password_file" | "tls_ca" | "certificate" | "key" => A_FILE,
                _ => "another",
            },
            "data" | "bank.db" | "bank_server.log" | "root" | "atm" | "bank_db" => "another",
            _ => "77",
        }
    }

    #[test]
    fn each_key_holds_when_the_table_says_so() {
        let load = |overrides: &[(String, String)]| from_text(None, &[], overrides).unwrap().config;
        let of = |config: &Config| format!("{:?} {:?}", Terms::of(config), rules(config));
        let before = of(&load(&[]));
        for key in KEYS {
            let mut overrides = vec![(key.path(), another(key).to_owned())];
            // One does not go without the other.
            let pair = [("certificate", "key"), ("key", "certificate")];
            for (_, other) in pair.iter().filter(|(name, _)| *name == key.name) {
                overrides.push((format!("{}.{other}", key.section), A_FILE.to_owned()));
            }
            let config = load(&overrides);
            assert_eq!(of(&config) != before, key.holds == Holds::AtOnce, "{}", key.path());
        }
    }

    #[tokio::test]
    async fn a_swap_is_seen_by_all_and_wakes_who_waits() {
        let (live, swap) = Live::new(1);
        let mut other = live.clone();
        assert_eq!(*live.now(), 1);
        swap.to(2);
        other.changed().await;
        assert_eq!((*live.now(), *other.now()), (2, 2));
    }

    #[test]
    fn a_bucket_that_holds_one_has_no_room() {
        let rate = |burst, per_minute| Rate { burst, per_minute };
        assert_eq!(rate(3, 60).room(), Duration::from_secs(2));
        assert_eq!(rate(0, 0).room(), Duration::ZERO);
    }
}
