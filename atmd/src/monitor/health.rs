//! Whether atmd serves as it should, and why not: one place for `/livez`, `/readyz`, `status`, and the metrics.

use super::Monitor;
use atm_rpc::operator::daemon::Draining;
use atm_rpc::operator::metrics::{ClockMetrics, ClockStep};
use atm_rpc::types::time::Timestamp;
use std::fmt;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

/// A batch that takes longer keeps customers waiting.
const BATCH_AGE_MAX: Duration = Duration::from_secs(5);
/// Above all that one step of a batch may take: then the writer does not come back by itself.
const STEP_MAX: Duration = Duration::from_secs(60);
/// What a row of an import adds to that: many times what it takes, and a stop that is found late harms less than an
/// import that is ended again and again.
const STEP_OF_ROW_MAX: Duration = Duration::from_millis(2);
/// Ledgers that lack entries for longer are told of, however few these are.
const STALLED_MAX: Duration = Duration::from_secs(60);
/// A time of day that is further behind the journal is told of.
const BEHIND_MAX: Duration = Duration::from_secs(30);
/// How long it is told that the time of day was set.
const STEP_TOLD_MS: i64 = 60 * 60 * 1_000;

/// Where atmd is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Phase {
    /// It reads its keys.
    Starting,
    /// It opens the database, whose schema may have to be brought up to date.
    Migrating,
    /// It serves.
    Serving,
    /// It ends.
    Stopping,
}

/// The phase, for everybody.
#[derive(Debug)]
pub(super) struct Life(AtomicU8);

impl Default for Life {
    fn default() -> Self {
        Self(AtomicU8::new(Phase::Starting as u8))
    }
}

impl Life {
    /// atmd goes on to that phase.
    pub(super) fn enter(&self, phase: Phase) {
        self.0.store(phase as u8, Ordering::Relaxed);
    }

    fn phase(&self) -> Phase {
        let phases = [Phase::Starting, Phase::Migrating, Phase::Serving];
        let number = self.0.load(Ordering::Relaxed);
        phases.into_iter().find(|phase| *phase as u8 == number).unwrap_or(Phase::Stopping)
    }
}

/// What keeps customers from being served as they should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// atmd starts.
    Starting,
    /// The database is opened and its schema brought up to date.
    Migrating,
    /// atmd ends.
    Stopping,
    /// An operator has nobody let in.
    Draining,
    /// The database does not answer.
    Database,
    /// The writer does not get on.
    Writer,
    /// The disk is full.
    Disk,
    /// The CSV ledgers are too far behind.
    Projection,
    /// What a listener shows is not valid, so nobody connects.
    Certificate,
}

impl Reason {
    /// Every reason there is.
    pub const ALL: [Self; 9] = [
        Self::Starting,
        Self::Migrating,
        Self::Stopping,
        Self::Draining,
        Self::Database,
        Self::Writer,
        Self::Disk,
        Self::Projection,
        Self::Certificate,
    ];

    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Migrating => "migrating",
            Self::Stopping => "stopping",
            Self::Draining => "draining",
            Self::Database => "database",
            Self::Writer => "writer",
            Self::Disk => "disk",
            Self::Projection => "projection",
            Self::Certificate => "certificate",
        }
    }
}

/// A reason, in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotReady {
    /// Which.
    pub reason: Reason,
    /// The sentence.
    pub words: String,
}

impl fmt::Display for NotReady {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.reason.name(), self.words)
    }
}

