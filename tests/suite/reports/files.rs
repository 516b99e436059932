//! What may be given to a report, and what may not.

use super::{report, rows, tools};
use atm_tests::process;
use serde_json::{Value, json};
use std::fs;
use std::process::{Command, Stdio};

const CLIENT_HEADER: &str =
    "Mobile_Number,Action,Amount,User_Balance,Bank_Balance,Timestamp,Session_Start,Elapsed_Time\n";
const BANK_HEADER: &str = "Mobile_Number,Action,Amount,Bank_Balance,Timestamp\n";
const CLIENT: &str = "\
Mobile_Number,Action,Amount,User_Balance,Bank_Balance,Timestamp,Session_Start,Elapsed_Time
0712345678,registered,,0.00,10000.00,2026-01-30T09:00:00.000Z,,
0712345678,login,,0.00,10000.00,2026-01-30T09:00:02.000Z,2026-01-30T09:00:02.000Z,0.00
0712345678,deposit,500.00,500.00,10500.00,2026-01-30T09:00:09.500Z,2026-01-30T09:00:02.000Z,7.50
0712345678,exit,,500.00,10500.00,2026-01-30T09:00:12.000Z,2026-01-30T09:00:02.000Z,10.00
0812345678,auth_failed,,0.00,10500.00,2026-01-31T10:00:00.000Z,,
0712345678,login,,500.00,10500.00,2026-01-31T18:30:00.000Z,2026-01-31T18:30:00.000Z,0.00
0712345678,withdraw,100.00,400.00,10400.00,2026-01-31T18:30:20.000Z,2026-01-31T18:30:00.000Z,20.00
";
const BANK: &str = "\
Mobile_Number,Action,Amount,Bank_Balance,Timestamp
,opening,10000.00,10000.00,2026-01-30T08:00:00.000Z
0712345678,deposit,500.00,10500.00,2026-01-30T09:00:09.500Z
0712345678,withdraw,100.00,10400.00,2026-01-31T18:30:20.000Z
";

/// Every report, with what it cannot do without.
const REPORTS: [&str; 8] =
    ["daily", "hourly", "top", "statement 0712345678", "sessions", "failures", "continuity", "summary"];

#[test]
fn what_is_left_out_changes_nothing_of_the_rest() {
    let other = "0712345678,Cash In,5.00,,,2026-01-31T18:31:00.000Z,,\n";
    let gap = BANK.to_owned() + "0712345678,deposit,1.00,99999.00,2026-02-02T10:00:00.000Z\n";
    let tools = tools(&[("client.csv", &(CLIENT.to_owned() + other)), ("bank.csv", BANK), ("gap.csv", &gap)]);
    for asked in ["daily", "hourly", "top", "statement 0712345678"] {
        let misspelt = report(&tools, &format!("{asked} --file client.csv --action withdrw"));
        assert!(
            misspelt.stderr.contains("by the action \"withdrw\"; those that atmd writes are"),
            "{misspelt}"
        );
        let known = report(&tools, &format!("{asked} --file client.csv --action deposit_reversed"));
        assert!(!known.stderr.contains("by the action"), "{known}");
    }
    // A balance is that behind all movements, not behind those of one kind.
    let top = rows(&report(&tools, "top --file client.csv --action deposit"));
    assert_eq!(
        top,
        [json!({
            "number": "******5678", "count": "1", "sum": "500.00", "deposits": "500.00", "withdrawals": "0.00",
            "balance": "400.00",
        })]
    );
    // Words that atmd does not know are asked for as they stand there.
    let asked = tools.run(&["report", "daily", "--file", "client.csv", "--action", "Cash In", "-o", "json"]);
    assert_eq!(rows(&asked)[0]["sum"], "5.00", "{asked}");
    // What was not looked at is not said to follow.
    let none = report(&tools, "continuity --file gap.csv --from 2026-12-01").coded(0);
    assert!(none.stderr.contains("there is no bank balance in these days"), "{none}");
    let some = report(&tools, "continuity --file gap.csv --to 2026-01-30").coded(0);
    assert!(some.stderr.contains("2 bank balances, and each follows"), "{some}");
    let _ = report(&tools, "continuity --file gap.csv").coded(3);
}

