//! Reads the CSV ledgers strictly, to the letter of RFC 4180 with LF, so that a file that anything else
//! could trip over is a failure.

use atm_rpc::types::action::Action;
use atm_rpc::types::money::{Currency, Money};
use atm_rpc::types::time::Timestamp;
use std::fs;
use std::path::Path;

const CLIENT: &str =
    "Mobile_Number,Action,Amount,User_Balance,Bank_Balance,Timestamp,Session_Start,Elapsed_Time";
const BANK: &str = "Mobile_Number,Action,Amount,Bank_Balance,Timestamp";

/// A row of client.csv. `None` is a blank field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientRow {
    /// The customer.
    pub mobile: String,
    /// What happened.
    pub action: Action,
    /// The amount that moved.
    pub amount: Option<Money>,
    /// The customer's balance after it.
    pub user_balance: Option<Money>,
    /// The vault's balance after it.
    pub bank_balance: Option<Money>,
    /// When.
    pub timestamp: Timestamp,
    /// When its session began.
    pub session_start: Option<Timestamp>,
    /// Hundredths of a second since then.
    pub elapsed_hundredths: Option<u64>,
}

/// A row of bank.csv.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BankRow {
    /// The customer; empty where it was the bank itself.
    pub mobile: String,
    /// What happened.
    pub action: Action,
    /// The amount that moved.
    pub amount: Money,
    /// The vault's balance after it.
    pub bank_balance: Money,
    /// When.
    pub timestamp: Timestamp,
}

impl BankRow {
    /// By how many minor units the row moves the vault.
    ///
    /// # Panics
    /// Where such an action has no place in bank.csv.
    #[must_use]
    pub fn vault_change(&self) -> i64 {
        match self.action {
            Action::Opening | Action::Deposit | Action::WithdrawReversed => self.amount.minor(),
            Action::Withdraw | Action::DepositReversed => -self.amount.minor(),
            other => panic!("{other} does not move the vault: {self:?}"),
        }
    }
}

/// The rows of client.csv.
///
/// # Errors
/// What is wrong with the file, and in which row.
pub fn client(file: &Path) -> Result<Vec<ClientRow>, String> {
    of(file, client_rows)
}

/// The rows of a client.csv that has this text.
///
/// # Errors
/// What is wrong with it, and in which row.
pub fn client_rows(text: &str) -> Result<Vec<ClientRow>, String> {
    rows(text, CLIENT, |fields: [&str; 8]| {
        let [mobile, action, amount, user_balance, bank_balance, timestamp, session_start, elapsed] = fields;
        Ok(ClientRow {
            mobile: mobile.to_owned(),
            action: action_of(action)?,
            amount: blank_or(amount, money)?,
            user_balance: blank_or(user_balance, money)?,
            bank_balance: blank_or(bank_balance, money)?,
            timestamp: instant(timestamp)?,
            session_start: blank_or(session_start, instant)?,
            elapsed_hundredths: blank_or(elapsed, hundredths)?,
        })
    })
}

/// The rows of bank.csv.
///
/// # Errors
/// What is wrong with the file, and in which row.
pub fn bank(file: &Path) -> Result<Vec<BankRow>, String> {
    of(file, bank_rows)
}

/// The rows of a bank.csv that has this text.
///
/// # Errors
/// What is wrong with it, and in which row.
pub fn bank_rows(text: &str) -> Result<Vec<BankRow>, String> {
    rows(text, BANK, |[mobile, action, amount, bank_balance, timestamp]: [&str; 5]| {
        Ok(BankRow {
            mobile: mobile.to_owned(),
            action: action_of(action)?,
            amount: money(amount)?,
            bank_balance: money(bank_balance)?,
            timestamp: instant(timestamp)?,
        })
    })
}

/// The rows of bank.csv, where `Bank_Balance` follows from row to row.
///
/// # Errors
/// As [`bank`], and the row whose balance does not follow.
pub fn continuous_bank(file: &Path) -> Result<Vec<BankRow>, String> {
    let rows = bank(file)?;
    let mut balance = 0;
    for (index, row) in rows.iter().enumerate() {
        balance += row.vault_change();
        if row.bank_balance.minor() != balance {
            return Err(format!("row {} should leave {balance} minor units: {row:?}", index + 1));
        }
    }
    Ok(rows)
}

fn of<Rows>(file: &Path, read: impl Fn(&str) -> Result<Rows, String>) -> Result<Rows, String> {
    let text = fs::read_to_string(file).map_err(|error| error.to_string());
    text.and_then(|text| read(&text)).map_err(|wrong| format!("{}: {wrong}", file.display()))
}

