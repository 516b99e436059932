//! `ledger export`: the journal, or the rows of one of the ledgers, to a file of CSV or Parquet.
//!
//! Entries come by pages, so that a journal of any length takes no more memory than a page, or a row group. The copy ends
//! with the entry that was the newest when it began. A file is whole, or it is empty again, which atmctl takes away.

mod groups;
mod tables;

pub use tables::Table;

use atm_plugin_sdk::Host;
use atm_rpc::operator::PAGE_ROWS_MAX;
use atm_rpc::operator::journal::{JournalPage, JournalRow};
use atm_rpc::plugin::{Code, Failure};
use atm_rpc::types::key::Seq;
use atm_rpc::types::money::Currency;
use atm_rpc::types::time::Timestamp;
use groups::Groups;
use rustix::process::Signal;
use serde_json::{Value, json};
use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::Path;
use tokio::signal::unix::{SignalKind, signal};

/// How a copy is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// Text, as RFC 4180 has it.
    Csv,
    /// Columns, compressed, with their types.
    Parquet,
}

/// Which entries are copied, to where and how.
#[derive(Debug)]
pub(crate) struct Wish<'a> {
    pub(crate) file: &'a Path,
    pub(crate) table: Table,
    pub(crate) format: Option<Format>,
    pub(crate) after: Option<u64>,
    pub(crate) since: Option<Timestamp>,
    pub(crate) until: Option<Timestamp>,
}

impl Wish<'_> {
    /// As asked for, or as the file's name says.
    fn format(&self) -> Format {
        let named =
            |suffix: &str| self.file.extension().is_some_and(|found| found.eq_ignore_ascii_case(suffix));
        self.format.unwrap_or(if named("parquet") { Format::Parquet } else { Format::Csv })
    }

    fn has(&self, row: &JournalRow) -> bool {
        let at = row.recorded_at;
        self.table.has(row)
            && self.since.is_none_or(|since| at >= since)
            && self.until.is_none_or(|until| at < until)
    }
}

/// What was copied.
#[derive(Debug, Default)]
struct Copied {
    rows: u64,
    first: Option<Seq>,
    last: Option<Seq>,
    bytes: u64,
}

/// Writes the file, and gives the row that tells of it.
pub(crate) async fn export(host: &Host, wish: &Wish<'_>) -> Result<Value, Failure> {
    let currency = host.call(async |atmd, context| atmd.whoami(context).await).await?.currency;
    // Where files may not be so long, writing fails then, and the part is taken back; without this, it ends the process.
    let _too_long = signal(SignalKind::from_raw(Signal::XFSZ.as_raw()));
    let file = new_file(wish.file)?;
    // What is dropped takes along what it buffered, before the file is emptied.
    let copied = tokio::select! {
        biased;
        () = interrupted() => Err(Failure::new(Code::Interrupted, "interrupted")),
        copied = copy(host, wish, currency, &file) => copied,
    };
    let copied = match copied {
        Ok(copied) => copied,
        Err(failure) => {
            // A part of a copy is none. Where it cannot be cut off either, both are told.
            return Err(match file.set_len(0) {
                Ok(()) => failure,
                Err(error) => unwritable(wish.file, &format!("{failure}, and it holds a part: {error}")),
            });
        }
    };
    Ok(json!({
        "file": wish.file.display().to_string(), "rows": copied.rows, "bytes": copied.bytes,
        "first": copied.first, "last": copied.last,
    }))
}

/// Waits until somebody wants this to end, by a key of the terminal or otherwise.
async fn interrupted() {
    let kinds = [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup(), SignalKind::quit()];
    let [Ok(mut interrupt), Ok(mut terminate), Ok(mut hangup), Ok(mut quit)] = kinds.map(signal) else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
        _ = hangup.recv() => {}
        _ = quit.recv() => {}
    }
}

