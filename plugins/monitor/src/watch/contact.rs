//! Whether atmd answers, since when it does not, and what to say when it is back.

use crate::text;
use atm_rpc::types::time::Timestamp;
use std::time::{Duration, Instant};

/// How long an answer may be on its way before somebody is told.
const PATIENCE: Duration = Duration::from_secs(3);
/// How long news of a return stays.
const NEWS: Duration = Duration::from_secs(30);

/// What is known of the other end.
#[derive(Debug)]
pub(crate) struct Contact {
    /// The last answer, or the begin.
    heard: Instant,
    /// Calls that failed since.
    failures: u32,
    started_at: Option<Timestamp>,
    news: Option<(Instant, String)>,
}

impl Contact {
    pub(crate) const fn new(now: Instant) -> Self {
        Self { heard: now, failures: 0, started_at: None, news: None }
    }

    /// atmd answered. `local`: an instant as people here read it.
    pub(crate) fn answered(
        &mut self,
        now: Instant,
        started_at: Timestamp,
        local: impl Fn(Timestamp) -> String,
    ) {
        let restarted = self.started_at.is_some_and(|before| before != started_at);
        if restarted {
            self.news = Some((now, format!("back, restarted at {}", local(started_at))));
        } else if let Some(away) = self.away(now) {
            self.news = Some((now, format!("back after {}; it was not restarted", length(away))));
        }
        self.started_at = Some(started_at);
        (self.heard, self.failures) = (now, 0);
    }

    /// A call failed for want of atmd.
    pub(crate) const fn failed(&mut self) {
        self.failures = self.failures.saturating_add(1);
    }

    /// Whether the call is to be repeated at once: a connection may end though atmd is there.
    pub(crate) const fn is_first_failure(&self) -> bool {
        self.failures == 1
    }

    /// How long it is away by now, if it is.
    pub(crate) fn away(&self, now: Instant) -> Option<Duration> {
        let silence = now.saturating_duration_since(self.heard);
        (self.failures > 1 || silence > PATIENCE).then_some(silence)
    }

    /// What to say about it, and whether that is bad.
    pub(crate) fn told(&self, now: Instant) -> Option<(String, bool)> {
        if let Some(away) = self.away(now) {
            return Some((format!("atmd is away since {}; trying again", length(away)), true));
        }
        let news = self.news.as_ref().filter(|(since, _)| now.saturating_duration_since(*since) < NEWS);
        news.map(|(_, news)| (news.clone(), false))
    }
}

fn length(length: Duration) -> String {
    text::length(u64::try_from(length.as_millis()).unwrap_or(u64::MAX))
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "tests count from some instant")]
mod tests {
    use super::*;

    #[test]
    fn a_restart_is_told_for_a_while() {
        let begin = Instant::now();
        let after = |seconds| begin + Duration::from_secs(seconds);
        let (first, second_start) = (Timestamp::from_ms(1_000), Timestamp::from_ms(90_000));
        let local = |at: Timestamp| at.to_string();
        let mut contact = Contact::new(begin);
        assert_eq!(contact.told(begin), None);
        contact.answered(after(1), first, local);
        contact.answered(after(2), first, local);
        assert_eq!(contact.told(after(2)), None);
        contact.failed();
        assert_eq!(contact.told(after(3)), None, "one failure may be the connection's");
        assert!(contact.is_first_failure());
        contact.failed();
        assert_eq!(contact.told(after(14)), Some(("atmd is away since 12 s; trying again".into(), true)));
        contact.answered(after(15), second_start, local);
        let back = "back, restarted at 1970-01-01T00:01:30.000Z".to_owned();
        assert_eq!(contact.told(after(16)), Some((back, false)));
        for second in 17..46 {
            contact.answered(after(second), second_start, local);
        }
        assert_eq!(contact.told(after(46)), None);
    }

    #[test]
    fn silence_is_told_though_nothing_failed() {
        let begin = Instant::now();
        let after = |seconds| begin + Duration::from_secs(seconds);
        let mut contact = Contact::new(begin);
        contact.answered(after(0), Timestamp::from_ms(1), |_| String::new());
        assert_eq!(contact.told(after(5)), Some(("atmd is away since 5 s; trying again".into(), true)));
        contact.answered(after(6), Timestamp::from_ms(1), |_| String::new());
        assert_eq!(contact.told(after(7)), Some(("back after 6 s; it was not restarted".into(), false)));
        for second in 7..50 {
            contact.answered(after(second), Timestamp::from_ms(1), |_| String::new());
        }
        assert_eq!(contact.told(after(50)), None);
    }
}