impl Monitor {
    /// What keeps customers from being served as they should be; nothing where all is well.
    #[must_use]
    pub fn not_ready(&self) -> Vec<NotReady> {
        let of_phase = match self.life.phase() {
            Phase::Starting => Some((Reason::Starting, "atmd starts")),
            Phase::Migrating => {
                Some((Reason::Migrating, "the database is opened and its schema brought up to date"))
            }
            Phase::Stopping => Some((Reason::Stopping, "atmd stops")),
            Phase::Serving => None,
        };
        let mut found: Vec<NotReady> = Vec::new();
        let mut because = |reason, words: String| found.push(NotReady { reason, words });
        if let Some((reason, words)) = of_phase {
            because(reason, words.to_owned());
        }
        let Some(sources) = self.sources.get() else { return found };
        if let Some(shut) = sources.drain.now() {
            because(Reason::Draining, draining(&shut.told));
        }
        if let Some(words) = self.probed().silent_because {
            because(Reason::Database, format!("the database does not answer: {words}"));
        }
        let work = &sources.writer;
        if work.disk_full.load(Ordering::Relaxed) {
            because(Reason::Disk, "the disk is full: nothing is committed until there is space".to_owned());
        }
        if let Some(age) = work.age().filter(|age| *age > BATCH_AGE_MAX) {
            because(Reason::Writer, busy(age, work.rows()));
        }
        let lag = self.projection_lag();
        if lag > self.terms.now().projection_lag_max {
            because(Reason::Projection, format!("the CSV ledgers lack {lag} entries"));
        }
        if self.server_certificate_ended(sources.clock.now()) {
            because(Reason::Certificate, "the server's certificate has ended: nobody can connect".to_owned());
        }
        found
    }

    /// What should be looked at though customers are served: the ledgers, and the time of day.
    #[must_use]
    pub fn warnings(&self) -> Vec<String> {
        let Some(sources) = self.sources.get() else { return Vec::new() };
        let now = sources.clock.now();
        let ledgers = stalled(self.projection_stalled(), self.projection_lag());
        ledgers.into_iter().chain(of_clock(&self.clock(now), now)).collect()
    }

    /// Why atmd does not get on by itself any more, if so.
    #[must_use]
    pub fn not_alive(&self) -> Option<String> {
        let work = &self.sources.get()?.writer;
        stuck(work.at_one_step()?, work.rows())
    }
}

/// A batch that takes long, in words.
fn busy(age: Duration, rows: u64) -> String {
    let import = if rows > 0 { format!(", which imports {rows} rows") } else { String::new() };
    format!("the writer has been at one batch for {} s{import}", age.as_secs())
}

/// That the writer does not come back from a step of a batch with so many rows of imports, in words, if so.
fn stuck(step: Duration, rows: u64) -> Option<String> {
    let most =
        STEP_OF_ROW_MAX.saturating_mul(u32::try_from(rows).unwrap_or(u32::MAX)).saturating_add(STEP_MAX);
    let told = || format!("the writer has been at one step of a batch for {} s", step.as_secs());
    (step > most).then(told)
}

fn stalled(since: Duration, lag: u64) -> Option<String> {
    let told = || {
        let seconds = since.as_secs();
        format!("the CSV ledgers lack {lag} entries and have not got on for {seconds} s: the log says why")
    };
    (since > STALLED_MAX).then(told)
}

fn of_clock(clock: &ClockMetrics, now: Timestamp) -> Vec<String> {
    let ClockMetrics { last_step, behind_ms, .. } = clock;
    let mut told = Vec::new();
    let recent = |step: &ClockStep| (0..STEP_TOLD_MS).contains(&now.ms().saturating_sub(step.at.ms()));
    if let Some(ClockStep { at, by_ms }) = last_step.filter(recent) {
        let way = if by_ms < 0 { "back" } else { "forward" };
        let seconds = by_ms.unsigned_abs().saturating_add(500) / 1_000;
        told.push(format!("the time of day was set {way} by {seconds} s, to {at}"));
    }
    if Duration::from_millis(*behind_ms) > BEHIND_MAX {
        told.push(format!("the time of day is {} s behind that of the journal", behind_ms / 1_000));
    }
    told
}

