//! The service for operators and their plugins (ALPN `atmctl/1`, JSON).
//!
//! The operator is who the client certificate names. A connection starts with the rights of the
//! operator's role; [`Operator::narrow`] takes some of them away, for good. Every call that
//! changes something, and every refusal, is in the audit log. What each method needs is in [`rules`].
//!
//! The methods are here, what they are told and answer in a module for each noun.

pub mod account;
pub mod audit;
pub mod backup;
pub mod blacklist;
mod capability;
pub mod daemon;
pub mod journal;
pub mod ledger;
pub mod legacy;
pub mod metrics;
mod narrow;
pub mod operators;
pub mod rules;
mod status;

pub use capability::{Capability, Role};
pub use narrow::{Mode, Narrow, PluginIdentity, Whoami};
pub use status::Status;

use crate::error::ServiceError;
use crate::operator::account::{
    AccountChange, AccountDetail, AccountFilter, AccountPage, Block, CodeIssued, Explained,
};
use crate::operator::audit::{AuditFilter, AuditFrom, AuditPage};
use crate::operator::backup::{Keys, Part};
use crate::operator::blacklist::{
    BlacklistChange, BlacklistEntry, BlacklistEventPage, BlacklistImported, BlacklistListing, BlacklistPage,
};
use crate::operator::daemon::{DrainChange, Reloaded};
use crate::operator::journal::JournalPage;
use crate::operator::ledger::{JobNews, JobStart};
use crate::operator::legacy::LegacyRow;
use crate::operator::metrics::{Metrics, MetricsHistory};
use crate::operator::operators::{Oneself, OperatorChange, OperatorPage};
use crate::types::key::Seq;
use crate::types::mobile::MobileNumber;
use crate::types::time::Timestamp;

/// The version of this service. It is part of the ALPN name.
pub const PROTOCOL: u16 = 1;
/// The most rows of one page.
pub const PAGE_ROWS_MAX: u32 = 1_000;
/// The most characters of a reason.
pub const REASON_LENGTH_MAX: usize = 200;

/// What operators can ask of atmd.
#[tarpc::service(derive = [serde::Serialize, serde::Deserialize])]
pub trait Operator {
    /// Who answers and who asks.
    async fn whoami() -> Result<Whoami, ServiceError>;

    /// Takes rights off this connection until it ends, once: what is left is what both its role has
    /// and `to` names. Errors: `BadRequest(Widening)` where it was narrowed before.
    async fn narrow(to: Narrow) -> Result<Whoami, ServiceError>;

    /// How atmd is. Needs `status:read`.
    async fn status() -> Result<Status, ServiceError>;

    /// Everything that is measured, now. Needs `metrics:read`; peers need `accounts:pii`, too.
    async fn metrics() -> Result<Metrics, ServiceError>;

    /// Samples of the last 24 hours, oldest first: those that ended at `since` or later, and of them those after the
    /// number `after`. A page has 500 at the most. Needs `metrics:read`.
    async fn metrics_history(
        since: Option<Timestamp>,
        after: Option<u64>,
        rows: u32,
    ) -> Result<MetricsHistory, ServiceError>;

    /// The blacklist, oldest first, from the row after `after`. Needs `blacklist:read`; numbers are masked
    /// without `accounts:pii`.
    async fn blacklist_list(after: Option<i64>, rows: u32) -> Result<BlacklistPage, ServiceError>;

    /// One number on the blacklist. Needs `blacklist:read`. Errors: `NotFound`.
    async fn blacklist_show(mobile: MobileNumber) -> Result<BlacklistEntry, ServiceError>;

    /// Puts a number on the blacklist, for good or until an instant; its session is out at its
    /// next request. Needs `blacklist:write`. A number that is there already stays as it is,
    /// unless reason or expiry differ.
    async fn blacklist_add(
        mobile: MobileNumber,
        reason: String,
        until: Option<Timestamp>,
    ) -> Result<BlacklistChange, ServiceError>;

    /// Takes a number off the blacklist and forgets its failures. Needs `blacklist:write`.
    async fn blacklist_remove(mobile: MobileNumber, reason: String) -> Result<BlacklistChange, ServiceError>;

    /// What happened to a number on the blacklist, or to all, oldest first, from the row after `after`.
    /// Needs `blacklist:read`.
    async fn blacklist_history(
        mobile: Option<MobileNumber>,
        after: Option<i64>,
        rows: u32,
    ) -> Result<BlacklistEventPage, ServiceError>;

