//! The rows of a text: where each begins and ends. A row is a line, or more of them where a field in quotes has line ends.

use memchr::{memchr, memrchr};

/// The most bytes of a row. Quotes that are not closed within so many are none.
pub const RECORD_BYTES_MAX: usize = 64 * 1024;

/// A row's text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record<'a> {
    /// The line where it begins.
    pub line: u64,
    /// Where it begins in the text.
    pub begins: usize,
    /// What it has, without the line end.
    pub bytes: &'a [u8],
    /// Whether it has a line end. Only the last one of a file may lack it.
    pub ended: bool,
    /// Whether quotes are opened in it and not closed: then it is the one line where they are.
    pub unclosed: bool,
}

/// Goes through the rows of a text.
#[derive(Clone, Debug)]
pub struct Records<'a> {
    text: &'a [u8],
    position: usize,
    line: u64,
    delimiter: u8,
    is_last: bool,
}

/// Where a row ends, its line end included.
struct End {
    at: usize,
    unclosed: bool,
}

impl<'a> Records<'a> {
    /// The rows of a text that begins at that line. Where it is not the last of its file, a row without an end is none.
    #[must_use]
    pub const fn new(text: &'a [u8], line: u64, delimiter: u8, is_last: bool) -> Self {
        Self { text, position: 0, line, delimiter, is_last }
    }

    /// Goes on behind what somebody else read: so many bytes on one line.
    pub const fn skip_line(&mut self, bytes: usize) {
        self.position += bytes;
        self.line += 1;
    }

    /// Where the next row begins.
    #[must_use]
    pub const fn position(&self) -> usize {
        self.position
    }

    /// The line where the next row begins.
    #[must_use]
    pub const fn line(&self) -> u64 {
        self.line
    }
}

impl<'a> Iterator for Records<'a> {
    type Item = Record<'a>;

    fn next(&mut self) -> Option<Record<'a>> {
        let rest = self.text.get(self.position..).filter(|rest| !rest.is_empty())?;
        let end = end(rest, self.delimiter, self.is_last)?;
        let whole = &rest[..end.at];
        let ended = whole.ends_with(b"\n");
        let bytes = whole.strip_suffix(b"\n").unwrap_or(whole);
        let bytes = bytes.strip_suffix(b"\r").unwrap_or(bytes);
        let record = Record { line: self.line, begins: self.position, bytes, ended, unclosed: end.unclosed };
        self.position += end.at;
        self.line += lines(whole);
        Some(record)
    }
}

/// How many line ends a text has.
#[must_use]
pub fn lines(text: &[u8]) -> u64 {
    memchr::memchr_iter(b'\n', text).count() as u64
}

/// How much of the start of a text is whole rows, where more is to come.
#[must_use]
pub fn whole(text: &[u8], delimiter: u8) -> usize {
    if memchr(b'"', text).is_none() {
        return memrchr(b'\n', text).map_or(0, |at| at + 1);
    }
    let mut records = Records::new(text, 0, delimiter, false);
    records.by_ref().for_each(drop);
    records.position()
}

/// Where the first row of a text ends; `None` where only what is to come can say.
fn end(rest: &[u8], delimiter: u8, is_last: bool) -> Option<End> {
    let line_end = memchr(b'\n', rest).map(|at| at + 1).or(is_last.then_some(rest.len()));
    let line = &rest[..line_end.unwrap_or(rest.len())];
    if memchr(b'"', line).is_none() {
        return line_end.map(|at| End { at, unclosed: false });
    }
    let near = &rest[..rest.len().min(RECORD_BYTES_MAX)];
    match quoted_end(near, delimiter) {
        Some(at) => Some(End { at, unclosed: false }),
        None if near.len() < rest.len() || is_last => {
            let unclosed = opens(near, delimiter);
            line_end.map(|at| End { at, unclosed })
        }
        None => None,
    }
}

/// Where a row ends that may have quotes.
fn quoted_end(text: &[u8], delimiter: u8) -> Option<usize> {
    let mut at = 0;
    loop {
        at += text[at..].iter().take_while(|byte| **byte == b' ').count();
        if text.get(at) == Some(&b'"') {
            at += 1;
            loop {
                at += memchr(b'"', text.get(at..)?)? + 1;
                if text.get(at) != Some(&b'"') {
                    break;
                }
                at += 1;
            }
        }
        at += text.get(at..)?.iter().position(|byte| *byte == delimiter || *byte == b'\n')? + 1;
        if text[at - 1] == b'\n' {
            return Some(at);
        }
    }
}

/// Whether a row that does not end ends within quotes.
fn opens(text: &[u8], delimiter: u8) -> bool {
    let mut ended = text.to_vec();
    ended.push(b'\n');
    quoted_end(&ended, delimiter).is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each row's line, text, and whether it is ended and unclosed.
    fn rows(text: &str, is_last: bool) -> Vec<(u64, &str, bool, bool)> {
        let records = Records::new(text.as_bytes(), 1, b',', is_last);
        let text = |record: Record<'_>| {
            std::str::from_utf8(&text.as_bytes()[record.begins..][..record.bytes.len()]).unwrap()
        };
        records.map(|record| (record.line, text(record), record.ended, record.unclosed)).collect()
    }

    #[test]
    fn finds_rows() {
        assert_eq!(
            rows("a,b\nc\r\n\nd", true),
            [(1, "a,b", true, false), (2, "c", true, false), (3, "", true, false), (4, "d", false, false),]
        );
        assert_eq!(rows("a,b\nc", false), [(1, "a,b", true, false)]);
        assert_eq!(
            rows("a, \"b\nc\"\"\n\",d\ne\n", true),
            [(1, "a, \"b\nc\"\"\n\",d", true, false), (4, "e", true, false),]
        );
        // A quote within a field opens nothing.
        assert_eq!(rows("a\"b\nc\n", true), [(1, "a\"b", true, false), (2, "c", true, false)]);
        // Quotes that are never closed spoil their own line alone.
        assert_eq!(rows("a,\"b\nc\n", true), [(1, "a,\"b", true, true), (2, "c", true, false)]);
        assert_eq!(rows("a,\"b\nc\n", false), []);
        assert_eq!(rows("a,\"b\"", true), [(1, "a,\"b\"", false, false)]);
        let far = format!("\"b\n{}", "c\n".repeat(RECORD_BYTES_MAX));
        assert_eq!(rows(&far, false)[0], (1, "\"b", true, true));
    }

    #[test]
    fn a_part_is_cut_behind_a_whole_row() {
        let table =
            [("a\nb\nc", 4), ("abc", 0), ("", 0), ("a\n\"b\nc", 2), ("a\n\"b\nc\"\nd", 8), ("a\n\"b\"", 2)];
        for (text, expected) in table {
            assert_eq!(whole(text.as_bytes(), b','), expected, "{text:?}");
        }
    }
}
