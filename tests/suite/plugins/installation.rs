//! Plugins of the user's own: nothing runs that was not agreed to, and nothing more than was agreed to.

use atm_tests::daemon::{Atmd, Options};
use atm_tests::need::need;
use atm_tests::process::{self, Outcome};
use atm_tests::terminal::Terminal;
use atm_tests::tools::{Tools, counting, going, script, write};
use serde_json::{Value, json};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

const ROW: &str = "echo '{\"n\":1}'";

/// What `sha256sum` says of a file.
fn sha256(path: &Path) -> String {
    let mut command = Command::new("sha256sum");
    command.arg(path);
    process::run(command, "").coded(0).stdout.split(' ').next().unwrap().to_owned()
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn row(outcome: &Outcome) -> Value {
    outcome.json()["data"][0].clone()
}

/// A command `go` that changes something with these rights.
fn changing(rights: &[&str]) -> Value {
    let mut commands = counting();
    commands[0]["changes"] = json!(true);
    commands[0]["capabilities"] = json!(rights);
    commands
}

#[test]
fn a_plugin_is_installed_offline_and_updated() {
    let tools = Tools::with(&[]);
    let file = tools.stranger("mine", &counting(), ROW);
    let digest = sha256(&file);
    let install = |more: &[&str]| tools.run(&[&["plugin", "install", text(&file)], more].concat());
    let installed = tools.home("data/atmctl/plugins/atmctl-mine");

    let wrong = install(&["--yes", "--sha256", &"0".repeat(64)]).coded(126);
    assert!(wrong.stderr.contains(&"0".repeat(64)) && wrong.stderr.contains(&digest), "{wrong}");
    let _ = install(&["--yes", "--sha256", "abc"]).coded(2);
    let unasked = install(&[]).coded(2);
    assert!(unasked.stderr.contains("status:read") && unasked.stderr.contains("--yes"), "{unasked}");
    let tried = row(&install(&["--dry-run", "-o", "json"]));
    assert_eq!((&tried["changed"], &tried["dry_run"]), (&json!(true), &json!(true)));
    assert!(!installed.exists(), "nobody has agreed so far");

    let done = row(&install(&["--yes", "--sha256", &digest.to_uppercase(), "-o", "json"]));
    assert_eq!((&done["changed"], &done["digest"]), (&json!(true), &json!(digest)));
    assert_eq!(row(&install(&["-o", "json"]))["changed"], false, "it is there, and nobody is asked");
    let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&installed), mode(installed.parent().unwrap())), (0o500, 0o700));
    fs::remove_file(&file).unwrap();
    assert_eq!(tools.run(&["mine", "go", "-o", "csv"]).coded(0).stdout, "n\r\n1\r\n");
    let info = row(&tools.run(&["plugin", "info", "mine", "-o", "json"]));
    assert_eq!((&info["trust"], &info["digest"]), (&json!("installed"), &json!(digest)));
    assert_eq!(info["granted"], "status:read");

    // Another one of that name is no installation, but an update.
    let next = tools.stranger("mine", &counting(), "echo '{\"n\":2}'");
    let conflict = install(&["--yes"]).coded(5);
    assert!(conflict.stderr.contains("atmctl plugin update mine FILE"), "{conflict}");
    let update = |more: &[&str]| tools.run(&[&["plugin", "update", "mine", text(&next)], more].concat());
    let _ = update(&["--sha256", &digest]).coded(126);
    let updated = row(&update(&["--sha256", &sha256(&next), "-o", "json"]));
    assert_eq!(updated["changed"], true, "it wants no more, and nobody is asked");
    assert_eq!(row(&update(&["-o", "json"]))["changed"], false);
    assert_eq!(tools.run(&["mine", "go", "-o", "csv"]).coded(0).stdout, "n\r\n2\r\n");

    let remove = || row(&tools.run(&["plugin", "remove", "mine", "-o", "json"]))["changed"].clone();
    assert_eq!((remove(), remove()), (json!(true), json!(false)));
    assert_eq!(fs::read_dir(installed.parent().unwrap()).unwrap().count(), 0);
    let _ = tools.run(&["mine", "go"]).coded(127);
}

