//! Charts of a page as SVG without a fixed width: across in percent, down in pixels, so that words keep their size
//! on a telephone and on paper. All places are whole numbers of small units; no amount becomes a float.

use super::markup::{percent, pixels, text};
use crate::drawing::scale::{Scale, share};
use crate::drawing::stretch::{Span, Stretch};
use crate::drawing::words::{WEEKDAYS, grouped, mark};
use jiff::civil::Date;

/// More bars than these are no longer told apart on paper.
pub(super) const BARS_MAX: usize = 100;
/// The whole width, in thousandths of a percent.
const WIDTH: u32 = 100_000;
/// The height of what is drawn, in tenths of a pixel, and of the words under it.
const HEIGHT: u32 = 1_800;
const WORDS_HEIGHT: u32 = 240;
/// Room above, for half of the uppermost word.
const ABOVE: u32 = 80;
/// So many bars are the fewest that share the width, so that one day is not one block.
const SLOTS_MIN: usize = 10;
/// How much of the width a word has that stands under a chart: on a wide screen, and on a narrow one.
const WORD_WIDE: u32 = 13_000;
const WORD_NARROW: u32 = 38_000;

/// What a chart is called, and what it says in a sentence.
pub(super) struct Told<'a> {
    pub(super) id: &'a str,
    pub(super) title: &'a str,
    pub(super) description: String,
}

/// One bar: where it begins and ends in the scale's units, what it is, and what is said of it.
#[derive(Clone)]
pub(super) struct Bar {
    pub(super) from: i128,
    pub(super) to: i128,
    pub(super) class: &'static str,
    pub(super) said: String,
}

/// Bars over, under or on each other, one slot for each stretch. `exponent` is of the scale's units.
pub(super) fn bars(
    told: &Told,
    scale: Scale,
    exponent: u8,
    (span, stretches): (Span, &[Stretch]),
    slots: &[Vec<Bar>],
) -> String {
    let labels = Labels::of(scale, exponent);
    let mut svg = labels.open(told);
    svg += &labels.lines();
    let count = slots.len().max(SLOTS_MIN);
    let spare = (count - slots.len()) / 2;
    let place = |index: usize| portion(index + spare, count);
    for (index, slot) in slots.iter().enumerate() {
        let (left, right) = (place(index), place(index + 1));
        // A gap of a quarter, where bars are wide enough for it to be seen.
        let gap = (right - left) / 8;
        for bar in slot.iter().filter(|bar| bar.from != bar.to) {
            let (a, b) = (height(scale, bar.from), height(scale, bar.to));
            // What is not nothing is seen.
            let tall = a.abs_diff(b).max(8);
            let top = if bar.to >= bar.from { a.max(b).saturating_sub(tall) } else { a.min(b) };
            svg += &format!(
                "<rect class=\"{}\" x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\"><title>{}</title></rect>\n",
                bar.class,
                percent(left + gap),
                pixels(top.min(ABOVE + HEIGHT - tall)),
                percent(right - left - 2 * gap),
                pixels(tall),
                text(&bar.said),
            );
        }
    }
    svg += &zero(scale);
    let words = stretches
        .iter()
        .enumerate()
        .map(|(n, stretch)| (place(n) + (place(n + 1) - place(n)) / 2, stretch.first));
    svg + &days(span, &words.collect::<Vec<_>>()) + "</svg>\n"
}

/// A line in steps: each value holds until the next. `points` are days from the first and values, in order.
pub(super) fn line(
    told: &Told,
    scale: Scale,
    exponent: u8,
    (first, last): (Date, Date),
    points: &[(Date, i128)],
) -> String {
    let labels = Labels::of(scale, exponent);
    let mut svg = labels.open(told);
    svg += &labels.lines();
    svg += &zero(scale);
    let days_count = offset(first, last) + 1;
    let across = |date: Date| portion(offset(first, date), days_count);
    let mut path = String::new();
    for (date, value) in points {
        let (x, y) = (across(*date), height(scale, *value));
        path += &match path.is_empty() {
            true => format!("M{x} {y}"),
            false => format!("H{x}V{y}"),
        };
    }
    path += &format!("H{WIDTH}");
    svg += &format!(
        "<svg x=\"0\" y=\"0\" width=\"100%\" height=\"{tall}\" viewBox=\"0 0 {WIDTH} {whole}\" preserveAspectRatio=\"none\" overflow=\"visible\"><path class=\"line\" d=\"{path}\"/></svg>\n",
        tall = pixels(ABOVE + HEIGHT),
        whole = ABOVE + HEIGHT,
    );
    let (span, stretches) = crate::drawing::stretch::cut((first, last), BARS_MAX);
    let words = stretches.iter().map(|stretch| (across(stretch.first), stretch.first));
    svg + &days(span, &words.collect::<Vec<_>>()) + "</svg>\n"
}

/// The height of a row of the week, in pixels.
const ROW: u32 = 20;

