//! Hands out the parts of the files to who works on them, each once and in order, and counts what is in them.

use crate::read::Ledger;
use crate::read::account::{Account, FileAccount};
use crate::read::block::{self, Block};
use crate::read::source::{Source, Text};
use crate::read::step::Step;
use atm_ledger_csv::chunks::{Chunk, Chunks};
use atm_ledger_csv::fault::Faults;
use atm_ledger_csv::row::Parser;
use atm_rpc::plugin::Failure;
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// How much of a file is worked on at once.
const PART_BYTES: usize = 8 * 1024 * 1024;

/// One pass over the files of a ledger.
pub(super) struct Feed<'l> {
    ledger: &'l Ledger,
    step: Step<'l>,
    reading: Mutex<Reading<'l>>,
    done: Mutex<Done>,
}

/// Where reading is.
struct Reading<'l> {
    file: usize,
    chunks: Option<Chunks<Text<'l>>>,
    /// How many parts were handed out.
    parts: usize,
}

/// What came of the parts.
#[derive(Default)]
struct Done {
    parts: BTreeMap<usize, (usize, u64, Faults)>,
    failure: Option<Failure>,
}

/// A part that was handed out.
struct Part {
    index: usize,
    file: usize,
    chunk: Chunk,
}

impl<'l> Feed<'l> {
    pub(super) fn new(ledger: &'l Ledger) -> Self {
        Self {
            ledger,
            step: Step::new(ledger.progress.as_ref()),
            reading: Mutex::new(Reading { file: 0, chunks: None, parts: 0 }),
            done: Mutex::default(),
        }
    }

    /// Takes parts until there are no more. To be called on as many threads as there are processors.
    pub(super) fn work(&self, each: impl Fn(usize, Block, i32) -> Result<(), Failure>) {
        let mut buffer = Vec::new();
        loop {
            match self.part(&mut buffer, &each) {
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
            |source: &Source| FileAccount { name: source.name().to_owned(), ..FileAccount::default() };
        let mut files: Vec<FileAccount> = self.ledger.sources.iter().map(named).collect();
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
        each: &impl Fn(usize, Block, i32) -> Result<(), Failure>,
    ) -> Result<bool, Failure> {
        let Some(part) = self.next(buffer)? else { return Ok(false) };
        let Some(dialect) = self.ledger.sources.get(part.file).and_then(Source::dialect) else {
            return Ok(true);
        };
        let parser = Parser::new(dialect.clone(), self.ledger.rules.clone());
        let (block, faults) = block::parse(buffer, &part.chunk, &parser, &self.ledger.words)?;
        self.done().parts.insert(part.index, (part.file, block.rows() as u64, faults));
        each(part.index, block, i32::try_from(part.file).unwrap_or(i32::MAX))?;
        Ok(true)
    }

    /// Reads the next part.
    fn next(&self, buffer: &mut Vec<u8>) -> Result<Option<Part>, Failure> {
        let mut reading = self.reading.lock().unwrap_or_else(PoisonError::into_inner);
        if self.done().failure.is_some() {
            return Ok(None);
        }
        loop {
            let file = reading.file;
            let Some(source) = self.ledger.sources.get(file) else { return Ok(None) };
            let broken = |error| source.broken(&error);
            if reading.chunks.is_none() && source.dialect().is_some() {
                let text = source.text(0).map_err(broken)?;
                let opened = Chunks::open(text).map_err(|error| source.not_opened(error))?;
                reading.chunks = opened.map(|(_, chunks)| chunks);
            }
            let chunk = match &mut reading.chunks {
                Some(chunks) => chunks.next(buffer, PART_BYTES).map_err(broken)?,
                None => None,
            };
            if let Some(chunk) = chunk {
                let index = reading.parts;
                reading.parts += 1;
                let position = reading.chunks.as_ref().map_or(0, |chunks| chunks.source().position());
                self.step.at("reading", position, source.bytes());
                return Ok(Some(Part { index, file, chunk }));
            }
            reading.chunks = None;
            reading.file += 1;
        }
    }

    fn done(&self) -> MutexGuard<'_, Done> {
        self.done.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
