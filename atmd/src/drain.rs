//! Whether customers are let in, and how far it is that nobody is any more. Lasts as long as the process.
//!
//! Knows neither connections nor the database: who lets in asks it, and a task of the daemon tells it who is left.

use atm_rpc::operator::daemon::Draining;
use atm_rpc::types::time::Timestamp;
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// The doors, open until an operator has them shut.
#[derive(Debug)]
pub struct Drain(watch::Sender<Option<Shut>>);

/// How they are shut.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shut {
    /// What is told of it.
    pub told: Draining,
    /// When sessions that are still open end.
    pub deadline: Option<Instant>,
    /// The time that was given for it.
    length_ms: Option<u64>,
}

/// What an operator wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wish {
    /// Nobody is let in.
    Shut {
        /// Why.
        reason: String,
        /// How much time open sessions have.
        length_ms: Option<u64>,
    },
    /// Everybody is.
    Open,
}

impl Default for Drain {
    fn default() -> Self {
        Self(watch::Sender::new(None))
    }
}

impl Drain {
    /// How the doors are shut, where they are.
    #[must_use]
    pub fn now(&self) -> Option<Shut> {
        self.0.borrow().clone()
    }

    /// Whether nobody is let in.
    #[must_use]
    pub fn is_shut(&self) -> bool {
        self.0.borrow().is_some()
    }

    /// Tells of each change.
    #[must_use]
    pub fn watch(&self) -> watch::Receiver<Option<Shut>> {
        self.0.subscribe()
    }

    /// What a wish would come to, and whether that is different.
    #[must_use]
    pub fn try_out(&self, wish: &Wish, at: Timestamp, now: Instant) -> (Option<Shut>, bool) {
        let before = self.now();
        let Wish::Shut { reason, length_ms } = wish else { return (None, before.is_some()) };
        if let Some(same) = before.clone().filter(|b| b.told.reason == *reason && b.length_ms == *length_ms) {
            return (Some(same), false);
        }
        let (since, sessions_left) =
            before.map_or((at, None), |shut| (shut.told.since, shut.told.sessions_left));
        let told = Draining {
            reason: reason.clone(),
            since,
            deadline: length_ms.map(|ms| at.plus_ms(i64::try_from(ms).unwrap_or(i64::MAX))),
            sessions_left,
        };
        let deadline = length_ms.map(|ms| now + Duration::from_millis(ms));
        (Some(Shut { told, deadline, length_ms: *length_ms }), true)
    }

    /// Has it so from now on.
    pub fn set(&self, shut: Option<Shut>) {
        self.0.send_replace(shut);
    }

    /// So many sessions can still act. Says whether these are none for the first time.
    pub fn left(&self, sessions: u64) -> bool {
        let mut drained = false;
        self.0.send_if_modified(|shut| {
            if let Some(shut) = shut {
                drained = sessions == 0 && shut.told.sessions_left != Some(0);
                shut.told.sessions_left = Some(sessions);
            }
            // Nobody waits for that.
            false
        });
        drained
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::monotonic;

    #[test]
    fn the_same_wish_once_more_changes_nothing() {
        let (drain, start) = (Drain::default(), monotonic());
        let shut = |reason: &str, length_ms| Wish::Shut { reason: reason.into(), length_ms };
        let wish = |wish: &Wish, at| {
            let (shut, changed) = drain.try_out(wish, Timestamp::from_ms(at), start);
            drain.set(shut.clone());
            (shut.map(|shut| (shut.told.since.ms(), shut.told.deadline.map(Timestamp::ms))), changed)
        };
        assert_eq!(wish(&Wish::Open, 0), (None, false));
        assert_eq!(wish(&shut("disks", None), 1), (Some((1, None)), true));
        assert_eq!(wish(&shut("disks", None), 2), (Some((1, None)), false));
        assert_eq!(wish(&shut("disks", Some(10)), 3), (Some((1, Some(13))), true));
        assert_eq!(wish(&shut("disks", Some(10)), 4), (Some((1, Some(13))), false));
        assert_eq!(wish(&shut("fire", Some(10)), 5), (Some((1, Some(15))), true));
        assert_eq!(wish(&Wish::Open, 6), (None, true));
        assert_eq!(wish(&shut("fire", None), 7), (Some((7, None)), true));
    }

    #[test]
    fn the_last_session_is_told_of_once() {
        let drain = Drain::default();
        assert!(!drain.left(0), "the doors are open");
        let wish = Wish::Shut { reason: "disks".into(), length_ms: None };
        drain.set(drain.try_out(&wish, Timestamp::from_ms(0), monotonic()).0);
        assert_eq!([2, 0, 0, 1, 0].map(|left| drain.left(left)), [false, true, false, false, true]);
    }
}
