//! `history`: how atmd was, a row for each interval that it measured, or for longer ones.
//!
//! What several samples have together: counts and rates are those of all of them; levels and latencies of the slow are
//! the worst, because that is what one looks for; a median is the mean of theirs, by how many calls each had.

use crate::figures::{ms, percent, ratio, value};
use crate::text;
use atm_plugin_sdk::{Column, Host};
use atm_rpc::operator::metrics::{HISTORY_ROWS_MAX, Sample};
use atm_rpc::plugin::{Failure, Kind};
use atm_rpc::types::time::Timestamp;
use serde_json::{Value, json};
use std::time::Duration;

/// The columns of its rows.
pub(crate) const COLUMNS: &[Column] = &[
    Column::new("at", Kind::Date),
    Column::new("length", Kind::Duration),
    Column::new("requests_per_s", Kind::Number),
    Column::new("rejected_percent", Kind::Number),
    Column::new("failed_percent", Kind::Number),
    Column::new("request_p50_ms", Kind::Number),
    Column::new("request_p95_ms", Kind::Number),
    Column::new("request_p99_ms", Kind::Number),
    Column::new("commit_p50_ms", Kind::Number),
    Column::new("commit_p95_ms", Kind::Number),
    Column::new("commit_p99_ms", Kind::Number),
    Column::new("batches_per_s", Kind::Number),
    Column::new("batch_size_mean", Kind::Number),
    Column::new("connections", Kind::Number),
    Column::new("connections_new", Kind::Number),
    Column::new("connections_refused", Kind::Number),
    Column::new("sessions_open", Kind::Number),
    Column::new("cpu_percent", Kind::Number),
    Column::new("memory_bytes", Kind::Number),
    Column::new("threads", Kind::Number),
    Column::new("open_files", Kind::Number),
    Column::new("queue_money", Kind::Number),
    Column::new("queue_others", Kind::Number),
    Column::new("pin_hashes", Kind::Number),
    Column::new("pin_waiting", Kind::Number),
    Column::new("login_failures", Kind::Number),
    Column::new("lock_outs", Kind::Number),
    Column::new("projection_lag_entries", Kind::Number),
    Column::new("disk_free_bytes", Kind::Number),
];

/// Prints the samples since then, those of each length of time `every` in one row.
pub(crate) async fn history(
    host: &mut Host,
    since: Timestamp,
    every: Option<Duration>,
) -> Result<(), Failure> {
    let every = every.map_or(0, |every| i64::try_from(every.as_millis()).unwrap_or(i64::MAX));
    let past = past(host, since).await?;
    for row in rows(&past.samples, every) {
        host.row(&row)?;
    }
    host.flush()?;
    past.lacking(since).iter().for_each(|why| host.note(why));
    Ok(())
}

/// What atmd has of the past.
#[derive(Debug)]
pub(crate) struct Past {
    /// Oldest first.
    pub(crate) samples: Vec<Sample>,
    started_at: Timestamp,
    interval_ms: u64,
}

impl Past {
    /// Why there is less than from `since` on, where that is so.
    fn lacking(&self, since: Timestamp) -> Option<String> {
        let interval = text::length(self.interval_ms);
        match self.samples.first() {
            _ if since < self.started_at => {
                Some(format!("atmd was started at {}, and has nothing from before", self.started_at))
            }
            None => Some(format!("nothing was measured since {since}; atmd does it each {interval}")),
            // The first of all has number 1.
            Some(first) => {
                let begin = first.at.ms().saturating_sub(i64::try_from(first.length_ms).unwrap_or(0));
                let late = begin.saturating_sub(i64::try_from(self.interval_ms).unwrap_or(0)) > since.ms();
                (first.number > 1 && late)
                    .then(|| format!("atmd remembers 24 hours, a sample each {interval}"))
            }
        }
    }
}

