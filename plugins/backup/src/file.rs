//! How a backup looks, from its first byte to its last:
//!
//! 1. `atm-backup/1` and a line's end.
//! 2. The head: four bytes of length, big-endian, and JSON of the manifest and how the body is encrypted. It is not secret.
//! 3. The body: the members, one behind the other, in the order of the manifest; as [`super::seal`] has it, or plain.
//! 4. 32 bytes: BLAKE3 of everything before them.
//!
//! The head says how long all of it is, so nothing can be cut off or added. The digest at the end finds damage without
//! the passphrase; who damages it on purpose is found with the passphrase.

use crate::seal::{Encryption, PART, Place, Sealing, TAG};
use atm_rpc::operator::backup::{DATABASE, FOLDERS, Manifest, Member};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fmt;
use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom, Write};

const MAGIC: &[u8] = b"atm-backup/1\n";
const HEAD_BYTES_MAX: usize = 1024 * 1024;
const DIGEST: usize = blake3::OUT_LEN;
/// Bytes of the file that are digested at a time.
const BLOCK: usize = 1024 * 1024;

/// What stands ahead of the body.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Head {
    pub(crate) manifest: Manifest,
    pub(crate) encryption: Option<Encryption>,
}

impl Head {
    /// Bytes of all members.
    pub(crate) fn content_bytes(&self) -> Option<u64> {
        self.manifest.members.iter().try_fold(0_u64, |sum, member| sum.checked_add(member.bytes))
    }

    fn body_bytes(&self) -> Option<u64> {
        let content = self.content_bytes()?;
        if self.encryption.is_none() {
            return Some(content);
        }
        let parts = content.div_ceil(u64::try_from(PART).ok()?).max(1);
        content.checked_add(parts.checked_mul(u64::try_from(TAG).ok()?)?)
    }

    /// Whether it has the bank's keys.
    pub(crate) fn has_keys(&self) -> bool {
        self.manifest.members.iter().any(|member| member.name.starts_with("keys/"))
    }
}

/// What keeps a backup from being read.
#[derive(Debug)]
pub(crate) enum Wrong {
    /// The system.
    Io(io::Error),
    /// It is not what atmd gave.
    Damaged(String),
    /// It is not encrypted, and whoever has it read gave a passphrase.
    Plain,
    /// It is whole, and the passphrase is not its own; or somebody changed it who can also make digests.
    Passphrase,
}

impl From<io::Error> for Wrong {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => error.fmt(f),
            Self::Damaged(what) => f.write_str(what),
            Self::Plain => f.write_str(
                "it is not encrypted, and a passphrase was given: somebody may have put it in the place of one that is",
            ),
            Self::Passphrase => f.write_str(
                "the passphrase is not the one it was encrypted to, or somebody changed it on purpose",
            ),
        }
    }
}

fn damaged<T>(what: impl Into<String>) -> Result<T, Wrong> {
    Err(Wrong::Damaged(what.into()))
}

/// A backup that is written.
pub(crate) struct Writer<W> {
    to: W,
    hasher: blake3::Hasher,
    sealing: Option<Sealing>,
    part: Vec<u8>,
}

impl<W: Write> Writer<W> {
    /// Writes the head. `passphrase` is for the encryption that it tells of.
    pub(crate) fn begin(mut to: W, head: &Head, passphrase: &[u8]) -> io::Result<Self> {
        let json = serde_json::to_vec(head)?;
        let length = u32::try_from(json.len()).map_err(io::Error::other)?;
        let front = [MAGIC, &length.to_be_bytes(), &json].concat();
        to.write_all(&front)?;
        let mut hasher = blake3::Hasher::new();
        hasher.update(&front);
        let digest = hasher.finalize();
        let sealing = match &head.encryption {
            Some(encryption) => {
                let key = encryption.key(passphrase, digest);
                Some(key.ok_or_else(|| io::Error::other("argon2id refuses the passphrase"))?)
            }
            None => None,
        };
        Ok(Self { to, hasher, sealing, part: Vec::with_capacity(PART + TAG) })
    }

