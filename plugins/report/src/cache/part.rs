//! One file of the cache: the rows of a part of a ledger, a column after the other.
//!
//! It begins with a digest of its head, the head's length, and the head, which has a digest of the text that the rows were
//! read from and of each column. So nothing is believed that is not as it was written.

use crate::cache::pack::{Packing, pack};
use crate::read::block::Block;
use crate::read::days::{self, Days};
use atm_ledger_csv::fault::{Fault, Faults};
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::os::unix::fs::FileExt;

/// Another way to write a part, or to read a ledger, is another number.
pub(crate) const FORMAT: u32 = 3;
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
    /// What moved on each day.
    days: Days,
    /// `None` for a column that the ledger does not have.
    columns: Vec<Option<Packed>>,
}

/// What is to be read of a part.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Wanted<'w> {
    pub(crate) columns: &'w [Stored],
    /// Rows of this customer alone.
    pub(crate) number: Option<i64>,
}

/// Where a column is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Packed {
    packing: Packing,
    /// Its place behind the head.
    at: u64,
    digest: Digest,
}

impl Packed {
    /// Reads its bytes. `None` where they are not as they were written.
    fn read(&self, file: &File, begin: u64, rows: usize, to: &mut Vec<u8>) -> Option<Packing> {
        to.resize(self.packing.bytes(rows), 0);
        file.read_exact_at(to, begin + self.at).ok()?;
        (*blake3::hash(to).as_bytes() == self.digest).then_some(self.packing)
    }
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

    /// Puts a column, which has rows of these places, where it belongs. `None` where it holds what it cannot.
    fn put(self, values: Vec<i64>, places: &[usize], block: &mut Block, words: &[u8]) -> Option<()> {
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
                let line = |(place, value): (&usize, i64)| {
                    u32::try_from(i64::try_from(*place).ok()?.checked_add(value)?).ok()
                };
                block.line = places.iter().zip(values).map(line).collect::<Option<_>>()?;
            }
        }
        Some(())
    }
}

/// The bytes of a part, and its head.
pub(crate) fn encode(
    block: &Block,
    days: Days,
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
        days,
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

    /// What moved on each day; `words` are the indexes of its words in the ledger.
    pub(crate) fn days(&self, words: &[u8]) -> Option<Days> {
        days::renamed(&self.days, words)
    }

    /// Reads some columns; `words` are the indexes of its words in the ledger. `None` where they are not as they were
    /// written.
    pub(crate) fn columns(
        &self,
        file: &File,
        wanted: Wanted<'_>,
        words: &[u8],
        first_line: u64,
    ) -> Option<Block> {
        let rows = usize::try_from(self.rows).ok()?;
        let begin = (PREFIX + postcard::to_stdvec(self).ok()?.len()) as u64;
        let mut bytes = Vec::new();
        let mut places = None;
        if let Some(number) = wanted.number {
            let packed = self.columns.first()?.as_ref()?;
            let numbers = packed.read(file, begin, rows, &mut bytes)?.unpack(&bytes, rows)?;
            let found = numbers.iter().enumerate().filter(|(_, found)| **found == number);
            places = Some(found.map(|(place, _)| place).collect::<Vec<_>>());
        }
        let of = places.as_ref().map_or(rows, Vec::len);
        let mut block = Block { rows: of, first_line: first_line.cast_signed(), ..Block::default() };
        for (stored, packed) in Stored::ALL.into_iter().zip(&self.columns) {
            let Some(packed) = packed.as_ref().filter(|_| of > 0 && wanted.columns.contains(&stored)) else {
                continue;
            };
            let packing = packed.read(file, begin, rows, &mut bytes)?;
            let values = match &places {
                Some(places) => packing.pick(&bytes, rows, places)?,
                None => packing.unpack(&bytes, rows)?,
            };
            let all = || (0..rows).collect();
            let places = if stored == Stored::Line { places.clone().unwrap_or_else(all) } else { Vec::new() };
            stored.put(values, &places, &mut block, words)?;
        }
        Some(block)
    }
}
