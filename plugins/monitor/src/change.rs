//! What happened between two measurements of one atmd.

use crate::figures::{percent, ratio};
use atm_rpc::operator::metrics::{Histogram, Metrics, RequestMetrics, Side};
use std::cmp::{Ordering, Reverse};

/// Two measurements, the later of which is of the same atmd; where atmd was started between them, the first is as good
/// as none.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Change<'m> {
    before: Option<&'m Metrics>,
    now: &'m Metrics,
}

/// What one method was called for.
#[derive(Debug)]
pub(crate) struct Method {
    /// Its name; those of operators with `operator` in front.
    pub(crate) name: String,
    /// Calls since the start.
    pub(crate) total: u64,
    /// Calls a second.
    pub(crate) per_second: f64,
    /// Of these calls those that the service failed.
    pub(crate) failed_percent: Option<f64>,
    /// How long they took.
    pub(crate) took: Histogram,
}

impl<'m> Change<'m> {
    pub(crate) fn between(before: &'m Metrics, now: &'m Metrics) -> Self {
        Self { before: Some(before).filter(|before| before.started_at == now.started_at), now }
    }

    /// How long it was.
    pub(crate) fn length_ms(&self) -> u64 {
        let since_start = self.now.uptime_ms;
        self.before.map_or(since_start, |before| since_start.saturating_sub(before.uptime_ms))
    }

    /// By how much a counter grew.
    pub(crate) fn grown(&self, of: impl Fn(&Metrics) -> u64) -> u64 {
        of(self.now).saturating_sub(self.before.map_or(0, of))
    }

    /// By how much a counter grew in a second; `None` where no time went by.
    pub(crate) fn per_second(&self, of: impl Fn(&Metrics) -> u64) -> Option<f64> {
        ratio(self.grown(of), self.length_ms()).map(|per_ms| per_ms * 1e3)
    }

    /// How long things took that happened meanwhile.
    pub(crate) fn took(&self, of: impl Fn(&Metrics) -> Histogram) -> Histogram {
        let now = of(self.now);
        self.before.map_or_else(|| now.clone(), |before| now.since(&of(before)))
    }

    /// Every method that was ever called, the busiest first.
    pub(crate) fn methods(&self) -> Vec<Method> {
        let methods = self.now.requests.iter().map(|request| self.method(request));
        let mut methods: Vec<Method> = methods.filter(|method| method.total > 0).collect();
        methods.sort_by(|one, other| {
            let busier = other.per_second.partial_cmp(&one.per_second).unwrap_or(Ordering::Equal);
            busier.then(other.total.cmp(&one.total)).then_with(|| one.name.cmp(&other.name))
        });
        methods
    }

    fn method(&self, request: &RequestMetrics) -> Method {
        let same =
            |earlier: &&RequestMetrics| (earlier.side, &earlier.method) == (request.side, &request.method);
        let earlier = self.before.and_then(|before| before.requests.iter().find(same));
        let calls = |request: &RequestMetrics| request.outcomes.iter().map(|count| count.count).sum::<u64>();
        let failed = |request: &RequestMetrics| {
            let failures = request.outcomes.iter().filter(|count| count.outcome.is_failure());
            failures.map(|count| count.count).sum::<u64>()
        };
        let grown = |of: fn(&RequestMetrics) -> u64| of(request).saturating_sub(earlier.map_or(0, of));
        let called = grown(calls);
        Method {
            name: match request.side {
                Side::Customer => request.method.clone(),
                Side::Operator => format!("operator {}", request.method),
            },
            total: calls(request),
            per_second: ratio(called, self.length_ms()).unwrap_or_default() * 1e3,
            failed_percent: percent(grown(failed), called),
            took: earlier
                .map_or_else(|| request.latency.clone(), |earlier| request.latency.since(&earlier.latency)),
        }
    }

    /// Rejections by their names: how many since the start, and how many a second. The most first.
    pub(crate) fn rejections(&self) -> Vec<(&'m str, u64, f64)> {
        let of = |metrics: &Metrics, name: &str| {
            metrics.rejections.iter().find(|rejection| rejection.name == name).map_or(0, |found| found.count)
        };
        let there = self.now.rejections.iter().filter(|rejection| rejection.count > 0);
        let told = there.map(|rejection| {
            let per_second = self.per_second(|metrics| of(metrics, &rejection.name)).unwrap_or_default();
            (rejection.name.as_str(), rejection.count, per_second)
        });
        let mut told: Vec<_> = told.collect();
        told.sort_by_key(|(name, count, _)| (Reverse(*count), *name));
        told
    }
}

/// Calls of customers by what they came to.
pub(crate) fn customers_calls(metrics: &Metrics) -> u64 {
    of_customers(metrics).flat_map(|request| &request.outcomes).map(|count| count.count).sum()
}

/// Of them those that the service failed.
pub(crate) fn customers_failures(metrics: &Metrics) -> u64 {
    let outcomes = of_customers(metrics).flat_map(|request| &request.outcomes);
    outcomes.filter(|count| count.outcome.is_failure()).map(|count| count.count).sum()
}

/// How long customers' calls took, all methods together.
pub(crate) fn customers_latency(metrics: &Metrics) -> Histogram {
    of_customers(metrics).fold(Histogram::default(), |sum, request| sum.plus(&request.latency))
}

fn of_customers(metrics: &Metrics) -> impl Iterator<Item = &RequestMetrics> {
    metrics.requests.iter().filter(|request| request.side == Side::Customer)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::metrics;
    use atm_rpc::operator::metrics::{OutcomeCount, RequestOutcome};

    #[test]
    fn what_happened_is_the_difference() {
        let (before, mut now) = (metrics(10_000, 100), metrics(12_000, 300));
        now.requests.push(RequestMetrics {
            side: Side::Operator,
            method: "status".to_owned(),
            outcomes: vec![OutcomeCount { outcome: RequestOutcome::Ok, count: 1 }],
            latency: Histogram::default(),
        });
        now.requests.push(RequestMetrics {
            method: "never".to_owned(),
            outcomes: Vec::new(),
            ..now.requests[1].clone()
        });
        let change = Change::between(&before, &now);
        assert_eq!((change.length_ms(), change.grown(customers_calls)), (2_000, 220));
        let methods = change.methods();
        assert_eq!((methods[0].name.as_str(), methods[0].total), ("deposit", 330));
        assert!((methods[0].per_second - 110.0).abs() < 1e-9 && methods[0].failed_percent == Some(0.0));
        assert_eq!(methods[0].took.count, 200);
        assert_eq!((methods[1].name.as_str(), methods[1].failed_percent), ("operator status", Some(0.0)));
        assert_eq!(methods.len(), 2, "what was never called is no news");
        assert_eq!(change.rejections()[0].0, "insufficient_funds");
    }

    #[test]
    fn after_a_restart_everything_is_new() {
        let (before, mut now) = (metrics(10_000, 100), metrics(2_000, 40));
        now.started_at = now.started_at.plus_ms(11_000);
        let change = Change::between(&before, &now);
        assert_eq!((change.length_ms(), change.grown(customers_calls)), (2_000, 44));
        assert_eq!(change.took(customers_latency).count, 40);
    }

    #[test]
    fn no_time_is_no_rate() {
        let metrics = metrics(10_000, 100);
        let change = Change::between(&metrics, &metrics);
        assert_eq!((change.length_ms(), change.per_second(customers_calls)), (0, None));
        assert_eq!(change.methods()[0].per_second, 0.0);
    }
}
