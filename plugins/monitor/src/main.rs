//! `atmctl monitor`.

use std::process::ExitCode;

fn main() -> ExitCode {
    atm_plugin_sdk::run(atmctl_monitor::COMMANDS, atmctl_monitor::work)
}
