//! What atmd measures of itself, and whether it is well. Knows nothing of who is connected.
//!
//! - `connections`, `requests`, `timing`, `work`: counters that others add to, atomics alone.
//! - `line`: the process, and the line of the log. `sources`: what is looked at elsewhere, the database above all.
//! - `wallclock`, `progress`: what is found by looking again: a time of day that was set, and one who stands still.
//! - `certificates`: when they end.
//! - `measure` puts everything together; `history` keeps a day of it; `text` and [`names`] are for Prometheus.
//! - `health`: whether it is well, and why not. `http`: the listener that tells machines.

mod certificates;
mod connections;
mod health;
mod history;
mod http;
mod line;
mod measure;
pub mod names;
mod progress;
mod requests;
mod sources;
mod text;
mod timing;
mod wallclock;
mod work;

pub use connections::{Connections, SessionPlace};
pub use health::{NotReady, Phase, Reason};
pub use http::serve;
pub use line::Line;
pub use requests::{Call, Requests};
pub use sources::{Sources, probe};
pub use timing::{Sizes, Timing};
pub use work::{PinWork, WriterWork};

use crate::clock;
use crate::live::{Live, Terms};
use atm_rpc::error::ServiceError;
use atm_rpc::operator::metrics::{RefusedConnection, Side};
use atm_rpc::operator::rules::Method;
use connections::{Counter, OfSide, Sessions};
use health::Life;
use history::History;
use line::Process;
use requests::Rejections;
use sources::Probed;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Instant;
use tokio::time::sleep_until;
use tokio_util::sync::CancellationToken;

/// Counts and measures.
#[derive(Debug)]
pub struct Monitor {
    started: Instant,
    terms: Live<Terms>,
    life: Life,
    customers: OfSide,
    operators: OfSide,
    together: Counter,
    sessions: Arc<Sessions>,
    customer_requests: Requests,
    operator_requests: Requests,
    rejections: Rejections,
    process: Process,
    sources: OnceLock<Sources>,
    certificates: certificates::Certificates,
    probed: Mutex<Probed>,
    history: Mutex<History>,
}

