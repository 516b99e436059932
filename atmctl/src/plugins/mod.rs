//! Commands that are plugins: find, describe, decide how far it may go, connect, launch.

mod around;
mod ask;
pub(crate) mod consent;
pub mod describe;
pub(crate) mod discover;
pub(crate) mod index;
pub(crate) mod install;
pub(crate) mod kit;
mod launch;
mod output;
pub mod parser;
mod paths;
mod process;
pub(crate) mod program;
pub(crate) mod record;
mod relay;
pub(crate) mod sandbox;
mod site;
mod stamp;
mod terminal;

use crate::Io;
use crate::arguments::{self, Globals};
use crate::link;
use crate::settings::{Files, Settings};
use crate::stop::Stop;
use around::Folders;
use atm_rpc::client::{Connection, Endpoint};
use atm_rpc::operator::{Mode, Narrow, PluginIdentity};
use atm_rpc::plugin::{self as contract, Code, Command, Description, Failure, Output};
use atm_rpc::types::money::Currency;
use clap::FromArgMatches;
use consent::consent;
use discover::{Found, Trust};
use launch::Launch;
use program::Program;
use sandbox::{Available, Policy};
use std::ffi::OsString;
use std::time::Duration;

/// How long a connection lasts where no `--timeout` says otherwise. After it the relay opens another.
const TTL: Duration = Duration::from_secs(60 * 60);

/// Runs a command of the plugin of that name.
pub(crate) async fn run(
    name: &str,
    arguments: &[OsString],
    files: Result<Files, Failure>,
    found: &[Found],
    io: &mut Io,
) -> Result<u8, Stop> {
    let found = named(name, found)?;
    let description = index::one(found, io).await?;
    let tree = parser::command_line(&description);
    let matches = tree.try_get_matches_from(arguments).map_err(arguments::stop_of)?;
    let globals = Globals::from_arg_matches(&matches).map_err(arguments::stop_of)?;
    let chosen = matches.subcommand().and_then(|(_, plugin)| plugin.subcommand());
    let (mut command, matches) = chosen
        .and_then(|(name, matches)| Some((command_named(&description, name)?.clone(), matches)))
        .ok_or_else(|| Failure::new(Code::Usage, format!("{name} was given no command")))?;
    if let Some(record) = &found.record {
        record.grant.limit(&mut command);
    }
    let settings = Settings::resolve(&globals, &io.environment, &files?)?;
    if command.output == Output::Raw && globals.output.is_some() {
        let text = format!("{name} {} prints what it likes: it takes no --output", command.name);
        return Err(Failure::new(Code::Usage, text).into());
    }
    let title = format!("{name} {}", command.name);
    let available = sandbox::available();
    if found.trust == Trust::Installed {
        held(&format!("the plugin {name}"), globals.unsandboxed)?;
    }
    let mode = mode(&command, &globals);
    let mut values = paths::values(&command, matches)?;
    site::supply(&command, &mut values)?;
    if mode == Mode::Change && command.destructive {
        consent(&format!("{title} cannot be undone"), &globals, io)?;
    }
    if command.connection == contract::Connection::None && mode == Mode::DryRun {
        let text = format!("{title} changes something without atmd, and cannot just try it");
        return Err(Failure::new(Code::Usage, text).into());
    }
    if globals.dry_run && !command.changes && paths::writes(&command, &values) {
        let text = format!("{title} changes nothing at the bank, and what it would write cannot be tried");
        return Err(Failure::new(Code::Usage, text)
            .hint("leave --dry-run out; a FILE that is there stays as it is")
            .into());
    }
    let program = Program::open(found)?;
    let connector = match command.connection {
        contract::Connection::None => None,
        contract::Connection::Required => {
            let plugin = identity(&description, &program, available);
            Some(connector(&settings, mode, &title, &command, plugin, io)?)
        }
    };
    let arguments = parser::arguments(&command, matches, &values);
    let folders = Folders::of(name, io).map_err(|error| {
        Failure::new(Code::Failed, format!("the plugin's own folder cannot be made: {error}"))
    })?;
    let mut policy = policy(found, &command);
    folders.allow(&mut policy, io);
    let made = paths::allow(&command, &values, &mut policy)?;
    let launch = Launch {
        found,
        program: &program,
        command: &command,
        title,
        arguments,
        settings: &settings,
        no_input: globals.no_input,
        folders: &folders,
        policy,
        available,
    };
    let ended = launch.run(connector, io).await;
    match ended {
        // A file is all that such a command leaves, and one that failed leaves a part of it.
        Err(Stop::Failed(_) | Stop::Said(_)) if !command.changes => made.take_away(),
        _ => drop(made),
    }
    ended
}

