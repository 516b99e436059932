//! The text that Prometheus reads (exposition format 0.0.4), made of one measurement. No floats: seconds are written
//! from whole microseconds.

use super::health::{NotReady, Reason};
use super::names::{self, Kind, Name};
use super::timing::SIZE_BOUNDS;
use atm_rpc::operator::metrics::{
    BOUNDS_US, Histogram, Metrics, RequestMetrics, RequestOutcome, Side, WriterMetrics,
};
use std::fmt::{self, Display, Write};

/// The type of the text.
pub(super) const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Everything, in the order of the table of names. Without a measurement, because atmd does not serve yet, that it
/// is not ready and why.
#[must_use]
pub(super) fn render(metrics: Option<&Metrics>, not_ready: &[NotReady]) -> String {
    let mut text = Text::default();
    for name in names::ALL {
        text.head(name);
        if *name == names::READY {
            text.value(name, &[], u8::from(not_ready.is_empty()));
        } else if *name == names::DRAINING {
            text.value(name, &[], u8::from(not_ready.iter().any(|why| why.reason == Reason::Draining)));
        } else if *name == names::NOT_READY {
            for reason in Reason::ALL {
                let is = not_ready.iter().any(|why| why.reason == reason);
                text.value(name, &[reason.name()], u8::from(is));
            }
        } else if let Some(metrics) = metrics {
            write(&mut text, name, metrics);
        }
    }
    text.0
}

fn write(text: &mut Text, name: &Name, m: &Metrics) {
    match *name {
        names::BUILD_INFO => text.value(name, &[&m.version, &m.backend], 1),
        names::UPTIME => text.value(name, &[], Milliseconds(m.uptime_ms)),
        names::TIME => text.value(name, &[], Instant(m.at.ms())),
        names::CLOCK_STEPS => text.value(name, &[], m.clock.steps_total),
        names::CLOCK_STEPPED => text.value(name, &[], Instant(m.clock.stepped_ms)),
        names::CLOCK_BEHIND => text.value(name, &[], Milliseconds(m.clock.behind_ms)),
        names::CPU => text.value(name, &[], Milliseconds(m.process.cpu_ms_total)),
        names::MEMORY => text.value(name, &[], m.process.memory_bytes),
        names::VIRTUAL_MEMORY => text.value(name, &[], m.process.virtual_memory_bytes),
        names::THREADS => text.value(name, &[], m.process.threads),
        names::OPEN_FILES => text.value(name, &[], m.process.open_files),
        names::OPEN_FILES_MAX => text.value(name, &[], m.process.open_files_max),
        names::START_TIME => text.value(name, &[], Instant(m.started_at.ms())),
        names::SESSIONS => text.value(name, &[], m.sessions_open),
        names::LOGIN_FAILURES => text.value(name, &[], m.login_failures_total),
        names::LOCK_OUTS => text.value(name, &[], m.lock_outs_total),
        names::PIN_THREADS => text.value(name, &[], m.pins.threads),
        names::PIN_BUSY => text.value(name, &[], m.pins.busy),
        names::PIN_WAITING => text.value(name, &[], m.pins.waiting),
        names::PIN_HASH => text.timing(name, &[], &m.pins.hash),
        names::JOURNAL => text.value(name, &[], m.journal_seq),
        names::PROJECTION_LAG => text.value(name, &[], m.projection_lag_entries),
        names::PROJECTION_STALLED => text.value(name, &[], Milliseconds(m.projection_stalled_ms)),
        names::DISK_FREE => text.value(name, &[], m.disk_free_bytes),
        names::DISK_SIZE => text.value(name, &[], m.disk_size_bytes),
        names::LOG_LOST => text.value(name, &[], m.log_lines_lost_total),
        names::DATABASE_UP => text.value(name, &[], u8::from(m.database.up)),
        names::DATABASE_CONNECTIONS => {
            text.value(name, &["in_use"], m.database.connections_in_use);
            text.value(name, &["idle"], m.database.connections_idle);
        }
        names::DATABASE_CONNECTIONS_LIMIT => text.value(name, &[], m.database.connections_limit),
        names::DATABASE_ERRORS => {
            text.value(name, &["read"], m.database.read_errors_total);
            text.value(name, &["write"], m.database.write_errors_total);
            text.value(name, &["commit"], m.database.commit_errors_total);
        }
        names::CERTIFICATE_ENDS => {
            for ends in &m.certificates {
                text.value(name, &[&ends.certificate], Instant(ends.ends_at.ms()));
            }
        }
        names::REJECTIONS => {
            m.rejections.iter().for_each(|one| text.value(name, &[&one.name], one.count));
        }
        names::REQUESTS => m.requests.iter().for_each(|one| requests(text, name, one)),
        names::REQUEST_DURATION => {
            m.requests
                .iter()
                .for_each(|one| text.timing(name, &[one.side.name(), &one.method], &one.latency));
        }
        _ => {
            connections(text, name, m);
            writer(text, name, &m.writer);
        }
    }
}

