//! atmd as a service: what it says when it starts, why it does not, how it stops, what it leaves on the disk,
//! and what it tells nobody.

mod secrets;
mod start;
mod stop;
mod supervised;

use atm_tests::daemon::Atmd;
use atm_tests::process::{self, Outcome};
use atm_tests::wait::{self, eventually};
use rustix::process::{Pid, Signal, kill_process};
use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::thread;

/// What atmd ends with where its configuration or files are not right.
const CONFIGURATION: i32 = 78;

/// An atmd on a stopped one's data and ports, whose stdout and signals are the test's.
struct Running {
    child: Child,
    stdout: mpsc::Receiver<String>,
}

impl Running {
    /// Starts it, and gives what it said until it served.
    fn start(atmd: &Atmd) -> (Self, Vec<String>) {
        Self::from(on_its_ports(atmd), atmd)
    }

    fn from(mut command: Command, atmd: &Atmd) -> (Self, Vec<String>) {
        let errors = File::options().create(true).append(true).open(stderr(atmd)).unwrap();
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(errors);
        let mut child = command.spawn().unwrap();
        let (sender, stdout) = mpsc::channel();
        let lines = BufReader::new(child.stdout.take().unwrap());
        thread::spawn(move || lines.lines().map_while(Result::ok).for_each(|line| drop(sender.send(line))));
        let running = Self { child, stdout };
        let mut said = Vec::new();
        while said.last().is_none_or(|line: &String| !line.starts_with("atmd ready: ")) {
            let line = running.stdout.recv_timeout(wait::PATIENCE);
            said.push(line.unwrap_or_else(|_| panic!("{said:?}\n{}", read(&stderr(atmd)))));
        }
        (running, said)
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    fn runs(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// Waits for its end, and gives what it said since.
    fn wait(mut self) -> (ExitStatus, Vec<String>) {
        let status = wait::exit(&mut self.child, wait::PATIENCE).expect("it ends");
        (status, self.stdout.iter().collect())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        process::end(&mut self.child);
    }
}

fn on_its_ports(atmd: &Atmd) -> Command {
    let mut command = atmd.command(&[]);
    command.arg("--set").arg(format!("server.port={}", atmd.customers().port()));
    command.arg("--set").arg(format!("operator.listen={}", atmd.operators()));
    command
}

/// Tries to start a stopped atmd where it should not.
fn refused(command: Command) -> Outcome {
    let outcome = process::run(command, "").coded(CONFIGURATION);
    assert_eq!(outcome.stdout, "", "{outcome}");
    assert!(outcome.stderr.starts_with("atmd: "), "{outcome}");
    outcome
}

fn folder(atmd: &Atmd) -> PathBuf {
    atmd.data().parent().unwrap().to_owned()
}

fn stderr(atmd: &Atmd) -> PathBuf {
    folder(atmd).join("stderr")
}

fn read(file: &Path) -> String {
    fs::read_to_string(file).unwrap_or_default()
}

/// Waits until the log says something that was not `before` in it.
fn logged(atmd: &Atmd, before: &str, words: &str) {
    eventually(&format!("the log says {words:?}"), || {
        let log = atmd.log();
        let new = log.get(before.len()..).unwrap_or_default();
        if new.contains(words) { Ok(()) } else { Err(log) }
    });
}
