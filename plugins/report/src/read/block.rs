//! Rows in columns, as many as fit into a part of a file.

use crate::read::words::Words;
use atm_ledger_csv::chunks::Chunk;
use atm_ledger_csv::entry::Entry;
use atm_ledger_csv::fault::Faults;
use atm_ledger_csv::records::Records;
use atm_ledger_csv::row::Parser;
use atm_rpc::plugin::Failure;
use atm_rpc::types::mobile::MobileNumber;

/// Stands for a blank field. No amount, instant or length of time is this.
pub(crate) const NONE: i64 = i64::MIN;

/// Rows of a ledger, a column each. Columns that only client.csv has are empty for bank.csv.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Block {
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

    /// How many rows.
    pub(crate) fn rows(&self) -> usize {
        self.number.len()
    }

    fn push(&mut self, entry: &Entry, action: u8, clients: bool) {
        let line = entry.line - self.first_line.cast_unsigned();
        self.line.push(u32::try_from(line).unwrap_or(u32::MAX));
        self.number.push(entry.mobile.map_or(0, MobileNumber::packed));
        self.action.push(action);
        self.amount.push(entry.amount.unwrap_or(NONE));
        self.bank_balance.push(entry.bank_balance.unwrap_or(NONE));
        self.at.push(entry.at_ms);
        if clients {
            self.user_balance.push(entry.user_balance.unwrap_or(NONE));
            self.session_start.push(entry.session_start_ms.unwrap_or(NONE));
            self.elapsed.push(entry.elapsed_cs.unwrap_or(NONE));
        }
    }
}

/// Reads the rows of a part of a file.
///
/// # Errors
/// Where it has more different actions than a ledger may have.
pub(super) fn parse(
    text: &[u8],
    chunk: &Chunk,
    parser: &Parser,
    words: &Words,
) -> Result<(Block, Faults), Failure> {
    let dialect = parser.dialect();
    let clients = dialect.kind == atm_ledger_csv::dialect::Kind::Client;
    let lines = usize::try_from(chunk.lines).unwrap_or_default() + 1;
    let mut block = Block::with_capacity(lines, clients, chunk.first_line);
    let mut faults = Faults::default();
    for record in Records::new(text, chunk.first_line, dialect.delimiter, chunk.is_last) {
        match parser.entry(&record) {
            Ok(entry) => block.push(&entry, words.index(&entry.action)?, clients),
            Err(fault) => faults.push(fault),
        }
    }
    Ok((block, faults))
}
