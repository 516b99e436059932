//! The whole screen, from what is known and its size alone. What is wrong comes first.

use super::canvas::{lines, put, put_right};
use super::help;
use super::palette::Palette;
use super::panel;
use super::points::{Line, Points};
use super::tables;
use super::worries::worries;
use crate::change::Change;
use crate::text;
use atm_rpc::operator::metrics::Metrics;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

/// Below that there is no room for anything.
const LEAST: (u16, u16) = (40, 10);
/// From that width on there are three charts beside each other.
const THREE: u16 = 150;
/// The most lines of what is wrong.
const PROBLEMS_MAX: u16 = 5;

/// All that is drawn.
#[derive(Debug)]
pub(crate) struct Picture<'a> {
    /// What atmd said last.
    pub(crate) metrics: Option<&'a Metrics>,
    /// What happened in the last seconds.
    pub(crate) change: Option<Change<'a>>,
    pub(crate) points: &'a Points,
    /// The time at atmd.
    pub(crate) now_ms: i64,
    /// The time that a column of a chart stands for.
    pub(crate) step_ms: i64,
    /// What to say of the connection, and whether it is bad.
    pub(crate) contact: Option<(String, bool)>,
    pub(crate) is_away: bool,
    /// The time for who looks.
    pub(crate) clock: String,
    pub(crate) shows_help: bool,
    pub(crate) palette: Palette,
}

/// Draws it.
pub(crate) fn draw(picture: &Picture<'_>, area: Rect, buffer: &mut Buffer) {
    let palette = picture.palette;
    if area.width < LEAST.0 || area.height < LEAST.1 {
        put(buffer, area, (0, 0), "too small", palette.strong());
        let needed = format!("{}x{} of {}x{}", area.width, area.height, LEAST.0, LEAST.1);
        put(buffer, area, (0, 1), &needed, Style::new());
        put(buffer, area, (0, 2), "q quits", palette.faint());
        return;
    }
    head(picture, lines(area, 0, 1), buffer);
    let problems = problems(picture, lines(area, 1, PROBLEMS_MAX.min(area.height / 5)), buffer);
    let body = lines(area, 1 + problems, area.height.saturating_sub(2 + problems));
    foot(picture, lines(area, area.height - 1, 1), buffer);
    self::body(picture, body, buffer);
    if picture.shows_help {
        help::draw(palette, area, buffer);
    }
}

fn head(picture: &Picture<'_>, area: Rect, buffer: &mut Buffer) {
    let palette = picture.palette;
    let (state, style) = match picture.metrics {
        _ if picture.is_away => (" AWAY ", palette.bad()),
        None => (" ASKING ", palette.faint()),
        Some(metrics) if metrics.ready => (" READY ", palette.good()),
        Some(_) => (" NOT READY ", palette.bad()),
    };
    let mut behind = put(buffer, area, (0, 0), "atmd", palette.strong());
    if let Some(metrics) = picture.metrics {
        let told = format!(" {} on {}", metrics.version, metrics.backend);
        behind = put(buffer, area, (behind, 0), &told, Style::new());
    }
    behind = put(buffer, area, (behind.saturating_add(1), 0), state, style);
    if let Some(metrics) = picture.metrics.filter(|_| !picture.is_away) {
        let up = format!(" up {}", text::length(metrics.uptime_ms));
        behind = put(buffer, area, (behind, 0), &up, Style::new());
    }
    put_right(buffer, area, 0, behind.saturating_add(1), &picture.clock, palette.faint());
}

