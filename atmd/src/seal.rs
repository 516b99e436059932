//! What makes tampering with history visible: a keyed hash over each row, and a chain of seals.
//!
//! The key lies outside the database. A row's hash is over its canonical bytes (format 1): a version byte, then every
//! field in the order of the table, integers little-endian in 8 bytes, what may be absent behind a
//! byte 0 or 1, bytes and texts behind their length in 4 bytes. A batch's seal is over the seal
//! before it, the batch's own fields and the hashes of its rows, so one changed byte, a row that
//! is missing or two that were swapped break it.

use crate::ledger::entry::Entry;
use crate::ledger::request::Audit;
use atm_rpc::types::key::Seq;
use atm_rpc::types::time::{BusinessDate, Timestamp};
use zeroize::Zeroizing;

const FORMAT: u8 = 1;

/// A keyed hash over one row.
pub type RowMac = [u8; 16];
/// A keyed hash over a batch and everything before it.
pub type SealMac = [u8; 32];

/// Holds the key.
pub struct Sealer {
    key: Zeroizing<[u8; 32]>,
}

impl std::fmt::Debug for Sealer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Sealer")
    }
}

/// What a seal says, beside its hash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seal {
    /// Its place: dense, from 1.
    pub id: i64,
    /// The batch: 16 random bytes, ordered in time.
    pub batch: [u8; 16],
    /// When.
    pub sealed_at: Timestamp,
    /// The accounting day after the batch.
    pub business_date: BusinessDate,
    /// Newest entry of the journal after the batch.
    pub last_seq: i64,
    /// Newest row of the audit log after the batch.
    pub last_audit: i64,
    /// The vault's balance after the batch, in minor units.
    pub vault_minor: i64,
}

impl Sealer {
    /// A sealer with that key.
    #[must_use]
    pub const fn new(key: Zeroizing<[u8; 32]>) -> Self {
        Self { key }
    }

    /// The hash of an entry of the journal.
    #[must_use]
    pub fn entry(&self, entry: &Entry) -> RowMac {
        let (request_key, payload) = entry.request.unzip();
        self.row(
            Canonical::new(b'j')
                .int(entry.seq.0)
                .int(entry.recorded_at.ms())
                .int(i64::from(entry.business_date.days()))
                .int(i64::from(entry.action.code()))
                .maybe(entry.customer.map(|account| account.raw()))
                .maybe(entry.transfer.map(|transfer| transfer.amount.minor()))
                .maybe(entry.transfer.map(|transfer| transfer.debit.raw()))
                .maybe(entry.transfer.map(|transfer| transfer.credit.raw()))
                .maybe(entry.customer_balance.map(|balance| balance.minor()))
                .int(entry.vault_balance.minor())
                .maybe(entry.session.map(|session| session.id.0))
                .maybe(entry.session.map(|session| session.started_at.ms()))
                .maybe(entry.session.map(|session| session.elapsed_ms))
                .bytes(entry.terminal.as_ref().map(|terminal| terminal.as_str().as_bytes()))
                .bytes(request_key.as_ref().map(|key| key.bytes().as_slice()))
                .bytes(payload.as_ref().map(<[u8; 16]>::as_slice))
                .maybe(entry.reverses.map(|Seq(seq)| seq))
                .maybe(entry.previous.map(|Seq(seq)| seq)),
        )
    }

    /// The hash of a row of the audit log.
    #[must_use]
    pub fn audit(&self, audit: &Audit) -> RowMac {
        let draft = &audit.draft;
        let (name, version, digest) = match &draft.plugin {
            Some((name, version, digest)) => (Some(name), Some(version), Some(digest)),
            None => (None, None, None),
        };
        self.row(
            Canonical::new(b'a')
                .int(audit.id)
                .int(audit.at.ms())
                .text(Some(&draft.operator))
                .text(Some(draft.role.name()))
                .text(draft.command.as_ref())
                .text(name)
                .text(version)
                .text(digest)
                .text(Some(&draft.capabilities))
                .text(Some(&draft.method))
                .text(Some(&draft.arguments))
                .text(Some(&audit.result)),
        )
    }

    /// The seal of a batch. `rows` are the hashes of its entries, then of its audit rows, in order.
    pub fn seal(&self, before: &SealMac, seal: &Seal, rows: impl IntoIterator<Item = RowMac>) -> SealMac {
        let mut batch = self.batch(before, seal);
        for row in rows {
            batch.row(&row);
        }
        batch.mac()
    }

    /// The same for one who has the rows one after the other.
    #[must_use]
    pub fn batch(&self, before: &SealMac, seal: &Seal) -> BatchHasher {
        let fields = Canonical::new(b's')
            .bytes(Some(before))
            .int(seal.id)
            .bytes(Some(&seal.batch))
            .int(seal.sealed_at.ms())
            .int(i64::from(seal.business_date.days()))
            .int(seal.last_seq)
            .int(seal.last_audit)
            .int(seal.vault_minor);
        let mut hasher = blake3::Hasher::new_keyed(&self.key);
        hasher.update(&fields.0);
        BatchHasher { hasher }
    }

    fn row(&self, canonical: Canonical) -> RowMac {
        let hash = blake3::keyed_hash(&self.key, &canonical.0);
        let mut mac = [0; 16];
        mac.copy_from_slice(&hash.as_bytes()[..16]);
        mac
    }
}

/// The hash of a batch whose rows come one after the other.
#[derive(Debug)]
pub struct BatchHasher {
    hasher: blake3::Hasher,
}

impl BatchHasher {
    /// Takes the hash of the batch's next row: entries first, then audit rows.
    pub fn row(&mut self, mac: &RowMac) {
        self.hasher.update(mac);
    }

    /// The seal.
    #[must_use]
    pub fn mac(&self) -> SealMac {
        *self.hasher.finalize().as_bytes()
    }
}

/// More than an entry's canonical bytes, so that they are written without moving.
const CANONICAL_BYTES: usize = 256;

struct Canonical(Vec<u8>);

impl Canonical {
    fn new(kind: u8) -> Self {
        let mut bytes = Vec::with_capacity(CANONICAL_BYTES);
        bytes.extend([FORMAT, kind]);
        Self(bytes)
    }

    fn int(mut self, value: i64) -> Self {
        self.0.extend_from_slice(&value.to_le_bytes());
        self
    }

    fn maybe(mut self, value: Option<i64>) -> Self {
        self.0.push(u8::from(value.is_some()));
        match value {
            Some(value) => self.int(value),
            None => self,
        }
    }

    fn bytes(mut self, value: Option<&[u8]>) -> Self {
        self.0.push(u8::from(value.is_some()));
        if let Some(value) = value {
            let length = u32::try_from(value.len()).unwrap_or(u32::MAX);
            self.0.extend_from_slice(&length.to_le_bytes());
            self.0.extend_from_slice(value);
        }
        self
    }

    fn text(self, value: Option<impl AsRef<str>>) -> Self {
        self.bytes(value.as_ref().map(|text| text.as_ref().as_bytes()))
    }
}
