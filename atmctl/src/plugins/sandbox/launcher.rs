//! This program once more, between the host and a plugin: it gives up what the plugin may not have, and
//! becomes it. A process can take rights from itself alone, and nothing may run before it did.

use super::{Policy, calls, files};
use atm_rpc::plugin::Code;
use rustix::io::{FdFlags, fcntl_setfd};
use rustix::process::{
    Pid, Resource, Rlimit, Signal, getppid, getrlimit, set_parent_process_death_signal, setrlimit, umask,
};
use rustix::thread::{CapabilitySet, CapabilitySets, capabilities, set_capabilities, set_no_new_privs};
use serde::{Deserialize, Serialize};
use std::ffi::OsString;
use std::io::{self, Read, Write};
use std::os::fd::{BorrowedFd, RawFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, ExitCode};

/// The word by which the host asks for it. Nobody types it.
pub(crate) const WORD: &str = "__sandbox";
/// Where the launcher is told, and tells, what goes before the plugin: [`Order`], and what went wrong.
pub(crate) const CONTROL: RawFd = 4;
/// The plugin's program.
pub(crate) const PROGRAM: RawFd = 5;

const OPEN_FILES_MAX: u64 = 4096;
const PROCESSES_MAX: u64 = 4096;

/// What is to be done.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Order {
    /// Who starts it. The plugin does not outlive its host.
    pub(crate) host: i32,
    /// The signal that it gets when its host is killed.
    pub(crate) at_hosts_death: i32,
    /// What the plugin may find as its name.
    pub(crate) name: PathBuf,
    /// Whether the program is one for an interpreter, which opens it once more.
    pub(crate) is_script: bool,
    /// What it may reach.
    pub(crate) policy: Policy,
    /// Whether the kernel must confine files: the host has seen that it can, or nobody agreed to go without.
    pub(crate) must_confine: bool,
}

/// Becomes the plugin, with the arguments behind [`WORD`]. Comes back only where that failed.
pub(crate) fn run(arguments: &[OsString]) -> ExitCode {
    let host = inherited(CONTROL, FdFlags::CLOEXEC).and_then(|host| host.try_clone_to_owned());
    if let Ok(mut host) = host.map(UnixStream::from) {
        let error = match confined(&mut host) {
            Err(error) => error,
            Ok(order) => {
                let program = format!("/proc/self/fd/{PROGRAM}");
                Command::new(program).arg0(&order.name).args(arguments).exec()
            }
        };
        // Where nobody listens any more, the exit code has to do.
        let _ = write!(host, "{error}");
    }
    ExitCode::from(Code::Refused.exit())
}

/// Gives up what the plugin may not have.
fn confined(host: &mut UnixStream) -> io::Result<Order> {
    let mut order = String::new();
    host.read_to_string(&mut order)?;
    let order: Order = serde_json::from_str(&order)?;
    // An interpreter opens its script by the descriptor's name.
    inherited(PROGRAM, if order.is_script { FdFlags::empty() } else { FdFlags::CLOEXEC })?;
    follow_into_death(order.host, order.at_hosts_death)?;
    bound()?;
    surrender()?;
    let refused = |what: &dyn std::fmt::Display| io::Error::other(format!("the sandbox: {what}"));
    let confined = files::confine(&order.policy).map_err(|error| refused(&error))?;
    if order.must_confine && !confined {
        return Err(refused(&"the kernel does not confine files"));
    }
    match calls::confine(order.policy.network) {
        Err(error) if calls::available() => Err(refused(&error)),
        _ => Ok(order),
    }
}

/// A descriptor that the host left here, and whether it is closed when the plugin begins.
fn inherited(number: RawFd, flags: FdFlags) -> io::Result<BorrowedFd<'static>> {
    #[expect(unsafe_code, reason = "std has no other way to name an inherited descriptor")]
    // SAFETY: nothing in the launcher closes it, so it is open as long as the launcher runs; where nothing is
    // open under that number, what follows fails with EBADF.
    let descriptor = unsafe { BorrowedFd::borrow_raw(number) };
    fcntl_setfd(descriptor, flags)?;
    Ok(descriptor)
}

/// The plugin gets that signal when its host is killed.
fn follow_into_death(host: i32, signal: i32) -> io::Result<()> {
    let signal = Signal::from_named_raw(signal).unwrap_or(Signal::KILL);
    set_parent_process_death_signal(Some(signal))?;
    // It may have been killed before.
    let there = getppid().map(Pid::as_raw_pid) == Some(host);
    there.then_some(()).ok_or_else(|| io::Error::other("atmctl has ended"))
}

/// Of root's rights, what opens files, which are bounded by then. Not given back to the plugin: nothing is, to a
/// process without new privileges.
fn surrender() -> io::Result<()> {
    let kept = CapabilitySet::DAC_OVERRIDE | CapabilitySet::DAC_READ_SEARCH;
    let now = capabilities(None)?;
    let sets = CapabilitySets {
        effective: now.effective & kept,
        permitted: now.permitted & kept,
        inheritable: CapabilitySet::empty(),
    };
    set_capabilities(None, sets)?;
    Ok(set_no_new_privs(true)?)
}

/// No core files, which would have what customers' data passed through; nothing without end.
fn bound() -> io::Result<()> {
    umask(rustix::fs::Mode::from_raw_mode(0o077));
    let bounds = [(Resource::Core, 0), (Resource::Nofile, OPEN_FILES_MAX), (Resource::Nproc, PROCESSES_MAX)];
    for (resource, bound) in bounds {
        let now = getrlimit(resource);
        let lower = |limit: Option<u64>| Some(limit.map_or(bound, |limit| limit.min(bound)));
        setrlimit(resource, Rlimit { current: lower(now.current), maximum: lower(now.maximum) })?;
    }
    Ok(())
}
