//! What is read fast is read as by the parser of all dialects, or left to it.

use super::{Fast, Row};
use crate::dialect::{Dialect, Kind, Rules};
use crate::entry::Word;
use crate::records::Records;
use crate::row::Parser;
use atm_rpc::types::action::Action;
use jiff::tz::TimeZone;
use proptest::prelude::{Strategy, any, prop, prop_oneof};
use proptest::{prop_assert_eq, proptest};

fn dialect(kind: Kind) -> Dialect {
    let names: Vec<&str> = kind.columns().iter().map(|column| column.name()).collect();
    Dialect::of(format!("{}\n", names.join(",")).as_bytes()).unwrap().unwrap()
}

fn rules() -> Rules {
    Rules { zone: TimeZone::get("Asia/Kolkata").unwrap(), decimals: 2 }
}

/// A row, and how many bytes it has.
type Read = Option<(Row, usize)>;

/// What both make of the first row of a text: `None` for fast, where it leaves the row alone.
fn both(text: &[u8], kind: Kind) -> (Read, Read) {
    let fast = Fast::of(&dialect(kind), &rules()).unwrap().row(text);
    let mut records = Records::new(text, 1, b',', true);
    let parser = Parser::new(dialect(kind), rules());
    let entry = records.next().and_then(|record| parser.entry(&record).ok());
    let slow = entry.and_then(|entry| {
        let Word::Known(action) = entry.action else { return None };
        let index = Action::ALL.iter().position(|known| *known == action).unwrap();
        Some((Row::of(&entry, u8::try_from(index).unwrap()), records.position()))
    });
    (fast, slow)
}

/// A field that may be as atmd writes it, nearly so, or not at all.
fn number() -> impl Strategy<Value = String> {
    prop_oneof![8 => "[0-9]{5,15}", 1 => "[0-9]{0,17}", 1 => "[0-9 +.\"]{0,12}", 1 => ""]
}

fn action() -> impl Strategy<Value = String> {
    let known = (0..Action::ALL.len()).prop_map(|index| Action::ALL[index].name().to_owned());
    prop_oneof![8 => known, 1 => "[a-z_ ]{0,18}", 1 => "(Deposit|deposit |deposits|withdrawn|logi|exit_)"]
}

fn money() -> impl Strategy<Value = String> {
    prop_oneof![6 => "[0-9]{1,6}\\.[0-9]{2}", 2 => "", 1 => "[0-9]{6,18}\\.[0-9]{2}", 1 => "-?[0-9]{0,3}\\.?[0-9]{0,3}",
        1 => "[0-9.,eE+ -]{0,12}"]
}

fn time() -> impl Strategy<Value = String> {
    prop_oneof![6 => "20[0-9]{2}-(0[1-9]|1[0-2])-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-5][0-9]\\.[0-9]{3}Z",
        1 => "[12][0-9]{3}-[01][0-9]-[0-3][0-9][T ][0-9]{2}:[0-9]{2}:[0-9]{2}(\\.[0-9]{0,7})?Z?",
        1 => "[0-9]{9,11}(\\.[0-9]{0,7})?", 1 => "", 1 => "[0-9T:.Z -]{24}"]
}

fn end() -> impl Strategy<Value = String> {
    prop_oneof![6 => "\n", 1 => "\r\n", 1 => "", 1 => " \n", 1 => ",\n"]
}

fn bank() -> impl Strategy<Value = String> {
    (number(), action(), money(), money(), time(), end()).prop_map(
        |(number, action, amount, balance, at, end)| {
            format!("{number},{action},{amount},{balance},{at}{end}")
        },
    )
}

fn client() -> impl Strategy<Value = String> {
    let elapsed = prop_oneof![4 => "[0-9]{1,5}\\.[0-9]{2}", 1 => "", 1 => "[0-9.]{0,7}"];
    (number(), action(), money(), money(), money(), time(), time(), elapsed, end()).prop_map(
        |(number, action, amount, user, bank, at, start, elapsed, end)| {
            format!("{number},{action},{amount},{user},{bank},{at},{start},{elapsed}{end}")
        },
    )
}

/// A text with a few of its bytes changed.
fn spoilt(text: impl Strategy<Value = String>) -> impl Strategy<Value = Vec<u8>> {
    let changes = prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..3);
    (text, changes, any::<bool>()).prop_map(|(text, changes, spoil)| {
        let mut text = text.into_bytes();
        for (index, byte) in changes.into_iter().filter(|_| spoil) {
            let at = index.index(text.len().max(1));
            if let Some(to) = text.get_mut(at) {
                *to = byte;
            }
        }
        text.extend_from_slice(b"0801234567,deposit,");
        text
    })
}

proptest! {
    #[test]
    fn rows_of_bank_csv(text in spoilt(bank())) {
        let (fast, slow) = both(&text, Kind::Bank);
        if fast.is_some() {
            prop_assert_eq!(fast, slow);
        }
    }

    #[test]
    fn rows_of_client_csv(text in spoilt(client())) {
        let (fast, slow) = both(&text, Kind::Client);
        if fast.is_some() {
            prop_assert_eq!(fast, slow);
        }
    }
}

#[test]
fn rows_of_atmd_are_read_fast() {
    let bank = [
        "0801234567,withdraw,100.00,10400.00,2026-11-18T11:07:41.239Z\n",
        ",opening,10000.00,10400.00,2026-11-18T11:07:41.239Z\n",
        "12345,deposit,0.05,123456789012.00,2026-02-28T23:59:59.999Z\n",
        "999999999999999,withdraw_reversed,100.00,0.00,2024-02-29T00:00:00.000Z\n",
    ];
    let client = [
        "0801234567,withdraw,100.00,400.00,10400.00,2026-11-18T11:07:41.239Z,2026-11-18T11:06:40.000Z,61.23\n",
        "0801234567,registered,,400.00,10400.00,2026-11-18T11:07:41.239Z,,\n",
        "0801234567,auth_failed,,,10400.00,2026-11-18T11:07:41.239Z,2026-11-18T11:06:40.000Z,0.00\n",
    ];
    let table =
        bank.map(|text| (text, Kind::Bank)).into_iter().chain(client.map(|text| (text, Kind::Client)));
    for (text, kind) in table {
        let padded = format!("{text}        ");
        let (fast, slow) = both(padded.as_bytes(), kind);
        assert_eq!(fast.map(|(_, bytes)| bytes), Some(text.len()), "{text}");
        assert_eq!(fast, slow, "{text}");
    }
}