fn connections(text: &mut Text, name: &Name, m: &Metrics) {
    for side in &m.connections {
        let service = side.side.name();
        match *name {
            names::CONNECTIONS => text.value(name, &[service], side.active),
            names::CONNECTIONS_PEAK => text.value(name, &[service], side.max),
            names::CONNECTIONS_LIMIT => text.value(name, &[service], side.limit),
            names::CONNECTIONS_TOTAL => text.value(name, &[service], side.total),
            names::CONNECTIONS_REFUSED => {
                let refused = side.refused.iter();
                refused.for_each(|one| text.value(name, &[service, one.reason.name()], one.count));
            }
            _ => {}
        }
    }
}

fn writer(text: &mut Text, name: &Name, writer: &WriterMetrics) {
    match *name {
        names::QUEUE => {
            text.value(name, &["money"], writer.queue_money);
            text.value(name, &["others"], writer.queue_others);
        }
        names::QUEUE_LIMIT => {
            text.value(name, &["money"], writer.queue_limit);
            text.value(name, &["others"], writer.queue_limit);
        }
        names::BATCH_LIMIT => text.value(name, &[], writer.batch_limit),
        names::BATCH_REQUESTS => {
            text.buckets(name, &[], &writer.batch_sizes, &SIZE_BOUNDS);
            text.line(name, "_sum", &[], None, writer.batch_requests_total);
            text.line(name, "_count", &[], None, writer.batches_total);
        }
        names::WRITER_PHASE => {
            let phases = [
                ("read", &writer.read),
                ("decide", &writer.decide),
                ("write", &writer.write),
                ("commit", &writer.commit),
            ];
            phases.into_iter().for_each(|(phase, timing)| text.timing(name, &[phase], timing));
        }
        names::WRITER_RETRIES => text.value(name, &[], writer.retries_total),
        names::BATCHES_FAILED => text.value(name, &[], writer.batches_failed_total),
        names::WRITER_BUSY => text.value(name, &[], Milliseconds(writer.batch_age_ms)),
        _ => {}
    }
}

/// Customers' calls have a series for each outcome from the start on, so that the first failure is an increase.
fn requests(text: &mut Text, name: &Name, request: &RequestMetrics) {
    for outcome in RequestOutcome::ALL {
        let counted = request.outcomes.iter().find(|one| one.outcome == *outcome).map(|one| one.count);
        if request.side == Side::Customer || counted.is_some() {
            let labels = [request.side.name(), &request.method, outcome.name()];
            text.value(name, &labels, counted.unwrap_or(0));
        }
    }
}

/// Text under construction. Writing to a `String` does not fail.
#[derive(Debug, Default)]
struct Text(String);

