//! Certificates end, are renewed, replaced, and brought along by a site: nobody who is right is locked out, and who is
//! wrong is told what to do.

mod ending;
mod rotation;
mod servers;
mod site;

use atm_tests::bank::PIN;
use atm_tests::daemon::Atmd;
use atm_tests::process::{self, Outcome};
use std::path::Path;
use std::process::Command;

/// atm-cli asks for a balance, by that CA.
fn customer(atmd: &Atmd, ca: &Path) -> Command {
    let mut command = atmd.cli_command(&["balance", "--mobile", MOBILE, "--pin-stdin"]);
    command.arg("--ca").arg(ca);
    command
}

const MOBILE: &str = "0700000001";

fn asks(command: Command) -> Outcome {
    process::run(command, &format!("{PIN}\n"))
}

fn pki(atmd: &Atmd, arguments: &[&str]) -> Outcome {
    process::run(atmd.command(&[&["pki"][..], arguments].concat()), "")
}

fn status(command: Command) -> serde_json::Value {
    process::run(command, "").coded(0).json()["data"][0].clone()
}
