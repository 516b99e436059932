//! What charts are made of: values over stretches of time, from what atmd measured before and from what was seen since.

use crate::change::{Change, customers_calls, customers_failures, customers_latency};
use crate::figures::ratio;
use atm_rpc::operator::metrics::{Histogram, Metrics, Sample, Side};
use std::collections::VecDeque;

/// Points that are kept: a day's history, and the hours that somebody looks. Above it the oldest get coarser.
const POINTS_MAX: usize = 20_000;

/// What is charted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Line {
    /// Customers' calls in a second.
    Requests,
    /// Seconds that 99 of 100 of them stayed below.
    Latency,
    /// Seconds that 99 of 100 commits stayed below.
    Commit,
    /// Requests in a batch.
    Batch,
    /// Customers' connections.
    Connections,
    /// Share of a core in per cent.
    Cpu,
    /// Bytes of resident memory.
    Memory,
    /// Requests that wait for the writer.
    Queue,
    /// Customers' calls in a second that the service failed.
    Failures,
}

impl Line {
    const COUNT: usize = 9;

    /// Whether of several values the largest tells more than their mean.
    const fn is_worst(self) -> bool {
        matches!(self, Self::Latency | Self::Commit | Self::Queue)
    }
}

/// How it was for a while.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Point {
    from_ms: i64,
    to_ms: i64,
    values: [Option<f64>; Line::COUNT],
}

impl Point {
    /// As atmd measured it by itself.
    pub(crate) fn of_sample(sample: &Sample) -> Self {
        let mut values = [None; Line::COUNT];
        let per_second = |count: u64| ratio(count, sample.length_ms).map(|per_ms| per_ms * 1e3);
        let seconds = |us: Option<u64>| us.map(|us| us as f64 / 1e6);
        let mut set = |line: Line, value| values[line as usize] = value;
        set(Line::Requests, per_second(sample.requests));
        set(Line::Failures, per_second(sample.failed));
        set(Line::Latency, seconds(sample.request_p99_us));
        set(Line::Commit, seconds(sample.commit_p99_us));
        set(Line::Batch, ratio(sample.batch_requests, sample.batches));
        set(Line::Connections, Some(f64::from(sample.connections)));
        set(Line::Cpu, Some(f64::from(sample.cpu_percent)));
        set(Line::Memory, Some(sample.memory_bytes as f64));
        set(Line::Queue, Some(f64::from(sample.queue_money) + f64::from(sample.queue_others)));
        let to_ms = sample.at.ms();
        let length = i64::try_from(sample.length_ms).unwrap_or(i64::MAX);
        Self { from_ms: to_ms.saturating_sub(length), to_ms, values }
    }

    /// Between two looks at one atmd; `None` where no time went by.
    pub(crate) fn between(before: &Metrics, now: &Metrics) -> Option<Self> {
        let change = Change::between(before, now);
        let length = i64::try_from(change.length_ms()).ok().filter(|length| *length > 0)?;
        let p99 = |of: fn(&Metrics) -> Histogram| change.took(of).quantile_us(990).map(|us| us as f64 / 1e6);
        let mut values = [None; Line::COUNT];
        let mut set = |line: Line, value| values[line as usize] = value;
        set(Line::Requests, change.per_second(customers_calls));
        set(Line::Failures, change.per_second(customers_failures));
        set(Line::Latency, p99(customers_latency));
        set(Line::Commit, p99(|metrics| metrics.writer.commit.clone()));
        let batches = change.grown(|metrics| metrics.writer.batches_total);
        set(Line::Batch, ratio(change.grown(|metrics| metrics.writer.batch_requests_total), batches));
        set(Line::Connections, connections(now));
        set(Line::Cpu, change.per_second(|metrics| metrics.process.cpu_ms_total).map(|ms| ms / 10.0));
        set(Line::Memory, Some(now.process.memory_bytes as f64));
        set(Line::Queue, Some((now.writer.queue_money.saturating_add(now.writer.queue_others)) as f64));
        let to_ms = now.at.ms();
        Some(Self { from_ms: to_ms.saturating_sub(length), to_ms, values })
    }

    fn value(&self, line: Line) -> Option<f64> {
        self.values[line as usize]
    }

