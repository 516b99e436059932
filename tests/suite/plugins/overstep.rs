//! A plugin that asks atmd for more than its command has: atmd refuses it, and says so in the audit log.

use atm_tests::daemon::{Atmd, Options};
use atm_tests::need::need;
use atm_tests::tools::{Tools, write};
use serde_json::{Value, json};

/// What it asks for, in turn. The last one shows that it was answered all the time.
const CALLS: [(&str, &str); 8] = [
    ("a change", r#"{"BlacklistAdd": {"mobile": "12345", "reason": "x", "until": null}}"#),
    ("another operator", r#"{"OperatorDisable": {"name": "root", "oneself": "refused"}}"#),
    ("the ledgers", r#"{"LedgerRebuild": {}}"#),
    ("customers", r#"{"AccountShow": {"mobile": "12345"}}"#),
    ("the audit log", r#"{"AuditVerify": {}}"#),
    (
        "its rights back",
        r#"{"Narrow": {"to": {"mode": "change", "command": "x", "capabilities": ["operators:write"],
            "plugin": null, "ttl_ms": 1000}}}"#,
    ),
    (
        "less than nothing",
        r#"{"Narrow": {"to": {"mode": "read", "command": "x", "capabilities": [],
            "plugin": null, "ttl_ms": 1}}}"#,
    ),
    ("what it may", r#"{"Whoami": {}}"#),
];

/// A plugin in Python whose commands make calls and print a row of what came of each.
fn plugin(calls: &[(&str, &str)]) -> String {
    let calls: Vec<Value> = calls
        .iter()
        .map(|(what, call)| json!([what, serde_json::from_str::<Value>(call).unwrap()]))
        .collect();
    let command = |name: &str, changes: bool, rights: &[&str]| {
        json!({ "name": name, "summary": "Goes", "connection": "required", "changes": changes,
            "capabilities": rights, "output": "rows",
            "schema": { "name": "overstep.go/1", "columns": [
                { "name": "asked", "kind": "text" }, { "name": "came", "kind": "text" }] } })
    };
    let description = json!({ "protocol": 1, "name": "overstep", "version": "1", "summary": "Oversteps",
        "commands": [
            command("look", false, &["status:read"]),
            command("lie", false, &["status:read", "blacklist:write"]),
            command("change", true, &["blacklist:write"]),
        ] });
    format!(
        "#!/usr/bin/env python3
import json, os, struct, sys
if sys.argv[1:] == ['--atmctl-describe']:
    print({:?}); sys.exit()
def read(count):
    content = b''
    while len(content) < count:
        content += os.read(3, count - len(content)) or sys.exit(1)
    return content
def send(id, call):
    content = json.dumps({{'request': {{'id': id, 'deadline_ms': 10000, 'call': call}}}}).encode()
    os.write(3, struct.pack('>I', len(content)) + content)
def answer():
    return json.loads(read(struct.unpack('>I', read(4))[0]))
for id, (asked, call) in enumerate(json.loads({:?})):
    send(id, call)
    result = answer()['result']
    result = next(iter(result['Ok'].values())) if 'Ok' in result else result
    print(json.dumps({{'asked': asked, 'came': json.dumps(result.get('Err', 'done'))}}), flush=True)
# Two calls at once, and one id twice: each has an answer, or one of them, and nothing hangs.
send(90, {{'Whoami': {{}}}}); send(91, {{'Whoami': {{}}}})
print(json.dumps({{'asked': 'two at once', 'came': json.dumps(sorted([answer()['id'], answer()['id']]))}}), flush=True)
",
        description.to_string(),
        Value::from(calls).to_string()
    )
}

/// What came of what, as the plugin saw it.
fn came(tools: &Tools, atmd: &Atmd, arguments: &[&str]) -> Vec<(String, String)> {
    let json = tools.operate(atmd, &[arguments, &["-o", "json"]].concat()).json();
    let text = |row: &Value, column: &str| row[column].as_str().unwrap().to_owned();
    json["data"].as_array().unwrap().iter().map(|row| (text(row, "asked"), text(row, "came"))).collect()
}

/// Numbers on the blacklist.
fn listed(tools: &Tools, atmd: &Atmd) -> usize {
    tools.operate(atmd, &["blacklist", "list", "-o", "json"]).json()["data"].as_array().unwrap().len()
}

#[test]
fn a_plugin_that_oversteps_is_refused_and_noted() {
    if need("python3").is_none() {
        return;
    }
    let atmd = Atmd::start(&Options::default());
    let tools = Tools::with(&["audit", "blacklist"]);
    write(&tools.beside("atmctl-overstep"), &plugin(&CALLS));
    let lacks = |right: &str| format!(r#"{{"forbidden": "{right}"}}"#);
    let expected = |first: String| {
        [
            ("a change", first),
            ("another operator", lacks("operators:write")),
            ("the ledgers", lacks("daemon:control")),
            ("customers", lacks("accounts:read")),
            ("the audit log", lacks("audit:read")),
            ("its rights back", r#"{"bad_request": "widening"}"#.to_owned()),
            ("less than nothing", r#"{"bad_request": "widening"}"#.to_owned()),
            ("what it may", r#""done""#.to_owned()),
            ("two at once", "[90, 91]".to_owned()),
        ]
        .map(|(asked, came)| (asked.to_owned(), came))
    };
    assert_eq!(came(&tools, &atmd, &["overstep", "look"]), expected(lacks("blacklist:write")));
    // It says that it changes nothing, and has the right to.
    assert_eq!(came(&tools, &atmd, &["overstep", "lie"]), expected(r#""read_only""#.to_owned()));
    assert_eq!(listed(&tools, &atmd), 0);
    let tried = came(&tools, &atmd, &["overstep", "change", "--dry-run"]);
    assert_eq!(tried[0], ("a change".to_owned(), r#""done""#.to_owned()), "it is decided");
    assert_eq!(listed(&tools, &atmd), 0, "and not done");
    let done = came(&tools, &atmd, &["overstep", "change"]);
    assert_eq!(done[0], tried[0]);
    assert_eq!(listed(&tools, &atmd), 1, "the control: it could");

    let audit = tools.operate(&atmd, &["audit", "list", "--result", "refused", "-o", "json"]).json();
    let rows = audit["data"].as_array().unwrap();
    for (method, times) in
        [("blacklist_add", 2), ("operator_disable", 4), ("ledger_rebuild", 4), ("narrow", 8)]
    {
        let of_it = rows.iter().filter(|row| row["method"] == method && row["plugin"] == "overstep");
        assert_eq!(of_it.count(), times, "{method}: {audit}");
    }
}
