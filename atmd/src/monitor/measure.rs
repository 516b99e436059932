//! Everything that is measured, put together: what operators are told, and what the text for Prometheus is made of.

use super::Monitor;
use super::sources::Sources;
use super::timing::Timing;
use atm_rpc::operator::metrics::{
    Metrics, MetricsHistory, PEERS_MAX, PeerConnections, Sample, Side, WriterMetrics,
};
use atm_rpc::types::time::Timestamp;
use std::sync::PoisonError;
use std::sync::atomic::Ordering;
use std::time::Duration;

impl Monitor {
    /// Measures everything; nothing where atmd does not serve yet.
    #[must_use]
    pub fn measure(&self) -> Option<Metrics> {
        let mut metrics = self.measure_now(self.sources.get()?);
        metrics.recent = self.history.lock().unwrap_or_else(PoisonError::into_inner).recent(&metrics);
        Some(metrics)
    }

    /// The customers' peers with the most connections, most first.
    #[must_use]
    pub fn peers(&self) -> Vec<PeerConnections> {
        let Some(sources) = self.sources.get() else { return Vec::new() };
        let peers = sources.gates[0].busiest(PEERS_MAX).into_iter();
        let told = peers.map(|(peer, connections)| PeerConnections {
            peer: peer.to_string(),
            connections: number(connections),
        });
        told.collect()
    }

    /// A page of history.
    #[must_use]
    pub fn history(&self, since: Option<Timestamp>, after: Option<u64>, rows: usize) -> MetricsHistory {
        let started_at = self.sources.get().map_or(Timestamp::from_ms(0), |sources| sources.started_at);
        self.history.lock().unwrap_or_else(PoisonError::into_inner).page(started_at, since, after, rows)
    }

    /// Keeps a sample.
    pub(super) fn sample(&self) {
        if let Some(sources) = self.sources.get() {
            let (metrics, interval) = (self.measure_now(sources), self.terms.now().monitor_interval);
            self.history.lock().unwrap_or_else(PoisonError::into_inner).add(metrics, interval);
        }
    }

    fn measure_now(&self, sources: &Sources) -> Metrics {
        let at = sources.clock.now();
        let not_ready = self.not_ready();
        let (disk_free_bytes, disk_size_bytes) = sources.disk();
        let mut requests = self.customer_requests.read();
        let of_operators = self.operator_requests.read().into_iter();
        requests.extend(of_operators.filter(|request| !request.outcomes.is_empty()));
        let [customers, operators] = &sources.gates;
        Metrics {
            at,
            started_at: sources.started_at,
            uptime_ms: milliseconds(self.started.elapsed()),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            backend: sources.store.backend().to_owned(),
            ready: not_ready.is_empty(),
            reasons: not_ready.into_iter().map(|why| why.words).collect(),
            warnings: self.warnings(),
            clock: self.clock(at),
            interval_ms: milliseconds(self.terms.now().monitor_interval),
            recent: nothing(at),
            process: self.process.measure(),
            connections: vec![
                self.customers.read(Side::Customer, customers.limit()),
                self.operators.read(Side::Operator, operators.limit()),
            ],
            peers: None,
            sessions_open: self.sessions.open(),
            requests,
            rejections: self.rejections.read(),
            login_failures_total: sources.pins.wrong.load(Ordering::Relaxed),
            lock_outs_total: sources.writer.lock_outs.load(Ordering::Relaxed),
            writer: writer(sources),
            pins: sources.pins.read(),
            database: sources.database(self.probed().silent_because.is_none()),
            journal_seq: self.journal_seq(),
            projection_lag_entries: self.projection_lag(),
            projection_stalled_ms: milliseconds(self.projection_stalled()),
            disk_free_bytes,
            disk_size_bytes,
            log_lines_lost_total: number(sources.lost.count()),
            certificates: self.certificates(at),
        }
    }
}

fn writer(sources: &Sources) -> WriterMetrics {
    let (work, queues) = (&sources.writer, &sources.queues);
    let (batch_sizes, batch_requests_total) = work.batches.read();
    let read = |timing: &Timing| timing.read();
    WriterMetrics {
        queue_money: number(queues.money()),
        queue_others: number(queues.others()),
        queue_limit: number(queues.limit()),
        batch_limit: number(sources.batch_count_max),
        batches_total: batch_sizes.iter().sum(),
        batch_requests_total,
        batch_sizes,
        batch_age_ms: work.age().map_or(0, milliseconds),
        batches_failed_total: work.failed.load(Ordering::Relaxed),
        retries_total: work.retries.load(Ordering::Relaxed),
        read: read(&work.read),
        decide: read(&work.decide),
        write: read(&work.write),
        commit: read(&work.commit),
    }
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

fn number(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}

/// A sample before there is anything to compare with.
const fn nothing(at: Timestamp) -> Sample {
    Sample {
        number: 0,
        at,
        length_ms: 0,
        cpu_percent: 0.0,
        memory_bytes: 0,
        threads: 0,
        open_files: 0,
        connections: 0,
        operator_connections: 0,
        connections_new: 0,
        connections_refused: 0,
        sessions_open: 0,
        requests: 0,
        rejected: 0,
        failed: 0,
        request_p50_us: None,
        request_p95_us: None,
        request_p99_us: None,
        batches: 0,
        batch_requests: 0,
        commit_p50_us: None,
        commit_p95_us: None,
        commit_p99_us: None,
        queue_money: 0,
        queue_others: 0,
        pin_hashes: 0,
        pin_waiting: 0,
        login_failures: 0,
        lock_outs: 0,
        projection_lag_entries: 0,
        disk_free_bytes: 0,
    }
}
