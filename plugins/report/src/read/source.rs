//! The files of a ledger, however they are packed.

use crate::read::step::Step;
use atm_ledger_csv::chunks::{Chunks, OpenError};
use atm_ledger_csv::dialect::{Dialect, Kind};
use atm_plugin_sdk::Progress;
use atm_rpc::plugin::{Code, Failure};
use flate2::read::MultiGzDecoder;
use std::env;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// What stands for a pipe.
const PIPE: &str = "-";
const GZIP: &[u8] = &[0x1f, 0x8b];
const ZSTD: &[u8] = &[0x28, 0xb5, 0x2f, 0xfd];

/// How a file's text is packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Packing {
    Plain,
    Gzip,
    Zstd,
}

/// A file of a ledger.
#[derive(Debug)]
pub(super) struct Source {
    name: String,
    /// Where a file is that is no pipe.
    path: Option<PathBuf>,
    file: File,
    packing: Packing,
    /// How many bytes of it belong to the ledger. What is appended later does not.
    bytes: u64,
    /// How it is written; `None` where there is nothing in it.
    dialect: Option<Dialect>,
}

/// The text of a ledger, and how much of the file was read for it.
pub(super) struct Text<'s> {
    read: Box<dyn Read + Send + 's>,
    position: Arc<AtomicU64>,
}

impl Text<'_> {
    /// How many bytes of the file were read.
    pub(super) fn position(&self) -> u64 {
        self.position.load(Ordering::Relaxed)
    }
}

impl Read for Text<'_> {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        self.read.read(to)
    }
}

/// Bytes of a file from a place to another, whoever else reads it.
struct Part<'s> {
    file: &'s File,
    position: Arc<AtomicU64>,
    end: u64,
}

impl Read for Part<'_> {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        let at = self.position.load(Ordering::Relaxed);
        let left = usize::try_from(self.end.saturating_sub(at)).unwrap_or(usize::MAX);
        let length = to.len().min(left);
        let read = self.file.read_at(&mut to[..length], at)?;
        self.position.store(at + read as u64, Ordering::Relaxed);
        Ok(read)
    }
}

impl Source {
    pub(super) fn open(path: &Path, progress: Option<&Progress>) -> Result<Self, Failure> {
        let is_pipe = path == Path::new(PIPE);
        let name = if is_pipe { "stdin".to_owned() } else { path.display().to_string() };
        let unreadable = |error: io::Error| unreadable(&name, &error);
        let mut file = if is_pipe { spooled(progress) } else { opened(path) }.map_err(unreadable)?;
        let bytes = file.metadata().map_err(unreadable)?.len();
        let mut magic = Vec::new();
        file.by_ref().take(4).read_to_end(&mut magic).map_err(unreadable)?;
        let packing = match magic.as_slice() {
            magic if magic.starts_with(GZIP) => Packing::Gzip,
            magic if magic.starts_with(ZSTD) => Packing::Zstd,
            _ => Packing::Plain,
        };
        let path = (!is_pipe).then(|| path.canonicalize().ok()).flatten();
        let mut source = Self { name, path, file, packing, bytes, dialect: None };
        let opened = source.text(0).map_err(OpenError::from).and_then(Chunks::open);
        let dialect = opened.map(|opened| opened.map(|(dialect, _)| dialect));
        source.dialect = dialect.map_err(|error| source.not_opened(error))?;
        Ok(source)
    }

    /// Whether it is the same file, by whatever name. A pipe can be read once only.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        match (&self.path, &other.path) {
            (Some(one), Some(another)) => one == another || self.is_linked(other),
            (one, another) => one.is_none() && another.is_none() && self.name == other.name,
        }
    }

    /// Whether both are names of one file on the disk.
    fn is_linked(&self, other: &Self) -> bool {
        let inode = |source: &Self| source.file.metadata().map(|about| (about.dev(), about.ino())).ok();
        inode(self).is_some_and(|one| inode(other) == Some(one))
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn kind(&self) -> Option<Kind> {
        self.dialect.as_ref().map(|dialect| dialect.kind)
    }

    pub(super) const fn dialect(&self) -> Option<&Dialect> {
        self.dialect.as_ref()
    }

    /// How many bytes the file has, packed as it is.
    pub(super) const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Where it is, if it is there again the next time and has its text as it is.
    pub(super) fn path(&self) -> Option<&Path> {
        self.path.as_deref().filter(|_| self.packing == Packing::Plain)
    }

    /// Its text from that byte on.
    pub(super) fn text(&self, from: u64) -> io::Result<Text<'_>> {
        let is_plain = self.packing == Packing::Plain;
        let position = Arc::new(AtomicU64::new(if is_plain { from } else { 0 }));
        let packed = Part { file: &self.file, position: Arc::clone(&position), end: self.bytes };
        let read: Box<dyn Read + Send> = match self.packing {
            Packing::Plain => Box::new(packed),
            Packing::Gzip => Box::new(MultiGzDecoder::new(io::BufReader::with_capacity(1 << 16, packed))),
            Packing::Zstd => Box::new(zstd::stream::read::Decoder::new(packed)?),
        };
        let mut text = Text { read, position };
        if !is_plain {
            io::copy(&mut text.by_ref().take(from), &mut io::sink())?;
        }
        Ok(text)
    }

    /// What to tell where reading fails in the middle.
    pub(super) fn broken(&self, error: &io::Error) -> Failure {
        match self.packing {
            Packing::Plain => unreadable(&self.name, error),
            Packing::Gzip | Packing::Zstd => {
                let message = format!("{} cannot be unpacked: {error}", self.name);
                Failure::new(Code::Failed, message)
                    .hint("the file may be damaged or cut short: fetch it again")
            }
        }
    }

    pub(super) fn not_opened(&self, error: OpenError) -> Failure {
        match error {
            OpenError::Io(error) => self.broken(&error),
            OpenError::NotALedger(error) => Failure::new(Code::Failed, format!("{}: {error}", self.name))
                .hint("reports read client.csv and bank.csv, plain or packed as .gz or .zst"),
        }
    }
}

fn opened(path: &Path) -> io::Result<File> {
    let file = File::open(path)?;
    let kind = file.metadata()?.file_type();
    if kind.is_dir() {
        return Err(io::Error::new(io::ErrorKind::IsADirectory, "it is a folder; give the files in it"));
    }
    if kind.is_file() { Ok(file) } else { kept(file, None) }
}

/// What comes through the pipe, in a file that is gone when it is closed.
fn spooled(progress: Option<&Progress>) -> io::Result<File> {
    kept(io::stdin().lock(), progress)
}

fn kept(mut from: impl Read, progress: Option<&Progress>) -> io::Result<File> {
    let mut file = tempfile::tempfile_in(env::temp_dir())?;
    let step = Step::new(progress);
    let mut done = 0;
    loop {
        let copied = io::copy(&mut from.by_ref().take(1 << 23), &mut file)?;
        done += copied;
        if copied == 0 {
            break;
        }
        step.bytes("reading the pipe", done);
    }
    file.seek(SeekFrom::Start(0))?;
    Ok(file)
}

fn unreadable(name: &str, error: &io::Error) -> Failure {
    let message = format!("{name} cannot be read: {error}");
    match error.kind() {
        io::ErrorKind::NotFound => Failure::new(Code::NotFound, message),
        io::ErrorKind::IsADirectory => Failure::new(Code::Usage, message),
        io::ErrorKind::PermissionDenied => Failure::new(Code::Denied, message).hint(
            "a ledger is read by its owner and its group: ask to be taken into the group that the file has",
        ),
        _ => Failure::new(Code::Failed, message),
    }
}
