//! One bash for the whole demo: commands are printed, handed to it as printed, and their output is shown
//! indented. All that it started ends with it.

use anyhow::{Context, Result, bail, ensure};
use atm_tests::{process, wait};
use rustix::process::{Pid, Signal, kill_process_group, test_kill_process_group};
use std::fs;
use std::io::{self, BufRead, BufReader, IsTerminal, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

/// Begins the line that tells how a command ended.
const ENDED: &str = "=== ended with";
/// How often a wait looks for Ctrl-C.
const GLANCE: Duration = Duration::from_millis(50);

/// Where the demo prints to.
#[derive(Debug)]
pub(crate) struct Screen {
    bold: bool,
}

impl Screen {
    /// Standard output, with bold commands where a person looks at it.
    pub(crate) fn new() -> Self {
        Self { bold: io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none() }
    }

    /// Prints a line.
    pub(crate) fn say(&mut self, line: &str) -> Result<()> {
        let mut out = io::stdout().lock();
        writeln!(out, "{line}").and_then(|()| out.flush()).context("the output is gone")
    }

    fn command(&mut self, line: &str) -> Result<()> {
        if self.bold { self.say(&format!("\x1b[1m$ {line}\x1b[0m")) } else { self.say(&format!("$ {line}")) }
    }
}

/// A bash with its own process group, in the demo's folder.
#[derive(Debug)]
pub(crate) struct Shell {
    screen: Screen,
    folder: PathBuf,
    bash: Child,
    stdin: Option<ChildStdin>,
    lines: Receiver<String>,
    interrupted: Arc<AtomicBool>,
    keep: bool,
}

impl Shell {
    /// Starts it. Nothing of the user's settings reaches the programs that it starts.
    pub(crate) fn start(folder: &Path, interrupted: Arc<AtomicBool>, screen: Screen) -> Result<Self> {
        let mut command = Command::new("bash");
        command.args(["--norc", "--noprofile"]).current_dir(folder).process_group(0);
        for (name, _) in std::env::vars_os() {
            if name.to_str().is_some_and(|name| name.starts_with("ATM") || name == "RUST_LOG") {
                command.env_remove(name);
            }
        }
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::inherit());
        let mut bash = command.spawn().context("bash cannot be started")?;
        let mut stdin = bash.stdin.take().context("bash has no input")?;
        let stdout = BufReader::new(bash.stdout.take().context("bash has no output")?);
        stdin.write_all(b"exec 2>&1\n")?;
        let (sender, lines) = mpsc::channel();
        thread::spawn(move || {
            for line in stdout.lines().map_while(io::Result::ok) {
                if sender.send(line).is_err() {
                    break;
                }
            }
        });
        let folder = folder.to_owned();
        Ok(Self { screen, folder, bash, stdin: Some(stdin), lines, interrupted, keep: false })
    }

    /// The folder that the demo is in.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Prints a line of its own, with a free line before it.
    pub(crate) fn title(&mut self, text: &str) -> Result<()> {
        self.screen.say("")?;
        self.screen.say(&format!("# {text}"))
    }

    /// Prints a line.
    pub(crate) fn say(&mut self, text: &str) -> Result<()> {
        self.screen.say(text)
    }

    /// Prints a command, runs it, and shows what it says; it must end with that exit code.
    pub(crate) fn run(&mut self, command: &str, code: i32) -> Result<String> {
        self.screen.command(command)?;
        let stdin = self.stdin.as_mut().context("bash was left")?;
        // The braces keep the command from reading the ones that follow.
        write!(stdin, "{{ {command}\n}} </dev/null\nprintf '\\n{ENDED} %d\\n' $?\n")?;
        let mut said = Vec::new();
        let ended = loop {
            let line = self.next_line(command)?;
            match line.strip_prefix(ENDED) {
                Some(ended) => break ended.trim().to_owned(),
                None => said.push(line),
            }
        };
        if said.last().is_some_and(String::is_empty) {
            said.pop();
        }
        for line in &said {
            self.screen.say(format!("    {line}").trim_end())?;
        }
        ensure!(ended == code.to_string(), "`{command}` ended with {ended} in place of {code}");
        Ok(said.join("\n"))
    }

    /// Waits until a file under the demo's folder has what is looked for.
    pub(crate) fn wait_for<T>(&self, file: &str, mut find: impl FnMut(&str) -> Option<T>) -> Result<T> {
        let deadline = Instant::now() + wait::PATIENCE;
        loop {
            let text = fs::read_to_string(self.folder.join(file)).unwrap_or_default();
            if let Some(found) = find(&text) {
                return Ok(found);
            }
            self.go_on(deadline, &format!("{file} does not come to what is expected; it has:\n{text}"))?;
            thread::sleep(GLANCE);
        }
    }

    /// Lets what the shell started run on after the demo.
    pub(crate) const fn leave_running(&mut self) {
        self.keep = true;
    }

    fn next_line(&self, command: &str) -> Result<String> {
        let deadline = Instant::now() + wait::PATIENCE;
        loop {
            match self.lines.recv_timeout(GLANCE) {
                Ok(line) => return Ok(line),
                Err(RecvTimeoutError::Timeout) => {
                    self.go_on(deadline, &format!("`{command}` does not end"))?
                }
                Err(RecvTimeoutError::Disconnected) => bail!("`{command}` ended the shell"),
            }
        }
    }

    fn go_on(&self, deadline: Instant, otherwise: &str) -> Result<()> {
        ensure!(!self.interrupted.load(Ordering::Relaxed), "interrupted");
        ensure!(Instant::now() < deadline, "{otherwise}");
        Ok(())
    }
}

impl Drop for Shell {
    fn drop(&mut self) {
        drop(self.stdin.take());
        let group = Pid::from_child(&self.bash);
        if !self.keep {
            let _ = kill_process_group(group, Signal::TERM);
        }
        if wait::exit(&mut self.bash, wait::PATIENCE).is_none() {
            process::end(&mut self.bash);
        }
        if !self.keep {
            end_group(group);
        }
    }
}

/// Waits until nobody of a process group that was told to end is left: they write to the demo's folder.
fn end_group(group: Pid) {
    let deadline = Instant::now() + wait::PATIENCE;
    while test_kill_process_group(group).is_ok() {
        if Instant::now() > deadline {
            let _ = kill_process_group(group, Signal::KILL);
            return;
        }
        thread::sleep(GLANCE);
    }
}
