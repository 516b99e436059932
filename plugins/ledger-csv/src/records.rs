//! The rows of a text: where each begins and ends. A row is a line, or more of them where a field in quotes has line ends.

use memchr::{memchr, memrchr};
use std::iter;

/// The most bytes of a row. Quotes that are not closed within so many are taken for those of one line.
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
}

impl<'a> Record<'a> {
    /// Each of its lines as a row of its own.
    pub fn lines(self) -> impl Iterator<Item = Self> {
        let mut rest = Some(self);
        iter::from_fn(move || {
            let record = rest.take()?;
            let Some(end) = memchr(b'\n', record.bytes) else { return Some(record) };
            let (line, behind) = record.bytes.split_at(end);
            let (begins, number) = (record.begins + end + 1, record.line + 1);
            rest = Some(Self { line: number, begins, bytes: &behind[1..], ..record });
            Some(Self { bytes: without_return(line), ended: true, ..record })
        })
    }
}

/// Goes through the rows of a text.
#[derive(Clone, Debug)]
pub struct Records<'a> {
    text: &'a [u8],
    position: usize,
    line: u64,
    delimiter: u8,
    is_whole: bool,
}

/// What becomes of quotes that are opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Quoted {
    /// They are closed where a field ends, and the row ends here.
    Ends(usize),
    /// They are closed in the middle of something, so a quote too many or too few stands in the line.
    Broken,
    /// The text ends before them.
    Open,
}

impl<'a> Records<'a> {
    /// The rows of a text that begins at that line. Where it is not whole, more is to come, and a row without an end is
    /// none.
    #[must_use]
    pub const fn new(text: &'a [u8], line: u64, delimiter: u8, is_whole: bool) -> Self {
        Self { text, position: 0, line, delimiter, is_whole }
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
        let end = end(rest, self.delimiter, self.is_whole)?;
        let whole = &rest[..end];
        let ended = whole.ends_with(b"\n");
        let bytes = whole.strip_suffix(b"\n").unwrap_or(whole);
        let record = Record { line: self.line, begins: self.position, bytes: without_return(bytes), ended };
        self.position += end;
        self.line += lines(whole);
        Some(record)
    }
}

fn without_return(line: &[u8]) -> &[u8] {
    line.strip_suffix(b"\r").unwrap_or(line)
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

/// Where the first row of a text ends, its line end included; `None` where only what is to come can say.
///
/// A stray quote must not take the rows behind it along: where quotes are not closed at the end of a field, the row is the
/// one line.
fn end(rest: &[u8], delimiter: u8, is_whole: bool) -> Option<usize> {
    let line_end = memchr(b'\n', rest).map(|at| at + 1).or(is_whole.then_some(rest.len()));
    let line = &rest[..line_end.unwrap_or(rest.len())];
    if memchr(b'"', line).is_none() {
        return line_end;
    }
    let near = &rest[..rest.len().min(RECORD_BYTES_MAX)];
    match quoted(near, delimiter) {
        Quoted::Ends(at) => Some(at),
        Quoted::Open if near.len() == rest.len() && !is_whole => None,
        Quoted::Open | Quoted::Broken => line_end,
    }
}

/// Where a row ends that may have quotes.
fn quoted(text: &[u8], delimiter: u8) -> Quoted {
    let mut at = 0;
    let behind_spaces = |at: usize| at + text[at..].iter().take_while(|byte| **byte == b' ').count();
    loop {
        at = behind_spaces(at);
        if text.get(at) == Some(&b'"') {
            match closed(text, at + 1) {
                Some(behind) => at = behind_spaces(behind),
                None => return Quoted::Open,
            }
            let is_end = |byte: &u8| *byte == delimiter || b"\r\n".contains(byte);
            if !text.get(at).is_none_or(is_end) {
                return Quoted::Broken;
            }
        }
        match text[at..].iter().position(|byte| *byte == delimiter || *byte == b'\n') {
            Some(end) => at += end + 1,
            None => return Quoted::Open,
        }
        if text[at - 1] == b'\n' {
            return Quoted::Ends(at);
        }
    }
}

/// Behind the quote that closes those which were opened before that place.
fn closed(text: &[u8], mut at: usize) -> Option<usize> {
    loop {
        at += memchr(b'"', text.get(at..)?)? + 1;
        if text.get(at) != Some(&b'"') {
            return Some(at);
        }
        at += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each row's line, text, and whether it is ended.
    fn rows(text: &str, is_whole: bool) -> Vec<(u64, &str, bool)> {
        let records = Records::new(text.as_bytes(), 1, b',', is_whole);
        let text = |record: Record<'_>| &text[record.begins..][..record.bytes.len()];
        records.map(|record| (record.line, text(record), record.ended)).collect()
    }

    #[test]
    fn finds_rows() {
        assert_eq!(
            rows("a,b\nc\r\n\nd", true),
            [(1, "a,b", true), (2, "c", true), (3, "", true), (4, "d", false)]
        );
        assert_eq!(rows("a,b\nc", false), [(1, "a,b", true)]);
        let quoted = "a, \"b\nc\"\"\n\" ,d";
        assert_eq!(rows(&format!("{quoted}\r\ne\n"), true), [(1, quoted, true), (4, "e", true)]);
        // A quote within a field opens nothing.
        assert_eq!(rows("a\"b\nc\n", true), [(1, "a\"b", true), (2, "c", true)]);
        assert_eq!(rows("a,\"b\"", true), [(1, "a,\"b\"", false)]);
        assert_eq!(rows("a,\"b\nc\n", false), []);
    }

    #[test]
    fn a_stray_quote_spoils_its_own_line_alone() {
        assert_eq!(rows("a,\"b\nc\n", true), [(1, "a,\"b", true), (2, "c", true)]);
        assert_eq!(rows("a,\"b\nc,\"d\"\n", true), [(1, "a,\"b", true), (2, "c,\"d\"", true)]);
        assert_eq!(rows("\"b\"c\nd\n", false), [(1, "\"b\"c", true), (2, "d", true)]);
        let far = format!("\"b\n{}", "c\n".repeat(RECORD_BYTES_MAX));
        assert_eq!(rows(&far, false)[..2], [(1, "\"b", true), (2, "c", true)]);
    }

    #[test]
    fn a_row_has_lines() {
        let text = "1\na,\"b\r\nc\n\"\n";
        let record = Records::new(text.as_bytes(), 1, b',', true).nth(1).unwrap();
        let lines = Record { ended: false, ..record }.lines();
        let lines = lines.map(|line| (line.line, &text[line.begins..], line.bytes, line.ended));
        let expected = [
            (2, "a,\"b\r\nc\n\"\n", &b"a,\"b"[..], true),
            (3, "c\n\"\n", b"c", true),
            (4, "\"\n", b"\"", false),
        ];
        assert_eq!(lines.collect::<Vec<_>>(), expected);
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
