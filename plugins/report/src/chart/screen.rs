//! What a terminal can show: its size, colours, and characters.

/// Where a drawing goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Screen {
    /// How wide it is.
    pub columns: usize,
    /// How many lines it has.
    pub lines: usize,
    /// Whether it has colours.
    pub ink: Ink,
    /// What it draws with.
    pub strokes: Strokes,
}

/// Whether there are colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ink {
    /// Those of the terminal.
    Coloured,
    /// One.
    Plain,
}

/// The characters of a drawing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strokes {
    /// Blocks and lines of Unicode.
    Blocks,
    /// Nothing but ASCII.
    Ascii,
}

/// Colours by their numbers in ECMA-48, which are readable on dark and on light.
#[derive(Clone, Copy)]
pub(super) enum Colour {
    Red = 31,
    Yellow = 33,
    Cyan = 36,
}

/// Narrower than this nothing is readable; wider than that nothing gains.
const COLUMNS: std::ops::RangeInclusive<usize> = 40..=300;
const LINES: std::ops::RangeInclusive<usize> = 14..=60;

impl Screen {
    /// By the environment and by the size of the terminal, columns and lines; `None`: it is not one.
    #[must_use]
    pub fn new(environment: impl Fn(&str) -> Option<String>, terminal: Option<(u16, u16)>) -> Self {
        let set = |name| environment(name).filter(|value| !value.is_empty());
        let asked = set("COLUMNS").and_then(|columns| columns.parse().ok());
        // A terminal that nobody has told its size has none.
        let size = terminal.filter(|(columns, lines)| *columns > 0 && *lines > 0);
        let (columns, lines) = size.map_or((80, 24), |(columns, lines)| (columns.into(), lines.into()));
        let dumb = set("TERM").is_some_and(|terminal| terminal == "dumb");
        let locale = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().find_map(set).unwrap_or_default();
        let locale = locale.to_ascii_lowercase();
        let coloured = terminal.is_some() && !dumb && set("NO_COLOR").is_none();
        Self {
            columns: asked.unwrap_or(columns).clamp(*COLUMNS.start(), *COLUMNS.end()),
            lines: lines.clamp(*LINES.start(), *LINES.end()),
            ink: if coloured { Ink::Coloured } else { Ink::Plain },
            strokes: if locale.contains("utf-8") || locale.contains("utf8") {
                Strokes::Blocks
            } else {
                Strokes::Ascii
            },
        }
    }

    /// A sentence in as many lines as it needs.
    pub(super) fn folded(&self, text: &str) -> Vec<String> {
        self.joined(text.split(' '), " ")
    }

    /// Pieces of a text one behind the other, in as many lines as they need.
    pub(super) fn joined<'t>(&self, pieces: impl Iterator<Item = &'t str>, between: &str) -> Vec<String> {
        let mut lines: Vec<String> = Vec::new();
        for piece in pieces {
            let width = |text: &str| text.chars().count();
            match lines.last_mut() {
                Some(line) if width(line) + width(between) + width(piece) <= self.columns => {
                    line.push_str(between);
                    line.push_str(piece);
                }
                _ => lines.push(piece.to_owned()),
            }
        }
        lines
    }

    /// Text in a colour, where there are any.
    pub(super) fn paint(&self, colour: Colour, text: &str) -> String {
        match self.ink {
            Ink::Coloured if !text.trim().is_empty() => format!("\u{1b}[{}m{text}\u{1b}[0m", colour as u8),
            _ => text.to_owned(),
        }
    }

    /// The character of blocks, or that of ASCII.
    pub(super) const fn either(&self, blocks: char, ascii: char) -> char {
        match self.strokes {
            Strokes::Blocks => blocks,
            Strokes::Ascii => ascii,
        }
    }
}
