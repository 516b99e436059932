//! Ledgers of all tools, and ugly ones, row by row.

use super::Reader;
use crate::chunks::OpenError;
use crate::dialect::{Kind, Rules};
use crate::entry::{Entry, Word};
use crate::fault::{Fault, Faults, KEPT_MAX};
use atm_rpc::types::action::Action;
use atm_rpc::types::mobile::MobileNumber;
use jiff::tz::TimeZone;

const UGLY: &[u8] = include_bytes!("../../samples/ugly.csv");

/// What is wrong with its rows.
const ACCOUNT: &[(u64, &str)] = &[
    (3, "the row has 4 fields instead of 5"),
    (4, "the row has 6 fields instead of 5"),
    (5, "the amount \"1oo.00\" is not a number such as 100.50"),
    (6, "the amount \"99999999999999999999.00\" is larger than this program can count"),
    (7, "the row has a byte of zero in it"),
    (8, "the row is not text in UTF-8 from its byte 13 on"),
    (9, "the line is blank"),
    (10, "the header stands here again"),
    (
        11,
        "the time \"2026-02-30T11:07:41.239Z\" is not one such as 2026-11-22T14:03:05.120Z or 2026-11-22 14:03:05",
    ),
    (12, "the time \"18/11/2026 11:07\" is not one such as 2026-11-22T14:03:05.120Z or 2026-11-22 14:03:05"),
    (13, "the mobile number has 12 characters, 1 of them no digits; one has 5 to 15 digits and nothing else"),
    (14, "the mobile number has 4 digits; one has 5 to 15 digits and nothing else"),
    (15, "the row has no mobile number"),
    (16, "the row has no action"),
    (17, "the amount is below zero, and the action is deposit"),
    (18, "the amount \"100.005\" has more decimals than the 2 of the currency"),
    (19, "the bank's balance \"1200\\n.00\" is not a number such as 100.50; quotes make one row of 2 lines"),
    (21, "in this row, quotes are opened and not closed"),
    (22, "in this row, something stands between closing quotes and the end of a field"),
    (23, "the amount \"nan\" is not a number such as 100.50"),
    (24, "the action is \"100.00\", no word"),
    (25, "the bank's balance \"+**********\" is not a number such as 100.50"),
    (27, "the file ends within this row, whose end is missing (the row has 4 fields instead of 5)"),
];

fn rules() -> Rules {
    Rules { zone: TimeZone::get("Asia/Kolkata").unwrap(), decimals: 2 }
}

fn read(text: &[u8]) -> (Vec<Entry>, Vec<Fault>) {
    let mut reader = Reader::open(text, rules()).unwrap().unwrap();
    let (mut entries, mut faults) = (Vec::new(), Vec::new());
    while let Some(row) = reader.next().unwrap() {
        match row {
            Ok(entry) => entries.push(entry),
            Err(fault) => faults.push(fault),
        }
    }
    (entries, faults)
}

#[test]
fn each_ugly_row_has_its_sentence() {
    let (entries, faults) = read(UGLY);
    assert_eq!(entries.iter().map(|entry| entry.line).collect::<Vec<_>>(), [2, 26]);
    let told: Vec<(u64, &str)> = faults.iter().map(|fault| (fault.line, fault.sentence.as_str())).collect();
    assert_eq!(told, ACCOUNT);
    let torn: Vec<u64> = faults.iter().filter(|fault| fault.torn).map(|fault| fault.line).collect();
    assert_eq!(torn, [27]);
}

