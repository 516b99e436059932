//! One file of the cache: the rows of a part of a ledger, a column after the other.
//!
//! It begins with a digest of its head, the head's length, and the head, which has a digest of the text that the rows were
//! read from and of each column. So nothing is believed that is not as it was written.

use crate::cache::pack::{Packing, pack};
use crate::read::block::Block;
use atm_ledger_csv::fault::{Fault, Faults};
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::os::unix::fs::FileExt;

/// Another way to write a part, or to read a ledger, is another number.
pub(crate) const FORMAT: u32 = 1;
/// The most bytes of a head.
const HEAD_BYTES_MAX: usize = 1024 * 1024;
/// Digest and length.
const PREFIX: usize = 36;

type Digest = [u8; 32];

/// What a part is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Head {
    format: u32,
    /// How many bytes of the ledger it has.
    pub(crate) text_bytes: u64,
    /// Their BLAKE3.
    pub(crate) text_digest: Digest,
    /// How many line ends they have.
    pub(crate) lines: u64,
    pub(crate) rows: u64,
    faults: u64,
    /// Lines count from the start of the part.
    kept_faults: Vec<(u64, String)>,
    /// What the numbers of actions mean.
    pub(crate) words: Vec<String>,
    /// `None` for a column that the ledger does not have.
    columns: Vec<Option<Packed>>,
}

/// Where a column is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Packed {
    packing: Packing,
    /// Its place behind the head.
    at: u64,
    digest: Digest,
}

/// The columns of a part, in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stored {
    Number,
    Action,
    Amount,
    UserBalance,
    BankBalance,
    At,
    SessionStart,
    Elapsed,
    Line,
}

impl Stored {
    const ALL: [Self; 9] = [
        Self::Number,
        Self::Action,
        Self::Amount,
        Self::UserBalance,
        Self::BankBalance,
        Self::At,
        Self::SessionStart,
        Self::Elapsed,
        Self::Line,
    ];

    /// Packs a column; `None` where the block does not have it.
    fn pack(self, block: &Block, to: &mut Vec<u8>) -> Option<Packing> {
        let values = match self {
            Self::Number => &block.number,
            Self::Amount => &block.amount,
            Self::UserBalance => &block.user_balance,
            Self::BankBalance => &block.bank_balance,
            Self::At => &block.at,
            Self::SessionStart => &block.session_start,
            Self::Elapsed => &block.elapsed,
            Self::Action => &block.action.iter().map(|byte| i64::from(*byte)).collect(),
            // Where each row is one line, these are all the same.
            Self::Line => &(0..).zip(&block.line).map(|(row, line)| i64::from(*line) - row).collect(),
        };
        (values.len() == block.rows).then(|| pack(values, to))
    }

    /// Puts a column where it belongs. `None` where it holds what it cannot.
    fn put(self, values: Vec<i64>, block: &mut Block, words: &[u8]) -> Option<()> {
        match self {
            Self::Number => block.number = values,
            Self::Action => {
                let word = |value| words.get(usize::try_from(value).ok()?).copied();
                block.action = values.into_iter().map(word).collect::<Option<_>>()?;
            }
            Self::Amount => block.amount = values,
            Self::UserBalance => block.user_balance = values,
            Self::BankBalance => block.bank_balance = values,
            Self::At => block.at = values,
            Self::SessionStart => block.session_start = values,
            Self::Elapsed => block.elapsed = values,
            Self::Line => {
                let line = |(row, value): (i64, i64)| u32::try_from(row.checked_add(value)?).ok();
                block.line = (0..).zip(values).map(line).collect::<Option<_>>()?;
            }
        }
        Some(())
    }
}

/// The bytes of a part, and its head.
pub(crate) fn encode(
    block: &Block,
    faults: &Faults,
    lines: u64,
    text: &[u8],
    words: Vec<String>,
) -> Option<(Head, Vec<u8>)> {
    let mut columns = Vec::new();
    let mut data = Vec::new();
    for stored in Stored::ALL {
        let at = data.len();
        let packing = stored.pack(block, &mut data);
        let digest = *blake3::hash(data.get(at..)?).as_bytes();
        columns.push(packing.map(|packing| Packed { packing, at: at as u64, digest }));
    }
    let first_line = block.first_line.cast_unsigned();
    let kept = faults.kept.iter().map(|fault| (fault.line - first_line, fault.sentence.clone()));
    let head = Head {
        format: FORMAT,
        text_bytes: text.len() as u64,
        text_digest: *blake3::hash(text).as_bytes(),
        lines,
        rows: block.rows as u64,
        faults: faults.count,
        kept_faults: kept.collect(),
        words,
        columns,
    };
    let written = postcard::to_stdvec(&head).ok()?;
    let length = u32::try_from(written.len()).ok()?;
    let mut bytes = Vec::with_capacity(PREFIX + written.len() + data.len());
    bytes.extend_from_slice(blake3::hash(&written).as_bytes());
    bytes.extend_from_slice(&length.to_le_bytes());
    bytes.extend_from_slice(&written);
    bytes.extend_from_slice(&data);
    Some((head, bytes))
}

impl Head {
    /// Reads the head of a part, if that is what the file has.
    pub(crate) fn read(file: &File) -> Option<Self> {
        let mut prefix = [0; PREFIX];
        file.read_exact_at(&mut prefix, 0).ok()?;
        let (digest, length) = prefix.split_at(32);
        let length = usize::try_from(u32::from_le_bytes(length.try_into().ok()?)).ok()?;
        if length > HEAD_BYTES_MAX {
            return None;
        }
        let mut written = vec![0; length];
        file.read_exact_at(&mut written, PREFIX as u64).ok()?;
        if blake3::hash(&written).as_bytes() != digest {
            return None;
        }
        let head: Self = postcard::from_bytes(&written).ok()?;
        (head.format == FORMAT && head.columns.len() == Stored::ALL.len() && head.text_bytes > 0)
            .then_some(head)
    }

    /// The faults, of a part that begins at that line.
    pub(crate) fn faults(&self, first_line: u64) -> Faults {
        let kept = self.kept_faults.iter().map(|(line, sentence)| Fault {
            line: first_line + line,
            sentence: sentence.clone(),
            torn: false,
        });
        Faults { count: self.faults, kept: kept.collect() }
    }

    /// Reads some columns; `words` are the indexes of its words in the ledger. `None` where they are not as they were
    /// written.
    pub(crate) fn columns(
        &self,
        file: &File,
        wanted: &[Stored],
        words: &[u8],
        first_line: u64,
    ) -> Option<Block> {
        let rows = usize::try_from(self.rows).ok()?;
        let mut block = Block { rows, first_line: first_line.cast_signed(), ..Block::default() };
        let begin = PREFIX + postcard::to_stdvec(self).ok()?.len();
        let mut bytes = Vec::new();
        for (stored, packed) in Stored::ALL.into_iter().zip(&self.columns) {
            let Some(packed) = packed.as_ref().filter(|_| wanted.contains(&stored)) else { continue };
            let length = packed.packing.bytes(rows);
            bytes.resize(length, 0);
            file.read_exact_at(&mut bytes, begin as u64 + packed.at).ok()?;
            if *blake3::hash(&bytes).as_bytes() != packed.digest {
                return None;
            }
            stored.put(packed.packing.unpack(&bytes, rows)?, &mut block, words)?;
        }
        Some(block)
    }
}
