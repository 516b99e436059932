//! The service for operators and their plugins (ALPN `atmctl/1`, JSON).
//!
//! The operator is who the client certificate names. A connection starts with the rights of the
//! operator's role; [`Operator::narrow`] takes some of them away, for good. Every call that
//! changes something, and every refusal, is in the audit log.

pub mod ledger;

use crate::error::ServiceError;
use crate::operator::ledger::{JobNews, JobStart};
use crate::types::mobile::MobileNumber;
use crate::types::money::Currency;
use crate::types::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::fmt;

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
}

macro_rules! capabilities {
    ($($(#[$doc:meta])* $variant:ident $name:literal,)+) => {
        /// A right on the operator service.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum Capability { $($(#[$doc])* #[serde(rename = $name)] $variant,)+ }

        impl Capability {
            /// Every capability there is.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// Its name, such as `blacklist:write`.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)+ }
            }
        }
    };
}

capabilities! {
    /// Health and version.
    StatusRead "status:read",
    /// Figures of the process and its work.
    MetricsRead "metrics:read",
    /// The journal.
    LedgerRead "ledger:read",
    /// Customers' accounts, numbers masked.
    AccountsRead "accounts:read",
    /// The blacklist.
    BlacklistRead "blacklist:read",
    /// The audit log.
    AuditRead "audit:read",
    /// Numbers in full.
    AccountsPii "accounts:pii",
    /// Changing accounts.
    AccountsWrite "accounts:write",
    /// Changing the blacklist.
    BlacklistWrite "blacklist:write",
    /// Loading and counting cash.
    CashWrite "cash:write",
    /// Closing a business date.
    DayClose "day:close",
    /// Adding and disabling operators.
    OperatorsWrite "operators:write",
    /// Reloading, draining and stopping atmd.
    DaemonControl "daemon:control",
    /// Taking backups.
    BackupRead "backup:read",
}

impl fmt::Display for Capability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// What an operator may do, by role; each role has what the one before it has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Looks, with numbers masked.
    Viewer,
    /// Helps customers.
    Operator,
    /// Runs the service.
    Admin,
}

impl Role {
    /// The rights of the role.
    #[must_use]
    pub const fn capabilities(self) -> &'static [Capability] {
        let all = Capability::ALL;
        match self {
            Self::Viewer => all.split_at(6).0,
            Self::Operator => all.split_at(11).0,
            Self::Admin => all,
        }
    }

    /// The role's name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Operator => "operator",
            Self::Admin => "admin",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// How far the calls of a connection may go. Ordered: a connection may only move down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Every call that changes something is refused.
    Read,
    /// Such calls are decided and answered, and nothing is stored.
    DryRun,
    /// Such calls act.
    Change,
}

/// Which rights a connection keeps, and on whose behalf it goes on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Narrow {
    /// How far calls may go.
    pub mode: Mode,
    /// The command that runs, such as `blacklist add`.
    pub command: String,
    /// The rights that it needs.
    pub capabilities: Vec<Capability>,
    /// The plugin that runs it. The host's word, recorded as such.
    pub plugin: Option<PluginIdentity>,
    /// The connection ends after this time.
    pub ttl_ms: u64,
}

/// A plugin, as the host knows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PluginIdentity {
    /// Its name, without `atmctl-`.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Digest of its file, in hexadecimal.
    pub digest: String,
}

/// Who answers and who asks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Whoami {
    /// Version of atmd.
    pub version: String,
    /// Version of the service.
    pub protocol: u16,
    /// Currency of all amounts.
    pub currency: Currency,
    /// The operator's name.
    pub operator: String,
    /// The operator's role.
    pub role: Role,
    /// What this connection may do.
    pub capabilities: Vec<Capability>,
    /// How far its calls may go.
    pub mode: Mode,
}

/// How atmd is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Status {
    /// Version of atmd.
    pub version: String,
    /// Whether customers are served as they should be.
    pub healthy: bool,
    /// Why not, one sentence each.
    pub reasons: Vec<String>,
    /// When it was started.
    pub started_at: Timestamp,
    /// Time since then.
    pub uptime_ms: u64,
    /// Process: share of one core in per cent since the last sample.
    pub cpu_percent: f32,
    /// Process: resident memory.
    pub memory_bytes: u64,
    /// Process: threads.
    pub threads: u64,
    /// Customers' connections now.
    pub connections_active: u64,
    /// The most there were at once.
    pub connections_max: u64,
    /// All there were.
    pub connections_total: u64,
    /// Newest entry of the journal.
    pub journal_seq: i64,
    /// Cash in the vault, in minor units.
    pub vault_balance_minor: i64,
    /// The accounting day.
    pub business_date: String,
    /// Entries that the CSV ledgers do not have yet.
    pub projection_lag_entries: i64,
}

/// A number that may not log in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlacklistEntry {
    /// Its place in the list; `after` of the next page.
    pub id: i64,
    /// The number, masked where the caller may not see it.
    pub number: String,
    /// Whether it has an account.
    pub registered: bool,
    /// Why.
    pub reason: String,
    /// Who put it there: an operator, or `atmd` after wrong PINs.
    pub actor: String,
    /// Since when.
    pub since: Timestamp,
    /// Until when; `None` is for good.
    pub until: Option<Timestamp>,
}

/// Some rows of the blacklist.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlacklistPage {
    /// The rows.
    pub rows: Vec<BlacklistEntry>,
    /// Whether more follow.
    pub more: bool,
}

/// What a change did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlacklistChange {
    /// Whether anything is different now.
    pub changed: bool,
    /// Whether the connection only tries: nothing was stored.
    pub dry_run: bool,
    /// The number, masked where the caller may not see it.
    pub number: String,
    /// Whether the number has an account.
    pub registered: bool,
    /// Whether the number is on the blacklist now (in a dry run: would be).
    pub listed: bool,
    /// Until when; `None` is for good, or not at all.
    pub until: Option<Timestamp>,
    /// Sessions that ended by it.
    pub sessions_ended: u32,
    /// Wrong PINs that were forgotten.
    pub failures_cleared: u32,
}

/// What happened to a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BlacklistAct {
    /// It was put on the list, or its reason or expiry changed.
    Added,
    /// It was taken off.
    Removed,
    /// Its time was over.
    Expired,
}

/// One event in the history of the blacklist. Kept when the number is taken off.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlacklistEvent {
    /// Its place in the history; `after` of the next page.
    pub id: i64,
    /// When.
    pub at: Timestamp,
    /// The number, masked where the caller may not see it.
    pub number: String,
    /// What.
    pub act: BlacklistAct,
    /// Why.
    pub reason: String,
    /// Who.
    pub actor: String,
    /// Until when the number was put there; `None` is for good.
    pub until: Option<Timestamp>,
}

/// Some rows of the history.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlacklistEventPage {
    /// The rows.
    pub rows: Vec<BlacklistEvent>,
    /// Whether more follow.
    pub more: bool,
}

#[cfg(test)]
mod tests {
    use super::{Capability, Role};

    #[test]
    fn each_role_has_what_the_one_before_it_has() {
        assert_eq!(Role::Viewer.capabilities().last(), Some(&Capability::AuditRead));
        assert_eq!(Role::Operator.capabilities().last(), Some(&Capability::DayClose));
        assert_eq!(Role::Admin.capabilities(), Capability::ALL);
        assert!(Role::Operator.capabilities().starts_with(Role::Viewer.capabilities()));
    }
}
