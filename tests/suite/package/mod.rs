//! The Debian package: right by lintian, and installed, started, used, upgraded and purged on a copy of this machine
//! that nothing else sees. systemd itself does not run there: `systemctl.py` does what it would by the unit.

mod guide;
mod machine;

use atm_tests::need::need;
use atm_tests::process;
use machine::{Machine, PATIENCE, name, packages};
use std::process::Command;

#[test]
fn the_package_is_right_by_lintian() {
    let (Some(_), Some([package, _])) = (need("lintian"), packages()) else { return };
    let mut lintian = Command::new("lintian");
    lintian.args(["--fail-on", "error", "--allow-root"]).arg(package);
    let _ = process::run_within(PATIENCE, lintian, "").coded(0);
}

#[test]
fn the_package_is_installed_used_upgraded_and_purged() {
    let (Some(machine), Some(packages), Some(_)) = (Machine::new(), packages(), need("strace")) else {
        return;
    };
    machine.bring("life.sh");
    let [first, upgrade] = packages.each_ref().map(|package| format!("/mnt/{}", name(package)));
    let lived = machine.run(&["sh", "/mnt/life.sh", &first, &upgrade]).coded(0);
    for part in ["atmd ready: customers 0.0.0.0:65432", "blacklist", "/var/lib/atmd is kept", "== done"] {
        assert!(lived.stdout.contains(part), "{part}: {lived}");
    }
}
