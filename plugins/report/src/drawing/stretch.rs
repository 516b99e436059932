//! A period cut into days, weeks, months, quarters or years: as fine as there is room for.

use jiff::civil::Date;

/// How long a stretch is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Span {
    /// A day.
    Day,
    /// A week from Monday.
    Week,
    /// A month of the calendar.
    Month,
    /// Three of them.
    Quarter,
    /// A year of the calendar.
    Year,
}

/// Days that are drawn as one, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stretch {
    /// The first day.
    pub first: Date,
    /// The last day.
    pub last: Date,
}

/// From the finest.
const SPANS: [Span; 5] = [Span::Day, Span::Week, Span::Month, Span::Quarter, Span::Year];

impl Span {
    /// The word for one.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Day => "day",
            Self::Week => "week",
            Self::Month => "month",
            Self::Quarter => "quarter",
            Self::Year => "year",
        }
    }

    /// The first day of the one with this day.
    fn begin(self, date: Date) -> Date {
        let month = |month| Date::new(date.year(), month, 1).unwrap_or(date);
        match self {
            Self::Day => date,
            Self::Week => {
                let since_monday = i64::from(date.weekday().to_monday_zero_offset());
                date.checked_sub(jiff::Span::new().days(since_monday)).unwrap_or(Date::MIN)
            }
            Self::Month => month(date.month()),
            Self::Quarter => month((date.month() - 1) / 3 * 3 + 1),
            Self::Year => month(1),
        }
    }

    /// The last day of the one with this day.
    fn end(self, date: Date) -> Date {
        let length = match self {
            Self::Day => jiff::Span::new().days(1),
            Self::Week => jiff::Span::new().days(7),
            Self::Month => jiff::Span::new().months(1),
            Self::Quarter => jiff::Span::new().months(3),
            Self::Year => jiff::Span::new().years(1),
        };
        let next = self.begin(date).checked_add(length).ok();
        next.and_then(|next| next.yesterday().ok()).unwrap_or(Date::MAX)
    }
}

/// Cuts a period into as many stretches as may be at the most, each day in one. The first and the last end with
/// the period. Years are the longest there are, so of ages there may be more.
#[must_use]
pub fn cut((first, last): (Date, Date), count_max: usize) -> (Span, Vec<Stretch>) {
    let mut cut = (Span::Year, Vec::new());
    for span in SPANS {
        cut = (span, Vec::new());
        let mut begin = first;
        while begin <= last && (span == Span::Year || cut.1.len() <= count_max) {
            let end = span.end(begin).min(last);
            cut.1.push(Stretch { first: begin, last: end });
            let Ok(next) = end.tomorrow() else { break };
            begin = next;
        }
        if cut.1.len() <= count_max {
            break;
        }
    }
    cut
}

impl Stretch {
    /// Puts each of the items, which are in the order of their days, to its stretch, and folds them there. What is
    /// before the first stretch or behind the last is left out.
    pub fn fold<T, R: Clone>(
        stretches: &[Self],
        items: &[T],
        date: impl Fn(&T) -> Date,
        (none, with): (R, impl Fn(&mut R, &T)),
    ) -> Vec<R> {
        let mut folded = vec![none; stretches.len()];
        let places = folded.iter_mut().zip(stretches);
        let mut items = items.iter().peekable();
        for (result, stretch) in places {
            while let Some(item) = items.next_if(|item| date(item) <= stretch.last) {
                if date(item) >= stretch.first {
                    with(result, item);
                }
            }
        }
        folded
    }

    /// Its name in a narrow column: `2024-05-01`, `2024-05`, `2024 Q2`, `2024`.
    #[must_use]
    pub fn name(&self, span: Span) -> String {
        match span {
            Span::Day | Span::Week => self.first.to_string(),
            Span::Month => self.first.strftime("%Y-%m").to_string(),
            Span::Quarter => format!("{:04} Q{}", self.first.year(), (self.first.month() - 1) / 3 + 1),
            Span::Year => format!("{:04}", self.first.year()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    #[test]
    fn a_period_is_cut_as_finely_as_there_is_room() {
        let year = (date(2024, 1, 1), date(2024, 12, 31));
        let table = [
            ((date(2024, 5, 1), date(2024, 5, 1)), 10, Span::Day, 1),
            ((date(2024, 5, 1), date(2024, 5, 10)), 10, Span::Day, 10),
            ((date(2024, 5, 1), date(2024, 5, 11)), 10, Span::Week, 2),
            (year, 366, Span::Day, 366),
            (year, 365, Span::Week, 53),
            (year, 52, Span::Month, 12),
            (year, 11, Span::Quarter, 4),
            (year, 3, Span::Year, 1),
            ((date(2021, 6, 1), date(2024, 5, 31)), 2, Span::Year, 4),
            ((date(9999, 12, 30), Date::MAX), 10, Span::Day, 2),
            ((date(9999, 1, 1), Date::MAX), 10, Span::Quarter, 4),
        ];
        for (period, count_max, span, count) in table {
            let (found, stretches) = cut(period, count_max);
            assert_eq!((found, stretches.len()), (span, count), "{period:?} {count_max}");
            assert_eq!((stretches[0].first, stretches[count - 1].last), period);
            for pair in stretches.windows(2) {
                assert_eq!(pair[0].last.tomorrow().unwrap(), pair[1].first, "each day in one");
            }
        }
    }

    #[test]
    fn weeks_begin_on_monday_and_quarters_in_january() {
        let (_, weeks) = cut((date(2024, 5, 1), date(2024, 5, 31)), 6);
        assert_eq!(weeks[1].first, date(2024, 5, 6));
        let (span, quarters) = cut((date(2024, 2, 10), date(2024, 12, 31)), 4);
        assert_eq!(quarters[1].first, date(2024, 4, 1));
        let names: Vec<String> = quarters.iter().map(|quarter| quarter.name(span)).collect();
        assert_eq!(names, ["2024 Q1", "2024 Q2", "2024 Q3", "2024 Q4"]);
    }

    #[test]
    fn items_go_to_their_stretch_and_others_nowhere() {
        let (_, stretches) = cut((date(2024, 5, 2), date(2024, 5, 4)), 3);
        let items = [1, 2, 2, 4, 5].map(|day| date(2024, 5, day));
        let counts = Stretch::fold(&stretches, &items, |item| *item, (0, |count: &mut i32, _| *count += 1));
        assert_eq!(counts, [2, 0, 1]);
    }
}
