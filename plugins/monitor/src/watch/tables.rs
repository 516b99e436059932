//! What stands below the charts: figures that need no chart, and what there is most of.

use super::canvas::{lines, put, put_right, width};
use super::view::Picture;
use crate::text;
use atm_rpc::operator::metrics::Metrics;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

/// Columns between two figures, or two tables.
const APART: u16 = 2;
/// Columns of the table of methods.
const METHODS_WIDTH: u16 = 70;
/// Columns of each of the others.
const OTHERS_WIDTH: u16 = 34;

/// Figures in a row, name and value; as many lines as they take, at the most those of the area.
pub(crate) fn facts(picture: &Picture<'_>, area: Rect, buffer: &mut Buffer) -> u16 {
    let Some(metrics) = picture.metrics else { return 0 };
    let (mut column, mut line) = (0_u16, 0_u16);
    for (name, value) in of(metrics) {
        let needed = width(name).saturating_add(1).saturating_add(width(&value));
        if column > 0 && column.saturating_add(needed) > area.width {
            (column, line) = (0, line.saturating_add(1));
        }
        let behind = put(buffer, area, (column, line), &format!("{name} "), picture.palette.faint());
        column = put(buffer, area, (behind, line), &value, picture.palette.strong()).saturating_add(APART);
    }
    line.saturating_add(1).min(area.height)
}

fn of(metrics: &Metrics) -> Vec<(&'static str, String)> {
    let count = |count: u64| text::count(count as f64);
    let (pins, database) = (&metrics.pins, &metrics.database);
    let used = database.connections_in_use;
    let refused = metrics.connections.iter().flat_map(|side| &side.refused).map(|refused| refused.count);
    let first = metrics.certificates.iter().map(|certificate| certificate.days_left).min();
    vec![
        ("ledgers behind", count(metrics.projection_lag_entries)),
        ("sessions", count(metrics.sessions_open)),
        ("wrong PINs", count(metrics.login_failures_total)),
        ("locked out", count(metrics.lock_outs_total)),
        ("disk free", text::bytes(metrics.disk_free_bytes as f64)),
        ("PINs", format!("{} of {} busy, {} wait", pins.busy, pins.threads, count(pins.waiting))),
        ("refused", count(refused.sum())),
        ("certificates", first.map_or_else(|| "-".to_owned(), certificate)),
        ("readers", format!("{used} of {}", database.connections_limit)),
        ("retries", count(metrics.writer.retries_total)),
        ("files", format!("{} of {}", metrics.process.open_files, count(metrics.process.open_files_max))),
        ("threads", count(metrics.process.threads)),
    ]
}

/// How long a certificate is good for, as far as anybody minds.
fn certificate(days: i64) -> String {
    if days < 3_650 { format!("{days} d") } else { "10 years".to_owned() }
}

/// Lines that show everything there is.
pub(crate) fn lines_wanted(picture: &Picture<'_>) -> u16 {
    let methods = picture.change.map_or(0, |change| change.methods().len());
    u16::try_from(methods).unwrap_or(u16::MAX).saturating_add(1)
}

/// Methods, and where there is room rejections and addresses.
pub(crate) fn most(picture: &Picture<'_>, area: Rect, buffer: &mut Buffer) {
    let beside = |index: u16| {
        let x = METHODS_WIDTH + APART + index * (OTHERS_WIDTH + APART);
        let fits = area.width >= x + OTHERS_WIDTH;
        fits.then(|| Rect { x: area.x.saturating_add(x), width: OTHERS_WIDTH, ..area })
    };
    methods(picture, Rect { width: area.width.min(METHODS_WIDTH), ..area }, buffer);
    if let Some((place, change)) = beside(0).zip(picture.change) {
        let rejections = change.rejections().into_iter();
        let rows = rejections.map(|(name, total, _)| (name.replace('_', " "), text::count(total as f64)));
        pairs(picture, ("rejections", "in all"), rows, place, buffer);
    }
    let peers = picture.metrics.and_then(|metrics| metrics.peers.as_ref());
    if let Some((place, peers)) = beside(1).zip(peers) {
        let rows = peers.iter().map(|peer| (peer.peer.clone(), text::count(peer.connections as f64)));
        pairs(picture, ("addresses", "connections"), rows, place, buffer);
    }
}

/// Right ends of the columns behind the name, and their heads.
const METHOD_COLUMNS: [(u16, &str); 5] =
    [(31, "/s"), (41, "p50"), (51, "p99"), (60, "failed"), (70, "in all")];

fn methods(picture: &Picture<'_>, area: Rect, buffer: &mut Buffer) {
    let (faint, plain) = (picture.palette.faint(), Style::new());
    put(buffer, area, (0, 0), "methods", picture.palette.strong());
    let mut cells = |line: u16, values: [&str; 5], style: Style| {
        for ((end, _), value) in METHOD_COLUMNS.into_iter().zip(values) {
            if end <= area.width {
                put_right(buffer, Rect { width: end, ..area }, line, 0, value, style);
            }
        }
    };
    cells(0, METHOD_COLUMNS.map(|(_, head)| head), faint);
    let Some(change) = picture.change else { return };
    let micro = picture.palette.glyphs.micro;
    let shown: Vec<_> =
        change.methods().into_iter().take(usize::from(area.height.saturating_sub(1))).collect();
    for (line, method) in (1..).zip(&shown) {
        let took = |of_thousand| {
            let us = method.took.quantile_us(of_thousand);
            us.map_or_else(|| "-".to_owned(), |us| text::latency(us as f64 / 1e6, micro))
        };
        let failed =
            method.failed_percent.map_or_else(|| "-".to_owned(), |percent| format!("{percent:.1} %"));
        let (rate, total) = (text::count(method.per_second), text::count(method.total as f64));
        let style = if method.per_second > 0.0 { plain } else { faint };
        cells(line, [&rate, &took(500), &took(990), &failed, &total], style);
    }
    for (line, method) in (1..).zip(&shown) {
        let style = if method.per_second > 0.0 { plain } else { faint };
        put(buffer, Rect { width: area.width.min(24), ..area }, (0, line), &method.name, style);
    }
}

/// Names and a count each.
fn pairs(
    picture: &Picture<'_>,
    heads: (&str, &str),
    rows: impl Iterator<Item = (String, String)>,
    area: Rect,
    buffer: &mut Buffer,
) {
    put(buffer, area, (0, 0), heads.0, picture.palette.strong());
    put_right(buffer, area, 0, 0, heads.1, picture.palette.faint());
    for (line, (name, count)) in (1..area.height).zip(rows) {
        let row = lines(area, line, 1);
        let from = put_right(buffer, row, 0, 0, &count, Style::new()).unwrap_or(row.width);
        put(buffer, Rect { width: from.saturating_sub(1), ..row }, (0, 0), &name, Style::new());
    }
}
