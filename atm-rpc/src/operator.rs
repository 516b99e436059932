//! The service for operators and their plugins (ALPN `atmctl/1`, JSON).
//!
//! The operator is who the client certificate names. A connection starts with the rights of the
//! operator's role; [`Operator::narrow`] takes some of them away, for good. Every call that
//! changes something, and every refusal, is in the audit log. What each method needs is in [`rules`].
//!
//! The methods are here, what they are told and answer in a module for each noun.

pub mod audit;
pub mod blacklist;
mod capability;
pub mod ledger;
mod narrow;
pub mod operators;
pub mod rules;
mod status;

pub use capability::{Capability, Role};
pub use narrow::{Mode, Narrow, PluginIdentity, Whoami};
pub use status::Status;

use crate::error::ServiceError;
use crate::operator::audit::{AuditFilter, AuditFrom, AuditPage};
use crate::operator::blacklist::{BlacklistChange, BlacklistEntry, BlacklistEventPage, BlacklistPage};
use crate::operator::ledger::{JobNews, JobStart};
use crate::operator::operators::{Oneself, OperatorChange, OperatorPage};
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

    /// Begins to verify the whole history, the balances and the ledgers. `head` is a seal head that an
    /// operator took from the log, as `ID:HEX`. Needs `ledger:read`; numbers are masked without
    /// `accounts:pii`. Errors: `BadRequest(SealHead)`.
    async fn ledger_verify(head: Option<String>) -> Result<JobStart, ServiceError>;

    /// Begins to compare the ledgers with the journal and to replace those that differ. Needs
    /// `daemon:control`.
    async fn ledger_rebuild() -> Result<JobStart, ServiceError>;

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

    /// The audit log, by pages. Needs `audit:read`.
    async fn audit_list(filter: AuditFilter, from: AuditFrom, rows: u32) -> Result<AuditPage, ServiceError>;

    /// Begins to verify the audit log: the hash of each row, and the chain of seals. `head` is as for
    /// `ledger_verify`. Needs `audit:read`. Errors: `BadRequest(SealHead)`.
    async fn audit_verify(head: Option<String>) -> Result<JobStart, ServiceError>;
}
