//! Plugins that break, misbehave, lie, or outlive atmd.

use super::{data, is_listed, rows};
use atm_rpc::types::mobile::MobileNumber;
use atm_tests::daemon::{Atmd, Options};
use atm_tests::process;
use atm_tests::tools::{Tools, write};
use atm_tests::{bank, books};
use serde_json::{Value, json};
use std::fs;
use std::io::{BufRead, BufReader};
use std::process::Stdio;

#[test]
fn a_broken_plugin_does_not_hide_the_others() {
    let tools = Tools::with(&["blacklist"]);
    write(&tools.beside("atmctl-broken"), "#!/bin/sh\necho nonsense\n");
    let mark = process::mark();
    write(&tools.beside("atmctl-hangs"), &format!("#!/bin/sh\nsleep {mark} & setsid sleep {mark} & wait\n"));
    tools.plugin("other", &rows("none", &[("n", "number")]), "");
    fs::rename(tools.beside("atmctl-other"), tools.beside("atmctl-renamed")).unwrap();
    tools.plugin("status", &rows("none", &[("n", "number")]), "");
    let list = data(&tools.run(&["plugin", "list", "-o", "json"]), "atmctl.plugin.list/1");
    let field = |row: &Value, name: &str| row[name].as_str().unwrap().to_owned();
    let found: Vec<_> = list.iter().map(|row| (field(row, "name"), field(row, "state"))).collect();
    let state = |name: &str, state: &str| (name.to_owned(), state.to_owned());
    let expected = [
        state("blacklist", "available"),
        state("broken", "unavailable"),
        state("hangs", "unavailable"),
        state("renamed", "unavailable"),
        state("status", "unavailable"),
    ];
    assert_eq!(found, expected);
    for (row, reason) in
        list[1..].iter().zip(["expected", "longer than 2 s", "calls itself \"other\"", "itself has"])
    {
        assert!(field(row, "summary").contains(reason), "{row}");
    }
    assert_eq!(process::running(&mark), [0; 0], "what it started has ended");
    let _ = tools.run(&["broken", "go"]).coded(76);
    let _ = tools.run(&["status"]).coded(78);
    let _ = tools.run(&["plugin", "info", "status"]).coded(126);
    let _ = tools.run(&["blacklist", "--help"]).coded(0);
}

#[test]
fn a_plugin_that_misbehaves_is_told_of_by_its_code() {
    let tools = Tools::with(&["blacklist"]);
    let columns = [("n", "number")];
    let table = [
        ("echo hello", 76, "what is not a row"),
        ("echo '{\"m\":1}'", 76, "is not of test.go/1"),
        ("kill -SEGV $$", 70, "signal 11"),
        ("exit 5", 5, "ended with exit code 5"),
        (
            "echo '{\"atmctl_error\":{\"code\":\"denied\",\"message\":\"no\",\"hint\":\"ask\"}}'; exit 77",
            77,
            "hint: ask",
        ),
        ("exec 1>&-; exit 3", 3, ""),
    ];
    for (script, code, words) in table {
        tools.plugin("bad", &rows("none", &columns), script);
        let failed = tools.run(&["bad", "go"]).coded(code);
        assert!(failed.stderr.contains(words), "{script}: {failed}");
    }
    let commands = json!([{ "name": "page", "summary": "Prints", "connection": "none", "output": "raw" },
        { "name": "clear", "summary": "Clears", "connection": "none", "output": "raw", "changes": true }]);
    tools.plugin("pages", &commands, "echo page");
    assert_eq!(tools.run(&["pages", "page"]).coded(0).stdout, "page\n");
    let refused = tools.run(&["pages", "page", "-o", "table"]).coded(2);
    assert!(refused.stderr.contains("takes no --output"), "{refused}");
    let refused = tools.run(&["pages", "clear", "--dry-run"]).coded(2);
    assert!(refused.stderr.contains("cannot just try it"), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plugin_that_lies_about_itself_cannot_write() {
    let mut atmd = Atmd::start(&Options::default());
    let tools = Tools::with(&["blacklist"]);
    let mobile = bank::number(1);
    let body = json!({ "mobile": mobile.full(), "reason": "a lie", "until": null });
    let script = format!("\"$ATMCTL_BIN\" api blacklist_add '{body}' || exit $?");
    tools.plugin("liar", &rows("required", &[("n", "number")]), &script);
    let refused = tools.operate(&atmd, &["liar", "go"]).coded(77);
    assert!(refused.stderr.contains("may not change anything"), "{refused}");
    // Neither more rights nor the operator's own identity are within its reach.
    let narrow = json!({ "to": { "mode": "change", "command": "x", "capabilities": [], "plugin": null, "ttl_ms": 1 } });
    let script = format!("\"$ATMCTL_BIN\" api narrow '{narrow}' || exit $?");
    tools.plugin("liar", &rows("required", &[("n", "number")]), &script);
    let refused = tools.operate(&atmd, &["liar", "go"]).coded(77);
    assert!(refused.stderr.contains("cannot be widened"), "{refused}");
    tools.plugin("liar", &rows("required", &[("n", "number")]), "\"$ATMCTL_BIN\" status || exit $?");
    let refused = tools.operate(&atmd, &["liar", "go"]).coded(77);
    assert!(refused.stderr.contains("inside a plugin"), "{refused}");
    assert!(!is_listed(&atmd, mobile));
    assert!(atmd.stop().success());
    let audit = books::store(&atmd.config()).await.audit_log().await.unwrap();
    let methods: Vec<&str> = audit.iter().map(|(method, _)| method.as_str()).collect();
    assert_eq!(methods, ["blacklist_add", "narrow"], "{audit:?}");
}

#[test]
fn a_plugin_goes_on_when_atmd_comes_back() {
    let mut atmd = Atmd::start(&Options::default());
    let tools = Tools::with(&["blacklist"]);
    let go = tools.work("restarted");
    let script = format!(
        "\"$ATMCTL_BIN\" api whoami > /dev/null || exit; echo '{{\"n\":1}}'
        while [ ! -e {} ]; do sleep 0.05; done
        until \"$ATMCTL_BIN\" api whoami > /dev/null 2>&1; do sleep 0.05; done
        \"$ATMCTL_BIN\" api blacklist_add '{{\"mobile\":\"12345\",\"reason\":\"x\",\"until\":null}}' && exit 1
        for i in 1 2 3 4; do \"$ATMCTL_BIN\" api status > /dev/null || kill $$ & done; wait
        echo '{{\"n\":2}}'",
        go.display()
    );
    tools.plugin("lasting", &rows("required", &[("n", "number")]), &script);
    let mut command = tools.operator(&atmd, &["lasting", "go", "-o", "csv", "--timeout", "60s"]);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    let mut next = || lines.next().map(|line| line.trim_end().to_owned());
    assert_eq!((next().as_deref(), next().as_deref()), (Some("n"), Some("1")));
    atmd.restart();
    fs::write(&go, "").unwrap();
    assert_eq!((next().as_deref(), next()), (Some("2"), None));
    let ended = child.wait_with_output().unwrap();
    assert!(ended.status.success(), "{ended:?}");
    assert!(
        !is_listed(&atmd, MobileNumber::parse("12345").unwrap()),
        "the new connection has no more rights"
    );
}
