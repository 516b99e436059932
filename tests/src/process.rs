//! Running a program to its end, with what it is told and what it says.

use crate::wait;
use std::fmt;
use std::io::{Read, Write};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// What a program said and how it ended.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// Its exit code; `None` where a signal ended it.
    pub code: Option<i32>,
    /// What it wrote to stdout.
    pub stdout: String,
    /// What it wrote to stderr.
    pub stderr: String,
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "exit code {:?}\nstdout:\n{}\nstderr:\n{}", self.code, self.stdout, self.stderr)
    }
}

impl Outcome {
    /// Itself, where the program ended with that code.
    ///
    /// # Panics
    /// With all it said where it did not.
    #[must_use]
    pub fn coded(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{self}");
        self
    }

    /// The JSON on its stdout, of a program that ended with 0.
    ///
    /// # Panics
    /// Where it ended otherwise, or wrote something else.
    #[must_use]
    pub fn json(&self) -> serde_json::Value {
        assert_eq!(self.code, Some(0), "{self}");
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("no JSON: {error}\n{self}"))
    }
}

/// Starts a program, gives it `input`, and waits until it ended.
///
/// # Panics
/// Where it cannot be started or does not end in time.
pub fn run(command: Command, input: &str) -> Outcome {
    run_within(wait::PATIENCE, command, input)
}

/// The same for a program that takes longer, when the machine has other work as well.
///
/// # Panics
/// Where it cannot be started or does not end within that time.
pub fn run_within(patience: Duration, mut command: Command, input: &str) -> Outcome {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let told = child.stdin.take().map(|mut stdin| {
        let input = input.to_owned();
        // One that ends before it read all is no failure of ours.
        thread::spawn(move || drop(stdin.write_all(input.as_bytes())))
    });
    let (stdout, stderr) = (collect(child.stdout.take()), collect(child.stderr.take()));
    let status = wait::exit(&mut child, patience);
    if status.is_none() {
        end(&mut child);
    }
    let join = |thread: JoinHandle<String>| thread.join().unwrap();
    let outcome =
        Outcome { code: status.and_then(|status| status.code()), stdout: join(stdout), stderr: join(stderr) };
    if let Some(told) = told {
        told.join().unwrap();
    }
    assert!(status.is_some(), "{command:?} did not end:\n{outcome}");
    outcome
}

/// The processor time that a process has used, in both modes and all its threads: proc(5), to a hundredth of a
/// second.
///
/// # Panics
/// Where there is no such process.
#[must_use]
pub fn processor_time(pid: u32) -> Duration {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).expect("the process is there");
    // The name in brackets may have anything in it; the fields behind it are counted from 3.
    let fields = stat.rsplit_once(')').expect("a process has a name").1;
    let ticks =
        fields.split_whitespace().skip(11).take(2).map(|field| field.parse::<u64>().expect("a number"));
    Duration::from_millis(ticks.sum::<u64>() * 1_000 / rustix::param::clock_ticks_per_second())
}

/// A time to sleep that no other test has, by which the processes of one are found.
#[must_use]
pub fn mark() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    format!("600.{:07}{:03}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}

/// The processes with that word on their command line, in the order of their ids. One that ended, and for whom
/// nobody has asked yet, has no command line.
///
/// # Panics
/// Where the system does not tell.
#[must_use]
pub fn running(word: &str) -> Vec<u32> {
    let entries = std::fs::read_dir("/proc").expect("there are processes").flatten();
    let ids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let has = |id: &u32| {
        let line = std::fs::read(format!("/proc/{id}/cmdline")).unwrap_or_default();
        line.split(|byte| *byte == 0).any(|part| part == word.as_bytes())
    };
    let mut ids: Vec<u32> = ids.filter(has).collect();
    ids.sort_unstable();
    ids
}

/// The processes that a process's first thread started, and that have not ended.
///
/// # Panics
/// Where the system does not tell.
#[must_use]
pub fn children(of: u32) -> Vec<u32> {
    let list = std::fs::read_to_string(format!("/proc/{of}/task/{of}/children")).unwrap_or_default();
    list.split_whitespace().map(|id| id.parse().expect("an id is a number")).collect()
}

/// Ends a process at once, if it did not end yet.
pub fn end(child: &mut Child) {
    drop(child.kill());
    drop(child.wait());
}

fn collect(stream: Option<impl Read + Send + 'static>) -> JoinHandle<String> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(mut stream) = stream {
            drop(stream.read_to_end(&mut bytes));
        }
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

/// Whether a text stands anywhere in a JSON value, as a string or as a number.
#[must_use]
pub fn mentions(value: &serde_json::Value, text: &str) -> bool {
    match value {
        serde_json::Value::Array(items) => items.iter().any(|item| mentions(item, text)),
        serde_json::Value::Object(fields) => fields.values().any(|field| mentions(field, text)),
        serde_json::Value::String(string) => string == text,
        serde_json::Value::Number(number) => number.to_string() == text,
        serde_json::Value::Bool(_) | serde_json::Value::Null => false,
    }
}
