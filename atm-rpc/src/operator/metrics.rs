//! What atmd measures of itself, as operators see it: everything now, and how it was in the last day.
//!
//! Counters count since atmd was started; a rate is the difference of two of them. [`Sample`] has such differences.

mod histogram;

pub use histogram::{BOUNDS_US, Histogram};

use crate::types::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::fmt;

/// The most samples of one page of history.
pub const HISTORY_ROWS_MAX: u32 = 500;
/// The most addresses of [`Metrics::peers`].
pub const PEERS_MAX: usize = 100;

macro_rules! names {
    ($(#[$outer:meta])* $type:ident { $($(#[$doc:meta])* $variant:ident $name:literal,)+ }) => {
        $(#[$outer])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum $type { $($(#[$doc])* #[serde(rename = $name)] $variant,)+ }

        impl $type {
            /// Every one there is.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// Its name, as JSON and labels have it.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)+ }
            }

            /// Its place among [`ALL`](Self::ALL).
            #[must_use]
            pub const fn index(self) -> usize {
                self as usize
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.name())
            }
        }
    };
}

names! {
    /// Which listener.
    Side {
        /// That of terminals.
        Customer "customer",
        /// That of operators.
        Operator "operator",
    }
}

names! {
    /// What a call came to.
    RequestOutcome {
        /// It was done.
        Ok "ok",
        /// The bank's rules say no.
        Rejected "rejected",
        /// There is no session, or no operator.
        Unauthenticated "unauthenticated",
        /// The operator lacks the right, or may only look.
        Forbidden "forbidden",
        /// What was asked for is not there, not acceptable, or does not go with what is there.
        Invalid "invalid",
        /// Too much at once.
        Busy "busy",
        /// The service cannot act now.
        Unavailable "unavailable",
        /// Whether it was applied is not known.
        OutcomeUnknown "outcome_unknown",
        /// Something failed in atmd.
        Internal "internal",
        /// Nobody waited for the answer any more.
        Abandoned "abandoned",
        /// Nobody is let in, as an operator wants it.
        Closed "closed",
    }
}

impl RequestOutcome {
    /// Whether the service failed whoever asked: what alerts count as errors.
    #[must_use]
    pub const fn is_failure(self) -> bool {
        matches!(self, Self::Busy | Self::Unavailable | Self::OutcomeUnknown | Self::Internal)
    }
}

names! {
    /// Why a connection came to nothing.
    RefusedConnection {
        /// There were as many as `max_connections` allows.
        Limit "limit",
        /// The peer had as many as one may have.
        PeerLimit "peer_limit",
        /// The TLS handshake failed.
        Handshake "handshake",
        /// The TLS handshake took too long.
        HandshakeTimeout "handshake_timeout",
        /// The client did not name the service (ALPN).
        Protocol "protocol",
        /// The operator was not let in.
        Operator "operator",
        /// The system did not give the connection.
        Accept "accept",
    }
}

/// Everything that is measured, now.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Metrics {
    /// When it was measured.
    pub at: Timestamp,
    /// When atmd was started.
    pub started_at: Timestamp,
    /// Time since then.
    pub uptime_ms: u64,
    /// Version of atmd.
    pub version: String,
    /// The database: `sqlite`, `mysql` or `postgresql`.
    pub backend: String,
    /// Whether customers are served as they should be.
    pub ready: bool,
    /// Why not, one sentence each.
    pub reasons: Vec<String>,
    /// What should be looked at though customers are served, one sentence each.
    #[serde(default)]
    pub warnings: Vec<String>,
    /// The time of day.
    #[serde(default)]
    pub clock: ClockMetrics,
    /// How often a sample is taken.
    pub interval_ms: u64,
    /// How it was lately: over the last one to two intervals, or since the start where that is less.
    pub recent: Sample,
    /// The process.
    pub process: ProcessMetrics,
    /// Connections, for each side.
    pub connections: Vec<ConnectionMetrics>,
    /// The addresses (IPv6: networks) with the most customers' connections, most first; `None` without the right
    /// `accounts:pii`.
    pub peers: Option<Vec<PeerConnections>>,
    /// Customers' sessions that a connection here has now.
    pub sessions_open: u64,
    /// Calls, for each method of customers, and each of operators that was called.
    pub requests: Vec<RequestMetrics>,
    /// Rejections by their names, such as `insufficient_funds`.
    pub rejections: Vec<NamedCount>,
    /// Wrong PINs and codes that customers gave.
    pub login_failures_total: u64,
    /// Numbers that wrong PINs put on the blacklist.
    pub lock_outs_total: u64,
    /// The writer of the journal.
    pub writer: WriterMetrics,
    /// The threads that hash PINs.
    pub pins: PinMetrics,
    /// The database.
    pub database: DatabaseMetrics,
    /// Newest entry of the journal that is known.
    pub journal_seq: i64,
    /// Entries that the CSV ledgers do not have yet.
    pub projection_lag_entries: u64,
    /// How long they lack entries without getting on; 0 where they get on.
    #[serde(default)]
    pub projection_stalled_ms: u64,
    /// Space left on the disk of `data_dir` for atmd.
    pub disk_free_bytes: u64,
    /// Space that this disk has.
    pub disk_size_bytes: u64,
    /// Lines of the log that were lost.
    pub log_lines_lost_total: u64,
    /// When certificates end.
    pub certificates: Vec<CertificateMetrics>,
}

