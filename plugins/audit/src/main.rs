//! `atmctl audit`.

use std::process::ExitCode;

fn main() -> ExitCode {
    atm_plugin_sdk::run(atmctl_audit::COMMANDS, atmctl_audit::work)
}
