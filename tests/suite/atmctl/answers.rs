//! What commands print, for people and for programs.

use super::{data, number, one, rows};
use atm_tests::daemon::{Atmd, Options};
use atm_tests::need::need;
use atm_tests::process::{self, Outcome};
use atm_tests::tools::Tools;
use atm_tests::{csv, load};
use serde_json::{Value, json};
use std::fs;
use std::process::Command;
use std::time::Duration;

const REASON: &str = "=1+1, \"quoted\"";

#[test]
fn each_command_prints_its_rows_for_programs() {
    let atmd = Atmd::start(&Options::default());
    let number = number(1);
    let add = ["blacklist", "add", &number, "--reason", REASON];
    let remove = ["blacklist", "remove", &number, "--reason", REASON];
    let table: &[(&[&str], &str)] = &[
        (&["status"], "atmctl.status/1"),
        (&["version"], "atmctl.version/1"),
        (&["config", "show"], "atmctl.config.show/1"),
        (&["config", "show", "--origin"], "atmctl.config.show/1"),
        (&["plugin", "list"], "atmctl.plugin.list/1"),
        (&["plugin", "info", "blacklist"], "atmctl.plugin.info/1"),
        (&add, "atmctl.blacklist.add/1"),
        (&["blacklist", "list"], "atmctl.blacklist.list/1"),
        (&["blacklist", "show", &number], "atmctl.blacklist.show/1"),
        (&["blacklist", "history"], "atmctl.blacklist.history/1"),
        (&["blacklist", "history", &number], "atmctl.blacklist.history/1"),
        (&remove, "atmctl.blacklist.remove/1"),
    ];
    for (arguments, schema) in table {
        let rows = data(&atmd.ctl(&[arguments, &["-o", "json"][..]].concat()), schema);
        let printed = atmd.ctl(&[arguments, &["-o", "csv"][..]].concat()).coded(0);
        let records = csv::parse(&printed.stdout.replace("\r\n", "\n")).unwrap();
        let columns = rows[0].as_object().unwrap().keys();
        assert_eq!(records.len(), rows.len() + 1, "{printed}");
        assert!(
            columns.clone().count() == records[0].len()
                && columns.into_iter().all(|c| records[0].contains(c))
        );
        if printed.stdout.contains("1+1") {
            assert!(records.iter().flatten().any(|field| *field == format!("'{REASON}")), "{printed}");
        }
        assert!(!atmd.ctl(arguments).coded(0).stdout.is_empty());
    }
    let rows = data(&atmd.ctl(&["blacklist", "list", "-o", "json"]), "atmctl.blacklist.list/1");
    assert_eq!(rows, Vec::<Value>::new());
}

#[test]
fn amounts_are_in_the_currency_of_the_bank() {
    let tools = Tools::with(&["blacklist"]);
    let script = "echo '{\"amount\":-12345}'; echo '{\"amount\":null}'";
    tools.plugin("cash", &rows("required", &[("amount", "money")]), script);
    tools.plugin("guess", &rows("none", &[("amount", "money")]), script);
    let of = |settings: &[(&str, &str)]| {
        let options =
            settings.iter().fold(Options::default(), |options, (key, value)| options.set(key, value));
        let atmd = Atmd::start(&options);
        let status = one(&tools.operate(&atmd, &["status", "-o", "json"]), "atmctl.status/1");
        let amounts = tools.operate(&atmd, &["cash", "go", "-o", "csv"]).coded(0).stdout;
        (status["vault_balance"].clone(), status["currency"].clone(), amounts)
    };
    let yen = [
        ("bank.currency", "JPY"),
        ("bank.amount_max", "1000000"),
        ("bank.opening_vault", "10000"),
        ("bank.opening_customer", "0"),
        ("limits.withdraw_min", "100"),
        ("limits.withdraw_max", "5000"),
        ("limits.withdraw_multiple", "10"),
    ];
    assert_eq!(of(&yen), (json!("10000"), json!("JPY"), "amount\r\n-12345\r\n\r\n".to_owned()));
    assert_eq!(of(&[]), (json!("10000.00"), json!("INR"), "amount\r\n-123.45\r\n\r\n".to_owned()));
    let refused = tools.run(&["guess", "go"]).coded(76);
    assert!(refused.stderr.contains("nobody said of which currency"), "{refused}");
    // Who does not talk with atmd says it.
    let says = "echo '{\"atmctl_currency\":\"JPY\"}'; ";
    tools.plugin("copies", &rows("none", &[("amount", "money")]), &format!("{says}{script}"));
    assert_eq!(tools.run(&["copies", "go", "-o", "csv"]).coded(0).stdout, "amount\r\n-12345\r\n\r\n");
}

#[test]
fn the_largest_amount_survives_a_reader_that_takes_numbers_for_floats() {
    let Some(jq) = need("jq") else { return };
    let atmd = Atmd::start(&Options::default());
    let tools = Tools::with(&[]);
    let columns = [("amount", "money"), ("count", "number")];
    let script = "echo '{\"amount\":9223372036854775807,\"count\":-9223372036854775808}'";
    tools.plugin("most", &rows("required", &columns), script);
    let printed = tools.operate(&atmd, &["most", "go", "-o", "json"]).coded(0);
    let mut through = Command::new(jq);
    through.arg(".data[0]");
    let read: Value = serde_json::from_str(&process::run(through, &printed.stdout).coded(0).stdout).unwrap();
    assert_eq!(read, json!({ "amount": "92233720368547758.07", "count": "-9223372036854775808" }));
}

