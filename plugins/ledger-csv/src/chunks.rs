//! A ledger in parts of whole rows, read into buffers of bounded size.

use crate::dialect::{Dialect, NotALedger};
use crate::records::{RECORD_BYTES_MAX, lines, whole};
use memchr::memchr;
use std::io::{self, Read};
use thiserror::Error;

/// The fewest bytes of a part, but for the last.
pub const CHUNK_BYTES_MIN: usize = 4 * RECORD_BYTES_MAX;

/// A ledger that is read from its start to its end.
#[derive(Debug)]
pub struct Chunks<R> {
    from: R,
    /// What was read beyond the last part.
    carried: Vec<u8>,
    offset: u64,
    line: u64,
    delimiter: u8,
    ended: bool,
}

/// A part: whole rows, or the last row without an end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chunk {
    /// Where it begins in the file.
    pub offset: u64,
    /// The line where it begins.
    pub first_line: u64,
    /// How many line ends it has.
    pub lines: u64,
    /// Whether nothing comes after it.
    pub is_last: bool,
    /// Whether it is not what the file has: a row above [`RECORD_BYTES_MAX`] of which only the start is here.
    pub is_shortened: bool,
}

/// Why a file cannot be read.
#[derive(Debug, Error)]
pub enum OpenError {
    /// The system says so.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// It is something else.
    #[error(transparent)]
    NotALedger(#[from] NotALedger),
}

impl<R: Read> Chunks<R> {
    /// Reads the start of a file and finds out how it is written; `None` where there is nothing in it.
    ///
    /// # Errors
    /// [`OpenError`] where it cannot be read, or is no ledger.
    pub fn open(mut from: R) -> Result<Option<(Dialect, Self)>, OpenError> {
        let mut carried = Vec::with_capacity(2 * RECORD_BYTES_MAX);
        from.by_ref().take(2 * RECORD_BYTES_MAX as u64).read_to_end(&mut carried)?;
        let Some(dialect) = Dialect::of(&carried)? else { return Ok(None) };
        carried.drain(..dialect.begins);
        let (offset, line) = (dialect.begins as u64, dialect.first_line);
        let chunks = Self { from, carried, offset, line, delimiter: dialect.delimiter, ended: false };
        Ok(Some((dialect, chunks)))
    }

    /// A file that is read from within: behind so many bytes, where that line begins.
    pub const fn within(from: R, delimiter: u8, offset: u64, line: u64) -> Self {
        Self { from, carried: Vec::new(), offset, line, delimiter, ended: false }
    }

    /// What is read from.
    pub const fn source(&self) -> &R {
        &self.from
    }

    /// Reads the next part into a buffer, about so many bytes of it; `None` at the end.
    ///
    /// # Errors
    /// Where it cannot be read.
    pub fn next(&mut self, to: &mut Vec<u8>, bytes: usize) -> io::Result<Option<Chunk>> {
        to.clear();
        if self.ended {
            return Ok(None);
        }
        let bytes = bytes.max(CHUNK_BYTES_MIN);
        to.reserve(bytes + 64);
        to.append(&mut self.carried);
        let wanted = bytes.saturating_sub(to.len()) as u64;
        let read = self.from.by_ref().take(wanted).read_to_end(to)?;
        let is_last = (read as u64) < wanted;
        let begin =
            Chunk { offset: self.offset, first_line: self.line, lines: 0, is_last, is_shortened: false };
        if is_last {
            self.ended = true;
            return Ok((!to.is_empty()).then(|| Chunk { lines: lines(to), ..begin }));
        }
        let end = whole(to, self.delimiter);
        if end == 0 {
            return self.shorten(to, begin).map(Some);
        }
        self.carried.extend_from_slice(&to[end..]);
        to.truncate(end);
        let chunk = Chunk { lines: lines(to), ..begin };
        self.offset += end as u64;
        self.line += chunk.lines;
        Ok(Some(chunk))
    }

    /// Leaves the start of a row that is too long, and goes on behind it.
    fn shorten(&mut self, to: &mut Vec<u8>, begin: Chunk) -> io::Result<Chunk> {
        self.offset += to.len() as u64;
        to.truncate(RECORD_BYTES_MAX + 1);
        let mut part = Vec::with_capacity(RECORD_BYTES_MAX);
        loop {
            part.clear();
            let read = self.from.by_ref().take(RECORD_BYTES_MAX as u64).read_to_end(&mut part)?;
            let end = memchr(b'\n', &part).map(|at| at + 1);
            self.offset += end.unwrap_or(read) as u64;
            if let Some(end) = end {
                self.carried.extend_from_slice(&part[end..]);
                to.push(b'\n');
            } else if read > 0 {
                continue;
            } else {
                self.ended = true;
            }
            break;
        }
        let lines = lines(to);
        self.line += lines;
        Ok(Chunk { lines, is_last: self.ended, is_shortened: true, ..begin })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::records::Records;

    /// The first letters of all rows, read in parts of about so many bytes.
    fn rows(text: &str, bytes: usize) -> Vec<(u64, Vec<u8>)> {
        let (dialect, mut chunks) = Chunks::open(text.as_bytes()).unwrap().unwrap();
        let (mut buffer, mut rows, mut offset) = (Vec::new(), Vec::new(), dialect.begins as u64);
        while let Some(chunk) = chunks.next(&mut buffer, bytes).unwrap() {
            assert!(chunk.offset >= offset);
            offset += buffer.len() as u64;
            let records = Records::new(&buffer, chunk.first_line, b',', true);
            rows.extend(
                records.map(|record| (record.line, record.bytes[..record.bytes.len().min(20)].to_vec())),
            );
        }
        rows
    }

    #[test]
    fn rows_are_the_same_however_a_text_is_cut() {
        let row = "0801234567,deposit,1.00,2.00,2026-01-01T00:00:00.000Z\n";
        let many = |bytes: usize| row.repeat(bytes / row.len());
        // Quotes that are never closed, and behind them, before the end of the first part, a row of some lines.
        let lines = format!("1,\"{}\",3,4,5\n", "two\n".repeat(12_000));
        let stray = format!("{}1,\"2,3,4,5\n{}{lines}{}", many(190_000), many(30_000), many(600_000));
        let quoted = format!("{}{}", many(200_000), lines.repeat(20));
        for text in [stray, quoted, many(700_000)] {
            let whole = rows(&text, 1 << 20);
            assert!(whole.len() > 20);
            for bytes in [CHUNK_BYTES_MIN, 300_000, 333_333] {
                assert_eq!(rows(&text, bytes), whole, "{bytes}");
            }
        }
    }

    #[test]
    fn a_row_without_end_is_one_row() {
        let row = "0801234567,deposit,1.00,2.00,2026-01-01T00:00:00.000Z\n";
        let text = format!("{row}{}\n{row}", "x".repeat(1_000_000));
        let found = rows(&text, CHUNK_BYTES_MIN);
        assert_eq!(found.iter().map(|(line, _)| *line).collect::<Vec<_>>(), [1, 2, 3]);
        assert_eq!(found[1].1, vec![b'x'; 20]);
    }
}
