//! What was read of ledgers, kept for the next time: each file in parts of some megabytes, which are never written again.
//!
//! A part is used only where its digest is that of the bytes which the ledger has now, so a ledger that was cut, edited or
//! replaced is read again from there on, whatever its size and times are. A part that is damaged, or of another version,
//! counts as none. It is there as a whole or not at all: it gets its name when it is complete, and two that write the same
//! part at once write the same.
//!
//! Holds whole numbers, so its files are its owner's alone.

mod pack;
mod part;
mod room;

pub use room::{Cleared, clear};

pub(crate) use part::{FORMAT, Head, Stored, Wanted, encode};
pub(crate) use room::make_room;

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::process;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

/// How much of one ledger is kept, in bytes of its text. What comes behind is read from the ledger.
pub(crate) const LEDGER_TEXT_MAX: u64 = 2 * 1024 * 1024 * 1024;
/// Tells when a ledger's parts were used last.
const USED: &str = "used";
/// What a part is called before it is complete.
const UNFINISHED: &str = "tmp";

/// Where the parts of one ledger are.
#[derive(Clone, Debug)]
pub(crate) struct Shelf {
    folder: PathBuf,
}

impl Shelf {
    /// The parts of the ledger that is `identity`. `None` where nothing can be kept.
    pub(crate) fn of(root: &Path, identity: &[u8]) -> Option<Self> {
        let folder = root.join(&blake3::hash(identity).to_hex()[..32]);
        DirBuilder::new().recursive(true).mode(0o700).create(&folder).ok()?;
        let shelf = Self { folder };
        shelf.touch().ok()?;
        Some(shelf)
    }

    /// Notes that it is used now.
    fn touch(&self) -> io::Result<()> {
        let file = private().truncate(true).open(self.folder.join(USED))?;
        #[expect(
            clippy::disallowed_methods,
            reason = "what was used last is by the clock of the system's files"
        )]
        file.set_modified(SystemTime::now())
    }

    /// The head of the part that begins at that byte of the ledger.
    pub(crate) fn head(&self, offset: u64) -> Option<Head> {
        Head::read(&self.open(offset)?)
    }

    /// The file of the part that begins there.
    pub(crate) fn open(&self, offset: u64) -> Option<File> {
        File::open(self.path(offset)).ok()
    }

    /// Keeps a part. Where it cannot, nothing is lost but time.
    pub(crate) fn put(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        static WRITTEN: AtomicU64 = AtomicU64::new(0);
        let own = WRITTEN.fetch_add(1, Ordering::Relaxed);
        let unfinished = self.folder.join(format!("{offset:016x}-{}-{own}.{UNFINISHED}", process::id()));
        let written = private()
            .create_new(true)
            .open(&unfinished)
            .and_then(|mut file| file.write_all(bytes))
            .and_then(|()| fs::rename(&unfinished, self.path(offset)));
        if written.is_err() {
            // Whoever makes room finds what this leaves.
            let _ = fs::remove_file(&unfinished);
        }
        written
    }

    /// Throws away the parts that begin at that byte or behind it.
    pub(crate) fn forget(&self, from: u64) {
        let entries = fs::read_dir(&self.folder).into_iter().flatten().flatten();
        for entry in entries {
            let name = entry.file_name();
            let offset = name.to_str().and_then(|name| u64::from_str_radix(name, 16).ok());
            if offset.is_some_and(|offset| offset >= from) {
                // One that stays is found out again.
                let _ = fs::remove_file(entry.path());
            }
        }
    }

    fn path(&self, offset: u64) -> PathBuf {
        self.folder.join(format!("{offset:016x}"))
    }
}

fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true).create(true).mode(0o600);
    options
}