/// All that atmd has since then, oldest first.
pub(crate) async fn past(host: &Host, since: Timestamp) -> Result<Past, Failure> {
    let mut samples: Vec<Sample> = Vec::new();
    let (mut after, mut started_at) = (None, None);
    loop {
        let page = host.call(async |atmd, context| {
            atmd.metrics_history(context, Some(since), after, HISTORY_ROWS_MAX).await
        });
        let page = page.await?;
        // One that was started meanwhile counts from the beginning.
        if started_at.is_some_and(|before| before != page.started_at) && after.take().is_some() {
            started_at = Some(page.started_at);
            continue;
        }
        started_at = Some(page.started_at);
        let last = page.samples.last().map(|sample| sample.number);
        samples.extend(page.samples);
        if !page.more || last <= after {
            return Ok(Past { samples, started_at: page.started_at, interval_ms: page.interval_ms });
        }
        after = last;
    }
}

/// A row for each time; `every` 0: for each sample.
fn rows(samples: &[Sample], every: i64) -> Vec<Value> {
    // A sample belongs to the time that its middle is in.
    let time = |sample: &Sample| {
        let middle = sample.at.ms().saturating_sub(i64::try_from(sample.length_ms / 2).unwrap_or(0));
        middle.div_euclid(every)
    };
    match every {
        0 => samples.iter().map(|sample| row(std::slice::from_ref(sample), sample.at)).collect(),
        _ => samples
            .chunk_by(|one, next| time(one) == time(next))
            .filter_map(|several| {
                let end = time(several.first()?).saturating_add(1).saturating_mul(every);
                // The last time is not over yet.
                Some(row(several, Timestamp::from_ms(end).min(samples.last()?.at)))
            })
            .collect(),
    }
}

