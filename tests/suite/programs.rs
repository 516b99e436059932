//! The harness itself, where nothing else would notice that it is broken.

use atm_tests::need::need;
use atm_tests::programs::programs;
use atm_tests::terminal::Terminal;
use std::process::Command;

#[test]
fn all_programs_are_built_into_one_folder() {
    for name in [
        "atmd",
        "atm-cli",
        "atmctl",
        "atmctl-backup",
        "atmctl-blacklist",
        "atmctl-ledger",
        "atmctl-operator",
        "atmctl-audit",
        "atmctl-account",
        "atmctl-daemon",
        "atmctl-report",
        "demo",
    ] {
        let path = programs().path(name);
        assert!(path.is_file() && path.parent() == Some(programs().folder()), "{path:?}");
    }
}

#[test]
fn a_terminal_shows_takes_hides_and_interrupts() {
    // Whoever runs the tests in the background may have Ctrl-C ignored, which programs inherit.
    let mut command = Command::new("env");
    command.args(["--default-signal=INT", "sh", "-c"]);
    command.args(["printf 'who? '; read name; echo hello $name; stty -echo; echo hidden; exec cat"]);
    let mut terminal = Terminal::start(command);
    terminal.expect("who? ");
    assert!(terminal.echoes());
    terminal.line("you");
    terminal.expect("hello you");
    terminal.expect("hidden");
    assert!(!terminal.echoes());
    terminal.line("said once, by cat");
    assert_eq!(terminal.expect("said once, by cat").matches("said").count(), 1);
    terminal.ctrl_c();
    assert_eq!(terminal.wait(), None, "{}", terminal.shown());
}

#[test]
fn a_program_that_is_there_is_found() {
    assert!(need("sh").is_some());
}