    /// Writes what comes next of the members.
    pub(crate) fn write(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        if self.sealing.is_none() {
            return self.put(bytes);
        }
        while !bytes.is_empty() {
            // Which part is the last is known when there is nothing behind it.
            if self.part.len() == PART {
                self.seal(Place::Inside)?;
            }
            let (now, rest) = bytes.split_at(bytes.len().min(PART - self.part.len()));
            self.part.extend_from_slice(now);
            bytes = rest;
        }
        Ok(())
    }

    /// Writes the end, and gives back where all of it went.
    pub(crate) fn finish(mut self) -> io::Result<W> {
        if self.sealing.is_some() {
            self.seal(Place::Last)?;
        }
        let digest = self.hasher.finalize();
        self.to.write_all(digest.as_bytes())?;
        self.to.flush()?;
        Ok(self.to)
    }

    fn seal(&mut self, place: Place) -> io::Result<()> {
        let mut part = std::mem::take(&mut self.part);
        let sealed = self.sealing.as_mut().and_then(|sealing| sealing.seal(&mut part, place));
        sealed.ok_or_else(|| io::Error::other("a part cannot be encrypted"))?;
        self.put(&part)?;
        part.clear();
        self.part = part;
        Ok(())
    }

    fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.hasher.update(bytes);
        self.to.write_all(bytes)
    }
}

/// A backup that is whole from outside.
#[derive(Debug)]
pub(crate) struct Whole {
    file: File,
    pub(crate) head: Head,
    /// The digest of everything ahead of the body.
    front: blake3::Hash,
    body_begins: u64,
    pub(crate) bytes: u64,
}

impl Whole {
    /// Reads the head, and checks the digest over all of it. `so_far` gets bytes, done and in all.
    pub(crate) fn read(mut file: File, so_far: &dyn Fn(u64, u64)) -> Result<Self, Wrong> {
        let metadata = file.metadata()?;
        if !metadata.is_file() {
            return damaged("it is no file");
        }
        let bytes = metadata.len();
        let mut fixed = [0; MAGIC.len() + 4];
        if let Err(error) = file.read_exact(&mut fixed) {
            return match error.kind() {
                io::ErrorKind::UnexpectedEof => damaged("it is no backup: it is too short for one"),
                _ => Err(error.into()),
            };
        }
        let (magic, length) = fixed.split_at(MAGIC.len());
        if magic != MAGIC {
            return damaged("it is no backup that this version knows, or its first bytes were changed");
        }
        let length = length.iter().fold(0, |length: usize, byte| length << 8 | usize::from(*byte));
        if length > HEAD_BYTES_MAX {
            return damaged("its head was changed: it cannot be that long");
        }
        let mut json = vec![0; length];
        match file.read_exact(&mut json) {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                return damaged("it is cut off within its head, or the head was changed");
            }
            read => read?,
        }
        let front = [fixed.as_slice(), &json].concat();
        let head: Head = match serde_json::from_slice(&json) {
            Ok(head) => head,
            Err(error) => return damaged(format!("its head was changed: {error}")),
        };
        check_names(&head.manifest.members)?;
        let body_begins = u64::try_from(front.len()).unwrap_or(u64::MAX);
        let expected =
            head.body_bytes().and_then(|body| body.checked_add(body_begins)?.checked_add(DIGEST as u64));
        match expected {
            Some(expected) if expected > bytes => {
                return damaged(format!("it is cut off: it has {bytes} of {expected} bytes"));
            }
            Some(expected) if expected < bytes => {
                return damaged(format!(
                    "something was added to it: it has {bytes} bytes instead of {expected}"
                ));
            }
            Some(_) => {}
            None => return damaged("its head was changed: no file is that long"),
        }
        let front = blake3::hash(&front);
        let mut whole = Self { file, head, front, body_begins, bytes };
        whole.check_digest(so_far)?;
        Ok(whole)
    }

    fn check_digest(&mut self, so_far: &dyn Fn(u64, u64)) -> Result<(), Wrong> {
        self.file.seek(SeekFrom::Start(0))?;
        let mut left = self.bytes - DIGEST as u64;
        let mut hasher = blake3::Hasher::new();
        let mut block = vec![0; BLOCK];
        while left > 0 {
            let count = usize::try_from(left).map_or(BLOCK, |left| left.min(BLOCK));
            self.file.read_exact(&mut block[..count])?;
            hasher.update(&block[..count]);
            left -= count as u64;
            so_far(self.bytes - left, self.bytes);
        }
        let mut digest = [0; DIGEST];
        self.file.read_exact(&mut digest)?;
        if hasher.finalize() != digest { damaged("bytes of it were changed") } else { Ok(()) }
    }

    /// Reads the members in their order, and gives their bytes to `take`, with the place of each. Each is checked
    /// against the manifest when it ends.
    pub(crate) fn members(
        self,
        passphrase: &[u8],
        take: &mut dyn FnMut(usize, &[u8]) -> io::Result<()>,
    ) -> Result<(), Wrong> {
        let Self { mut file, head, front, body_begins, .. } = self;
        file.seek(SeekFrom::Start(body_begins))?;
        let sealing = match &head.encryption {
            Some(encryption) => match encryption.key(passphrase, front) {
                Some(sealing) => Some(sealing),
                None => return damaged("it is encrypted in a way that this version does not know"),
            },
            None => None,
        };
        let left = head.body_bytes().unwrap_or(0);
        let mut body = Body { file: BufReader::new(file), left, sealing, part: Vec::new(), taken: 0 };
        for (place, member) in head.manifest.members.iter().enumerate() {
            let (mut left, mut hasher) = (member.bytes, blake3::Hasher::new());
            while left > 0 {
                let bytes = body.next(left)?;
                hasher.update(bytes);
                take(place, bytes)?;
                left -= bytes.len() as u64;
            }
            if hasher.finalize().to_hex().as_str() != member.blake3 {
                return damaged(format!("{} in it is not what atmd gave", member.name));
            }
        }
        body.end()
    }
}