#[test]
fn what_cannot_be_asked_says_why() {
    let tools = tools(&[("client.csv", CLIENT), ("bank.csv", BANK), ("picture.csv", "\u{89}PNG\r\n")]);
    fs::create_dir(tools.work("folder")).unwrap();
    let table: &[(&str, i32, &str)] = &[
        ("daily --file client.csv --limit 5", 2, "--limit"),
        ("top --file client.csv --limit 0", 2, "--limit"),
        ("continuity --file bank.csv --limit 0", 2, "--limit"),
        ("daily --file client.csv --full-numbers", 2, "--full-numbers"),
        ("daily --file client.csv --by year", 2, "day, week, month"),
        ("daily --file client.csv --from tomorrow", 2, "a day is 2026-11-22, today, yesterday, or -7d"),
        ("daily --file client.csv --from --to", 2, "a day is"),
        ("daily --file client.csv --from today --to yesterday", 2, "which is after --to"),
        ("daily --file client.csv --zone Mars/Olympus", 2, "Mars/Olympus is no time zone"),
        ("daily --file client.csv --currency rupees", 2, "rupees is no currency"),
        ("daily --file client.csv --bank client.csv", 78, "client.csv"),
        ("daily --file client.csv --file bank.csv", 2, "client.csv"),
        ("daily --file client.csv --file client.csv", 2, "client.csv is given twice"),
        ("daily --file client.csv --file ./cl*.csv", 2, "is given twice"),
        ("daily --file absent.csv", 4, "absent.csv"),
        ("daily --file absent-*.csv", 2, "there is no such file"),
        ("daily --file folder", 2, "give the files in it"),
        ("daily --file picture.csv", 1, "picture.csv"),
        ("daily", 4, "ledger/client.csv"),
        ("continuity", 4, "ledger/bank.csv"),
        ("sessions --file bank.csv", 2, "has no sessions"),
        ("failures --file bank.csv", 2, "has no failed log-ins"),
        ("statement 0799999999 --file client.csv", 4, "******9999"),
        ("statement 712345678 --file client.csv", 4, "leading zero"),
        ("statement --file client.csv", 2, "NUMBER"),
        ("statement 07x --file client.csv", 2, "5 to 15 digits"),
        ("cache", 2, "ACT"),
        ("cache --file client.csv clear", 2, "--file"),
    ];
    for (line, code, told) in table {
        let outcome = report(&tools, line);
        assert_eq!(outcome.code, Some(*code), "{line}: {outcome}");
        assert_eq!(outcome.stdout, "", "{line}: {outcome}");
        let error: Value = serde_json::from_str(&outcome.stderr)
            .unwrap_or_else(|error| panic!("{line}: {error}: {outcome}"));
        assert!(error.to_string().contains(told), "{line}: {outcome}");
    }
}

#[test]
fn nothing_comes_to_no_rows() {
    let files = [("empty.csv", ""), ("client.csv", CLIENT_HEADER), ("bank.csv", BANK_HEADER)];
    let tools = tools(&files);
    for (file, _) in files {
        for name in REPORTS {
            let needs_client = ["sessions", "failures"].contains(&name) && file == "bank.csv";
            let outcome = report(&tools, &format!("{name} --file {file} --strict"));
            if name.starts_with("statement") || needs_client {
                let _ = outcome.coded(if needs_client { 2 } else { 4 });
            } else if name == "summary" {
                assert_eq!(rows(&outcome.coded(0)).len(), 5);
            } else {
                assert_eq!(rows(&outcome.coded(0)), [Value::Null; 0], "{name} {file}");
            }
        }
    }
}

#[test]
fn days_are_those_of_the_zone_and_count_from_first_to_last() {
    let tools = tools(&[("client.csv", CLIENT)]);
    let days = |flags: &str| -> Vec<String> {
        let found = rows(&report(&tools, &format!("daily --file client.csv {flags}")).coded(0));
        found.iter().map(|row| row["day"].as_str().unwrap().to_owned()).collect()
    };
    let table: &[(&str, &[&str])] = &[
        ("", &["2026-01-30", "2026-01-31"]),
        ("--zone Asia/Kolkata", &["2026-01-30", "2026-02-01"]),
        ("--zone America/Los_Angeles", &["2026-01-30", "2026-01-31"]),
        ("--by month", &["2026-01-01"]),
        ("--by month --zone Asia/Kolkata", &["2026-01-01", "2026-02-01"]),
        ("--by week", &["2026-01-26"]),
        ("--from 2026-01-31", &["2026-01-31"]),
        ("--to 2026-01-30", &["2026-01-30"]),
        ("--from 2026-01-30 --to 2026-01-30", &["2026-01-30"]),
        ("--from 2026-01-31 --to 2026-01-31 --zone Asia/Kolkata", &[]),
        ("--action deposit", &["2026-01-30"]),
        ("--action Withdraw", &["2026-01-31"]),
        ("--action dance", &[]),
        ("--number 0712345678", &["2026-01-30", "2026-01-31"]),
        ("--number 712345678", &[]),
        ("--from -36500d", &["2026-01-30", "2026-01-31"]),
        ("--to -36500d", &[]),
    ];
    for (flags, expected) in table {
        assert_eq!(days(flags), *expected, "{flags}");
    }
}

