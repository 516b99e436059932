//! Numbers without an account: their failed log-ins count as a customer's do, in a bounded table in
//! memory, so that an answer does not tell who is a customer, and guesses leave nothing in the database.

use crate::ledger::guesses::{Guesses, Verdict};
use atm_rpc::error::{Rejection, ServiceError};
use atm_rpc::types::mobile::MobileNumber;
use atm_rpc::types::time::Timestamp;
use std::collections::{BTreeMap, HashMap};

/// When to come back while as many attempts as are allowed wait for their verdict.
const ATTEMPTS_RETRY_MS: u32 = 1_000;

/// The table.
#[derive(Debug)]
pub struct Strangers {
    numbers: HashMap<MobileNumber, Stranger>,
    /// By when they were last seen, for making room.
    order: BTreeMap<u64, MobileNumber>,
    seen: u64,
    count_max: usize,
}

#[derive(Clone, Copy, Debug)]
struct Stranger {
    guesses: Guesses,
    barred_until: Option<Option<Timestamp>>,
    seen: u64,
}

impl Strangers {
    /// A table of so many numbers at the most; the one not seen for the longest time makes room.
    #[must_use]
    pub fn new(count_max: usize) -> Self {
        Self { numbers: HashMap::new(), order: BTreeMap::new(), seen: 0, count_max: count_max.max(1) }
    }

    /// Lets an attempt through, or says why not.
    ///
    /// # Errors
    /// `Blacklisted`, or `Busy` while as many attempts as are allowed wait for their verdict.
    pub fn begin(
        &mut self,
        number: MobileNumber,
        attempts_max: u32,
        now: Timestamp,
    ) -> Result<(), ServiceError> {
        let stranger = self.entry(number);
        match stranger.barred_until {
            Some(Some(until)) if until <= now => {
                stranger.barred_until = None;
                stranger.guesses.clear();
            }
            Some(until) => return Err(ServiceError::Rejected(Rejection::Blacklisted { until })),
            None => {}
        }
        if stranger.guesses.raise(attempts_max, now) {
            Ok(())
        } else {
            Err(ServiceError::Busy { retry_after_ms: ATTEMPTS_RETRY_MS })
        }
    }

    /// Counts a wrong PIN. Gives the 'no'.
    pub fn fail(
        &mut self,
        number: MobileNumber,
        attempts_max: u32,
        lockout_ms: Option<i64>,
        now: Timestamp,
    ) -> ServiceError {
        let stranger = self.entry(number);
        ServiceError::Rejected(match stranger.guesses.wrong(attempts_max) {
            Verdict::Left(attempts_left) => Rejection::WrongPin { attempts_left },
            Verdict::Exhausted => {
                let fresh = lockout_ms.map(|ms| now.plus_ms(ms));
                Rejection::Blacklisted { until: *stranger.barred_until.get_or_insert(fresh) }
            }
        })
    }

    /// Forgets a number: it registered, or an operator took it off the blacklist.
    pub fn forget(&mut self, number: MobileNumber) {
        if let Some(stranger) = self.numbers.remove(&number) {
            self.order.remove(&stranger.seen);
        }
    }

    fn entry(&mut self, number: MobileNumber) -> &mut Stranger {
        self.seen += 1;
        let seen = self.seen;
        if let Some(known) = self.numbers.get(&number) {
            self.order.remove(&known.seen);
        } else if self.numbers.len() >= self.count_max
            && let Some((_, oldest)) = self.order.pop_first()
        {
            self.numbers.remove(&oldest);
        }
        self.order.insert(seen, number);
        let fresh = Stranger { guesses: Guesses::default(), barred_until: None, seen };
        let stranger = self.numbers.entry(number).or_insert(fresh);
        stranger.seen = seen;
        stranger
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(n: u32) -> MobileNumber {
        MobileNumber::parse(&format!("{n:010}")).unwrap()
    }

    fn at(ms: i64) -> Timestamp {
        Timestamp::from_ms(ms)
    }

    #[test]
    fn a_stranger_is_answered_as_a_customer_is() {
        let mut table = Strangers::new(10);
        for left in (1..5).rev() {
            assert_eq!(table.begin(number(1), 5, at(0)), Ok(()));
            let expected = ServiceError::Rejected(Rejection::WrongPin { attempts_left: left });
            assert_eq!(table.fail(number(1), 5, Some(1_000), at(0)), expected);
        }
        assert_eq!(table.begin(number(1), 5, at(0)), Ok(()));
        let barred = ServiceError::Rejected(Rejection::Blacklisted { until: Some(at(1_000)) });
        assert_eq!(table.fail(number(1), 5, Some(1_000), at(0)), barred);
        assert_eq!(table.begin(number(1), 5, at(999)), Err(barred));
        assert_eq!(table.begin(number(1), 5, at(1_000)), Ok(()), "its time is over");
    }

    #[test]
    fn the_table_is_bounded_and_forgets_the_oldest() {
        let mut table = Strangers::new(3);
        for n in 0..100 {
            assert_eq!(table.begin(number(n), 1, at(0)), Ok(()));
        }
        assert_eq!((table.numbers.len(), table.order.len()), (3, 3));
        let busy = Err(ServiceError::Busy { retry_after_ms: ATTEMPTS_RETRY_MS });
        assert_eq!(table.begin(number(99), 1, at(0)), busy);
        assert_eq!(table.begin(number(0), 1, at(0)), Ok(()), "long forgotten");
        table.forget(number(99));
        assert_eq!(table.begin(number(99), 1, at(0)), Ok(()));
    }
}