/// What is wrong, what soon may be, and news of the connection. Says how many lines it took.
fn problems(picture: &Picture<'_>, area: Rect, buffer: &mut Buffer) -> u16 {
    let palette = picture.palette;
    let (mut told, mut after) = (Vec::new(), Vec::new());
    if let Some((news, is_bad)) = &picture.contact {
        let to = if *is_bad { &mut told } else { &mut after };
        to.push((news.clone(), if *is_bad { palette.bad() } else { palette.good() }));
    }
    if let Some(metrics) = picture.metrics.filter(|_| !picture.is_away) {
        told.extend(metrics.reasons.iter().map(|reason| (reason.clone(), palette.bad())));
        let worries = worries(metrics, picture.change).into_iter();
        told.extend(worries.map(|worry| (worry, palette.worrying())));
    }
    told.append(&mut after);
    let room = usize::from(area.height);
    if told.len() > room {
        let left = told.len() - room + 1;
        told.truncate(room.saturating_sub(1));
        told.push((format!("and {left} more"), palette.worrying()));
    }
    for (line, (text, style)) in (0..).zip(&told) {
        put(buffer, area, (0, line), &format!("{} {text}", palette.glyphs.alarm), *style);
    }
    u16::try_from(told.len()).unwrap_or(area.height).min(area.height)
}

fn foot(picture: &Picture<'_>, area: Rect, buffer: &mut Buffer) {
    let palette = picture.palette;
    let mut behind = 0;
    for (key, does) in [("q", "quit"), ("?", "help"), ("+ -", "time")] {
        behind = put(buffer, area, (behind, 0), key, palette.strong());
        behind = put(buffer, area, (behind.saturating_add(1), 0), does, palette.faint()).saturating_add(2);
    }
    let columns = i64::from(area.width / columns(area.width));
    let shown = u64::try_from(columns.saturating_mul(picture.step_ms)).unwrap_or_default();
    let step = text::length(u64::try_from(picture.step_ms).unwrap_or_default());
    let time = format!("{} shown, a column is {step}", text::length(shown));
    put_right(buffer, area, 0, behind, &time, palette.faint());
}

/// How many charts there are beside each other.
fn columns(width: u16) -> u16 {
    match width {
        THREE.. => 3,
        width if width >= 2 * panel::columns_wanted().min(38) + 2 => 2,
        _ => 1,
    }
}

/// Charts in the order of their importance.
const CHARTS: [Line; 9] = [
    Line::Requests,
    Line::Latency,
    Line::Connections,
    Line::Commit,
    Line::Cpu,
    Line::Memory,
    Line::Batch,
    Line::Queue,
    Line::Failures,
];

/// Charts above, figures and tables below, as far as there is room.
fn body(picture: &Picture<'_>, area: Rect, buffer: &mut Buffer) {
    let beside = columns(area.width);
    // A table of three rows is worth a line less for each chart; more of it is worth less than that.
    let wanted = tables::lines_wanted(picture).max(4);
    let below = if area.height < 12 { 0 } else { (area.height * 3 / 10).clamp(4, wanted) };
    let facts_room = match area.height {
        0..8 => 0,
        8..22 => 2,
        _ => 3,
    };
    let room = area.height.saturating_sub(below + facts_room);
    let charts = u16::try_from(CHARTS.len()).unwrap_or(u16::MAX);
    let above_each_other = match beside {
        3 => 3,
        2 if room >= 28 => 4,
        2 => 3,
        _ => (room / 3).clamp(1, 6),
    };
    let above_each_other = above_each_other.min(room / 2).min(charts.div_ceil(beside)).max(1);
    let height = room / above_each_other;
    let apart = 1;
    let width = (area.width - (beside - 1) * apart) / beside;
    for (index, line) in (0..beside * above_each_other).zip(CHARTS) {
        let (column, row) = (index % beside, index / beside);
        let place = Rect { x: area.x + column * (width + apart), y: area.y + row * height, width, height };
        panel::draw(line, picture, place.intersection(area), buffer);
    }
    let used = height * above_each_other;
    let facts = lines(area, used, facts_room);
    let taken = tables::facts(picture, facts, buffer);
    let below = lines(area, used + taken, area.height);
    if below.height >= 2 {
        tables::most(picture, below, buffer);
    }
}

#[cfg(test)]
#[path = "view_tests.rs"]
mod tests;
