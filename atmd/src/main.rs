//! Starts atmd: arguments, and the exit code of what they ask for.

use std::process::ExitCode;

fn main() -> ExitCode {
    atmd::cli::run(std::env::args_os(), std::env::vars().collect())
}
