//! The bank's balance as a line in steps over time.

use super::screen::{Colour, Screen, Strokes};
use super::title;
use crate::drawing::Data;
use crate::drawing::scale::Scale;
use crate::drawing::words::{mark, priced};
use jiff::civil::Date;

/// Lines beside the drawing: title, an empty one, axis, days, the sentence, and the one of the prompt.
const LINES_BESIDE: usize = 6;
const ROWS_MAX: usize = 30;
/// A day as text, and a space behind it.
const DAY: usize = 11;

pub(super) fn balance(data: &Data, screen: &Screen) -> Vec<String> {
    let known: Vec<(Date, i128)> =
        data.days.iter().filter_map(|day| Some((day.date, day.closing_minor?))).collect();
    let values = || known.iter().map(|(_, value)| *value);
    let (Some(low), Some(high), Some(last)) = (values().min(), values().max(), values().next_back()) else {
        return screen.folded(&data.nothing());
    };
    let rows = (screen.lines - LINES_BESIDE).min(ROWS_MAX);
    let steps = u16::try_from(rows / 4).unwrap_or(4).clamp(2, 6);
    let scale = Scale::of_balance(low, high, steps);
    let label = |value| mark(value, data.currency.exponent(), scale.magnitude(), scale.step());
    let marks: Vec<(usize, String)> =
        scale.marks().map(|value| (row(scale, value, rows), label(value))).collect();
    let room = marks.iter().map(|(_, label)| label.chars().count()).max().unwrap_or(0);
    let columns = screen.columns.saturating_sub(room + 2).max(1);
    let days = Days::of(data, columns);
    let drawn = line(&days, &known, scale, rows);
    let zero = (scale.low() < 0).then(|| row(scale, 0, rows));
    let mut lines = title(&format!("The bank's balance, {}", data.currency.code()), data, screen);
    for number in 0..rows {
        let marked = marks.iter().find(|(row, _)| *row == number);
        let (label, axis) = match marked {
            Some((_, label)) => (label.as_str(), screen.either('┤', '+')),
            None => ("", screen.either('│', '|')),
        };
        let blank = if zero == Some(number) { screen.either('─', '-') } else { ' ' };
        let cells: String = drawn.iter().map(|cells| stroke(cells[number], blank, screen)).collect();
        lines.push(format!("{label:>room$} {axis}{}", screen.paint(Colour::Cyan, cells.trim_end())));
    }
    let (axis, words) = days.axis(screen);
    lines.push(format!("{:room$} {axis}", ""));
    lines.push(format!("{:room$} {words}", ""));
    let price = |minor| priced(minor, data.currency).replace('\u{a0}', " ");
    let cut_off = if scale.low() > 0 { "; the scale does not begin at zero" } else { "" };
    lines.extend(screen.folded(&format!("At the end {}{cut_off}.", price(last))));
    lines
}

/// The row, from above, in which a value is.
fn row(scale: Scale, value: i128, rows: usize) -> usize {
    rows - 1 - half(scale, value, rows) / 2
}

/// The half of a row, from below, in which a value is.
fn half(scale: Scale, value: i128, rows: usize) -> usize {
    let halves = u32::try_from(2 * rows - 1).unwrap_or(u32::MAX);
    usize::try_from(scale.place(value, halves)).unwrap_or(0)
}

/// The cells of each column, from above: whether the line is in their upper and in their lower half.
fn line(days: &Days, known: &[(Date, i128)], scale: Scale, rows: usize) -> Vec<Vec<[bool; 2]>> {
    let mut columns = vec![vec![[false; 2]; rows]; days.columns];
    let mut before = None;
    for (column, cells) in columns.iter_mut().enumerate() {
        let day = days.last_of(column);
        let behind = known.partition_point(|(date, _)| *date <= day);
        let Some((_, value)) = behind.checked_sub(1).and_then(|index| known.get(index)) else { continue };
        let at = half(scale, *value, rows);
        let from: usize = before.unwrap_or(at);
        for half in at.min(from)..=at.max(from) {
            cells[rows - 1 - half / 2][usize::from(half % 2 == 0)] = true;
        }
        before = Some(at);
    }
    columns
}

fn stroke(halves: [bool; 2], blank: char, screen: &Screen) -> char {
    match (halves, screen.strokes) {
        ([false, false], _) => blank,
        (_, Strokes::Ascii) => '*',
        ([true, true], _) => '█',
        ([true, false], _) => '▀',
        ([false, true], _) => '▄',
    }
}

/// Days on columns.
struct Days {
    first: Date,
    count: usize,
    columns: usize,
}

impl Days {
    fn of(data: &Data, columns: usize) -> Self {
        let (first, last) = data.period().unwrap_or((Date::ZERO, Date::ZERO));
        let between = first.until(last).map_or(0, |span| usize::try_from(span.get_days()).unwrap_or(0));
        Self { first, count: between + 1, columns }
    }

    /// The last day that a column stands for.
    fn last_of(&self, column: usize) -> Date {
        self.day(((column + 1) * self.count).div_ceil(self.columns).saturating_sub(1))
    }

    /// The first day that begins in a column.
    fn first_of(&self, column: usize) -> Date {
        self.day(column * self.count / self.columns)
    }

    fn day(&self, number: usize) -> Date {
        let span = jiff::Span::new().try_days(i64::try_from(number).unwrap_or(i64::MAX));
        span.and_then(|span| self.first.checked_add(span)).unwrap_or(Date::MAX)
    }

    /// The axis, and the days under it.
    fn axis(&self, screen: &Screen) -> (String, String) {
        let (corner, plain, tick) =
            (screen.either('└', '+'), screen.either('─', '-'), screen.either('┬', '+'));
        let (mut axis, mut words) = (corner.to_string(), String::from(" "));
        let mut named = None;
        for column in 0..self.columns {
            let day = self.first_of(column);
            let room = words.chars().count() <= column + 1 && column + DAY <= self.columns + 1;
            if named != Some(day) && room && column % (2 * DAY) < DAY {
                words = format!("{words:width$}{day}", width = column + 1);
                words.push(' ');
                named = Some(day);
                axis.push(tick);
            } else {
                axis.push(plain);
            }
        }
        (axis, words)
    }
}
