//! What cannot be imported is told with its line, and leaves the bank as it was.

use super::{ctl, import, of, rows, sample};
use atm_tests::bank;
use atm_tests::daemon::{Atmd, Options};
use atm_tests::link;
use atm_tests::need::need;
use atm_tests::process;
use serde_json::{Value, json};
use std::fs;
use std::process::Command;
use tokio::task::block_in_place;

/// Writes a file, and gives its name.
fn file(atmd: &Atmd, name: &str, text: &str) -> String {
    let path = atmd.data().join(name);
    fs::write(&path, text).unwrap();
    path.display().to_string()
}

fn is_fresh(atmd: &Atmd) -> bool {
    ctl(atmd, &["account", "list"]).json()["data"] == json!([])
        && ctl(atmd, &["status"]).json()["data"][0]["journal_seq"].to_string().contains('1')
}

#[tokio::test(flavor = "multi_thread")]
async fn each_reason_is_named_with_its_line() {
    let atmd = Atmd::start(&Options::default());
    let client = fs::read_to_string(sample("client.csv")).unwrap();
    let bank = fs::read_to_string(sample("bank.csv")).unwrap();
    let words = ["--word", "logout=exit"];
    let torn =
        file(&atmd, "torn.csv", &client.replace("0798765432\tregistered\t\t", "0798765432\tregistered\t"));
    let huge = file(&atmd, "huge.csv", &client.replace("500.0\t500.0", "5000000.0\t5000000.0"));
    let other = file(&atmd, "other.csv", &bank.replace("250.5,", "205.5,"));
    let less = file(&atmd, "less.csv", &bank[..bank.rfind("0712345678").unwrap()]);
    let late = file(&atmd, "late.csv", &client);
    let later = file(&atmd, "later.csv", &format!("{bank}, opening, 5.0, 13450.0, 2199-01-31 10:00:10\n"));
    let known = sample("client.csv");
    let table: &[(&[&str], i32, &str)] = &[
        (&["--client", &known], 2, "client.csv line 9: "),
        (&["--client", &known], 2, "say which it is by --word "),
        (&["--client", &torn, "--word", "logout=exit"], 2, "torn.csv line 5: "),
        (
            &["--client", &huge, "--word", "logout=exit"],
            2,
            "huge.csv line 4: its amount is below zero, or above [bank] amount_max",
        ),
        (
            &["--client", &known, "--bank", &other, words[0], words[1]],
            2,
            "other.csv line 3: they have different amounts",
        ),
        (
            &["--client", &known, "--bank", &less, words[0], words[1]],
            2,
            "client.csv line 14: bank.csv has no such movement",
        ),
        (&["--bank", &known], 2, "has the columns of client.csv, not of bank.csv"),
        (&["--client", "/no/such/file"], 1, "cannot be read"),
        (
            &["--client", &late, "--bank", &later, words[0], words[1]],
            2,
            "later.csv line 8: its time, or that of its session's begin, is still to come",
        ),
        (
            &["--client", &known, words[0], words[1], words[0], "LOGOUT=login"],
            2,
            "what LOGOUT means is said already",
        ),
        (&["--client", &known, "--word", "logout=leave"], 2, "--word logout=leave is not WORD=ACTION"),
        (&[], 2, "--client"),
    ];
    for (arguments, code, words) in table {
        let failed = import(&atmd, arguments).coded(*code);
        assert!(failed.stderr.contains(words), "{words}: {failed}");
    }
    let failed =
        ctl(&atmd, &["--yes", "ledger", "import", "--client", &known, "--zone", "Atlantis"]).coded(2);
    assert!(failed.stderr.contains("Atlantis is no time zone"), "{failed}");
    let asked = ctl(&atmd, &["--no-input", "ledger", "import", "--client", &known, "--zone", "UTC"]);
    assert_eq!(asked.code, Some(2), "a yes is needed: {asked}");
    assert!(is_fresh(&atmd));
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_that_cannot_be_read_are_left_out_where_that_is_wanted() {
    let atmd = Atmd::start(&Options::default());
    let plan = rows(import(&atmd, &["--client", &sample("client.csv"), "--skip-malformed"]));
    let left = of(&plan, "left_out");
    let lines: Vec<&Value> = left.iter().map(|row| &row["line"]).collect();
    assert_eq!(lines, ["9", "15"], "{plan:?}");
    assert!(left[0]["note"].as_str().unwrap().contains("the action \"logout\""), "{plan:?}");
    assert_eq!(left[0]["file"], sample("client.csv"), "{plan:?}");
    assert_eq!(of(&plan, "rows")[0]["count"], "12", "{plan:?}");
    assert_eq!(rows(ctl(&atmd, &["ledger", "verify"])), Vec::<Value>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bank_with_customers_takes_no_history() {
    let atmd = Atmd::start(&Options::default());
    link::register(&atmd, bank::number(1)).await;
    let failed = import(&atmd, &["--bank", &sample("bank.csv")]).coded(5);
    assert!(failed.stderr.contains("this bank has a history of 2 entries"), "{failed}");
    assert!(failed.stderr.contains("another `[server] data_dir`"), "{failed}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_may_come_through_a_pipe() {
    let Some(bash) = need("bash") else { return };
    let atmd = Atmd::start(&Options::default());
    let inner = atmd.ctl_command(&["ledger", "import", "--zone", "Asia/Kolkata", "--dry-run", "-o", "json"]);
    let piped = |script: &str| {
        let mut command = Command::new(&bash);
        command.args(["-c", script]).arg(inner.get_program()).arg(sample("bank.csv")).args(inner.get_args());
        command.env_clear().envs(inner.get_envs().filter_map(|(name, value)| Some((name, value?))));
        block_in_place(|| process::run(command, ""))
    };
    let plan = rows(piped("file=$1; shift; exec \"$0\" \"$@\" --bank <(cat \"$file\")"));
    assert_eq!(of(&plan, "rows")[0]["count"], "6", "{plan:?}");
    // Where atmctl has its own descriptors, what the shell put there is gone.
    for number in 3..=5 {
        let script =
            format!("file=$1; shift; exec \"$0\" \"$@\" --bank /dev/fd/{number} {number}< \"$file\"");
        let refused = piped(&script).coded(2);
        assert!(refused.stderr.contains("is not handed on") && refused.stdout.is_empty(), "{refused}");
    }
    let plan = rows(piped("file=$1; shift; exec \"$0\" \"$@\" --bank /dev/fd/6 6< \"$file\""));
    assert_eq!(of(&plan, "rows")[0]["count"], "6", "{plan:?}");
}
