//! What reports find, as plain rows. Amounts are minor units, days are those of the bank's zone.

use atm_rpc::types::mobile::MobileNumber;
use jiff::civil::Date;
use std::sync::Arc;

/// Which rows of a ledger a report is about.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// The first day; `None`: from the beginning.
    pub from: Option<Date>,
    /// The last day; `None`: to the end.
    pub to: Option<Date>,
    /// Rows of this customer alone.
    pub number: Option<MobileNumber>,
    /// Rows of this action alone, such as `deposit`.
    pub action: Option<String>,
    /// How long a period of [`Period`] is.
    pub by: Unit,
}

/// How rows are put together by time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Unit {
    /// A calendar day of the bank's zone.
    #[default]
    Day,
    /// Monday to Sunday.
    Week,
    /// A calendar month.
    Month,
}

/// A day, week or month in which money moved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Period {
    /// Its first day.
    pub day: Date,
    /// How many rows have an amount.
    pub count: u64,
    /// The sum of their amounts.
    pub sum: i128,
    /// Cash that came in.
    pub deposits: i128,
    /// Cash that went out.
    pub withdrawals: i128,
    /// By how much these rows changed the vault: what came in less what went out, reversals taken back.
    pub net: i128,
    /// The vault's balance behind the last row of the period, whoever's row it is. `None`: no row has one.
    pub closing: Option<i64>,
}

/// An hour of a weekday, over all weeks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hour {
    /// Monday is 0.
    pub weekday: u8,
    /// 0 to 23, in the bank's zone.
    pub hour: u8,
    /// How many rows have an amount.
    pub count: u64,
    /// The sum of their amounts.
    pub sum: i128,
}

/// A customer, and how much they moved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Customer {
    /// Whose.
    pub number: MobileNumber,
    /// How many rows have an amount.
    pub count: u64,
    /// The sum of their amounts.
    pub sum: i128,
    /// Cash that they brought.
    pub deposits: i128,
    /// Cash that they took.
    pub withdrawals: i128,
    /// Their balance behind their last row, where the ledger tells.
    pub balance: Option<i64>,
}

/// Log-ins that failed: of one customer on one day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FailureDay {
    /// The day.
    pub day: Date,
    /// Whose number was tried.
    pub number: MobileNumber,
    /// Wrong PINs.
    pub failed: u64,
    /// How often the number was put on the blacklist.
    pub blacklisted: u64,
    /// How often it was taken off.
    pub unblacklisted: u64,
}

/// The sessions that began in a day, week or month, or all of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sessions {
    /// Its first day; `None`: all.
    pub day: Option<Date>,
    /// How many began.
    pub count: u64,
    /// How many have no exit: they timed out, were taken over, or are still open.
    pub without_exit: u64,
    /// Of their lengths in milliseconds, the one in the middle. `None`: none has a length.
    pub median_ms: Option<u64>,
    /// That which 95 of 100 do not exceed.
    pub p95_ms: Option<u64>,
    /// The longest.
    pub longest_ms: Option<u64>,
}

/// One entry of a customer's statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Movement {
    /// Milliseconds since 1970.
    pub at_ms: i64,
    /// What happened.
    pub action: Arc<str>,
    /// The amount.
    pub amount: i64,
    /// The customer's balance behind it, where the ledger tells.
    pub balance: Option<i64>,
    /// The vault's balance behind it.
    pub bank_balance: Option<i64>,
}

/// All that moved a customer's money in a time, and what there was before and behind it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Statement {
    /// The customer's balance before the first movement, where the ledger tells or it follows from what it tells.
    pub opening: Option<i128>,
    /// Every movement, oldest first.
    pub movements: Vec<Movement>,
    /// The customer's balance behind the last movement, likewise.
    pub closing: Option<i128>,
}

/// A row whose bank balance does not follow from the one before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gap {
    /// Which of the ledger's files.
    pub file: String,
    /// The line that the row begins on; the header is line 1.
    pub line: u64,
    /// Milliseconds since 1970.
    pub at_ms: i64,
    /// What the row says happened.
    pub action: String,
    /// With which amount.
    pub amount: Option<i64>,
    /// The bank balance of the last row before that has one.
    pub before: i64,
    /// What the bank balance should be. `None`: a correction, which may go either way.
    pub expected: Option<i128>,
    /// What it is.
    pub found: i64,
}

/// Whether each bank balance follows from the row before.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Continuity {
    /// How many rows have a bank balance.
    pub rows: u64,
    /// How many of them do not follow.
    pub count: u64,
    /// The first of these.
    pub gaps: Vec<Gap>,
}

/// The ledger as a whole.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// How many rows.
    pub rows: u64,
    /// How many days have a row.
    pub days: u64,
    /// The first instant and the last, milliseconds since 1970.
    pub times_ms: Option<(i64, i64)>,
    /// How many customers have a row.
    pub customers: u64,
    /// Each action: its name, how many rows, and the sum of their amounts (`None`: none has one).
    pub actions: Vec<(String, u64, Option<i128>)>,
    /// The vault's balance behind the last row that has one.
    pub vault: Option<i64>,
}