    /// Brings rows of an import, which wait on this connection until `blacklist_import` or its end: 500 at the most,
    /// 100,000 in all. Gives how many are here; `first` says how many must be before. Needs `blacklist:write`.
    /// Errors: `BadRequest(Rows | Reason | Until)`, `Conflict(Staged)`; then none of these rows are kept.
    async fn blacklist_stage(first: u64, rows: Vec<BlacklistListing>) -> Result<u64, ServiceError>;

    /// Puts the numbers that were brought on the blacklist, all in one transaction or none. `rows` says how many
    /// there must be. None are here any more afterwards, whatever the answer. Needs `blacklist:write`.
    /// Errors: `Conflict(Staged)`.
    async fn blacklist_import(rows: u64) -> Result<BlacklistImported, ServiceError>;

    /// Customers' accounts, from the one after `after`, which is `next` of the page before. Needs `accounts:read`;
    /// numbers are masked without `accounts:pii`. Errors: `BadRequest(Cursor)`.
    async fn account_list(
        filter: Option<AccountFilter>,
        after: Option<String>,
        rows: u32,
    ) -> Result<AccountPage, ServiceError>;

    /// All that there is about one account. Needs `accounts:read`. Errors: `NotFound`.
    async fn account_show(mobile: MobileNumber) -> Result<AccountDetail, ServiceError>;

    /// Opens an account, whose customer chooses a PIN by the one-time code that this gives; also where customers
    /// cannot register themselves. Needs `accounts:write`. An account that is there stays as it is, without a
    /// code. Errors: `Conflict(AccountClosed | Blacklisted)`, `BadRequest(CodeTtl)`.
    async fn account_open(
        mobile: MobileNumber,
        reason: String,
        code_ttl_ms: u64,
    ) -> Result<CodeIssued, ServiceError>;

    /// Lets no money out of an account, or into it. Needs `accounts:write`. Errors: `NotFound`,
    /// `Conflict(AccountClosed)`.
    async fn account_block(
        mobile: MobileNumber,
        block: Block,
        reason: String,
    ) -> Result<AccountChange, ServiceError>;

    /// Clears every bar between a customer and the account, wrong PINs included, and says which there were. Needs
    /// `accounts:write`. Errors: `NotFound`, `Conflict(AccountClosed)`.
    async fn account_unblock(mobile: MobileNumber, reason: String) -> Result<AccountChange, ServiceError>;

    /// Gives a one-time code by which the customer chooses a new PIN; the PIN is as it was until then. A code that
    /// was given before is of no use any more, and wrong PINs are forgotten. Needs `accounts:write`.
    /// Errors: `NotFound`, `Conflict(AccountClosed)`, `BadRequest(CodeTtl)`.
    async fn account_reset_pin(
        mobile: MobileNumber,
        reason: String,
        code_ttl_ms: u64,
    ) -> Result<CodeIssued, ServiceError>;

    /// Closes an account at a balance of zero, for good; its sessions end. Needs `accounts:write`.
    /// Errors: `NotFound`, `Conflict(NotEmpty)`.
    async fn account_close(mobile: MobileNumber, reason: String) -> Result<AccountChange, ServiceError>;

    /// One entry of the journal, and what belongs to it. Needs `ledger:read`; numbers are masked without
    /// `accounts:pii`. Errors: `NotFound`.
    async fn journal_explain(seq: Seq) -> Result<Explained, ServiceError>;

    /// The journal, oldest first, from the entry after `after`. Needs `ledger:read`; numbers are masked without
    /// `accounts:pii`.
    async fn journal_page(after: Option<Seq>, rows: u32) -> Result<JournalPage, ServiceError>;

    /// Begins to verify the whole history, the balances and the ledgers. `head` is a seal head that an
    /// operator took from the log, as `ID:HEX`. Needs `ledger:read`; numbers are masked without
    /// `accounts:pii`. Errors: `BadRequest(SealHead)`.
    async fn ledger_verify(head: Option<String>) -> Result<JobStart, ServiceError>;

    /// Begins to compare the ledgers with the journal and to replace those that differ. Needs
    /// `daemon:control`.
    async fn ledger_rebuild() -> Result<JobStart, ServiceError>;

