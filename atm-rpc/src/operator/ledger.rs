//! Work on the whole ledger that takes longer than a call may: what is asked, how far it is, what it found.
//!
//! There is one such job at a time. It belongs to the connection that began it and ends with it.

use crate::operator::backup::Manifest;
use crate::operator::legacy::LedgerImported;
use crate::types::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::fmt;

/// The most findings that one job keeps and one answer has; more are counted.
pub const FINDINGS_MAX: usize = 1_000;

/// What became of the wish to begin a job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JobStart {
    /// It runs; ask for news.
    Begun,
    /// Another one runs, perhaps on another connection.
    Occupied {
        /// What it does, such as `ledger_verify`.
        method: String,
        /// Who began it.
        operator: String,
        /// When.
        since: Timestamp,
    },
}

/// How far a job is. Counts are entries, accounts, rows or bytes, as the phase has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobNews {
    /// What it does now.
    pub phase: Phase,
    /// How much of it is done.
    pub done: u64,
    /// How much there is.
    pub total: u64,
    /// Findings after those that were asked for.
    pub findings: Vec<Finding>,
    /// How many findings there are, those that are not kept included.
    pub findings_count: u64,
    /// What came of it, once it is done.
    pub end: Option<JobEnd>,
}

/// What a job does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Waits for the ledgers to have what the journal has.
    Waiting,
    /// Reads the history: journal, audit log and seals.
    History,
    /// Compares the accounts.
    Accounts,
    /// Compares the ledgers with the journal.
    Ledgers,
    /// Writes ledgers anew.
    Writing,
    /// Decides and stores an older tool's history.
    Importing,
    /// Copies the database, in bytes.
    Copying,
    /// Takes the digest of what it made, in bytes.
    Hashing,
}

impl Phase {
    /// Its name in words.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Waiting => "waiting for the ledgers",
            Self::History => "history",
            Self::Accounts => "accounts",
            Self::Ledgers => "ledgers",
            Self::Writing => "writing",
            Self::Importing => "importing",
            Self::Copying => "copying",
            Self::Hashing => "hashing",
        }
    }
}

/// What came of a job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JobEnd {
    /// Everything was looked at.
    Verified(Verified),
    /// Each ledger was compared, and replaced where it differed.
    Rebuilt(Vec<RebuiltLedger>),
    /// The audit log was looked at.
    AuditVerified(AuditVerified),
    /// An older tool's history is this bank's, or would be.
    Imported(Box<LedgerImported>),
    /// A backup can be read on this connection.
    BackedUp(Box<Manifest>),
}

/// What a verification of the audit log looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditVerified {
    /// Rows of the audit log.
    pub audits: u64,
    /// Seals.
    pub seals: u64,
    /// How long it took.
    pub elapsed_ms: u64,
    /// The seal that history ends with now, as `ID:HEX`; `None` in an empty bank.
    pub head: Option<String>,
}

/// What a verification looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verified {
    /// Entries of the journal.
    pub entries: u64,
    /// Rows of the audit log.
    pub audits: u64,
    /// Batches: seals.
    pub seals: u64,
    /// Accounts.
    pub accounts: u64,
    /// Bytes of both ledgers.
    pub ledger_bytes: u64,
    /// How long it took.
    pub elapsed_ms: u64,
    /// The last seal, as `--head` takes it; `None` in an empty history.
    pub head: Option<String>,
}

/// What became of one ledger.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RebuiltLedger {
    /// Its name: `client.csv`.
    pub file: String,
    /// Whether it was replaced (in a dry run: would be).
    pub changed: bool,
    /// Whether the connection only tries: nothing was touched.
    pub dry_run: bool,
    /// Rows that it has now (in a dry run: would have), its header left out.
    pub rows: u64,
    /// Its bytes likewise.
    pub bytes: u64,
    /// Where the old file is now; `None` where there was none, or it stayed.
    pub kept_as: Option<String>,
}

macro_rules! checks {
    ($($(#[$doc:meta])* $variant:ident $name:literal,)+) => {
        /// What a verification checks. Each finding is about one.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum Check { $($(#[$doc])* #[serde(rename = $name)] $variant,)+ }

        impl Check {
            /// Every check there is.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// Its name.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)+ }
            }
        }
    };
}

checks! {
    /// A row has a value that atmd cannot have written.
    Row "row",
    /// A row is not what it was when it was written: its hash differs.
    RowHash "row_hash",
    /// A place of a dense table is empty.
    RowMissing "row_missing",
    /// A row is there that no seal tells of.
    RowUnsealed "row_unsealed",
    /// A seal is not over its batch and the seal before it.
    SealHash "seal_hash",
    /// A seal tells of fewer rows than the one before it.
    SealOrder "seal_order",
    /// A seal's balance of the vault is not that of its last entry.
    SealVault "seal_vault",
    /// A head of the chain that was seen before is not in it any more.
    SealHead "seal_head",
    /// The accounting day goes back.
    BusinessDate "business_date",
    /// A request key acted twice.
    RequestKey "request_key",
    /// An entry moves nothing, or money of an account that is not there.
    Transfer "transfer",
    /// The vault's balance does not follow from the entry.
    VaultBalance "vault_balance",
    /// The customer's balance does not follow from the entry.
    CustomerBalance "customer_balance",
    /// An entry does not name the customer's entry before it.
    Previous "previous",
    /// Money is left between two customers after a batch.
    Clearing "clearing",
    /// An account of the journal is not in the table of accounts.
    AccountMissing "account_missing",
    /// An account is not in the journal.
    AccountUnknown "account_unknown",
    /// A stored field of an account is not what the journal gives.
    Account "account",
    /// A customer is below zero.
    BelowZero "below_zero",
    /// The vault does not equal what the bank owes: debits and credits differ.
    Books "books",
    /// A ledger is not what the journal gives.
    Ledger "ledger",
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A difference: where, in what, and which.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// What was checked.
    pub check: Check,
    /// Where: `journal 17`, `account 0712345678`, `client.csv line 3, byte 214`. Numbers are masked where the
    /// caller may not see them.
    pub place: String,
    /// The column of the row, where it is known.
    pub column: Option<String>,
    /// What must be there. Never a hash that the bank's key would give.
    pub expected: Option<String>,
    /// What is there.
    pub found: Option<String>,
}
