//! A ledger against the journal: byte for byte, as far as the file goes. Reads the file, and changes nothing.

use super::render::Ledger;
use crate::ledger::entry::Entry;
use crate::verify::{Finding, Place, Shown};
use atm_rpc::operator::ledger::Check;
use atm_rpc::types::money::Currency;
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;

/// Bytes of the file that are read at a time.
const BUFFER_BYTES: usize = 256 * 1024;
/// The most of a line that is shown.
const SHOWN_BYTES: usize = 160;

/// A ledger that is being compared.
#[derive(Debug)]
pub struct Comparison {
    ledger: Ledger,
    currency: Currency,
    /// `None`: there is no file.
    file: Option<BufReader<File>>,
    /// The newest entry that the file must have; rows after it may not have come yet.
    must_have: i64,
    state: State,
    byte: u64,
    line: u64,
    rows: u64,
    /// Length of the file once the journal was read to its end.
    length: Option<u64>,
    text: String,
    there: Vec<u8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// All so far is equal, or differs line by line.
    Going,
    /// The file's end was met.
    Ended,
    /// The rest cannot be compared.
    Lost,
}

type Found<'a> = &'a mut dyn FnMut(Finding);

impl Comparison {
    /// Opens a ledger. It must have every entry up to `must_have`.
    ///
    /// # Errors
    /// Where it is there and cannot be read.
    pub fn open(folder: &Path, ledger: Ledger, currency: Currency, must_have: i64) -> io::Result<Self> {
        let path = folder.join(ledger.file_name());
        let file = match path.metadata() {
            // Opening a pipe would wait for its other end.
            Ok(metadata) if metadata.is_file() => Some(File::open(&path)?),
            Ok(_) => return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file")),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(error),
        };
        Ok(Self {
            ledger,
            currency,
            file: file.map(|file| BufReader::with_capacity(BUFFER_BYTES, file)),
            must_have,
            state: State::Going,
            byte: 0,
            line: 0,
            rows: 0,
            length: None,
            text: String::new(),
            there: Vec::new(),
        })
    }

    /// Which ledger it is.
    #[must_use]
    pub const fn ledger(&self) -> Ledger {
        self.ledger
    }

    /// Bytes that were compared.
    #[must_use]
    pub const fn bytes(&self) -> u64 {
        self.byte
    }

    /// Rows that were compared, without the header.
    #[must_use]
    pub const fn rows(&self) -> u64 {
        self.rows
    }

    /// Compares the rows of the next entry.
    ///
    /// # Errors
    /// Where the file cannot be read.
    pub fn entry(&mut self, entry: &Entry, found: Found<'_>) -> io::Result<()> {
        if self.line == 0 && self.state == State::Going {
            self.header(entry.seq.0, found)?;
        }
        if self.state == State::Going && self.length.is_none_or(|length| self.byte < length) {
            self.text.clear();
            self.ledger.render(entry, self.currency, &mut self.text);
            if !self.text.is_empty() {
                self.rows += 1;
                self.row(entry.seq.0, found)?;
            }
        }
        Ok(())
    }

    /// An entry that cannot be rendered: what the rest of the file must be is not known.
    pub const fn lose(&mut self) {
        self.state = State::Lost;
    }

    /// From here on only what the file has now is compared, while it may go on to grow. To be called before the
    /// journal's last entries are read.
    ///
    /// # Errors
    /// Where the file cannot be looked at.
    pub fn hold(&mut self) -> io::Result<()> {
        if let Some(file) = &self.file {
            self.length = Some(file.get_ref().metadata()?.len());
        }
        Ok(())
    }

