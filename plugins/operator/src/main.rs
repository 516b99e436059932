//! `atmctl operator`.

use std::process::ExitCode;

fn main() -> ExitCode {
    atm_plugin_sdk::run(atmctl_operator::COMMANDS, atmctl_operator::work)
}
