//! Hands out the parts of the files to who works on them, each once and in order, and counts what is in them.

use crate::cache::{Head, Wanted};
use crate::read::account::{Account, FileAccount};
use crate::read::block::{self, Block, Part};
use crate::read::days::{self, Days};
use crate::read::known::Known;
use crate::read::source::{Source, Text};
use crate::read::step::Step;
use crate::read::{File, Ledger};
use atm_ledger_csv::chunks::{Chunk, Chunks};
use atm_ledger_csv::dialect::Dialect;
use atm_ledger_csv::entry::Word;
use atm_ledger_csv::fault::Faults;
use atm_ledger_csv::row::Parser;
use atm_rpc::plugin::Failure;
use std::collections::BTreeMap;
use std::io::{self, Read};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// How much of a file is worked on at once.
pub(super) const PART_BYTES: usize = if cfg!(test) { 512 * 1024 } else { 8 * 1024 * 1024 };

/// One pass over the files of a ledger.
pub(super) struct Feed<'l> {
    ledger: &'l Ledger,
    asked: Asked<'l>,
    step: Step<'l>,
    reading: Mutex<Reading<'l>>,
    done: Mutex<Done>,
}

/// What of the rows is asked for.
#[derive(Clone, Copy)]
pub(super) enum Asked<'l> {
    /// Columns.
    Rows(Wanted<'l>),
    /// What moved on each day; of one customer, or of all.
    Days(Option<i64>),
}

/// What came of a part.
pub(super) enum Found {
    Rows(Box<Block>),
    Days(Days),
}

/// Where reading is.
#[derive(Default)]
struct Reading<'l> {
    file: usize,
    place: Option<Place<'l>>,
    /// How many parts were handed out.
    parts: usize,
}

/// Where reading is in a file.
struct Place<'l> {
    offset: u64,
    line: u64,
    /// The file from the first part on that is not in the cache.
    chunks: Option<Chunks<Text<'l>>>,
    /// Whether what comes next can be found again by its place.
    keeps: bool,
}

/// What came of the parts.
#[derive(Default)]
struct Done {
    parts: BTreeMap<usize, (usize, u64, Faults)>,
    failure: Option<Failure>,
}

impl Done {
    fn rows(&self) -> u64 {
        self.parts.values().map(|(_, rows, _)| *rows).sum()
    }
}

/// A part that was handed out.
struct Task<'l> {
    index: usize,
    file: usize,
    source: &'l Source,
    known: &'l Known,
    dialect: &'l Dialect,
    work: Work,
}

enum Work {
    /// The rows are in the cache.
    Kept { offset: u64, line: u64, head: Arc<Head> },
    /// The text is in the buffer.
    Read { chunk: Chunk, keep: bool },
}

impl<'l> Feed<'l> {
    pub(super) fn new(ledger: &'l Ledger, asked: Asked<'l>) -> Self {
        let step = Step::new(ledger.progress.as_ref());
        Self { ledger, asked, step, reading: Mutex::default(), done: Mutex::default() }
    }

    /// Takes parts until there are no more. To be called on as many threads as there are processors.
    pub(super) fn work(&self, mut each: impl FnMut(usize, Found, i32) -> Result<(), Failure>) {
        let mut buffer = Vec::new();
        loop {
            match self.part(&mut buffer, &mut each) {
                Ok(true) => {}
                Ok(false) => break,
                Err(failure) => {
                    self.done().failure.get_or_insert(failure);
                }
            }
        }
    }

    /// What came of it.
    pub(super) fn finish(self) -> Result<Account, Failure> {
        let done = self.done.into_inner().unwrap_or_else(PoisonError::into_inner);
        if let Some(failure) = done.failure {
            return Err(failure);
        }
        let named =
            |file: &File| FileAccount { name: file.source.name().to_owned(), ..FileAccount::default() };
        let mut files: Vec<FileAccount> = self.ledger.files.iter().map(named).collect();
        for (file, rows, faults) in done.parts.into_values() {
            if let Some(file) = files.get_mut(file) {
                file.rows += rows;
                file.faults.append(faults);
            }
        }
        Ok(Account { files })
    }

    /// Works on the next part, if there is one.
    fn part(
        &self,
        buffer: &mut Vec<u8>,
        each: &mut impl FnMut(usize, Found, i32) -> Result<(), Failure>,
    ) -> Result<bool, Failure> {
        let Some(task) = self.next(buffer)? else { return Ok(false) };
        let (found, rows, faults) = match &task.work {
            Work::Kept { offset, line, head } => match self.kept(&task, *offset, *line, head)? {
                Some(found) => (found, head.rows, head.faults(*line)),
                None => self.mended(&task, *offset, *line, head, buffer)?,
            },
            Work::Read { chunk, keep } => {
                let Chunk { offset, first_line, lines, .. } = *chunk;
                let part = Part { text: buffer, first_line, lines };
                self.parsed(&task, part, keep.then_some(offset))?
            }
        };
        self.done().parts.insert(task.index, (task.file, rows, faults));
        each(task.index, found, i32::try_from(task.file).unwrap_or(i32::MAX))?;
        Ok(true)
    }

