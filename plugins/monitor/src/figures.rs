//! Every figure that `show` has, by a name that scripts use: what it is of what atmd measures, and its unit.

use crate::number::rounded;
use atm_rpc::operator::metrics::{ConnectionMetrics, Histogram, Metrics, RequestOutcome, Side};
use serde_json::{Number, Value};

/// A figure.
#[derive(Clone, Copy, Debug)]
pub struct Figure {
    /// Its name. The last word is the unit where there could be doubt.
    pub name: &'static str,
    /// Its unit.
    pub unit: &'static str,
    /// What it means, in a line.
    pub meaning: &'static str,
    of: fn(&Metrics) -> Option<f64>,
}

impl Figure {
    /// What it is; `None` where there was nothing to measure.
    #[must_use]
    pub fn of(&self, metrics: &Metrics) -> Option<f64> {
        (self.of)(metrics)
    }
}

/// A value as it is shown: with three decimals at the most.
pub(crate) fn shown(value: Option<f64>) -> Option<f64> {
    value.map(|value| rounded(value, 3))
}

/// A value in a row: whole where it is.
pub(crate) fn value(value: Option<f64>) -> Value {
    let value = shown(value);
    let whole = value.and_then(|value| format!("{value}").parse::<i64>().ok());
    whole.map(Number::from).or_else(|| value.and_then(Number::from_f64)).map_or(Value::Null, Value::Number)
}

/// The names of all of them.
pub(crate) fn names() -> Vec<&'static str> {
    FIGURES.iter().map(|figure| figure.name).collect()
}

const fn figure(
    name: &'static str,
    unit: &'static str,
    meaning: &'static str,
    of: fn(&Metrics) -> Option<f64>,
) -> Figure {
    Figure { name, unit, meaning, of }
}

