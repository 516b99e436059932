//! What a copy of the journal has: which entries, and which columns, each with its kind and where it comes from.
//!
//! CSV and Parquet are made from the same table. That of `client` and `bank` as CSV is, byte for byte, what atmd
//! writes to the ledgers of these names.

use atm_rpc::operator::journal::{JournalRow, VAULT};
use atm_rpc::types::key::Seq;
use atm_rpc::types::money::{Currency, Money};
use atm_rpc::types::time::{BusinessDate, Timestamp};
use std::borrow::Cow;

/// What is copied.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Table {
    /// Every entry, with everything that the journal has of it.
    Journal,
    /// The rows of client.csv: everything that happened to customers.
    Client,
    /// The rows of bank.csv: everything that moved the bank's cash.
    Bank,
}

/// A column.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Column {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    pub(crate) need: Need,
    pub(crate) get: fn(&JournalRow) -> Field<'_>,
}

/// What a column's fields are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A number.
    Integer,
    /// An amount in minor units.
    Money,
    /// An instant, in milliseconds since 1970.
    Instant,
    /// A day, as days since 1970.
    Day,
    /// A length of time in milliseconds.
    Length,
    /// Words.
    Text,
}

/// Whether every row has the field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Need {
    /// It has.
    Always,
    /// It may be blank.
    Perhaps,
}

/// What a row has in a column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Field<'a> {
    Blank,
    Integer(i64),
    Text(Cow<'a, str>),
}

impl From<i64> for Field<'_> {
    fn from(number: i64) -> Self {
        Self::Integer(number)
    }
}

impl<'a> From<&'a str> for Field<'a> {
    fn from(text: &'a str) -> Self {
        Self::Text(Cow::Borrowed(text))
    }
}

impl From<String> for Field<'_> {
    fn from(text: String) -> Self {
        Self::Text(Cow::Owned(text))
    }
}

impl From<Seq> for Field<'_> {
    fn from(Seq(seq): Seq) -> Self {
        Self::Integer(seq)
    }
}

impl From<Timestamp> for Field<'_> {
    fn from(at: Timestamp) -> Self {
        Self::Integer(at.ms())
    }
}

impl<'a, T> From<Option<T>> for Field<'a>
where
    Field<'a>: From<T>,
{
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Blank, Self::from)
    }
}

macro_rules! columns {
    ($($name:literal $kind:ident $need:ident $row:ident => $value:expr,)+) => {
        &[$(Column { name: $name, kind: Kind::$kind, need: Need::$need, get: |$row| Field::from($value) },)+]
    };
}

const JOURNAL: &[Column] = columns! {
    "seq" Integer Always row => row.seq,
    "recorded_at" Instant Always row => row.recorded_at,
    "business_date" Day Always row => i64::from(row.business_date.days()),
    "action" Text Always row => row.action.name(),
    "mobile_number" Text Perhaps row => row.number.as_deref(),
    "amount" Money Perhaps row => row.amount_minor,
    "debit" Text Perhaps row => row.debit.as_deref(),
    "credit" Text Perhaps row => row.credit.as_deref(),
    "user_balance" Money Perhaps row => row.customer_balance_minor,
    "bank_balance" Money Always row => row.vault_balance_minor,
    "session" Integer Perhaps row => row.session.map(|session| session.0),
    "session_start" Instant Perhaps row => row.session_started_at,
    "elapsed_time" Length Perhaps row => row.elapsed_ms,
    "terminal" Text Perhaps row => row.terminal.as_ref().map(|terminal| terminal.as_str()),
    "request_key" Text Perhaps row => row.request_key.map(|key| key.to_string()),
    "reverses" Integer Perhaps row => row.reverses,
    "previous" Integer Perhaps row => row.previous,
};

const CLIENT: &[Column] = columns! {
    "Mobile_Number" Text Always row => row.number.as_deref(),
    "Action" Text Always row => row.action.name(),
    "Amount" Money Perhaps row => row.amount_minor,
    "User_Balance" Money Perhaps row => row.customer_balance_minor,
    "Bank_Balance" Money Always row => row.vault_balance_minor,
    "Timestamp" Instant Always row => row.recorded_at,
    "Session_Start" Instant Perhaps row => row.session_started_at,
    "Elapsed_Time" Length Perhaps row => row.elapsed_ms,
};

const BANK: &[Column] = columns! {
    "Mobile_Number" Text Perhaps row => row.number.as_deref(),
    "Action" Text Always row => row.action.name(),
    "Amount" Money Always row => row.amount_minor,
    "Bank_Balance" Money Always row => row.vault_balance_minor,
    "Timestamp" Instant Always row => row.recorded_at,
};

impl Table {
    pub(crate) const fn columns(self) -> &'static [Column] {
        match self {
            Self::Journal => JOURNAL,
            Self::Client => CLIENT,
            Self::Bank => BANK,
        }
    }

    /// Whether it has this entry.
    pub(crate) fn has(self, row: &JournalRow) -> bool {
        let is_vault = |account: &Option<String>| account.as_deref() == Some(VAULT);
        match self {
            Self::Journal => true,
            Self::Client => row.number.is_some(),
            Self::Bank => is_vault(&row.debit) || is_vault(&row.credit),
        }
    }

    /// The first line, as CSV.
    pub(crate) fn header(self, to: &mut String) {
        for (at, column) in self.columns().iter().enumerate() {
            to.push_str(if at == 0 { "" } else { "," });
            to.push_str(column.name);
        }
        to.push('\n');
    }

    /// The line of an entry, as CSV. Nothing in it needs quotes: no text here has a comma, a quote or a line's end.
    pub(crate) fn line(self, row: &JournalRow, currency: Currency, to: &mut String) {
        for (at, column) in self.columns().iter().enumerate() {
            to.push_str(if at == 0 { "" } else { "," });
            match (column.get)(row) {
                Field::Blank => {}
                Field::Text(text) => to.push_str(&text),
                Field::Integer(value) => to.push_str(&column.kind.words(value, currency)),
            }
        }
        to.push('\n');
    }
}

impl Kind {
    fn words(self, value: i64, currency: Currency) -> String {
        match self {
            Self::Integer | Self::Text => value.to_string(),
            Self::Money => Money::from_minor(value).display(currency).to_string(),
            Self::Instant => Timestamp::from_ms(value).to_string(),
            Self::Day => i32::try_from(value)
                .map_or_else(|_| value.to_string(), |days| BusinessDate::from_days(days).to_string()),
            Self::Length => format!("{}.{:02}", value / 1_000, value % 1_000 / 10),
        }
    }
}
