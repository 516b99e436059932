//! One ledger's file: appending, and finding out after a crash what of it is whole.

use super::render::Ledger;
use crate::files::sync_folder_of;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::{DirBuilderExt, FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// An open ledger, whole up to `length`.
#[derive(Debug)]
pub(super) struct LedgerFile {
    ledger: Ledger,
    path: PathBuf,
    file: File,
    length: u64,
    next_seq: i64,
}

/// Something that was found wrong with a file, and where it was put.
#[derive(Debug)]
pub(super) struct Aside {
    /// What was wrong.
    pub(super) what: &'static str,
    /// How many bytes.
    pub(super) bytes: u64,
    /// Where they are now; `None` where there were none to keep.
    pub(super) kept: Option<PathBuf>,
}

impl LedgerFile {
    /// Opens a ledger as its checkpoint has it. A file that lacks checkpointed bytes is moved
    /// aside, and begins anew.
    pub(super) fn open(
        folder: &Path,
        ledger: Ledger,
        checkpoint: (i64, i64),
        stamp: i64,
    ) -> io::Result<(Self, Option<Aside>)> {
        DirBuilder::new().recursive(true).mode(0o750).create(folder)?;
        let path = folder.join(ledger.file_name());
        let open =
            || OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o640).open(&path);
        let mut file = open()?;
        let (mut next_seq, mut length) = (checkpoint.0, u64::try_from(checkpoint.1).unwrap_or(0));
        let found = file.metadata()?.len();
        let mut aside = None;
        if found < length {
            let kept = (found > 0).then(|| suffixed(&path, &format!("short-{stamp}")));
            if let Some(kept) = &kept {
                fs::rename(&path, kept)?;
                file = open()?;
            }
            let what = "the file is gone or shorter than its checkpoint; it is written anew from the journal";
            aside = Some(Aside { what, bytes: found, kept });
            (next_seq, length) = (1, 0);
        }
        sync_folder_of(&path)?;
        Ok((Self { ledger, path, file, length, next_seq }, aside))
    }

    pub(super) const fn ledger(&self) -> Ledger {
        self.ledger
    }

    /// The first entry that the file may not have.
    pub(super) const fn next_seq(&self) -> i64 {
        self.next_seq
    }

    /// Bytes that are whole.
    pub(super) const fn length(&self) -> u64 {
        self.length
    }

    /// The bytes behind the whole ones, `count` at the most.
    pub(super) fn tail(&mut self, count: usize) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        self.file.seek(SeekFrom::Start(self.length))?;
        let limit = u64::try_from(count).unwrap_or(u64::MAX);
        (&mut self.file).take(limit).read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    /// Takes bytes as whole that are in the file already.
    pub(super) fn accept(&mut self, bytes: usize, next_seq: i64) {
        self.length += u64::try_from(bytes).unwrap_or(0);
        self.next_seq = next_seq;
    }

    /// Makes the whole bytes durable, because who wrote them may have ended before that, and moves everything behind
    /// them to a file of its own.
    pub(super) fn cut(&mut self, stamp: i64) -> io::Result<Option<Aside>> {
        if self.length > 0 {
            self.file.sync_data()?;
        }
        let bytes = self.file.metadata()?.len().saturating_sub(self.length);
        if bytes == 0 {
            return Ok(None);
        }
        let kept = suffixed(&self.path, &format!("torn-{stamp}"));
        let mut to = OpenOptions::new().create_new(true).write(true).mode(0o640).open(&kept)?;
        self.file.seek(SeekFrom::Start(self.length))?;
        let copied = io::copy(&mut self.file, &mut to)
            .and_then(|_| to.sync_all())
            .and_then(|()| sync_folder_of(&kept));
        if let Err(error) = copied {
            // Half a copy is of no use, and there would be one more at each try.
            fs::remove_file(&kept)?;
            return Err(error);
        }
        self.file.set_len(self.length)?;
        self.file.sync_all()?;
        let what = "the file had bytes that the journal does not give";
        Ok(Some(Aside { what, bytes, kept: Some(kept) }))
    }

    /// Whether the file is still the one that was opened, and as long as it was left.
    pub(super) fn is_untouched(&self) -> io::Result<bool> {
        let ours = self.file.metadata()?;
        match fs::metadata(&self.path) {
            Ok(there) => {
                Ok(there.ino() == ours.ino() && there.dev() == ours.dev() && there.len() == self.length)
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Appends text and syncs it. Where that fails the file is as it was before.
    pub(super) fn append(&mut self, text: &str, next_seq: i64) -> io::Result<()> {
        if !text.is_empty() {
            let written =
                self.file.write_all_at(text.as_bytes(), self.length).and_then(|()| self.file.sync_data());
            if let Err(error) = written {
                // The bytes behind the whole ones are this append's own.
                self.file.set_len(self.length)?;
                return Err(error);
            }
        }
        // While another ledger is written anew, its entries come again to this one, which has them.
        self.accept(text.len(), self.next_seq.max(next_seq));
        Ok(())
    }
}

/// The path with a point and `suffix` behind it.
pub(super) fn suffixed(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(suffix);
    PathBuf::from(name)
}
