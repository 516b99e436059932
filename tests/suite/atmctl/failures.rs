//! Commands that cannot be done: each has its exit code, and says what to do.

use super::{error, number};
use atm_tests::daemon::{Atmd, Options};
use atm_tests::process;
use atm_tests::tools::Tools;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

#[test]
fn without_atmd_a_command_that_needs_it_says_so() {
    let mut atmd = Atmd::start(&Options::default());
    assert!(atmd.stop().success());
    let table: &[&[&str]] = &[
        &["status"],
        &["api", "whoami"],
        &["blacklist", "list"],
        &["blacklist", "show", "0712345678"],
        &["blacklist", "add", "0712345678", "--reason", "a test"],
        &["blacklist", "remove", "0712345678", "--reason", "a test"],
        &["blacklist", "history"],
    ];
    for arguments in table {
        let failed = atmd.ctl(&[arguments, &["-o", "json"][..]].concat()).coded(69);
        assert_eq!(error(&failed)["code"], "unreachable", "{failed}");
        let failed = atmd.ctl(arguments).coded(69);
        assert!(failed.stderr.contains("is atmd running"), "{failed}");
    }
    for arguments in
        [&["version"][..], &["plugin", "list"], &["config", "show"], &["help", "blacklist", "add"]]
    {
        let _ = atmd.ctl(arguments).coded(0);
    }
}

#[test]
fn what_is_wrong_with_a_command_line_has_its_code() {
    let atmd = Atmd::start(&Options::default());
    let gone = number(1);
    let table: &[(&[&str], i32, &str)] = &[
        (&["statsu"], 127, "'status'"),
        (&["blaklist", "list"], 127, "'blacklist'"),
        (&["blacklist", "lst"], 127, "'list'"),
        (&[], 2, "Usage"),
        (&["blacklist"], 2, "Usage"),
        (&["blacklist", "add", &gone], 2, "--reason"),
        (&["blacklist", "add", &gone, "--reason", ""], 2, "a reason is"),
        (&["blacklist", "add", &gone, "--reason", "x", "--until", "2020-01-01"], 2, "future"),
        (
            &["blacklist", "add", &gone, "--reason", "x", "--until", "2040-01-01", "--for", "1d"],
            2,
            "cannot be used",
        ),
        (&["blacklist", "add", &gone, "--reason", "x", "--for", "99999999999d"], 2, "at most 36500d"),
        (&["blacklist", "show", "12a"], 2, "digits"),
        (&["blacklist", "list", "--timeout", "soon"], 2, "a duration is"),
        (&["blacklist", "list", "-o", "xml"], 2, "possible values"),
        (&["api", "whoami", "-o", "csv"], 2, "api prints JSON"),
        (&["api", "no_such_call"], 2, "not a call of atmd"),
        (&["api", "blacklist_show"], 2, "mobile"),
        (&["blacklist", "show", &gone], 4, "not on the blacklist"),
        (&["plugin", "info", "gone"], 4, "no plugin gone"),
    ];
    for (arguments, code, words) in table {
        let failed = atmd.ctl(arguments).coded(*code);
        assert!(failed.stderr.contains(words) && failed.stdout.is_empty(), "{arguments:?} {words}: {failed}");
        if !failed.stderr.contains("xml") && !arguments.contains(&"-o") {
            let failed = atmd.ctl(&[arguments, &["-o", "json"][..]].concat()).coded(*code);
            assert!(error(&failed)["message"].is_string(), "{failed}");
        }
    }
}

#[test]
fn whom_to_trust_and_who_asks_must_be_clear() {
    let atmd = Atmd::start(&Options::default());
    let tools = Tools::with(&["blacklist"]);
    let open = tools.work("open.pem");
    fs::write(&open, fs::read(atmd.root_identity()).unwrap()).unwrap();
    fs::set_permissions(&open, PermissionsExt::from_mode(0o644)).unwrap();
    let foreign = Atmd::start(&Options::default());
    let with = |variable: &str, value: &Path| {
        let mut command = tools.operator(&atmd, &["status"]);
        command.env(variable, value);
        process::run(command, "")
    };
    let failed = with("ATMCTL_IDENTITY", &open).coded(78);
    assert!(failed.stderr.contains(&format!("chmod 600 {}", open.display())), "{failed}");
    let failed = with("ATMCTL_CA", Path::new("")).coded(78);
    assert!(failed.stderr.contains("copy public/ca.pem"), "{failed}");
    let failed = with("ATMCTL_IDENTITY", Path::new("")).coded(78);
    assert!(failed.stderr.contains("run it with sudo"), "{failed}");
    let failed = with("ATMCTL_CA", Path::new("/no/such/file")).coded(78);
    assert!(failed.stderr.contains("/no/such/file cannot be read"), "{failed}");
    let failed = with("ATMCTL_CA", &foreign.ca()).coded(78);
    assert!(failed.stderr.contains("do not trust each other"), "{failed}");
    let failed = with("ATMCTL_IDENTITY", &foreign.root_identity()).coded(77);
    assert!(failed.stderr.contains("does not accept this operator"), "{failed}");
}
