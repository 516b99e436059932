//! What is left of a plugin that ended, however it ended: nothing.

use atm_tests::process::{self, mark, running};
use atm_tests::terminal::Terminal;
use atm_tests::tools::{Tools, counting};
use atm_tests::wait::eventually;
use std::io::{BufRead, BufReader};
use std::process::Stdio;

const NOBODY: [u32; 0] = [];

/// Starts one beside it and one that is nobody's child, says so, and goes on as it is told.
fn starting(mark: &str, then: &str) -> String {
    let daemon = format!("setsid sh -c 'sleep {mark} & setsid sleep {mark} &' > /dev/null 2>&1 < /dev/null");
    format!("sleep {mark} > /dev/null 2>&1 & {daemon}\necho started >&2\n{then}")
}

#[test]
fn a_plugin_that_hangs_is_ended_with_all_it_started() {
    let tools = Tools::with(&[]);
    for patience in ["", "trap '' TERM; "] {
        let mark = mark();
        tools.plugin("slow", &counting(), &starting(&mark, &format!("{patience}sleep {mark}; sleep {mark}")));
        let ended = tools.run(&["slow", "go", "--timeout", "2s"]).coded(75);
        assert!(ended.stderr.starts_with("started\n"), "{ended}");
        assert!(ended.stderr.contains("longer than --timeout"), "{ended}");
        assert_eq!(running(&mark), NOBODY);
    }
}

#[test]
fn ctrl_c_leaves_no_process() {
    let tools = Tools::with(&[]);
    for patience in ["", "trap '' INT TERM; "] {
        let mark = mark();
        tools.plugin("slow", &counting(), &starting(&mark, &format!("{patience}sleep {mark}; sleep {mark}")));
        let mut terminal = Terminal::start(tools.command(&["slow", "go"]));
        terminal.expect("started");
        eventually("all run", || match running(&mark).len() {
            4.. => Ok(()),
            few => Err(few.to_string()),
        });
        terminal.ctrl_c();
        assert_eq!(terminal.wait(), Some(130), "{}", terminal.shown());
        assert_eq!(running(&mark), NOBODY);
    }
}

#[test]
fn one_that_daemonises_leaves_none_either() {
    let tools = Tools::with(&[]);
    for (then, code) in [("echo '{\"n\":1}'", 0), ("exit 4", 4), ("kill -KILL $$", 70)] {
        let mark = mark();
        tools.plugin("leaver", &counting(), &starting(&mark, then));
        let ended = tools.run(&["leaver", "go"]).coded(code);
        assert!(ended.stderr.starts_with("started\n"), "{ended}");
        assert_eq!(running(&mark), NOBODY, "{then}");
    }
}

#[test]
fn a_plugin_does_not_outlive_its_host() {
    let tools = Tools::with(&[]);
    let mark = mark();
    tools.plugin("slow", &counting(), &format!("echo started >&2; exec sleep {mark}"));
    let mut command = tools.command(&["slow", "go"]);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    let mut host = command.spawn().unwrap();
    let mut said = String::new();
    BufReader::new(host.stderr.take().unwrap()).read_line(&mut said).unwrap();
    assert_eq!(said, "started\n");
    process::end(&mut host);
    eventually("the plugin ends", || match running(&mark).as_slice() {
        [] => Ok(()),
        left => Err(format!("{left:?}")),
    });
}
