//! How many refusals of an operator have a row of the audit log each: a bucket per operator. Those above it are counted,
//! and the count has a row, so that nobody fills the disk with what he may not do.

use crate::live::Rate;
use atm_rpc::operator::Role;
use std::collections::HashMap;
use std::time::Instant;

/// The buckets.
#[derive(Debug, Default)]
pub struct Refusals {
    /// By operator: as many as there are in the database at the most.
    tallies: HashMap<String, Tally>,
}

#[derive(Debug)]
struct Tally {
    full_at: Instant,
    without_row: Counted,
}

/// Refusals without a row of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counted {
    /// The role that the operator had.
    pub role: Role,
    /// How many.
    pub count: u64,
}

/// What becomes of a refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Noted {
    /// It has a row.
    Row,
    /// It is counted, the first one since the last row.
    First,
    /// It is counted.
    Counted,
}

/// Which counts are to be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Due {
    /// Those for which there is a row in the bucket.
    InTime,
    /// All: nobody counts any more.
    All,
}

impl Refusals {
    /// Takes a row out of an operator's bucket of that size, or counts the refusal.
    pub fn note(&mut self, operator: &str, role: Role, rate: Rate, now: Instant) -> Noted {
        let fresh = || Tally { full_at: now, without_row: Counted { role, count: 0 } };
        let tally = self.tallies.entry(operator.to_owned()).or_insert_with(fresh);
        if tally.take(rate, now) {
            return Noted::Row;
        }
        tally.without_row.role = role;
        tally.without_row.count = tally.without_row.count.saturating_add(1);
        if tally.without_row.count == 1 { Noted::First } else { Noted::Counted }
    }

    /// Gives the counts that are to be written, and forgets them and those who have a full bucket.
    pub fn due(&mut self, due: Due, rate: Rate, now: Instant) -> Vec<(String, Counted)> {
        let mut written = Vec::new();
        for (operator, tally) in &mut self.tallies {
            if tally.without_row.count > 0 && (due == Due::All || tally.take(rate, now)) {
                written.push((operator.clone(), tally.without_row));
                tally.without_row.count = 0;
            }
        }
        self.tallies.retain(|_, tally| tally.without_row.count > 0 || tally.full_at > now);
        written
    }

    /// A count could not be written: it goes on.
    pub fn take_back(&mut self, operator: String, counted: Counted, now: Instant) {
        let fresh = || Tally { full_at: now, without_row: Counted { count: 0, ..counted } };
        let tally = self.tallies.entry(operator).or_insert_with(fresh);
        tally.without_row.count = tally.without_row.count.saturating_add(counted.count);
    }
}

impl Tally {
    /// Takes a row out of the bucket, if it has one.
    fn take(&mut self, rate: Rate, now: Instant) -> bool {
        let missing = self.full_at.saturating_duration_since(now);
        if missing > rate.room() {
            return false;
        }
        self.full_at = now + missing + rate.refill();
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::monotonic;
    use std::time::Duration;

    const RATE: Rate = Rate { burst: 3, per_minute: 60 };

    #[test]
    fn a_flood_has_few_rows_and_is_counted() {
        let mut refusals = Refusals::default();
        let start = monotonic();
        let at = |ms| start + Duration::from_millis(ms);
        let mut note = |ms| refusals.note("asha", Role::Viewer, RATE, at(ms));
        let noted: Vec<Noted> = [0, 0, 0, 0, 0, 1_000, 1_000].map(&mut note).into();
        use Noted::{Counted as C, First, Row};
        assert_eq!(noted, [Row, Row, Row, First, C, Row, C]);
        assert_eq!(refusals.due(Due::InTime, RATE, at(1_500)), [], "there is no row in the bucket");
        let counted = |count| [("asha".to_owned(), Counted { role: Role::Viewer, count })];
        assert_eq!(refusals.due(Due::InTime, RATE, at(2_000)), counted(3));
        assert_eq!(refusals.due(Due::All, RATE, at(2_000)), []);
        assert_eq!(refusals.note("asha", Role::Viewer, RATE, at(2_000)), First);
        assert_eq!(refusals.note("ravi", Role::Admin, RATE, at(2_000)), Row, "each has a bucket");
        let all = refusals.due(Due::All, RATE, at(2_000));
        assert_eq!(all, counted(1));
        refusals.take_back("asha".to_owned(), all[0].1, at(2_000));
        assert_eq!(refusals.due(Due::All, RATE, at(2_000)), counted(1));
        assert_eq!(refusals.due(Due::InTime, RATE, at(60_000)), []);
        assert!(refusals.tallies.is_empty(), "nothing is kept of those with a full bucket");
    }
}
