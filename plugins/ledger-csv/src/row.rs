//! What a row means, in any dialect, or what is wrong with it.

use crate::amount::amount;
use crate::dialect::{Column, Dialect, Kind, Rules};
use crate::entry::{Entry, Word, plain};
use crate::fault::{Fault, shown};
use crate::fields::fields;
use crate::records::{RECORD_BYTES_MAX, Record, lines};
use crate::time::{elapsed, instant};
use atm_rpc::types::action::Action;
use atm_rpc::types::mobile::MobileNumber;
use memchr::memchr;
use std::borrow::Cow;
use std::iter;

/// The most letters of a word for what happened.
const WORD_MAX: usize = 64;
/// So many digits could be a mobile number.
const NUMBER_MIN: usize = 5;
/// A time of the older tools up to its seconds.
const LOCAL_TIME_LENGTH: usize = "2026-11-16 22:40:00".len();
/// As atmd writes an elapsed time.
const ELAPSED_DECIMALS: usize = 2;

/// Reads the rows of a file.
#[derive(Clone, Debug)]
pub struct Parser {
    dialect: Dialect,
    rules: Rules,
}

impl Parser {
    /// For a file that is written so.
    #[must_use]
    pub const fn new(dialect: Dialect, rules: Rules) -> Self {
        Self { dialect, rules }
    }

    /// How the file is written.
    #[must_use]
    pub const fn dialect(&self) -> &Dialect {
        &self.dialect
    }

    /// What the file does not say of itself.
    #[must_use]
    pub const fn rules(&self) -> &Rules {
        &self.rules
    }

    /// What a row says. Where quotes make one of lines that are rows by themselves, they are stray ones, and it is what
    /// each line says.
    pub fn rows<'r>(&'r self, record: Record<'r>) -> impl Iterator<Item = Result<Entry, Fault>> + 'r {
        let has_lines = memchr(b'\n', record.bytes).is_some();
        let is_many = has_lines && record.lines().any(|line| self.entry(&line).is_ok());
        let whole = iter::once(record).filter(move |_| !is_many);
        let lines = record.lines().take(if is_many { usize::MAX } else { 0 });
        whole.chain(lines).map(|record| self.entry(&record))
    }

    /// What a row says, however many lines it has.
    ///
    /// # Errors
    /// [`Fault`] where it says nothing that could be counted on.
    pub fn entry(&self, record: &Record<'_>) -> Result<Entry, Fault> {
        let read = self.read(record).map_err(|sentence| match lines(record.bytes) {
            0 => sentence,
            ends => format!("{sentence}; quotes make one row of {} lines", ends + 1),
        });
        let whole = |entry| match record.ended || self.is_closed(record) {
            true => Ok(entry),
            false => Err("its last field may be cut".to_owned()),
        };
        read.and_then(whole).map_err(|sentence| {
            if record.ended {
                return Fault { line: record.line, sentence, torn: false };
            }
            let sentence = format!("the file ends within this row, whose end is missing ({sentence})");
            Fault { line: record.line, sentence, torn: true }
        })
    }

    /// Whether the last field of a row without a line end is seen to be whole: cut off, it may be another valid value.
    fn is_closed(&self, record: &Record<'_>) -> bool {
        let last = record.bytes.rsplit(|byte| *byte == self.dialect.delimiter).next().unwrap_or_default();
        let last = last.trim_ascii();
        if last.ends_with(b"\"") {
            return true;
        }
        let has_decimals = |decimals: usize| {
            let point = last.len().checked_sub(decimals + 1);
            point.is_some_and(|at| at > 0 && last.get(at) == Some(&b'.'))
        };
        match self.dialect.fields.last() {
            // `2026-11-16 22:40:00`, or with the `Z` of our own.
            Some(Some(Column::Timestamp | Column::SessionStart)) => {
                last.ends_with(b"Z") || (last.len() >= LOCAL_TIME_LENGTH && last.contains(&b' '))
            }
            Some(Some(Column::ElapsedTime)) => has_decimals(ELAPSED_DECIMALS),
            Some(Some(_)) => has_decimals(usize::from(self.rules.decimals)),
            Some(None) | None => true,
        }
    }

    fn read(&self, record: &Record<'_>) -> Result<Entry, String> {
        let text = text(record)?;
        let fields = fields(text, self.dialect.delimiter).map_err(|wrong| format!("in this row, {wrong}"))?;
        let count = self.dialect.fields.len();
        if fields.len() != count {
            return Err(format!("the row has {} fields instead of {count}", fields.len()));
        }
        if self.is_header(&fields) {
            return Err("the header stands here again".to_owned());
        }
        let field = |column| {
            let at = self.dialect.fields.iter().position(|field| *field == Some(column));
            at.and_then(|at| fields.get(at)).map_or("", |field| &**field)
        };
        let money = |column, name| {
            let blank_or = |text: &str| amount(text, self.rules.decimals).map(Some);
            let text = field(column);
            if text.is_empty() { Ok(None) } else { blank_or(text) }
                .map_err(|wrong| format!("the {name} {wrong}"))
        };
        let time = |column, name| {
            instant(field(column), &self.rules.zone).map_err(|wrong| format!("the {name} {wrong}"))
        };
        let present = |column| !field(column).is_empty();
        let action = word(field(Column::Action))?;
        let mobile = self.mobile(field(Column::MobileNumber), &action)?;
        let amount = directed(money(Column::Amount, "amount")?, &action)?;
        let user_balance = money(Column::UserBalance, "customer's balance")?;
        let bank_balance = money(Column::BankBalance, "bank's balance")?;
        if !present(Column::Timestamp) {
            return Err("the row has no time".to_owned());
        }
        let at_ms = time(Column::Timestamp, "time")?;
        let session_start_ms = present(Column::SessionStart)
            .then(|| time(Column::SessionStart, "session's start"))
            .transpose()?;
        let elapsed_cs = present(Column::ElapsedTime).then(|| elapsed(field(Column::ElapsedTime)));
        let elapsed_cs = elapsed_cs.transpose().map_err(|wrong| format!("the elapsed time {wrong}"))?;
        Ok(Entry {
            line: record.line,
            mobile,
            action,
            amount,
            user_balance,
            bank_balance,
            at_ms,
            session_start_ms,
            elapsed_cs,
        })
    }

