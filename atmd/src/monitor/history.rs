//! Samples of the last day, in memory: what came between two measurements.
//!
//! At an interval of a minute these are 1,440 samples, at the shortest of a second 86,400: 24 MB at the most.

use atm_rpc::operator::metrics::{Histogram, Metrics, MetricsHistory, RequestOutcome, Sample, Side};
use atm_rpc::types::time::Timestamp;
use std::collections::VecDeque;
use std::time::Duration;

/// How far history goes back.
const LENGTH: Duration = Duration::from_secs(24 * 60 * 60);

/// The samples, and the last two measurements.
#[derive(Debug)]
pub(super) struct History {
    interval: Duration,
    samples: VecDeque<Sample>,
    number: u64,
    /// The newest last.
    measured: [Option<Metrics>; 2],
}

impl History {
    pub(super) fn new(interval: Duration) -> Self {
        Self { interval, samples: VecDeque::new(), number: 0, measured: [None, None] }
    }

    /// Keeps what came since the measurement before. The next comes after that interval.
    pub(super) fn add(&mut self, now: Metrics, interval: Duration) {
        self.interval = interval;
        let [_, before] = &mut self.measured;
        let before = before.take();
        self.number += 1;
        self.keep(between(before.as_ref(), &now, self.number));
        self.measured = [before, Some(now)];
    }

    fn keep(&mut self, sample: Sample) {
        let count_max = LENGTH.as_millis().div_ceil(self.interval.as_millis().max(1));
        while u128::try_from(self.samples.len()).is_ok_and(|length| length >= count_max) {
            self.samples.pop_front();
        }
        self.samples.push_back(sample);
    }

    /// What came since the measurement before the last.
    pub(super) fn recent(&self, now: &Metrics) -> Sample {
        between(self.measured[0].as_ref(), now, 0)
    }

    /// A page: samples that ended at `since` or later, and of them those after the number `after`.
    pub(super) fn page(
        &self,
        started_at: Timestamp,
        since: Option<Timestamp>,
        after: Option<u64>,
        rows: usize,
    ) -> MetricsHistory {
        let after = after.unwrap_or(0);
        let wanted = |sample: &&Sample| sample.number > after && since.is_none_or(|since| sample.at >= since);
        let mut found = self.samples.iter().filter(wanted).copied();
        let samples: Vec<Sample> = found.by_ref().take(rows).collect();
        MetricsHistory {
            started_at,
            interval_ms: u64::try_from(self.interval.as_millis()).unwrap_or(u64::MAX),
            samples,
            more: found.next().is_some(),
        }
    }
}

/// Counters of a measurement that a sample has the differences of.
#[derive(Debug, Default)]
struct Totals {
    uptime_ms: u64,
    cpu_ms: u64,
    connections: u64,
    refused: u64,
    requests: u64,
    rejected: u64,
    failed: u64,
    latency: Histogram,
    batches: u64,
    batch_requests: u64,
    commit: Histogram,
    pin_hashes: u64,
    login_failures: u64,
    lock_outs: u64,
}

impl Totals {
    fn of(metrics: &Metrics) -> Self {
        let customers = || metrics.requests.iter().filter(|request| request.side == Side::Customer);
        let answered = |wanted: fn(RequestOutcome) -> bool| {
            let outcomes = customers().flat_map(|request| &request.outcomes);
            outcomes.filter(|one| wanted(one.outcome)).map(|one| one.count).sum()
        };
        let connections = metrics.connections.iter();
        let refused = metrics.connections.iter().flat_map(|side| &side.refused);
        Self {
            uptime_ms: metrics.uptime_ms,
            cpu_ms: metrics.process.cpu_ms_total,
            connections: connections.map(|side| side.total).sum(),
            refused: refused.map(|one| one.count).sum(),
            requests: answered(|outcome| outcome != RequestOutcome::Abandoned),
            rejected: answered(|outcome| outcome == RequestOutcome::Rejected),
            failed: answered(RequestOutcome::is_failure),
            latency: customers().fold(Histogram::default(), |sum, request| sum.plus(&request.latency)),
            batches: metrics.writer.batches_total,
            batch_requests: metrics.writer.batch_requests_total,
            commit: metrics.writer.commit.clone(),
            pin_hashes: metrics.pins.hash.count,
            login_failures: metrics.login_failures_total,
            lock_outs: metrics.lock_outs_total,
        }
    }
}