/// All of them, in the order of the table. Those called recent are of the last one to two intervals.
pub const FIGURES: &[Figure] = &[
    figure("ready", "1 or 0", "whether customers are served as they should be", |m| truth(m.ready)),
    figure("uptime_s", "s", "time since the start", |m| some(m.uptime_ms / 1_000)),
    figure("cpu_percent", "%", "share of one core, recent", |m| Some(f64::from(m.recent.cpu_percent))),
    figure("cpu_seconds_total", "s", "time of processors since the start", |m| {
        some(m.process.cpu_ms_total).map(|ms| ms / 1e3)
    }),
    figure("memory_bytes", "bytes", "resident memory", |m| some(m.process.memory_bytes)),
    figure("virtual_memory_bytes", "bytes", "addressed memory", |m| some(m.process.virtual_memory_bytes)),
    figure("threads", "threads", "threads of the operating system", |m| some(m.process.threads)),
    figure("open_files", "files", "open files and connections", |m| some(m.process.open_files)),
    figure("open_files_max", "files", "how many may be open", |m| some(m.process.open_files_max)),
    figure("connections_active", "connections", "of customers, now", |m| customers(m, |c| c.active)),
    figure("connections_max", "connections", "of customers, the most at a time since the start", |m| {
        customers(m, |c| c.max)
    }),
    figure("connections_total", "connections", "of customers, since the start", |m| {
        customers(m, |c| c.total)
    }),
    figure("connections_limit", "connections", "of customers, how many there may be", |m| {
        customers(m, |c| c.limit)
    }),
    figure("operator_connections_active", "connections", "of operators, now", |m| operators(m, |c| c.active)),
    figure("operator_connections_total", "connections", "of operators, since the start", |m| {
        operators(m, |c| c.total)
    }),
    figure("connections_refused_total", "connections", "that came to nothing, since the start", |m| {
        let refused = m.connections.iter().flat_map(|side| &side.refused).map(|refused| refused.count);
        some(refused.sum())
    }),
    figure("sessions_open", "sessions", "customers' sessions that a connection has", |m| {
        some(m.sessions_open)
    }),
    figure("requests_total", "requests", "customers' calls since the start", |m| requests(m, |_| true)),
    figure("requests_rejected_total", "requests", "of them with a 'no' of the bank's rules", |m| {
        requests(m, |outcome| outcome == RequestOutcome::Rejected)
    }),
    figure("requests_failed_total", "requests", "of them with a failure of the service", |m| {
        requests(m, RequestOutcome::is_failure)
    }),
    figure("requests_per_s", "1/s", "customers' calls, recent", |m| per_second(m, m.recent.requests)),
    figure("rejected_percent", "%", "of customers' calls a 'no' of the bank's rules, recent", |m| {
        percent(m.recent.rejected, m.recent.requests)
    }),
    figure("failed_percent", "%", "of customers' calls a failure of the service, recent", |m| {
        percent(m.recent.failed, m.recent.requests)
    }),
    figure("request_p50_ms", "ms", "half of customers' calls were faster, recent", |m| {
        ms(m.recent.request_p50_us)
    }),
    figure("request_p95_ms", "ms", "95 of 100 were faster, recent", |m| ms(m.recent.request_p95_us)),
    figure("request_p99_ms", "ms", "99 of 100 were faster, recent", |m| ms(m.recent.request_p99_us)),
    figure("queue_money", "requests", "movements of money that wait for the writer", |m| {
        some(m.writer.queue_money)
    }),
    figure("queue_others", "requests", "everything else that waits for the writer", |m| {
        some(m.writer.queue_others)
    }),
    figure("queue_limit", "requests", "how many may wait in each of the two", |m| some(m.writer.queue_limit)),
    figure("batches_total", "batches", "of the writer, since the start", |m| some(m.writer.batches_total)),
    figure("batches_failed_total", "batches", "of them answered with a failure", |m| {
        some(m.writer.batches_failed_total)
    }),
    figure("batches_per_s", "1/s", "of the writer, recent", |m| per_second(m, m.recent.batches)),
    figure("batch_size_mean", "requests", "in a batch, recent", |m| {
        ratio(m.recent.batch_requests, m.recent.batches)
    }),
    figure("batch_limit", "requests", "how many one batch may have", |m| some(m.writer.batch_limit)),
    figure("retries_total", "tries", "further tries of batches, since the start", |m| {
        some(m.writer.retries_total)
    }),
    figure("commit_p50_ms", "ms", "half of the commits were faster, recent", |m| ms(m.recent.commit_p50_us)),
    figure("commit_p95_ms", "ms", "95 of 100 commits were faster, recent", |m| ms(m.recent.commit_p95_us)),
    figure("commit_p99_ms", "ms", "99 of 100 commits were faster, recent", |m| ms(m.recent.commit_p99_us)),
    figure("read_mean_ms", "ms", "to read what a batch needs, since the start", |m| mean(&m.writer.read)),
    figure("decide_mean_ms", "ms", "to decide a batch, since the start", |m| mean(&m.writer.decide)),
    figure("write_mean_ms", "ms", "to write a batch, since the start", |m| mean(&m.writer.write)),
    figure("commit_mean_ms", "ms", "to make a batch durable, since the start", |m| mean(&m.writer.commit)),
    figure("pin_threads", "threads", "that hash PINs", |m| some(m.pins.threads)),
    figure("pin_busy", "threads", "of them taken", |m| some(m.pins.busy)),
    figure("pin_waiting", "requests", "that wait for one of them", |m| some(m.pins.waiting)),
    figure("pin_hashes_total", "hashes", "of PINs, since the start", |m| some(m.pins.hash.count)),
    figure("pin_hash_mean_ms", "ms", "for the hash of a PIN, since the start", |m| mean(&m.pins.hash)),
    figure("login_failures_total", "log-ins", "with a wrong PIN, since the start", |m| {
        some(m.login_failures_total)
    }),
    figure("login_failures_per_min", "1/min", "log-ins with a wrong PIN, recent", |m| {
        per_minute(m, u64::from(m.recent.login_failures))
    }),
    figure("lock_outs_total", "numbers", "that wrong PINs put on the blacklist, since the start", |m| {
        some(m.lock_outs_total)
    }),
    figure("lock_outs_per_min", "1/min", "numbers that wrong PINs put on the blacklist, recent", |m| {
        per_minute(m, u64::from(m.recent.lock_outs))
    }),
    figure("database_up", "1 or 0", "whether the database answered when it was asked last", |m| {
        truth(m.database.up)
    }),
    figure("database_connections_in_use", "connections", "for reading, used", |m| {
        some(m.database.connections_in_use)
    }),
    figure("database_connections_idle", "connections", "for reading, open and not used", |m| {
        some(m.database.connections_idle)
    }),
    figure("database_connections_limit", "connections", "for reading, how many there may be", |m| {
        some(m.database.connections_limit)
    }),
    figure("database_read_errors_total", "errors", "of the database, reading", |m| {
        some(m.database.read_errors_total)
    }),
    figure("database_write_errors_total", "errors", "of the database, batches before their commit", |m| {
        some(m.database.write_errors_total)
    }),
    figure("database_commit_errors_total", "errors", "of the database, commits", |m| {
        some(m.database.commit_errors_total)
    }),
    figure("journal_seq", "entries", "newest entry of the journal", |m| {
        Some(m.journal_seq).map(|seq| seq as f64)
    }),
    figure("projection_lag_entries", "entries", "that the CSV ledgers do not have yet", |m| {
        some(m.projection_lag_entries)
    }),
    figure("projection_stalled_s", "s", "that they lack entries without getting on", |m| {
        some(m.projection_stalled_ms / 1_000)
    }),
    figure("clock_steps_total", "steps", "times that the time of day was set, since the start", |m| {
        some(m.clock.steps_total)
    }),
    figure("clock_stepped_s", "s", "by how much altogether, forward; back is below zero", |m| {
        Some(m.clock.stepped_ms as f64 / 1e3)
    }),
    figure("clock_behind_s", "s", "that the time of day is behind that of the journal", |m| {
        some(m.clock.behind_ms / 1_000)
    }),
    figure("disk_free_bytes", "bytes", "left on the disk of data_dir", |m| some(m.disk_free_bytes)),
    figure("disk_size_bytes", "bytes", "that this disk has", |m| some(m.disk_size_bytes)),
    figure("disk_free_percent", "%", "left on the disk of data_dir", |m| {
        percent(m.disk_free_bytes, m.disk_size_bytes)
    }),
    figure("log_lines_lost_total", "lines", "of the log that were lost", |m| some(m.log_lines_lost_total)),
    figure("certificate_server_days", "days", "until the server's certificate ends", |m| days(m, "server")),
    figure("certificate_ca_days", "days", "until the CA's certificate ends", |m| days(m, "ca")),
    figure("certificate_operator_days", "days", "until the first certificate of an operator ends", |m| {
        days(m, "operator")
    }),
];

