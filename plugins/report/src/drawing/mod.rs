//! What the page and the charts draw, as plain data, and what both need to draw it: stretches of days, scales,
//! words. Knows neither ledgers nor HTML nor terminals, and asks nobody for the time.

pub mod scale;
pub mod stretch;
pub mod words;

#[cfg(test)]
pub(crate) mod samples;

use atm_rpc::types::money::Currency;
use jiff::civil::Date;
use stretch::{Span, Stretch, cut};
use words::day;

/// Everything that a page or a chart can show of a period.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Data {
    /// Where the rows come from, as a person would name it.
    pub sources: Vec<String>,
    /// The zone whose days these are.
    pub zone: String,
    /// When this was found, in that zone, ready to read.
    pub generated_at: String,
    /// The currency of all amounts.
    pub currency: Currency,
    /// The first and the last day that were asked for, as far as they were.
    pub asked: (Option<Date>, Option<Date>),
    /// The days on which money moved, in order.
    pub days: Vec<Day>,
    /// How many movements there were in each hour of each weekday, Monday first.
    pub hours: [[u64; 24]; 7],
    /// The days on which somebody failed to log in, in order; `None` where nothing that was read tells of it.
    pub failures: Option<Vec<Failures>>,
    /// Those who moved the most, in order, and how many customers there were in all.
    pub top: Top,
    /// What could not be read.
    pub faults: Faults,
}

/// What moved in one day. Amounts are minor units.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Day {
    /// The day.
    pub date: Date,
    /// What moved.
    pub flow: Flow,
    /// The bank's balance at the end of the day, where the ledger has it.
    pub closing_minor: Option<i128>,
}

/// Movements, and what they come to in minor units.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flow {
    /// How many movements.
    pub count: u64,
    /// What came in.
    pub deposits_minor: i128,
    /// What went out.
    pub withdrawals_minor: i128,
    /// By how much the bank's balance changed. It is not always the difference of the two: reversals are in it.
    pub net_minor: i128,
}

/// Log-ins that failed in one day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Failures {
    /// The day.
    pub date: Date,
    /// Wrong PINs.
    pub wrong_pins: u64,
    /// How often a number was put on the blacklist.
    pub blacklisted: u64,
}

/// The customers that moved the most.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Top {
    /// How many customers moved money.
    pub customers: u64,
    /// The first of them.
    pub first: Vec<Customer>,
}

/// What one customer moved. Amounts are minor units.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Customer {
    /// The number as it may be shown: masked, or not.
    pub number: String,
    /// How many movements.
    pub count: u64,
    /// What the customer brought.
    pub deposits_minor: i128,
    /// What the customer took.
    pub withdrawals_minor: i128,
    /// All that the customer moved, in whatever direction.
    pub sum_minor: i128,
}

/// Rows that were left out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Faults {
    /// How many.
    pub count: u64,
    /// The first of them: a sentence each that names file, line and what is wrong.
    pub first: Vec<String>,
}

impl Flow {
    /// Both together; what does not fit is held at the end of the range.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self {
            count: self.count.saturating_add(other.count),
            deposits_minor: self.deposits_minor.saturating_add(other.deposits_minor),
            withdrawals_minor: self.withdrawals_minor.saturating_add(other.withdrawals_minor),
            net_minor: self.net_minor.saturating_add(other.net_minor),
        }
    }
}

impl Failures {
    /// All of these days: wrong PINs, and how often a number was put on the blacklist.
    #[must_use]
    pub fn sum(days: &[Self]) -> (u64, u64) {
        days.iter().fold((0, 0), |(wrong, listed), day| {
            (wrong.saturating_add(day.wrong_pins), listed.saturating_add(day.blacklisted))
        })
    }
}

impl Data {
    /// The first and the last day of the drawing: what was asked for, and where nothing was, what there is.
    /// `None` where neither is.
    #[must_use]
    pub fn period(&self) -> Option<(Date, Date)> {
        let first = self.asked.0.or_else(|| self.dates().min()).or(self.asked.1)?;
        let last = self.asked.1.or_else(|| self.dates().max()).unwrap_or(first);
        Some((first, last.max(first)))
    }

    /// The period in stretches, so many at the most where there are not more years in what there is.
    #[must_use]
    pub fn stretches(&self, count_max: usize) -> (Span, Vec<Stretch>) {
        let Some(period) = self.period() else { return (Span::Day, Vec::new()) };
        let (span, stretches) = cut(period, count_max);
        if stretches.len() <= count_max {
            return (span, stretches);
        }
        // Who asks for ages is shown what there is of them.
        match (self.dates().min(), self.dates().max()) {
            (Some(first), Some(last)) => cut((first, last), count_max),
            _ => (span, stretches),
        }
    }

    /// What a period without anything in it is called: `No rows between 1 May 2024 and 31 May 2024.`
    #[must_use]
    pub fn nothing(&self) -> String {
        match self.period() {
            None => "No rows.".into(),
            Some((first, last)) if first == last => format!("No rows on {}.", day(first)),
            Some((first, last)) => format!("No rows between {} and {}.", day(first), day(last)),
        }
    }

    fn dates(&self) -> impl Iterator<Item = Date> {
        let failures = self.failures.iter().flatten().map(|day| day.date);
        self.days.iter().map(|day| day.date).chain(failures)
    }

    /// Whether there is anything to draw.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.days.is_empty() && self.failures.iter().flatten().next().is_none()
    }

    /// All that moved.
    #[must_use]
    pub fn flow(&self) -> Flow {
        self.days.iter().fold(Flow::default(), |sum, day| sum.and(day.flow))
    }

    /// The balance at the end of the last day that has one.
    #[must_use]
    pub fn closing_minor(&self) -> Option<i128> {
        self.days.iter().rev().find_map(|day| day.closing_minor)
    }
}
