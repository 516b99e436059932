//! What the monitor looks at beside its own counters, and what it asks the database now and then. None of it keeps
//! the writer or its queues alive.

use super::Monitor;
use super::work::{PinWork, WriterWork};
use crate::clock::{self, Clock};
use crate::drain::Drain;
use crate::log::LostLines;
use crate::pki::{self, Pki};
use crate::rpc::Gate;
use crate::store::Store;
use crate::writer::Queues;
use atm_rpc::operator::metrics::{CertificateMetrics, DatabaseMetrics};
use atm_rpc::types::time::Timestamp;
use std::path::PathBuf;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval, timeout};
use tokio_util::sync::CancellationToken;
use tracing::warn;

/// How often the database is asked whether it is there.
const PROBE_INTERVAL: Duration = Duration::from_secs(1);
/// How long it may take to answer.
const PROBE_TIMEOUT: Duration = Duration::from_secs(3);
/// How often certificates are looked at.
const CERTIFICATES_INTERVAL: Duration = Duration::from_secs(60);
/// Operators whose certificates are looked at.
const OPERATORS_MAX: u64 = 1_000;
const DAY_MS: i64 = 24 * 60 * 60 * 1_000;

/// What there is to look at once atmd serves.
#[derive(Debug)]
pub struct Sources {
    /// The time.
    pub clock: Clock,
    /// When atmd was started.
    pub started_at: Timestamp,
    /// The database.
    pub store: Store,
    /// The writer's work.
    pub writer: Arc<WriterWork>,
    /// Its queues.
    pub queues: Queues,
    /// How many requests one batch may have.
    pub batch_count_max: usize,
    /// The work of the threads that hash PINs.
    pub pins: Arc<PinWork>,
    /// Newest entry that was committed here.
    pub committed: watch::Receiver<i64>,
    /// Newest entry that the ledgers have.
    pub projected: Arc<AtomicI64>,
    /// Whether customers are let in.
    pub drain: Arc<Drain>,
    /// The gates of customers and of operators.
    pub gates: [Arc<Gate>; 2],
    /// Lines of the log that were lost.
    pub lost: LostLines,
    /// The folder of the data.
    pub data_dir: PathBuf,
    /// Certificates.
    pub pki: Pki,
}

/// What was found when the database was asked last.
#[derive(Clone, Debug, Default)]
pub(super) struct Probed {
    /// Newest entry of the journal.
    pub(super) seq: i64,
    /// Why it does not answer, where it does not.
    pub(super) silent_because: Option<String>,
    /// When certificates end.
    certificates: Vec<(&'static str, Timestamp)>,
}

impl Sources {
    pub(super) fn database(&self, up: bool) -> DatabaseMetrics {
        let pool = self.store.pool();
        let load = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        DatabaseMetrics {
            up,
            connections_in_use: pool.open.saturating_sub(pool.idle),
            connections_idle: pool.idle,
            connections_limit: pool.limit,
            read_errors_total: self.store.read_failures(),
            write_errors_total: load(&self.writer.write_errors),
            commit_errors_total: load(&self.writer.commit_errors),
        }
    }

    /// Free and whole size of the disk of the data; zeros where the system does not tell.
    pub(super) fn disk(&self) -> (u64, u64) {
        let Ok(disk) = rustix::fs::statvfs(&self.data_dir) else { return (0, 0) };
        (disk.f_bavail.saturating_mul(disk.f_frsize), disk.f_blocks.saturating_mul(disk.f_frsize))
    }

    async fn certificates(&self, server: Option<Timestamp>) -> Vec<(&'static str, Timestamp)> {
        let mut of_operators: Vec<Timestamp> = self.pki.root_ends_at().into_iter().collect();
        match self.store.certificates_in_use(OPERATORS_MAX).await {
            Ok(texts) => of_operators.extend(texts.iter().filter_map(|pem| pki::ends_at_of_pem(pem))),
            Err(error) => warn!(%error, "operators' certificates could not be read"),
        }
        let operator = of_operators.into_iter().min();
        let ca = self.pki.ca_pem().ok().and_then(|pem| pki::ends_at_of_pem(&pem));
        let all = [("server", server), ("ca", ca), ("operator", operator)];
        all.into_iter().filter_map(|(name, ends)| Some((name, ends?))).collect()
    }
}

impl Monitor {
    pub(super) fn probed(&self) -> Probed {
        self.probe().clone()
    }

    fn probe(&self) -> MutexGuard<'_, Probed> {
        self.probed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Newest entry of the journal that is known here.
    pub(super) fn journal_seq(&self) -> i64 {
        let Some(sources) = self.sources.get() else { return 0 };
        let committed = *sources.committed.borrow();
        self.probe().seq.max(committed).max(sources.projected.load(Ordering::Relaxed))
    }

    /// Entries that the ledgers do not have yet.
    pub(super) fn projection_lag(&self) -> u64 {
        let projected = self.sources.get().map_or(0, |sources| sources.projected.load(Ordering::Relaxed));
        u64::try_from(self.journal_seq().saturating_sub(projected)).unwrap_or(0)
    }

    pub(super) fn certificates(&self, now: Timestamp) -> Vec<CertificateMetrics> {
        let ends = self.probe().certificates.clone();
        let told = ends.into_iter().map(|(name, ends_at)| CertificateMetrics {
            certificate: name.to_owned(),
            ends_at,
            days_left: ends_at.ms().saturating_sub(now.ms()).div_euclid(DAY_MS),
        });
        told.collect()
    }
}

/// Asks the database now and then whether it is there and how far the journal is, until the shutdown.
pub async fn probe(monitor: Arc<Monitor>, shutdown: CancellationToken) {
    let Some(sources) = monitor.sources.get() else { return };
    let mut ticks = interval(PROBE_INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut looked_at: Option<Instant> = None;
    loop {
        tokio::select! {
            () = shutdown.cancelled() => return,
            _ = ticks.tick() => {}
        }
        let head = match timeout(PROBE_TIMEOUT, sources.store.head()).await {
            Ok(head) => head.map_err(|error| error.to_string()),
            Err(_) => Err(format!("nothing within {} s", PROBE_TIMEOUT.as_secs())),
        };
        let answered = head.is_ok();
        {
            let mut probed = monitor.probe();
            probed.seq = *head.as_ref().map_or(&probed.seq, |head| &head.seq);
            probed.silent_because = head.err();
        }
        if answered && looked_at.is_none_or(|then| then.elapsed() >= CERTIFICATES_INTERVAL) {
            looked_at = Some(clock::monotonic());
            let server = *monitor.server_ends_at.lock().unwrap_or_else(PoisonError::into_inner);
            let certificates = sources.certificates(server).await;
            monitor.probe().certificates = certificates;
        }
    }
}
