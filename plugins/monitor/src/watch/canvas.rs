//! Writing into a part of the screen: what has no place is left out, whatever the size.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::Span;

/// Writes from a column of a line on, both counted within the area. Gives the column behind it.
pub(crate) fn put(buffer: &mut Buffer, area: Rect, at: (u16, u16), text: &str, style: Style) -> u16 {
    let (column, line) = at;
    if line >= area.height || column >= area.width {
        return column;
    }
    let room = usize::from(area.width - column);
    let (x, y) = (area.x.saturating_add(column), area.y.saturating_add(line));
    let (behind, _) = buffer.set_stringn(x, y, text, room, style);
    behind.saturating_sub(area.x)
}

/// The same with the text's end at the end of the line; left out where it would not fit behind `after`.
pub(crate) fn put_right(
    buffer: &mut Buffer,
    area: Rect,
    line: u16,
    after: u16,
    text: &str,
    style: Style,
) -> Option<u16> {
    let column = area.width.checked_sub(width(text)).filter(|column| *column >= after)?;
    put(buffer, area, (column, line), text, style);
    Some(column)
}

/// Columns that a text takes.
pub(crate) fn width(text: &str) -> u16 {
    u16::try_from(Span::raw(text).width()).unwrap_or(u16::MAX)
}

/// Some lines of an area from a line on; none where there are none.
pub(crate) fn lines(area: Rect, from: u16, count: u16) -> Rect {
    let from = from.min(area.height);
    Rect { y: area.y.saturating_add(from), height: count.min(area.height - from), ..area }
}
