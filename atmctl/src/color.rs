//! Whether what people read is coloured, and the few colours that there are.

use clap::builder::StyledStr;
use clap::builder::styling::{AnsiColor, Style};
use std::fmt::Display;

/// Where it is set to anything, nothing is coloured (<https://no-color.org>).
pub(crate) const NO_COLOR: &str = "NO_COLOR";

/// When things are coloured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Color {
    // No documentation comments: clap would make `--help` twice as long by them.
    // On a terminal that can.
    Auto,
    // Wherever it is read.
    Always,
    // Nowhere.
    Never,
}

impl Color {
    /// Whether a stream has colours. `dumb`: the terminal says of itself that it knows none.
    pub(crate) const fn paints(self, is_terminal: bool, dumb: bool) -> bool {
        match self {
            Self::Auto => is_terminal && !dumb,
            Self::Always => true,
            Self::Never => false,
        }
    }
}

const ERROR: Style = AnsiColor::Red.on_default().bold();
const HINT: Style = AnsiColor::Cyan.on_default();

/// The word in front of what went wrong.
pub(crate) fn error(painted: bool) -> String {
    styled("error:", ERROR, painted)
}

/// The word in front of what to do about it.
pub(crate) fn hint(painted: bool) -> String {
    styled("hint:", HINT, painted)
}

/// Help as clap styles it, or as plain text.
pub(crate) fn help(text: &StyledStr, painted: bool) -> String {
    if painted { text.ansi().to_string() } else { text.to_string() }
}

fn styled(text: impl Display, style: Style, painted: bool) -> String {
    if painted { format!("{style}{text}{style:#}") } else { text.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_are_for_terminals_unless_somebody_says_otherwise() {
        let table = [
            (Color::Auto, true, false, true),
            (Color::Auto, true, true, false),
            (Color::Auto, false, false, false),
            (Color::Always, false, true, true),
            (Color::Never, true, false, false),
        ];
        for (color, is_terminal, dumb, expected) in table {
            assert_eq!(color.paints(is_terminal, dumb), expected, "{color:?} {is_terminal} {dumb}");
        }
        assert_eq!((error(false).as_str(), hint(false).as_str()), ("error:", "hint:"));
        assert_eq!(error(true), "\u{1b}[1m\u{1b}[31merror:\u{1b}[0m");
    }
}
