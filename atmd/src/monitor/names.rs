//! The one table of what Prometheus is told: names, kinds, units, labels, and what each is.
//!
//! Names are of Prometheus' conventions: base units, `_total` for what only counts up. No label names a customer or
//! a peer, and each label has few values.

use std::fmt;

/// What a metric is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Counts up from the start of the process.
    Counter,
    /// Goes up and down.
    Gauge,
    /// How many were how much.
    Histogram,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        })
    }
}

/// One metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Name {
    /// Its full name.
    pub name: &'static str,
    /// What it is.
    pub kind: Kind,
    /// What it counts in: `seconds`, `bytes`, or things.
    pub unit: &'static str,
    /// Its labels in their order.
    pub labels: &'static [&'static str],
    /// What it is for, in one line.
    pub help: &'static str,
}

macro_rules! names {
    ($($constant:ident $kind:ident $name:literal $unit:literal [$($label:literal),*] $help:literal;)+) => {
        $(
            #[doc = $help]
            pub const $constant: Name =
                Name { name: $name, kind: Kind::$kind, unit: $unit, labels: &[$($label),*], help: $help };
        )+

        /// All of them, in the order of the text.
        pub const ALL: &[Name] = &[$($constant),+];
    };
}

#[rustfmt::skip]
mod table {
    use super::{Kind, Name};

    names! {
        BUILD_INFO Gauge "atmd_build_info" "" ["version", "backend"] "Always 1: the version that runs, and its database.";
        UPTIME Gauge "atmd_uptime_seconds" "seconds" [] "Time since atmd was started.";
        TIME Gauge "atmd_time_seconds" "seconds" [] "The time of day as atmd has it, since 1970.";
        CLOCK_STEPS Counter "atmd_clock_steps_total" "steps" [] "Times that the time of day was set by two seconds or more while atmd ran, or that its machine slept.";
        CLOCK_STEPPED Gauge "atmd_clock_stepped_seconds" "seconds" [] "By how much altogether, forward; back is below zero.";
        CLOCK_BEHIND Gauge "atmd_clock_behind_seconds" "seconds" [] "How far the time of day is behind the latest that a batch of the journal has; 0 where it is not.";
        READY Gauge "atmd_ready" "" [] "1 where customers are served as they should be, as /readyz tells.";
        NOT_READY Gauge "atmd_not_ready" "" ["reason"] "1 for each reason why not: starting, migrating, stopping, draining, database, writer, disk, projection, certificate.";
        DRAINING Gauge "atmd_draining" "" [] "1 where an operator has nobody let in.";

        CPU Counter "process_cpu_seconds_total" "seconds" [] "Time of processors, user and system.";
        MEMORY Gauge "process_resident_memory_bytes" "bytes" [] "Resident memory.";
        VIRTUAL_MEMORY Gauge "process_virtual_memory_bytes" "bytes" [] "Addressed memory.";
        THREADS Gauge "process_threads" "threads" [] "Threads of the operating system.";
        OPEN_FILES Gauge "process_open_fds" "files" [] "Open files, connections among them.";
        OPEN_FILES_MAX Gauge "process_max_fds" "files" [] "How many files may be open.";
        START_TIME Gauge "process_start_time_seconds" "seconds" [] "When atmd was started, since 1970.";

        CONNECTIONS Gauge "atmd_connections" "connections" ["service"] "Connections now; service is customer or operator.";
        CONNECTIONS_PEAK Gauge "atmd_connections_peak" "connections" ["service"] "The most at a time since the start.";
        CONNECTIONS_LIMIT Gauge "atmd_connections_limit" "connections" ["service"] "How many there may be.";
        CONNECTIONS_TOTAL Counter "atmd_connections_total" "connections" ["service"] "Connections that were taken, those whose handshake failed among them.";
        CONNECTIONS_REFUSED Counter "atmd_connections_refused_total" "connections" ["service", "reason"] "Connections that came to nothing: limit, peer_limit, handshake, handshake_timeout, protocol, operator, accept.";
        SESSIONS Gauge "atmd_sessions_open" "sessions" [] "Customers' sessions that a connection has now.";

        REQUESTS Counter "atmd_requests_total" "requests" ["service", "method", "outcome"] "Calls by what they came to: ok, rejected, unauthenticated, forbidden, invalid, busy, unavailable, outcome_unknown, internal, abandoned, closed.";
        REQUEST_DURATION Histogram "atmd_request_duration_seconds" "seconds" ["service", "method"] "From a call's arrival to its answer. A failed log-in is answered late on purpose.";
        REJECTIONS Counter "atmd_rejections_total" "requests" ["reason"] "Customers' calls that the bank's rules say no to, by the rule.";
        LOGIN_FAILURES Counter "atmd_login_failures_total" "logins" [] "Wrong PINs and codes that customers gave.";
        LOCK_OUTS Counter "atmd_lockouts_total" "numbers" [] "Numbers that wrong PINs put on the blacklist.";

        QUEUE Gauge "atmd_writer_queue_requests" "requests" ["queue"] "Requests that wait for the writer; queue is money or others.";
        QUEUE_LIMIT Gauge "atmd_writer_queue_limit" "requests" ["queue"] "How many may wait.";
        BATCH_LIMIT Gauge "atmd_writer_batch_limit" "requests" [] "How many requests one batch may have.";
        BATCH_REQUESTS Histogram "atmd_writer_batch_requests" "requests" [] "Requests in a batch.";
        WRITER_PHASE Histogram "atmd_writer_phase_duration_seconds" "seconds" ["phase"] "Time of a batch's phases: read (the bank's lock included), decide, write, commit.";
        WRITER_RETRIES Counter "atmd_writer_retries_total" "tries" [] "Further tries of batches.";
        BATCHES_FAILED Counter "atmd_writer_batches_failed_total" "batches" [] "Batches that were answered with a failure.";
        WRITER_BUSY Gauge "atmd_writer_batch_age_seconds" "seconds" [] "How long the writer has been at its present batch; 0 where it waits for work.";

        PIN_THREADS Gauge "atmd_pin_threads" "threads" [] "Threads that hash PINs.";
        PIN_BUSY Gauge "atmd_pin_threads_busy" "threads" [] "Of them: taken.";
        PIN_WAITING Gauge "atmd_pin_waiting" "logins" [] "Who waits for such a thread.";
        PIN_HASH Histogram "atmd_pin_hash_duration_seconds" "seconds" [] "Time of one PIN hash.";

        DATABASE_UP Gauge "atmd_database_up" "" [] "1 where the database answered when it was asked last.";
        DATABASE_CONNECTIONS Gauge "atmd_database_connections" "connections" ["state"] "Connections for reading; state is in_use or idle.";
        DATABASE_CONNECTIONS_LIMIT Gauge "atmd_database_connections_limit" "connections" [] "How many of them there may be.";
        DATABASE_ERRORS Counter "atmd_database_errors_total" "errors" ["operation"] "Failures of the database; operation is read, write or commit.";

        JOURNAL Gauge "atmd_journal_seq" "entries" [] "Newest entry of the journal that is known.";
        PROJECTION_LAG Gauge "atmd_projection_lag_entries" "entries" [] "Entries that the CSV ledgers do not have yet.";
        PROJECTION_STALLED Gauge "atmd_projection_stalled_seconds" "seconds" [] "How long the CSV ledgers lack entries without getting on; 0 where they get on.";
        DISK_FREE Gauge "atmd_disk_free_bytes" "bytes" [] "Space left for atmd on the disk of data_dir.";
        DISK_SIZE Gauge "atmd_disk_size_bytes" "bytes" [] "Space that this disk has.";
        LOG_LOST Counter "atmd_log_lines_lost_total" "lines" [] "Lines of the log that were lost.";
        CERTIFICATE_ENDS Gauge "atmd_certificate_expiry_timestamp_seconds" "seconds" ["certificate"] "When a certificate ends, since 1970: server, ca, or operator, the first to end of those that operators have.";
    }
}

