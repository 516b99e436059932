//! The command line of atmd, and the one place that turns a failure into a message and an exit code.

use crate::clock::Clock;
use crate::config::load::{ConfigErrors, Loaded};
use crate::config::{Backend, Config, Source};
use crate::daemon::{self, StartError};
use crate::pki::{self, Pki, PkiError, Step, Which};
use crate::store::{Failure, OpenError};
use clap::{Args, CommandFactory, Parser, Subcommand};
use std::ffi::OsString;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

/// Try again: another atmd has the data, or the disk does not answer.
const TEMPORARY: u8 = 75;
/// The configuration or the files that atmd needs are not right.
const CONFIGURATION: u8 = 78;
/// Something failed inside.
const SOFTWARE: u8 = 70;

/// The daemon of the ATM system.
#[derive(Debug, Parser)]
#[command(name = "atmd", version, about, after_help = AFTER_HELP)]
struct Arguments {
    /// Configuration file [default: the first of $ATMD_CONFIG, ./config.ini, /etc/atm/config.ini]
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// A value that goes before the file's and the environment's; may be given several times
    #[arg(long = "set", global = true, value_name = "SECTION.KEY=VALUE", value_parser = assignment)]
    overrides: Vec<(String, String)>,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve (what atmd does without a command)
    Run,
    /// Check or show the configuration
    Config {
        #[command(subcommand)]
        command: ConfigCommand,
    },
    /// Bring the database's schema up to date; a running atmd on SQLite does it at its start
    Migrate,
    /// The bank's certificates: what there is, newer ones, another CA; safe beside a running atmd
    Pki {
        #[command(subcommand)]
        command: PkiCommand,
    },
    /// Bring a restored bank into a database that has none
    Load {
        /// The database of the backup [default: restored.db of the data directory]
        file: Option<PathBuf>,
    },
}

#[derive(Debug, Subcommand)]
enum PkiCommand {
    /// Show the certificates of the CA, of root, and of the site, and when they end
    Show,
    /// Renew the certificates of the CA and of root where they end soon; their keys stay
    Renew {
        /// Also where they do not end soon
        #[arg(long)]
        all: bool,
    },
    /// Put another CA in the place of the one that there is, in steps between which everybody goes on
    Rotate(RotateStep),
}

#[derive(Args, Debug)]
#[group(required = true, multiple = false)]
struct RotateStep {
    /// Make the new CA: from now on both are trusted
    #[arg(long)]
    begin: bool,
    /// Take the old CA out, when terminals and operators have what they need
    #[arg(long)]
    finish: bool,
    /// Go back to the old CA alone
    #[arg(long)]
    cancel: bool,
}

impl RotateStep {
    fn step(&self) -> Step {
        match self {
            Self { begin: true, .. } => Step::Begin,
            Self { finish: true, .. } => Step::Finish,
            Self { .. } => Step::Cancel,
        }
    }
}

#[derive(Debug, Subcommand)]
enum ConfigCommand {
    /// Say whether the configuration is valid
    Check,
    /// Show every key with the value that holds; passwords are hidden
    Show {
        /// Say who gave each value
        #[arg(long)]
        origin: bool,
    },
}

const AFTER_HELP: &str = "\
Every key of the configuration can be given as an environment variable, such as
ATMD_SERVER_PORT=65432, and as a flag, such as --set server.port=65432.

Exit codes: 0 done, 2 usage, 70 failed inside, 75 try again, 78 configuration.";

fn assignment(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if key.contains('.') => Ok((key.trim().to_owned(), value.trim().to_owned())),
        _ => Err("write SECTION.KEY=VALUE, such as server.port=65432".into()),
    }
}

/// The command line, for the manual and for shells.
#[must_use]
pub fn command() -> clap::Command {
    Arguments::command()
}