/// How far a drain is.
fn draining(told: &Draining) -> String {
    let Draining { reason, since, deadline, sessions_left } = told;
    let left = match sessions_left {
        Some(0) => "drained: no session is left".to_owned(),
        Some(1) => "1 session is left".to_owned(),
        Some(left) => format!("{left} sessions are left"),
        None => "sessions are not counted yet".to_owned(),
    };
    let until = deadline.filter(|_| *sessions_left != Some(0));
    let until = until.map_or_else(String::new, |deadline| format!(", until {deadline} at the latest"));
    format!("nobody is let in since {since} ({reason}); {left}{until}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_drain_is_told_in_words() {
        let told = |deadline: Option<i64>, sessions_left| {
            let (since, deadline) = (Timestamp::from_ms(0), deadline.map(Timestamp::from_ms));
            draining(&Draining { reason: "disks".into(), since, deadline, sessions_left })
        };
        let since = "nobody is let in since 1970-01-01T00:00:00.000Z (disks)";
        assert_eq!(told(None, None), format!("{since}; sessions are not counted yet"));
        assert_eq!(told(None, Some(1)), format!("{since}; 1 session is left"));
        let until = "until 1970-01-01T00:00:01.000Z at the latest";
        assert_eq!(told(Some(1_000), Some(2)), format!("{since}; 2 sessions are left, {until}"));
        assert_eq!(told(Some(1_000), Some(0)), format!("{since}; drained: no session is left"));
    }

    #[test]
    fn a_long_import_is_no_writer_that_is_stuck() {
        let table = [
            (0, 60, false),
            (0, 61, true),
            (1_000, 62, false),
            (1_000, 63, true),
            (1_000_000, 2_060, false),
            (1_000_000, 2_061, true),
            (u64::MAX, 3_600, false),
        ];
        for (rows, seconds, expected) in table {
            let told = stuck(Duration::from_secs(seconds), rows);
            assert_eq!(told.is_some(), expected, "{rows} rows for {seconds} s: {told:?}");
        }
        assert_eq!(busy(Duration::from_secs(7), 0), "the writer has been at one batch for 7 s");
        let import = "the writer has been at one batch for 7 s, which imports 500 rows";
        assert_eq!(busy(Duration::from_secs(7), 500), import);
    }

    #[test]
    fn ledgers_that_stand_still_are_told_of_however_few_they_lack() {
        assert_eq!(stalled(Duration::from_secs(60), 1), None);
        let told = "the CSV ledgers lack 1 entries and have not got on for 61 s: the log says why";
        assert_eq!(stalled(Duration::from_secs(61), 1).as_deref(), Some(told));
    }

    #[test]
    fn a_clock_that_was_set_is_told_of_for_an_hour() {
        let at = Timestamp::from_ms(10 * STEP_TOLD_MS);
        let clock = |by_ms: i64, behind_ms| ClockMetrics {
            steps_total: 1,
            stepped_ms: by_ms,
            last_step: Some(ClockStep { at, by_ms }),
            behind_ms,
        };
        let back = "the time of day was set back by 3600 s, to 1970-01-01T10:00:00.000Z";
        let forward = "the time of day was set forward by 86400 s, to 1970-01-01T10:00:00.000Z";
        let behind = "the time of day is 3599 s behind that of the journal";
        let table: &[(i64, u64, i64, &[&str])] = &[
            (-3_599_999, 3_599_000, 0, &[back, behind]),
            (86_400_499, 0, 3_599_999, &[forward]),
            (86_399_500, 30_000, 3_600_000, &[]),
            (-3_600_000, 3_599_000, 3_600_000, &[behind]),
        ];
        for (by_ms, behind_ms, later, expected) in table {
            assert_eq!(of_clock(&clock(*by_ms, *behind_ms), at.plus_ms(*later)), *expected);
        }
        assert_eq!(of_clock(&ClockMetrics::default(), at), [""; 0]);
    }

    #[test]
    fn life_goes_on_from_phase_to_phase() {
        let life = Life::default();
        assert_eq!(life.phase(), Phase::Starting);
        for phase in [Phase::Migrating, Phase::Serving, Phase::Stopping] {
            life.enter(phase);
            assert_eq!(life.phase(), phase);
        }
    }
}
