//! Where settings come from, what wrong ones are told, and what colours they allow.

use super::{data, error};
use atm_tests::daemon::{Atmd, Options};
use atm_tests::need::{need, not_allowed};
use atm_tests::process;
use atm_tests::terminal::Terminal;
use atm_tests::tools::Tools;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

/// Arguments, and variables.
type Given<'a> = (&'a [&'a str], &'a [(&'a str, &'a str)]);

/// A key, its value, and where that comes from.
type Expected<'a> = [(&'a str, &'a str, &'a str); 3];

/// Keys with their values and where those come from.
fn shown(rows: &[Value]) -> BTreeMap<String, (String, String)> {
    let text = |row: &Value, field: &str| row[field].as_str().unwrap_or_default().to_owned();
    rows.iter().map(|row| (text(row, "key"), (text(row, "value"), text(row, "origin")))).collect()
}

fn write(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

/// The same command where the system's settings are those of a folder.
fn with_system(command: &Command, etc: &Path) -> Option<Command> {
    let mut within = Command::new(need("unshare")?);
    within.args([
        "--mount",
        "--propagation",
        "private",
        "sh",
        "-c",
        "mount --bind \"$0\" /etc && exec \"$@\"",
    ]);
    within.arg(etc).arg(command.get_program()).args(command.get_args()).env_clear();
    within.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    within.current_dir(command.get_current_dir()?);
    Some(within)
}

#[test]
fn a_flag_goes_before_the_environment_the_users_file_the_systems_and_the_default() {
    let tools = Tools::with(&[]);
    let (users, etc) = (tools.home("config/atm/atmctl.ini"), tools.work("etc"));
    write(&users, "# mine\nserver = user:2\nca = /user/ca\ncolor = always\n");
    write(&etc.join("atm/atmctl.ini"), "server = system:1\nca = /system/ca\ntimeout = 7m\ncolor = never\n");
    let line = ["config", "show", "--origin", "-o", "json"];
    let file = |path: &Path| path.display().to_string();
    // Each row takes away what won before.
    let table: &[(Given<'_>, Expected<'_>)] = &[
        (
            (
                &["--server", "flag:4", "--ca", "/flag/ca", "--timeout", "9s"],
                &[("ATMCTL_SERVER", "env:3"), ("ATMCTL_CA", "/env/ca"), ("ATMCTL_TIMEOUT", "8m")],
            ),
            [
                ("server", "flag:4", "--server"),
                ("ca", "/flag/ca", "--ca"),
                ("timeout", "9000ms", "--timeout"),
            ],
        ),
        (
            (&[], &[("ATMCTL_SERVER", "env:3"), ("ATMCTL_TIMEOUT", "8m"), ("NO_COLOR", "1")]),
            [
                ("server", "env:3", "ATMCTL_SERVER"),
                ("timeout", "8m", "ATMCTL_TIMEOUT"),
                ("color", "never", "NO_COLOR"),
            ],
        ),
        (
            (&[], &[("ATMCTL_SERVER", "")]),
            [("server", "user:2", "user"), ("ca", "/user/ca", "user"), ("color", "always", "user")],
        ),
        (
            (&[], &[]),
            [("timeout", "7m", "system"), ("output", "json", "--output"), ("identity", "", "default")],
        ),
    ];
    for ((flags, variables), expected) in table {
        let mut command = tools.command(&[&line[..], flags].concat());
        command.envs(variables.iter().copied());
        let Some(command) = with_system(&command, &etc) else { return };
        let outcome = process::run(command, "");
        if outcome.stderr.contains("unshare") || outcome.stderr.contains("mount") {
            return not_allowed("the right to mount a folder");
        }
        let shown = shown(&data(&outcome, "atmctl.config.show/1"));
        for (key, value, origin) in expected {
            let origin = match *origin {
                "user" => file(&users),
                "system" => "/etc/atm/atmctl.ini".to_owned(),
                named => named.to_owned(),
            };
            assert_eq!(shown[*key], ((*value).to_owned(), origin), "{key}");
        }
    }
    fs::remove_file(&users).unwrap();
    let rows = tools.rows(&["config", "show", "--origin"]);
    let defaults = shown(&rows);
    assert_eq!(defaults["server"], ("127.0.0.1:65433".to_owned(), "default".to_owned()));
    assert_eq!(defaults["color"], ("auto".to_owned(), "default".to_owned()));
}

#[test]
fn a_setting_that_cannot_be_is_named_with_its_file_and_line() {
    let tools = Tools::with(&[]);
    let users = tools.home("config/atm/atmctl.ini");
    let table = [
        ("server = a:1\ncolour = red\n", "line 2: unknown key colour"),
        ("[main]\n", "line 1: expected key = value"),
        ("output = yaml\n", "output = yaml"),
        ("timeout = soon\n", "is not usable: a duration is a number"),
        ("timeout = 36501d\n", "is not usable: a duration is at most 36500d"),
        ("color = red\n", "is not usable: it is auto, always or never"),
    ];
    for (text, words) in table {
        write(&users, text);
        let failed = tools.run(&["version", "-o", "json"]);
        // The value of a flag goes before the file's, and then nobody looks at it.
        if text.starts_with("output") {
            let _ = failed.coded(0);
        } else {
            assert_eq!(error(&failed.coded(78))["code"], "configuration");
        }
        let failed = tools.run(&["version"]).coded(78);
        let named = failed.stderr.contains(words) && failed.stderr.contains(users.to_str().unwrap());
        assert!(named && failed.stdout.is_empty(), "{words}: {failed}");
    }
    write(&users, "output = json\n");
    assert_eq!(
        error(&tools.run(&["status"]).coded(78))["code"],
        "configuration",
        "failures, too, as the file says"
    );
}

#[test]
fn a_check_names_what_cannot_be_used() {
    let atmd = Atmd::start(&Options::default());
    let tools = Tools::with(&[]);
    let check = |variable: &str, value: &str, code: i32| {
        let mut command = tools.operator(&atmd, &["config", "check", "-o", "json"]);
        command.env(variable, value);
        let outcome = process::run(command, "").coded(code);
        let json: Value = serde_json::from_str(&outcome.stdout).unwrap();
        assert_eq!((&json["schema"], outcome.stderr.as_str()), (&"atmctl.config.check/1".into(), ""));
        let rows = json["data"].as_array().unwrap().clone();
        rows.iter()
            .filter(|row| row["ok"] == false)
            .map(|row| row["what"].as_str().unwrap().to_owned())
            .collect()
    };
    let bad = |variable: &str, value: &str| -> Vec<String> { check(variable, value, 78) };
    let good: Vec<String> = check("LANG", "C", 0);
    assert_eq!(good, Vec::<String>::new());
    assert_eq!(bad("ATMCTL_CA", "/no/such/file"), ["ca"]);
    assert_eq!(bad("ATMCTL_IDENTITY", "/dev/null"), ["identity"]);
    assert_eq!(bad("ATMCTL_SERVER", "nonsense"), ["server"]);
}

const ESCAPE: char = '\u{1b}';

#[test]
fn nothing_is_coloured_where_nobody_wants_it() {
    let tools = Tools::with(&[]);
    let table: &[(Given<'_>, bool, bool)] = &[
        ((&["--help"], &[]), true, false),
        ((&["--help"], &[("NO_COLOR", "1")]), false, false),
        ((&["--help"], &[("TERM", "dumb")]), false, false),
        ((&["--help", "--color", "never"], &[]), false, false),
        ((&["--color=always", "--help"], &[("NO_COLOR", "1")]), true, true),
        ((&["status"], &[]), true, false),
        ((&["status"], &[("NO_COLOR", "1")]), false, false),
        ((&["status", "--color", "always"], &[]), true, true),
        ((&["status", "-o", "json"], &[]), false, false),
        ((&["config", "show"], &[]), false, false),
    ];
    for ((arguments, variables), on_terminal, in_pipe) in table {
        let mut command = tools.command(arguments);
        command.env("TERM", "xterm").envs(variables.iter().copied());
        let piped = process::run(command, "");
        let escapes = piped.stdout.contains(ESCAPE) || piped.stderr.contains(ESCAPE);
        assert_eq!(escapes, *in_pipe, "{arguments:?} {variables:?}: {piped}");
        let mut command = tools.command(arguments);
        command.env("TERM", "xterm").envs(variables.iter().copied());
        let mut terminal = Terminal::start(command);
        let _ = terminal.wait();
        let shown = terminal.shown();
        assert_eq!(shown.contains(ESCAPE), *on_terminal, "{arguments:?} {variables:?}: {shown}");
    }
}

#[test]
fn a_bar_is_for_a_terminal_and_needs_no_escape_where_there_must_be_none() {
    let atmd = Atmd::start(&Options::default());
    let tools = Tools::with(&["ledger"]);
    let verify = ["ledger", "verify"];
    let piped = tools.operate(&atmd, &verify).coded(0);
    assert!(!piped.stderr.contains(['\r', ESCAPE]), "{piped}");
    let shown = |color: Option<&str>| {
        let mut command = tools.operator(&atmd, &verify);
        command.env("TERM", "xterm").envs(color.map(|value| ("NO_COLOR", value)));
        let mut terminal = Terminal::start(command);
        assert_eq!(terminal.wait(), Some(0), "{}", terminal.shown());
        terminal.shown()
    };
    let (plain, coloured) = (shown(Some("1")), shown(None));
    assert!(!plain.contains(ESCAPE) && plain.contains("entries in"), "{plain}");
    assert!(coloured.contains(ESCAPE), "{coloured}");
}
