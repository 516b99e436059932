//! Bars that lie: a line for each day, week, month, with its numbers beside it.

use super::screen::{Colour, Screen, Strokes};
use super::title;
use crate::drawing::scale::share;
use crate::drawing::stretch::{Span, Stretch};
use crate::drawing::words::{amount, grouped, mark};
use crate::drawing::{Data, Failures, Flow};

/// Lines that a drawing has beside its bars: title, an empty one, names, the sum, a sentence, and the one of the prompt.
const LINES_BESIDE: usize = 6;
/// With less room for a bar, amounts are shortened.
const BAR_MIN: usize = 8;

/// Withdrawals to the left of a line, deposits to its right.
pub(super) fn daily(data: &Data, screen: &Screen) -> Vec<String> {
    let (span, stretches) = data.stretches(screen.lines - LINES_BESIDE);
    let add = |sum: &mut Flow, day: &crate::drawing::Day| *sum = sum.and(day.flow);
    let flows = Stretch::fold(&stretches, &data.days, |day| day.date, (Flow::default(), add));
    let names: Vec<String> = stretches.iter().map(|stretch| name(*stretch, span, screen)).collect();
    let label = width(names.iter().map(String::as_str).chain(["Total", span.word()]));
    let sum = data.flow();
    let most = flows.iter().map(|flow| flow.deposits_minor.max(flow.withdrawals_minor)).max().unwrap_or(0);
    let exact = |minor: i128| amount(minor, data.currency);
    let short = |minor: i128| {
        let magnitude = minor.saturating_abs();
        mark(minor, data.currency.exponent(), magnitude, (magnitude / 100).max(1))
    };
    // The widths of the amounts on both sides, and what they leave for each bar.
    let widths = |say: &dyn Fn(i128) -> String| {
        let all = || flows.iter().chain([&sum]);
        let outs: Vec<String> = all().map(|flow| say(flow.withdrawals_minor)).collect();
        let ins: Vec<String> = all().map(|flow| say(flow.deposits_minor)).collect();
        let out = width(outs.iter().map(String::as_str).chain(["Withdrawals"]));
        let come = width(ins.iter().map(String::as_str).chain(["Deposits"]));
        (out, come, screen.columns.saturating_sub(label + out + come + 7) / 2)
    };
    let fits = widths(&exact).2 >= BAR_MIN;
    let say: &dyn Fn(i128) -> String = if fits { &exact } else { &short };
    let (out, come, bar) = widths(say);
    let bar = bar.max(1);
    let axis = screen.either('│', '|');
    let line = |name: &str, flows: [&str; 2], [left, right]: [String; 2], axis: char| {
        format!("{name:label$}  {:>out$}  {left}{axis}{right}  {:>come$}", flows[0], flows[1])
    };
    let blank = || " ".repeat(bar);
    let what = format!("Deposits and withdrawals by {}, {}", span.word(), data.currency.code());
    let mut lines = title(&what, data, screen);
    lines.push(line(&capital(span.word()), ["Withdrawals", "Deposits"], [blank(), blank()], ' '));
    for (name, flow) in names.iter().zip(&flows) {
        let left = screen.paint(Colour::Yellow, &leftward(flow.withdrawals_minor, most, bar, screen));
        let right = screen.paint(Colour::Cyan, &rightward(flow.deposits_minor, most, bar, screen));
        let said = [say(flow.withdrawals_minor), say(flow.deposits_minor)];
        lines.push(line(name, [&said[0], &said[1]], [left, right], axis));
    }
    let said = [say(sum.withdrawals_minor), say(sum.deposits_minor)];
    lines.push(line("Total", [&said[0], &said[1]], [blank(), blank()], ' '));
    let change = format!("The bank's balance changed by {} {}.", data.currency.code(), exact(sum.net_minor));
    lines.extend(screen.folded(&change));
    lines
}

