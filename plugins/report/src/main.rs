//! `atmctl report`.

use std::process::ExitCode;

fn main() -> ExitCode {
    atm_plugin_sdk::run(atmctl_report::COMMANDS, atmctl_report::work)
}
