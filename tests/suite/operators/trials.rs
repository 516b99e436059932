//! `--dry-run` of every command of every plugin that changes something leaves every table as it was, but the audit log.
//!
//! The commands and how they are used are what the plugins say of themselves, so a new one is tried as well.

use crate::tables::Tables;
use atm_rpc::types::mobile::MobileNumber;
use atm_tests::daemon::{Atmd, Options};
use atm_tests::programs::{programs, root};
use atm_tests::{link, process};
use serde_json::Value;
use std::fs;
use std::process::Command;

/// What examples are about: a customer, and a file of numbers, which is what comes on stdin, too.
const CUSTOMER: &str = "0712345678";
/// What only a bank that has no history does.
const BEGINS_A_BANK: &str = "ledger import";
const NUMBERS: &str = "number,reason,until\n0712345679,stolen,\n0712345680,\"=1+1, quoted\",2040-01-31\n";

/// A plugin's name, its description, and whether it says so.
fn plugins() -> Vec<(String, Value)> {
    let beside = programs().path("atmctl");
    let files = fs::read_dir(beside.parent().unwrap()).unwrap();
    let names = files.filter_map(|file| {
        let name = file.unwrap().file_name().into_string().ok()?;
        name.strip_prefix("atmctl-").filter(|name| !name.contains('.')).map(str::to_owned)
    });
    let described = names.map(|name| {
        let mut plugin = Command::new(programs().path(&format!("atmctl-{name}")));
        plugin.arg("--atmctl-describe");
        let description = process::run(plugin, "").coded(0).json();
        (name, description)
    });
    described.collect()
}

/// The examples of commands that change something at the bank, as command lines.
fn examples() -> Vec<(String, Vec<String>)> {
    let mut examples = Vec::new();
    for (plugin, description) in plugins() {
        for command in description["commands"].as_array().unwrap() {
            // What has no connection changes nothing there, and is not tried at all.
            if command["changes"] != true || command["connection"] == "none" {
                continue;
            }
            let name = format!("{plugin} {}", command["name"].as_str().unwrap());
            let lines = command["examples"].as_array().unwrap().iter();
            let lines = lines.map(|words| format!("{name} {}", words.as_str().unwrap())).collect();
            examples.push((name, lines));
        }
    }
    examples
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trial_of_any_command_changes_nothing() {
    let atmd = Atmd::start(&Options::default());
    link::register(&atmd, MobileNumber::parse(CUSTOMER).unwrap()).await;
    let new = Atmd::start(&Options::default());
    let bank = |line: &str| if line.starts_with(BEGINS_A_BANK) { &new } else { &atmd };
    let ctl = |line: &str, more: &[&str]| {
        let words: Vec<&str> = line.split_whitespace().chain(more.iter().copied()).collect();
        let mut command = bank(line).ctl_command(&words);
        let home = command.get_current_dir().unwrap().to_owned();
        command.arg("--no-input");
        fs::write(home.join("stolen.csv"), NUMBERS).unwrap();
        fs::create_dir_all(home.join("old")).unwrap();
        for name in ["client.csv", "bank.csv"] {
            fs::copy(root().join("tests/samples/legacy").join(name), home.join("old").join(name)).unwrap();
        }
        tokio::task::block_in_place(|| process::run(command, NUMBERS))
    };
    // What commands that take something away can be tried on.
    let _ = ctl("operator add asha --role viewer --out there.pem", &[]).coded(0);
    let _ = ctl(&format!("blacklist add {CUSTOMER} --reason test"), &[]).coded(0);
    let before = Tables::at_rest(&atmd).await;
    assert!(before.names().contains(&"operator"), "{:?}", before.names());
    let examples = examples();
    assert!(examples.len() >= 5, "{examples:?}");
    for (name, lines) in examples {
        let mut tried = 0;
        let before = if name == BEGINS_A_BANK { Tables::at_rest(&new).await } else { before.clone() };
        for line in lines {
            let outcome = ctl(&line, &["--dry-run", "--yes"]);
            // Some need a state of the bank that another excludes: found missing, or in conflict.
            assert!([Some(0), Some(4), Some(5)].contains(&outcome.code), "{line}: {outcome}");
            tried += u32::from(outcome.code == Some(0));
            let after = Tables::at_rest(bank(&line)).await;
            assert_eq!(after.clone().without_log(), before.clone().without_log(), "{line} changed something");
        }
        assert!(tried > 0, "no example of {name} could be tried");
    }
}
