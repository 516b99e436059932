//! What was read of ledgers, kept for the next time. Holds whole numbers, so its files are its owner's alone.

use std::fs;
use std::io;
use std::path::Path;

/// What was thrown away.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cleared {
    /// How many files.
    pub files: u64,
    /// How many bytes they had.
    pub bytes: u64,
}

/// Throws away all that is kept in a cache folder. One that is not there is empty.
///
/// # Errors
/// Where a file cannot be removed.
pub fn clear(folder: &Path) -> io::Result<Cleared> {
    let mut cleared = Cleared::default();
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(cleared),
        entries => entries?,
    };
    for entry in entries {
        let entry = entry?;
        let about = entry.metadata()?;
        if about.is_dir() {
            let within = clear(&entry.path())?;
            cleared.files += within.files;
            cleared.bytes += within.bytes;
            fs::remove_dir(entry.path())?;
        } else {
            fs::remove_file(entry.path())?;
            cleared.files += 1;
            cleared.bytes += about.len();
        }
    }
    Ok(cleared)
}
