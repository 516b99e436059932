//! Files and folders of notes: written whole, synced, readable by their owner only, and moved aside
//! where they cannot be read.

use super::{Aside, Record, StateError, VERSION, failed};
use std::fs::{self, DirBuilder, File};
use std::io::{self, Read, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use tempfile::NamedTempFile;

/// A note is far smaller; a longer file is not one.
const BYTES_MAX: u64 = 4096;

/// Why a file is not read as a note.
pub(super) enum Unreadable {
    /// The disk or the rights.
    Io(io::Error),
    /// Its content.
    NotANote(String),
}

/// Reads a note of this version.
pub(super) fn read(path: &Path) -> Result<Record, Unreadable> {
    let mut text = Vec::new();
    let file = File::open(path).map_err(Unreadable::Io)?;
    file.take(BYTES_MAX).read_to_end(&mut text).map_err(Unreadable::Io)?;
    let record: Record =
        serde_json::from_slice(&text).map_err(|error| Unreadable::NotANote(error.to_string()))?;
    if record.version == VERSION {
        return Ok(record);
    }
    Err(Unreadable::NotANote(format!("its version is {}, this program knows {VERSION}", record.version)))
}

/// Moves a file to a name that no reader looks at, beside files moved before.
pub(super) fn move_aside(path: &Path, reason: String) -> Result<Aside, StateError> {
    let named = |suffix: String| {
        let mut name = path.file_name().unwrap_or_default().to_owned();
        name.push(suffix);
        path.with_file_name(name)
    };
    let aside = (1..=99)
        .map(|n| named(format!(".unreadable-{n}")))
        .find(|candidate| !candidate.exists())
        .unwrap_or_else(|| named(".unreadable".into()));
    match fs::rename(path, &aside) {
        Ok(()) => Ok(Aside { path: aside, reason }),
        Err(error) => Err(failed("move aside", path)(error)),
    }
}

/// A synced file of mode 0600 under a passing name.
pub(super) fn write_beside(folder: &Path, record: &Record) -> Result<NamedTempFile, StateError> {
    let write = || {
        let mut file = tempfile::Builder::new().prefix(".note-").suffix(".tmp").tempfile_in(folder)?;
        file.write_all(&serde_json::to_vec(record)?)?;
        file.as_file().sync_all()?;
        Ok(file)
    };
    write().map_err(failed("write in", folder))
}

/// Makes a folder of mode 0700, synced in the one above it.
pub(super) fn make_folder(folder: &Path) -> Result<(), StateError> {
    if folder.is_dir() {
        return Ok(());
    }
    let above = folder.parent().filter(|above| !above.as_os_str().is_empty()).unwrap_or(Path::new("."));
    make_folder(above)?;
    match DirBuilder::new().mode(0o700).create(folder) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(failed("make", folder)(error)),
        _ => sync(above),
    }
}

/// Sees that the names in a folder are on the disk.
pub(super) fn sync(folder: &Path) -> Result<(), StateError> {
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed("sync", folder))
}
