//! `atmctl plugin test` passes what does as it says, and names what does not.

use atm_tests::need::need;
use atm_tests::process;
use atm_tests::programs::{programs, root};
use atm_tests::tools::{Tools, script, write};
use serde_json::{Value, json};
use std::path::Path;

/// What a plugin says other than usual, what it does, and the check that names it with words of the finding.
type Odd<'a> = (&'a Value, &'a str, Option<(&'a str, &'a str)>);

/// The checks that found something, and what.
fn findings(tools: &Tools, file: &Path) -> Vec<(String, String)> {
    let outcome = process::run(tools.command(&["plugin", "test", file.to_str().unwrap(), "-o", "json"]), "");
    let json: Value =
        serde_json::from_str(&outcome.stdout).unwrap_or_else(|error| panic!("{error}: {outcome}"));
    assert_eq!((&json["schema"], outcome.stderr.as_str()), (&json!("atmctl.plugin.test/1"), ""));
    let rows = json["data"].as_array().unwrap();
    let text = |row: &Value, field: &str| row[field].as_str().unwrap_or_default().to_owned();
    let failed = rows.iter().filter(|row| row["ok"] == false);
    let failed: Vec<_> = failed.map(|row| (text(row, "check"), text(row, "finding"))).collect();
    assert_eq!(outcome.code, Some(if failed.is_empty() { 0 } else { 3 }), "{outcome}");
    failed
}

/// One command, which differs in this from one that prints rows with a number and asks atmd.
fn commands(differs: &Value) -> Value {
    let mut command = json!({ "name": "go", "summary": "Goes", "connection": "required", "output": "rows",
        "capabilities": ["status:read"],
        "schema": { "name": "test.go/1", "columns": [{ "name": "n", "kind": "number" }] } });
    for (name, value) in differs.as_object().unwrap() {
        command[name] = value.clone();
    }
    json!([command])
}

/// A frame as a shell writes it.
fn frame(text: &str) -> String {
    format!(r"printf '\000\000\000\{:03o}%s' '{text}' >&3; head -c 1 <&3 >/dev/null; ", text.len())
}

#[test]
fn what_comes_with_atmctl_does_as_it_says() {
    let tools = Tools::with(&[]);
    let plugins: Vec<&str> = programs().names().filter(|name| name.starts_with("atmctl-")).collect();
    assert!(plugins.len() >= 4, "{plugins:?}");
    for plugin in plugins {
        assert_eq!(findings(&tools, programs().path(plugin)), [], "{plugin}");
    }
}

#[test]
fn the_samples_do_as_they_say() {
    let tools = Tools::with(&[]);
    for (sample, interpreter) in [("atmctl-motd", "sh"), ("atmctl-vault", "python3")] {
        if need(interpreter).is_some() {
            assert_eq!(findings(&tools, &root().join("tests/samples").join(sample)), [], "{sample}");
        }
    }
}