    /// Brings rows of an older tool's ledger, which wait on this connection until `ledger_import` or its end: 1,000 at
    /// the most, 1,000,000 in all. Gives how many are here; `first` says how many must be before. Needs
    /// `daemon:control`. Errors: `BadRequest(LegacyRows | LegacyRow)`, `Conflict(Staged)`; then none of these rows are
    /// kept.
    async fn ledger_stage(first: u64, rows: Vec<LegacyRow>) -> Result<u64, ServiceError>;

    /// Begins to make the rows that were brought the history of this bank, which must have none: all in one
    /// transaction, or none. `rows` says how many there must be. None are here any more afterwards, whatever the
    /// answer. Needs `daemon:control`; numbers are masked without `accounts:pii`. Errors: `Conflict(Staged)`; the job ends
    /// with `Conflict(NotFresh)`, `BadRequest(LegacyRow)`.
    async fn ledger_import(rows: u64) -> Result<JobStart, ServiceError>;

    /// News of the job that this connection began: at once where there is a finding after the first
    /// `after` or an end, otherwise after a moment. Errors: `NotFound` where it began none.
    async fn job_news(after: u64) -> Result<JobNews, ServiceError>;

    /// Ends the job that this connection began. Says whether it still ran.
    async fn job_cancel() -> Result<bool, ServiceError>;

    /// Operators, oldest first, from the row after `after`. Needs `audit:read`.
    async fn operator_list(after: Option<i64>, rows: u32) -> Result<OperatorPage, ServiceError>;

    /// Certifies the public key of `request`, a PKCS #10 request as PEM that is signed with the private key, and lets
    /// who has that key in. Needs `operators:write`. A name that is there with this key and role stays as it is, and
    /// its certificate is given again. A disabled name may come back, with another key.
    /// Errors: `Conflict`, `BadRequest(OperatorName)`, `BadRequest(SigningRequest)`.
    async fn operator_add(name: String, role: Role, request: String) -> Result<OperatorChange, ServiceError>;

    /// Lets an operator in no longer; its connections end at once. Needs `operators:write`. The last enabled admin
    /// stays. Errors: `NotFound`, `Conflict`.
    async fn operator_disable(name: String, oneself: Oneself) -> Result<OperatorChange, ServiceError>;

    /// Certifies an operator's key anew, which stays, and knows the operator by that certificate from now on. Needs
    /// `operators:write`. `root`'s is renewed where it lies, by `atmd pki renew`. Errors: `NotFound` where atmd keeps no
    /// certificate of that operator, `Conflict(KeyDisabled)`.
    async fn operator_renew(name: String) -> Result<OperatorChange, ServiceError>;

    /// The audit log, by pages. Needs `audit:read`.
    async fn audit_list(filter: AuditFilter, from: AuditFrom, rows: u32) -> Result<AuditPage, ServiceError>;

    /// Begins to verify the audit log: the hash of each row, and the chain of seals. `head` is as for
    /// `ledger_verify`. Needs `audit:read`. Errors: `BadRequest(SealHead)`.
    async fn audit_verify(head: Option<String>) -> Result<JobStart, ServiceError>;

    /// Reads the configuration again, from the same sources as at the start, and lets it hold at once and whole, as far
    /// as it can without a restart; the server's certificate is issued anew. Where it has mistakes nothing is changed.
    /// Needs `daemon:control`.
    async fn daemon_reload() -> Result<Reloaded, ServiceError>;

    /// Lets nobody in any more: no log-in, no registration, no one-time code. Sessions go on until they end by
    /// themselves, or at the deadline, so many milliseconds from now. The same wish once more changes nothing. It ends
    /// with the process. Needs `daemon:control`. Errors: `BadRequest(Reason | Deadline)`.
    async fn daemon_drain(reason: String, deadline_ms: Option<u64>) -> Result<DrainChange, ServiceError>;

    /// Lets customers in again. Needs `daemon:control`.
    async fn daemon_undrain() -> Result<DrainChange, ServiceError>;

    /// Begins to put a backup together: the bank as it is at one moment, and its files. It is noted in the audit log.
    /// Needs `backup:read`. The job ends with `Conflict(DiskFull)` where there is no space for it.
    async fn backup_create(keys: Keys) -> Result<JobStart, ServiceError>;

    /// Bytes of a member of the backup that this connection made, by its place in the manifest, from `offset` on:
    /// [`PART_BYTES_MAX`](backup::PART_BYTES_MAX) at the most, none at its end. Needs `backup:read`. Errors: `NotFound`.
    async fn backup_read(member: u32, offset: u64) -> Result<Part, ServiceError>;
}
