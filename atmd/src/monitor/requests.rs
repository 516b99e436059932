//! Calls by method and outcome, and how long they took. What a call costs here: two readings of the clock and three
//! additions.

use super::timing::Timing;
use crate::clock;
use atm_rpc::error::{Rejection, ServiceError};
use atm_rpc::operator::metrics::{NamedCount, OutcomeCount, RequestMetrics, RequestOutcome, Side};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

const OUTCOMES: usize = RequestOutcome::ALL.len();

/// Calls of one service.
#[derive(Debug)]
pub struct Requests {
    side: Side,
    methods: Box<[Method]>,
}

#[derive(Debug)]
struct Method {
    name: &'static str,
    outcomes: [AtomicU64; OUTCOMES],
    latency: Timing,
}

impl Requests {
    /// Of a service with these methods; a call gives its method's place among them.
    pub(super) fn new(side: Side, names: impl Iterator<Item = &'static str>) -> Self {
        let method = |name| Method { name, outcomes: Default::default(), latency: Timing::default() };
        Self { side, methods: names.map(method).collect() }
    }

    /// A call of the method in that place arrived.
    pub fn begin(&self, method: usize) -> Call<'_> {
        Call { method: self.methods.get(method), begun: clock::monotonic() }
    }

    /// What was counted; with `Some`, of methods that were called alone.
    pub(super) fn read(&self) -> Vec<RequestMetrics> {
        let read = |method: &Method| RequestMetrics {
            side: self.side,
            method: method.name.to_owned(),
            outcomes: method.outcomes(),
            latency: method.latency.read(),
        };
        self.methods.iter().map(read).collect()
    }
}

impl Method {
    fn count(&self, outcome: RequestOutcome) {
        if let Some(counter) = self.outcomes.get(outcome.index()) {
            counter.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn outcomes(&self) -> Vec<OutcomeCount> {
        let counts = self.outcomes.iter().map(|counter| counter.load(Ordering::Relaxed));
        let all = RequestOutcome::ALL.iter().zip(counts);
        all.filter(|(_, count)| *count > 0)
            .map(|(outcome, count)| OutcomeCount { outcome: *outcome, count })
            .collect()
    }
}

/// A call under way. Dropped before it is answered, it was abandoned.
#[derive(Debug)]
#[must_use]
pub struct Call<'a> {
    method: Option<&'a Method>,
    begun: Instant,
}

impl Call<'_> {
    /// It was answered, with this error or none.
    pub fn answered(mut self, error: Option<&ServiceError>) {
        if let Some(method) = self.method.take() {
            method.count(error.map_or(RequestOutcome::Ok, outcome));
            method.latency.add(self.begun.elapsed());
        }
    }
}

impl Drop for Call<'_> {
    fn drop(&mut self) {
        if let Some(method) = self.method {
            method.count(RequestOutcome::Abandoned);
        }
    }
}

const fn outcome(error: &ServiceError) -> RequestOutcome {
    match error {
        ServiceError::Rejected(_) => RequestOutcome::Rejected,
        ServiceError::Unauthenticated(_) => RequestOutcome::Unauthenticated,
        ServiceError::Forbidden(_) | ServiceError::ReadOnly => RequestOutcome::Forbidden,
        ServiceError::NotFound | ServiceError::BadRequest(_) | ServiceError::Conflict(_) => {
            RequestOutcome::Invalid
        }
        ServiceError::Busy { .. } => RequestOutcome::Busy,
        ServiceError::Unavailable => RequestOutcome::Unavailable,
        ServiceError::Closed { .. } => RequestOutcome::Closed,
        ServiceError::OutcomeUnknown => RequestOutcome::OutcomeUnknown,
        ServiceError::Internal(_) => RequestOutcome::Internal,
    }
}

macro_rules! rejections {
    ($($variant:ident $name:literal,)+) => {
        /// Names of the rejections.
        const REJECTIONS: [&str; [$($name),+].len()] = [$($name),+];

        const fn place(rejection: &Rejection) -> usize {
            enum Place { $($variant),+ }
            match rejection { $(Rejection::$variant { .. } => Place::$variant as usize,)+ }
        }
    };
}

rejections! {
    KeyConflict "key_conflict",
    KeyClosed "key_closed",
    RegistrationClosed "registration_closed",
    Blacklisted "blacklisted",
    AccountClosed "account_closed",
    DebitBlocked "debit_blocked",
    CreditBlocked "credit_blocked",
    AlreadyRegistered "already_registered",
    WrongPin "wrong_pin",
    WeakPin "weak_pin",
    SamePin "same_pin",
    ZeroAmount "zero_amount",
    BelowMinimum "below_minimum",
    AboveMaximum "above_maximum",
    NotAMultiple "not_a_multiple",
    InsufficientFunds "insufficient_funds",
    VaultShort "vault_short",
    BalanceLimit "balance_limit",
}

/// Rejections, by the rule that said no.
#[derive(Debug, Default)]
pub(super) struct Rejections([AtomicU64; REJECTIONS.len()]);

impl Rejections {
    /// Counts the rejection, where it is one.
    pub(super) fn count(&self, error: Option<&ServiceError>) {
        if let Some(ServiceError::Rejected(rejection)) = error
            && let Some(counter) = self.0.get(place(rejection))
        {
            counter.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(super) fn read(&self) -> Vec<NamedCount> {
        let counts = self.0.iter().map(|counter| counter.load(Ordering::Relaxed));
        REJECTIONS
            .iter()
            .zip(counts)
            .map(|(name, count)| NamedCount { name: (*name).to_owned(), count })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_counts_once_by_what_it_came_to() {
        let requests = Requests::new(Side::Customer, ["balance", "exit"].into_iter());
        requests.begin(0).answered(None);
        requests.begin(0).answered(Some(&ServiceError::Busy { retry_after_ms: 1 }));
        drop(requests.begin(0));
        requests.begin(7).answered(None);
        let [balance, exit] = &requests.read()[..] else { panic!("two methods") };
        let counts: Vec<_> = balance.outcomes.iter().map(|count| (count.outcome, count.count)).collect();
        let expected = [(RequestOutcome::Ok, 1), (RequestOutcome::Busy, 1), (RequestOutcome::Abandoned, 1)];
        assert_eq!(counts, expected);
        assert_eq!((balance.latency.count, exit.outcomes.len()), (2, 0));
    }

    #[test]
    fn rejections_count_under_their_names() {
        let rejections = Rejections::default();
        rejections.count(None);
        rejections.count(Some(&ServiceError::Unavailable));
        rejections.count(Some(&ServiceError::Rejected(Rejection::WrongPin { attempts_left: 1 })));
        rejections.count(Some(&ServiceError::Rejected(Rejection::BalanceLimit)));
        let counted: Vec<_> = rejections.read().into_iter().filter(|one| one.count > 0).collect();
        let names: Vec<_> = counted.iter().map(|one| one.name.as_str()).collect();
        assert_eq!(names, ["wrong_pin", "balance_limit"]);
    }
}
