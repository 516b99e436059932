//! What the monitor looks at beside its own counters, and what it asks the database now and then. None of it keeps
//! the writer or its queues alive.

use super::Monitor;
use super::progress::Progress;
use super::wallclock::Wallclock;
use super::work::{PinWork, WriterWork};
use crate::clock::{self, Clock};
use crate::drain::Drain;
use crate::ledger::book::Head;
use crate::log::LostLines;
use crate::pki::Pki;
use crate::rpc::Gate;
use crate::store::Store;
use crate::writer::Queues;
use atm_rpc::operator::metrics::{ClockMetrics, ClockStep, DatabaseMetrics};
use atm_rpc::types::time::Timestamp;
use std::path::PathBuf;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval, timeout};
use tokio_util::sync::CancellationToken;
use tracing::warn;

/// How often the database is asked whether it is there.
const PROBE_INTERVAL: Duration = Duration::from_secs(1);
/// How long it may take to answer.
const PROBE_TIMEOUT: Duration = Duration::from_secs(3);

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
    /// When the newest batch was sealed that there was at the start.
    pub sealed_at: Option<Timestamp>,
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
    /// Where the journal ended.
    head: Head,
    /// The time of day.
    clock: Wallclock,
    /// How the ledgers get on.
    ledgers: Progress,
    /// Why it does not answer, where it does not.
    pub(super) silent_because: Option<String>,
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
}

impl Monitor {
    pub(super) fn probed(&self) -> Probed {
        self.probe().clone()
    }

    /// Whether the database did not answer when it was asked last.
    #[must_use]
    pub fn database_is_silent(&self) -> bool {
        self.probe().silent_because.is_some()
    }

    /// Where the journal ended when the database was asked last.
    #[must_use]
    pub fn last_head(&self) -> Head {
        self.probe().head
    }

    fn probe(&self) -> MutexGuard<'_, Probed> {
        self.probed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Newest entry of the journal that is known here.
    pub(super) fn journal_seq(&self) -> i64 {
        let Some(sources) = self.sources.get() else { return 0 };
        let committed = *sources.committed.borrow();
        self.probe().head.seq.max(committed).max(sources.projected.load(Ordering::Relaxed))
    }

    /// Entries that the ledgers do not have yet.
    pub(super) fn projection_lag(&self) -> u64 {
        let projected = self.sources.get().map_or(0, |sources| sources.projected.load(Ordering::Relaxed));
        u64::try_from(self.journal_seq().saturating_sub(projected)).unwrap_or(0)
    }

    /// How long the ledgers lack entries without getting on.
    pub(super) fn projection_stalled(&self) -> Duration {
        let Some(sources) = self.sources.get() else { return Duration::ZERO };
        let (projected, newest) = (sources.projected.load(Ordering::Relaxed), self.journal_seq());
        self.probe().ledgers.stalled(projected, newest, clock::monotonic())
    }

    /// The time of day.
    pub(super) fn clock(&self, now: Timestamp) -> ClockMetrics {
        self.probe().clock.read(now)
    }

    /// Looks at what is found by looking again and again.
    fn look_again(&self, sources: &Sources) {
        if let Some((now, instant)) = clock::both(&sources.clock)
            && let Some(ClockStep { by_ms, .. }) = self.probe().clock.look(now, instant)
        {
            warn!(
                by_ms,
                "the time of day was set, or this machine slept: entries have the new time from now on"
            );
        }
        let (projected, newest) = (sources.projected.load(Ordering::Relaxed), self.journal_seq());
        self.probe().ledgers.look(projected, newest, clock::monotonic());
    }
}

/// Asks the database now and then whether it is there and how far the journal is, and looks at the clocks and at the
/// ledgers, until the shutdown.
pub async fn probe(monitor: Arc<Monitor>, shutdown: CancellationToken) {
    let Some(sources) = monitor.sources.get() else { return };
    let mut ticks = interval(PROBE_INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    sources.sealed_at.into_iter().for_each(|sealed_at| monitor.probe().clock.seen(sealed_at));
    loop {
        tokio::select! {
            () = shutdown.cancelled() => return,
            _ = ticks.tick() => {}
        }
        monitor.look_again(sources);
        let newest = match timeout(PROBE_TIMEOUT, sources.store.newest()).await {
            Ok(newest) => newest.map_err(|error| error.to_string()),
            Err(_) => Err(format!("nothing within {} s", PROBE_TIMEOUT.as_secs())),
        };
        let answered = newest.is_ok();
        {
            let mut probed = monitor.probe();
            if let Ok((head, sealed_at)) = &newest {
                probed.head = *head;
                sealed_at.iter().for_each(|sealed_at| probed.clock.seen(*sealed_at));
            }
            probed.silent_because = newest.err();
        }
        if answered {
            monitor.look_at_certificates(sources).await;
        }
    }
}