#[test]
fn what_is_no_file_is_not_waited_for() {
    let tools = Tools::with(&[]);
    let pipe = tools.work("pipe");
    let mut command = Command::new("mkfifo");
    command.arg(&pipe);
    let _ = process::run(command, "").coded(0);
    for path in [text(&pipe), "/dev/null", text(&tools.work(""))] {
        // Without an end of its own, reading a pipe that nobody writes to would not come back.
        let refused = tools.run(&["plugin", "install", path, "--yes"]).coded(1);
        assert!(refused.stderr.contains("it is not a file"), "{refused}");
    }
}

#[test]
fn an_update_that_wants_more_is_asked_about() {
    let tools = Tools::with(&[]);
    let file = tools.stranger("mine", &counting(), ROW);
    let mut terminal = Terminal::start(tools.command(&["plugin", "install", text(&file)]));
    terminal.expect("it wants: status:read");
    terminal.expect("Go on? [y/N]");
    terminal.line("y");
    assert_eq!(terminal.wait(), Some(0), "{}", terminal.shown());
    let file = tools.stranger("mine", &changing(&["status:read", "blacklist:write"]), ROW);
    let update = ["plugin", "update", "mine", text(&file)];
    let refused = tools.run(&update).coded(2);
    assert!(refused.stderr.contains("more than before: blacklist:write; changes by go"), "{refused}");
    let mut terminal = Terminal::start(tools.command(&update));
    terminal.expect("Go on? [y/N]");
    terminal.line("n");
    assert_eq!(terminal.wait(), Some(1), "{}", terminal.shown());
    assert_eq!(row(&tools.run(&["plugin", "info", "mine", "-o", "json"]))["granted"], "status:read");
    let mut terminal = Terminal::start(tools.command(&update));
    terminal.expect("Go on? [y/N]");
    terminal.line("yes");
    assert_eq!(terminal.wait(), Some(0), "{}", terminal.shown());
    let less = tools.stranger("mine", &counting(), ROW);
    let told = tools.run(&["plugin", "update", "mine", text(&less)]).coded(0);
    assert!(told.stderr.contains("it wants no more: blacklist:write; changes by go"), "{told}");
}

#[test]
fn a_plugin_that_is_not_what_was_installed_is_refused() {
    let tools = Tools::with(&[]);
    for name in ["mine", "other"] {
        let file = tools.stranger(name, &counting(), ROW);
        let _ = tools.run(&["plugin", "install", text(&file), "--yes"]).coded(0);
    }
    let installed = tools.home("data/atmctl/plugins/atmctl-mine");
    let (good, expected) = (fs::read(&installed).unwrap(), sha256(&installed));
    let age = installed.metadata().unwrap().modified().unwrap();
    let _ = tools.run(&["mine", "go"]).coded(0);
    for (at, byte) in good.iter().enumerate().step_by(41) {
        let mut flipped = good.clone();
        flipped[at] = byte ^ 1;
        write_as(&installed, &flipped, age);
        let found = sha256(&installed);
        for arguments in [&["mine", "go"][..], &["plugin", "info", "mine"]] {
            let refused = tools.run(arguments).coded(126);
            for said in [&expected, &found, "atmctl plugin update mine FILE"] {
                assert!(refused.stderr.contains(said), "{at}: {refused}");
            }
        }
    }
    let list = tools.rows(&["plugin", "list"]);
    let states: Vec<&Value> = list.iter().map(|plugin| &plugin["state"]).collect();
    assert_eq!(states, ["unavailable", "available"]);
    assert_eq!(tools.run(&["other", "go", "-o", "csv"]).coded(0).stdout, "n\r\n1\r\n", "others work");
    // The repair.
    let file = tools.work("atmctl-mine");
    let repaired = row(&tools.run(&["plugin", "update", "mine", text(&file), "-o", "json"]));
    assert_eq!(repaired["changed"], true);
    assert_eq!(tools.run(&["mine", "go", "-o", "csv"]).coded(0).stdout, "n\r\n1\r\n");
    // One that came with atmctl may be built anew.
    for n in ["3", "4"] {
        tools.plugin("built", &counting(), &format!("echo '{{\"n\":{n}}}'"));
        assert_eq!(tools.run(&["built", "go", "-o", "csv"]).coded(0).stdout, format!("n\r\n{n}\r\n"));
    }
}