/// Runs atmd with these arguments in this environment.
#[must_use]
pub fn run(arguments: impl IntoIterator<Item = OsString>, environment: Vec<(String, String)>) -> ExitCode {
    let arguments = match Arguments::try_parse_from(arguments) {
        Ok(arguments) => arguments,
        Err(error) => {
            // Help and version are no failures, and a closed pipe is none either.
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    let source = Source { file: arguments.config, environment, overrides: arguments.overrides };
    let loaded = match source.read() {
        Ok(loaded) => loaded,
        Err(ConfigErrors { problems }) => return fail(&problems, CONFIGURATION),
    };
    match arguments.command.unwrap_or(Command::Run) {
        Command::Run => report(&loaded, daemon::run(&source, &loaded)),
        Command::Migrate => report(&loaded, daemon::migrate(&loaded.config)),
        Command::Pki { command } => match pki_command(&loaded.config, &command) {
            Ok(text) => say(&text),
            Err(error @ PkiError::Busy(_)) => fail(&[error.to_string()], TEMPORARY),
            Err(error) => fail(&[error.to_string()], CONFIGURATION),
        },
        Command::Load { file } => report(&loaded, daemon::load(&loaded.config, file.as_deref())),
        Command::Config { command: ConfigCommand::Check } => say(&match &loaded.file {
            Some(file) => format!("{} is valid\n", file.display()),
            None => "the configuration is valid; there is no file\n".to_owned(),
        }),
        Command::Config { command: ConfigCommand::Show { origin: false } } => say(&loaded.show()),
        Command::Config { command: ConfigCommand::Show { origin: true } } => say(&loaded.show_with_origin()),
    }
}

fn pki_command(config: &Config, command: &PkiCommand) -> Result<String, PkiError> {
    let pki = Pki::of_bank(&config.server.data_dir, Clock::System)?;
    match command {
        PkiCommand::Show => pki::show(&pki, config),
        PkiCommand::Renew { all } => pki.renew(if *all { Which::All } else { Which::Ending }),
        PkiCommand::Rotate(step) => pki.rotate(step.step()),
    }
}

fn report(loaded: &Loaded, result: Result<(), StartError>) -> ExitCode {
    let Err(error) = result else { return ExitCode::SUCCESS };
    let code = match &error {
        StartError::Listen { .. }
        | StartError::DataDir { .. }
        | StartError::Log(_)
        | StartError::DatabaseGone { .. }
        | StartError::HalfRestored(_)
        | StartError::NotLoaded(_)
        | StartError::OpenFiles { .. }
        | StartError::Pki(_)
        | StartError::Secrets(_)
        | StartError::Open(
            OpenError::NewerSchema(_)
            | OpenError::Unmigrated(_)
            | OpenError::Refused(_)
            | OpenError::Denied(_)
            | OpenError::Currency { .. }
            | OpenError::Unfit(_)
            | OpenError::File { .. },
        ) => CONFIGURATION,
        StartError::Open(OpenError::Database(error)) if error.failure == Failure::Fatal => SOFTWARE,
        StartError::Open(OpenError::InUse(_) | OpenError::Unreachable(_) | OpenError::Database(_)) => {
            TEMPORARY
        }
        StartError::Threads(_) | StartError::Founding(_) | StartError::Ended(_) => SOFTWARE,
    };
    let at_fault = match &error {
        StartError::Listen { section, key, .. } => Some((*section, *key)),
        StartError::DataDir { .. } => Some(("server", "data_dir")),
        StartError::DatabaseGone { .. } | StartError::Open(OpenError::Database(_)) => {
            let sqlite = loaded.config.database.backend == Backend::Sqlite;
            Some(("database", if sqlite { "path" } else { "backend" }))
        }
        _ => None,
    };
    let place = at_fault.and_then(|(section, name)| {
        let setting = loaded.settings.iter().find(|s| s.key.section == section && s.key.name == name)?;
        Some(format!("{}: [{section}] {name} = {:?}: ", setting.origin, setting.value))
    });
    fail(&[format!("{}{error}", place.unwrap_or_default())], code)
}

fn fail(messages: &[String], code: u8) -> ExitCode {
    messages.iter().for_each(|message| complain(message));
    ExitCode::from(code)
}

/// Writes to stderr. Where that is closed, the exit code has to do.
pub(crate) fn complain(message: &str) {
    let _ = writeln!(io::stderr().lock(), "atmd: {message}");
}

/// Writes to stdout. A reader that left early is no failure.
pub(crate) fn say(text: &str) -> ExitCode {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => ExitCode::FAILURE,
        _ => ExitCode::SUCCESS,
    }
}
