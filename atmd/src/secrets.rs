//! The keys that lie outside the database: the pepper of the PINs and the key of the seals.
//!
//! Made at the first start, mode 0600. Without them an existing bank is not opened: new ones would
//! make every PIN wrong and every seal broken.

use crate::auth::pin::Peppers;
use crate::files;
use std::fmt::Write as _;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use thiserror::Error;
use zeroize::Zeroizing;

/// The secrets of a bank.
pub struct Secrets {
    /// PINs are hashed with these.
    pub peppers: Peppers,
    /// History is sealed with this.
    pub seal_key: Zeroizing<[u8; 32]>,
}

impl std::fmt::Debug for Secrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secrets")
    }
}

/// Why the secrets cannot be used.
#[derive(Debug, Error)]
pub enum SecretError {
    /// A bank is there, and a key it needs is not.
    #[error(
        "{0} is missing, and the bank in this data directory cannot be opened without it; \
         restore it from the backup of the keys, or, where systemd has the pepper, \
         set CREDENTIALS_DIRECTORY to a folder with it"
    )]
    Missing(PathBuf),
    /// A file cannot be read or written.
    #[error("{path}: {source}")]
    File {
        /// Which.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// Others can read a file.
    #[error("{0} can be read by others; run: chmod 600 {0}")]
    Exposed(PathBuf),
    /// A file has something else in it.
    #[error("{0}: each line must be a key id and 64 hexadecimal digits")]
    Malformed(PathBuf),
    /// There are no random numbers.
    #[error("no random numbers: {0}")]
    Random(getrandom::Error),
}

/// Reads the secrets, or makes them where there is no bank yet.
///
/// The pepper is taken from `credentials` (systemd's LoadCredential) where it has one.
///
/// # Errors
/// [`SecretError`].
pub fn load(folder: &Path, credentials: Option<&Path>, bank_exists: bool) -> Result<Secrets, SecretError> {
    let given = credentials.map(|folder| folder.join("pepper")).filter(|path| path.exists());
    let (pepper_path, exposed_matters) = match given {
        Some(path) => (path, false),
        None => (folder.join("pepper"), true),
    };
    let peppers = read_or_make(&pepper_path, bank_exists, exposed_matters)?;
    let seal_path = folder.join("seal");
    let seal = read_or_make(&seal_path, bank_exists, true)?;
    let seal_key = seal.into_iter().next_back().map(|(_, key)| key);
    Ok(Secrets { peppers, seal_key: seal_key.ok_or(SecretError::Malformed(seal_path))? })
}

fn read_or_make(path: &Path, bank_exists: bool, exposed_matters: bool) -> Result<Peppers, SecretError> {
    let failed = |source| SecretError::File { path: path.to_owned(), source };
    match fs::metadata(path) {
        Ok(metadata) if exposed_matters && metadata.mode() & 0o077 != 0 => {
            return Err(SecretError::Exposed(path.to_owned()));
        }
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound && !bank_exists => make(path)?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(SecretError::Missing(path.to_owned()));
        }
        Err(error) => return Err(failed(error)),
    }
    let text = Zeroizing::new(fs::read_to_string(path).map_err(failed)?);
    parse(&text).ok_or_else(|| SecretError::Malformed(path.to_owned()))
}

fn make(path: &Path) -> Result<(), SecretError> {
    let failed = |source| SecretError::File { path: path.to_owned(), source };
    let mut key = Zeroizing::new([0; 32]);
    getrandom::fill(key.as_mut_slice()).map_err(SecretError::Random)?;
    let mut line = Zeroizing::new(String::from("1 "));
    for byte in key.iter() {
        // Writing to a string does not fail.
        let _ = write!(line, "{byte:02x}");
    }
    line.push('\n');
    files::put(path, &line, 0o600).map_err(failed)
}

/// Lines of an id and 64 hexadecimal digits; at least one, each id once.
fn parse(text: &str) -> Option<Peppers> {
    let mut keys = Peppers::new();
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        let (id, hex) = line.split_once(' ')?;
        let hex = hex.trim();
        if hex.len() != 64 || !hex.is_ascii() {
            return None;
        }
        let mut key = Zeroizing::new([0; 32]);
        for (byte, digits) in key.iter_mut().zip(hex.as_bytes().chunks(2)) {
            *byte = u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
        }
        if keys.insert(id.parse().ok()?, key).is_some() {
            return None;
        }
    }
    (!keys.is_empty()).then_some(keys)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_lines_of_id_and_hexadecimal_digits() {
        let (a, b) = ("a1".repeat(32), "b2".repeat(32));
        let two = parse(&format!("1 {a}\n2 {b}\n")).unwrap();
        assert_eq!(two.last_key_value().map(|(id, key)| (*id, **key)), Some((2, [0xb2; 32])));
        for bad in ["", "1", "1 xy", &a, &format!("1 {a}\n1 {b}"), &format!("x {a}"), &format!("1 {a}0")] {
            assert!(parse(bad).is_none(), "{bad:?}");
        }
    }

    #[test]
    fn keys_are_made_once_and_never_for_an_existing_bank() {
        let folder = tempfile::tempdir().unwrap();
        assert!(matches!(load(folder.path(), None, true), Err(SecretError::Missing(_))));
        let made = load(folder.path(), None, false).unwrap();
        let read = load(folder.path(), None, true).unwrap();
        assert_eq!((made.peppers, made.seal_key), (read.peppers, read.seal_key));
        let pepper = folder.path().join("pepper");
        fs::set_permissions(&pepper, std::os::unix::fs::PermissionsExt::from_mode(0o640)).unwrap();
        assert!(matches!(load(folder.path(), None, true), Err(SecretError::Exposed(_))));
    }
}
