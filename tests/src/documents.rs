//! Documents that are run: their ```console blocks are one long session, from top to bottom.
//!
//! In a block, `$ ` begins a command and what follows is its output; `...` stands for any lines. A command ends with 0,
//! unless the next one is `echo $?`. Times and spaces between words do not count.

use crate::programs::root;
use std::fmt;
use std::fs;

/// Stands where a person interrupts what runs.
pub const INTERRUPT: &str = "^C";
const ANY_LINES: &str = "...";
/// Prompts with what is typed behind them.
const PROMPTS: [&str; 4] = ["Mobile number: ", "Register it now (yes/no)? ", "> ", "Amount: "];

/// A document of this repository.
///
/// # Panics
/// Where it cannot be read.
#[must_use]
pub fn text(name: &str) -> String {
    fs::read_to_string(root().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// A command, where it stands, and its documented output.
#[derive(Clone, Debug)]
pub struct Step {
    document: String,
    line: usize,
    /// The command, without `$ `, or [`INTERRUPT`].
    pub command: String,
    /// Whether it may end with another code than 0: the next one asks for it.
    pub may_fail: bool,
    /// What it says.
    pub output: Vec<String>,
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: $ {}", self.document, self.line, self.command)
    }
}

impl Step {
    /// Compares what was said with what is documented.
    ///
    /// # Panics
    /// With both, where they differ in more than times and spaces.
    pub fn compare(&self, said: &str) {
        let expected: Vec<String> = self.output.iter().map(|line| stable(line)).collect();
        let said: Vec<String> = said.lines().map(stable).collect();
        let (expected, said) = (trimmed(&expected), trimmed(&said));
        assert!(
            fits(expected, said),
            "{self}\ndocumented:\n{}\nsaid:\n{}",
            expected.join("\n"),
            said.join("\n")
        );
    }
}

/// The commands of a document.
///
/// # Panics
/// Where a block begins with something else.
#[must_use]
pub fn steps(document: &str) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    let mut inside = false;
    for (line, text) in (1..).zip(text(document).lines()) {
        if text.starts_with("```") {
            inside = text == "```console";
        } else if inside {
            let command = text.strip_prefix("$ ").or_else(|| (text == INTERRUPT).then_some(text));
            match (command, steps.last_mut()) {
                (Some(command), last) => {
                    if let Some(last) = last {
                        last.may_fail = command == "echo $?";
                    }
                    let (document, command) = (document.to_owned(), command.to_owned());
                    steps.push(Step { document, line, command, may_fail: false, output: Vec::new() });
                }
                (None, Some(step)) => step.output.push(text.to_owned()),
                (None, None) => panic!("{document}:{line}: output without a command"),
            }
        }
    }
    steps
}

/// The prompt that a line of a conversation begins with.
#[must_use]
pub fn prompt_in(line: &str) -> Option<&'static str> {
    PROMPTS.into_iter().find(|prompt| line.starts_with(prompt))
}

/// A line without what differs from run to run: times, and the space between words. From a pipe, what is
/// typed is not shown.
fn stable(line: &str) -> String {
    // What listens on every address is connected to at one of them.
    let line = prompt_in(line).unwrap_or(line).replace("0.0.0.0:", "127.0.0.1:");
    let words: Vec<&str> = line.split_whitespace().collect();
    let mut text = String::new();
    for part in words.join(" ").split_inclusive(|c: char| !c.is_ascii_alphanumeric() && !"-:.".contains(c)) {
        let word = part.trim_end_matches(|c: char| !c.is_ascii_alphanumeric());
        text += if is_time(word) { "TIME" } else { word };
        text += &part[word.len()..];
    }
    text
}

/// `2026-11-22`, with or without a time behind it, or `15:02` with or without seconds.
fn is_time(word: &str) -> bool {
    let has = |pattern: &str| {
        let mut bytes = word.bytes();
        pattern
            .bytes()
            .all(|p| bytes.next().is_some_and(|b| if p == b'0' { b.is_ascii_digit() } else { p == b }))
    };
    has("0000-00-00") || (has("00:00") && word.len() <= 8)
}

/// Without empty lines at the end.
fn trimmed(lines: &[String]) -> &[String] {
    let end = lines.iter().rposition(|line| !line.is_empty()).map_or(0, |last| last + 1);
    &lines[..end]
}

fn fits(expected: &[String], said: &[String]) -> bool {
    match expected.split_first() {
        None => said.is_empty(),
        Some((line, rest)) if line == ANY_LINES => {
            (0..=said.len()).any(|skipped| fits(rest, &said[skipped..]))
        }
        Some((line, rest)) => said.first() == Some(line) && fits(rest, &said[1..]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_compared_by_what_is_stable() {
        let same = [
            ("| Date and time  2026-11-22 15:05:30  |", "| Date and time 2027-01-01 00:00:00 |"),
            ("x,2026-11-22T15:05:30.291Z,,", "x,2027-01-01T00:00:00.000Z,,"),
            ("blocked until 2026-11-22 17:02.", "blocked until 2026-11-23 01:30."),
            ("Amount: 500", "Amount: "),
        ];
        for (one, other) in same {
            assert_eq!(stable(one), stable(other));
        }
        for (one, other) in
            [("Balance 400.00", "Balance 500.00"), ("a,b", "a b"), ("0801234567", "0801234568")]
        {
            assert_ne!(stable(one), stable(other));
        }
        let lines = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
        for (expected, fitting) in
            [("a ... d", true), ("... d", true), ("a ...", true), ("a ... c", false), ("a d", false)]
        {
            assert_eq!(fits(&lines(expected), &lines("a b c d")), fitting, "{expected}");
        }
    }
}
