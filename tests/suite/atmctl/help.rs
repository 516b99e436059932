//! Help, suggestions and pages of the manual: what people read, from the index alone.

use super::number;
use atm_tests::daemon::{Atmd, Options};
use atm_tests::need::need;
use atm_tests::process::{self, Outcome};
use atm_tests::tools::{Tools, counting};
use std::fs;
use std::path::Path;
use std::process::Command;

/// Runs a program and gives, beside what it said, how many programs were started, itself included.
fn counted(strace: &Path, program: &Command, trace: &Path) -> (Outcome, usize) {
    let mut traced = Command::new(strace);
    traced.args(["-f", "-qq", "-e", "trace=execve,execveat", "-o"]).arg(trace);
    traced.arg(program.get_program()).args(program.get_args()).env_clear();
    traced.envs(program.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let outcome = process::run(traced, "");
    let started = fs::read_to_string(trace).unwrap();
    (outcome, started.lines().filter(|line| line.contains("exec") && line.ends_with("= 0")).count())
}

#[test]
fn help_and_completion_start_no_other_program() {
    let Some(strace) = need("strace") else { return };
    let atmd = Atmd::start(&Options::default());
    let tools = Tools::with(&["blacklist"]);
    tools.plugin("demo", &counting(), "echo '{\"n\":1}'");
    let number = number(3);
    let _ = tools.operate(&atmd, &["blacklist", "add", &number, "--reason", "a test"]).coded(0);
    tools.plugin("new", &counting(), "echo '{\"n\":1}'");
    let trace = tools.work("trace");
    let run = |arguments: &[&str], shell: Option<&str>| {
        let mut command = tools.operator(&atmd, arguments);
        command.envs(shell.map(|shell| ("ATMCTL_COMPLETE", shell)));
        counted(&strace, &command, &trace)
    };
    assert!(run(&["--help"], None).1 > 1, "a plugin that nobody has asked yet is asked");
    let table: &[(&[&str], Option<&str>, i32, &str)] = &[
        (&["--help"], None, 0, "demo       Tests"),
        (&["help"], None, 0, "blacklist  Numbers"),
        (&[], None, 2, "blacklist  Numbers"),
        (&["blacklist", "--help"], None, 0, "history"),
        (&["help", "blacklist", "add"], None, 0, "--reason"),
        (&["blaklist", "add"], None, 127, "'blacklist'"),
        (&["blacklist", "ad"], None, 127, "'add'"),
        (&["blacklist", "add"], None, 2, "--reason"),
        (&["--", "atmctl", ""], Some("fish"), 0, "blacklist"),
        (&["--", "atmctl", "demo", ""], Some("fish"), 0, "go"),
        (&["--", "atmctl", "blacklist", "show", ""], Some("fish"), 0, &number),
        (&["completion", "bash"], None, 0, "complete"),
        (&["plugin", "list"], None, 0, "demo"),
    ];
    for (arguments, shell, code, words) in table {
        let (outcome, started) = run(arguments, *shell);
        let outcome = outcome.coded(*code);
        assert!(
            [&outcome.stdout, &outcome.stderr].iter().any(|text| text.contains(words)),
            "{words}: {outcome}"
        );
        assert_eq!(started, 1, "{arguments:?}");
    }
}

#[test]
fn pages_of_the_manual_are_of_the_whole_tree() {
    let tools = Tools::with(&["blacklist"]);
    tools.plugin("demo", &counting(), "");
    let pages = tools.work("pages");
    let rows = tools.rows(&["man", "--out", pages.to_str().unwrap()]);
    let names: Vec<String> =
        rows.iter().map(|row| row["file"].as_str().unwrap().rsplit('/').next().unwrap().to_owned()).collect();
    for name in
        ["atmctl.1", "atmctl-status.1", "atmctl-plugin-info.1", "atmctl-blacklist-add.1", "atmctl-demo-go.1"]
    {
        assert!(names.iter().any(|page| page == name), "{name}: {names:?}");
    }
    let page = fs::read_to_string(pages.join("atmctl-blacklist-add.1")).unwrap();
    for part in [".SH NAME", ".SH SYNOPSIS", ".SH EXAMPLES", ".SH \"EXIT STATUS\"", "stolen", "reason"] {
        assert!(page.contains(part), "{part}: {page}");
    }
    let refused = tools.run(&["man", "--out", "/dev/null/pages", "-o", "json"]).coded(1);
    assert!(refused.stderr.contains("/dev/null/pages cannot be written"), "{refused}");
    let Some(mandoc) = need("mandoc") else { return };
    let mut lint = Command::new(mandoc);
    lint.args(["-T", "lint", "-W", "warning"]).args(names.iter().map(|name| pages.join(name)));
    let linted = process::run(lint, "").coded(0);
    assert_eq!(linted.stdout, "");
}

#[test]
fn what_is_mistyped_is_answered_by_the_nearest() {
    let tools = Tools::with(&["blacklist"]);
    tools.plugin("demo", &counting(), "");
    let table: &[(&[&str], i32, &str)] = &[
        (&["statsu"], 127, "'status'"),
        (&["blacklst", "list"], 127, "'blacklist'"),
        (&["demmo"], 127, "'demo'"),
        (&["demo", "og"], 127, "'og'"),
        (&["plugin", "lst"], 127, "'list'"),
        (&["blacklist", "add", "12345", "--reson", "x"], 2, "'--reason'"),
        (&["blacklist", "list", "--outptu", "json"], 2, "'--output'"),
        (&["blacklist", "list", "-o", "jsn"], 2, "json"),
    ];
    for (arguments, code, nearest) in table {
        let failed = tools.run(arguments).coded(*code);
        assert!(failed.stderr.contains(nearest) && failed.stdout.is_empty(), "{nearest}: {failed}");
    }
}
