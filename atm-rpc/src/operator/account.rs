//! Customers' accounts as operators see and change them, and one entry of the journal with all that belongs to it.

use crate::operator::blacklist::BlacklistEntry;
use crate::types::account::AccountState;
use crate::types::action::Action;
use crate::types::key::{RequestKey, Seq, SessionId};
use crate::types::money::Money;
use crate::types::terminal::TerminalName;
use crate::types::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::fmt;

/// The shortest time that a one-time code may be good for.
pub const CODE_TTL_MS_MIN: u64 = 60_000;
/// The longest time that a one-time code may be good for.
pub const CODE_TTL_MS_MAX: u64 = 30 * 86_400_000;
/// The time that a one-time code is good for where nothing else is asked.
pub const CODE_TTL_MS: u64 = 86_400_000;

/// Which accounts a list has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountFilter {
    /// Those of this state alone.
    #[serde(default)]
    pub state: Option<AccountState>,
    /// Those that are on the blacklist now, or those that are not.
    #[serde(default)]
    pub blacklisted: Option<bool>,
}

/// A customer's account in a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountRow {
    /// The number, masked where the caller may not see it.
    pub number: String,
    /// What it may do.
    pub state: AccountState,
    /// Everything booked, in minor units.
    pub posted_minor: i64,
    /// When it was opened.
    pub opened_at: Timestamp,
    /// Its newest entry.
    pub last_entry: Option<Seq>,
    /// Whether the number is on the blacklist now.
    pub blacklisted: bool,
}

/// Some accounts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountPage {
    /// The rows.
    pub rows: Vec<AccountRow>,
    /// `after` of the next page; `None` where this is the last. It tells nothing of the numbers.
    pub next: Option<String>,
}

/// All that there is about a customer's account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountDetail {
    /// The number, masked where the caller may not see it.
    pub number: String,
    /// What it may do.
    pub state: AccountState,
    /// Everything booked, in minor units.
    pub posted_minor: i64,
    /// What is reserved, in minor units.
    pub pending_minor: i64,
    /// When it was opened.
    pub opened_at: Timestamp,
    /// Its newest entry.
    pub last_entry: Option<Seq>,
    /// Wrong PINs since the last right one.
    pub failures: u32,
    /// Its entry on the blacklist.
    pub blacklist: Option<BlacklistEntry>,
    /// Until when a one-time code is good; `None` where there is none.
    pub code_until: Option<Timestamp>,
    /// Its open sessions, oldest first.
    pub sessions: Vec<AccountSession>,
}

/// An open session of a customer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountSession {
    /// Which.
    pub id: SessionId,
    /// Where.
    pub terminal: TerminalName,
    /// When it began.
    pub started_at: Timestamp,
    /// Its last sign of life, to within a part of the idle time.
    pub seen_at: Timestamp,
}

/// What money may not do any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Block {
    /// Go out.
    Debit,
    /// Come in.
    Credit,
    /// Go out or come in.
    Both,
}

/// Something between a customer and the account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Bar {
    /// No money goes out.
    DebitBlocked,
    /// No money comes in.
    CreditBlocked,
    /// The number is on the blacklist.
    Blacklisted,
    /// Wrong PINs were counted.
    Failures,
}

impl Bar {
    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::DebitBlocked => "debit-blocked",
            Self::CreditBlocked => "credit-blocked",
            Self::Blacklisted => "blacklisted",
            Self::Failures => "failures",
        }
    }
}

impl fmt::Display for Bar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// What a change of an account did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountChange {
    /// Whether anything is different now.
    pub changed: bool,
    /// Whether the connection only tries: nothing was stored.
    pub dry_run: bool,
    /// The number, masked where the caller may not see it.
    pub number: String,
    /// What the account may do now (in a dry run: would); `None` where the number has none.
    pub state: Option<AccountState>,
    /// Bars that there were. What unblocks takes them away; a new code is of no use while one of them stays.
    pub bars: Vec<Bar>,
    /// Sessions that ended by it.
    pub sessions_ended: u32,
}

/// An account that was opened, or a PIN that is to be chosen anew.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CodeIssued {
    /// What changed.
    pub change: AccountChange,
    /// The one-time code. It is nowhere else: atmd keeps a hash. `None` in a dry run, and where nothing changed.
    pub code: Option<String>,
    /// Until when it is good.
    pub until: Option<Timestamp>,
}

impl fmt::Debug for CodeIssued {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { change, until, .. } = self;
        f.debug_struct("CodeIssued").field("change", change).field("until", until).finish_non_exhaustive()
    }
}

/// One entry of the journal, and what belongs to it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Explained {
    /// Its place.
    pub seq: Seq,
    /// When.
    pub recorded_at: Timestamp,
    /// The accounting day.
    pub business_date: String,
    /// What.
    pub action: Action,
    /// Whose number, masked where the caller may not see it; `None` for the bank's own.
    pub number: Option<String>,
    /// What moved.
    pub moved: Option<Moved>,
    /// The customer's balance, where the entry has one.
    pub customer: Option<BeforeAfter>,
    /// The vault's balance.
    pub vault: BeforeAfter,
    /// The session it was asked for in.
    pub session: Option<ExplainedSession>,
    /// At which terminal.
    pub terminal: Option<TerminalName>,
    /// The request that asked for it: a repeat under this key gets the same receipt, and books nothing.
    pub request_key: Option<RequestKey>,
    /// The entry that it undoes.
    pub reverses: Option<Seq>,
    /// The customer's entry before it.
    pub previous: Option<Seq>,
    /// The seal that covers it.
    pub seal: ExplainedSeal,
}

/// Money that went from one account to another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Moved {
    /// How much.
    pub amount: Money,
    /// The account that was debited: a number, or a name of the bank's own.
    pub debit: String,
    /// The account that was credited.
    pub credit: String,
}

/// A balance before and after an entry, in minor units.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BeforeAfter {
    /// Before.
    pub before_minor: i64,
    /// After.
    pub after_minor: i64,
}

/// The session of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExplainedSession {
    /// Which.
    pub id: SessionId,
    /// When it began.
    pub started_at: Timestamp,
    /// How long it was when the entry was made.
    pub elapsed_ms: i64,
}

/// The seal that covers an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExplainedSeal {
    /// Its place.
    pub id: i64,
    /// When the batch was committed.
    pub sealed_at: Timestamp,
    /// The batch's first entry.
    pub first: Seq,
    /// The batch's last entry.
    pub last: Seq,
}
