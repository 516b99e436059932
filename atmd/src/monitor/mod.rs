//! What this process uses and how many are connected: counted here, logged at each interval, and asked for
//! by operators. Knows nothing of who is connected.

mod metrics;
pub mod names;

pub use metrics::{Connections, Metrics};

use metrics::Process;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

/// Whose connection it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Peer {
    /// A terminal's.
    Customer,
    /// An operator's.
    Operator,
}

/// Counts connections and measures the process.
#[derive(Debug)]
pub struct Monitor {
    started: Instant,
    customers: Counter,
    operators: Counter,
    together: Counter,
    process: Process,
}

impl Monitor {
    /// A monitor of a process that started then.
    #[must_use]
    pub fn new(started: Instant) -> Arc<Self> {
        Arc::new(Self {
            started,
            customers: Counter::default(),
            operators: Counter::default(),
            together: Counter::default(),
            process: Process::new(),
        })
    }

    /// Counts a connection until the guard is dropped.
    pub fn connected(self: &Arc<Self>, peer: Peer) -> ConnectionGuard {
        self.of(peer).add();
        self.together.add();
        ConnectionGuard { monitor: Arc::clone(self), peer }
    }

    /// Measures now. The share of the CPU is that since the measurement before.
    #[must_use]
    pub fn sample(&self) -> Metrics {
        let (cpu_percent, memory_bytes, threads) = self.process.measure();
        Metrics {
            uptime: self.started.elapsed(),
            cpu_percent,
            memory_bytes,
            threads,
            connections: self.together.read(),
            customers: self.customers.read(),
            operators: self.operators.read(),
        }
    }

    fn of(&self, peer: Peer) -> &Counter {
        match peer {
            Peer::Customer => &self.customers,
            Peer::Operator => &self.operators,
        }
    }
}

/// A connection, counted as long as this lives.
#[derive(Debug)]
#[must_use]
pub struct ConnectionGuard {
    monitor: Arc<Monitor>,
    peer: Peer,
}

impl Drop for ConnectionGuard {
    fn drop(&mut self) {
        self.monitor.of(self.peer).remove();
        self.monitor.together.remove();
    }
}

#[derive(Debug, Default)]
struct Counter {
    active: AtomicU64,
    max: AtomicU64,
    total: AtomicU64,
}

impl Counter {
    fn add(&self) {
        let active = self.active.fetch_add(1, Ordering::Relaxed) + 1;
        self.max.fetch_max(active, Ordering::Relaxed);
        self.total.fetch_add(1, Ordering::Relaxed);
    }

    fn remove(&self) {
        self.active.fetch_sub(1, Ordering::Relaxed);
    }

    fn read(&self) -> Connections {
        Connections {
            active: self.active.load(Ordering::Relaxed),
            max: self.max.load(Ordering::Relaxed),
            total: self.total.load(Ordering::Relaxed),
        }
    }
}

/// Logs a line of metrics at each interval until the shutdown, and how many lines of the log were lost since
/// the one before, where there were any. `lines_lost` counts those since the start.
pub async fn run(
    monitor: Arc<Monitor>,
    interval: Duration,
    shutdown: CancellationToken,
    lines_lost: impl Fn() -> usize + Send,
) {
    let mut ticks = tokio::time::interval(interval);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    // The first is at once, when there is nothing to tell.
    ticks.tick().await;
    let mut told = 0;
    loop {
        tokio::select! {
            () = shutdown.cancelled() => return,
            _ = ticks.tick() => {}
        }
        tracing::info!("{}", monitor.sample());
        let lost = lines_lost();
        if lost > told {
            tracing::warn!(lines = lost - told, "lines of the log were lost");
            told = lost;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::monotonic;

    #[test]
    fn connections_are_counted_by_peer_and_together() {
        let monitor = Monitor::new(monotonic());
        let first = monitor.connected(Peer::Customer);
        let operator = monitor.connected(Peer::Operator);
        drop(first);
        let second = monitor.connected(Peer::Customer);
        let counts = |active, max, total| Connections { active, max, total };
        let metrics = monitor.sample();
        assert_eq!(metrics.customers, counts(1, 1, 2));
        assert_eq!(metrics.operators, counts(1, 1, 1));
        assert_eq!(metrics.connections, counts(2, 2, 3));
        drop((operator, second));
        assert_eq!(monitor.sample().connections, counts(0, 2, 3));
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
        run(Monitor::new(monotonic()), Duration::from_millis(1), shutdown, lines_lost).await;
        assert!(asked.load(Ordering::Relaxed) >= 2);
    }
}
