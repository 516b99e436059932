//! The yardstick: PostgreSQL on data of its own, and pgbench beside it.

use crate::need::need;
use crate::process::{self, Outcome};
use crate::wait;
use rustix::process::{Pid, Signal, geteuid, kill_process};
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use tempfile::TempDir;

/// Who runs PostgreSQL where we are root, which it refuses: nobody.
const NOBODY: u32 = 65_534;

/// PostgreSQL with its own defaults, filled by pgbench with one branch. It ends when this is dropped.
#[derive(Debug)]
pub struct Yardstick {
    folder: TempDir,
    pgbench: PathBuf,
    server: Child,
}

impl Yardstick {
    /// Starts it; `None` where the machine lacks a program for it.
    ///
    /// # Panics
    /// With what the programs said where they fail.
    #[must_use]
    pub fn start() -> Option<Self> {
        let [initdb, postgres, pgbench] = ["initdb", "postgres", "pgbench"].map(need);
        let (initdb, postgres, pgbench) = (initdb?, postgres?, pgbench?);
        let folder = TempDir::with_prefix("yardstick-").expect("a temporary folder can be made");
        if geteuid().is_root() {
            chown(folder.path(), Some(NOBODY), Some(NOBODY)).expect("root gives folders away");
        }
        let data = folder.path().join("data");
        let mut init = as_nobody(&initdb, folder.path());
        init.args(["--no-sync", "--auth=trust", "--username=bank", "--encoding=UTF8", "-D"]).arg(&data);
        drop(process::run(init, "").coded(0));
        let mut serve = as_nobody(&postgres, folder.path());
        serve.arg("-D").arg(&data).arg("-k").arg(folder.path()).args(["-c", "listen_addresses="]);
        serve.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let server = serve.spawn().expect("postgres can be started");
        let yardstick = Self { folder, pgbench, server };
        wait::eventually("postgres takes pgbench's tables", || {
            let filled = yardstick.run(&["--initialize", "--scale=1", "--quiet"], Duration::ZERO);
            if filled.code == Some(0) { Ok(()) } else { Err(filled.to_string()) }
        });
        Some(yardstick)
    }

    /// Transactions a second of the built-in `tpcb-like`, with so many clients.
    ///
    /// # Panics
    /// With what pgbench said where it failed.
    #[must_use]
    pub fn tpcb_like(&self, clients: u32, length: Duration) -> f64 {
        let (clients, seconds) = (format!("--client={clients}"), format!("--time={}", length.as_secs()));
        let threads = if clients == "--client=1" { "--jobs=1" } else { "--jobs=2" };
        let arguments =
            ["--builtin=tpcb-like", "--protocol=prepared", "--no-vacuum", &clients, threads, &seconds];
        let outcome = self.run(&arguments, length).coded(0);
        tps(&outcome.stdout).unwrap_or_else(|| panic!("pgbench tells no rate: {outcome}"))
    }

    fn run(&self, arguments: &[&str], length: Duration) -> Outcome {
        assert!(length < wait::PATIENCE / 2, "{length:?} is longer than a program is waited for");
        let mut command = as_nobody(&self.pgbench, self.folder.path());
        command.arg("--host").arg(self.folder.path()).arg("--username=bank").args(arguments).arg("postgres");
        process::run(command, "")
    }
}

impl Drop for Yardstick {
    fn drop(&mut self) {
        // SIGINT is its 'fast' shutdown: it ends its children before itself.
        let asked = kill_process(Pid::from_child(&self.server), Signal::INT);
        if asked.is_err() || wait::exit(&mut self.server, wait::PATIENCE).is_none() {
            process::end(&mut self.server);
        }
    }
}

fn as_nobody(program: &Path, folder: &Path) -> Command {
    let mut command = Command::new(program);
    command.env_clear().env("LC_ALL", "C.UTF-8").env("PATH", std::env::var_os("PATH").unwrap_or_default());
    command.current_dir(folder);
    if geteuid().is_root() {
        command.uid(NOBODY).gid(NOBODY);
    }
    command
}

/// Reads `tps = 1530.123456 (without initial connection time)`.
fn tps(said: &str) -> Option<f64> {
    let rest = said.lines().find_map(|line| line.strip_prefix("tps = "))?;
    rest.split(' ').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_rate_that_pgbench_tells() {
        let said = "latency average = 1.2 ms\ntps = 1530.5 (without initial connection time)\n";
        assert_eq!(tps(said), Some(1530.5));
        assert_eq!(tps("pgbench: error"), None);
    }
}
