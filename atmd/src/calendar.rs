//! The bank's days: which accounting day an instant falls on.

use atm_rpc::types::time::{BusinessDate, Timestamp};
use jiff::civil::Time;
use jiff::tz::TimeZone;

/// The bank's zone, and when its days end.
#[derive(Clone, Debug)]
pub struct Calendar {
    zone: TimeZone,
    cutover: Time,
}

impl Calendar {
    /// Days in `zone` that end at `cutover`.
    #[must_use]
    pub const fn new(zone: TimeZone, cutover: Time) -> Self {
        Self { zone, cutover }
    }

    /// The accounting day of an instant. With a cutover before noon the day that ends then bears
    /// the date of the evening before; with a later one the next day's business begins then.
    #[must_use]
    pub fn business_date(&self, at: Timestamp) -> BusinessDate {
        let Ok(instant) = jiff::Timestamp::from_millisecond(at.ms()) else {
            return BusinessDate::from_days(0);
        };
        let local = self.zone.to_datetime(instant);
        let passed = local.time() >= self.cutover;
        let day = match (self.cutover.hour() < 12, passed) {
            (true, true) | (false, false) => Ok(local.date()),
            (true, false) => local.date().yesterday(),
            (false, true) => local.date().tomorrow(),
        };
        BusinessDate::of(day.unwrap_or_else(|_| local.date()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_ends_at_the_cutover_in_the_banks_zone() {
        let table = [
            ("UTC", "00:00", "2026-11-22T00:00:00Z", "2026-11-22"),
            ("UTC", "00:00", "2026-11-22T23:59:59.999Z", "2026-11-22"),
            ("Asia/Kolkata", "00:00", "2026-11-22T18:29:59Z", "2026-11-22"),
            ("Asia/Kolkata", "00:00", "2026-11-22T18:30:00Z", "2026-11-23"),
            ("UTC", "04:00", "2026-11-22T03:59:59Z", "2026-11-21"),
            ("UTC", "04:00", "2026-11-22T04:00:00Z", "2026-11-22"),
            ("UTC", "22:00", "2026-11-22T21:59:59Z", "2026-11-22"),
            ("UTC", "22:00", "2026-11-22T22:00:00Z", "2026-11-23"),
            ("Europe/Berlin", "00:00", "2026-10-24T22:00:00Z", "2026-10-25"),
            ("Europe/Berlin", "00:00", "2026-10-25T22:59:59Z", "2026-10-25"),
            ("Europe/Berlin", "00:00", "2026-10-25T23:00:00Z", "2026-10-26"),
        ];
        for (zone, cutover, at, expected) in table {
            let calendar = Calendar::new(TimeZone::get(zone).unwrap(), cutover.parse().unwrap());
            let date = calendar.business_date(Timestamp::parse(at).unwrap());
            assert_eq!(date.to_string(), expected, "{zone} {cutover} {at}");
        }
    }
}
