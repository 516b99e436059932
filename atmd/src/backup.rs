//! A backup while an operator fetches it: which files of a data directory belong into one, and the bytes of each.
//!
//! It must not know of passphrases: whoever fetches a backup encrypts it.

use crate::jobs::Job;
use crate::store::backup::Copied;
use crate::store::{Failure, Store, StoreError};
use atm_rpc::operator::backup::{DATABASE, Keys, Manifest, Member, PART_BYTES_MAX};
use atm_rpc::operator::ledger::Phase;
use atm_rpc::types::key::Seq;
use atm_rpc::types::money::Currency;
use atm_rpc::types::time::Timestamp;
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use thiserror::Error;
use tokio::task::spawn_blocking;
use zeroize::Zeroizing;

/// The copy of the database while it is made, in the data directory. It has no name any more once it is whole.
const COPY: &str = "backup.part";
/// What SQLite may put beside it.
const BESIDE: [&str; 4] = ["", "-journal", "-wal", "-shm"];
/// Keys and certificates are short. What is longer is none of the bank's.
const FILE_BYTES_MAX: u64 = 64 * 1024;
/// The pepper, which systemd may have.
const PEPPER: &str = "keys/pepper";
/// What there is beside the database, and nothing else: what an editor leaves behind belongs to no bank.
const FILES: [(&str, Wanted); 8] = [
    ("public/ca.pem", Wanted::Always),
    ("public/bank.json", Wanted::IfThere),
    (PEPPER, Wanted::Always),
    ("keys/seal", Wanted::Always),
    ("pki/ca.key", Wanted::Always),
    ("pki/root.pem", Wanted::IfThere),
    ("pki/root.before.pem", Wanted::IfThere),
    ("pki/next-ca.pem", Wanted::IfThere),
];

/// Whether a bank can be without a file.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Wanted {
    Always,
    IfThere,
}

/// Where a bank has its files.
#[derive(Clone, Debug)]
pub struct Place {
    /// The data directory.
    pub data_dir: PathBuf,
    /// Where systemd has the pepper, if it does.
    pub credentials: Option<PathBuf>,
}

/// A backup that can be read.
#[derive(Debug)]
pub struct Backup {
    manifest: Manifest,
    contents: Vec<Content>,
}

#[derive(Debug)]
enum Content {
    Copy(File),
    File(Zeroizing<Vec<u8>>),
}

