//! Balances that do not follow are named, and those that do are not.

use super::{report, rows, tools};
use serde_json::{Value, json};

const HEADER: &str = "Mobile_Number,Action,Amount,Bank_Balance,Timestamp\n";
const CLIENT: &str =
    "Mobile_Number,Action,Amount,User_Balance,Bank_Balance,Timestamp,Session_Start,Elapsed_Time\n";

/// Rows of action, amount and balance, a second apart.
fn bank(rows: &[(&str, &str, &str)]) -> String {
    let line = |(at, (action, amount, balance)): (usize, &(&str, &str, &str))| {
        format!("0712345678,{action},{amount},{balance},2026-01-01T10:00:{at:02}.000Z\n")
    };
    HEADER.to_owned() + &rows.iter().enumerate().map(line).collect::<String>()
}

fn client(rows: &[(&str, &str, &str)]) -> String {
    let line = |(at, (action, amount, balance)): (usize, &(&str, &str, &str))| {
        format!("0712345678,{action},{amount},,{balance},2026-01-01T10:00:{at:02}.000Z,,\n")
    };
    CLIENT.to_owned() + &rows.iter().enumerate().map(line).collect::<String>()
}

#[test]
fn a_balance_follows_from_the_row_before() {
    type Case = (&'static str, String, &'static [(&'static str, &'static str, &'static str)]);
    let rows_that_fit = [
        ("deposit", "5.00", "15.00"),
        ("withdraw", "2.50", "12.50"),
        ("withdraw_reversed", "2.50", "15.00"),
        ("deposit_reversed", "5.00", "10.00"),
        ("opening", "100.00", "110.00"),
        ("correction", "1.00", "109.00"),
        ("correction", "1.00", "110.00"),
    ];
    let of_customers = [
        ("registered", "", "10.00"),
        ("opening", "7.00", "10.00"),
        ("login", "", "10.00"),
        ("deposit", "5.00", "15.00"),
        ("transfer_out", "3.00", "15.00"),
        ("transfer_in", "3.00", "15.00"),
        ("correction", "9.00", "15.00"),
        ("exit", "", ""),
        ("withdraw", "5.00", "10.00"),
        ("auth_failed", "", "10.00"),
    ];
    // What is found: line, expected, gap.
    let table: &[Case] = &[
        ("no row", bank(&[]), &[]),
        ("whatever it begins with", bank(&[("deposit", "5.00", "777.00")]), &[]),
        ("bank.csv", bank(&rows_that_fit), &[]),
        ("client.csv", client(&of_customers), &[]),
        (
            "a paisa too much",
            bank(&[("deposit", "5.00", "15.00"), ("deposit", "5.00", "20.01")]),
            &[("3", "20.00", "0.01")],
        ),
        (
            "a row that is gone",
            bank(&[rows_that_fit[0], rows_that_fit[2], rows_that_fit[3]]),
            &[("3", "17.50", "-2.50")],
        ),
        (
            "one jump is one gap",
            bank(&[
                ("deposit", "5.00", "15.00"),
                ("deposit", "5.00", "120.00"),
                ("deposit", "5.00", "125.00"),
            ]),
            &[("3", "20.00", "100.00")],
        ),
        (
            "a log-in that moves the vault",
            client(&[("login", "", "10.00"), ("exit", "", "11.00")]),
            &[("3", "10.00", "1.00")],
        ),
        (
            "a blank balance between",
            bank(&[("deposit", "5.00", "15.00"), ("deposit", "", ""), ("deposit", "5.00", "20.00")]),
            &[],
        ),
    ];
    for (what, text, gaps) in table {
        let tools = tools(&[("ledger.csv", text)]);
        let outcome = report(&tools, "continuity --file ledger.csv");
        let found = rows(&outcome);
        let told: Vec<_> = found
            .iter()
            .map(|row| ["line", "expected", "gap"].map(|name| row[name].as_str().unwrap_or_default()))
            .map(|[line, expected, gap]| (line, expected, gap))
            .collect();
        assert_eq!(told, *gaps, "{what}: {outcome}");
        let _ = outcome.coded(if gaps.is_empty() { 0 } else { 3 });
    }
}

#[test]
fn files_go_on_one_from_another() {
    let (one, two) = (bank(&[("deposit", "5.00", "15.00")]), bank(&[("deposit", "5.00", "20.00")]));
    let tools = tools(&[("1.csv", &one), ("2.csv", &two)]);
    let _ = report(&tools, "continuity --file *.csv").coded(0);
    let wrong = rows(&report(&tools, "continuity --file 2.csv --file 1.csv").coded(3));
    let row = json!({ "file": "1.csv", "line": "2", "at": "2026-01-01T10:00:00.000+00:00", "action": "deposit",
        "amount": "5.00", "before": "20.00", "expected": "25.00", "found": "15.00", "gap": "-10.00" });
    assert_eq!(wrong, [row]);
}

#[test]
fn many_gaps_are_counted_and_the_first_are_told() {
    let all: Vec<String> = (0..50).map(|n| format!("{}.00", n * 7)).collect();
    let jumps: Vec<_> = all.iter().map(|balance| ("deposit", "1.00", balance.as_str())).collect();
    let tools = tools(&[("ledger.csv", &bank(&jumps))]);
    let outcome = report(&tools, "continuity --file ledger.csv --limit 3").coded(3);
    let json: Value = serde_json::from_str(&outcome.stdout).unwrap();
    assert_eq!(json["data"].as_array().unwrap().len(), 3);
    assert!(json["warnings"][0].as_str().unwrap().starts_with("49 bank balances do not follow"), "{outcome}");
}