#[test]
fn each_report_answers_its_question() {
    let tools = tools(&[("client.csv", CLIENT), ("bank.csv", BANK)]);
    let asked = |line: &str| rows(&report(&tools, line).coded(0));
    let day = json!({ "day": "2026-01-30", "count": "1", "sum": "500.00", "deposits": "500.00",
        "withdrawals": "0.00", "net": "500.00", "closing": "10500.00" });
    assert_eq!(asked("daily --file client.csv")[0], day);
    let of_bank = json!({ "day": "2026-01-30", "count": "2", "sum": "10500.00", "deposits": "500.00",
        "withdrawals": "0.00", "net": "10500.00", "closing": "10500.00" });
    assert_eq!(asked("daily --file bank.csv")[0], of_bank);
    let hours = asked("hourly --file client.csv");
    assert_eq!(hours.len(), 24);
    assert_eq!(
        (&hours[9]["fri"], &hours[18]["sat"], &hours[18]["count"]),
        (&json!("1"), &json!("1"), &json!("1"))
    );
    let top = json!({ "number": "******5678", "count": "2", "sum": "600.00", "deposits": "500.00",
        "withdrawals": "100.00", "balance": "400.00" });
    assert_eq!(asked("top --file client.csv"), [top]);
    assert_eq!(asked("top --file client.csv --full-numbers")[0]["number"], "0712345678");
    assert_eq!(asked("top --file bank.csv")[0]["balance"], Value::Null);
    let all = json!({ "period": "all", "count": "2", "without_exit": "1", "median_ms": "10000", "p95_ms": "20000",
        "longest_ms": "20000" });
    assert_eq!(asked("sessions --file client.csv"), [all]);
    assert_eq!(asked("sessions --file client.csv --by day")[1]["period"], "2026-01-31");
    assert_eq!(asked("sessions --file client.csv --number 0812345678"), [Value::Null; 0]);
    let failed = json!({ "day": "2026-01-31", "number": "******5678", "auth_failed": "1", "blacklisted": "0",
        "unblacklisted": "0" });
    assert_eq!(asked("failures --file client.csv"), [failed]);
    let summary = asked("summary --file client.csv");
    let of = |what: &str| {
        summary.iter().find(|row| row["what"] == what).unwrap_or_else(|| panic!("{what}")).clone()
    };
    assert_eq!((of("customers")["count"].clone(), of("entries")["count"].clone()), (json!("2"), json!("7")));
    assert_eq!(of("deposit"), json!({ "what": "deposit", "count": "1", "amount": "500.00", "at": null }));
    assert_eq!(of("bank balance")["amount"], "10400.00");
    assert_eq!(of("last entry")["at"], "2026-01-31T18:30:20.000+00:00");
}

#[test]
fn a_statement_goes_from_balance_to_balance() {
    let tools = tools(&[("client.csv", CLIENT), ("bank.csv", BANK)]);
    let balances = |line: &str| -> Vec<(String, Value)> {
        let found = rows(&report(&tools, &format!("statement 0712345678 {line}")).coded(0));
        let row = |row: &Value| (row["action"].as_str().unwrap().to_owned(), row["balance"].clone());
        found.iter().map(row).collect()
    };
    let (forward, on) = ("brought forward", "carried forward");
    let table: &[(&str, &[(&str, Value)])] = &[
        (
            "--file client.csv",
            &[
                (forward, json!("0.00")),
                ("deposit", json!("500.00")),
                ("withdraw", json!("400.00")),
                (on, json!("400.00")),
            ],
        ),
        (
            "--file client.csv --from 2026-01-31",
            &[(forward, json!("500.00")), ("withdraw", json!("400.00")), (on, json!("400.00"))],
        ),
        ("--file client.csv --from 2026-02-01", &[(forward, json!("400.00")), (on, json!("400.00"))]),
        (
            "--file client.csv --to 2026-01-30 --action withdraw",
            &[(forward, json!("0.00")), (on, json!("500.00"))],
        ),
        (
            "--file bank.csv --from 2026-01-31",
            &[(forward, Value::Null), ("withdraw", Value::Null), (on, Value::Null)],
        ),
    ];
    for (line, expected) in table {
        let expected: Vec<_> =
            expected.iter().map(|(action, value)| ((*action).to_owned(), value.clone())).collect();
        assert_eq!(balances(line), expected, "{line}");
    }
}

