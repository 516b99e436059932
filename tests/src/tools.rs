//! A copy of atmctl with plugins of a test's own, and an operator's home that has nothing of who runs the tests.

use crate::daemon::Atmd;
use crate::process::{self, Outcome};
use crate::programs::programs;
use serde_json::{Value, json};
use std::env;
use std::fs;
use std::path::PathBuf;
use std::process::Command;
use tempfile::TempDir;

/// atmctl in a folder of its own, where a test puts plugins beside it.
#[derive(Debug)]
pub struct Tools {
    folder: TempDir,
}

/// Variables that say where a home is, and their folders in it.
const HOMES: [(&str, &str); 3] =
    [("XDG_CONFIG_HOME", "config"), ("XDG_DATA_HOME", "data"), ("XDG_CACHE_HOME", "cache")];

impl Tools {
    /// With these of our own plugins, such as `blacklist`.
    ///
    /// # Panics
    /// Where they cannot be copied.
    #[must_use]
    pub fn with(plugins: &[&str]) -> Self {
        let tools = Self { folder: TempDir::with_prefix("atmctl-").expect("there is room") };
        for folder in ["bin", "home", "work"] {
            fs::create_dir(tools.folder.path().join(folder)).expect("the folder is new");
        }
        let own = plugins.iter().map(|name| format!("atmctl-{name}"));
        for name in own.chain(["atmctl".to_owned()]) {
            let mut copy = Command::new("cp");
            copy.arg(programs().path(&name)).arg(tools.beside(&name));
            let _ = process::run(copy, "").coded(0);
        }
        tools
    }

    /// A file beside atmctl.
    #[must_use]
    pub fn beside(&self, name: &str) -> PathBuf {
        self.folder.path().join("bin").join(name)
    }

    /// A file of the operator's home.
    #[must_use]
    pub fn home(&self, name: &str) -> PathBuf {
        self.folder.path().join("home").join(name)
    }

    /// A file of the folder in which atmctl is run.
    #[must_use]
    pub fn work(&self, name: &str) -> PathBuf {
        self.folder.path().join("work").join(name)
    }

    /// Puts a plugin beside atmctl; see [`script`].
    pub fn plugin(&self, name: &str, commands: &Value, does: &str) {
        write(&self.beside(&format!("atmctl-{name}")), &script(name, commands, does));
    }

    /// The same in the folder in which atmctl is run, for installing it.
    pub fn stranger(&self, name: &str, commands: &Value, does: &str) -> PathBuf {
        let path = self.work(&format!("atmctl-{name}"));
        write(&path, &script(name, commands, does));
        path
    }

    /// atmctl, not yet started.
    #[must_use]
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(self.beside("atmctl"));
        command.env_clear().env("PATH", env::var_os("PATH").unwrap_or_default());
        command.env("HOME", self.home("")).envs(HOMES.map(|(variable, name)| (variable, self.home(name))));
        command.current_dir(self.work("")).args(arguments);
        command
    }

    /// As [`command`](Self::command), as the first operator of that atmd.
    #[must_use]
    pub fn operator(&self, atmd: &Atmd, arguments: &[&str]) -> Command {
        let mut command = self.command(arguments);
        command.env("ATMCTL_SERVER", atmd.operators().to_string()).env("ATMCTL_CA", atmd.ca());
        command.env("ATMCTL_IDENTITY", atmd.root_identity());
        command
    }

    /// Runs atmctl where no atmd is needed.
    #[must_use]
    pub fn run(&self, arguments: &[&str]) -> Outcome {
        process::run(self.command(arguments), "")
    }

    /// Runs atmctl as the first operator.
    #[must_use]
    pub fn operate(&self, atmd: &Atmd, arguments: &[&str]) -> Outcome {
        process::run(self.operator(atmd, arguments), "")
    }

    /// The rows that atmctl prints, as JSON.
    ///
    /// # Panics
    /// Where it fails or prints something else.
    #[must_use]
    pub fn rows(&self, arguments: &[&str]) -> Vec<Value> {
        let json = self.run(&[arguments, &["-o", "json"]].concat()).json();
        json["data"].as_array().expect("there are rows").clone()
    }
}

/// A shell script that is a plugin: `commands` is what it says of its commands, `does` what it does.
#[must_use]
pub fn script(name: &str, commands: &Value, does: &str) -> String {
    let description =
        json!({ "protocol": 1, "name": name, "version": "1", "summary": "Tests", "commands": commands });
    format!("#!/bin/sh\ncase $1 in --atmctl-describe) echo '{description}'; exit;; esac\n{does}\n")
}

/// Writes a program.
///
/// Another process does it: what this one has open for writing, another thread's child may hold for a moment, and
/// then it cannot be run.
pub fn write(path: &std::path::Path, text: &str) {
    let mut command = Command::new("sh");
    command.args(["-c", "cat > \"$0\" && chmod 755 \"$0\""]).arg(path);
    let _ = process::run(command, text).coded(0);
}

/// One command `go`, which prints rows with a number `n` and needs no atmd.
#[must_use]
pub fn counting() -> Value {
    going("none", &[("n", "number")])
}

/// One command `go`, which prints rows with these columns.
#[must_use]
pub fn going(connection: &str, columns: &[(&str, &str)]) -> Value {
    let columns: Vec<Value> =
        columns.iter().map(|(name, kind)| json!({ "name": name, "kind": kind })).collect();
    json!([{ "name": "go", "summary": "Goes", "connection": connection, "output": "rows",
        "capabilities": ["status:read"], "schema": { "name": "test.go/1", "columns": columns } }])
}