/// Why there is no backup.
#[derive(Debug, Error)]
pub enum BackupError {
    /// Somebody asked it to end.
    #[error("it was asked to end")]
    Asked,
    /// The database cannot be copied.
    #[error("the database cannot be copied: {0}")]
    Store(#[from] StoreError),
    /// A file cannot be read.
    #[error("{path}: {source}")]
    File {
        /// Which.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A file is not one that a bank has.
    #[error("{path} has no place in a backup: {why}")]
    Foreign {
        /// Which.
        path: PathBuf,
        /// Why not.
        why: &'static str,
    },
    /// The thread that reads is gone.
    #[error("the thread that reads stopped, which is a mistake in the program")]
    Thread,
}

impl BackupError {
    /// Whether there is no space.
    #[must_use]
    pub fn is_full(&self) -> bool {
        match self {
            Self::Store(error) => error.failure == Failure::Full,
            Self::File { source, .. } => source.kind() == io::ErrorKind::StorageFull,
            _ => false,
        }
    }
}

impl Backup {
    /// What is in it.
    #[must_use]
    pub const fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// Bytes of a member from there on, none at its end; `None` where there is no such member.
    ///
    /// # Errors
    /// What the system says.
    pub fn read(&self, member: u32, offset: u64) -> Option<io::Result<Zeroizing<Vec<u8>>>> {
        let content = usize::try_from(member).ok().and_then(|member| self.contents.get(member))?;
        Some(match content {
            Content::Copy(file) => {
                let mut bytes = Zeroizing::new(vec![0; PART_BYTES_MAX]);
                file.read_at(&mut bytes, offset).map(|count| {
                    bytes.truncate(count);
                    bytes
                })
            }
            Content::File(bytes) => {
                let begin = usize::try_from(offset).unwrap_or(usize::MAX).min(bytes.len());
                let rest = &bytes[begin..];
                Ok(Zeroizing::new(rest[..rest.len().min(PART_BYTES_MAX)].to_vec()))
            }
        })
    }
}

/// What a backup says of the bank beside what is in it.
#[derive(Clone, Copy, Debug)]
pub struct Facts {
    /// Currency of all amounts.
    pub currency: Currency,
    /// When it was begun.
    pub created_at: Timestamp,
}

/// Puts a backup together.
///
/// # Errors
/// [`BackupError`]; nothing is left behind.
pub async fn make(
    place: Place,
    store: Store,
    facts: Facts,
    keys: Keys,
    job: &Arc<Job>,
) -> Result<Backup, BackupError> {
    let copy = place.data_dir.join(COPY);
    clear(&place.data_dir).map_err(failed(&copy))?;
    let _unfinished = Unfinished(place.data_dir.clone());
    let copied = tokio::select! {
        biased;
        copied = store.copy_to(&copy, job) => copied,
        // SQLite asks by itself. Of what it is doing then, the end has to be waited for.
        () = until_stopped(&store, job) => return Err(BackupError::Asked),
    };
    let Copied { last_seq, head } = match copied {
        Err(_) if job.is_stopped() => return Err(BackupError::Asked),
        copied => copied?,
    };
    // After the copy: what is there then, its rows may tell of.
    let files = spawn_blocking(move || files(&place, keys));
    let files = files.await.map_err(|_| BackupError::Thread)??;
    let hashing = Arc::clone(job);
    let (file, member) =
        spawn_blocking(move || hashed(&copy, &hashing)).await.map_err(|_| BackupError::Thread)??;
    let (mut members, mut contents) = (vec![member], vec![Content::Copy(file)]);
    for (name, bytes) in files {
        let blake3 = blake3::hash(&bytes).to_hex().to_string();
        members.push(Member { name, bytes: u64::try_from(bytes.len()).unwrap_or(u64::MAX), blake3 });
        contents.push(Content::File(bytes));
    }
    let manifest = Manifest {
        atmd: env!("CARGO_PKG_VERSION").to_owned(),
        engine: store.backend().to_owned(),
        bank: store.instance().iter().map(|byte| format!("{byte:02x}")).collect(),
        currency: facts.currency,
        created_at: facts.created_at,
        last_seq: Seq(last_seq),
        seal_head: (head.id > 0).then(|| head.to_string()),
        members,
    };
    Ok(Backup { manifest, contents })
}

async fn until_stopped(store: &Store, job: &Job) {
    if store.is_embedded() {
        std::future::pending::<()>().await;
    }
    job.stopped().await;
}

/// Takes away what a backup left that did not come to its end.
///
/// # Errors
/// What the system says.
pub fn clear(data_dir: &Path) -> io::Result<()> {
    for suffix in BESIDE {
        match fs::remove_file(data_dir.join(format!("{COPY}{suffix}"))) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

/// A copy that loses its name with this. Whoever has it open goes on to read it.
struct Unfinished(PathBuf);

impl Drop for Unfinished {
    fn drop(&mut self) {
        // The next start does it, too.
        let _ = clear(&self.0);
    }
}

fn failed(path: &Path) -> impl Fn(io::Error) -> BackupError {
    move |source| BackupError::File { path: path.to_owned(), source }
}

/// The copy, and what the manifest says of it.
fn hashed(path: &Path, job: &Job) -> Result<(File, Member), BackupError> {
    let file = File::open(path).map_err(failed(path))?;
    let total = file.metadata().map_err(failed(path))?.len();
    job.enter(Phase::Hashing, total);
    let mut hasher = blake3::Hasher::new();
    let mut buffer = vec![0; PART_BYTES_MAX];
    let mut bytes = 0;
    loop {
        let count = (&file).read(&mut buffer).map_err(failed(path))?;
        if count == 0 {
            break;
        }
        if job.is_stopped() {
            return Err(BackupError::Asked);
        }
        hasher.update(&buffer[..count]);
        bytes += u64::try_from(count).unwrap_or(0);
        job.reach(bytes);
    }
    let blake3 = hasher.finalize().to_hex().to_string();
    Ok((file, Member { name: DATABASE.to_owned(), bytes, blake3 }))
}

/// The files that a backup has beside the database, by their names in it.
fn files(place: &Place, keys: Keys) -> Result<BTreeMap<String, Zeroizing<Vec<u8>>>, BackupError> {
    let mut files = BTreeMap::new();
    for (name, wanted) in FILES {
        if keys == Keys::LeftOut && !name.starts_with("public/") {
            continue;
        }
        let given = place.credentials.as_ref().filter(|_| name == PEPPER).map(|folder| folder.join("pepper"));
        let path = given.filter(|path| path.exists()).unwrap_or_else(|| place.data_dir.join(name));
        match content(&path) {
            Ok(bytes) => {
                files.insert(name.to_owned(), bytes);
            }
            Err(BackupError::File { source, .. })
                if wanted == Wanted::IfThere && source.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Ok(files)
}

fn content(path: &Path) -> Result<Zeroizing<Vec<u8>>, BackupError> {
    let foreign = |why| BackupError::Foreign { path: path.to_owned(), why };
    let metadata = fs::metadata(path).map_err(failed(path))?;
    if !metadata.is_file() {
        return Err(foreign("it is no regular file"));
    }
    if metadata.len() > FILE_BYTES_MAX {
        return Err(foreign("it has more than 64 KiB"));
    }
    let file = File::open(path).map_err(failed(path))?;
    // Room for all of it: a buffer that grows leaves its bytes behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(64 * 1024 + 1));
    file.take(FILE_BYTES_MAX).read_to_end(&mut bytes).map_err(failed(path))?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(folder: &Path) -> Place {
        for (path, text) in [
            ("public/ca.pem", "ca"),
            ("public/ca.pem~", "an editor's"),
            ("keys/seal", "seal"),
            ("keys/pepper", "pepper"),
            ("keys/pepper.unfinished", "half"),
            ("pki/ca.key", "key"),
            ("pki/ca (copy).key", "somebody's"),
            ("pki/deeper/x", "not one"),
        ] {
            let path = folder.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        Place { data_dir: folder.to_owned(), credentials: None }
    }

    #[test]
    fn files_are_those_of_a_bank_and_keys_where_they_are_wanted() {
        let folder = tempfile::tempdir().unwrap();
        let place = place(folder.path());
        let names = |keys| files(&place, keys).unwrap().into_keys().collect::<Vec<_>>();
        assert_eq!(names(Keys::LeftOut), ["public/ca.pem"]);
        assert_eq!(names(Keys::Included), ["keys/pepper", "keys/seal", "pki/ca.key", "public/ca.pem"]);
        // A pepper that systemd has goes before one of the folder, as it does when atmd starts.
        let credentials = tempfile::tempdir().unwrap();
        fs::write(credentials.path().join("pepper"), "given").unwrap();
        let place = Place { credentials: Some(credentials.path().to_owned()), ..place.clone() };
        assert_eq!(files(&place, Keys::Included).unwrap()["keys/pepper"].as_slice(), b"given");
        assert!(!files(&place, Keys::LeftOut).unwrap().contains_key("keys/pepper"));
        // A key on another volume is the bank's, too.
        let seal = folder.path().join("keys/seal");
        fs::rename(&seal, credentials.path().join("seal")).unwrap();
        std::os::unix::fs::symlink(credentials.path().join("seal"), &seal).unwrap();
        assert_eq!(files(&place, Keys::Included).unwrap()["keys/seal"].as_slice(), b"seal");
        // Without one there is no backup.
        fs::remove_file(credentials.path().join("seal")).unwrap();
        assert!(matches!(files(&place, Keys::Included), Err(BackupError::File { path, .. }) if path == seal));
        assert!(files(&place, Keys::LeftOut).is_ok());
        fs::write(folder.path().join("public/ca.pem"), vec![0; 65 * 1024]).unwrap();
        assert!(matches!(files(&place, Keys::LeftOut), Err(BackupError::Foreign { .. })));
    }

    #[test]
    fn what_was_left_behind_is_taken_away() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["backup.part", "backup.part-journal", "bank.db"] {
            fs::write(folder.path().join(name), "x").unwrap();
        }
        clear(folder.path()).unwrap();
        let left: Vec<_> =
            fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(left, ["bank.db"]);
    }
}
