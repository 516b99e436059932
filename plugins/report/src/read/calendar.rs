//! The bank's days and hours. A zone keeps its distance from UTC for months, so it is looked up once for all these.

use jiff::Timestamp;
use jiff::tz::TimeZone;

const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 24 * HOUR_MS;

/// What the bank's clock shows at an instant.
#[derive(Clone, Debug)]
pub(crate) struct Calendar {
    zone: TimeZone,
    /// From this instant, until that one, the clock is so far ahead of UTC.
    from_ms: i64,
    until_ms: i64,
    ahead_ms: i64,
    /// The day that was written last, and how far its clock was ahead.
    written: (i64, i64),
    date: String,
    offset: String,
}

impl Calendar {
    pub(crate) fn of(zone: &TimeZone) -> Self {
        Self {
            zone: zone.clone(),
            from_ms: 0,
            until_ms: 0,
            ahead_ms: 0,
            written: (i64::MIN, 0),
            date: String::new(),
            offset: String::new(),
        }
    }

    /// Date and time with milliseconds and how far the clock is ahead, such as 2026-11-22T19:33:05.120+05:30.
    pub(crate) fn text(&mut self, at_ms: i64) -> String {
        let local_ms = self.local_ms(at_ms);
        let (day, ms) = (local_ms.div_euclid(DAY_MS), local_ms.rem_euclid(DAY_MS));
        if self.written != (day, self.ahead_ms) {
            let zoned = Timestamp::from_millisecond(at_ms).unwrap_or_default().to_zoned(self.zone.clone());
            (self.date, self.offset) =
                (zoned.strftime("%Y-%m-%dT").to_string(), zoned.strftime("%:z").to_string());
            self.written = (day, self.ahead_ms);
        }
        let mut text = String::with_capacity(self.date.len() + "00:00:00.000".len() + self.offset.len());
        text.push_str(&self.date);
        push(&mut text, ms / HOUR_MS, 2);
        text.push(':');
        push(&mut text, ms / 60_000 % 60, 2);
        text.push(':');
        push(&mut text, ms / 1_000 % 60, 2);
        text.push('.');
        push(&mut text, ms % 1_000, 3);
        text.push_str(&self.offset);
        text
    }

    /// The day, counted from 1970-01-01.
    pub(crate) fn day(&mut self, at_ms: i64) -> i32 {
        // Instants of a ledger are those that a calendar has.
        i32::try_from(self.local_ms(at_ms).div_euclid(DAY_MS)).unwrap_or_default()
    }

    /// The hour, 0 to 23.
    pub(super) fn hour(&mut self, at_ms: i64) -> u8 {
        u8::try_from(self.local_ms(at_ms).rem_euclid(DAY_MS) / HOUR_MS).unwrap_or_default()
    }

    fn local_ms(&mut self, at_ms: i64) -> i64 {
        if at_ms < self.from_ms || at_ms >= self.until_ms {
            self.look_up(at_ms);
        }
        at_ms + self.ahead_ms
    }

    #[cold]
    fn look_up(&mut self, at_ms: i64) {
        let at = Timestamp::from_millisecond(at_ms).unwrap_or_default();
        self.ahead_ms = i64::from(self.zone.to_offset(at).seconds()) * 1_000;
        let next = self.zone.following(at).next().map(|change| change.timestamp().as_millisecond());
        // A change at this very instant is behind it already.
        self.from_ms = at_ms;
        self.until_ms = next.unwrap_or(i64::MAX);
    }
}

/// Writes a number in so many digits.
fn push(text: &mut String, number: i64, digits: u32) {
    for place in (0..digits).rev() {
        let digit = u8::try_from(number / 10_i64.pow(place) % 10).unwrap_or_default();
        text.push(char::from(b'0' + digit));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_and_hours_are_those_of_the_zone() {
        for zone in [
            "UTC",
            "Asia/Kolkata",
            "Europe/Berlin",
            "America/St_Johns",
            "Pacific/Apia",
            "Australia/Lord_Howe",
        ] {
            let zone = TimeZone::get(zone).unwrap();
            let mut calendar = Calendar::of(&zone);
            // Steps of 7 minutes past changes of the clock, forwards and then backwards.
            let begin: Timestamp = "2011-12-20T00:00:00Z".parse().unwrap();
            let instants = (0..80_000).map(|step| begin.as_millisecond() + step * 420_000 + 999);
            for at_ms in instants.clone().chain(instants.rev()).chain([-1, 0, 253_402_207_200_000]) {
                let zoned = Timestamp::from_millisecond(at_ms).unwrap().to_zoned(zone.clone());
                let days = jiff::civil::date(1970, 1, 1).until(zoned.date()).unwrap().get_days();
                let found = (calendar.day(at_ms), i16::from(calendar.hour(at_ms)));
                assert_eq!(found, (days, i16::from(zoned.hour())), "{zoned}");
                if at_ms % 11 == 0 {
                    assert_eq!(calendar.text(at_ms), zoned.strftime("%Y-%m-%dT%H:%M:%S%.3f%:z").to_string());
                }
            }
        }
    }
}