/// Whether what nobody vouches for is held by this system, or somebody said that it need not be.
pub(crate) fn held(what: &str, unsandboxed: bool) -> Result<(), Failure> {
    if unsandboxed || sandbox::available().is_enough() {
        return Ok(());
    }
    Err(Failure::new(Code::Refused, format!("{what} is not run: this system has no sandbox for it"))
        .hint("--unsandboxed runs it nevertheless, with all that you may do on this machine"))
}

/// What it may reach, before it is given anything.
fn policy(found: &Found, command: &Command) -> Policy {
    // What came with atmctl may have files beside it. What was installed is one file.
    let policy = Policy::bare(match found.trust {
        Trust::Bundled => found.path.parent().unwrap_or(&found.path),
        Trust::Installed => &found.path,
    });
    if command.network.is_empty() { policy } else { policy.dialling() }
}

fn connector(
    settings: &Settings,
    mode: Mode,
    title: &str,
    command: &Command,
    plugin: PluginIdentity,
    io: &Io,
) -> Result<Connector, Failure> {
    Ok(Connector {
        endpoint: link::endpoint(settings, io)?,
        patience: settings.limit.unwrap_or(link::PATIENCE),
        narrow: Narrow {
            mode,
            command: title.to_owned(),
            capabilities: command.capabilities.clone(),
            plugin: Some(plugin),
            ttl_ms: u64::try_from(settings.limit.unwrap_or(TTL).as_millis()).unwrap_or(u64::MAX),
        },
    })
}

/// The plugin of that name that comes first.
pub(crate) fn named<'f>(name: &str, found: &'f [Found]) -> Result<&'f Found, Failure> {
    let mut all = found.iter().filter(|plugin| plugin.name == name);
    let usable = found.iter().find(|plugin| plugin.name == name && plugin.is_available());
    usable.or_else(|| all.next()).ok_or_else(|| {
        Failure::new(Code::NotFound, format!("there is no plugin {name}")).hint("atmctl plugin list")
    })
}

fn command_named<'d>(description: &'d Description, name: &str) -> Option<&'d Command> {
    description.commands.iter().find(|command| command.name == name)
}

/// How far the command may go.
const fn mode(command: &Command, globals: &Globals) -> Mode {
    match (command.changes, globals.dry_run) {
        (false, _) => Mode::Read,
        (true, true) => Mode::DryRun,
        (true, false) => Mode::Change,
    }
}

/// The plugin as the audit log has it. That nothing holds it is part of its version there.
fn identity(description: &Description, program: &Program, available: Available) -> PluginIdentity {
    let held = if available.is_enough() { "" } else { "+unsandboxed" };
    PluginIdentity {
        name: description.name.clone(),
        version: format!("{}{held}", description.version),
        digest: program.digest.clone(),
    }
}

/// Opens connections that are narrowed to one command.
struct Connector {
    endpoint: Endpoint,
    patience: Duration,
    narrow: Narrow,
}

impl Connector {
    /// A connection, and the currency of amounts on it.
    async fn open(&self) -> Result<(link::Link<Connection>, Currency), Failure> {
        let mut link = link::as_operator(&self.endpoint, self.patience).await?;
        let me = link.narrow(self.narrow.clone()).await?;
        Ok((link, me.currency))
    }

    fn changes(&self) -> bool {
        self.narrow.mode == Mode::Change
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn command(name: &str) -> Command {
        let description: Description = serde_json::from_value(describe::tests::sample()).unwrap();
        command_named(&description, name).unwrap().clone()
    }

    #[test]
    fn only_what_says_that_it_changes_may_change() {
        let table = [
            ("look", false, Mode::Read),
            ("look", true, Mode::Read),
            ("put", false, Mode::Change),
            ("put", true, Mode::DryRun),
        ];
        for (name, dry_run, expected) in table {
            assert_eq!(mode(&command(name), &Globals { dry_run, ..Globals::default() }), expected);
        }
    }
}
