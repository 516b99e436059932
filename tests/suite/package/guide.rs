//! docs/operations.md does what it says: its commands, as root and from top to bottom, on a machine where nothing of
//! this project is yet.

use super::machine::Machine;
use atm_tests::documents::{self, Step};
use std::fmt::Write;
use std::fs;

/// Begins what a command said, and what it ended with.
const SAID: &str = "\u{1}said";
const ENDED: &str = "\u{1}ended";

#[test]
fn the_guide_for_administrators_does_what_it_says() {
    let Some(machine) = Machine::new() else { return };
    let steps = documents::steps("docs/operations.md");
    assert!(steps.len() > 20, "docs/operations.md has only {} commands", steps.len());
    fs::write(machine.path("guide.sh"), script(&steps)).unwrap();
    let walked = machine.run(&["bash", "/mnt/guide.sh"]);
    let said: Vec<&str> = walked.stdout.split(SAID).skip(1).collect();
    for (step, said) in steps.iter().zip(&said) {
        let (said, code) = said.trim_start_matches('\n').split_once(ENDED).unwrap_or((said, " none"));
        step.compare(said);
        assert!(code.trim() == "0" || step.may_fail, "{step}\nended with{code}:\n{said}");
    }
    assert_eq!(said.len(), steps.len(), "{walked}");
}

/// All steps as one shell would take them, with marks around what each says.
fn script(steps: &[Step]) -> String {
    // A root's login on a machine of its own: nothing of who runs the test.
    let mut script = "cd /mnt; for name in $(compgen -e); do unset $name; done\n\
        export PATH=/mnt/stand-in:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 DEBIAN_FRONTEND=noninteractive\n\
        mkdir stand-in; for name in systemctl journalctl; do install -m 755 systemctl.py stand-in/$name; done\n\
        ip link set lo up; exec 2>&1; code=0\n"
        .to_owned();
    for step in steps {
        let command = &step.command;
        write!(
            script,
            "printf '{SAID}\\n'; (exit $code)\n{command}\ncode=$?; printf '{ENDED} %s\\n' $code\n"
        )
        .unwrap();
    }
    script
}
