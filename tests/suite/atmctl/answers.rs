//! What commands print, for people and for programs.

use super::{data, number, one, rows};
use atm_tests::daemon::{Atmd, Options};
use atm_tests::tools::Tools;
use atm_tests::{csv, process};
use serde_json::{Value, json};
use std::process::Command;

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
    assert!(refused.stderr.contains("only atmd knows their currency"), "{refused}");
}

#[test]
fn a_reader_that_saw_enough_is_no_failure() {
    let atmd = Atmd::start(&Options::default());
    let tools = Tools::with(&["blacklist"]);
    tools.plugin("endless", &rows("none", &[("n", "number")]), "exec yes '{\"n\":7}'");
    for _ in 0..3 {
        for arguments in
            [&["endless", "go"][..], &["endless", "go", "-o", "csv"], &["endless", "go", "-o", "json"]]
        {
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
