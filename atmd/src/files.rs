//! Writing a file whole or not at all, also where the machine stops in the middle.

use rustix::fs::{Gid, Uid, fchown};
use rustix::process::geteuid;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

/// Puts a file of that mode in place, synced, its folder included.
///
/// # Errors
/// What the system says; the file is then as it was before.
pub fn put(path: &Path, text: &str, mode: u32) -> io::Result<()> {
    let mut unfinished = path.as_os_str().to_owned();
    unfinished.push(".unfinished");
    // One that a crash left behind may have another mode.
    match fs::remove_file(&unfinished) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new().create_new(true).write(true).mode(mode).open(&unfinished)?;
    give_to_owner_of_folder(path, &file)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(&unfinished, path)?;
    sync_folder_of(path)
}

/// What root puts into a folder of the user that atmd runs as is that user's.
fn give_to_owner_of_folder(path: &Path, file: &File) -> io::Result<()> {
    let Some(folder) = path.parent().filter(|_| geteuid().is_root()) else { return Ok(()) };
    let folder = fs::metadata(folder)?;
    if folder.uid() != 0 {
        fchown(file, Some(Uid::from_raw(folder.uid())), Some(Gid::from_raw(folder.gid())))?;
    }
    Ok(())
}

/// A new name in a folder is there after a crash only where the folder was synced.
///
/// # Errors
/// What the system says.
pub fn sync_folder_of(path: &Path) -> io::Result<()> {
    path.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
}

#[cfg(test)]
mod tests {
    use super::put;
    use std::fs;
    use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};

    #[test]
    fn a_file_is_replaced_whole_and_what_a_crash_left_is_cleared() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        fs::write(folder.path().join("key.unfinished"), "half").unwrap();
        for text in ["one", "two"] {
            put(&path, text, 0o600).unwrap();
            assert_eq!(fs::read_to_string(&path).unwrap(), text);
            assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        }
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn what_root_puts_into_a_users_folder_is_that_users() {
        let folder = tempfile::tempdir().unwrap();
        if chown(folder.path(), Some(65_534), Some(65_534)).is_err() {
            // Only root can try it.
            return;
        }
        let path = folder.path().join("key");
        put(&path, "one", 0o600).unwrap();
        let metadata = fs::metadata(&path).unwrap();
        assert_eq!([metadata.uid(), metadata.gid()], [65_534; 2]);
    }
}
