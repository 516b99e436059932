//! What the keys do and what the charts mean, over the rest of the screen.

use super::canvas::put;
use super::palette::Palette;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

const TEXT: &[(&str, &str)] = &[
    ("q  Esc", "leave"),
    ("+  -", "a longer or a shorter time on the charts"),
    ("?", "this help, and away with it"),
    ("Ctrl-L", "draw everything anew"),
    ("", ""),
    ("requests", "customers' calls in a second"),
    ("latency", "of these calls; 99 of 100 are below p99"),
    ("commit", "to make a batch durable on the disk"),
    ("batch", "requests that share a commit"),
    ("queue", "requests that wait for the writer"),
    ("CPU", "100 % is one core"),
    ("tables", "of the last ten seconds, 'in all' since the start"),
];
/// Columns of the first part, and of all.
const NAMES_WIDTH: u16 = 11;
const WIDTH: u16 = 66;

/// Draws it in the middle.
pub(crate) fn draw(palette: Palette, area: Rect, buffer: &mut Buffer) {
    let height = u16::try_from(TEXT.len()).unwrap_or(u16::MAX).saturating_add(2).min(area.height);
    let width = WIDTH.min(area.width);
    let place =
        Rect { x: area.x + (area.width - width) / 2, y: area.y + (area.height - height) / 2, width, height };
    for y in place.top()..place.bottom() {
        for x in place.left()..place.right() {
            buffer[(x, y)].reset();
        }
    }
    let rule: String = std::iter::repeat_n(palette.glyphs.line, usize::from(width)).collect();
    put(buffer, place, (0, 0), &rule, palette.faint());
    put(buffer, place, (0, height.saturating_sub(1)), &rule, palette.faint());
    let inner = Rect { height: height.saturating_sub(1), ..place };
    for (line, (name, means)) in (1..).zip(TEXT) {
        put(buffer, inner, (1, line), name, palette.strong());
        put(buffer, inner, (1 + NAMES_WIDTH, line), means, Style::new());
    }
}
