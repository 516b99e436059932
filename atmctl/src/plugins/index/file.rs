//! The file of the index: a line with version and digest, and JSON behind it.

use super::Entries;
use rustix::process::{Uid, geteuid};
use std::fs::{DirBuilder, File};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::Path;

/// What is between versions of the file is not converted: it is asked for again.
const VERSION: &str = concat!("atmctl-index 1 ", env!("CARGO_PKG_VERSION"));
const BYTES_MAX: u64 = 16 * 1024 * 1024;
const PLUGINS_MAX: usize = 256;

/// What the user's own file has; nothing where it cannot be relied on.
pub(super) fn read(path: &Path) -> Entries {
    read_of(path, geteuid())
}

/// What a file of root's has; nothing where it cannot be relied on.
pub(super) fn read_of_root(path: &Path) -> Entries {
    read_of(path, Uid::ROOT)
}

fn read_of(path: &Path, owner: Uid) -> Entries {
    read_text(path, owner).ok().and_then(|text| parse(&text)).unwrap_or_default()
}

fn read_text(path: &Path, owner: Uid) -> io::Result<String> {
    let file = File::open(path)?;
    let metadata = file.metadata()?;
    let foreign = metadata.uid() != owner.as_raw() || metadata.mode() & 0o022 != 0;
    if foreign || !metadata.is_file() || metadata.len() > BYTES_MAX {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let mut text = String::new();
    file.take(BYTES_MAX).read_to_string(&mut text)?;
    Ok(text)
}

fn parse(text: &str) -> Option<Entries> {
    let (head, body) = text.split_once('\n')?;
    (head == self::head(body)).then(|| serde_json::from_str(body).ok())?
}

/// The first line, by which damage is seen.
fn head(body: &str) -> String {
    format!("{VERSION} {}", blake3::hash(body.as_bytes()).to_hex())
}

/// Replaces the file as a whole: whoever reads meanwhile has the old one or the new one.
pub(super) fn write(path: &Path, entries: &Entries) -> io::Result<()> {
    let folder = path.parent().ok_or(io::ErrorKind::InvalidInput)?;
    DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    let kept: Entries = entries.iter().take(PLUGINS_MAX).map(|(p, e)| (p.clone(), e.clone())).collect();
    let body = serde_json::to_string(&kept)?;
    if u64::try_from(body.len()).is_ok_and(|length| length > BYTES_MAX) {
        return Err(io::ErrorKind::FileTooLarge.into());
    }
    // Such files are their owner's alone.
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    writeln!(file, "{}", head(&body))?;
    file.write_all(body.as_bytes())?;
    file.persist(path)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::{Entry, Said};
    use super::*;
    use atm_rpc::plugin::{Code, Failure};
    use std::os::unix::fs::PermissionsExt;

    fn entries(count: usize) -> Entries {
        let said = || Said::Failure(Failure::new(Code::Protocol, "it says nothing"));
        let entry = |n| {
            (format!("/p/{n:04}").into(), Entry { stamp: Default::default(), digest: None, said: said() })
        };
        (0..count).map(entry).collect()
    }

    #[test]
    fn what_was_written_is_read_and_is_the_owners_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new/atm/index");
        assert_eq!(read(&path), Entries::new());
        write(&path, &entries(2)).unwrap();
        assert_eq!(read(&path), entries(2));
        let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&path), mode(path.parent().unwrap())), (0o600, 0o700));
        write(&path, &entries(PLUGINS_MAX + 9)).unwrap();
        assert_eq!(read(&path), entries(PLUGINS_MAX));
        let only = std::fs::read_dir(path.parent().unwrap()).unwrap().count();
        assert_eq!(only, 1, "nothing is left beside it");
    }

    #[test]
    fn what_cannot_be_relied_on_counts_as_empty() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("index");
        write(&path, &entries(2)).unwrap();
        let good = std::fs::read(&path).unwrap();
        let put = |bytes: &[u8]| std::fs::write(&path, bytes).unwrap();
        for at in [0, 13, 40, good.len() / 2, good.len() - 1] {
            let mut damaged = good.clone();
            damaged[at] ^= 1;
            put(&damaged);
            assert_eq!(read(&path), Entries::new(), "{at}");
            put(&good[..at]);
            assert_eq!(read(&path), Entries::new(), "up to {at}");
        }
        put(&good);
        assert_eq!(read(&path), entries(2));
        assert_eq!(read_of(&path, Uid::from_raw(65_534)), Entries::new(), "it is somebody else's");
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o620)).unwrap();
        assert_eq!(read(&path), Entries::new(), "others can write to it");
    }
}
