//! How a ledger is written: which of the two it is, what stands between its fields, and where each column is.

use crate::entry::plain;
use crate::fields::fields;
use crate::records::{RECORD_BYTES_MAX, Records};
use jiff::tz::TimeZone;
use std::fmt;
use thiserror::Error;

/// One of the two ledgers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// client.csv: everything that happened to customers.
    Client,
    /// bank.csv: everything that moved the vault.
    Bank,
}

impl Kind {
    /// Its columns in their order.
    #[must_use]
    pub const fn columns(self) -> &'static [Column] {
        use Column::{
            Action, Amount, BankBalance, ElapsedTime, MobileNumber, SessionStart, Timestamp, UserBalance,
        };
        match self {
            Self::Client => &[
                MobileNumber,
                Action,
                Amount,
                UserBalance,
                BankBalance,
                Timestamp,
                SessionStart,
                ElapsedTime,
            ],
            Self::Bank => &[MobileNumber, Action, Amount, BankBalance, Timestamp],
        }
    }

    /// The name of its file.
    #[must_use]
    pub const fn file_name(self) -> &'static str {
        match self {
            Self::Client => "client.csv",
            Self::Bank => "bank.csv",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.file_name())
    }
}

/// A column of the ledgers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Column {
    /// Who.
    MobileNumber,
    /// What happened.
    Action,
    /// What moved.
    Amount,
    /// The customer's balance after it.
    UserBalance,
    /// The vault's balance after it.
    BankBalance,
    /// When.
    Timestamp,
    /// When the session began.
    SessionStart,
    /// How long the session had lasted.
    ElapsedTime,
}

impl Column {
    /// Its name in a header.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::MobileNumber => "Mobile_Number",
            Self::Action => "Action",
            Self::Amount => "Amount",
            Self::UserBalance => "User_Balance",
            Self::BankBalance => "Bank_Balance",
            Self::Timestamp => "Timestamp",
            Self::SessionStart => "Session_Start",
            Self::ElapsedTime => "Elapsed_Time",
        }
    }

    /// The column of that name, in any case, with spaces or hyphens for underscores.
    fn named(text: &str) -> Option<Self> {
        let plain = plain(text);
        let found = Kind::Client.columns().iter().find(|column| column.name().eq_ignore_ascii_case(&plain));
        found.copied()
    }
}

/// What a file does not say of itself.
#[derive(Clone, Debug)]
pub struct Rules {
    /// The zone of times without one.
    pub zone: TimeZone,
    /// The decimals of the currency.
    pub decimals: u8,
}

/// How a file is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dialect {
    /// Which ledger it is.
    pub kind: Kind,
    /// A comma or a tab.
    pub delimiter: u8,
    /// How many bytes stand before the first row: a mark of the byte order and the header, where there are any.
    pub begins: usize,
    /// The line of the first row.
    pub first_line: u64,
    /// What each field of a row is; `None` for a column that no ledger has, which is not read.
    pub fields: Vec<Option<Column>>,
}

/// The file is no ledger.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("this is no ledger: {0}")]
pub struct NotALedger(String);

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

impl Dialect {
    /// Finds out from the start of a file, which is the whole of it or more than [`RECORD_BYTES_MAX`] bytes. `None` where
    /// there is nothing in it.
    ///
    /// # Errors
    /// [`NotALedger`] says what was expected of the first line.
    pub fn of(start: &[u8]) -> Result<Option<Self>, NotALedger> {
        let marked = if start.starts_with(BYTE_ORDER_MARK) { BYTE_ORDER_MARK.len() } else { 0 };
        let text = &start[marked..];
        let delimiter = delimiter(text);
        let is_whole = start.len() <= RECORD_BYTES_MAX;
        let mut records = Records::new(text, 1, delimiter, is_whole);
        let first = records.find(|record| !record.bytes.trim_ascii().is_empty());
        let Some(first) = first else {
            if is_whole {
                return Ok(None);
            }
            return Err(NotALedger(format!("the first line has more than {RECORD_BYTES_MAX} bytes")));
        };
        let line = std::str::from_utf8(first.bytes);
        let line = line.map_err(|_| NotALedger("the first line is not text in UTF-8".to_owned()))?;
        let names =
            fields(line, delimiter).map_err(|wrong| NotALedger(format!("in the first line, {wrong}")))?;
        let named: Vec<Option<Column>> = names.iter().map(|name| Column::named(name)).collect();
        let (mut begins, mut first_line) = (first.begins, first.line);
        let fields = if named.iter().any(Option::is_some) {
            begins = records.position();
            first_line = records.line();
            named
        } else {
            let kind =
                [Kind::Client, Kind::Bank].into_iter().find(|kind| kind.columns().len() == names.len());
            let kind = kind.ok_or_else(|| NotALedger(expected(names.len())))?;
            kind.columns().iter().copied().map(Some).collect()
        };
        let kind = kind(&fields)?;
        Ok(Some(Self { kind, delimiter, begins: marked + begins, first_line, fields }))
    }

    /// Whether it has the columns that atmd writes, in their order and with commas.
    #[must_use]
    pub fn is_our_order(&self) -> bool {
        let own = self.kind.columns().iter().copied().map(Some);
        self.delimiter == b',' && own.eq(self.fields.iter().copied())
    }
}

fn expected(count: usize) -> String {
    format!(
        "its first line names no column of one and has {count} fields, not the 8 of client.csv or the 5 of bank.csv"
    )
}

/// Tabs, where the first line has them and no fewer than commas.
fn delimiter(text: &[u8]) -> u8 {
    let begins = text.iter().position(|byte| !byte.is_ascii_whitespace()).unwrap_or(0);
    let line = text[begins..].split(|byte| *byte == b'\n').next().unwrap_or_default();
    let count = |wanted: u8| line.iter().filter(|byte| **byte == wanted).count();
    if count(b'\t') > 0 && count(b'\t') >= count(b',') { b'\t' } else { b',' }
}

/// Which ledger has these columns.
fn kind(fields: &[Option<Column>]) -> Result<Kind, NotALedger> {
    let has = |column: &Column| fields.contains(&Some(*column));
    let twice =
        fields.iter().enumerate().find(|(at, field)| field.is_some() && fields[..*at].contains(field));
    if let Some((_, Some(column))) = twice {
        return Err(NotALedger(format!("its header has the column {} twice", column.name())));
    }
    let only_clients = [Column::UserBalance, Column::SessionStart, Column::ElapsedTime];
    let kind = if only_clients.iter().any(has) { Kind::Client } else { Kind::Bank };
    let missing: Vec<&str> =
        kind.columns().iter().filter(|column| !has(column)).map(|column| column.name()).collect();
    if missing.is_empty() {
        return Ok(kind);
    }
    Err(NotALedger(format!("its header is that of {kind} without {}", missing.join(", "))))
}