    const fn length(&self) -> i64 {
        self.to_ms.saturating_sub(self.from_ms)
    }

    /// How much of its time is within another.
    fn overlap(&self, from_ms: i64, to_ms: i64) -> i64 {
        self.to_ms.min(to_ms).saturating_sub(self.from_ms.max(from_ms)).max(0)
    }
}

fn connections(metrics: &Metrics) -> Option<f64> {
    let customers = metrics.connections.iter().find(|connections| connections.side == Side::Customer);
    customers.map(|connections| connections.active as f64)
}

/// All that is known, oldest first.
#[derive(Debug, Default)]
pub(crate) struct Points {
    points: VecDeque<Point>,
}

impl Points {
    /// Adds what came last.
    fn push(&mut self, point: Point) {
        self.points.push_back(point);
        if self.points.len() > POINTS_MAX {
            self.coarsen();
        }
    }

    /// Adds all of them.
    pub(crate) fn extend(&mut self, points: impl IntoIterator<Item = Point>) {
        points.into_iter().for_each(|point| self.push(point));
    }

    /// Puts what atmd measured before in front of what was seen since.
    pub(crate) fn precede(&mut self, samples: &[Sample]) {
        if let Some((first, last)) = self.points.front_mut().zip(samples.last()) {
            // The first look tells of more than what came after the last sample.
            let known = last.at.ms();
            if known < first.to_ms {
                first.from_ms = first.from_ms.max(known);
            }
        }
        let first = self.points.front().map_or(i64::MAX, |point| point.from_ms);
        for sample in samples.iter().rev().filter(|sample| sample.at.ms() <= first) {
            self.points.push_front(Point::of_sample(sample));
        }
        while self.points.len() > POINTS_MAX {
            self.coarsen();
        }
    }

    /// What is known of the newest.
    pub(crate) fn newest(&self, line: Line) -> Option<f64> {
        self.points.back().and_then(|point| point.value(line))
    }

    /// One value for each step of time, the one that `now_ms` is in the last. `None` where nothing is known.
    pub(crate) fn columns(&self, line: Line, count: usize, step_ms: i64, now_ms: i64) -> Vec<Option<f64>> {
        let mut columns = vec![Column::default(); count];
        let newest = now_ms.div_euclid(step_ms);
        let first = newest.saturating_add(1).saturating_sub(i64::try_from(count).unwrap_or(i64::MAX));
        let begin = first.saturating_mul(step_ms);
        for point in self.points.iter().rev().take_while(|point| point.to_ms > begin) {
            let Some(value) = point.value(line) else { continue };
            let (from, to) = (point.from_ms.max(begin), point.to_ms.min(now_ms));
            let mut step = from.div_euclid(step_ms);
            while step.saturating_mul(step_ms) < to {
                let start = step.saturating_mul(step_ms);
                let column = usize::try_from(step.saturating_sub(first)).ok();
                if let Some(column) = column.and_then(|index| columns.get_mut(index)) {
                    column.add(value, point.overlap(start, start.saturating_add(step_ms)));
                }
                step = step.saturating_add(1);
            }
        }
        columns.iter().map(|column| column.value(line)).collect()
    }

    /// Makes one of each two points of the older half.
    fn coarsen(&mut self) {
        let older: Vec<Point> = self.points.drain(..POINTS_MAX / 2).collect();
        for pair in older.chunks(2).rev() {
            let [one, .., next] = pair else {
                pair.iter().for_each(|point| self.points.push_front(*point));
                continue;
            };
            let both = Self { points: pair.iter().copied().collect() };
            let mut values = [None; Line::COUNT];
            for line in LINES {
                let mut column = Column::default();
                for point in &both.points {
                    if let Some(value) = point.value(line) {
                        column.add(value, point.length());
                    }
                }
                values[line as usize] = column.value(line);
            }
            self.points.push_front(Point { from_ms: one.from_ms, to_ms: next.to_ms, values });
        }
    }
}

const LINES: [Line; Line::COUNT] = [
    Line::Requests,
    Line::Latency,
    Line::Commit,
    Line::Batch,
    Line::Connections,
    Line::Cpu,
    Line::Memory,
    Line::Queue,
    Line::Failures,
];

