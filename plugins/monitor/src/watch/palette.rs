//! How things look: with the sixteen colours that every theme of a terminal has, or without any.

use super::chart::{ASCII, Glyphs, UNICODE};
use super::points::Line;
use ratatui::style::{Color, Modifier, Style};

/// What somebody's terminal shows.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Palette {
    pub(crate) glyphs: &'static Glyphs,
    is_coloured: bool,
}

impl Palette {
    /// From the variables that tell of a terminal.
    pub(crate) fn of(variable: impl Fn(&str) -> Option<String>) -> Self {
        let set = |name: &str| variable(name).filter(|value| !value.is_empty());
        // The first of them that is set decides: locale(7).
        let locale =
            ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().find_map(set).unwrap_or_default().to_lowercase();
        let is_unicode = locale.contains("utf-8") || locale.contains("utf8");
        Self { glyphs: if is_unicode { &UNICODE } else { &ASCII }, is_coloured: set("NO_COLOR").is_none() }
    }

    /// Names and values.
    pub(crate) const fn strong(self) -> Style {
        Style::new().add_modifier(Modifier::BOLD)
    }

    /// What is there for orientation.
    pub(crate) const fn faint(self) -> Style {
        Style::new().add_modifier(Modifier::DIM)
    }

    /// As it should be.
    pub(crate) fn good(self) -> Style {
        self.coloured(Color::Green).add_modifier(Modifier::BOLD)
    }

    /// Not as it should be.
    pub(crate) fn bad(self) -> Style {
        let style = self.coloured(Color::Red).add_modifier(Modifier::BOLD);
        if self.is_coloured { style } else { style.add_modifier(Modifier::REVERSED) }
    }

    /// On its way to it.
    pub(crate) fn worrying(self) -> Style {
        self.coloured(Color::Yellow).add_modifier(Modifier::BOLD)
    }

    /// The chart of a line.
    pub(crate) fn chart(self, line: Line) -> Style {
        self.coloured(match line {
            Line::Requests | Line::Batch => Color::Cyan,
            Line::Latency | Line::Commit => Color::Magenta,
            Line::Connections => Color::Green,
            Line::Cpu | Line::Memory => Color::Blue,
            Line::Queue => Color::Yellow,
            Line::Failures => Color::Red,
        })
    }

    fn coloured(self, color: Color) -> Style {
        if self.is_coloured { Style::new().fg(color) } else { Style::new() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_tells_of_itself() {
        type Variables<'v> = &'v [(&'v str, &'v str)];
        let table: &[(Variables<'_>, bool, bool)] = &[
            (&[], false, true),
            (&[("LANG", "en_IN.UTF-8")], true, true),
            (&[("LANG", "C.utf8"), ("NO_COLOR", "1")], true, false),
            (&[("LANG", "en_IN.UTF-8"), ("LC_ALL", "C")], false, true),
            (&[("LANG", "C"), ("LC_CTYPE", "C.UTF-8"), ("LC_ALL", ""), ("NO_COLOR", "")], true, true),
        ];
        for (variables, is_unicode, is_coloured) in table {
            let variable = |name: &str| {
                variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
            };
            let palette = Palette::of(variable);
            assert_eq!((*palette.glyphs == UNICODE, palette.is_coloured), (*is_unicode, *is_coloured));
            assert_eq!(palette.chart(Line::Cpu) != Style::new(), *is_coloured);
        }
    }
}