fn some(count: u64) -> Option<f64> {
    Some(count as f64)
}

fn truth(is_so: bool) -> Option<f64> {
    Some(f64::from(u8::from(is_so)))
}

fn side(metrics: &Metrics, side: Side, of: fn(&ConnectionMetrics) -> u64) -> Option<f64> {
    metrics.connections.iter().find(|connections| connections.side == side).map(of).and_then(some)
}

fn customers(metrics: &Metrics, of: fn(&ConnectionMetrics) -> u64) -> Option<f64> {
    side(metrics, Side::Customer, of)
}

fn operators(metrics: &Metrics, of: fn(&ConnectionMetrics) -> u64) -> Option<f64> {
    side(metrics, Side::Operator, of)
}

/// Customers' calls with such outcomes.
fn requests(metrics: &Metrics, such: fn(RequestOutcome) -> bool) -> Option<f64> {
    let of_customers = metrics.requests.iter().filter(|request| request.side == Side::Customer);
    let outcomes = of_customers.flat_map(|request| &request.outcomes).filter(|count| such(count.outcome));
    some(outcomes.map(|count| count.count).sum())
}

fn per_second(metrics: &Metrics, count: u64) -> Option<f64> {
    ratio(count, metrics.recent.length_ms).map(|per_ms| per_ms * 1e3)
}

fn per_minute(metrics: &Metrics, count: u64) -> Option<f64> {
    ratio(count, metrics.recent.length_ms).map(|per_ms| per_ms * 60e3)
}

pub(crate) fn percent(part: u64, whole: u64) -> Option<f64> {
    ratio(part, whole).map(|share| share * 100.0)
}

pub(crate) fn ratio(count: u64, of: u64) -> Option<f64> {
    (of > 0).then(|| count as f64 / of as f64)
}

pub(crate) fn ms(us: Option<u64>) -> Option<f64> {
    us.map(|us| us as f64 / 1e3)
}

fn mean(histogram: &Histogram) -> Option<f64> {
    ms(histogram.mean_us())
}

fn days(metrics: &Metrics, which: &str) -> Option<f64> {
    let found = metrics.certificates.iter().find(|certificate| certificate.certificate == which);
    found.map(|certificate| certificate.days_left as f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use std::collections::BTreeSet;

    #[test]
    fn names_are_unique_and_have_their_unit() {
        let unique: BTreeSet<&str> = FIGURES.iter().map(|figure| figure.name).collect();
        assert_eq!(unique.len(), FIGURES.len());
        let table = [("_ms", "ms"), ("_bytes", "bytes"), ("_percent", "%"), ("_s", "s"), ("_days", "days")];
        for figure in FIGURES.iter().filter(|figure| !figure.name.contains("_per_")) {
            for (ending, unit) in table.iter().filter(|(ending, _)| figure.name.ends_with(ending)) {
                assert_eq!(figure.unit, *unit, "{}{ending}", figure.name);
            }
            assert!(!figure.meaning.is_empty() && !figure.unit.is_empty());
        }
    }

    #[test]
    fn values_are_whole_or_short() {
        let table = [
            (Some(3.0), json!(3)),
            (Some(0.0), json!(0)),
            (Some(-2.0), json!(-2)),
            (Some(1.234_56), json!(1.235)),
            (Some(36_280_730.0), json!(36_280_730)),
            (Some(f64::NAN), Value::Null),
            (None, Value::Null),
        ];
        for (number, expected) in table {
            assert_eq!(value(number), expected);
        }
    }
}
