//! What tests of this crate measure.

use atm_rpc::operator::metrics::{
    CertificateMetrics, ClockMetrics, ConnectionMetrics, DatabaseMetrics, Histogram, Metrics, NamedCount,
    OutcomeCount, PeerConnections, PinMetrics, ProcessMetrics, RequestMetrics, RequestOutcome, Sample, Side,
    WriterMetrics,
};
use atm_rpc::types::time::Timestamp;

/// A minute that ended then: ten calls a second, in batches of four.
pub(crate) fn sample(number: u64, at_ms: i64) -> Sample {
    Sample {
        number,
        at: Timestamp::from_ms(at_ms),
        length_ms: 60_000,
        cpu_percent: 12.5,
        memory_bytes: 36_280_730,
        threads: 7,
        open_files: 20,
        connections: 3,
        operator_connections: 1,
        connections_new: 2,
        connections_refused: 0,
        sessions_open: 2,
        requests: 600,
        rejected: 30,
        failed: 6,
        request_p50_us: Some(1_500),
        request_p95_us: Some(4_000),
        request_p99_us: Some(9_500),
        batches: 100,
        batch_requests: 400,
        commit_p50_us: Some(250),
        commit_p95_us: Some(400),
        commit_p99_us: Some(900),
        queue_money: 0,
        queue_others: 0,
        pin_hashes: 5,
        pin_waiting: 0,
        login_failures: 1,
        lock_outs: 0,
        projection_lag_entries: 0,
        disk_free_bytes: 60 << 30,
    }
}

/// An atmd that is well, and was started at the epoch; `requests` deposits until then, of a millisecond each.
pub(crate) fn metrics(at_ms: i64, requests: u64) -> Metrics {
    let took = Histogram::new(vec![0, 0, 0, 0, 0, 0, requests], requests * 1_000);
    let side = |side, active| ConnectionMetrics {
        side,
        active,
        max: 9,
        total: 12,
        limit: 1024,
        refused: Vec::new(),
    };
    let ends = |certificate: &str, days_left: i64| CertificateMetrics {
        certificate: certificate.to_owned(),
        ends_at: Timestamp::from_ms(at_ms + days_left * 86_400_000),
        days_left,
    };
    let outcomes = [(RequestOutcome::Ok, requests), (RequestOutcome::Rejected, requests / 10)];
    Metrics {
        at: Timestamp::from_ms(at_ms),
        started_at: Timestamp::from_ms(0),
        uptime_ms: u64::try_from(at_ms).unwrap_or_default(),
        version: "0.1.0".to_owned(),
        backend: "sqlite".to_owned(),
        ready: true,
        reasons: Vec::new(),
        warnings: Vec::new(),
        clock: ClockMetrics::default(),
        interval_ms: 60_000,
        recent: sample(0, at_ms),
        process: ProcessMetrics {
            cpu_percent: 12.5,
            cpu_ms_total: u64::try_from(at_ms).unwrap_or_default() / 4,
            memory_bytes: 36_280_730,
            virtual_memory_bytes: 1 << 30,
            threads: 7,
            open_files: 20,
            open_files_max: 1024,
        },
        connections: vec![side(Side::Customer, 3), side(Side::Operator, 1)],
        peers: Some(vec![PeerConnections { peer: "127.0.0.1".to_owned(), connections: 3 }]),
        sessions_open: 2,
        requests: vec![RequestMetrics {
            side: Side::Customer,
            method: "deposit".to_owned(),
            outcomes: outcomes.map(|(outcome, count)| OutcomeCount { outcome, count }).to_vec(),
            latency: took.clone(),
        }],
        rejections: vec![NamedCount { name: "insufficient_funds".to_owned(), count: requests / 10 }],
        login_failures_total: 4,
        lock_outs_total: 1,
        writer: writer(requests, &took),
        pins: PinMetrics { threads: 2, busy: 0, waiting: 0, hash: took },
        database: DatabaseMetrics {
            up: true,
            connections_in_use: 0,
            connections_idle: 1,
            connections_limit: 4,
            read_errors_total: 0,
            write_errors_total: 0,
            commit_errors_total: 0,
        },
        journal_seq: 100,
        projection_lag_entries: 0,
        projection_stalled_ms: 0,
        disk_free_bytes: 60 << 30,
        disk_size_bytes: 100 << 30,
        log_lines_lost_total: 0,
        certificates: vec![ends("server", 364), ends("ca", 3_640), ends("operator", 364)],
    }
}

fn writer(requests: u64, took: &Histogram) -> WriterMetrics {
    WriterMetrics {
        queue_money: 0,
        queue_others: 0,
        queue_limit: 8192,
        batch_limit: 1024,
        batches_total: requests / 4,
        batch_requests_total: requests,
        batches_failed_total: 0,
        retries_total: 0,
        batch_age_ms: 0,
        batch_sizes: Vec::new(),
        read: took.clone(),
        decide: took.clone(),
        write: took.clone(),
        commit: took.clone(),
    }
}
