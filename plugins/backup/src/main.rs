//! `atmctl backup`.

use std::process::ExitCode;

fn main() -> ExitCode {
    atm_plugin_sdk::run(atmctl_backup::COMMANDS, atmctl_backup::work)
}
