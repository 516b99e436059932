//! `atmctl plugin test`: whether a plugin does what it says of itself. It is run in the sandbox, with somebody at the
//! other end of its connection who plays atmd; nothing is changed anywhere.

mod run;
mod samples;
mod stand_in;

use super::around::{Folders, cache_folder};
use super::ask::ask;
use super::process::end_orphans;
use super::program::Program;
use super::sandbox::Policy;
use super::{command_named, parser, paths};
use crate::Io;
use crate::stop::Stop;
use atm_rpc::operator::Mode;
use atm_rpc::plugin::{Argument, Code, Command, Connection, Description, Failure, Form, Kind, Output, words};
use run::{Other, Ran, Run};
use std::path::Path;
use std::time::Duration;

/// How long a run may take. Each has nothing to wait for.
const LIMIT: Duration = Duration::from_secs(5);

/// One thing that was tried.
#[derive(Debug)]
pub(crate) struct Check {
    pub(crate) command: Option<String>,
    pub(crate) what: &'static str,
    /// `None`: it is as it should be.
    pub(crate) finding: Option<String>,
}

/// Tries a file.
pub(crate) async fn test(file: &Path, unsandboxed: bool, io: &Io) -> Result<Vec<Check>, Failure> {
    let program = Program::copied(file)
        .map_err(|error| Failure::new(Code::Failed, format!("{} cannot be read: {error}", file.display())))?;
    super::held(&file.display().to_string(), unsandboxed)?;
    let first = ask(&program, file, None).await;
    let again = ask(&program, file, None).await;
    end_orphans();
    let described = |finding: Option<String>| Check { command: None, what: "describes itself", finding };
    let description = match first {
        Ok(description) => description,
        Err(failure) => return Ok(vec![described(Some(failure.message))]),
    };
    let differs = again.as_ref() != Ok(&description);
    let mut checks = vec![described(differs.then(|| "it says something else each time".to_owned()))];
    let subject = Subject { program, file, description: &description, io };
    for command in &description.commands {
        subject.command(command, &mut checks).await?;
    }
    if let Some(cache) = cache_folder(&subject.name(), io) {
        // Where there was none, there is nothing to take away.
        let _ = std::fs::remove_dir_all(cache);
    }
    Ok(checks)
}

struct Subject<'a> {
    program: Program,
    file: &'a Path,
    description: &'a Description,
    io: &'a Io,
}