/// The body while it is read.
struct Body {
    file: BufReader<File>,
    /// Bytes of it in the file that were not read.
    left: u64,
    sealing: Option<Sealing>,
    part: Vec<u8>,
    /// Bytes of the part that were given.
    taken: usize,
}

impl Body {
    /// The next bytes, `most` at the most, and never none.
    fn next(&mut self, most: u64) -> Result<&[u8], Wrong> {
        if self.taken == self.part.len() {
            self.read_part()?;
        }
        let rest = self.part.len() - self.taken;
        let count = usize::try_from(most).map_or(rest, |most| most.min(rest));
        if count == 0 {
            return damaged("it ends within a file that its head tells of");
        }
        self.taken += count;
        Ok(&self.part[self.taken - count..self.taken])
    }

    fn read_part(&mut self) -> Result<(), Wrong> {
        let whole = PART + if self.sealing.is_some() { TAG } else { 0 };
        let count = usize::try_from(self.left).map_or(whole, |left| left.min(whole));
        self.part.resize(count, 0);
        self.taken = 0;
        self.file.read_exact(&mut self.part)?;
        self.left -= count as u64;
        let place = if self.left == 0 { Place::Last } else { Place::Inside };
        match &mut self.sealing {
            Some(sealing) => sealing.open(&mut self.part, place).ok_or(Wrong::Passphrase),
            None => Ok(()),
        }
    }

    /// There is nothing behind the last member.
    fn end(mut self) -> Result<(), Wrong> {
        // Of no members at all there is one part, which is empty.
        if self.left > 0 {
            self.read_part()?;
        }
        if self.left > 0 || self.taken < self.part.len() {
            damaged("it has more than its head tells of")
        } else {
            Ok(())
        }
    }
}

/// Names are those that a data directory has, so a restore makes no other file.
pub(crate) fn check_names(members: &[Member]) -> Result<(), Wrong> {
    let mut seen = BTreeSet::new();
    for Member { name, .. } in members {
        let known = match name.split_once('/') {
            None => name == DATABASE,
            Some((folder, file)) => FOLDERS.contains(&folder) && is_plain(file),
        };
        if !known || !seen.insert(name) {
            return damaged(format!("it has a file that no bank has: {name:?}"));
        }
    }
    if seen.contains(&DATABASE.to_owned()) { Ok(()) } else { damaged("it has no database") }
}

fn is_plain(name: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    (1..=100).contains(&name.len()) && !name.starts_with('.') && name.bytes().all(allowed)
}