fn row(samples: &[Sample], at: Timestamp) -> Value {
    let sum = |of: fn(&Sample) -> u64| samples.iter().map(of).fold(0, u64::saturating_add);
    let most = |of: fn(&Sample) -> u64| samples.iter().map(of).max().unwrap_or_default();
    let slowest = |of: fn(&Sample) -> Option<u64>| value(ms(samples.iter().filter_map(of).max()));
    let median = |of: fn(&Sample) -> Option<u64>, by: fn(&Sample) -> u64| {
        let known = || samples.iter().filter_map(|sample| Some((of(sample)?, by(sample).max(1))));
        let weighted = known().fold(0, |sum: u64, (us, by)| sum.saturating_add(us.saturating_mul(by)));
        let weight = known().fold(0, |sum: u64, (_, by)| sum.saturating_add(by));
        value(ratio(weighted, weight).map(|us| us / 1e3))
    };
    let length = sum(|s| s.length_ms);
    let per_second = |count: u64| value(ratio(count, length).map(|per_ms| per_ms * 1e3));
    let busy = samples.iter().map(|s| f64::from(s.cpu_percent) * s.length_ms as f64).sum::<f64>();
    let (requests, batches) = (sum(|s| s.requests), sum(|s| s.batches));
    let free = samples.iter().map(|s| s.disk_free_bytes).min();
    json!({
        "at": at,
        "length": length,
        "requests_per_s": per_second(requests),
        "rejected_percent": value(percent(sum(|s| s.rejected), requests)),
        "failed_percent": value(percent(sum(|s| s.failed), requests)),
        "request_p50_ms": median(|s| s.request_p50_us, |s| s.requests),
        "request_p95_ms": slowest(|s| s.request_p95_us),
        "request_p99_ms": slowest(|s| s.request_p99_us),
        "commit_p50_ms": median(|s| s.commit_p50_us, |s| s.batches),
        "commit_p95_ms": slowest(|s| s.commit_p95_us),
        "commit_p99_ms": slowest(|s| s.commit_p99_us),
        "batches_per_s": per_second(batches),
        "batch_size_mean": value(ratio(sum(|s| s.batch_requests), batches)),
        "connections": most(|s| s.connections.into()),
        "connections_new": sum(|s| s.connections_new),
        "connections_refused": sum(|s| s.connections_refused),
        "sessions_open": most(|s| s.sessions_open.into()),
        "cpu_percent": value((length > 0).then(|| busy / length as f64)),
        "memory_bytes": most(|s| s.memory_bytes),
        "threads": most(|s| s.threads.into()),
        "open_files": most(|s| s.open_files.into()),
        "queue_money": most(|s| s.queue_money.into()),
        "queue_others": most(|s| s.queue_others.into()),
        "pin_hashes": sum(|s| s.pin_hashes.into()),
        "pin_waiting": most(|s| s.pin_waiting.into()),
        "login_failures": sum(|s| s.login_failures.into()),
        "lock_outs": sum(|s| s.lock_outs.into()),
        "projection_lag_entries": most(|s| s.projection_lag_entries),
        "disk_free_bytes": free,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::sample;

    #[test]
    fn a_row_for_each_sample() {
        let rows = rows(&[sample(1, 60_000), sample(2, 120_000)], 0);
        assert_eq!(rows.len(), 2);
        assert_eq!(
            (&rows[0]["at"], &rows[0]["length"]),
            (&json!("1970-01-01T00:01:00.000Z"), &json!(60_000))
        );
        assert_eq!((&rows[0]["requests_per_s"], &rows[0]["rejected_percent"]), (&json!(10), &json!(5)));
        assert_eq!((&rows[0]["request_p99_ms"], &rows[0]["batch_size_mean"]), (&json!(9.5), &json!(4)));
    }

    #[test]
    fn why_there_is_less_than_was_asked_for_is_told() {
        let past = |samples: &[Sample]| Past {
            samples: samples.to_vec(),
            started_at: Timestamp::from_ms(1_000_000),
            interval_ms: 60_000,
        };
        let first = [sample(1, 1_060_000)];
        let later = [sample(9, 9_000_000), sample(10, 9_060_000)];
        let table: &[(&[Sample], i64, Option<&str>)] = &[
            (
                &first,
                999_999,
                Some("atmd was started at 1970-01-01T00:16:40.000Z, and has nothing from before"),
            ),
            (&first, 1_000_000, None),
            (&later, 8_940_000, None),
            (&later, 8_880_000, None),
            (&later, 8_879_999, Some("atmd remembers 24 hours, a sample each 1 min")),
            (
                &[],
                2_000_000,
                Some("nothing was measured since 1970-01-01T00:33:20.000Z; atmd does it each 1 min"),
            ),
        ];
        for (samples, since, expected) in table {
            let told = past(samples).lacking(Timestamp::from_ms(*since));
            assert_eq!(told.as_deref(), *expected, "since {since}");
        }
    }

    #[test]
    fn several_samples_have_their_sums_and_their_worst() {
        let (mut first, mut second) = (sample(1, 60_000), sample(2, 120_000));
        first.memory_bytes = 7;
        second.memory_bytes = 5;
        first.disk_free_bytes = 7;
        second.disk_free_bytes = 5;
        second.request_p99_us = Some(20_000);
        second.request_p50_us = None;
        second.requests = 0;
        (first.cpu_percent, second.cpu_percent) = (10.0, 30.0);
        let rows = rows(&[first, second, sample(3, 180_000)], 120_000);
        assert_eq!(rows.len(), 2);
        let row = &rows[0];
        let table = [
            ("at", json!("1970-01-01T00:02:00.000Z")),
            ("length", json!(120_000)),
            ("requests_per_s", json!(5)),
            ("request_p50_ms", json!(1.5)),
            ("request_p99_ms", json!(20)),
            ("cpu_percent", json!(20)),
            ("memory_bytes", json!(7)),
            ("disk_free_bytes", json!(5)),
            ("login_failures", json!(2)),
        ];
        for (column, expected) in table {
            assert_eq!(row[column], expected, "{column}");
        }
        assert_eq!(
            rows[1]["at"], "1970-01-01T00:03:00.000Z",
            "a time that is not over ends with its last sample"
        );
    }

    #[test]
    fn nothing_measured_is_no_row() {
        assert_eq!(rows(&[], 60_000), Vec::<Value>::new());
    }
}
