//! Running a program to its end, with what it is told and what it says.

use crate::wait;
use std::fmt;
use std::io::{Read, Write};
use std::process::{Child, Command, Stdio};
use std::thread::{self, JoinHandle};

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
pub fn run(mut command: Command, input: &str) -> Outcome {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let told = child.stdin.take().map(|mut stdin| {
        let input = input.to_owned();
        // One that ends before it read all is no failure of ours.
        thread::spawn(move || drop(stdin.write_all(input.as_bytes())))
    });
    let (stdout, stderr) = (collect(child.stdout.take()), collect(child.stderr.take()));
    let status = wait::exit(&mut child, wait::PATIENCE);
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
