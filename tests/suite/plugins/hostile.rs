//! A plugin that uses its connection for more than it was given it for. What reaches atmd is refused there, and is in
//! the audit log.

use atm_tests::daemon::{Atmd, Options};
use atm_tests::need::need;
use atm_tests::process::Outcome;
use atm_tests::tools::{Tools, going, write};
use serde_json::{Value, json};

/// Speaks frames on its connection with nothing but the standard library.
const PYTHON: &str = r#"#!/usr/bin/env python3
import json, os, struct, sys
if sys.argv[1:] == ['--atmctl-describe']:
    print(DESCRIPTION); sys.exit()
def send(frame):
    frame = frame if isinstance(frame, bytes) else json.dumps(frame).encode()
    data = struct.pack('>I', len(frame)) + frame
    while data:
        data = data[os.write(3, data):]
def request(id, method, **fields):
    return {'request': {'id': id, 'deadline_ms': 9000, 'call': {method: fields}}}
def exactly(count):
    data = b''
    while len(data) < count:
        more = os.read(3, count - len(data))
        if not more: sys.exit(9)
        data += more
    return data
def answer():
    return json.loads(exactly(struct.unpack('>I', exactly(4))[0]))
def call(method, **fields):
    send(request(1, method, **fields))
    result = answer()['result']['Ok'][method]
    print(json.dumps({'answer': json.dumps(result)}), flush=True)
ADD = {'mobile': '12345', 'reason': 'a test', 'until': None}
WIDE = {'mode': 'change', 'command': 'x', 'capabilities': ['blacklist:write', 'operators:write'], 'plugin': None, 'ttl_ms': 60000}
"#;

/// The plugin `hostile` with a command `go` that has these rights and does this.
fn hostile(tools: &Tools, rights: &[&str], changes: bool, does: &str) {
    let mut commands = going("required", &[("answer", "text")]);
    commands[0]["capabilities"] = json!(rights);
    commands[0]["changes"] = json!(changes);
    let description = json!({ "protocol": 1, "name": "hostile", "version": "1", "summary": "Tries",
        "commands": commands });
    let python = PYTHON.replace("DESCRIPTION", &format!("{:?}", description.to_string()));
    write(&tools.beside("atmctl-hostile"), &format!("{python}{does}\n"));
}

/// What atmd answered, one call after the other.
fn answers(outcome: &Outcome) -> Vec<Value> {
    let json = outcome.json();
    let rows = json["data"].as_array().unwrap();
    rows.iter().map(|row| serde_json::from_str(row["answer"].as_str().unwrap()).unwrap()).collect()
}

/// Method and result of every row of the audit log, oldest first.
fn audited(tools: &Tools, atmd: &Atmd) -> Vec<(String, String)> {
    let filter = json!({ "operator": null, "method": null, "outcome": null, "since": null });
    let body = json!({ "filter": filter, "from": { "after": 0 }, "rows": 100 }).to_string();
    let said = tools.operate(atmd, &["api", "audit_list", &body]).coded(0).stdout;
    let page: Value = serde_json::from_str(&said).unwrap();
    let text = |row: &Value, field: &str| row[field].as_str().unwrap().to_owned();
    page["rows"].as_array().unwrap().iter().map(|row| (text(row, "method"), text(row, "result"))).collect()
}

#[test]
fn what_a_plugin_asks_beyond_its_command_is_refused_and_written_down() {
    let Some(_) = need("python3") else { return };
    let atmd = Atmd::start(&Options::default());
    let tools = Tools::with(&["blacklist"]);
    let forbidden = |right: &str| json!({ "Err": { "forbidden": right } });
    let widening = json!({ "Err": { "bad_request": "widening" } });
    let table = [
        (&["blacklist:read"][..], false, "call('Status')", "status", forbidden("status:read")),
        (
            &["blacklist:read"],
            true,
            "call('BlacklistAdd', **ADD)",
            "blacklist_add",
            forbidden("blacklist:write"),
        ),
        (
            &["blacklist:write"],
            false,
            "call('BlacklistAdd', **ADD)",
            "blacklist_add",
            json!({ "Err": "read_only" }),
        ),
        (&["blacklist:read"], true, "call('Narrow', to=WIDE)", "narrow", widening),
        (&["status:read"], true, "call('AuditVerify', head=None)", "audit_verify", forbidden("audit:read")),
    ];
    let mut before = audited(&tools, &atmd).len();
    for (rights, changes, does, method, expected) in table {
        hostile(&tools, rights, changes, does);
        let ran = tools.operate(&atmd, &["hostile", "go", "-o", "json"]);
        assert_eq!(answers(&ran), [expected], "{does}: {ran}");
        let audited = audited(&tools, &atmd);
        let new = audited.get(before..).unwrap_or_default();
        assert!(
            matches!(new, [(asked, result)] if asked == method && result.contains("refused")),
            "{does}: {new:?}"
        );
        before = audited.len();
    }
    let _ = tools.operate(&atmd, &["blacklist", "show", "12345"]).coded(4);
}

#[test]
fn a_trial_changes_nothing_however_often_it_is_asked() {
    let Some(_) = need("python3") else { return };
    let atmd = Atmd::start(&Options::default());
    let tools = Tools::with(&["blacklist"]);
    hostile(&tools, &["blacklist:write"], true, "for _ in range(3): call('BlacklistAdd', **ADD)");
    let tried = answers(&tools.operate(&atmd, &["hostile", "go", "--dry-run", "-o", "json"]));
    assert_eq!(tried.len(), 3);
    assert!(tried.iter().all(|answer| answer["Ok"]["dry_run"] == true), "{tried:?}");
    let _ = tools.operate(&atmd, &["blacklist", "show", "12345"]).coded(4);
}

#[test]
fn a_plugin_that_breaks_the_protocol_is_ended() {
    let Some(_) = need("python3") else { return };
    let atmd = Atmd::start(&Options::default());
    let tools = Tools::with(&["blacklist"]);
    let table = [
        ("for _ in range(99): send(request(1, 'Whoami'))\nwhile True: answer()", 76, "under way"),
        ("send(b'nonsense'); answer()", 76, "broke the protocol"),
        ("os.write(3, b'\\xff' * 4); answer()", 76, "broke the protocol"),
        (
            "send({'request': {'id': 1, 'deadline_ms': 1, 'call': {'A': {}, 'B': {}}}}); answer()",
            76,
            "names one method",
        ),
        ("while True: os.write(1, b'x' * 65536)", 76, "not a row"),
        ("while True: print('{}')", 76, "not of test.go/1"),
    ];
    for (does, code, said) in table {
        hostile(&tools, &["blacklist:write"], true, does);
        let ended = tools.operate(&atmd, &["hostile", "go"]).coded(code);
        assert!(ended.stderr.contains(said), "{does}: {ended}");
    }
    // Two at once are two calls, and each is answered.
    hostile(
        &tools,
        &[],
        false,
        "send(request(1, 'Whoami')); send(request(2, 'Whoami'))\nprint(json.dumps({'answer': json.dumps(sorted([answer()['id'], answer()['id']]))}))",
    );
    let both = answers(&tools.operate(&atmd, &["hostile", "go", "-o", "json"]));
    assert_eq!(both, [json!([1, 2])]);
}
