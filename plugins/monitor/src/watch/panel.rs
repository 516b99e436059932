//! One chart with its name, its value now, and what its top is.

use super::canvas::{lines, put, put_right, width};
use super::chart::{self, Looks};
use super::points::Line;
use super::view::Picture;
use crate::change::customers_latency;
use crate::text;
use atm_rpc::operator::metrics::{Histogram, Metrics, Side};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

/// Draws it.
pub(crate) fn draw(line: Line, picture: &Picture<'_>, area: Rect, buffer: &mut Buffer) {
    let palette = picture.palette;
    let columns = picture.points.columns(line, usize::from(area.width), picture.step_ms, picture.now_ms);
    let top = top(line, &columns);
    let mut behind = put(buffer, area, (0, 0), &format!("{} ", name(line)), palette.strong());
    let values = if picture.is_away { String::new() } else { values(line, picture) };
    if !values.is_empty() {
        behind = put(buffer, area, (behind, 0), &format!("{values} "), palette.chart(line));
    }
    let scale = format!(" {}", scale(line, top, picture));
    let end = put_right(buffer, area, 0, behind.saturating_add(1), &scale, palette.faint());
    let left = end.unwrap_or(area.width).saturating_sub(behind);
    let rule: String = std::iter::repeat_n(palette.glyphs.line, usize::from(left)).collect();
    put(buffer, area, (behind, 0), &rule, palette.faint());
    let looks = Looks { glyphs: palette.glyphs, value: palette.chart(line), nothing: palette.faint() };
    chart::draw(&columns, top, looks, lines(area, 1, area.height), buffer);
}

/// Columns that its first line needs to say everything.
pub(crate) fn columns_wanted() -> u16 {
    width("latency p50 10.0 ms  p99 10.0 ms  - 10 ms")
}

const fn name(line: Line) -> &'static str {
    match line {
        Line::Requests => "requests",
        Line::Latency => "latency",
        Line::Commit => "commit",
        Line::Batch => "batch",
        Line::Connections => "connections",
        Line::Cpu => "CPU",
        Line::Memory => "memory",
        Line::Queue => "queue",
        Line::Failures => "failures",
    }
}

/// The value that reaches the top.
fn top(line: Line, columns: &[Option<f64>]) -> f64 {
    match line {
        Line::Memory => {
            // Powers of two: those of ten are no round sizes.
            let largest = columns.iter().flatten().copied().fold(1024.0 * 1024.0, f64::max);
            2_f64.powf((largest.log2() - 1e-9).ceil())
        }
        Line::Latency | Line::Commit => chart::top(columns, 0.000_1),
        Line::Requests | Line::Connections | Line::Cpu | Line::Queue | Line::Batch => {
            chart::top(columns, 10.0)
        }
        Line::Failures => chart::top(columns, 1.0),
    }
}

fn scale(line: Line, top: f64, picture: &Picture<'_>) -> String {
    let text = match line {
        Line::Latency | Line::Commit => text::latency(top, picture.palette.glyphs.micro),
        Line::Memory => text::bytes(top),
        Line::Cpu => format!("{top:.0} %"),
        _ => text::count(top),
    };
    // A round number needs no zeros behind the point.
    text.replacen(".00 ", " ", 1).replacen(".0 ", " ", 1)
}

/// What it is now.
fn values(line: Line, picture: &Picture<'_>) -> String {
    let newest = picture.points.newest(line);
    let told = |told: fn(f64) -> String| newest.map(told).unwrap_or_default();
    match line {
        Line::Requests => told(|rate| format!("{}/s", text::count(rate))),
        Line::Failures => told(|rate| format!("{}/s", text::count(rate))),
        Line::Latency => quantiles(picture, customers_latency),
        Line::Commit => quantiles(picture, |metrics| metrics.writer.commit.clone()),
        Line::Batch => told(text::count),
        Line::Cpu => told(|percent| format!("{percent:.0} %")),
        Line::Memory => told(text::bytes),
        Line::Connections => picture.metrics.map(connections).unwrap_or_default(),
        Line::Queue => picture.metrics.map(queue).unwrap_or_default(),
    }
}

fn quantiles(picture: &Picture<'_>, of: fn(&Metrics) -> Histogram) -> String {
    let took = picture.change.map(|change| change.took(of)).unwrap_or_default();
    let quantile = |of_thousand| took.quantile_us(of_thousand).map(|us| us as f64 / 1e6);
    let told = |seconds: f64| text::latency(seconds, picture.palette.glyphs.micro);
    match quantile(500).zip(quantile(990)) {
        Some((p50, p99)) => format!("p50 {}  p99 {}", told(p50), told(p99)),
        None => String::new(),
    }
}

fn connections(metrics: &Metrics) -> String {
    let customers = metrics.connections.iter().find(|connections| connections.side == Side::Customer);
    let told = customers.map(|c| (text::count(c.active as f64), text::count(c.max as f64)));
    told.map(|(active, max)| format!("{active}  most {max}")).unwrap_or_default()
}

fn queue(metrics: &Metrics) -> String {
    let writer = &metrics.writer;
    let waiting = writer.queue_money.saturating_add(writer.queue_others);
    format!("{} of {}", text::count(waiting as f64), text::count(writer.queue_limit as f64))
}
