//! `report chart`: the main figures drawn in a terminal, of any size, with blocks or with plain ASCII.
//!
//! A pure function of the data and of what the terminal can show.

mod balance;
mod bars;
mod screen;
#[cfg(test)]
mod tests;
mod week;

pub use screen::{Ink, Screen, Strokes};

use crate::drawing::Data;
use crate::drawing::words::period;

/// So many lines of the smallest screen a drawing can spare.
const ROOM: usize = 4;

/// What is drawn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Figure {
    /// Deposits and withdrawals by day, week, month ...
    #[default]
    Daily,
    /// The bank's balance over time.
    Balance,
    /// Movements by hours of the week.
    Hourly,
    /// Wrong PINs and numbers that were blacklisted, by day, week, month ...
    Failures,
}

/// The drawing, each line with its end.
#[must_use]
pub fn draw(data: &Data, figure: Figure, screen: &Screen) -> String {
    let lines = lines(data, figure, screen);
    // Sentences that were folded take room from the drawing.
    let above = (lines.len() + 1).saturating_sub(screen.lines);
    let lines = match above {
        0 => lines,
        above => self::lines(data, figure, &Screen { lines: screen.lines - above.min(ROOM), ..*screen }),
    };
    lines.into_iter().map(|line| format!("{}\n", line.trim_end())).collect()
}

fn lines(data: &Data, figure: Figure, screen: &Screen) -> Vec<String> {
    match figure {
        Figure::Daily if !data.days.is_empty() => bars::daily(data, screen),
        Figure::Balance if data.closing_minor().is_some() => balance::balance(data, screen),
        Figure::Balance if !data.days.is_empty() => {
            screen.folded("No row of what was read has a balance of the bank.")
        }
        Figure::Hourly if data.hours.iter().flatten().any(|count| *count > 0) => week::week(data, screen),
        Figure::Failures => match &data.failures {
            Some(failures) if !failures.is_empty() => bars::failures(data, failures, screen),
            _ => screen.folded(&data.nothing()),
        },
        _ => screen.folded(&data.nothing()),
    }
}

/// What is drawn, and under it of when, and in whose days.
fn title(what: &str, data: &Data, screen: &Screen) -> Vec<String> {
    let when = data.period().map_or(String::new(), |(first, last)| period(first, last));
    [screen.folded(what), screen.folded(&format!("{when}, {}", data.zone))].concat()
}
