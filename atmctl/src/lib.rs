//! What an operator runs: a small host for plugins.
//!
//! - `arguments`: the command line of the core, and options that go with every command.
//! - `settings`, `identity`, `link`: where atmd is, who asks, and the connection.
//! - `commands`: the core's own commands.
//! - `plugins`: find, describe, narrow, launch, relay. It knows no plugin by name.
//! - `render`: rows as table, JSON or CSV. `color`: what little is coloured.
//! - `completion`: what a shell offers while somebody types.
//!
//! Data goes to stdout, everything else to stderr. Policy is not here: atmd decides.

mod arguments;
mod color;
mod commands;
mod completion;
mod identity;
mod link;
pub mod manual;
pub mod plugins;
mod render;
mod settings;
mod stop;
#[cfg(test)]
mod tests;

use arguments::{Core, Globals};
use atm_rpc::plugin::{Code, Failure};
use color::{Color, NO_COLOR};
use plugins::discover::Found;
use plugins::sandbox::launcher;
use settings::{Files, Manner, Settings};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::{self, BufRead, IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use stop::Stop;

/// What the program has around it.
pub struct Io {
    /// Answers to questions.
    pub stdin: Box<dyn BufRead>,
    /// Data.
    pub stdout: Box<dyn Write>,
    /// Everything else.
    pub stderr: Box<dyn Write>,
    /// Whether a person can be asked.
    pub stdin_is_terminal: bool,
    /// Whether a person reads the data.
    pub stdout_is_terminal: bool,
    /// Whether a person reads what is not data.
    pub stderr_is_terminal: bool,
    /// The variables that are text.
    pub environment: BTreeMap<String, String>,
    /// This program.
    pub program: PathBuf,
}

impl Io {
    /// That of this process.
    #[must_use]
    pub fn of_process() -> Self {
        let text = |(key, value): (OsString, OsString)| key.into_string().ok().zip(value.into_string().ok());
        let program = std::env::current_exe().and_then(|path| path.canonicalize());
        Self {
            stdin: Box::new(io::stdin().lock()),
            stdout: Box::new(io::stdout().lock()),
            stderr: Box::new(io::stderr()),
            stdin_is_terminal: io::stdin().is_terminal(),
            stdout_is_terminal: io::stdout().is_terminal(),
            stderr_is_terminal: io::stderr().is_terminal(),
            environment: std::env::vars_os().filter_map(text).collect(),
            program: program.unwrap_or_default(),
        }
    }

    /// Whether what goes to such a stream is coloured.
    fn paints(&self, color: Color, is_terminal: bool) -> bool {
        let dumb = self.environment.get("TERM").is_some_and(|name| name == "dumb");
        color.paints(is_terminal, dumb)
    }

    /// Lets plugins, which look at the variable, do as the person said who may have used the flag.
    fn pass_on(&mut self, color: Color) {
        match color {
            Color::Auto => {}
            Color::Always => drop(self.environment.remove(NO_COLOR)),
            Color::Never => drop(self.environment.insert(NO_COLOR.to_owned(), "1".to_owned())),
        }
    }
}

/// Does what the arguments say, the program's name first.
pub fn run(arguments: Vec<OsString>, io: &mut Io) -> ExitCode {
    if let [_, word, rest @ ..] = arguments.as_slice()
        && word == launcher::WORD
    {
        return launcher::run(rest);
    }
    if let Some(code) = completion::answer(&arguments, io) {
        return code;
    }
    let arguments = arguments::with_help_last(arguments);
    let files = Files::read(&io.environment);
    let manner = Manner::of(&arguments, &io.environment, files.as_ref().ok());
    io.pass_on(manner.color);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure::new(Code::Failed, error).into());
    let result = runtime.and_then(|runtime| runtime.block_on(dispatch(&arguments, files, io)));
    let result = result.and_then(|code| Ok(io.stdout.flush().map(|()| code)?));
    ExitCode::from(result.unwrap_or_else(|stop| stop.tell(io, manner)))
}

/// `files` may be broken as long as only help is asked for.
async fn dispatch(arguments: &[OsString], files: Result<Files, Failure>, io: &mut Io) -> Result<u8, Stop> {
    let found = plugins::discover::around(io);
    let (globals, core) = match arguments::parse(arguments, &found)? {
        arguments::Parsed::Core(globals, core) => (globals, core),
        arguments::Parsed::Plugin(name) => {
            return plugins::run(&name, arguments, files, &found, io).await;
        }
        arguments::Parsed::Help => {
            let known = plugins::index::all(&found, io).await;
            let listed = known.iter().filter(|plugin| plugin.found.is_available()).map(|plugin| {
                let broken = "cannot be used: see atmctl plugin list";
                let summary = plugin.description.as_ref().map_or(broken, |told| told.summary.as_str());
                (plugin.found.name.as_str(), summary)
            });
            return Err(arguments::help(arguments, &listed.collect::<Vec<_>>()));
        }
    };
    let settings = Settings::resolve(&globals, &io.environment, &files?)?;
    tokio::select! {
        biased;
        over = settings.over() => Err(over.into()),
        result = do_core(core, &globals, &settings, &found, io) => result,
    }
}

async fn do_core(
    core: Core,
    globals: &Globals,
    settings: &Settings,
    found: &[Found],
    io: &mut Io,
) -> Result<u8, Stop> {
    match core {
        Core::Status => commands::status::run(settings, io).await,
        Core::Api { method, body } => {
            commands::api::run(&method, body.as_deref(), globals, settings, io).await
        }
        Core::Plugin(command) => commands::plugin::run(command, globals, settings, found, io).await,
        Core::Config(arguments::Config::Show { origin }) => commands::config::show(origin, settings, io),
        Core::Config(arguments::Config::Check) => commands::config::check(settings, io),
        Core::Completion { shell } => commands::completion::run(shell, globals, io),
        Core::Man { out } => commands::man::run(&out, found, settings, io).await,
        Core::Version => commands::version::run(settings, io),
    }
}
