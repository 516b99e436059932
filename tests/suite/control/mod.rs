//! atmd steered while it serves: its configuration read again, nobody let in, ended and started, and another version
//! on the same data.

mod drain;
mod reload;
mod underway;

use atm_tests::daemon::Atmd;
use atm_tests::wait::eventually;
use serde_json::Value;

/// The rows of a command of `atmctl`.
fn rows(atmd: &Atmd, arguments: &[&str]) -> Vec<Value> {
    let json = atmd.ctl(&[arguments, &["-o", "json"]].concat()).json();
    json["data"].as_array().unwrap().clone()
}

/// What the audit log has of a method, newest first: arguments and result of each row.
fn audited(atmd: &Atmd, method: &str) -> Vec<String> {
    let found = rows(atmd, &["audit", "list", "--method", method]).into_iter();
    found
        .map(|row| format!("{} {}", text(&row, "arguments"), text(&row, "result")).trim().to_owned())
        .collect()
}

fn text(row: &Value, field: &str) -> String {
    row[field].as_str().unwrap_or_default().to_owned()
}

/// Waits until the log says that.
fn logged(atmd: &Atmd, words: &str) -> String {
    eventually(words, || {
        let log = atmd.log();
        if log.contains(words) { Ok(log) } else { Err(log) }
    })
}