#[test]
fn a_spreadsheet_runs_nothing() {
    let atmd = Atmd::start(&Options::default());
    let tools = Tools::with(&[]);
    let script =
        "echo '{\"text\":\"=1+1\",\"amount\":-500}'; echo '{\"text\":\"a,\\\"b\\\"\",\"amount\":null}'";
    tools.plugin("sheet", &rows("required", &[("text", "text"), ("amount", "money")]), script);
    let printed = tools.operate(&atmd, &["sheet", "go", "-o", "csv"]).coded(0);
    assert_eq!(printed.stdout, "text,amount\r\n'=1+1,-5.00\r\n\"a,\"\"b\"\"\",\r\n");
    let records = csv::parse(&printed.stdout.replace("\r\n", "\n")).unwrap();
    assert_eq!(records[1], ["'=1+1", "-5.00"]);
}

#[test]
fn where_an_option_stands_makes_no_difference() {
    let atmd = Atmd::start(&Options::default());
    let tools = Tools::with(&["blacklist"]);
    let number = number(1);
    let _ = tools.operate(&atmd, &["blacklist", "add", &number, "--reason", "a test"]).coded(0);
    let lines: &[&[&str]] = &[
        &["version"],
        &["config", "show", "--origin"],
        &["plugin", "list"],
        &["plugin", "info", "blacklist"],
        &["blacklist", "list"],
        &["blacklist", "show", &number],
        &["blacklist", "show", "12345"],
        &["blacklist", "show", "12a"],
        &["blacklst"],
        &["completion", "bash"],
    ];
    for line in lines {
        for option in [&["-o", "json"][..], &["--output=csv"], &["-o", "table"]] {
            let said = |arguments: &[&str]| {
                let Outcome { code, stdout, stderr } = tools.operate(&atmd, arguments);
                (code, stdout, stderr)
            };
            let before = said(&[option, line].concat());
            assert_eq!(before, said(&[line, option].concat()), "{line:?} {option:?}");
            let (head, tail) = line.split_at(1);
            assert_eq!(before, said(&[head, option, tail].concat()), "{line:?} {option:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unhealthy_atmd_is_told_of_with_its_row() {
    let atmd = Atmd::start(&Options::default());
    let healthy = one(&atmd.ctl(&["status", "-o", "json"]), "atmctl.status/1");
    assert_eq!((&healthy["healthy"], &healthy["reasons"]), (&json!(true), &Value::Null));
    let mut sessions = load::sessions(&atmd, 0, 64).await;
    // A folder in the place of a ledger, and nothing can be written there.
    let ledger = atmd.client_csv();
    fs::rename(&ledger, atmd.data().join("away.csv")).unwrap();
    fs::create_dir(&ledger).unwrap();
    let unhealthy = loop {
        sessions = load::deposits(&atmd, sessions, Duration::from_secs(1)).await.0;
        let told = atmd.ctl(&["status", "-o", "json"]);
        if told.code != Some(0) {
            break told.coded(3);
        }
    };
    let row = serde_json::from_str::<Value>(&unhealthy.stdout).unwrap()["data"][0].clone();
    assert_eq!((&row["healthy"], unhealthy.stderr.as_str()), (&json!(false), ""));
    assert!(row["reasons"].as_str().unwrap().contains("the CSV ledgers lack"), "{row}");
    let told = atmd.ctl(&["status"]).coded(3);
    assert!(told.stdout.contains("the CSV ledgers lack") && told.stderr.is_empty(), "{told}");
    let told = atmd.ctl(&["status", "-o", "csv"]).coded(3);
    assert_eq!(told.stdout.lines().count(), 2, "{told}");
}

#[test]
fn a_reader_that_saw_enough_is_no_failure() {
    let atmd = Atmd::start(&Options::default());
    let tools = Tools::with(&["blacklist"]);
    tools.plugin("endless", &rows("none", &[("n", "number")]), "exec yes '{\"n\":7}'");
    let million = r#"exec seq -f '{"n":%.0f}' 1000000"#;
    tools.plugin("million", &rows("none", &[("n", "number")]), million);
    for plugin in ["endless", "million"] {
        for format in ["table", "csv", "json"] {
            let arguments = &[plugin, "go", "-o", format];
            let atmctl = tools.operator(&atmd, arguments);
            let mut piped = Command::new("sh");
            piped.args(["-c", "{ \"$@\"; echo \"code $?\" >&2; } | head -1", "sh"]);
            piped.arg(atmctl.get_program()).args(atmctl.get_args()).env_clear();
            piped.envs(atmctl.get_envs().filter_map(|(name, value)| Some((name, value?))));
            let read = process::run(piped, "").coded(0);
            assert_eq!(read.stderr, "code 0\n", "{read}");
            assert_eq!(read.stdout.lines().count(), 1, "{read}");
        }
    }
}