/// Other bytes in the same file, as old as the first.
fn write_as(path: &Path, bytes: &[u8], age: std::time::SystemTime) {
    fs::set_permissions(path, PermissionsExt::from_mode(0o700)).unwrap();
    fs::write(path, bytes).unwrap();
    fs::File::options().write(true).open(path).unwrap().set_modified(age).unwrap();
    fs::set_permissions(path, PermissionsExt::from_mode(0o500)).unwrap();
}

#[test]
fn what_cannot_be_a_plugin_is_not_installed() {
    let tools = Tools::with(&["blacklist"]);
    let table = [
        ("blacklist", 5, "came with atmctl"),
        ("status", 76, "atmctl itself has a command status"),
        ("Capital", 76, "calls itself \"Capital\""),
        ("../../evil", 76, "calls itself"),
    ];
    let file = tools.work("file");
    for (name, code, said) in table {
        write(&file, &script(name, &counting(), ROW));
        let refused = tools.run(&["plugin", "install", text(&file), "--yes"]).coded(code);
        assert!(refused.stderr.contains(said), "{refused}");
    }
    write(&file, "#!/bin/sh\nexit 3\n");
    let _ = tools.run(&["plugin", "install", text(&file), "--yes"]).coded(76);
    for gone in [text(&tools.work("none")), text(&tools.work(""))] {
        let _ = tools.run(&["plugin", "install", gone, "--yes"]).coded(1);
    }
    assert!(!tools.home("data/atmctl").exists());
    let _ = tools.run(&["plugin", "update", "gone", text(&file)]).coded(4);
    let _ = tools.run(&["plugin", "update", "blacklist", text(&file)]).coded(5);
    let _ = tools.run(&["plugin", "remove", "blacklist"]).coded(5);
    // What somebody put there without a word is not run.
    fs::create_dir_all(tools.home("data/atmctl/plugins")).unwrap();
    let dropped = tools.home("data/atmctl/plugins/atmctl-dropped");
    write(&dropped, &script("dropped", &counting(), ROW));
    let refused = tools.run(&["dropped", "go"]).coded(126);
    assert!(refused.stderr.contains("was not installed"), "{refused}");
    let _ = tools.run(&["plugin", "install", text(&dropped), "--yes"]).coded(0);
    let _ = tools.run(&["dropped", "go"]).coded(0);
    // Nor where others could have put something else.
    fs::set_permissions(dropped.parent().unwrap(), PermissionsExt::from_mode(0o777)).unwrap();
    let refused = tools.run(&["dropped", "go"]).coded(126);
    assert!(refused.stderr.contains("chmod go-w"), "{refused}");
}

#[test]
fn a_plugin_has_no_more_than_it_was_granted() {
    let atmd = Atmd::start(&Options::default());
    let tools = Tools::with(&["blacklist"]);
    let body = json!({ "mobile": "12345", "reason": "a test", "until": null });
    let does =
        format!("\"$ATMCTL_BIN\" api blacklist_add '{body}' > /dev/null || exit $?; echo '{{\"n\":1}}'");
    let mut commands = going("required", &[("n", "number")]);
    commands[0]["changes"] = json!(true);
    commands[0]["capabilities"] = json!(["blacklist:write"]);
    let file = tools.stranger("adds", &commands, &does);
    let _ = tools.run(&["plugin", "install", text(&file), "--yes"]).coded(0);
    let grant = tools.home("data/atmctl/plugins/atmctl-adds.grant");
    let agreed = fs::read_to_string(&grant).unwrap();
    // Somebody agreed to less.
    for less in ["\"blacklist:write\"", "\"go\""] {
        let granted = agreed.split("\"description\"").next().unwrap();
        fs::write(&grant, agreed.replace(granted, &granted.replace(less, ""))).unwrap();
        let refused = tools.operate(&atmd, &["adds", "go"]).coded(77);
        assert!(!refused.stderr.is_empty(), "{refused}");
        let _ = tools.operate(&atmd, &["blacklist", "show", "12345"]).coded(4);
    }
    fs::write(&grant, &agreed).unwrap();
    let _ = tools.operate(&atmd, &["adds", "go"]).coded(0);
    let _ = tools.operate(&atmd, &["blacklist", "show", "12345"]).coded(0);
}