#[test]
fn malformed_rows_are_left_out_and_told() {
    let torn = format!(
        "{CLIENT}0712345678,deposit,1.0.0,1.00,1.00,2026-02-01T00:00:00.000Z,,\nnot a row\n0712345678,dep"
    );
    let tools = tools(&[("client.csv", &torn)]);
    for (flags, code) in [("", 0), ("--strict", 3)] {
        let outcome = report(&tools, &format!("daily --file client.csv {flags}")).coded(code);
        let json: Value = serde_json::from_str(&outcome.stdout).unwrap();
        assert_eq!(json["data"].as_array().unwrap().len(), 2, "{outcome}");
        let warnings: Vec<&str> =
            json["warnings"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
        assert!(warnings[0].starts_with("3 of 10 rows are malformed"), "{outcome}");
        for (warning, line) in warnings[1..].iter().zip(["line 9", "line 10", "line 11"]) {
            assert!(warning.starts_with("client.csv") && warning.contains(line), "{warning}");
        }
    }
    let outcome = tools.run(&["report", "daily", "--file", "client.csv"]).coded(0);
    assert!(
        outcome.stderr.contains("warning: 3 of 10 rows are malformed and left out\nwarning: client.csv"),
        "{outcome}"
    );
    assert_eq!(outcome.stderr.lines().filter(|line| line.starts_with("warning: ")).count(), 4, "{outcome}");
}

#[test]
fn a_pipe_says_what_a_file_does() {
    let tools = tools(&[("client.csv", CLIENT)]);
    let mut piped = tools.command(&["report", "top", "--file", "-", "-o", "json"]);
    piped.env("LANG", "C.UTF-8");
    let piped = process::run(piped, CLIENT).coded(0);
    assert_eq!(rows(&piped), rows(&report(&tools, "top --file client.csv").coded(0)));
    let mut packed = Command::new("gzip");
    packed.arg(tools.work("client.csv"));
    let _ = process::run(packed, "").coded(0);
    assert_eq!(rows(&piped), rows(&report(&tools, "top --file *.gz").coded(0)));
}

#[test]
fn sums_leave_64_bits_and_stay_exact() {
    let most = "92233720368547758.07";
    let line = |day: u32| format!("0712345678,deposit,{most},{most},{most},2026-01-{day}T08:00:00.000Z,,\n");
    let tools = tools(&[("client.csv", &(CLIENT_HEADER.to_owned() + &line(30) + &line(30) + &line(31)))]);
    let (two, three) = ("184467440737095516.14", "276701161105643274.21");
    let asked = |name: &str| rows(&report(&tools, &format!("{name} --file client.csv")).coded(0));
    assert_eq!((&asked("daily")[0]["sum"], &asked("daily")[1]["net"]), (&json!(two), &json!(most)));
    assert_eq!((&asked("hourly")[8]["sum"], &asked("top")[0]["deposits"]), (&json!(three), &json!(three)));
    let summary = asked("summary");
    let deposits = summary.iter().find(|row| row["what"] == "deposit").unwrap();
    assert_eq!(deposits["amount"], three);
    let gaps = rows(&report(&tools, "continuity --file client.csv").coded(3));
    assert_eq!((&gaps[0]["expected"], &gaps[0]["gap"]), (&json!(two), &json!(format!("-{most}"))));
    // Before the first row there was no money, because it brought all that there was then.
    assert_eq!(asked("statement 0712345678")[0]["balance"], "0.00");
    let table = tools.run(&["report", "daily", "--file", "client.csv"]).coded(0);
    assert!(table.stdout.lines().last().unwrap().contains(three), "{table}");
    let csv = tools.run(&["report", "daily", "--file", "client.csv", "-o", "csv"]).coded(0);
    assert!(csv.stdout.lines().nth(1).unwrap().contains(two), "{csv}");
}

#[test]
fn a_statement_says_what_follows_and_what_is_not_known() {
    let row = |action: &str, amount: &str, balance: &str, day: u32| {
        format!("0712345678,{action},{amount},{balance},,2026-01-{day}T08:00:00.000Z,,\n")
    };
    let blank = [
        row("deposit", "5.00", "", 10),
        row("withdraw", "2.00", "13.00", 11),
        row("deposit", "1.00", "", 12),
    ];
    let unknown = [row("deposit", "5.00", "", 10), row("correction", "1.00", "", 11)].concat();
    let tools = tools(&[
        ("blank.csv", &(CLIENT_HEADER.to_owned() + &blank.concat())),
        ("unknown.csv", &(CLIENT_HEADER.to_owned() + &unknown)),
        ("bank.csv", BANK),
    ]);
    let table: &[(&str, [Value; 2])] = &[
        ("blank.csv", [json!("10.00"), json!("14.00")]),
        ("blank.csv --from 2026-01-11", [json!("15.00"), json!("14.00")]),
        ("blank.csv --from 2026-01-12", [json!("13.00"), json!("14.00")]),
        ("blank.csv --from 2026-01-13", [json!("14.00"), json!("14.00")]),
        ("blank.csv --to 2026-01-10", [json!("10.00"), json!("15.00")]),
        ("blank.csv --to 2026-01-09", [json!("10.00"), json!("10.00")]),
        ("unknown.csv", [Value::Null, Value::Null]),
        ("bank.csv", [Value::Null, Value::Null]),
    ];
    for (line, expected) in table {
        let outcome = report(&tools, &format!("statement 0712345678 --file {line}")).coded(0);
        let found = rows(&outcome);
        assert_eq!([&found[0], found.last().unwrap()].map(|row| row["balance"].clone()), *expected, "{line}");
        assert_eq!(
            outcome.stderr.contains("what the customer had is not known"),
            expected[0].is_null(),
            "{outcome}"
        );
    }
}

#[test]
fn stray_quotes_take_no_rows_along() {
    let row = |action: &str, minute: u32| {
        format!("0712345678,{action},5.00,1.00,2026-01-30T10:{minute:02}:00.000Z\n")
    };
    let many: String = (1..50).map(|minute| row("deposit", minute)).collect();
    let text = format!("{BANK_HEADER}{}{many}{}", row("\"deposit", 0), row("deposit\"", 50));
    let tools = tools(&[("bank.csv", &text)]);
    let outcome = report(&tools, "daily --file bank.csv").coded(0);
    assert_eq!(rows(&outcome)[0]["count"], "49", "{outcome}");
    let json: Value = serde_json::from_str(&outcome.stdout).unwrap();
    let expected = [
        "2 of 51 rows are malformed and left out",
        "bank.csv, line 2: in this row, quotes are opened and not closed",
        "bank.csv, line 52: the action \"deposit\\\"\" is no word",
    ];
    assert_eq!(json["warnings"], json!(expected));
}

#[test]
fn each_format_has_the_same_rows() {
    let tools = tools(&[("client.csv", CLIENT)]);
    let csv = tools.run(&["report", "top", "--file", "client.csv", "-o", "csv"]).coded(0).stdout;
    assert_eq!(
        csv,
        "number,count,sum,deposits,withdrawals,balance\r\n******5678,2,600.00,500.00,100.00,400.00\r\n"
    );
    let table = tools.run(&["report", "daily", "--file", "client.csv"]).coded(0);
    assert!(table.stdout.lines().last().unwrap().starts_with("total           2  600.00"), "{table}");
    assert!(table.stderr.contains("days are those of UTC, because no bank.json says whose"), "{table}");
    assert!(table.stdout.lines().all(|line| line.len() <= 80), "{table}");
}

#[test]
fn a_file_of_two_names_is_counted_once() {
    let tools = tools(&[("client.csv", CLIENT)]);
    fs::hard_link(tools.work("client.csv"), tools.work("linked.csv")).unwrap();
    let twice = report(&tools, "daily --file client.csv --file linked.csv").coded(2);
    assert!(twice.stderr.contains("is given twice"), "{twice}");
}

#[test]
fn standard_input_has_a_name_of_its_own() {
    let tools = tools(&[("client.csv", CLIENT)]);
    let named = report(&tools, "daily --file client.csv").coded(0);
    let mut piped = tools.command(&["report", "daily", "--file", "/dev/stdin", "-o", "json"]);
    piped.stdin(Stdio::piped());
    assert_eq!(process::run(piped, CLIENT).coded(0).stdout, named.stdout);
}