pub use table::*;

/// The metric of that name; that of a histogram's series, too.
#[must_use]
pub fn find(name: &str) -> Option<&'static Name> {
    let series = |metric: &Name| {
        metric.kind == Kind::Histogram
            && ["_bucket", "_sum", "_count"]
                .iter()
                .any(|suffix| name.strip_suffix(suffix) == Some(metric.name))
    };
    ALL.iter().find(|metric| metric.name == name || series(metric))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn names_are_of_the_conventions() {
        let mut seen = HashSet::new();
        for Name { name, kind, unit, labels, help } in ALL {
            assert!(seen.insert(name), "{name}");
            assert!(name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'), "{name}");
            assert_eq!(name.ends_with("_total"), *kind == Kind::Counter, "{name}");
            let measured = ["seconds", "bytes"].contains(unit);
            assert!(!measured || name.trim_end_matches("_total").ends_with(unit), "{name}");
            assert!(help.ends_with('.') && !help.contains('\n') && !help.contains('\\'), "{name}");
            assert!(!labels.contains(&"le"), "{name}");
        }
    }

    #[test]
    fn a_series_of_a_histogram_is_found() {
        assert_eq!(find("atmd_pin_hash_duration_seconds_bucket"), Some(&PIN_HASH));
        assert_eq!(find("atmd_ready"), Some(&READY));
        assert_eq!(find("atmd_ready_count"), None);
        assert_eq!(find("atmd"), None);
    }
}