#[test]
fn stray_quotes_take_no_rows_along() {
    let at = "2026-01-01T00:00:00Z";
    let (bank, noted) = ("Mobile_Number,Action,Amount,Bank_Balance,Timestamp", "12345,deposit,1,1");
    // The lines of rows, and those of faults with what is said of them.
    type Case = (String, &'static [u64], &'static [(u64, &'static str)]);
    let table: &[Case] = &[
        (
            format!(
                "{bank}\n12345,\"deposit,1,1,{at}\n{noted},{at}\n12345,deposit\",1,1,{at}\n{noted},{at}\n"
            ),
            &[3, 5],
            &[(2, "quotes are opened and not closed"), (4, "the action \"deposit\\\"\" is no word")],
        ),
        // In a column that is not the ledger's.
        (
            format!("{bank},Note\n{noted},{at},\"a\n{noted},{at},\n{noted},{at},b\"\n{noted},{at},\n"),
            &[3, 4, 5],
            &[(2, "quotes are opened and not closed")],
        ),
        (format!("{bank},Note\n{noted},{at},\"two\nlines\"\n{noted},{at},\n"), &[2, 4], &[]),
        (
            format!("{bank},Note\n12345,deposit,x,1,{at},\"of\nthree\nlines\"\n{noted},{at},\n"),
            &[5],
            &[(2, "is not a number such as 100.50; quotes make one row of 3 lines")],
        ),
    ];
    for (text, lines, told) in table {
        let (entries, faults) = read(text.as_bytes());
        assert_eq!(entries.iter().map(|entry| entry.line).collect::<Vec<_>>(), *lines, "{text}{faults:?}");
        assert_eq!(faults.len(), told.len(), "{text}{faults:?}");
        for (fault, (line, sentence)) in faults.iter().zip(*told) {
            assert!(fault.line == *line && fault.sentence.ends_with(sentence), "{text}{fault}");
        }
    }
}

/// Cut anywhere, a last row is what it was or is told of: never another one.
#[test]
fn a_last_row_that_is_cut_is_never_taken_for_another() {
    let bank = "Mobile_Number,Action,Amount,Bank_Balance,Timestamp\n\
        0801234567,deposit,5.00,10005.00,2026-11-16T22:39:00.000Z\n\
        0801234567,deposit,1500.00,11505.00,2026-11-16T22:40:28.157Z\n";
    let client = "Mobile_Number,Action,Amount,User_Balance,Bank_Balance,Timestamp,Session_Start,Elapsed_Time\n\
        0801234567,login,,5.00,10005.00,2026-11-16T22:39:00.000Z,2026-11-16T22:39:00.000Z,0.00\n\
        0801234567,exit,,5.00,10005.00,2026-11-16T22:45:28.157Z,2026-11-16T22:39:00.000Z,345.67\n";
    let amount_last = "Mobile_Number,Action,Timestamp,Bank_Balance,Amount\n\
        0801234567,deposit,2026-11-16T22:39:00.000Z,10005.00,5.00\n\
        0801234567,deposit,2026-11-16T22:40:28.157Z,11505.00,1500.00\n";
    for text in [bank, client, amount_last] {
        let (whole, faults) = read(text.as_bytes());
        assert!(whole.len() == 2 && faults.is_empty(), "{faults:?}");
        let last_row = text.trim_end().rfind('\n').unwrap() + 1;
        for cut in last_row + 1..text.len() {
            let (entries, faults) = read(&text.as_bytes()[..cut]);
            let told = entries == whole[..1] && faults.len() == 1 && faults[0].torn;
            assert!(told || entries == whole, "{:?}: {entries:?} {faults:?}", &text[last_row..cut]);
        }
        assert_eq!(read(text.trim_end().as_bytes()).0, whole);
    }
}

#[test]
fn no_sentence_tells_a_number_that_stands_alone() {
    let rows =
        ["0801234567,x,0801234567,0801234567,0801234567", "0801234567,0801234567,1,1,2026-01-01T00:00:00Z"];
    for row in rows {
        let (_, faults) =
            read(format!("Mobile_Number,Action,Amount,Bank_Balance,Timestamp\n{row}x\n").as_bytes());
        assert!(faults.iter().all(|fault| !fault.sentence.contains("0801234567\"")), "{faults:?}");
    }
    let (_, faults) = read(b"12345,0801234567,1,1,2026-01-01T00:00:00Z\n");
    assert_eq!(faults[0].sentence, "the action is a number of 10 digits, no word");
}

#[test]
fn the_first_faults_are_kept_and_all_counted() {
    let mut faults = Faults::default();
    let (_, all) = read(UGLY);
    let (first, rest) = all.split_at(13);
    first.iter().for_each(|fault| faults.push(fault.clone()));
    let mut later = Faults::default();
    rest.iter().for_each(|fault| later.push(fault.clone()));
    faults.append(later);
    assert_eq!((faults.count, faults.kept.len()), (all.len() as u64, KEPT_MAX + 1));
    assert_eq!((&faults.kept[..KEPT_MAX], faults.kept.last()), (&all[..KEPT_MAX], all.last()));
}

/// One row in each dialect, and the entry that all of them are.
#[test]
fn a_row_is_the_same_in_every_dialect() {
    let header = "Mobile_Number,Action,Amount,User_Balance,Bank_Balance,Timestamp,Session_Start,Elapsed_Time";
    let expected = Entry {
        line: 2,
        mobile: MobileNumber::parse("0801234567").ok(),
        action: Word::Known(Action::AuthFailed),
        amount: Some(10_050),
        user_balance: None,
        bank_balance: Some(1_040_000),
        at_ms: 1_795_000_061_239,
        session_start_ms: Some(1_795_000_000_000),
        elapsed_cs: Some(6_123),
    };
    let files = [
        format!("{header}\n0801234567,auth_failed,100.50,,10400.00,2026-11-18T11:07:41.239Z,2026-11-18T11:06:40.000Z,61.23\n"),
        format!("{header}\r\n0801234567,AUTH FAILED,100.5,,10400,2026-11-18 16:37:41.239,2026-11-18 16:36:40,61.23\r\n"),
        format!("\u{feff}{}\n0801234567\tAuth-Failed\t100.50\t\t10400.0\t2026-11-18 16:37:41.239999\t1795000000.0004\t61.239\n", header.replace(',', "\t")),
        format!("{}\n0801234567, auth_failed, 100.5, , 10400.00, 2026-11-18T16:37:41.239+05:30, 1795000000, 61.23", header.replace(',', ", ").to_lowercase()),
        format!("\"{}\"\n\"0801234567\",\"auth_failed\",\"100.50\",\"\",\"10400.00\",\"2026-11-18T11:07:41.239Z\",\"1795000000.0\",\"61.23\"\n", header.replace(',', "\",\"")),
        "Elapsed Time,Note,action,Amount,Bank_Balance,Session_Start,TIMESTAMP,User_Balance,Mobile_Number\n\
         61.23,\"two\nlines, \"\"quoted\"\"\",auth_failed,100.50,10400.00,1795000000,2026-11-18T11:07:41.239Z,,0801234567\n".to_owned(),
    ];
    for file in files {
        assert_eq!(read(file.as_bytes()), (vec![expected.clone()], vec![]), "{file}");
    }
    let without_header = "0801234567,auth_failed,100.5,,10400,2026-11-18 16:37:41.239,1795000000,61.23";
    let entry = Entry { line: 1, ..expected };
    assert_eq!(read(without_header.as_bytes()), (vec![entry.clone()], vec![]));
    let rows = format!("{without_header}\n").repeat(3);
    assert_eq!(read(rows.as_bytes()).0.last().map(|entry| entry.line), Some(3));
}

#[test]
fn signs_and_words_of_older_tools() {
    let table: &[(&str, &str, Option<i64>, &str)] = &[
        ("Withdraw", "-100.0", Some(10_000), "withdraw"),
        ("withdraw", "100", Some(10_000), "withdraw"),
        ("Transfer Out", "-1", Some(100), "transfer_out"),
        ("correction", "-1", Some(-100), "correction"),
        ("Interest paid", "-1", Some(-100), "Interest paid"),
        ("deposit", "", None, "deposit"),
        ("deposit", "0.0", Some(0), "deposit"),
        ("exit", "0.0", None, "exit"),
    ];
    for (word, amount, minor, text) in table {
        let (entries, faults) = read(format!("12345,{word},{amount},1.0,2026-01-01 00:00:00\n").as_bytes());
        assert_eq!(faults, [], "{word}");
        assert_eq!((entries[0].amount, entries[0].action.text()), (*minor, *text));
    }
    // What the bank does itself has no number in bank.csv, and in client.csv nothing is without one.
    assert_eq!(read(b",opening,1,1,2026-01-01 00:00:00\n").0[0].mobile, None);
    let (_, faults) = read(b",opening,1,1,1,2026-01-01 00:00:00,,\n");
    assert_eq!(faults[0].sentence, "the row has no mobile number");
}

#[test]
fn what_is_no_ledger_is_refused() {
    let table: &[(&[u8], &str)] = &[
        (b"Dear all,\nhello\n", "names no column of one and has 2 fields"),
        (b"Mobile_Number,Action,Amount,Timestamp\n", "that of bank.csv without Bank_Balance"),
        (
            b"Mobile_Number,User_Balance,Amount\n",
            "that of client.csv without Action, Bank_Balance, Timestamp",
        ),
        (b"Mobile_Number,Action,Action,Amount,Bank_Balance,Timestamp\n", "the column Action twice"),
        (b"\"Mobile_Number\n", "quotes are opened and not closed"),
        (b"\xff\xfe\x00\n", "not text in UTF-8"),
        (&[b'x'; 200_000], "more than 65536 bytes"),
    ];
    for (text, told) in table {
        match Reader::open(*text, rules()) {
            Err(OpenError::NotALedger(error)) => assert!(error.to_string().contains(told), "{error}"),
            other => panic!("{told}: {other:?}"),
        }
    }
    for empty in ["", "\n", " \r\n\n", "\u{feff}"] {
        assert!(Reader::open(empty.as_bytes(), rules()).unwrap().is_none(), "{empty:?}");
    }
    let header = "Mobile_Number,Action,Amount,Bank_Balance,Timestamp";
    for text in [header.to_owned(), format!("{header}\n")] {
        let mut reader = Reader::open(text.as_bytes(), rules()).unwrap().unwrap();
        assert_eq!(reader.dialect().kind, Kind::Bank);
        assert!(reader.next().unwrap().is_none());
    }
}