impl Monitor {
    /// A monitor of a process that started then, with samples as the terms have it. `customer_methods` are the names of
    /// what customers can call, in the order that their calls are counted by.
    #[must_use]
    pub fn new(started: Instant, terms: Live<Terms>, customer_methods: &[&'static str]) -> Arc<Self> {
        let interval = terms.now().monitor_interval;
        let of_operators = Method::ALL.iter().map(|method| method.name());
        Arc::new(Self {
            started,
            terms,
            life: Life::default(),
            customers: OfSide::default(),
            operators: OfSide::default(),
            together: Counter::default(),
            sessions: Arc::default(),
            customer_requests: Requests::new(Side::Customer, customer_methods.iter().copied()),
            operator_requests: Requests::new(Side::Operator, of_operators),
            rejections: Rejections::default(),
            process: Process::new(),
            sources: OnceLock::new(),
            certificates: certificates::Certificates::default(),
            probed: Mutex::default(),
            history: Mutex::new(History::new(interval)),
        })
    }

    /// atmd goes on to that phase of its life.
    pub fn enter(&self, phase: Phase) {
        self.life.enter(phase);
    }

    /// From now on there is everything to look at.
    pub fn look_at(&self, sources: Sources) {
        // It is done once, at the start.
        let _ = self.sources.set(sources);
    }

    /// Whether lines of the log are being lost because there is no file for them.
    #[must_use]
    pub fn log_has_no_file(&self) -> bool {
        self.sources.get().is_some_and(|sources| sources.lost.has_no_file())
    }

    /// Counts a connection until the guard is dropped.
    pub fn connected(self: &Arc<Self>, side: Side) -> ConnectionGuard {
        self.of(side).counter.add();
        self.together.add();
        ConnectionGuard { monitor: Arc::clone(self), side }
    }

    /// Counts a connection that came to nothing.
    pub fn refused(&self, side: Side, reason: RefusedConnection) {
        self.of(side).refused.count(reason);
    }

    /// Counts a session of a customer's connection until its place is dropped.
    pub fn session(&self) -> SessionPlace {
        self.sessions.enter()
    }

    /// Where calls of that side are counted.
    #[must_use]
    pub const fn requests(&self, side: Side) -> &Requests {
        match side {
            Side::Customer => &self.customer_requests,
            Side::Operator => &self.operator_requests,
        }
    }

    /// Counts the rule that said no, where one did.
    pub fn rejected(&self, error: Option<&ServiceError>) {
        self.rejections.count(error);
    }

    /// Measures for the line of the log. The share of the CPU is that since the measurement before.
    #[must_use]
    pub fn line(&self) -> Line {
        let connections = self.together.read();
        Line { uptime: self.started.elapsed(), process: self.process.measure(), connections }
    }

    const fn of(&self, side: Side) -> &OfSide {
        match side {
            Side::Customer => &self.customers,
            Side::Operator => &self.operators,
        }
    }

    /// Connections of one side.
    #[must_use]
    pub fn connections(&self, side: Side) -> Connections {
        self.of(side).counter.read()
    }
}

/// A connection, counted as long as this lives.
#[derive(Debug)]
#[must_use]
pub struct ConnectionGuard {
    monitor: Arc<Monitor>,
    side: Side,
}

impl Drop for ConnectionGuard {
    fn drop(&mut self) {
        self.monitor.of(self.side).counter.remove();
        self.monitor.together.remove();
    }
}

/// Keeps a sample and logs a line at each interval until the shutdown, and how many lines of the log were lost since
/// the one before, where there were any. `lines_lost` counts those since the start.
pub async fn run(monitor: Arc<Monitor>, shutdown: CancellationToken, lines_lost: impl Fn() -> usize + Send) {
    let mut terms = monitor.terms.clone();
    let mut begun = clock::monotonic();
    let mut told = 0;
    loop {
        let end = begun + terms.now().monitor_interval;
        tokio::select! {
            () = shutdown.cancelled() => return,
            () = terms.changed() => continue,
            () = sleep_until(end.into()) => {}
        }
        // One that is late is no reason for the next to come sooner.
        begun = clock::monotonic();
        tracing::info!("{}", monitor.line());
        monitor.sample();
        let lost = lines_lost();
        // What would tell of it would be lost as well.
        if lost > told && !monitor.log_has_no_file() {
            tracing::warn!(lines = lost - told, "lines of the log were lost");
            told = lost;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::monotonic;
    use crate::config::load::from_text;
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::time::Duration;

    fn monitor() -> Arc<Monitor> {
        let config = from_text(None, &[], &[]).unwrap().config;
        let terms = Terms { monitor_interval: Duration::from_millis(1), ..Terms::of(&config) };
        Monitor::new(monotonic(), terms.into(), &["balance"])
    }

    #[test]
    fn connections_are_counted_by_side_and_together() {
        let monitor = monitor();
        let first = monitor.connected(Side::Customer);
        let operator = monitor.connected(Side::Operator);
        drop(first);
        let second = monitor.connected(Side::Customer);
        let counts = |active, max, total| Connections { active, max, total };
        assert_eq!(monitor.connections(Side::Customer), counts(1, 1, 2));
        assert_eq!(monitor.connections(Side::Operator), counts(1, 1, 1));
        assert_eq!(monitor.line().connections, counts(2, 2, 3));
        drop((operator, second));
        assert_eq!(monitor.line().connections, counts(0, 2, 3));
    }

    #[test]
    fn a_session_counts_as_long_as_a_connection_has_it() {
        let monitor = monitor();
        let (first, second) = (monitor.session(), monitor.session());
        assert_eq!(monitor.sessions.open(), 2);
        drop(first);
        assert_eq!(monitor.sessions.open(), 1);
        drop(second);
    }

    #[tokio::test]
    async fn runs_until_the_shutdown() {
        let (asked, shutdown) = (Arc::new(AtomicU64::new(0)), CancellationToken::new());
        let lines_lost = {
            let (asked, shutdown) = (Arc::clone(&asked), shutdown.clone());
            move || {
                if asked.fetch_add(1, Ordering::Relaxed) == 1 {
                    shutdown.cancel();
                }
                0
            }
        };
        run(monitor(), shutdown, lines_lost).await;
        assert!(asked.load(Ordering::Relaxed) >= 2);
    }
}
