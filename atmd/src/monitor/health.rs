//! Whether atmd serves as it should, and why not: one place for `/livez`, `/readyz`, `status`, and the metrics.

use super::Monitor;
use atm_rpc::operator::daemon::Draining;
use std::fmt;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

/// A batch that takes longer keeps customers waiting.
const BATCH_AGE_MAX: Duration = Duration::from_secs(5);
/// Above all that one step of a batch may take: then the writer does not come back by itself.
const STEP_MAX: Duration = Duration::from_secs(60);

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
}

impl Reason {
    /// Every reason there is.
    pub const ALL: [Self; 8] = [
        Self::Starting,
        Self::Migrating,
        Self::Stopping,
        Self::Draining,
        Self::Database,
        Self::Writer,
        Self::Disk,
        Self::Projection,
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
            let words = format!("the writer has been at one batch for {} s", age.as_secs());
            because(Reason::Writer, words);
        }
        let lag = self.projection_lag();
        if lag > self.terms.now().projection_lag_max {
            because(Reason::Projection, format!("the CSV ledgers lack {lag} entries"));
        }
        found
    }

    /// Why atmd does not get on by itself any more, if so.
    #[must_use]
    pub fn not_alive(&self) -> Option<String> {
        let stuck = self.sources.get()?.writer.at_one_step().filter(|stuck| *stuck > STEP_MAX)?;
        Some(format!("the writer has been at one step of a batch for {} s", stuck.as_secs()))
    }
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
    use atm_rpc::types::time::Timestamp;

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
    fn life_goes_on_from_phase_to_phase() {
        let life = Life::default();
        assert_eq!(life.phase(), Phase::Starting);
        for phase in [Phase::Migrating, Phase::Serving, Phase::Stopping] {
            life.enter(phase);
            assert_eq!(life.phase(), phase);
        }
    }
}
