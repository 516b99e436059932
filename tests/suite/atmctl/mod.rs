//! atmctl as operators meet it: exit codes, formats, help, and plugins that misbehave, against the real atmd.

mod answers;
mod changes;
mod completion;
mod failures;
mod help;
mod hosting;
mod kit;
mod settings;
mod whole;

use atm_rpc::types::mobile::MobileNumber;
use atm_tests::bank;
use atm_tests::daemon::Atmd;
use atm_tests::process::Outcome;
use serde_json::{Value, json};

fn number(n: u32) -> String {
    bank::number(n).full()
}

/// One command `go`, which prints rows with these columns.
fn rows(connection: &str, columns: &[(&str, &str)]) -> Value {
    let columns: Vec<Value> =
        columns.iter().map(|(name, kind)| json!({ "name": name, "kind": kind })).collect();
    json!([{ "name": "go", "summary": "Goes", "connection": connection, "output": "rows",
        "capabilities": ["status:read", "blacklist:write", "accounts:pii"],
        "schema": { "name": "test.go/1", "columns": columns } }])
}

/// The error object that a failed command with `-o json` leaves on stderr.
fn error(outcome: &Outcome) -> Value {
    assert_eq!(outcome.stdout, "", "{outcome}");
    let object: Value =
        serde_json::from_str(&outcome.stderr).unwrap_or_else(|error| panic!("{error}: {outcome}"));
    object["error"].clone()
}

/// The rows of `-o json`, of that schema.
fn data(outcome: &Outcome, schema: &str) -> Vec<Value> {
    let json = outcome.json();
    assert_eq!(json["schema"], schema, "{json}");
    assert_eq!(json["warnings"], json!([]), "{json}");
    let rows = json["data"].as_array().unwrap().clone();
    // Amounts and 64-bit numbers are texts, because a reader may take a number for a float.
    let fields = rows.iter().flat_map(|row| row.as_object().unwrap().values());
    assert!(fields.into_iter().all(|field| !field.is_number()), "{json}");
    rows
}

fn one(outcome: &Outcome, schema: &str) -> Value {
    let rows = data(outcome, schema);
    assert_eq!(rows.len(), 1, "{rows:?}");
    rows[0].clone()
}

fn is_listed(atmd: &Atmd, mobile: MobileNumber) -> bool {
    let shown = atmd.ctl(&["blacklist", "show", &mobile.full()]);
    assert!([Some(0), Some(4)].contains(&shown.code), "{shown}");
    shown.code == Some(0)
}