    /// Whether each field that a ledger has is the name of its column.
    fn is_header(&self, fields: &[Cow<'_, str>]) -> bool {
        let mut named =
            self.dialect.fields.iter().zip(fields).filter_map(|(column, field)| Some(((*column)?, field)));
        named.all(|(column, field)| column.name().eq_ignore_ascii_case(&plain(field)))
    }

    /// Who. Blank for what the bank did itself, which only bank.csv has.
    fn mobile(&self, text: &str, action: &Word) -> Result<Option<MobileNumber>, String> {
        if text.is_empty() {
            let is_of_bank = self.dialect.kind == Kind::Bank && !is_of_customers(action);
            return if is_of_bank { Ok(None) } else { Err("the row has no mobile number".to_owned()) };
        }
        let wrong = || {
            let digits = text.bytes().filter(u8::is_ascii_digit).count();
            let found = if digits == text.len() {
                format!("{digits} digits")
            } else {
                let (letters, other) =
                    (text.chars().count(), text.chars().filter(|c| !c.is_ascii_digit()).count());
                format!("{letters} characters, {other} of them no digits")
            };
            format!("the mobile number has {found}; one has 5 to 15 digits and nothing else")
        };
        MobileNumber::parse(text).map(Some).map_err(|_| wrong())
    }
}

/// The text of a row that is one.
fn text<'a>(record: &Record<'a>) -> Result<&'a str, String> {
    let bytes = record.bytes;
    if bytes.len() > RECORD_BYTES_MAX {
        return Err(format!("the row has more than {RECORD_BYTES_MAX} bytes"));
    }
    if bytes.trim_ascii().is_empty() {
        return Err("the line is blank".to_owned());
    }
    if bytes.contains(&0) {
        return Err("the row has a byte of zero in it".to_owned());
    }
    std::str::from_utf8(bytes)
        .map_err(|error| format!("the row is not text in UTF-8 from its byte {} on", error.valid_up_to() + 1))
}

fn word(text: &str) -> Result<Word, String> {
    if text.is_empty() {
        return Err("the row has no action".to_owned());
    }
    if text.chars().count() > WORD_MAX || text.chars().any(|c| c.is_control() || c == '"') {
        return Err(format!("the action {} is no word", shown(text)));
    }
    // A number that slipped into this column would be shown as a word.
    let has_number =
        text.as_bytes().split(|byte| !byte.is_ascii_digit()).any(|digits| digits.len() >= NUMBER_MIN);
    if has_number || text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') {
        return Err(format!("the action is {}, no word", shown(text)));
    }
    Ok(Word::read(text))
}

/// Whether only customers do it.
pub(crate) const fn is_of_customers(action: &Word) -> bool {
    use Action::{Deposit, DepositReversed, Withdraw, WithdrawReversed};
    matches!(action, Word::Known(Deposit | DepositReversed | Withdraw | WithdrawReversed))
}

/// The amount, whose sign is kept only where the action does not say which way it goes. Older tools wrote what goes out
/// below zero.
fn directed(amount: Option<i64>, action: &Word) -> Result<Option<i64>, String> {
    use Action::{Correction, DepositReversed, TransferOut, Withdraw};
    match (amount, action) {
        (Some(amount), Word::Known(Withdraw | TransferOut | DepositReversed)) => Ok(Some(amount.abs())),
        (Some(amount), Word::Known(action)) if amount < 0 && *action != Correction => {
            Err(format!("the amount is below zero, and the action is {action}"))
        }
        // Some tools write a zero where nothing was moved.
        (Some(0), Word::Known(action)) if !moves(*action) => Ok(None),
        _ => Ok(amount),
    }
}

/// Whether an action moves money.
pub(crate) const fn moves(action: Action) -> bool {
    match action {
        Action::Withdraw
        | Action::Deposit
        | Action::TransferIn
        | Action::TransferOut
        | Action::WithdrawReversed
        | Action::DepositReversed
        | Action::Opening
        | Action::Correction => true,
        Action::Registered
        | Action::Login
        | Action::Exit
        | Action::AuthFailed
        | Action::Blacklisted
        | Action::Unblacklisted
        | Action::PinChanged
        | Action::DebitBlocked
        | Action::CreditBlocked
        | Action::Unblocked
        | Action::Closed => false,
    }
}
