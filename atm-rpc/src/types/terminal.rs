//! The names of terminals.

use serde::{Deserialize, Serialize};
use std::fmt;
use thiserror::Error;

/// The most bytes a name has.
pub const LENGTH_MAX: usize = 16;

/// The device a customer stands at: 1 to 16 letters, digits, points, dashes or underscores.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TerminalName(String);

impl TerminalName {
    /// Reads a name.
    ///
    /// # Errors
    /// [`NotATerminalName`] when it is empty, too long or has other characters.
    pub fn parse(text: &str) -> Result<Self, NotATerminalName> {
        let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_');
        if text.is_empty() || text.len() > LENGTH_MAX || !text.bytes().all(allowed) {
            return Err(NotATerminalName);
        }
        Ok(Self(text.to_owned()))
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for TerminalName {
    type Error = NotATerminalName;
    fn try_from(text: String) -> Result<Self, NotATerminalName> {
        Self::parse(&text)
    }
}

impl From<TerminalName> for String {
    fn from(name: TerminalName) -> Self {
        name.0
    }
}

impl std::str::FromStr for TerminalName {
    type Err = NotATerminalName;
    fn from_str(text: &str) -> Result<Self, NotATerminalName> {
        Self::parse(text)
    }
}

impl fmt::Display for TerminalName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// The text is not the name of a terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("a terminal's name is 1 to 16 letters, digits, points, dashes or underscores, such as ATM-0042")]
pub struct NotATerminalName;