impl Text {
    fn head(&mut self, Name { name, kind, help, .. }: &Name) {
        let _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    fn value(&mut self, name: &Name, labels: &[&str], value: impl Display) {
        self.line(name, "", labels, None, value);
    }

    fn timing(&mut self, name: &Name, labels: &[&str], histogram: &Histogram) {
        self.buckets(name, labels, &histogram.buckets, &BOUNDS_US.map(Microseconds));
        self.line(name, "_sum", labels, None, Microseconds(histogram.sum_us));
        self.line(name, "_count", labels, None, histogram.count);
    }

    /// How many were up to each bound, and all.
    fn buckets(&mut self, name: &Name, labels: &[&str], counts: &[u64], bounds: &[impl Display]) {
        let mut sum = 0_u64;
        for (index, bound) in bounds.iter().enumerate() {
            sum = sum.saturating_add(counts.get(index).copied().unwrap_or(0));
            self.line(name, "_bucket", labels, Some(bound), sum);
        }
        let all = counts.iter().fold(0, |sum: u64, count| sum.saturating_add(*count));
        self.line(name, "_bucket", labels, Some(&"+Inf"), all);
    }

    fn line(
        &mut self,
        name: &Name,
        suffix: &str,
        values: &[&str],
        bound: Option<&dyn Display>,
        value: impl Display,
    ) {
        debug_assert_eq!(name.labels.len(), values.len(), "{}", name.name);
        debug_assert_eq!(name.kind == Kind::Histogram, !suffix.is_empty(), "{}", name.name);
        let text = &mut self.0;
        let _ = write!(text, "{}{suffix}", name.name);
        let mut before = '{';
        for (label, value) in name.labels.iter().zip(values) {
            let _ = write!(text, "{before}{label}=\"{}\"", Escaped(value));
            before = ',';
        }
        if let Some(bound) = bound {
            let _ = write!(text, "{before}le=\"{bound}\"");
            before = ',';
        }
        let end = if before == ',' { "}" } else { "" };
        let _ = writeln!(text, "{end} {value}");
    }
}

/// A label's value.
struct Escaped<'a>(&'a str);

impl Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.chars().try_for_each(|letter| match letter {
            '\\' => f.write_str("\\\\"),
            '"' => f.write_str("\\\""),
            '\n' => f.write_str("\\n"),
            other => f.write_char(other),
        })
    }
}

/// Seconds, with as many decimals as it takes.
#[derive(Clone, Copy)]
struct Microseconds(u64);

impl Display for Microseconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (seconds, rest) = (self.0 / 1_000_000, self.0 % 1_000_000);
        if rest == 0 {
            return write!(f, "{seconds}");
        }
        f.write_str(format!("{seconds}.{rest:06}").trim_end_matches('0'))
    }
}

struct Milliseconds(u64);

impl Display for Milliseconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Microseconds(self.0.saturating_mul(1_000)).fmt(f)
    }
}

/// Milliseconds since 1970, or otherwise with a sign, as seconds.
struct Instant(i64);

impl Display for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 < 0 {
            f.write_char('-')?;
        }
        Milliseconds(self.0.unsigned_abs()).fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_are_written_without_floats() {
        let table =
            [(0, "0"), (100, "0.0001"), (1_500_000, "1.5"), (30_000_000, "30"), (1_000_001, "1.000001")];
        for (us, expected) in table {
            assert_eq!(Microseconds(us).to_string(), expected);
        }
        assert_eq!(Instant(-1_500).to_string(), "-1.5");
    }

    #[test]
    fn a_histogram_has_sums_of_its_buckets() {
        let mut text = Text::default();
        text.timing(&names::WRITER_PHASE, &["re\"ad"], &Histogram::new(vec![1, 0, 2], 600));
        let lines: Vec<&str> = text.0.lines().collect();
        let labels = r#"{phase="re\"ad""#;
        assert_eq!(lines[0], format!("atmd_writer_phase_duration_seconds_bucket{labels},le=\"0.0001\"}} 1"));
        assert_eq!(lines[2], format!("atmd_writer_phase_duration_seconds_bucket{labels},le=\"0.0002\"}} 3"));
        let infinite = lines[BOUNDS_US.len()];
        assert_eq!(infinite, format!("atmd_writer_phase_duration_seconds_bucket{labels},le=\"+Inf\"}} 3"));
        assert!(lines.contains(&format!("atmd_writer_phase_duration_seconds_sum{labels}}} 0.0006").as_str()));
    }

    #[test]
    fn before_it_serves_it_says_that_it_does_not() {
        let why = NotReady { reason: Reason::Migrating, words: "wait".into() };
        let text = render(None, &[why]);
        assert!(text.contains("\natmd_ready 0\n"), "{text}");
        assert!(text.contains("\natmd_not_ready{reason=\"migrating\"} 1\n"), "{text}");
        assert!(text.contains("\natmd_not_ready{reason=\"starting\"} 0\n"), "{text}");
    }
}
