//! What cannot be undone needs a person's yes, and without one nothing is done.

use atm_tests::daemon::{Atmd, Options};
use atm_tests::process::Outcome;
use atm_tests::terminal::Terminal;
use atm_tests::tools::{Tools, going};
use serde_json::{Value, json};

/// A destructive command that leaves a trace at atmd, and one in its cache before it asks atmd for anything.
fn wiping(tools: &Tools) {
    let body = json!({ "mobile": "12345", "reason": "a test", "until": null });
    let does = format!(
        "echo began > \"$ATMCTL_CACHE_DIR/began\"
        \"$ATMCTL_BIN\" api blacklist_add '{body}' > /dev/null || exit $?; echo '{{\"n\":1}}'"
    );
    let mut commands = going("required", &[("n", "number")]);
    commands[0]["changes"] = json!(true);
    commands[0]["destructive"] = json!(true);
    commands[0]["capabilities"] = json!(["blacklist:write"]);
    tools.plugin("wipe", &commands, &does);
}

fn audited(tools: &Tools, atmd: &Atmd) -> usize {
    let filter = json!({ "operator": null, "method": null, "outcome": null, "since": null });
    let body = json!({ "filter": filter, "from": "newest", "rows": 9 }).to_string();
    let said = tools.operate(atmd, &["api", "audit_list", &body]).coded(0).stdout;
    let page: Value = serde_json::from_str(&said).unwrap();
    page["rows"].as_array().unwrap().len()
}

#[test]
fn without_a_yes_nothing_is_done() {
    let atmd = Atmd::start(&Options::default());
    let tools = Tools::with(&["blacklist"]);
    wiping(&tools);
    let before = audited(&tools, &atmd);
    let untouched = |what: &str| {
        assert!(!tools.home("cache/atm/plugins/wipe/began").exists(), "{what}: it was not started");
        assert_eq!(audited(&tools, &atmd), before, "{what}");
        let _ = tools.operate(&atmd, &["blacklist", "show", "12345"]).coded(4);
    };
    let refused: Outcome = tools.operate(&atmd, &["wipe", "go"]).coded(2);
    assert!(refused.stderr.contains("cannot be undone, and nobody can be asked"), "{refused}");
    assert!(refused.stderr.contains("--yes") && refused.stdout.is_empty(), "{refused}");
    untouched("without a terminal");
    for (typed, code) in [("n", 1), ("", 1), ("maybe", 1)] {
        let mut terminal = Terminal::start(tools.operator(&atmd, &["wipe", "go"]));
        terminal.expect("wipe go cannot be undone. Go on? [y/N]");
        terminal.line(typed);
        assert_eq!(terminal.wait(), Some(code), "{}", terminal.shown());
        untouched(typed);
    }
    let mut terminal = Terminal::start(tools.operator(&atmd, &["wipe", "go", "--no-input"]));
    assert_eq!(terminal.wait(), Some(2), "{}", terminal.shown());
    untouched("--no-input");
    let mut terminal = Terminal::start(tools.operator(&atmd, &["wipe", "go"]));
    terminal.expect("Go on? [y/N]");
    terminal.line("y");
    assert_eq!(terminal.wait(), Some(0), "{}", terminal.shown());
    let _ = tools.operate(&atmd, &["blacklist", "show", "12345"]).coded(0);
    let _ = tools.operate(&atmd, &["wipe", "go", "--yes"]).coded(0);
}
