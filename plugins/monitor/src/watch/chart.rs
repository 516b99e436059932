//! A chart: one column for each step of time, the newest at the right, from a value of zero at the bottom.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

/// What charts and lines are made of.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Glyphs {
    /// A cell from nearly empty to full.
    pub(crate) levels: &'static [char],
    /// A line from left to right.
    pub(crate) line: &'static str,
    /// In front of what is wrong.
    pub(crate) alarm: &'static str,
    /// Before a unit of a millionth of a second.
    pub(crate) micro: &'static str,
}

/// For terminals that show Unicode.
pub(crate) const UNICODE: Glyphs =
    Glyphs {
        levels: &['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'], line: "─", alarm: "●", micro: "µ"
    };
/// For all others.
pub(crate) const ASCII: Glyphs = Glyphs { levels: &['.', ':', '|'], line: "-", alarm: "!", micro: "u" };

/// How a chart looks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Looks {
    pub(crate) glyphs: &'static Glyphs,
    /// Of a value.
    pub(crate) value: Style,
    /// Of a value of nothing.
    pub(crate) nothing: Style,
}

/// Draws one value a column; `None` where nothing is known. `top` is the value that reaches the top.
pub(crate) fn draw(values: &[Option<f64>], top: f64, looks: Looks, area: Rect, buffer: &mut Buffer) {
    let newest_first = values.iter().rev();
    for (x, value) in (area.left()..area.right()).rev().zip(newest_first) {
        if let Some(value) = value {
            column(*value, top, looks, Rect { x, width: 1, ..area }, buffer);
        }
    }
}

fn column(value: f64, top: f64, looks: Looks, area: Rect, buffer: &mut Buffer) {
    let levels = looks.glyphs.levels;
    let cells = usize::from(area.height);
    let filled = steps(value / top, cells.saturating_mul(levels.len()));
    if filled == 0 {
        // Nothing is something else than not known.
        if let Some(bottom) = area.bottom().checked_sub(1) {
            buffer[(area.x, bottom)].set_char(levels[0]).set_style(looks.nothing);
        }
        return;
    }
    for (y, below) in (area.top()..area.bottom()).rev().zip((0..).step_by(levels.len())) {
        let level = filled.saturating_sub(below).min(levels.len());
        let Some(glyph) = level.checked_sub(1).and_then(|level| levels.get(level)) else { return };
        buffer[(area.x, y)].set_char(*glyph).set_style(looks.value);
    }
}

/// How many of so many steps a share reaches: none for nothing, and one at least for what is more.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "it is within zero and a number of cells"
)]
fn steps(share: f64, all: usize) -> usize {
    if share.is_nan() || share <= 0.0 {
        return 0;
    }
    (((share * all as f64).round() as usize).max(1)).min(all)
}

/// The least round number that is not below any of the values, and not below `least`: 1, 2 or 5 of a power of ten.
pub(crate) fn top(values: &[Option<f64>], least: f64) -> f64 {
    let largest = values.iter().flatten().copied().fold(least, f64::max);
    let power = 10_f64.powf(largest.log10().floor());
    let round = [1.0, 2.0, 5.0, 10.0].map(|leading| leading * power);
    round.into_iter().find(|round| *round >= largest * (1.0 - 1e-9)).unwrap_or(largest)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(values: &[Option<f64>], top: f64, glyphs: &'static Glyphs, size: (u16, u16)) -> Vec<String> {
        let area = Rect::new(0, 0, size.0, size.1);
        let mut buffer = Buffer::empty(area);
        let looks = Looks { glyphs, value: Style::new(), nothing: Style::new() };
        draw(values, top, looks, area, &mut buffer);
        let line = |y| (0..size.0).map(|x| buffer[(x, y)].symbol()).collect::<String>();
        (0..size.1).map(line).collect()
    }

    #[test]
    fn columns_are_as_high_as_their_values() {
        let values = [Some(0.0), None, Some(1.0), Some(8.0), Some(9.0), Some(16.0), Some(99.0)];
        assert_eq!(drawn(&values, 16.0, &UNICODE, (7, 2)), ["    ▁██", "▁ ▁████"]);
        assert_eq!(drawn(&values, 16.0, &ASCII, (7, 2)), ["     ||", ". .||||"]);
        assert_eq!(drawn(&values, 16.0, &UNICODE, (3, 1)), ["▅██"], "the newest are shown");
        assert_eq!(drawn(&values[..2], 16.0, &UNICODE, (4, 1)), ["  ▁ "]);
        assert_eq!(drawn(&[Some(f64::NAN), Some(-1.0)], 16.0, &UNICODE, (2, 1)), ["▁▁"]);
        assert_eq!(drawn(&values, 16.0, &UNICODE, (0, 0)), [""; 0]);
    }

    #[test]
    fn the_top_is_round() {
        let table = [
            (&[][..], 1.0, 1.0),
            (&[None, Some(0.0)], 10.0, 10.0),
            (&[Some(11.0)], 1.0, 20.0),
            (&[Some(20.0), Some(3.0)], 1.0, 20.0),
            (&[Some(0.003)], 0.001, 0.005),
            (&[Some(51.0)], 1.0, 100.0),
        ];
        for (values, least, expected) in table {
            let found = top(values, least);
            assert!((found - expected).abs() < expected * 1e-9, "{values:?}: {found} and not {expected}");
        }
    }
}
