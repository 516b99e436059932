//! Backups: what atmd put together, and its bytes in parts.
//!
//! Putting one together is a job. What it made stays with the connection that began it, and goes with it.

use crate::types::key::Seq;
use crate::types::money::Currency;
use crate::types::time::Timestamp;
use serde::{Deserialize, Serialize};

/// The most bytes of one part. As text they fit into a frame.
pub const PART_BYTES_MAX: usize = 512 * 1024;
/// The name of the member that is the database: a file of SQLite, whatever stores the bank.
pub const DATABASE: &str = "database";
/// The folders of the data directory that a backup has files of. All but the first are secret.
pub const FOLDERS: [&str; 3] = ["public", "keys", "pki"];

/// Whether a backup has the bank's keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Keys {
    /// It has them: what `keys` and `pki` have.
    Included,
    /// They are kept elsewhere; without them the backup is of no use.
    LeftOut,
}

/// What a backup is of, and what is in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// Version of the atmd that made it.
    pub atmd: String,
    /// Where the bank is stored: `sqlite`, `mysql` or `postgresql`.
    pub engine: String,
    /// The 16 random bytes of the bank, in hexadecimal.
    pub bank: String,
    /// Currency of all amounts.
    pub currency: Currency,
    /// When it was begun.
    pub created_at: Timestamp,
    /// The last entry that it has.
    pub last_seq: Seq,
    /// The seal that its history ends with, as `ID:HEX`; `None` in an empty bank.
    pub seal_head: Option<String>,
    /// What is in it, in this order.
    pub members: Vec<Member>,
}

/// A file of a backup.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    /// [`DATABASE`], or `FOLDER/NAME` with one of the [`FOLDERS`].
    pub name: String,
    /// How long it is.
    pub bytes: u64,
    /// Its BLAKE3, in hexadecimal.
    pub blake3: String,
}

/// Bytes of a member.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// The bytes, as RFC 4648 has it; none at the member's end.
    pub base64: String,
}

/// The folder in which a restore works. A data directory that has it was not restored to the end.
pub const RESTORING: &str = "restore.part";
/// The restored database. An atmd on SQLite puts it where its own belongs; `atmd load` brings it to a server.
pub const RESTORED: &str = "restored.db";