    /// Whether nothing of what was [held](Self::hold) is left to compare.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.state != State::Going || self.length.is_none_or(|length| self.byte >= length)
    }

    /// The journal is over: more must not be there.
    pub fn end(&mut self, found: Found<'_>) {
        if !self.is_done() {
            let finding = Finding::at(Check::Ledger, self.place(0));
            let more = self.length.unwrap_or(self.byte) - self.byte;
            let (expected, there) = ("the end of the file".into(), format!("{more} bytes more"));
            found(Finding { expected: Some(expected), found: Some(Shown::Plain(there)), ..finding });
        }
    }

    fn header(&mut self, seq: i64, found: Found<'_>) -> io::Result<()> {
        self.text.clear();
        self.text.push_str(self.ledger.header());
        self.row(seq, found)
    }

    /// Compares a line of the file with `text`.
    fn row(&mut self, seq: i64, found: Found<'_>) -> io::Result<()> {
        let expected = self.text.as_bytes();
        self.there.clear();
        if let Some(file) = &mut self.file {
            let count = u64::try_from(expected.len()).unwrap_or(u64::MAX);
            file.take(count).read_to_end(&mut self.there)?;
        }
        if self.there == expected {
            self.step();
            return Ok(());
        }
        if expected.starts_with(&self.there) {
            self.state = State::Ended;
            if seq <= self.must_have {
                let end = if self.file.is_some() { "the end of the file" } else { "no file" };
                self.differs(self.there.len(), end.into(), found);
            }
            return Ok(());
        }
        let differs = expected.iter().zip(&self.there).take_while(|(a, b)| a == b).count();
        let there = String::from_utf8_lossy(&self.there[..self.there.len().min(SHOWN_BYTES)]).into_owned();
        self.differs(differs, Shown::Personal(there), found);
        let one_line = self.there.len() == expected.len()
            && self.there.iter().position(|byte| *byte == b'\n') == Some(expected.len() - 1);
        if one_line {
            self.step()
        } else {
            self.state = State::Lost
        }
        Ok(())
    }

    fn step(&mut self) {
        self.byte += u64::try_from(self.there.len()).unwrap_or(0);
        self.line += 1;
    }

    fn differs(&self, at: usize, there: Shown, found: Found<'_>) {
        let expected = Shown::Personal(self.text.trim_end().to_owned());
        let finding = Finding::at(Check::Ledger, self.place(at));
        found(Finding { expected: Some(expected), found: Some(there), ..finding });
    }

    fn place(&self, at: usize) -> Place {
        let byte = self.byte + u64::try_from(at).unwrap_or(0);
        Place::Ledger { ledger: self.ledger, byte, line: self.line + 1 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::entry::Transfer;
    use atm_rpc::types::account::AccountId;
    use atm_rpc::types::action::Action;
    use atm_rpc::types::key::Seq;
    use atm_rpc::types::money::Money;
    use atm_rpc::types::time::{BusinessDate, Timestamp};

    fn entry(seq: i64) -> Entry {
        Entry {
            seq: Seq(seq),
            recorded_at: Timestamp::from_ms(1_795_000_000_000 + seq),
            business_date: BusinessDate::from_days(20_775),
            action: Action::Opening,
            customer: None,
            transfer: Some(Transfer {
                debit: AccountId::VAULT,
                credit: AccountId::EQUITY,
                amount: Money::from_minor(100),
            }),
            customer_balance: None,
            vault_balance: Money::from_minor(100 * seq),
            session: None,
            terminal: None,
            request: None,
            reverses: None,
            previous: None,
        }
    }

    /// Line and byte of each finding, for a file that must have `must_have` of three entries.
    fn compare(file: Option<&str>, must_have: i64) -> Vec<(u64, u64)> {
        let folder = tempfile::tempdir().unwrap();
        if let Some(text) = file {
            std::fs::write(folder.path().join("bank.csv"), text).unwrap();
        }
        let mut places = Vec::new();
        let mut found = |finding: Finding| match finding.place {
            Place::Ledger { byte, line, .. } => places.push((line, byte)),
            other => panic!("{other:?}"),
        };
        let mut comparison = Comparison::open(folder.path(), Ledger::Bank, Currency::INR, must_have).unwrap();
        for seq in 1..=3 {
            comparison.entry(&entry(seq), &mut found).unwrap();
        }
        comparison.hold().unwrap();
        comparison.end(&mut found);
        places
    }

    #[test]
    fn each_difference_has_its_place() {
        let whole = super::super::render::whole(Ledger::Bank, &[entry(1), entry(2), entry(3)], Currency::INR);
        let header = u64::try_from(Ledger::Bank.header().len()).unwrap();
        let row = (u64::try_from(whole.len()).unwrap() - header) / 3;
        let end = header + 3 * row;
        let cut = |by: u64| whole[..whole.len() - usize::try_from(by).unwrap()].to_owned();
        let second = |from: &str, to: &str| Some(whole.replace(from, to));
        type Row = (Option<String>, i64, Vec<(u64, u64)>);
        let table: Vec<Row> = vec![
            (Some(whole.clone()), 3, vec![]),
            (None, 0, vec![]),
            (None, 1, vec![(1, 0)]),
            (Some(String::new()), 1, vec![(1, 0)]),
            (Some(cut(row)), 2, vec![]),
            (Some(cut(row)), 3, vec![(4, end - row)]),
            (Some(cut(1)), 2, vec![]),
            (Some(cut(1)), 3, vec![(4, end - 1)]),
            (Some(whole.clone() + "\n"), 3, vec![(5, end)]),
            (second("Amount", "amount"), 3, vec![(1, 21)]),
            (second(",2.00,", ",9.00,"), 3, vec![(3, header + row + 14)]),
            (second(",2.00,", ",20.00,"), 3, vec![(3, header + row + 15)]),
            (second("opening", "OPENING"), 3, (0..3).map(|n| (n + 2, header + n * row + 1)).collect()),
        ];
        for (file, must_have, expected) in table {
            assert_eq!(compare(file.as_deref(), must_have), expected, "{file:?} {must_have}");
        }
    }
}
