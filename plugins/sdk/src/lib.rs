//! What a plugin of atmctl that is written in Rust needs.
//!
//! A plugin is a clap parser whose subcommands are its commands, a table of [`Command`]s with
//! what clap cannot know, and a function that does the work:
//!
//! ```no_run
//! use atm_plugin_sdk::{Column, Command, run};
//! use atm_rpc::operator::Capability;
//! use atm_rpc::plugin::Kind;
//!
//! /// Shows who asks.
//! #[derive(clap::Parser)]
//! #[command(name = "who", version)]
//! enum Who {
//!     /// Name and role.
//!     Show,
//! }
//!
//! const COMMANDS: &[Command] = &[Command::rows("show", "who.show/1", &[Column::new("name", Kind::Text)])
//!     .needs(&[Capability::StatusRead])];
//!
//! fn main() -> std::process::ExitCode {
//!     run(COMMANDS, async |Who::Show, host| {
//!         let me = host.call(async |atmd, context| atmd.whoami(context).await).await?;
//!         host.row(&serde_json::json!({ "name": me.operator }))
//!     })
//! }
//! ```
//!
//! The connection is narrowed by the host before it comes here: nothing in this crate can give a
//! plugin a right. Rendering, prompts for consent and credentials are the host's too.

mod command;
mod describe;
mod host;
pub mod job;
mod moment;
mod progress;

pub use command::{Column, Command};
pub use describe::{Mismatch, describe};
pub use host::Host;
pub use moment::{moment, now};
pub use progress::Progress;

use crate::host::{End, Owner};
use atm_rpc::plugin::{Code, Connection, DESCRIBE, ENV_PROTOCOL, Failure, FailureLine, PROTOCOL};
use clap::Parser;
use std::ffi::OsString;
use std::io::{self, Write};
use std::process::ExitCode;

/// The whole of a plugin's `main`: describes it, or takes the connection and does the work.
pub fn run<C: Parser>(
    commands: &[Command],
    work: impl AsyncFnOnce(C, &mut Host) -> Result<(), Failure>,
) -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().collect();
    if let [_, only] = arguments.as_slice()
        && only.as_os_str() == DESCRIBE
    {
        return print_description::<C>(commands);
    }
    let Ok(protocol) = std::env::var(ENV_PROTOCOL) else {
        let name = C::command().get_name().to_owned();
        let failure = Failure::new(Code::Usage, format!("atmctl-{name} is a plugin of atmctl"))
            .hint(format!("run: atmctl {name} ..."));
        return tell_person(&failure);
    };
    let name = arguments.get(1).and_then(|name| name.to_str()).unwrap_or_default();
    let command = commands.iter().find(|command| command.name == name);
    let tell = if command.is_some_and(Command::is_raw) { tell_person } else { tell_host };
    if protocol != PROTOCOL.to_string() {
        return tell(&Failure::new(
            Code::Protocol,
            format!("the host speaks protocol {protocol}, not {PROTOCOL}"),
        ));
    }
    let parsed = match parse::<C>(arguments) {
        Ok(parsed) => parsed,
        Err(failure) => return tell(&failure),
    };
    let connection = command.map_or(Connection::None, |command| command.connection);
    let owner = if command.is_some_and(Command::is_raw) { Owner::Command } else { Owner::Host };
    match begin(parsed, connection, owner, work) {
        Ok(End::Done) => ExitCode::SUCCESS,
        Ok(End::Finding) => ExitCode::from(FINDING),
        Err(failure) => tell(&failure),
    }
}

/// The exit code of a command that found something: no failure, and nothing to add to its rows.
const FINDING: u8 = 3;

fn print_description<C: Parser>(commands: &[Command]) -> ExitCode {
    let described = describe::<C>(commands).map_err(|mismatch| Failure::new(Code::Crashed, mismatch));
    match described.and_then(|description| host::print(&mut io::stdout().lock(), &description)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => tell_person(&failure),
    }
}

fn parse<C: Parser>(arguments: Vec<OsString>) -> Result<C, Failure> {
    let command = C::command();
    let name = format!("atmctl {}", command.get_name());
    let command = command.bin_name(name);
    let parsed = command.try_get_matches_from(arguments).and_then(|matches| C::from_arg_matches(&matches));
    parsed.map_err(|error| {
        let text = error.render().to_string();
        Failure::new(Code::Usage, text.trim_start_matches("error: ").trim_end())
    })
}

fn begin<C>(
    parsed: C,
    connection: Connection,
    owner: Owner,
    work: impl AsyncFnOnce(C, &mut Host) -> Result<(), Failure>,
) -> Result<End, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure::new(Code::Crashed, error))?;
    runtime.block_on(async {
        let mut host = Host::new(connection, owner)?;
        let result = work(parsed, &mut host).await;
        host.finish(result)
    })
}

/// For the host, which renders it.
fn tell_host(failure: &Failure) -> ExitCode {
    let line = FailureLine { atmctl_error: failure.clone() };
    // Where nobody reads any more, the exit code has to do.
    let _ = host::print(&mut io::stdout().lock(), &line);
    ExitCode::from(failure.code.exit())
}

/// For the person at the terminal, who knows of having ended it.
fn tell_person(failure: &Failure) -> ExitCode {
    if failure.code == Code::Interrupted {
        return ExitCode::from(failure.code.exit());
    }
    let hint = failure.hint.iter().map(|hint| format!("\n  hint: {hint}")).collect::<String>();
    let _ = writeln!(io::stderr().lock(), "error: {failure}{hint}");
    ExitCode::from(failure.code.exit())
}
