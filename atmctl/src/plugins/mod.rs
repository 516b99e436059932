//! Commands that are plugins: find, describe, decide how far it may go, connect, launch.

pub mod describe;
pub(crate) mod discover;
pub(crate) mod index;
mod launch;
mod output;
pub mod parser;
mod process;
mod relay;
mod stamp;

use crate::Io;
use crate::arguments::{self, Globals};
use crate::link;
use crate::settings::{Files, Settings};
use crate::stop::Stop;
use atm_rpc::client::{Connection, Endpoint};
use atm_rpc::operator::{Mode, Narrow, PluginIdentity};
use atm_rpc::plugin::{self as contract, Code, Command, Description, Failure, Output};
use atm_rpc::types::money::Currency;
use clap::FromArgMatches;
use discover::Found;
use launch::Launch;
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, BufRead, Write};
use std::path::Path;
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
    let (command, matches) = chosen
        .and_then(|(name, matches)| Some((command_named(&description, name)?, matches)))
        .ok_or_else(|| Failure::new(Code::Usage, format!("{name} was given no command")))?;
    let settings = Settings::resolve(&globals, &io.environment, &files?)?;
    if command.output == Output::Raw && globals.output.is_some() {
        let text = format!("{name} {} prints what it likes: it takes no --output", command.name);
        return Err(Failure::new(Code::Usage, text).into());
    }
    let title = format!("{name} {}", command.name);
    let mode = mode(command, &globals);
    if mode == Mode::Change && command.destructive {
        consent(&title, &globals, io)?;
    }
    let connector = match command.connection {
        contract::Connection::None if mode == Mode::DryRun => {
            let text = format!("{title} changes something without atmd, and cannot just try it");
            return Err(Failure::new(Code::Usage, text).into());
        }
        contract::Connection::None => None,
        contract::Connection::Required => Some(Connector {
            endpoint: link::endpoint(&settings, io)?,
            patience: settings.limit.unwrap_or(link::PATIENCE),
            narrow: Narrow {
                mode,
                command: title.clone(),
                capabilities: command.capabilities.clone(),
                plugin: Some(identity(found, &description)?),
                ttl_ms: u64::try_from(settings.limit.unwrap_or(TTL).as_millis()).unwrap_or(u64::MAX),
            },
        }),
    };
    let arguments = parser::arguments(command, matches);
    Launch { found, command, title, arguments, settings: &settings }.run(connector, io).await
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

/// A person's yes to what cannot be undone.
fn consent(title: &str, globals: &Globals, io: &mut Io) -> Result<(), Failure> {
    if globals.yes {
        return Ok(());
    }
    if globals.no_input || !io.stdin_is_terminal || !io.stderr_is_terminal {
        let text = format!("{title} cannot be undone, and nobody can be asked");
        return Err(Failure::new(Code::Usage, text).hint("--yes says yes"));
    }
    let mut answer = String::new();
    let asked = write!(io.stderr, "{title} cannot be undone. Go on? [y/N] ")
        .and_then(|()| io.stderr.flush())
        .and_then(|()| io.stdin.read_line(&mut answer));
    asked.map_err(|error| Failure::new(Code::Usage, format!("no answer could be read: {error}")))?;
    match answer.trim().to_ascii_lowercase().as_str() {
        "y" | "yes" => Ok(()),
        _ => Err(Failure::new(Code::Failed, "nothing was done")),
    }
}

/// The plugin as the audit log has it.
fn identity(found: &Found, description: &Description) -> Result<PluginIdentity, Failure> {
    let digest = digest(&found.path).map_err(|error| {
        Failure::new(Code::Refused, format!("{} cannot be read: {error}", found.path.display()))
    })?;
    Ok(PluginIdentity { name: found.name.clone(), version: description.version.clone(), digest })
}

/// BLAKE3 of a file, in hexadecimal.
pub(crate) fn digest(path: &Path) -> io::Result<String> {
    let mut hasher = blake3::Hasher::new();
    hasher.update_reader(File::open(path)?)?;
    Ok(hasher.finalize().to_hex().to_string())
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
    use crate::tests::io;

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

    #[test]
    fn what_cannot_be_undone_needs_a_yes() {
        let ok = None;
        let table = [
            (false, false, true, "y\n", ok),
            (false, false, true, "YES\n", ok),
            (false, false, true, "n\n", Some(Code::Failed)),
            (false, false, true, "", Some(Code::Failed)),
            (true, false, false, "", ok),
            (true, true, true, "", ok),
            (false, true, true, "y\n", Some(Code::Usage)),
            (false, false, false, "y\n", Some(Code::Usage)),
        ];
        for (yes, no_input, terminal, typed, expected) in table {
            let mut io = Io { stdin_is_terminal: terminal, stderr_is_terminal: terminal, ..io(typed) };
            let globals = Globals { yes, no_input, ..Globals::default() };
            let got = consent("demo wipe", &globals, &mut io);
            assert_eq!(
                got.err().map(|failure| failure.code),
                expected,
                "{yes} {no_input} {terminal} {typed:?}"
            );
        }
    }

    #[test]
    fn a_digest_is_of_the_content() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        std::fs::write(&path, "abc").unwrap();
        assert!(digest(&path).unwrap().starts_with("6437b3ac38465133"));
    }
}
