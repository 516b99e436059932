//! The CSV ledgers: any text as one, and any entry as its row.

use crate::csv;
use atm_rpc::types::account::AccountId;
use atm_rpc::types::action::Action;
use atm_rpc::types::key::{Seq, SessionId};
use atm_rpc::types::mobile::MobileNumber;
use atm_rpc::types::money::{Currency, Money};
use atm_rpc::types::time::{BusinessDate, Timestamp};
use atmd::csv::render::{Ledger, whole};
use atmd::ledger::entry::{Entry, SessionRef, Transfer};

/// The last millisecond that RFC 3339 can write, of the year 9999.
const LAST_MS: u64 = 253_402_300_799_999;

/// A text that is read is written and read again as the same; a row that atmd writes says what its entry
/// says, and needs no quotes.
pub fn ledgers(bytes: &[u8]) {
    if let Ok(text) = std::str::from_utf8(bytes) {
        if let Ok(records) = csv::parse(text) {
            assert_eq!(csv::parse(&written(&records)), Ok(records));
        }
        // The typed readers see strangers' texts, too.
        let _ = (csv::client_rows(text), csv::bank_rows(text));
    }
    let entry = entry(&mut Taken(bytes));
    in_client_csv(&entry);
    in_bank_csv(&entry);
}

fn in_client_csv(entry: &Entry) {
    let text = whole(Ledger::Client, std::slice::from_ref(entry), Currency::INR);
    assert!(!text.contains('"'), "{text}");
    let rows = csv::client_rows(&text).unwrap_or_else(|wrong| panic!("{wrong}\n{text}"));
    let Some(mobile) = entry.customer.and_then(AccountId::mobile) else {
        return assert!(rows.is_empty(), "{text}");
    };
    let expected = csv::ClientRow {
        mobile: mobile.full(),
        action: entry.action,
        amount: entry.transfer.map(|transfer| transfer.amount),
        user_balance: entry.customer_balance,
        bank_balance: Some(entry.vault_balance),
        timestamp: entry.recorded_at,
        session_start: entry.session.map(|session| session.started_at),
        elapsed_hundredths: entry.session.map(|session| session.elapsed_ms.unsigned_abs() / 10),
    };
    assert_eq!(rows, [expected]);
}

fn in_bank_csv(entry: &Entry) {
    let text = whole(Ledger::Bank, std::slice::from_ref(entry), Currency::INR);
    assert!(!text.contains('"'), "{text}");
    let rows = csv::bank_rows(&text).unwrap_or_else(|wrong| panic!("{wrong}\n{text}"));
    let moved = entry.transfer.filter(|moved| [moved.debit, moved.credit].contains(&AccountId::VAULT));
    let expected = moved.map(|moved| csv::BankRow {
        mobile: entry.customer.and_then(AccountId::mobile).map(MobileNumber::full).unwrap_or_default(),
        action: entry.action,
        amount: moved.amount,
        bank_balance: entry.vault_balance,
        timestamp: entry.recorded_at,
    });
    assert_eq!(rows, Vec::from_iter(expected));
}

/// Rows with every field in quotes.
fn written(records: &[Vec<String>]) -> String {
    let field = |field: &String| format!("\"{}\"", field.replace('"', "\"\""));
    let line = |record: &Vec<String>| record.iter().map(field).collect::<Vec<_>>().join(",") + "\n";
    records.iter().map(line).collect()
}

/// Bytes as numbers, zeros behind their end.
struct Taken<'a>(&'a [u8]);

impl Taken<'_> {
    fn next(&mut self) -> u64 {
        let (eight, rest) = self.0.split_at(self.0.len().min(8));
        self.0 = rest;
        eight.iter().fold(0, |number, byte| number << 8 | u64::from(*byte))
    }

    fn below(&mut self, end: u64) -> i64 {
        i64::try_from(self.next() % end).expect("the end is that of an i64")
    }

    fn money(&mut self) -> Money {
        Money::from_minor(self.below(i64::MAX.unsigned_abs()))
    }

    fn mobile(&mut self) -> MobileNumber {
        let digits = self.below(1_000_000_000_000_000).to_string();
        let width = 5 + usize::try_from(self.below(11)).unwrap();
        MobileNumber::parse(&format!("{digits:0>width$}")).expect("so many digits are a number")
    }

    fn account(&mut self) -> AccountId {
        match self.below(3) {
            0 => AccountId::VAULT,
            1 => AccountId::CLEARING,
            _ => AccountId::of(self.mobile()),
        }
    }

    fn instant(&mut self) -> Timestamp {
        Timestamp::from_ms(self.below(LAST_MS + 1))
    }

    fn maybe<T>(&mut self, take: impl FnOnce(&mut Self) -> T) -> Option<T> {
        (self.below(4) > 0).then(|| take(self))
    }
}

/// An entry such as the journal may hold.
fn entry(bytes: &mut Taken<'_>) -> Entry {
    let actions = Action::ALL.len() as u64;
    let action = Action::ALL[usize::try_from(bytes.below(actions)).unwrap()];
    Entry {
        seq: Seq(1),
        recorded_at: bytes.instant(),
        business_date: BusinessDate::from_days(20_000),
        action,
        customer: bytes.maybe(|bytes| AccountId::of(bytes.mobile())),
        transfer: bytes.maybe(|bytes| Transfer {
            debit: bytes.account(),
            credit: bytes.account(),
            amount: bytes.money(),
        }),
        customer_balance: bytes.maybe(Taken::money),
        vault_balance: bytes.money(),
        session: bytes.maybe(|bytes| SessionRef {
            id: SessionId(1),
            started_at: bytes.instant(),
            elapsed_ms: bytes.below(i64::MAX.unsigned_abs()),
        }),
        terminal: None,
        request: None,
        reverses: None,
        previous: None,
    }
}