/// The time of day, beside a clock that nobody sets and beside the journal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClockMetrics {
    /// Times that it was set by two seconds or more, or that the machine slept, since the start.
    pub steps_total: u64,
    /// By how much altogether, forward; back is below zero.
    pub stepped_ms: i64,
    /// The last time.
    pub last_step: Option<ClockStep>,
    /// How far it is behind the latest time that a batch of the journal has; 0 where it is not.
    pub behind_ms: u64,
}

/// A time of day that was set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClockStep {
    /// What it was then, by the new time.
    pub at: Timestamp,
    /// By how much, forward; back is below zero.
    pub by_ms: i64,
}

/// The process.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ProcessMetrics {
    /// Share of one core in per cent, since the measurement before.
    pub cpu_percent: f32,
    /// Time of processors, user and system.
    pub cpu_ms_total: u64,
    /// Resident memory.
    pub memory_bytes: u64,
    /// Addressed memory.
    pub virtual_memory_bytes: u64,
    /// Threads of the operating system.
    pub threads: u64,
    /// Open files, connections among them.
    pub open_files: u64,
    /// How many may be open.
    pub open_files_max: u64,
}

/// Connections of one side.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConnectionMetrics {
    /// Whose.
    pub side: Side,
    /// Now.
    pub active: u64,
    /// At a time, at the most, since the start.
    pub max: u64,
    /// Since the start.
    pub total: u64,
    /// How many there may be.
    pub limit: u64,
    /// Those that came to nothing, by reason.
    pub refused: Vec<RefusedCount>,
}

/// Connections that came to nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefusedCount {
    /// Why.
    pub reason: RefusedConnection,
    /// How many since the start.
    pub count: u64,
}

/// Connections of one address.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PeerConnections {
    /// The address; of IPv6 the network.
    pub peer: String,
    /// How many it has now.
    pub connections: u64,
}

/// A count by name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NamedCount {
    /// Of what.
    pub name: String,
    /// Since the start.
    pub count: u64,
}

/// Calls of one method.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestMetrics {
    /// Whose service.
    pub side: Side,
    /// Its name, such as `deposit`.
    pub method: String,
    /// How many came to what; those outcomes that there were.
    pub outcomes: Vec<OutcomeCount>,
    /// From the call's arrival to its answer.
    pub latency: Histogram,
}

/// Calls that came to the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutcomeCount {
    /// To what.
    pub outcome: RequestOutcome,
    /// How many since the start.
    pub count: u64,
}

/// The writer of the journal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WriterMetrics {
    /// Movements of money that wait.
    pub queue_money: u64,
    /// Everything else that waits.
    pub queue_others: u64,
    /// How many may wait in each of the two.
    pub queue_limit: u64,
    /// How many requests one batch may have.
    pub batch_limit: u64,
    /// Batches that were committed, or decided without anything to store.
    pub batches_total: u64,
    /// Requests in them.
    pub batch_requests_total: u64,
    /// How many batches had up to 1, 2, 4 and so on to 8,192 requests, and how many had more.
    pub batch_sizes: Vec<u64>,
    /// How long the batch under way has taken; 0 where there is none.
    pub batch_age_ms: u64,
    /// Batches that were answered with a failure.
    pub batches_failed_total: u64,
    /// Further tries of batches.
    pub retries_total: u64,
    /// Reading what the batch needs, the bank's lock included.
    pub read: Histogram,
    /// Deciding.
    pub decide: Histogram,
    /// Writing.
    pub write: Histogram,
    /// Making it durable.
    pub commit: Histogram,
}