    /// Reads the rows of a text, and keeps them as what begins at `keep`.
    fn parsed(
        &self,
        task: &Task<'l>,
        part: Part<'_>,
        keep: Option<u64>,
    ) -> Result<(Found, u64, Faults), Failure> {
        let Ledger { words, calendar, rules, .. } = self.ledger;
        let parser = Parser::new(task.dialect.clone(), rules.clone());
        let (block, faults) = block::parse(part, &parser, words)?;
        let is_asked = matches!(self.asked, Asked::Days(None));
        let all = if keep.is_some() || is_asked { days::of(&block, calendar, None) } else { Days::default() };
        if let Some(offset) = keep {
            task.known.keep(offset, part, (&block, &all), &faults, words);
        }
        let rows = block.rows as u64;
        let found = match self.asked {
            Asked::Rows(Wanted { number: Some(number), .. }) => Found::Rows(Box::new(block.only(number))),
            Asked::Rows(_) => Found::Rows(Box::new(block)),
            Asked::Days(None) => Found::Days(all),
            Asked::Days(number) => Found::Days(days::of(&block, calendar, number)),
        };
        Ok((found, rows, faults))
    }

    /// Takes from the cache what is asked for. `None` where it is damaged.
    fn kept(&self, task: &Task<'l>, offset: u64, line: u64, head: &Head) -> Result<Option<Found>, Failure> {
        let Ledger { words, calendar, .. } = self.ledger;
        let indexes = head.words.iter().map(|word| words.index(&Word::read(word)));
        let indexes = indexes.collect::<Result<Vec<u8>, Failure>>()?;
        let rows = |wanted| {
            let file = task.known.shelf()?.open(offset)?;
            head.columns(&file, wanted, &indexes, line)
        };
        Ok(match self.asked {
            Asked::Rows(wanted) => rows(wanted).map(|block| Found::Rows(Box::new(block))),
            Asked::Days(None) => head.days(&indexes).map(Found::Days),
            Asked::Days(number) => {
                let block = rows(Wanted { columns: &days::COLUMNS, number: None });
                block.map(|block| Found::Days(days::of(&block, calendar, number)))
            }
        })
    }

    /// Reads a part whose rows in the cache are damaged.
    fn mended(
        &self,
        task: &Task<'l>,
        offset: u64,
        line: u64,
        head: &Head,
        buffer: &mut Vec<u8>,
    ) -> Result<(Found, u64, Faults), Failure> {
        buffer.clear();
        let text = task.source.text(offset);
        let read = text.and_then(|text| text.take(head.text_bytes).read_to_end(buffer));
        read.map_err(|error| task.source.broken(&error))?;
        let part = Part { text: buffer, first_line: line, lines: head.lines };
        self.parsed(task, part, Some(offset))
    }

    /// Reads the next part, or finds it in the cache.
    fn next(&self, buffer: &mut Vec<u8>) -> Result<Option<Task<'l>>, Failure> {
        let mut reading = self.reading.lock().unwrap_or_else(PoisonError::into_inner);
        if self.done().failure.is_some() {
            return Ok(None);
        }
        loop {
            let (file, index) = (reading.file, reading.parts);
            let Some(File { source, known }) = self.ledger.files.get(file) else { return Ok(None) };
            let work = match source.dialect() {
                Some(dialect) => {
                    let place = reading.place.get_or_insert_with(|| Place::begin(dialect));
                    place.next(source, known, dialect, buffer).map_err(|error| source.broken(&error))?
                }
                None => None,
            };
            if let (Some(work), Some(dialect)) = (work, source.dialect()) {
                reading.parts += 1;
                let position = reading.place.as_ref().map_or(0, Place::position);
                self.step.rows("reading", (position, source.bytes()), self.done().rows());
                return Ok(Some(Task { index, file, source, known, dialect, work }));
            }
            reading.place = None;
            reading.file += 1;
        }
    }

    fn done(&self) -> MutexGuard<'_, Done> {
        self.done.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<'l> Place<'l> {
    const fn begin(dialect: &Dialect) -> Self {
        Self { offset: dialect.begins as u64, line: dialect.first_line, chunks: None, keeps: true }
    }

    fn position(&self) -> u64 {
        self.chunks.as_ref().map_or(self.offset, |chunks| chunks.source().position())
    }

    fn next(
        &mut self,
        source: &'l Source,
        known: &'l Known,
        dialect: &Dialect,
        buffer: &mut Vec<u8>,
    ) -> io::Result<Option<Work>> {
        let Self { offset, line, .. } = *self;
        if self.chunks.is_none()
            && let Some(head) = known.part(offset)
        {
            self.offset += head.text_bytes;
            self.line += head.lines;
            return Ok(Some(Work::Kept { offset, line, head }));
        }
        let chunks = match &mut self.chunks {
            Some(chunks) => chunks,
            None => self.chunks.insert(Chunks::within(source.text(offset)?, dialect.delimiter, offset, line)),
        };
        let chunk = chunks.next(buffer, PART_BYTES)?;
        Ok(chunk.map(|chunk| {
            self.keeps &= !chunk.is_shortened;
            Work::Read { chunk, keep: self.keeps && !chunk.is_last }
        }))
    }
}
