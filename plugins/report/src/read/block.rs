//! Rows in columns, as many as fit into a part of a file.

use crate::read::words::Words;
use atm_ledger_csv::dialect::Kind;
use atm_ledger_csv::fast::{Fast, Row};
use atm_ledger_csv::fault::Faults;
use atm_ledger_csv::records::Records;
use atm_ledger_csv::row::Parser;
use atm_rpc::plugin::Failure;

pub(crate) use atm_ledger_csv::fast::NONE;

/// Rows of a ledger, a column each. Columns that the ledger does not have, or nobody asked for, are empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Block {
    /// How many rows.
    pub(crate) rows: usize,
    /// Packed mobile numbers; 0 for none.
    pub(crate) number: Vec<i64>,
    pub(crate) action: Vec<u8>,
    pub(crate) amount: Vec<i64>,
    pub(crate) user_balance: Vec<i64>,
    pub(crate) bank_balance: Vec<i64>,
    pub(crate) at: Vec<i64>,
    pub(crate) session_start: Vec<i64>,
    pub(crate) elapsed: Vec<i64>,
    /// The line where the block begins.
    pub(crate) first_line: i64,
    /// The lines of rows, counted from there.
    pub(crate) line: Vec<u32>,
}

impl Block {
    fn with_capacity(rows: usize, clients: bool, first_line: u64) -> Self {
        let column = || Vec::with_capacity(rows);
        let of_clients = || Vec::with_capacity(if clients { rows } else { 0 });
        Self {
            rows: 0,
            number: column(),
            action: Vec::with_capacity(rows),
            amount: column(),
            user_balance: of_clients(),
            bank_balance: column(),
            at: column(),
            session_start: of_clients(),
            elapsed: of_clients(),
            first_line: first_line.cast_signed(),
            line: Vec::with_capacity(rows),
        }
    }

    #[inline]
    fn push(&mut self, row: &Row, line: u64, clients: bool) {
        // A part has far fewer lines.
        let line = u32::try_from(line - self.first_line.cast_unsigned()).unwrap_or(u32::MAX);
        self.rows += 1;
        self.line.push(line);
        self.number.push(row.number);
        self.action.push(row.action);
        self.amount.push(row.amount);
        self.bank_balance.push(row.bank_balance);
        self.at.push(row.at_ms);
        if clients {
            self.user_balance.push(row.user_balance);
            self.session_start.push(row.session_start_ms);
            self.elapsed.push(row.elapsed_cs);
        }
    }
}

impl Block {
    /// Rows of one customer alone.
    pub(super) fn only(self, number: i64) -> Self {
        let rows = self.number.iter().enumerate().filter(|(_, found)| **found == number);
        let places: Vec<usize> = rows.map(|(place, _)| place).collect();
        Self {
            rows: places.len(),
            number: picked(&self.number, &places),
            action: picked(&self.action, &places),
            amount: picked(&self.amount, &places),
            user_balance: picked(&self.user_balance, &places),
            bank_balance: picked(&self.bank_balance, &places),
            at: picked(&self.at, &places),
            session_start: picked(&self.session_start, &places),
            elapsed: picked(&self.elapsed, &places),
            first_line: self.first_line,
            line: picked(&self.line, &places),
        }
    }
}

/// The values in some places; of a column that is not there, none.
fn picked<T: Copy>(column: &[T], places: &[usize]) -> Vec<T> {
    places.iter().filter_map(|place| column.get(*place).copied()).collect()
}

/// A text of whole rows, and where it stands in its file.
#[derive(Clone, Copy, Debug)]
pub(super) struct Part<'t> {
    pub(super) text: &'t [u8],
    pub(super) first_line: u64,
    pub(super) lines: u64,
}

/// Reads the rows of a part of a file.
///
/// # Errors
/// Where it has more different actions than a ledger may have.
pub(super) fn parse(part: Part<'_>, parser: &Parser, words: &Words) -> Result<(Block, Faults), Failure> {
    let dialect = parser.dialect();
    let clients = dialect.kind == Kind::Client;
    let lines = usize::try_from(part.lines).unwrap_or_default() + 1;
    let mut block = Block::with_capacity(lines, clients, part.first_line);
    let mut faults = Faults::default();
    let mut fast = Fast::of(dialect, parser.rules());
    let mut records = Records::new(part.text, part.first_line, dialect.delimiter, true);
    loop {
        let rest = part.text.get(records.position()..).unwrap_or_default();
        if let Some((row, bytes)) = fast.as_mut().and_then(|fast| fast.row(rest)) {
            block.push(&row, records.line(), clients);
            records.skip_line(bytes);
            continue;
        }
        let Some(record) = records.next() else { return Ok((block, faults)) };
        for row in parser.rows(record) {
            match row {
                Ok(entry) => block.push(&Row::of(&entry, words.index(&entry.action)?), entry.line, clients),
                Err(fault) => faults.push(fault),
            }
        }
    }
}
