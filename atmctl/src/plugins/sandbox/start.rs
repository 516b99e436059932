//! The host's side of the launcher: starts it, tells it what to do, and hears whether it became the plugin.

use super::launcher::{CONTROL, Order, PROGRAM, WORD};
use super::{Available, Policy};
use crate::plugins::discover::Trust;
use crate::plugins::program::Program;
use atm_rpc::plugin::FD;
use command_fds::{CommandFdExt, FdMapping};
use rustix::process::{Signal, getpid};
use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::Stdio;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::process::{Child, Command};

/// This very program, whatever its file has become since it was started.
const SELF: &str = "/proc/self/exe";

/// A plugin that is to be started.
#[derive(Debug)]
pub(crate) struct Start<'a> {
    pub(crate) program: &'a Program,
    /// Where it is installed, which is its name for itself.
    pub(crate) path: &'a Path,
    pub(crate) arguments: &'a [String],
    /// All that it sees.
    pub(crate) environment: Vec<(&'a str, String)>,
    pub(crate) policy: Policy,
    /// What this system has.
    pub(crate) available: Available,
    /// Its connection with atmd.
    pub(crate) connection: Option<UnixStream>,
    pub(crate) stdin: Stdio,
    pub(crate) stdout: Stdio,
    pub(crate) stderr: Stdio,
    /// Whether it stays in this process's group, which the terminal speaks to.
    pub(crate) shares_group: bool,
    /// Who vouches for it.
    pub(crate) trust: Trust,
}

impl Start<'_> {
    /// Comes back when the plugin itself runs. A child that is dropped is ended.
    pub(crate) async fn start(self) -> io::Result<Child> {
        let (mut control, far) = UnixStream::pair()?;
        let mut mappings =
            vec![mapping(blocking(far)?, CONTROL), mapping(self.program.descriptor()?, PROGRAM)];
        if let Some(connection) = self.connection {
            // The plugin may be written in a language that waits.
            mappings.push(mapping(blocking(connection)?, FD));
        }
        let mut command = std::process::Command::new(SELF);
        command.arg(WORD).args(self.arguments).env_clear().envs(self.environment);
        command.stdin(self.stdin).stdout(self.stdout).stderr(self.stderr);
        let mut command = Command::from(command);
        command.kill_on_drop(true);
        if !self.shares_group {
            command.process_group(0);
        }
        command.fd_mappings(mappings).map_err(io::Error::other)?;
        let child = command.spawn()?;
        // With the command goes this process's copy of the other ends.
        drop(command);
        let order = Order {
            host: getpid().as_raw_pid(),
            name: self.path.to_path_buf(),
            at_hosts_death: at_hosts_death(self.trust).as_raw(),
            is_script: self.program.is_script,
            policy: self.policy,
            must_confine: self.available.files,
        };
        // One that does not listen says why.
        let _ = control.write_all(&serde_json::to_vec(&order)?).await;
        let _ = control.shutdown().await;
        let mut error = String::new();
        control.read_to_string(&mut error).await?;
        if error.is_empty() { Ok(child) } else { Err(io::Error::other(error)) }
    }
}

/// What came with atmctl is asked to end, so that it leaves terminal and files in order; what was installed is ended.
const fn at_hosts_death(trust: Trust) -> Signal {
    match trust {
        Trust::Bundled => Signal::TERM,
        Trust::Installed => Signal::KILL,
    }
}

fn blocking(stream: UnixStream) -> io::Result<OwnedFd> {
    let stream = stream.into_std()?;
    stream.set_nonblocking(false)?;
    Ok(stream.into())
}

const fn mapping(parent_fd: OwnedFd, child_fd: i32) -> FdMapping {
    FdMapping { parent_fd, child_fd }
}
