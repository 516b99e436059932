//! docs/import.md does what it says: its commands, run from top to bottom in a new bank, with the sample as the older
//! tool's files.

use super::sample;
use atm_tests::daemon::{Atmd, Options};
use atm_tests::process;
use atm_tests::programs::{programs, root};
use std::fs;
use std::process::Command;

#[test]
fn the_commands_of_the_page_work() {
    let atmd = Atmd::start(&Options::default());
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("old")).unwrap();
    for name in ["client.csv", "bank.csv"] {
        fs::copy(sample(name), folder.path().join("old").join(name)).unwrap();
    }
    let page = fs::read_to_string(root().join("docs/import.md")).unwrap();
    let commands: Vec<&str> = page.lines().filter_map(|line| line.strip_prefix("$ ")).collect();
    assert!(commands.len() >= 6, "{commands:?}");
    for command in commands {
        let like = atmd.ctl_command(&[]);
        let mut bash = Command::new("bash");
        bash.args(["-c", command]).current_dir(folder.path());
        bash.env_clear().envs(like.get_envs().filter_map(|(name, value)| Some((name, value?))));
        bash.env("ATMCTL_SERVER", atmd.operators().to_string()).env("ATMCTL_CA", atmd.ca());
        bash.env("ATMCTL_IDENTITY", atmd.root_identity());
        bash.env("PATH", format!("{}:/usr/bin:/bin", programs().folder().display()));
        let _ = process::run(bash, "").coded(0);
    }
    assert!(folder.path().join("journal.parquet").metadata().unwrap().len() > 0);
}
