//! What a customer at a terminal runs: a conversation without arguments, subcommands for scripts.
//!
//! - `args`, `settings`: what was asked, and where the server is.
//! - `bank`: the connection, with each request that changes something noted in `state` first.
//! - `conversation` and `commands`: the two ways to use it.
//! - `console`, `keyboard`: prompts, hidden input and Ctrl-C. `output`: all that is printed as data.
//! - `error`, `explain`, `rejection`, `words`: what went wrong, in words a customer understands.
//!
//! No rule of the bank is decided here: a check before sending is for kindness only.

mod args;
mod bank;
mod commands;
mod console;
mod conversation;
mod error;
mod exit;
mod explain;
pub mod io;
mod keyboard;
mod output;
mod pins;
mod rejection;
mod settings;
mod settle;
mod state;
mod statement;
#[cfg(test)]
mod testing;
mod words;

use args::Cli;
use clap::{CommandFactory, Parser};
use console::{Console, Voice};
use exit::Exit;
use io::Io;
use std::ffi::OsString;
use std::process::ExitCode;

/// The command line, for the manual and for shells.
#[must_use]
pub fn command() -> clap::Command {
    Cli::command()
}

/// Does what the arguments ask, and tells how it went.
#[must_use]
pub fn run(args: impl IntoIterator<Item = OsString>, io: Io) -> ExitCode {
    start(args.into_iter().collect(), io).into()
}

fn start(args: Vec<OsString>, mut io: Io) -> Exit {
    let cli = match Cli::try_parse_from(&args) {
        Ok(cli) => cli,
        Err(error) => return output::usage(&error, &args, &mut io),
    };
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return output::broken(&error, &mut io),
    };
    let exit = runtime.block_on(serve(&cli, io));
    // A name that is still being looked up must not hold up the customer who leaves.
    runtime.shutdown_background();
    exit
}

async fn serve(cli: &Cli, io: Io) -> Exit {
    let voice = if cli.command.is_some() { Voice::Errors } else { Voice::Output };
    let (mut console, env) = match Console::open(io, voice) {
        Ok(opened) => opened,
        Err((error, mut io)) => return output::broken(&error, &mut io),
    };
    match &cli.command {
        Some(command) => commands::run(command, &cli.place, &env, &mut console).await,
        None => conversation::run(&cli.place, &env, &mut console).await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_as_scripts_rely_on_where_there_is_no_bank() {
        let folder = tempfile::tempdir().unwrap();
        let ca = folder.path().join("ca.pem");
        std::fs::write(&ca, testing::CA).unwrap();
        let home = folder.path().display().to_string();
        let ca = ca.display().to_string();
        let env = [("HOME", home.as_str()), ("ATM_CA", ca.as_str()), ("ATM_SERVER", "127.0.0.1:1")];
        let bare = [("HOME", home.as_str())];
        let who = "--mobile 0801234567 --pin-stdin";
        let usage_json = "{\"error\":{\"code\":\"usage\"";
        let unreachable_json = "{\"error\":{\"code\":\"not_reachable\"";
        let unreachable = "No connection to atmd at 127.0.0.1:1";
        let version = concat!("atm-cli ", env!("CARGO_PKG_VERSION"));
        let table = [
            ("--help", &bare[..], Exit::Done, "Exit codes:", ""),
            ("deposit --help", &bare, Exit::Done, "--request-key", ""),
            ("--version", &bare, Exit::Done, version, ""),
            ("frobnicate", &bare, Exit::Usage, "", "unrecognized subcommand"),
            ("frobnicate -o json", &bare, Exit::Usage, "", usage_json),
            ("balance --mobile 0801234567", &env, Exit::Usage, "", "--pin-stdin"),
            ("balance --pin-stdin", &env, Exit::Usage, "", "--mobile NUMBER"),
            ("deposit five WHO", &env, Exit::Usage, "", "An amount is digits"),
            ("balance WHO --server here", &env, Exit::Usage, "", "is not HOST:PORT"),
            ("balance WHO --ca /absent.pem", &env, Exit::Config, "", "DATA_DIR/public/ca.pem"),
            ("balance WHO", &env, Exit::NotReachable, "", unreachable),
            ("balance WHO -o json", &env, Exit::NotReachable, "", unreachable_json),
            ("", &env, Exit::NotReachable, unreachable, ""),
        ];
        for (line, env, exit, output, errors) in table {
            let (io, out, err) = testing::io("28471\n", env);
            let line = format!("atm-cli {}", line.replace("WHO", who));
            let args = line.split_whitespace().map(OsString::from);
            assert_eq!(start(args.collect(), io), exit, "{line}: {}{}", out.text(), err.text());
            for (written, expected) in [(out.text(), output), (err.text(), errors)] {
                assert!(written.contains(expected), "{line}: {written}");
                assert_eq!(written.is_empty(), expected.is_empty(), "{line}: {written}");
            }
        }
    }
}