/// What is known of a step.
#[derive(Clone, Copy, Debug, Default)]
struct Column {
    weighted: f64,
    weight: f64,
    most: f64,
}

impl Column {
    fn add(&mut self, value: f64, length: i64) {
        let length = length as f64;
        if length > 0.0 {
            self.weighted += value * length;
            self.weight += length;
            self.most = self.most.max(value);
        }
    }

    fn value(&self, line: Line) -> Option<f64> {
        (self.weight > 0.0).then(|| if line.is_worst() { self.most } else { self.weighted / self.weight })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{metrics, sample};

    fn point(from_ms: i64, to_ms: i64, value: f64) -> Point {
        Point { from_ms, to_ms, values: [Some(value); Line::COUNT] }
    }

    #[test]
    fn a_column_has_the_mean_of_its_time_or_the_worst() {
        let mut points = Points::default();
        points.push(point(0, 10_000, 8.0));
        points.push(point(10_000, 11_000, 1.0));
        points.push(point(11_000, 12_000, 3.0));
        // Away.
        points.push(point(16_000, 17_000, 5.0));
        let columns = |line| points.columns(line, 5, 2_000, 16_500);
        assert_eq!(columns(Line::Requests), [Some(8.0), Some(2.0), None, None, Some(5.0)]);
        assert_eq!(columns(Line::Latency), [Some(8.0), Some(3.0), None, None, Some(5.0)]);
        assert_eq!(points.columns(Line::Cpu, 2, 2_000, 40_000), [None, None]);
        assert_eq!(points.columns(Line::Cpu, 0, 2_000, 40_000), []);
        assert_eq!(points.newest(Line::Cpu), Some(5.0));
    }

    #[test]
    fn steps_do_not_move_with_the_time() {
        let mut points = Points::default();
        for second in 0..20 {
            points.push(point(second * 1_000, second * 1_000 + 1_000, second as f64));
        }
        let early = points.columns(Line::Requests, 4, 5_000, 15_100);
        let late = points.columns(Line::Requests, 4, 5_000, 19_900);
        assert_eq!(early[..3], late[..3], "only the newest column changes before a step is over");
    }

    #[test]
    fn history_stands_in_front_of_what_was_seen() {
        let mut points = Points::default();
        points.push(point(150_000, 151_000, 1.0));
        points.precede(&[sample(1, 60_000), sample(2, 120_000), sample(3, 180_000)]);
        let columns = points.columns(Line::Requests, 3, 60_000, 151_000);
        assert_eq!(columns, [Some(10.0), Some(10.0), Some(1.0)], "what is known by both is told once");
        let mut points = Points::default();
        points.push(point(70_000, 151_000, 1.0));
        points.precede(&[sample(1, 60_000), sample(2, 120_000)]);
        let columns = points.columns(Line::Requests, 3, 60_000, 151_000);
        assert_eq!(columns, [Some(10.0), Some(10.0), Some(1.0)], "the first look begins where history ends");
    }

    #[test]
    fn a_look_at_two_measurements_is_a_point() {
        let (before, now) = (metrics(10_000, 100), metrics(12_000, 300));
        let point = Point::between(&before, &now).unwrap();
        let table = [
            (Line::Requests, Some(110.0)),
            (Line::Batch, Some(4.0)),
            (Line::Connections, Some(3.0)),
            (Line::Cpu, Some(25.0)),
            (Line::Queue, Some(0.0)),
        ];
        for (line, expected) in table {
            assert_eq!(point.value(line), expected, "{line:?}");
        }
        assert_eq!((point.from_ms, point.to_ms), (10_000, 12_000));
        assert_eq!(Point::between(&now, &now), None);
    }

    #[test]
    fn there_is_a_bound_and_the_oldest_get_coarser() {
        let mut points = Points::default();
        for second in 0..40_000 {
            points.push(point(second * 1_000, second * 1_000 + 1_000, 2.0));
        }
        assert!(points.points.len() <= POINTS_MAX, "{}", points.points.len());
        assert_eq!(points.columns(Line::Memory, 40, 1_000_000, 39_999_999), vec![Some(2.0); 40]);
    }
}
