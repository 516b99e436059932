//! The program `atm-cli`: hands arguments and the process's streams to [`atm_cli::run`].

use std::process::ExitCode;

fn main() -> ExitCode {
    atm_cli::run(std::env::args_os(), atm_cli::io::Io::of_process())
}
