//! Reads INI text into entries that know their line. Knows no key and no meaning of a value.
//!
//! `[section]`, `key = value`, and comments on lines of their own, begun by `#` or `;`. A value goes to
//! the end of its line, so that it may hold `#`, `;` and `=`; spaces around it do not count.

use std::collections::HashMap;

/// One `key = value`. Without `Debug`, because the value may be a password.
pub struct Entry {
    /// The section that it is in.
    pub section: String,
    /// What stands before the `=`.
    pub key: String,
    /// What stands after it.
    pub value: String,
    /// Its line, counted from 1.
    pub line: usize,
}

/// A line that cannot be read.
#[derive(Debug, PartialEq, Eq)]
pub struct Fault {
    /// The line, counted from 1.
    pub line: usize,
    /// What is wrong with it. Never a piece of the line's value.
    pub message: String,
}

/// Reads all lines; those that cannot be read are faults, and the others still count.
#[must_use]
pub fn read(text: &str) -> (Vec<Entry>, Vec<Fault>) {
    let mut entries = Vec::new();
    let mut faults = Vec::new();
    let mut seen: HashMap<(String, String), usize> = HashMap::new();
    let mut section: Option<String> = None;
    for (index, text) in text.trim_start_matches('\u{feff}').lines().enumerate() {
        let (line, text) = (index + 1, text.trim());
        let mut fault = |message: String| faults.push(Fault { line, message });
        if text.is_empty() || text.starts_with(['#', ';']) {
            continue;
        }
        if let Some(rest) = text.strip_prefix('[') {
            match rest.strip_suffix(']').map(str::trim) {
                Some(name) if !name.is_empty() && !name.contains(['[', ']']) => {
                    section = Some(name.to_owned())
                }
                _ => fault("a section is a name in brackets on a line of its own, such as [server]".into()),
            }
            continue;
        }
        let Some((key, value)) = text.split_once('=') else {
            fault("a line is `key = value`, `[section]`, or a comment that begins with #".into());
            continue;
        };
        let (key, value) = (key.trim(), value.trim());
        let Some(section) = &section else {
            fault("a key needs a section above it, such as [server]".into());
            continue;
        };
        if key.is_empty() {
            fault("a key is missing before the `=`".into());
            continue;
        }
        match seen.insert((section.clone(), key.to_owned()), line) {
            Some(first) => {
                fault(format!("[{section}] {key} is set a second time; the first is in line {first}"));
            }
            None => entries.push(Entry {
                section: section.clone(),
                key: key.to_owned(),
                value: value.to_owned(),
                line,
            }),
        }
    }
    (entries, faults)
}

#[cfg(test)]
mod tests {
    use super::*;

    type Row<'a> = (&'a str, &'a str, &'a str, usize);

    #[test]
    fn reads_what_people_write() {
        let table: &[(&str, &[Row<'_>])] = &[
            ("", &[]),
            ("[a]\nb = c", &[("a", "b", "c", 2)]),
            ("\u{feff}[a]\r\nb=c\r\n\r\n  d  =  e f  \r\n", &[("a", "b", "c", 2), ("a", "d", "e f", 4)]),
            ("# x\n; y\n[ a ]\n  # z\nb =", &[("a", "b", "", 5)]),
            ("[a]\npassword = p#a;s=s\n", &[("a", "password", "p#a;s=s", 2)]),
            (
                "[a]\nb = 1\n[c]\nb = 2\n[a]\nd = 3",
                &[("a", "b", "1", 2), ("c", "b", "2", 4), ("a", "d", "3", 6)],
            ),
        ];
        for (text, expected) in table {
            let (entries, faults) = read(text);
            let got: Vec<Row<'_>> = entries
                .iter()
                .map(|e| (e.section.as_str(), e.key.as_str(), e.value.as_str(), e.line))
                .collect();
            assert_eq!(&got, expected, "{text:?}");
            assert_eq!(faults, [], "{text:?}");
        }
    }

    #[test]
    fn says_which_line_cannot_be_read_and_reads_the_others() {
        let table = [
            ("b = c\n[a]\nd = e", 1, "section above it"),
            ("[a]\nd = e\nhunter2", 3, "a line is"),
            ("[a]\nd = e\n[b", 3, "in brackets"),
            ("[a]\nd = e\n[]", 3, "in brackets"),
            ("[a]\nd = e\n[a] # here", 3, "in brackets"),
            ("[a]\nd = e\n = hunter2", 3, "is missing"),
            ("[a]\nd = e\n\nd = hunter2", 4, "[a] d is set a second time; the first is in line 2"),
        ];
        for (text, line, message) in table {
            let (entries, faults) = read(text);
            assert_eq!(entries.iter().map(|e| e.value.as_str()).collect::<Vec<_>>(), ["e"], "{text:?}");
            assert_eq!(faults.len(), 1, "{text:?}: {faults:?}");
            assert_eq!(faults[0].line, line, "{text:?}");
            assert!(faults[0].message.contains(message), "{text:?}: {faults:?}");
            assert!(!faults[0].message.contains("hunter2"), "{text:?}: {faults:?}");
        }
    }
}
