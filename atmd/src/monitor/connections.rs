//! Connections and sessions: how many there are, were, and came to nothing.

use atm_rpc::operator::metrics::{ConnectionMetrics, RefusedConnection, RefusedCount, Side};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// How many connections.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Connections {
    /// Now.
    pub active: u64,
    /// At a time, at the most, since the start.
    pub max: u64,
    /// Since the start.
    pub total: u64,
}

/// Counts what comes and goes.
#[derive(Debug, Default)]
pub(super) struct Counter {
    active: AtomicU64,
    max: AtomicU64,
    total: AtomicU64,
}

impl Counter {
    pub(super) fn add(&self) {
        let active = self.active.fetch_add(1, Ordering::Relaxed) + 1;
        self.max.fetch_max(active, Ordering::Relaxed);
        self.total.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn remove(&self) {
        self.active.fetch_sub(1, Ordering::Relaxed);
    }

    pub(super) fn read(&self) -> Connections {
        Connections {
            active: self.active.load(Ordering::Relaxed),
            max: self.max.load(Ordering::Relaxed),
            total: self.total.load(Ordering::Relaxed),
        }
    }
}

/// Connections that came to nothing, by reason.
#[derive(Debug, Default)]
pub(super) struct Refused([AtomicU64; RefusedConnection::ALL.len()]);

impl Refused {
    pub(super) fn count(&self, reason: RefusedConnection) {
        if let Some(counter) = self.0.get(reason.index()) {
            counter.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn read(&self) -> Vec<RefusedCount> {
        let counts = self.0.iter().map(|counter| counter.load(Ordering::Relaxed));
        RefusedConnection::ALL
            .iter()
            .zip(counts)
            .map(|(reason, count)| RefusedCount { reason: *reason, count })
            .collect()
    }
}

/// One side's connections.
#[derive(Debug, Default)]
pub(super) struct OfSide {
    pub(super) counter: Counter,
    pub(super) refused: Refused,
}

impl OfSide {
    pub(super) fn read(&self, side: Side, limit: usize) -> ConnectionMetrics {
        let Connections { active, max, total } = self.counter.read();
        let limit = u64::try_from(limit).unwrap_or(u64::MAX);
        ConnectionMetrics { side, active, max, total, limit, refused: self.refused.read() }
    }
}

/// Sessions that a connection has, each counted as long as its place lives.
#[derive(Debug, Default)]
pub(super) struct Sessions(AtomicU64);

impl Sessions {
    /// A connection has a session.
    pub(super) fn enter(self: &Arc<Self>) -> SessionPlace {
        self.0.fetch_add(1, Ordering::Relaxed);
        SessionPlace(Arc::clone(self))
    }

    pub(super) fn open(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// A session, counted as long as this lives.
#[derive(Debug)]
#[must_use]
pub struct SessionPlace(Arc<Sessions>);

impl Drop for SessionPlace {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::Relaxed);
    }
}