const AUDIT: &str = r#"{"filter":{"operator":null,"method":"blacklist_add","outcome":null,"since":null},"from":"newest","rows":9}"#;

/// atmctl where the kernel has no Landlock.
fn unheld(strace: &Path, tools: &Tools, atmd: Option<&Atmd>, arguments: &[&str]) -> Outcome {
    let atmctl = atmd.map_or_else(|| tools.command(arguments), |atmd| tools.operator(atmd, arguments));
    let mut command = Command::new(strace);
    command.args(["-f", "-qq", "-e", "trace=landlock_create_ruleset", "-o", "/dev/null"]);
    command.args(["-e", "inject=landlock_create_ruleset:error=EOPNOTSUPP"]);
    command.arg(atmctl.get_program()).args(atmctl.get_args()).env_clear();
    command.envs(atmctl.get_envs().filter_map(|(name, value)| Some((name, value?))));
    command.current_dir(tools.work(""));
    process::run(command, "")
}

#[test]
fn where_the_system_has_no_sandbox_a_stranger_needs_a_word_more() {
    let Some(strace) = need("strace") else { return };
    let atmd = Atmd::start(&Options::default());
    let tools = Tools::with(&[]);
    let adds = json!({ "mobile": "12345", "reason": "a test", "until": null });
    let does = format!(
        "cat /etc/passwd > /dev/null || exit 4
        \"$ATMCTL_BIN\" api blacklist_add '{adds}' > /dev/null || exit $?; echo '{{\"n\":1}}'"
    );
    let mut commands = going("required", &[("n", "number")]);
    commands[0]["changes"] = json!(true);
    commands[0]["capabilities"] = json!(["blacklist:write"]);
    let file = tools.stranger("mine", &commands, &does);
    let run = |arguments: &[&str]| unheld(&strace, &tools, Some(&atmd), arguments);
    let install = ["plugin", "install", text(&file), "--yes"];
    let refused = run(&install).coded(126);
    assert!(refused.stderr.contains("--unsandboxed"), "{refused}");
    let _ = run(&[&install[..], &["--unsandboxed"]].concat()).coded(0);
    let refused = run(&["mine", "go"]).coded(126);
    assert!(refused.stderr.contains("this system has no sandbox"), "{refused}");
    let info = row(&run(&["plugin", "info", "mine", "-o", "json"]));
    let told = info["sandbox"].as_str().unwrap();
    assert!(told.contains("files: NOT confined") && told.contains("network: none"), "{told}");
    let _ = run(&["mine", "go", "--unsandboxed"]).coded(0);
    // What came with atmctl needs no word.
    tools.plugin("bundled", &counting(), ROW);
    assert_eq!(run(&["bundled", "go", "-o", "csv"]).coded(0).stdout, "n\r\n1\r\n");
    let audited = tools.operate(&atmd, &["api", "audit_list", AUDIT]).coded(0);
    let audited: Value = serde_json::from_str(&audited.stdout).unwrap();
    let versions: Vec<&Value> =
        audited["rows"].as_array().unwrap().iter().map(|row| &row["plugin_version"]).collect();
    assert_eq!(versions, ["1+unsandboxed"], "{audited}");
    // With a sandbox, the word changes nothing.
    let held = tools.operate(&atmd, &["mine", "go", "--unsandboxed"]).coded(4);
    assert!(held.stderr.contains("Permission denied"), "{held}");
}