fn rows<Row, const N: usize>(
    text: &str,
    header: &str,
    row: impl Fn([&str; N]) -> Result<Row, String>,
) -> Result<Vec<Row>, String> {
    let records = parse(text)?;
    let (first, records) = records.split_first().ok_or("no header")?;
    if first.join(",") != header {
        return Err(format!("the header is {first:?}"));
    }
    let typed = |(index, record): (usize, &Vec<String>)| {
        let fields: Vec<&str> = record.iter().map(String::as_str).collect();
        let fields = fields.try_into().map_err(|fields: Vec<_>| format!("{} fields", fields.len()));
        let wrong = |wrong| format!("row {}: {wrong}: {record:?}", index + 1);
        fields.and_then(&row).map_err(wrong)
    };
    records.iter().enumerate().map(typed).collect()
}

/// All records of a text in RFC 4180, each line of which ends with LF.
///
/// # Errors
/// The line and what is wrong with it.
pub fn parse(text: &str) -> Result<Vec<Vec<String>>, String> {
    let mut records = Vec::new();
    let mut fields = Vec::new();
    let mut field = String::new();
    let mut letters = text.chars().peekable();
    let mut line = 1;
    let mut quoted = false;
    let mut closed = false;
    while let Some(letter) = letters.next() {
        match letter {
            '"' if quoted && letters.peek() == Some(&'"') => {
                letters.next();
                field.push('"');
            }
            '"' if quoted => (quoted, closed) = (false, true),
            _ if quoted => field.push(letter),
            ',' | '\n' => {
                fields.push(std::mem::take(&mut field));
                closed = false;
                if letter == '\n' {
                    records.push(std::mem::take(&mut fields));
                    line += 1;
                }
            }
            '"' if field.is_empty() && !closed => quoted = true,
            _ if closed || letter == '"' || letter.is_control() => {
                return Err(format!("line {line}: {letter:?} has no place here"));
            }
            _ => field.push(letter),
        }
    }
    let ended = !quoted && !closed && field.is_empty() && fields.is_empty();
    if ended { Ok(records) } else { Err(format!("line {line} has no end")) }
}

fn blank_or<T>(field: &str, read: impl Fn(&str) -> Result<T, String>) -> Result<Option<T>, String> {
    if field.is_empty() { Ok(None) } else { read(field).map(Some) }
}

fn action_of(field: &str) -> Result<Action, String> {
    let found = Action::ALL.iter().find(|action| action.name() == field);
    found.copied().ok_or_else(|| format!("no action: {field:?}"))
}

/// An amount with all decimals: reading and printing it again gives the same text.
fn money(field: &str) -> Result<Money, String> {
    let money = Money::parse(field, Currency::INR).map_err(|error| format!("{field:?}: {error}"))?;
    let printed = money.display(Currency::INR).to_string();
    if printed == field { Ok(money) } else { Err(format!("{field:?} should be {printed}")) }
}

/// RFC 3339 in UTC with milliseconds.
fn instant(field: &str) -> Result<Timestamp, String> {
    let instant = Timestamp::parse(field).map_err(|error| format!("{field:?}: {error}"))?;
    let printed = instant.to_string();
    if printed == field { Ok(instant) } else { Err(format!("{field:?} should be {printed}")) }
}

/// Seconds with two decimals.
fn hundredths(field: &str) -> Result<u64, String> {
    let wrong = || format!("{field:?} is not seconds with two decimals");
    let (seconds, decimals) = field.split_once('.').filter(|(_, d)| d.len() == 2).ok_or_else(wrong)?;
    let digits = format!("{seconds}{decimals}");
    if seconds.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Err(wrong());
    }
    digits.parse().map_err(|_| wrong())
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn reads_rfc_4180_and_nothing_else() {
        let table: &[(&str, Option<&[&[&str]]>)] = &[
            ("", Some(&[])),
            ("a,b\n", Some(&[&["a", "b"]])),
            ("a,\n,\n", Some(&[&["a", ""], &["", ""]])),
            ("\"a\",\"b\"\"c\",\"d\ne,f\",\"\"\n", Some(&[&["a", "b\"c", "d\ne,f", ""]])),
            ("a,b", None),
            ("a,b\r\n", None),
            ("a\tb\n", None),
            ("\"a\n", None),
            ("\"a\"b\n", None),
            ("\"a\"\"\n", None),
            ("a\"b\n", None),
            ("\"a\"", None),
        ];
        for (text, expected) in table {
            let got = parse(text).ok();
            let expected: Option<Vec<Vec<String>>> = expected
                .map(|records| records.iter().map(|r| r.iter().map(|f| (*f).to_owned()).collect()).collect());
            assert_eq!(got, expected, "{text:?}");
        }
    }
}
