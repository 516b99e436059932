//! Room in the cache: what was not used for the longest time goes first.

use crate::cache::{UNFINISHED, USED};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// The most bytes of all ledgers together.
const BYTES_MAX: u64 = 1024 * 1024 * 1024;
/// A part is written within a blink; what is unfinished for so long was left by somebody who was ended.
const UNFINISHED_MAX: Duration = Duration::from_secs(600);

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

/// Throws away the ledgers that were not used for the longest time, until the rest is small enough. Two that do it at once
/// do no harm: what is gone is read from the ledger.
pub(crate) fn make_room(root: &Path, now: SystemTime) {
    make_room_for(root, now, BYTES_MAX);
}

fn make_room_for(root: &Path, now: SystemTime, bytes_max: u64) {
    let folders = fs::read_dir(root).into_iter().flatten().flatten();
    let mut kept: Vec<(SystemTime, u64, PathBuf)> = folders.map(|entry| weigh(&entry.path(), now)).collect();
    kept.sort();
    let mut bytes: u64 = kept.iter().map(|(_, bytes, _)| bytes).sum();
    for (_, of_ledger, folder) in kept {
        if bytes <= bytes_max {
            break;
        }
        bytes -= of_ledger;
        // What cannot be removed is tried again by the next one.
        let _ = fs::remove_dir_all(folder);
    }
}

/// When a folder was used and how many bytes it has, without what somebody left unfinished.
fn weigh(folder: &Path, now: SystemTime) -> (SystemTime, u64, PathBuf) {
    let mut used = SystemTime::UNIX_EPOCH;
    let mut bytes = 0;
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let Ok(about) = entry.metadata() else { continue };
        let modified = about.modified().unwrap_or(now);
        if entry.file_name() == USED {
            used = modified;
        }
        let is_unfinished = entry.path().extension().is_some_and(|extension| extension == UNFINISHED);
        if is_unfinished && now.duration_since(modified).is_ok_and(|age| age > UNFINISHED_MAX) {
            let _ = fs::remove_file(entry.path());
        } else {
            bytes += about.len();
        }
    }
    (used, bytes, folder.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cache::Shelf;
    use std::fs::File;

    #[test]
    fn what_was_not_used_for_the_longest_time_goes_first() {
        let root = tempfile::tempdir().unwrap();
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(2_000_000_000);
        let shelves: Vec<Shelf> = (0..3).map(|n| Shelf::of(root.path(), &[n]).unwrap()).collect();
        for (shelf, age) in shelves.iter().zip([20, 30, 10]) {
            shelf.put(7, &[0; 1_000]).unwrap();
            let used = File::options().write(true).open(shelf.folder.join(USED)).unwrap();
            used.set_modified(now - Duration::from_secs(age)).unwrap();
        }
        let there = || shelves.iter().map(|shelf| shelf.open(7).is_some()).collect::<Vec<_>>();
        make_room_for(root.path(), now, 3_000);
        assert_eq!(there(), [true, true, true]);
        make_room_for(root.path(), now, 2_999);
        assert_eq!(there(), [true, false, true]);
        make_room_for(root.path(), now, 1_000);
        assert_eq!(there(), [false, false, true]);
        assert_eq!(clear(root.path()).unwrap(), Cleared { files: 2, bytes: 1_000 });
        assert_eq!(clear(&root.path().join("none")).unwrap(), Cleared::default());
    }

    #[test]
    fn what_is_unfinished_for_long_goes() {
        let root = tempfile::tempdir().unwrap();
        let shelf = Shelf::of(root.path(), b"ledger").unwrap();
        let left = shelf.folder.join("left.tmp");
        let modified = File::create(&left).unwrap().metadata().unwrap().modified().unwrap();
        make_room_for(root.path(), modified + UNFINISHED_MAX, 1_000);
        assert!(left.exists());
        make_room_for(root.path(), modified + UNFINISHED_MAX + Duration::from_secs(1), 1_000);
        assert!(!left.exists());
    }
}
