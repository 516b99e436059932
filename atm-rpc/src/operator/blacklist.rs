//! The blacklist, as operators see it: its entries, its history, and what a change did.

use crate::types::mobile::MobileNumber;
use crate::types::time::Timestamp;
use serde::{Deserialize, Serialize};

/// The most rows that one import has.
pub const IMPORT_ROWS_MAX: u64 = 100_000;
/// The most rows of it that one call brings.
pub const IMPORT_PART_ROWS_MAX: usize = 500;

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

/// A number that an import puts on the blacklist.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlacklistListing {
    /// The number.
    pub mobile: MobileNumber,
    /// Why.
    pub reason: String,
    /// Until when; `None` is for good.
    #[serde(default)]
    pub until: Option<Timestamp>,
}

/// What an import did.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlacklistImported {
    /// Whether anything is different now.
    pub changed: bool,
    /// Whether the connection only tries: nothing was stored.
    pub dry_run: bool,
    /// Numbers in it.
    pub rows: u64,
    /// Those that were not on the blacklist, or with another reason or expiry. The others stayed as they were.
    pub added: u64,
    /// Those that have no account.
    pub unregistered: u64,
    /// Sessions that ended by it.
    pub sessions_ended: u64,
}
