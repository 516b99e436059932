//! The end of processes: of a plugin, and of those that it started and left behind.

use crate::Io;
use rustix::process::{Pid, Signal, WaitOptions, getpid, kill_process, kill_process_group};
use rustix::process::{set_child_subreaper, waitpid};
use std::time::Duration;
use tokio::process::Child;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::timeout;

/// What a plugin may take to end by itself.
pub(super) const GRACE: Duration = Duration::from_secs(5);

/// What a plugin that shares the terminal may take to end by a key there, before it is asked by name: nobody can tell
/// whether the signal was the terminal's, or sent to this process alone.
const TOGETHER: Duration = Duration::from_secs(1);

/// Whether a plugin shares the terminal: then prompts work, and Ctrl-C reaches both. Without one it
/// has a process group of its own.
pub(super) fn shares_terminal(io: &Io) -> bool {
    io.stdin_is_terminal || io.stderr_is_terminal
}

/// Makes this process the parent of what a plugin leaves behind.
pub(super) fn adopt_orphans() {
    // Every Linux that this builds for has it. Without it, orphans are somebody else's.
    let _ = set_child_subreaper(Some(getpid()));
}

/// Ends a plugin: politely where `ask` says how, then for certain.
pub(super) async fn end(child: &mut Child, ask: Option<Signal>, shared: bool) {
    let id = id(child);
    let send = |signal| {
        // What has ended already needs no signal.
        let _ = id.map(|id| if shared { kill_process(id, signal) } else { kill_process_group(id, signal) });
    };
    match ask {
        Some(signal) => send(signal),
        None if timeout(TOGETHER, child.wait()).await.is_ok() => return,
        None => send(Signal::TERM),
    }
    if timeout(GRACE, child.wait()).await.is_err() {
        send(Signal::KILL);
        // Nothing survives this.
        let _ = child.wait().await;
    }
}

/// Ends at once what was started in a process group of its own.
pub(super) async fn end_group(child: &mut Child, group: Option<Pid>) {
    // Where all of it has ended already, there is nothing to do.
    let _ = group.map(|group| kill_process_group(group, Signal::KILL));
    let _ = child.wait().await;
}

/// Ends what a plugin that ended has left behind.
pub(super) fn end_orphans() {
    // Each that ends may leave others.
    loop {
        let orphans = children();
        if orphans.is_empty() {
            return;
        }
        for orphan in orphans {
            let _ = kill_process(orphan, Signal::KILL);
            if waitpid(Some(orphan), WaitOptions::empty()).is_err() {
                return;
            }
        }
    }
}

/// The children of this process.
fn children() -> Vec<Pid> {
    let threads = std::fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    let lists = threads.filter_map(|thread| std::fs::read_to_string(thread.path().join("children")).ok());
    let ids = |list: String| {
        list.split_whitespace().filter_map(|id| Pid::from_raw(id.parse().ok()?)).collect::<Vec<_>>()
    };
    lists.flat_map(ids).collect()
}

pub(super) fn id(child: &Child) -> Option<Pid> {
    child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw)
}

/// Waits until somebody wants this process to end.
pub(super) async fn signalled() -> SignalKind {
    let kinds = [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup(), SignalKind::quit()];
    let waits = kinds.map(|kind| {
        Box::pin(async move {
            match signal(kind) {
                Ok(mut signals) => signals.recv().await,
                Err(_) => std::future::pending().await,
            };
            kind
        })
    });
    futures::future::select_all(waits).await.0
}
