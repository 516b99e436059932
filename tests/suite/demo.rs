//! The demo runs to its end in a pipe, and leaves nothing behind.

use atm_tests::process;
use atm_tests::programs::programs;
use atm_tests::wait::PATIENCE;
use std::process::Command;

#[test]
fn the_demo_runs_in_a_pipe() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::new(programs().path("demo"));
    command.env("TMPDIR", folder.path());
    // It builds first, and another build may be under way.
    let demo = process::run_within(10 * PATIENCE, command, "").coded(0);
    let blacklisted = demo.stdout.contains("atmctl blacklist remove");
    assert!(blacklisted && demo.stdout.contains("400.00"), "{demo}");
    let left: Vec<_> = folder.path().read_dir().unwrap().collect();
    assert!(left.is_empty(), "{left:?}\n{demo}");
}
