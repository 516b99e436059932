//! `atmctl ledger`.

use std::process::ExitCode;

fn main() -> ExitCode {
    atm_plugin_sdk::run(atmctl_ledger::COMMANDS, atmctl_ledger::work)
}
