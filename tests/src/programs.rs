//! The workspace's programs, built once for each process that asks. Knows cargo; knows no program.
//!
//! `cargo test` builds a package's programs for its own tests only, so the harness asks cargo for all of
//! them. Test targets, or those of benchmarks, are named together with the programs because what a test run built before is then
//! found again, instead of shared dependencies being built a second time with other features.

use std::collections::BTreeMap;
use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

/// Where the programs are.
#[derive(Debug)]
pub struct Programs {
    paths: BTreeMap<String, PathBuf>,
}

impl Programs {
    /// The file of a program.
    ///
    /// # Panics
    /// Where the workspace has no such program.
    #[must_use]
    pub fn path(&self, name: &str) -> &Path {
        let known = || self.paths.keys().cloned().collect::<Vec<_>>().join(", ");
        self.paths.get(name).unwrap_or_else(|| panic!("no program {name} was built; there are {}", known()))
    }

    /// What they are called.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.paths.keys().map(String::as_str)
    }

    /// The folder that all of them are in, so that they find each other.
    ///
    /// # Panics
    /// Where nothing was built.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.path("atmd").parent().expect("a program is in a folder")
    }
}

/// The programs; the first call builds them.
///
/// # Panics
/// With cargo's words where they cannot be built.
pub fn programs() -> &'static Programs {
    static PROGRAMS: OnceLock<Programs> = OnceLock::new();
    PROGRAMS.get_or_init(|| build().unwrap_or_else(|said| panic!("the programs cannot be built:\n{said}")))
}

/// The workspace's root.
#[must_use]
pub fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

/// Builds all programs in the profile of this one.
///
/// # Errors
/// What cargo said.
pub fn build() -> Result<Programs, String> {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| env!("CARGO").into());
    let mut command = Command::new(cargo);
    command.args(["build", "--workspace", "--bins", "--message-format=json-render-diagnostics"]);
    // Beside optimised programs there are benchmarks; the tests are not built a second time for them.
    command.args(if cfg!(debug_assertions) { &["--tests"][..] } else { &["--release", "--bench=*"] });
    for (name, _) in env::vars_os() {
        if name.to_str().is_some_and(is_about_one_package) {
            command.env_remove(name);
        }
    }
    command.current_dir(root()).stdin(Stdio::null());
    let built = command.output().map_err(|error| format!("{command:?}: {error}"))?;
    if !built.status.success() {
        return Err(String::from_utf8_lossy(&built.stderr).into_owned());
    }
    let paths = String::from_utf8_lossy(&built.stdout).lines().filter_map(executable).collect();
    Ok(Programs { paths })
}

/// Whether cargo set this variable for the package whose program or test runs here. A build script that
/// watches one of them would otherwise take it for a change, and be run again with all that follows.
fn is_about_one_package(variable: &str) -> bool {
    const PREFIXES: [&str; 4] = ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_", "CARGO_CRATE_"];
    PREFIXES.iter().any(|prefix| variable.starts_with(prefix))
        || ["OUT_DIR", "CARGO_PRIMARY_PACKAGE", "CARGO_TARGET_TMPDIR"].contains(&variable)
}

/// The program that a line of cargo's output tells of, if it tells of one.
fn executable(line: &str) -> Option<(String, PathBuf)> {
    let message: serde_json::Value = serde_json::from_str(line).ok()?;
    let is_program = message["reason"] == "compiler-artifact"
        && message["profile"]["test"] == false
        && message["target"]["kind"] == serde_json::json!(["bin"]);
    let name = message["target"]["name"].as_str()?;
    is_program.then_some((name.to_owned(), message["executable"].as_str()?.into()))
}
