//! What is wrong with a row, for the person who has to mend the file.

use std::fmt;

/// How many faults are kept; more are counted.
pub const KEPT_MAX: usize = 10;
/// How much of a field is shown.
const SHOWN_MAX: usize = 40;

/// A row that is left out, and why. `Display` gives it without the file's name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The line where the row begins, the first of the file being 1.
    pub line: u64,
    /// What is wrong, in a sentence. Has no mobile number in it.
    pub sentence: String,
    /// Whether it is the last line of the file and has no end: its writer may not be done with it.
    pub torn: bool,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.sentence)
    }
}

/// The faults of a file: all counted, the first ones kept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Faults {
    /// How many rows were left out.
    pub count: u64,
    /// The first [`KEPT_MAX`], and after them the torn last line where there is one.
    pub kept: Vec<Fault>,
}

impl Faults {
    /// Adds one that stands behind those that are here.
    pub fn push(&mut self, fault: Fault) {
        self.count += 1;
        if self.kept.len() < KEPT_MAX || fault.torn {
            self.kept.push(fault);
        }
    }

    /// Adds those of the next part of the file.
    pub fn append(&mut self, later: Self) {
        self.count += later.count;
        for fault in later.kept {
            if self.kept.len() < KEPT_MAX || fault.torn {
                self.kept.push(fault);
            }
        }
    }
}

/// The text with stars in place of digits that could be a mobile number.
fn masked(text: &str) -> String {
    let mut masked = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(begin) = rest.find(|c: char| c.is_ascii_digit()) {
        let digits = rest[begin..].bytes().take_while(u8::is_ascii_digit).count();
        let (before, behind) = (&rest[..begin], &rest[begin + digits..]);
        masked.push_str(before);
        match (5..=15).contains(&digits) {
            true => masked.extend(std::iter::repeat_n('*', digits)),
            false => masked.push_str(&rest[begin..begin + digits]),
        }
        rest = behind;
    }
    masked + rest
}

/// A field as it may be shown: short, on one line, and without what could be a mobile number.
pub(crate) fn shown(field: &str) -> String {
    let is_number = (5..=15).contains(&field.len()) && field.bytes().all(|byte| byte.is_ascii_digit());
    if is_number {
        return format!("a number of {} digits", field.len());
    }
    let masked = masked(field);
    let mut short: String = masked.chars().take(SHOWN_MAX).flat_map(char::escape_debug).collect();
    if masked.chars().nth(SHOWN_MAX).is_some() {
        short.push_str("...");
    }
    format!("\"{short}\"")
}
