//! The program `atmctl`.

use std::process::ExitCode;

fn main() -> ExitCode {
    atmctl::run(std::env::args_os().collect(), &mut atmctl::Io::of_process())
}