/// The threads that hash PINs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PinMetrics {
    /// How many there are.
    pub threads: u64,
    /// How many are taken.
    pub busy: u64,
    /// Who waits for one.
    pub waiting: u64,
    /// How long a hash takes, and how many there were.
    pub hash: Histogram,
}

/// The database.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DatabaseMetrics {
    /// Whether it answered when it was asked last.
    pub up: bool,
    /// Connections for reading that are used.
    pub connections_in_use: u64,
    /// Connections for reading that are open and not used.
    pub connections_idle: u64,
    /// Connections for reading that there may be.
    pub connections_limit: u64,
    /// Failures of the database: reading.
    pub read_errors_total: u64,
    /// Failures of the database: batches, before their commit.
    pub write_errors_total: u64,
    /// Failures of the database: commits.
    pub commit_errors_total: u64,
}

/// A certificate that ends.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CertificateMetrics {
    /// `server`, `ca`, or `operator`: the one of an operator who is enabled that ends first.
    pub certificate: String,
    /// When it ends.
    pub ends_at: Timestamp,
    /// Whole days until then; below zero after it.
    pub days_left: i64,
}

/// How it was in one interval. Latencies are upper bounds of their bucket, made finer within it; `None` where
/// there was nothing to measure.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sample {
    /// Its number since the start; the first is 1. 0 is one that is under way.
    pub number: u64,
    /// When the interval ended.
    pub at: Timestamp,
    /// How long it was.
    pub length_ms: u64,
    /// Share of one core in per cent.
    pub cpu_percent: f32,
    /// Resident memory at the end.
    pub memory_bytes: u64,
    /// Threads at the end.
    pub threads: u32,
    /// Open files at the end.
    pub open_files: u32,
    /// Customers' connections at the end.
    pub connections: u32,
    /// Operators' connections at the end.
    pub operator_connections: u32,
    /// New connections of both.
    pub connections_new: u64,
    /// Connections of both that came to nothing.
    pub connections_refused: u64,
    /// Customers' sessions at the end.
    pub sessions_open: u32,
    /// Customers' calls that were answered.
    pub requests: u64,
    /// Of them: with a 'no' of the bank's rules.
    pub rejected: u64,
    /// Of them: with a failure of the service (see [`RequestOutcome::is_failure`]).
    pub failed: u64,
    /// Latency of customers' calls: one half was faster.
    pub request_p50_us: Option<u64>,
    /// 95 of 100 were faster.
    pub request_p95_us: Option<u64>,
    /// 99 of 100 were faster.
    pub request_p99_us: Option<u64>,
    /// Batches of the writer.
    pub batches: u64,
    /// Requests in them.
    pub batch_requests: u64,
    /// Time of commits: one half was faster.
    pub commit_p50_us: Option<u64>,
    /// 95 of 100 were faster.
    pub commit_p95_us: Option<u64>,
    /// 99 of 100 were faster.
    pub commit_p99_us: Option<u64>,
    /// Movements of money that waited at the end.
    pub queue_money: u32,
    /// Everything else that waited at the end.
    pub queue_others: u32,
    /// PINs that were hashed.
    pub pin_hashes: u32,
    /// Who waited for a hash at the end.
    pub pin_waiting: u32,
    /// Wrong PINs and codes that customers gave.
    pub login_failures: u32,
    /// Numbers that wrong PINs put on the blacklist.
    pub lock_outs: u32,
    /// Entries that the CSV ledgers did not have at the end.
    pub projection_lag_entries: u64,
    /// Space that was left on the disk of `data_dir` at the end.
    pub disk_free_bytes: u64,
}

/// Some samples, oldest first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MetricsHistory {
    /// When atmd was started: numbers of samples begin anew then.
    pub started_at: Timestamp,
    /// How often a sample is taken.
    pub interval_ms: u64,
    /// The samples.
    pub samples: Vec<Sample>,
    /// Whether more follow.
    pub more: bool,
}
