//! How atmd is.

use crate::operator::daemon::Draining;
use crate::types::time::Timestamp;
use serde::{Deserialize, Serialize};

/// How atmd is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Status {
    /// Version of atmd.
    pub version: String,
    /// Whether customers are served as they should be.
    pub healthy: bool,
    /// Why not, one sentence each.
    pub reasons: Vec<String>,
    /// What should be looked at though customers are served, one sentence each.
    #[serde(default)]
    pub warnings: Vec<String>,
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
    /// Since when, why and until when nobody is let in; none where customers are.
    #[serde(default)]
    pub draining: Option<Draining>,
}
