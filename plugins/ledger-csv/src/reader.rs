//! A whole ledger, row by row.

use crate::chunks::{Chunk, Chunks, OpenError};
use crate::dialect::{Dialect, Rules};
use crate::entry::Entry;
use crate::fault::Fault;
use crate::records::Records;
use crate::row::Parser;
use std::collections::VecDeque;
use std::io::{self, Read};

/// How much is read at once.
const BYTES: usize = 1024 * 1024;

/// Reads a ledger from its start to its end.
///
/// ```
/// use atm_ledger_csv::dialect::Rules;
/// use atm_ledger_csv::reader::Reader;
///
/// let text = "Mobile_Number, Action, Amount, Bank_Balance, Timestamp\n0801234567, deposit, 5.5, 100.0, 2026-11-18 16:36:40\n";
/// let rules = Rules { zone: jiff::tz::TimeZone::UTC, decimals: 2 };
/// let mut reader = Reader::open(text.as_bytes(), rules).unwrap().unwrap();
/// let entry = reader.next().unwrap().unwrap().unwrap();
/// assert_eq!((entry.line, entry.amount, entry.bank_balance), (2, Some(550), Some(10_000)));
/// assert!(reader.next().unwrap().is_none());
/// ```
#[derive(Debug)]
pub struct Reader<R> {
    chunks: Chunks<R>,
    parser: Parser,
    buffer: Vec<u8>,
    chunk: Option<Chunk>,
    /// How far the buffer was gone through, and the line there.
    position: usize,
    line: u64,
    /// What was read and not yet given.
    read: VecDeque<Result<Entry, Fault>>,
}

impl<R: Read> Reader<R> {
    /// Finds out how a file is written; `None` where there is nothing in it.
    ///
    /// # Errors
    /// [`OpenError`] where it cannot be read, or is no ledger.
    pub fn open(from: R, rules: Rules) -> Result<Option<Self>, OpenError> {
        let opened = Chunks::open(from)?;
        Ok(opened.map(|(dialect, chunks)| Self {
            chunks,
            parser: Parser::new(dialect, rules),
            buffer: Vec::new(),
            chunk: None,
            position: 0,
            line: 0,
            read: VecDeque::new(),
        }))
    }

    /// How the file is written.
    pub const fn dialect(&self) -> &Dialect {
        self.parser.dialect()
    }

    /// The next row, or what is wrong with it; `None` at the end.
    ///
    /// # Errors
    /// Where the file cannot be read.
    #[expect(clippy::should_implement_trait, reason = "an iterator's item would bury one result in another")]
    pub fn next(&mut self) -> io::Result<Option<Result<Entry, Fault>>> {
        loop {
            if let Some(row) = self.read.pop_front() {
                return Ok(Some(row));
            }
            if self.chunk.is_some() {
                let (text, delimiter) = (&self.buffer[self.position..], self.parser.dialect().delimiter);
                let mut records = Records::new(text, self.line, delimiter, true);
                if let Some(record) = records.next() {
                    self.read.extend(self.parser.rows(record));
                    self.position += records.position();
                    self.line = records.line();
                    continue;
                }
            }
            self.chunk = self.chunks.next(&mut self.buffer, BYTES)?;
            let Some(chunk) = self.chunk else { return Ok(None) };
            (self.position, self.line) = (0, chunk.first_line);
        }
    }
}

#[cfg(test)]
mod tests;