/// Hours across, weekdays down; the darker, the more.
pub(super) fn week(told: &Told, hours: &[[u64; 24]; 7]) -> String {
    let most = hours.iter().flatten().copied().max().unwrap_or(0);
    let mut svg = open(told, 40, 7 * ROW + WORDS_HEIGHT / 10);
    for (row, (name, day)) in (0_u32..).zip(WEEKDAYS.iter().zip(hours)) {
        svg +=
            &format!("<text x=\"-8\" y=\"{}\" text-anchor=\"end\">{}</text>\n", row * ROW + 14, &name[..3]);
        for (hour, count) in day.iter().enumerate() {
            let (left, right) = (portion(hour, 24), portion(hour + 1, 24));
            svg += &format!(
                "<rect class=\"h{}\" x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\"><title>{name} {hour:02}:00: {}</title></rect>\n",
                shade(*count, most),
                percent(left),
                row * ROW,
                percent((right - left) * 24 / 25),
                ROW - 2,
                grouped(*count),
            );
        }
    }
    for hour in (0..24).step_by(3) {
        let class = if hour % 6 == 0 { "" } else { " class=\"wide\"" };
        let (x, y) = (percent(portion(hour, 24)), 7 * ROW + 14);
        svg += &format!("<text{class} x=\"{x}\" y=\"{y}\">{hour:02}:00</text>\n");
    }
    svg + "</svg>\n"
}

/// The shades that there are beside nothing.
pub(super) const SHADES: u32 = 5;

/// Which of them so many are: 0 is nothing, and anything above nothing is seen.
pub(super) fn shade(count: u64, most: u64) -> u32 {
    let (count, most) = (i128::from(count), i128::from(most));
    let fifths = |shade: u32| most * i128::from(shade) / i128::from(SHADES);
    if count == 0 { 0 } else { (1..SHADES).find(|shade| count <= fifths(*shade)).unwrap_or(SHADES) }
}

/// The marks of a scale with their words.
struct Labels {
    marks: Vec<(u32, String)>,
    /// Pixels beside the drawing for the longest of them.
    room: usize,
}

impl Labels {
    fn of(scale: Scale, exponent: u8) -> Self {
        let word = |value| mark(value, exponent, scale.magnitude(), scale.step());
        let marks: Vec<_> = scale.marks().map(|value| (height(scale, value), word(value))).collect();
        let longest = marks.iter().map(|(_, word)| word.chars().count()).max().unwrap_or(0);
        Self { marks, room: longest * 7 + 12 }
    }

    fn open(&self, told: &Told) -> String {
        open(told, self.room, (ABOVE + HEIGHT + WORDS_HEIGHT) / 10)
    }

    fn lines(&self) -> String {
        let line = |(y, word): &(u32, String)| {
            format!(
                "<line class=\"mark\" x1=\"0\" x2=\"100%\" y1=\"{y}\" y2=\"{y}\"/>\
                 <text x=\"-8\" y=\"{}\" text-anchor=\"end\">{}</text>\n",
                pixels(y + 40),
                text(word),
                y = pixels(*y),
            )
        };
        self.marks.iter().map(line).collect()
    }
}

fn open(told: &Told, room: usize, tall: u32) -> String {
    let Told { id, title, description } = told;
    format!(
        "<svg class=\"chart\" role=\"img\" aria-labelledby=\"{id}-title\" aria-describedby=\"{id}-desc\" height=\"{tall}\" style=\"height:{tall}px;padding-left:{room}px\">\n\
         <title id=\"{id}-title\">{}</title>\n<desc id=\"{id}-desc\">{}</desc>\n",
        text(title),
        text(description),
    )
}

/// The line of nothing, where it is on the scale.
fn zero(scale: Scale) -> String {
    if scale.low() > 0 || scale.high() < 0 {
        return String::new();
    }
    let y = pixels(height(scale, 0));
    format!("<line class=\"zero\" x1=\"0\" x2=\"100%\" y1=\"{y}\" y2=\"{y}\"/>\n")
}

/// Words under a drawing: so few of these places that none touches another.
fn days(span: Span, places: &[(u32, Date)]) -> String {
    let word = |date: Date| match span {
        Span::Day => date.strftime("%-d %b").to_string(),
        Span::Week => date.strftime("%-d %b %Y").to_string(),
        Span::Month => date.strftime("%b %Y").to_string(),
        Span::Quarter | Span::Year => Stretch { first: date, last: date }.name(span),
    };
    let (mut next_wide, mut next_narrow) = (0, 0);
    let mut words = String::new();
    for (x, date) in places {
        if *x < next_wide {
            continue;
        }
        let class = if *x < next_narrow { " class=\"wide\"" } else { "" };
        next_wide = x + WORD_WIDE;
        if class.is_empty() {
            next_narrow = x + WORD_NARROW;
        }
        let anchor = match x {
            ..=9_000 => "start",
            85_000.. => "end",
            _ => "middle",
        };
        let y = pixels(ABOVE + HEIGHT + 170);
        let (x, word) = (percent(*x), text(&word(*date)));
        words += &format!("<text{class} x=\"{x}\" y=\"{y}\" text-anchor=\"{anchor}\">{word}</text>\n");
    }
    words
}

/// How far down a value is, in tenths of a pixel.
fn height(scale: Scale, value: i128) -> u32 {
    ABOVE + HEIGHT - scale.place(value, HEIGHT)
}

fn portion(part: usize, whole: usize) -> u32 {
    let wide = |number: usize| i128::try_from(number).unwrap_or(i128::MAX);
    share(wide(part), wide(whole), WIDTH)
}

fn offset(first: Date, date: Date) -> usize {
    first.until(date).map_or(0, |span| usize::try_from(span.get_days()).unwrap_or(0))
}
