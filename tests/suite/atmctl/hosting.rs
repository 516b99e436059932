//! Plugins that break, misbehave, lie, hang, or outlive atmd.

use super::{data, error, is_listed, rows};
use atm_rpc::types::mobile::MobileNumber;
use atm_tests::daemon::{Atmd, Options};
use atm_tests::process;
use atm_tests::tools::{Tools, write};
use atm_tests::wait::eventually;
use atm_tests::{bank, books};
use serde_json::{Value, json};
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::Stdio;

#[test]
fn a_broken_plugin_does_not_hide_the_others() {
    let tools = Tools::with(&["blacklist"]);
    write(&tools.beside("atmctl-broken"), "#!/bin/sh\necho nonsense\n");
    let ids = tools.work("ids");
    let hangs = format!("#!/bin/sh\necho $$ > {0}; sleep 600 & echo $! >> {0}; wait\n", ids.display());
    write(&tools.beside("atmctl-hangs"), &hangs);
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
    all_ended(&tools.work("ids"), 2);
    let _ = tools.run(&["broken", "go"]).coded(76);
    let _ = tools.run(&["status"]).coded(78);
    let _ = tools.run(&["plugin", "info", "status"]).coded(126);
    let _ = tools.run(&["blacklist", "--help"]).coded(0);
}

/// None of the processes whose ids are in the file is there any more.
fn all_ended(ids: &Path, count: usize) {
    let ids = fs::read_to_string(ids).unwrap();
    assert_eq!(ids.split_whitespace().count(), count, "{ids}");
    for id in ids.split_whitespace() {
        eventually("a plugin's process ends", || {
            let stat = fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
            // One that is nobody's child any more may wait for whoever reaps those.
            if stat.is_empty() || stat.contains(") Z ") { Ok(()) } else { Err(stat) }
        });
    }
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
fn a_plugin_sees_a_short_list_of_variables_and_one_connection() {
    let atmd = Atmd::start(&Options::default());
    let tools = Tools::with(&["blacklist"]);
    let script = r#"tr '\0' '\n' < /proc/$$/environ | while IFS='=' read -r name value; do
            printf '{"name":"%s","value":"%s"}\n' "$name" "$value"; done
        sockets=$(ls -l /proc/$$/fd | grep -c socket:)
        printf '{"name":"sockets","value":"%s"}\n' "$sockets""#;
    tools.plugin("look", &rows("required", &[("name", "text"), ("value", "text")]), script);
    let mut command = tools.operator(&atmd, &["look", "go", "-o", "json"]);
    let passed =
        [("LANG", "C.UTF-8"), ("LC_TIME", "C"), ("TZ", "Asia/Kolkata"), ("TERM", "dumb"), ("NO_COLOR", "1")];
    let kept = [("LD_PRELOAD", ""), ("SUDO_USER", "x"), ("SSH_AUTH_SOCK", "/x"), ("ENV", "/x")];
    command.envs(passed).envs(kept).env("COLUMNS", "80");
    let mut seen: Vec<(String, String)> = data(&process::run(command, ""), "test.go/1")
        .iter()
        .map(|row| (row["name"].as_str().unwrap().to_owned(), row["value"].as_str().unwrap().to_owned()))
        .collect();
    seen.sort();
    let bin = fs::canonicalize(tools.beside("atmctl")).unwrap().display().to_string();
    let own = [("ATMCTL_BIN", bin.as_str()), ("ATMCTL_FD", "3"), ("ATMCTL_PROTOCOL", "1"), ("COLUMNS", "80")];
    let mut expected: Vec<_> = own.iter().chain(&passed).chain(&[("sockets", "1")]).collect();
    expected.sort();
    assert_eq!(
        seen.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect::<Vec<_>>(),
        expected.into_iter().copied().collect::<Vec<_>>()
    );
}

#[test]
fn a_plugin_that_takes_too_long_is_ended_with_all_it_started() {
    let tools = Tools::with(&["blacklist"]);
    let ids = tools.work("ids");
    let script = format!(
        "echo $$ > {0}; sleep 600 & echo $! >> {0}; setsid sh -c 'echo $$ >> {0}; sleep 600; :' & sleep 600",
        ids.display()
    );
    tools.plugin("slow", &rows("none", &[("n", "number")]), &script);
    let ended = tools.run(&["slow", "go", "--timeout", "1s", "-o", "json"]).coded(75);
    assert_eq!(error(&ended)["code"], "try_again");
    all_ended(&ids, 3);
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
