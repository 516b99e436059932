//! The journal by pages, for whoever copies it elsewhere.

use crate::types::action::Action;
use crate::types::key::{RequestKey, Seq, SessionId};
use crate::types::terminal::TerminalName;
use crate::types::time::{BusinessDate, Timestamp};
use serde::{Deserialize, Serialize};

/// The bank's cash, where a row names accounts.
pub const VAULT: &str = "vault";

/// One entry of the journal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JournalRow {
    /// Its place: dense, from 1.
    pub seq: Seq,
    /// When.
    pub recorded_at: Timestamp,
    /// The accounting day.
    pub business_date: BusinessDate,
    /// What.
    pub action: Action,
    /// Whose, masked where the caller may not see it; `None` for the bank's own.
    pub number: Option<String>,
    /// What moved, in minor units; `None` where nothing did.
    pub amount_minor: Option<i64>,
    /// The account that was debited: a number, or the name of one of the bank's own.
    pub debit: Option<String>,
    /// The account that was credited.
    pub credit: Option<String>,
    /// The customer's balance after it, in minor units.
    pub customer_balance_minor: Option<i64>,
    /// The vault's balance after it, in minor units.
    pub vault_balance_minor: i64,
    /// In which session.
    pub session: Option<SessionId>,
    /// When the session began.
    pub session_started_at: Option<Timestamp>,
    /// How long the session was by then.
    pub elapsed_ms: Option<i64>,
    /// At which terminal.
    pub terminal: Option<TerminalName>,
    /// The key of the request that asked for it.
    pub request_key: Option<RequestKey>,
    /// The entry that it undoes.
    pub reverses: Option<Seq>,
    /// The customer's entry before this one.
    pub previous: Option<Seq>,
}

/// Some entries.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JournalPage {
    /// The rows.
    pub rows: Vec<JournalRow>,
    /// The newest entry of the journal when they were read; 0 in an empty one.
    pub newest: Seq,
}
