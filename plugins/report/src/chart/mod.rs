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
    let lines = match figure {
        Figure::Daily if !data.days.is_empty() => bars::daily(data, screen),
        Figure::Balance if data.closing_minor().is_some() => balance::balance(data, screen),
        Figure::Balance if !data.days.is_empty() => {
            vec!["No row of what was read has a balance of the bank.".to_owned()]
        }
        Figure::Hourly if data.hours.iter().flatten().any(|count| *count > 0) => week::week(data, screen),
        Figure::Failures => match &data.failures {
            Some(failures) if !failures.is_empty() => bars::failures(data, failures, screen),
            _ => vec![data.nothing()],
        },
        _ => vec![data.nothing()],
    };
    lines.into_iter().map(|line| format!("{}\n", line.trim_end())).collect()
}

/// What is drawn, and under it of when, and in whose days.
fn title(what: &str, data: &Data) -> [String; 2] {
    let when = data.period().map_or(String::new(), |(first, last)| period(first, last));
    [what.to_owned(), format!("{when}, {}", data.zone)]
}
