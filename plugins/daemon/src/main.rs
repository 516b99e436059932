//! `atmctl daemon`.

use std::process::ExitCode;

fn main() -> ExitCode {
    atm_plugin_sdk::run(atmctl_daemon::COMMANDS, atmctl_daemon::work)
}