fn unwritable(path: &Path, why: &str) -> Failure {
    Failure::new(Code::Failed, format!("{} cannot be written: {why}", path.display()))
}

/// The file that atmctl made, which must have nothing yet.
fn new_file(path: &Path) -> Result<File, Failure> {
    let opened = OpenOptions::new().write(true).open(path);
    let file = opened.map_err(|error| unwritable(path, &error.to_string()))?;
    let length = file.metadata().map_err(|error| unwritable(path, &error.to_string()))?.len();
    if length > 0 {
        let text = format!("{} has something in it already", path.display());
        return Err(Failure::new(Code::Conflict, text).hint("name a new file, or take that one away"));
    }
    Ok(file)
}

async fn copy(host: &Host, wish: &Wish<'_>, currency: Currency, file: &File) -> Result<Copied, Failure> {
    let cannot = |error: io::Error| unwritable(wish.file, &error.to_string());
    let mut sink = Sink::new(BufWriter::new(file), wish, currency)?;
    let mut copied = Copied::default();
    let bar = host.progress();
    let begin = wish.after.map_or(0, |after| i64::try_from(after).unwrap_or(i64::MAX));
    let (mut after, mut end) = (begin, None);
    loop {
        let from = Some(Seq(after));
        let page = host.call(async |atmd, context| atmd.journal_page(context, from, PAGE_ROWS_MAX).await);
        let JournalPage { rows, newest: Seq(newest) } = page.await?;
        let end = *end.get_or_insert(newest);
        let last = rows.last().map_or(end, |row| row.seq.0);
        for row in rows.into_iter().filter(|row| row.seq.0 <= end && wish.has(row)) {
            copied.rows += 1;
            copied.first.get_or_insert(row.seq);
            copied.last = Some(row.seq);
            sink.row(row).map_err(|failure| told(failure, wish.file))?;
        }
        if last >= end || last <= after {
            break;
        }
        after = last;
        let whole = |count: i64| u64::try_from(count).unwrap_or(0);
        bar.at("exporting", whole(after - begin), whole(end - begin));
    }
    sink.end().map_err(|failure| told(failure, wish.file))?;
    let metadata = file.metadata().map_err(cannot)?;
    // A pipe has nothing that could be on a disk.
    if metadata.is_file() {
        file.sync_all().map_err(cannot)?;
    }
    copied.bytes = metadata.len();
    Ok(copied)
}

fn told(failure: Failure, path: &Path) -> Failure {
    let message = format!("{}: {}", path.display(), failure.message);
    Failure { message, ..failure }
}

/// Where rows go.
enum Sink<W: Write + Send> {
    Csv { to: W, table: Table, currency: Currency, text: String },
    Parquet(Box<Groups<W>>),
}

impl<W: Write + Send> Sink<W> {
    fn new(mut to: W, wish: &Wish<'_>, currency: Currency) -> Result<Self, Failure> {
        let table = wish.table;
        match wish.format() {
            Format::Csv => {
                let mut text = String::new();
                table.header(&mut text);
                to.write_all(text.as_bytes()).map_err(|error| unwritable(wish.file, &error.to_string()))?;
                Ok(Self::Csv { to, table, currency, text })
            }
            Format::Parquet => Ok(Self::Parquet(Box::new(Groups::new(to, table, currency)?))),
        }
    }

    fn row(&mut self, row: JournalRow) -> Result<(), Failure> {
        match self {
            Self::Csv { to, table, currency, text } => {
                text.clear();
                table.line(&row, *currency, text);
                to.write_all(text.as_bytes()).map_err(|error| Failure::new(Code::Failed, error))
            }
            Self::Parquet(groups) => groups.add(row),
        }
    }

    fn end(self) -> Result<(), Failure> {
        let mut to = match self {
            Self::Csv { to, .. } => to,
            Self::Parquet(groups) => groups.end()?,
        };
        to.flush().map_err(|error| Failure::new(Code::Failed, error))
    }
}
