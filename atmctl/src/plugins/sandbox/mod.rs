//! What a plugin can reach: the files that its run needs and nothing else of the system.
//!
//! - `files`: Landlock. Files, and signals to processes that are not its own.
//! - `calls`: seccomp. The network, other processes, and the terminal's input.
//! - `start`, `launcher`: this program once more, which takes these rights from itself and becomes the plugin.
//!
//! Both are for good, for the plugin and all that it starts. What the kernel lacks is missing, and told.

mod calls;
mod files;
pub(crate) mod launcher;
pub(crate) mod start;

use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// What the launcher is told. Paths that do not exist are left out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Policy {
    /// Files and folders to read and to run programs from.
    pub(crate) run: Vec<PathBuf>,
    /// Files and folders to read.
    pub(crate) read: Vec<PathBuf>,
    /// Files to read and write, not to make.
    pub(crate) write: Vec<PathBuf>,
    /// Folders to do anything in but to run programs.
    pub(crate) own: Vec<PathBuf>,
    /// Whether it may dial by IP.
    pub(crate) network: bool,
}

/// What every program needs to run at all.
const RUN: [&str; 6] = ["/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64"];
const READ: [&str; 2] = ["/etc/ld.so.cache", "/etc/localtime"];
const WRITE: [&str; 2] = ["/dev/null", "/dev/tty"];
/// What finding the address of a name needs.
const NAMES: [&str; 4] = ["/etc/hosts", "/etc/resolv.conf", "/etc/nsswitch.conf", "/etc/host.conf"];

impl Policy {
    /// For a program that is to run and to do nothing else; `program` is its file or folder.
    pub(crate) fn bare(program: &Path) -> Self {
        let paths = |paths: &[&str]| paths.iter().map(PathBuf::from).collect();
        let mut run: Vec<PathBuf> = paths(&RUN);
        run.push(program.to_path_buf());
        Self { run, read: paths(&READ), write: paths(&WRITE), ..Self::default() }
    }

    /// The same with the network.
    pub(crate) fn dialling(mut self) -> Self {
        self.network = true;
        self.read.extend(NAMES.map(PathBuf::from));
        self
    }
}

/// What this system has to hold a plugin with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Available {
    /// Which files it reaches.
    pub(crate) files: bool,
    /// That it changes the length of none it may only read, and sends devices no commands.
    pub(crate) lengths: bool,
    /// That it signals only what it started.
    pub(crate) signals: bool,
    /// That it has no network, and does not look into other processes.
    pub(crate) calls: bool,
}

/// Asks the kernel.
pub(crate) fn available() -> Available {
    let (files, lengths, signals) = files::available();
    Available { files, lengths, signals, calls: calls::available() }
}

impl Available {
    /// Whether a plugin that nobody vouches for may run without a further word.
    pub(crate) const fn is_enough(self) -> bool {
        self.files && self.calls
    }

    /// In words, for a person.
    pub(crate) fn told(self, network: bool) -> String {
        let mut told = Vec::new();
        told.push(match self.files {
            true => "files: its own and those it is given (Landlock)",
            false => "files: NOT confined, for want of Landlock",
        });
        if self.files && !(self.signals && self.lengths) {
            told.push("signals or devices: NOT confined, Landlock is too old");
        }
        told.push(match (self.calls, network) {
            (true, false) => "network: none (seccomp)",
            (true, true) => "network: IP, as granted (seccomp)",
            (false, _) => "network: NOT confined, for want of seccomp",
        });
        told.join("; ")
    }
}
