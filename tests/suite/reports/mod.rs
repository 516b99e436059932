//! `atmctl report` says what the ledgers say: to the cent, from whatever they are read, and never at the cost of a
//! row that nobody hears of.

mod continuity;
mod documented;
mod duckdb;
mod files;
mod ledger;
mod site;

use atm_tests::process::Outcome;
use atm_tests::tools::Tools;
use serde_json::Value;
use std::fs;

/// The rows of `-o json`.
fn rows(outcome: &Outcome) -> Vec<Value> {
    let json: Value =
        serde_json::from_str(&outcome.stdout).unwrap_or_else(|error| panic!("{error}: {outcome}"));
    json["data"].as_array().unwrap_or_else(|| panic!("{outcome}")).clone()
}

/// atmctl with the reports, in a folder with these files.
fn tools(files: &[(&str, &str)]) -> Tools {
    let tools = Tools::with(&["report"]);
    for (name, text) in files {
        fs::write(tools.work(name), text).unwrap();
    }
    tools
}

/// What a line of words comes to, as JSON.
fn report(tools: &Tools, line: &str) -> Outcome {
    let words = ["report"].into_iter().chain(line.split_whitespace()).chain(["-o", "json"]);
    tools.run(&words.collect::<Vec<_>>())
}
