//! `atmctl blacklist`.

use std::process::ExitCode;

fn main() -> ExitCode {
    atm_plugin_sdk::run(atmctl_blacklist::COMMANDS, atmctl_blacklist::work)
}