/// What came between two measurements; since the start without the first.
fn between(before: Option<&Metrics>, now: &Metrics, number: u64) -> Sample {
    let old = before.map(Totals::of).unwrap_or_default();
    let new = Totals::of(now);
    let length_ms = new.uptime_ms.saturating_sub(old.uptime_ms);
    let cpu_ms = new.cpu_ms.saturating_sub(old.cpu_ms);
    let permille = cpu_ms.saturating_mul(1_000).checked_div(length_ms).unwrap_or(0);
    let latency = new.latency.since(&old.latency);
    let commit = new.commit.since(&old.commit);
    let active =
        |side| now.connections.iter().find(|one| one.side == side).map_or(0, |one| narrow(one.active));
    Sample {
        number,
        at: now.at,
        length_ms,
        cpu_percent: f32::from(u16::try_from(permille).unwrap_or(u16::MAX)) / 10.0,
        memory_bytes: now.process.memory_bytes,
        threads: narrow(now.process.threads),
        open_files: narrow(now.process.open_files),
        connections: active(Side::Customer),
        operator_connections: active(Side::Operator),
        connections_new: new.connections.saturating_sub(old.connections),
        connections_refused: new.refused.saturating_sub(old.refused),
        sessions_open: narrow(now.sessions_open),
        requests: new.requests.saturating_sub(old.requests),
        rejected: new.rejected.saturating_sub(old.rejected),
        failed: new.failed.saturating_sub(old.failed),
        request_p50_us: latency.quantile_us(500),
        request_p95_us: latency.quantile_us(950),
        request_p99_us: latency.quantile_us(990),
        batches: new.batches.saturating_sub(old.batches),
        batch_requests: new.batch_requests.saturating_sub(old.batch_requests),
        commit_p50_us: commit.quantile_us(500),
        commit_p95_us: commit.quantile_us(950),
        commit_p99_us: commit.quantile_us(990),
        queue_money: narrow(now.writer.queue_money),
        queue_others: narrow(now.writer.queue_others),
        pin_hashes: narrow(new.pin_hashes.saturating_sub(old.pin_hashes)),
        pin_waiting: narrow(now.pins.waiting),
        login_failures: narrow(new.login_failures.saturating_sub(old.login_failures)),
        lock_outs: narrow(new.lock_outs.saturating_sub(old.lock_outs)),
        projection_lag_entries: now.projection_lag_entries,
        disk_free_bytes: now.disk_free_bytes,
    }
}

fn narrow(count: u64) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(number: u64, at_ms: i64) -> Sample {
        let json = serde_json::json!({
            "number": number, "at": Timestamp::from_ms(at_ms), "length_ms": 1_000, "cpu_percent": 0.0,
            "memory_bytes": 0, "threads": 0, "open_files": 0, "connections": 0, "operator_connections": 0,
            "connections_new": 0, "connections_refused": 0, "sessions_open": 0, "requests": 0, "rejected": 0,
            "failed": 0, "request_p50_us": null, "request_p95_us": null, "request_p99_us": null, "batches": 0,
            "batch_requests": 0, "commit_p50_us": null, "commit_p95_us": null, "commit_p99_us": null,
            "queue_money": 0, "queue_others": 0, "pin_hashes": 0, "pin_waiting": 0, "login_failures": 0,
            "lock_outs": 0, "projection_lag_entries": 0, "disk_free_bytes": 0,
        });
        serde_json::from_value(json).unwrap()
    }

    fn history(interval: Duration, count: u64) -> History {
        let mut history = History::new(interval);
        (1..=count).for_each(|number| history.keep(sample(number, i64::try_from(number).unwrap() * 1_000)));
        history
    }

    #[test]
    fn a_day_is_kept_and_its_size_is_bounded() {
        let bytes = size_of::<Sample>() * 86_400;
        assert!(bytes <= 24_000_000, "{bytes}");
        assert_eq!(history(Duration::from_secs(1), 86_500).samples.len(), 86_400);
        let hourly = history(Duration::from_secs(3_600), 30);
        let numbers: Vec<u64> = hourly.samples.iter().map(|sample| sample.number).collect();
        assert_eq!(numbers, (7..=30).collect::<Vec<_>>());
    }

    #[test]
    fn pages_follow_each_other() {
        let history = history(Duration::from_secs(60), 5);
        let page = |since: Option<i64>, after, rows| {
            let page = history.page(Timestamp::from_ms(0), since.map(Timestamp::from_ms), after, rows);
            (page.samples.iter().map(|sample| sample.number).collect::<Vec<_>>(), page.more)
        };
        assert_eq!(page(None, None, 2), (vec![1, 2], true));
        assert_eq!(page(None, Some(2), 3), (vec![3, 4, 5], false));
        assert_eq!(page(Some(4_000), None, 9), (vec![4, 5], false));
        assert_eq!(page(Some(2_000), Some(3), 1), (vec![4], true));
        assert_eq!(page(None, Some(5), 1), (vec![], false));
    }
}
