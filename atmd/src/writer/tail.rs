//! The newest entries of the journal, for the one who follows it: what was just written need not be read.

use crate::ledger::entry::Entry;
use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

/// Entries that wait at the most. Who is farther behind reads the journal.
const WAITING_MAX: usize = 16_384;

/// Entries without a gap, oldest first.
#[derive(Debug, Default)]
pub(super) struct Tail {
    waiting: Mutex<VecDeque<Entry>>,
}

impl Tail {
    /// Adds what was committed, in order. Where entries of others are between, what is before them is forgotten.
    pub(super) fn add(&self, entries: Vec<Entry>) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        for entry in entries {
            if waiting.back().is_some_and(|last| last.seq.0 + 1 != entry.seq.0) {
                waiting.clear();
            }
            waiting.push_back(entry);
        }
        let surplus = waiting.len().saturating_sub(WAITING_MAX);
        waiting.drain(..surplus);
    }

    /// Takes up to so many entries from `first` on, and forgets older ones. None: they are not here, or there are
    /// none yet.
    pub(super) fn take(&self, first: i64, max: usize) -> Vec<Entry> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let older = waiting.iter().take_while(|entry| entry.seq.0 < first).count();
        waiting.drain(..older);
        if waiting.front().is_none_or(|entry| entry.seq.0 != first) {
            return Vec::new();
        }
        let count = waiting.len().min(max);
        waiting.drain(..count).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use atm_rpc::types::action::Action;
    use atm_rpc::types::key::Seq;
    use atm_rpc::types::money::Money;
    use atm_rpc::types::time::{BusinessDate, Timestamp};

    fn entries(seqs: std::ops::RangeInclusive<i64>) -> Vec<Entry> {
        let entry = |seq| Entry {
            seq: Seq(seq),
            recorded_at: Timestamp::from_ms(0),
            business_date: BusinessDate::from_days(0),
            action: Action::Login,
            customer: None,
            transfer: None,
            customer_balance: None,
            vault_balance: Money::ZERO,
            session: None,
            terminal: None,
            request: None,
            reverses: None,
            previous: None,
        };
        seqs.map(entry).collect()
    }

    fn taken(tail: &Tail, first: i64, max: usize) -> Vec<i64> {
        tail.take(first, max).iter().map(|entry| entry.seq.0).collect()
    }

    #[test]
    fn who_follows_gets_each_entry_once_and_never_one_behind_a_gap() {
        let tail = Tail::default();
        tail.add(entries(1..=3));
        tail.add(entries(4..=5));
        assert_eq!(taken(&tail, 2, 2), [2, 3]);
        assert_eq!(taken(&tail, 3, 2), [0; 0], "it was taken");
        assert_eq!(taken(&tail, 4, 9), [4, 5]);
        assert_eq!(taken(&tail, 6, 9), [0; 0], "there is none yet");
        tail.add(entries(6..=6));
        tail.add(entries(9..=10));
        assert_eq!(taken(&tail, 6, 9), [0; 0], "7 is another's");
        assert_eq!(taken(&tail, 9, 9), [9, 10]);
    }

    #[test]
    fn a_gap_within_what_is_added_is_one_too() {
        let tail = Tail::default();
        // Requests that were tried one by one: of 13 nobody could tell whether it was stored.
        tail.add([entries(11..=12), entries(14..=15)].concat());
        assert_eq!(taken(&tail, 11, 9), [0; 0], "13 may be in the journal");
        assert_eq!(taken(&tail, 14, 9), [14, 15]);
    }

    #[test]
    fn what_waits_is_bounded() {
        let tail = Tail::default();
        let max = i64::try_from(WAITING_MAX).unwrap();
        tail.add(entries(1..=max));
        tail.add(entries(max + 1..=max + 2));
        assert_eq!(taken(&tail, 1, 9), [0; 0]);
        assert_eq!(taken(&tail, 3, usize::MAX).len(), WAITING_MAX);
    }
}