/// Wrong PINs, and behind them the numbers that were blacklisted.
pub(super) fn failures(data: &Data, failures: &[Failures], screen: &Screen) -> Vec<String> {
    let (span, stretches) = data.stretches(screen.lines - LINES_BESIDE);
    let add = |sum: &mut (u64, u64), day: &Failures| {
        *sum = (sum.0.saturating_add(day.wrong_pins), sum.1.saturating_add(day.blacklisted));
    };
    let sums = Stretch::fold(&stretches, failures, |day| day.date, ((0, 0), add));
    let names: Vec<String> = stretches.iter().map(|stretch| name(*stretch, span, screen)).collect();
    let label = width(names.iter().map(String::as_str).chain(["Total", span.word()]));
    let sum = Failures::sum(failures);
    let (wrong_said, listed_said) = (grouped(sum.0), grouped(sum.1));
    let wrong_width = width([wrong_said.as_str(), "Wrong PINs"]);
    let listed_width = width([listed_said.as_str(), "Blacklisted"]);
    let bar = screen.columns.saturating_sub(label + wrong_width + listed_width + 6).max(1);
    let both = |(wrong, listed): &(u64, u64)| i128::from(*wrong) + i128::from(*listed);
    let most = sums.iter().map(both).max().unwrap_or(0);
    let (full, shaded) = (screen.either('█', '#'), screen.either('░', '-'));
    let line = |name: &str, wrong: String, listed: String, bar: String| {
        format!("{name:label$}  {wrong:>wrong_width$}  {listed:>listed_width$}  {bar}")
    };
    let mut lines = title(&format!("Failed log-ins by {}", span.word()), data, screen);
    lines.push(line(&capital(span.word()), "Wrong PINs".into(), "Blacklisted".into(), String::new()));
    for (name, counts) in names.iter().zip(&sums) {
        let end = cells(both(counts), most, bar);
        let wrong = cells(i128::from(counts.0), most, bar);
        // What is not nothing has a cell.
        let wrong = if counts.1 > 0 && wrong == end && end > 1 { end - 1 } else { wrong.min(end) };
        let drawn = screen.paint(Colour::Red, &full.to_string().repeat(wrong))
            + &shaded.to_string().repeat(end - wrong);
        lines.push(line(name, grouped(counts.0), grouped(counts.1), drawn));
    }
    lines.push(line("Total", wrong_said, listed_said, String::new()));
    lines.push(format!("{full} wrong PIN   {shaded} blacklisted"));
    lines
}

/// A bar from the left, filled up with spaces.
fn rightward(part: i128, whole: i128, bar: usize, screen: &Screen) -> String {
    let drawn = match screen.strokes {
        Strokes::Ascii => "#".repeat(cells(part, whole, bar)),
        Strokes::Blocks => {
            let eighths = cells(part, whole, bar * 8);
            let rest = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"][eighths % 8];
            format!("{}{rest}", "█".repeat(eighths / 8))
        }
    };
    format!("{drawn:bar$}")
}

/// A bar from the right, filled up with spaces. There are no other parts of a block than its half.
fn leftward(part: i128, whole: i128, bar: usize, screen: &Screen) -> String {
    let drawn = match screen.strokes {
        Strokes::Ascii => "#".repeat(cells(part, whole, bar)),
        Strokes::Blocks => {
            let halves = cells(part, whole, bar * 2);
            format!("{}{}", if halves % 2 == 1 { "▐" } else { "" }, "█".repeat(halves / 2))
        }
    };
    format!("{drawn:>bar$}")
}

/// How many of so many cells; what is not nothing has one.
fn cells(part: i128, whole: i128, cells: usize) -> usize {
    let least = u32::from(part > 0);
    let share = share(part, whole, u32::try_from(cells).unwrap_or(u32::MAX)).max(least);
    usize::try_from(share).unwrap_or(cells)
}

/// A day is easier known by its weekday, where there is room for it.
fn name(stretch: Stretch, span: Span, screen: &Screen) -> String {
    match span {
        Span::Day if screen.columns >= 60 => stretch.first.strftime("%a %Y-%m-%d").to_string(),
        _ => stretch.name(span),
    }
}

fn capital(word: &str) -> String {
    word[..1].to_ascii_uppercase() + &word[1..]
}

fn width<'a>(texts: impl IntoIterator<Item = &'a str>) -> usize {
    texts.into_iter().map(|text| text.chars().count()).max().unwrap_or(0)
}