#[test]
fn what_does_not_is_named_for_its_own_reason() {
    let tools = Tools::with(&[]);
    let row = "echo '{\"n\":1}'";
    let asks = "\"$ATMCTL_BIN\" api whoami >/dev/null || { echo '{\"atmctl_error\":{\"code\":\"unreachable\",\"message\":\"gone\"}}'; exit 69; }";
    let good = format!("{asks}\n{row}");
    let calls =
        |method: &str, body: &str| format!("\"$ATMCTL_BIN\" api {method} '{body}' >/dev/null 2>&1\n{good}");
    let add = calls("blacklist_add", r#"{"mobile":"0712345678","reason":"x","until":null}"#);
    let refuses = "echo '{\"atmctl_error\":{\"code\":\"usage\",\"message\":\"what is that\"}}'; exit 2";
    let lies = "echo '{\"atmctl_error\":{\"code\":\"failed\",\"message\":\"no\"}}'";
    let file = json!({ "changes": true, "examples": ["some-file"], "arguments": [{ "name": "file",
        "kind": "path:write", "form": "positional", "required": true, "help": "Where" }] });
    let tries = json!({ "changes": true, "schema": { "name": "test.go/1", "columns": [
        { "name": "n", "kind": "number" }, { "name": "dry_run", "kind": "boolean" }] } });
    let nothing = json!({});
    let table: &[Odd<'_>] = &[
        (&nothing, &good, None),
        (&json!({ "connection": "none" }), row, None),
        (&json!({ "output": "raw" }), &good, None),
        (&nothing, "sleep 600", Some(("ends as it should", "did not end within 5 s"))),
        (&nothing, "kill -SEGV $$", Some(("ends as it should", "signal 11"))),
        (&nothing, lies, Some(("ends as it should", "ended with 0"))),
        (&nothing, "exit 4", Some(("ends as it should", "did not say why"))),
        (&nothing, "echo '{\"m\":1}'", Some(("prints rows of its schema", "it has m"))),
        (&nothing, refuses, Some(("takes what it describes", "what is that"))),
        (&json!({ "examples": ["--fly"] }), &good, Some(("takes what it describes", "'--fly'"))),
        (&nothing, "printf nonsense >&3; cat <&3 >/dev/null", Some(("speaks in frames", "not understood"))),
        (
            &nothing,
            &frame(r#"{"request":{"id":1,"deadline_ms":9,"call":{"Fly":{}}}}"#),
            Some(("speaks in frames", "not a call of atmd")),
        ),
        (
            &nothing,
            &calls("audit_verify", r#"{"head":null}"#),
            Some(("calls what it has a right to", "audit:read")),
        ),
        (
            &json!({ "capabilities": ["blacklist:write"] }),
            &add,
            Some(("calls what it has a right to", "says that it changes nothing")),
        ),
        (
            &nothing,
            &calls(
                "narrow",
                r#"{"to":{"mode":"change","command":"x","capabilities":[],"plugin":null,"ttl_ms":1}}"#,
            ),
            Some(("calls what it has a right to", "narrow")),
        ),
        (
            &nothing,
            &format!("\"$ATMCTL_BIN\" api whoami >/dev/null 2>&1; {row}"),
            Some(("ends when atmd is gone", "ended with 0")),
        ),
        (
            &tries,
            &format!("{asks}\necho '{{\"n\":1,\"dry_run\":false}}'"),
            Some(("changes nothing in a dry run", "says that it was none")),
        ),
        (
            &file,
            &format!("{asks}\necho x > \"$3\"; {row}"),
            Some(("changes nothing in a dry run", "wrote a file")),
        ),
    ];
    for (differs, does, expected) in table {
        let path = tools.stranger("odd", &commands(differs), does);
        let found = findings(&tools, &path);
        match (found.as_slice(), expected) {
            ([], None) => {}
            ([(check, finding)], Some((what, words))) => {
                assert!(check == what && finding.contains(words), "{does}: {found:?}");
            }
            _ => panic!("{differs} {does}: {found:?}"),
        }
    }
}

#[test]
fn one_that_cannot_be_asked_is_told_of_and_not_run() {
    let tools = Tools::with(&[]);
    let path = tools.work("odd");
    let described =
        script("odd", &commands(&json!({})), "").replace("\"version\":\"1\"", "\"version\":\"'$$'\"");
    for (text, words) in [
        ("#!/bin/sh\necho nonsense\n", "does not describe itself"),
        ("#!/bin/sh\nsleep 600\n", "longer than 2 s"),
        (described.as_str(), "something else each time"),
    ] {
        write(&path, text);
        let found = findings(&tools, &path);
        assert!(found[0].0 == "describes itself" && found[0].1.contains(words), "{text}: {found:?}");
    }
    let failed = tools.run(&["plugin", "test", "no-such-file"]).coded(1);
    assert!(failed.stderr.contains("no-such-file cannot be read"), "{failed}");
}
