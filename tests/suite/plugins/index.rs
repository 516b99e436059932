//! Plugins are asked what they are when they are new or changed, and not again.

use atm_tests::process::{self, Outcome};
use atm_tests::tools::{Tools, counting, write};
use serde_json::json;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use std::thread;

/// A plugin whose version, or whose reason to be broken, is another one each time that it is asked.
const CHANGING: &str = "#!/bin/sh\necho \"{DESCRIPTION}\"";

fn put(path: &Path, protocol: &str) {
    let description = json!({ "protocol": 1, "name": "changing", "version": "V", "summary": "Tests",
        "commands": counting() });
    let description = description.to_string().replace('"', "\\\"").replace("\"V\\\"", "\"$$\\\"");
    let description = description.replace("protocol\\\":1", &format!("protocol\\\":{protocol}"));
    write(path, &CHANGING.replace("{DESCRIPTION}", &description));
}

/// What is told of the plugin: its version and summary.
fn told(tools: &Tools) -> (String, String, String) {
    let rows = tools.rows(&["plugin", "list"]);
    assert_eq!(rows.len(), 1, "{rows:?}");
    let text = |field: &str| rows[0][field].as_str().unwrap_or_default().to_owned();
    (text("state"), text("version"), text("summary"))
}

#[test]
fn a_plugin_is_asked_once_until_its_file_changes() {
    let tools = Tools::with(&[]);
    let plugin = tools.beside("atmctl-changing");
    for (protocol, state) in [("1", "available"), ("$(( $$ % 60000 + 2 ))", "unavailable")] {
        put(&plugin, protocol);
        let first = told(&tools);
        assert_eq!(first.0, state);
        assert_eq!(told(&tools), first, "it is remembered, and so is why it cannot be used");
        // The same bytes, in the same place and of the same age.
        let modified = plugin.metadata().unwrap().modified().unwrap();
        let copy = tools.work("copy");
        let moved = |from: &Path, to: &Path| {
            let mut command = Command::new("cp");
            command.arg("--preserve=all").arg(from).arg(to);
            let _ = process::run(command, "").coded(0);
        };
        moved(&plugin, &copy);
        fs::remove_file(&plugin).unwrap();
        moved(&copy, &plugin);
        assert_eq!(plugin.metadata().unwrap().modified().unwrap(), modified);
        assert_ne!(told(&tools), first, "it is another file");
    }
}

#[test]
fn a_plugin_that_was_broken_is_asked_again_when_it_is_wanted() {
    let tools = Tools::with(&[]);
    put(&tools.beside("atmctl-changing"), "$(( $$ % 60000 + 2 ))");
    let first = told(&tools).2;
    let wanted = |arguments: &[&str]| tools.run(arguments).coded(76).stderr;
    assert!(!wanted(&["changing", "go"]).contains(&first));
    let info = wanted(&["plugin", "info", "changing"]);
    assert!(info.contains(&told(&tools).2), "the newest reason is kept: {info}");
}

#[test]
fn an_index_that_is_lost_or_damaged_is_made_anew() {
    let tools = Tools::with(&[]);
    put(&tools.beside("atmctl-changing"), "1");
    let mut before = told(&tools);
    let index = tools.home("cache/atm/plugins.index");
    let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&index), mode(index.parent().unwrap())), (0o600, 0o700));
    let good = fs::read(&index).unwrap();
    let (mut flipped, mut versioned) = (good.clone(), good.clone());
    *flipped.last_mut().unwrap() ^= 1;
    versioned[13] += 1;
    for damaged in [&good[..good.len() / 2], &flipped, &versioned, &[]] {
        fs::write(&index, damaged).unwrap();
        let now = told(&tools);
        assert_ne!(now, before, "it was asked again");
        assert_eq!(told(&tools), now);
        before = now;
    }
    fs::remove_file(&index).unwrap();
    fs::create_dir(&index).unwrap();
    assert_ne!(told(&tools), told(&tools), "where none can be kept, it is asked each time");
}

#[test]
fn several_at_once_keep_one_index() {
    let tools = Tools::with(&[]);
    for n in 0..10 {
        tools.plugin(&format!("p{n}"), &counting(), "echo '{\"n\":1}'");
    }
    put(&tools.beside("atmctl-changing"), "1");
    let list = || tools.run(&["plugin", "list", "-o", "csv"]).coded(0);
    thread::scope(|scope| {
        let all: Vec<_> = (0..6).map(|_| scope.spawn(list)).collect();
        let lines = |outcome: Outcome| outcome.stdout.matches(",available,").count();
        assert!(all.into_iter().all(|one| lines(one.join().unwrap()) == 11));
    });
    assert_eq!(list().stdout, list().stdout, "what one of them wrote is whole");
}
