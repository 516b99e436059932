//! `atmctl account`.

use std::process::ExitCode;

fn main() -> ExitCode {
    atm_plugin_sdk::run(atmctl_account::COMMANDS, atmctl_account::work)
}