impl Subject<'_> {
    /// Under which it keeps things: not those of the plugin that is in use.
    fn name(&self) -> String {
        format!("{}.test", self.description.name)
    }

    async fn command(&self, command: &Command, checks: &mut Vec<Check>) -> Result<(), Failure> {
        let mut add = |what, finding: Option<String>| {
            checks.push(Check { command: Some(command.name.clone()), what, finding });
        };
        let mode = if command.changes { Mode::Change } else { Mode::Read };
        let (mut refused, mut end, mut output, mut frames, mut oversteps) = (None, None, None, None, None);
        let mut calls = 0_u64;
        for words in self.lines(command) {
            let ran = match self.run(command, &words, mode, Other::Answers).await {
                Ok((ran, _)) => ran,
                Err(Stop::Failed(failure)) => {
                    refused = refused.or(Some(format!("{}: {}", words.join(" "), failure.message)));
                    continue;
                }
                Err(_) => continue,
            };
            calls = calls.saturating_add(ran.seen.calls);
            // What is in files of its own making is not described.
            let takes_files = command.arguments.iter().any(is_path);
            let usage = ran.told.as_ref().filter(|told| told.code == Code::Usage && !takes_files);
            let usage = usage.map(|told| format!("it refuses {}: {}", words.join(" "), told.message));
            refused = refused.or(usage);
            end = end.or_else(|| ran.end(command, LIMIT));
            frames = frames.or_else(|| ran.seen.frames.first().cloned());
            oversteps = oversteps.or_else(|| ran.seen.oversteps.first().cloned());
            output = output.or(ran.output);
        }
        add("takes what it describes", refused);
        add("ends as it should", end);
        if command.output != Output::Raw {
            add("prints rows of its schema", output);
        }
        if command.connection == Connection::Required {
            add("speaks in frames", frames);
            add("calls what it has a right to", oversteps);
            if command.changes {
                add("changes nothing in a dry run", self.dry_run(command).await);
            }
            if calls > 0 {
                add("ends when atmd is gone", self.gone(command).await);
            }
        }
        Ok(())
    }

    /// What is wrong with a dry run.
    async fn dry_run(&self, command: &Command) -> Option<String> {
        let words = self.lines(command).into_iter().next()?;
        let (ran, written) = self.run(command, &words, Mode::DryRun, Other::Answers).await.ok()?;
        let says = |row: &serde_json::Value| row.get("dry_run").is_some_and(|says| says == false);
        if written {
            return Some("it wrote a file".to_owned());
        }
        if ran.rows.iter().any(says) {
            return Some("it says that it was none".to_owned());
        }
        ran.seen.oversteps.first().cloned().or_else(|| ran.end(command, LIMIT))
    }

    /// What is wrong with its end where nobody answers.
    async fn gone(&self, command: &Command) -> Option<String> {
        let words = self.lines(command).into_iter().next()?;
        let (ran, _) = self.run(command, &words, Mode::Read, Other::Gone).await.ok()?;
        let succeeded = ran.status.is_some_and(|status| status.success());
        let says = succeeded.then(|| "it ended with 0".to_owned());
        says.or_else(|| ran.end(command, LIMIT))
    }

    /// The words of its examples; of none, one that is made up.
    fn lines(&self, command: &Command) -> Vec<Vec<String>> {
        let examples: Vec<Vec<String>> = command.examples.iter().map(|text| words(text)).collect();
        if examples.is_empty() { vec![sample(command)] } else { examples }
    }

    /// Runs a command by what was typed; says whether it wrote a file that it was given.
    async fn run(
        &self,
        command: &Command,
        words: &[String],
        mode: Mode,
        other: Other,
    ) -> Result<(Ran, bool), Stop> {
        let name = &self.description.name;
        let line = ["atmctl", name, &command.name].into_iter().chain(words.iter().map(String::as_str));
        let matches = parser::command_line(self.description).try_get_matches_from(line);
        let matches = matches.map_err(crate::arguments::stop_of)?;
        let inner = matches.subcommand().and_then(|(_, plugin)| plugin.subcommand());
        let (command, matches) = inner
            .and_then(|(name, matches)| Some((command_named(self.description, name)?, matches)))
            .ok_or_else(|| Failure::new(Code::Usage, "no command is named"))?;
        let failed = |error: std::io::Error| Failure::new(Code::Failed, error);
        let folder = tempfile::tempdir().map_err(failed)?;
        let mut values = paths::values(command, matches)?;
        let mut written = Vec::new();
        for argument in command.arguments.iter().filter(|argument| is_path(argument)) {
            for value in values.get_mut(&argument.name).into_iter().flatten().filter(|value| *value != "-") {
                // Files of the kit's own in place of those that an example names.
                let file = folder.path().join(Path::new(value).file_name().unwrap_or_default());
                if argument.kind == Kind::PathRead && std::fs::copy(&value, &file).is_err() {
                    std::fs::write(&file, "").map_err(failed)?;
                }
                *value = file.display().to_string();
                written.extend((argument.kind == Kind::PathWrite).then_some(file));
            }
        }
        samples::supply(command, &mut values, folder.path()).map_err(failed)?;
        let folders = Folders::of(&self.name(), self.io).map_err(failed)?;
        let mut policy = Policy::bare(self.file);
        if !command.network.is_empty() {
            policy = policy.dialling();
        }
        folders.allow(&mut policy, self.io);
        let made = paths::allow(command, &values, &mut policy)?;
        let arguments = parser::arguments(command, matches, &values);
        let run = Run {
            program: &self.program,
            path: self.file,
            command,
            arguments: &arguments,
            policy,
            folders: &folders,
            mode,
            other,
            limit: LIMIT,
        };
        let ran = run.make(self.io).await?;
        let wrote = written.iter().any(|file| file.metadata().is_ok_and(|metadata| metadata.len() > 0));
        drop(made);
        Ok((ran, wrote))
    }
}

const fn is_path(argument: &Argument) -> bool {
    matches!(argument.kind, Kind::PathRead | Kind::PathWrite)
}

/// Words that a command should take: what it must be told, of the kind that it says.
fn sample(command: &Command) -> Vec<String> {
    let required = command.arguments.iter().filter(|argument| argument.required && argument.site.is_none());
    let words = required.flat_map(|argument| {
        let value = match argument.kind {
            Kind::Number => "1".to_owned(),
            Kind::Money => "1.00".to_owned(),
            Kind::Date | Kind::Day => "2030-01-31".to_owned(),
            Kind::Duration => "1h".to_owned(),
            Kind::Mobile => "0712345678".to_owned(),
            Kind::Choice => argument.choices.first().cloned().unwrap_or_default(),
            Kind::Text | Kind::Boolean | Kind::PathRead | Kind::PathWrite => "sample".to_owned(),
        };
        match argument.form {
            Form::Flag => vec![format!("--{}", argument.name), value],
            Form::Positional => vec![value],
        }
    });
    words.collect()
}
