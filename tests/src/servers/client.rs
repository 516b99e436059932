//! The machine's own client programs: what a test does to a database behind atmd's back.

use super::Engine;
use crate::process;
use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

/// How to reach a server as the one who may do all, over its local socket.
#[derive(Clone, Debug)]
pub(super) struct Client {
    pub(super) engine: Engine,
    pub(super) program: PathBuf,
    pub(super) folder: PathBuf,
    pub(super) port: u16,
}

impl Client {
    /// Rows come one a line, columns with tabs between.
    fn command(&self, database: Option<&str>) -> Command {
        let mut command = Command::new(&self.program);
        command.env_clear().env("LANG", "C.UTF-8").env("HOME", &self.folder).current_dir(&self.folder);
        if self.engine == Engine::MariaDb {
            command.args(["--no-defaults", "--user=root", "--batch", "--skip-column-names", "--unbuffered"]);
            command.arg(format!("--socket={}", self.folder.join("socket").display()));
            command.args(database);
        } else {
            command.args(["-X", "-q", "-A", "-t", "-F", "\t", "-v", "ON_ERROR_STOP=1", "-U", "postgres"]);
            command.arg("-h").arg(&self.folder).args(["-p", &self.port.to_string()]);
            command.args(["-d", database.unwrap_or("postgres")]);
        }
        command
    }

    /// Runs statements.
    ///
    /// # Errors
    /// What the program said.
    pub(super) fn run(&self, database: Option<&str>, sql: &str) -> Result<String, String> {
        let outcome = process::run(self.command(database), sql);
        if outcome.code == Some(0) { Ok(outcome.stdout) } else { Err(outcome.to_string()) }
    }

    pub(super) fn session(&self, database: &str) -> Session {
        let mut command = self.command(Some(database));
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let stdin = child.stdin.take().expect("stdin is a pipe");
        let (sender, lines) = channel();
        let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
        let errors = sender.clone();
        thread::spawn(move || {
            let lines = BufReader::new(stdout.expect("stdout is a pipe")).lines();
            lines.map_while(Result::ok).for_each(|line| drop(sender.send(Ok(line))));
        });
        thread::spawn(move || {
            let lines = BufReader::new(stderr.expect("stderr is a pipe")).lines();
            lines.map_while(Result::ok).for_each(|line| drop(errors.send(Err(line))));
        });
        Session { child, stdin, lines, asked: 0 }
    }
}

/// One connection that stays: transactions and locks are its own. It ends, and lets go of them, when dropped.
#[derive(Debug)]
pub struct Session {
    child: Child,
    stdin: ChildStdin,
    lines: Receiver<Result<String, String>>,
    asked: u32,
}

impl Session {
    /// Runs statements and waits for them.
    ///
    /// # Panics
    /// Where the server refuses one or does not answer in time.
    pub fn run(&mut self, sql: &str) -> Vec<String> {
        self.begin(sql);
        self.finish(crate::wait::PATIENCE).unwrap_or_else(|| panic!("{sql:?} is not answered"))
    }

    /// Sends statements and does not wait.
    ///
    /// # Panics
    /// Where the client program ended.
    pub fn begin(&mut self, sql: &str) {
        self.asked += 1;
        writeln!(self.stdin, "{sql};\nSELECT 'answered {}';", self.asked).expect("the client program reads");
    }

    /// Waits for what was [begun](Self::begin): its rows, or `None` where it takes longer.
    ///
    /// # Panics
    /// Where the server refuses a statement.
    pub fn finish(&mut self, within: Duration) -> Option<Vec<String>> {
        let last = format!("answered {}", self.asked);
        let mut rows = Vec::new();
        loop {
            match self.lines.recv_timeout(within).ok()? {
                Ok(line) if line == last => return Some(rows),
                Ok(line) => rows.push(line),
                Err(line) => panic!("the server refuses: {line}"),
            }
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        process::end(&mut self.child);
    }
}
