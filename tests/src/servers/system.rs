//! Whom servers run as, and which processes are theirs. Database servers refuse to run as root.

use rustix::process::{Pid, Signal, kill_process};
use std::fs;
use std::os::unix::process::CommandExt;
use std::process::Command;

/// A user without rights.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Owner {
    pub(super) uid: u32,
    pub(super) gid: u32,
}

impl Owner {
    /// Whom a server runs as where we are root: the first of these users that the system has. `None`: as we.
    pub(super) fn other_than_root(names: &[&str]) -> Option<Self> {
        if !rustix::process::geteuid().is_root() {
            return None;
        }
        let users = fs::read_to_string("/etc/passwd").expect("the system has users");
        let owner = names.iter().find_map(|name| Self::named(&users, name));
        Some(owner.unwrap_or_else(|| panic!("none of {names:?} is a user of this system")))
    }

    fn named(users: &str, name: &str) -> Option<Self> {
        let line = users.lines().find(|line| line.split(':').next() == Some(name))?;
        let mut numbers = line.split(':').skip(2).map(|number| number.parse().ok());
        Some(Self { uid: numbers.next()??, gid: numbers.next()?? })
    }
}

/// A program that will run as that user.
pub(super) fn as_owner(mut command: Command, owner: Option<Owner>) -> Command {
    if let Some(Owner { uid, gid }) = owner {
        command.uid(uid).gid(gid);
    }
    command
}

/// A process and the processes that it started.
pub(super) fn family(parent: u32) -> Vec<Pid> {
    let processes = fs::read_dir("/proc").expect("there is a /proc").filter_map(Result::ok);
    let pids = processes.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    let of_us = pids.filter(|pid| i64::from(*pid) == i64::from(parent) || parent_of(*pid) == Some(parent));
    of_us.filter_map(Pid::from_raw).collect()
}

/// A process that ended and is only waited for has no parent here.
fn parent_of(pid: i32) -> Option<u32> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The program's name stands in brackets and may hold anything.
    let mut fields = stat.rsplit_once(") ")?.1.split(' ');
    if fields.next() == Some("Z") {
        return None;
    }
    fields.next()?.parse().ok()
}

/// Whether a process runs, and is not one that ended and is only waited for.
pub(super) fn runs(pid: Pid) -> bool {
    parent_of(pid.as_raw_nonzero().get()).is_some()
}

/// Whether no thread of a process goes on: each was stopped, or ended.
pub(super) fn stands(pid: Pid) -> bool {
    let threads =
        fs::read_dir(format!("/proc/{}/task", pid.as_raw_nonzero())).into_iter().flatten().flatten();
    let mut stats = threads.filter_map(|thread| fs::read_to_string(thread.path().join("stat")).ok());
    let state = |stat: &str| stat.rsplit_once(") ").and_then(|(_, fields)| fields.chars().next());
    stats.all(|stat| matches!(state(&stat), Some('T' | 't' | 'Z' | 'X')))
}

/// Sends a signal; that a process ended meanwhile is no failure.
pub(super) fn signal(pid: Pid, signal: Signal) {
    let _ = kill_process(pid, signal);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_users_by_their_whole_name() {
        let users =
            "root:x:0:0:root:/root:/bin/bash\nmysqlx:x:7:8::/:\nmysql:x:102:105:MySQL,,,:/:/bin/false\n";
        assert_eq!(Owner::named(users, "mysql"), Some(Owner { uid: 102, gid: 105 }));
        assert_eq!(Owner::named(users, "postgres"), None);
    }

    #[test]
    fn knows_its_own_family() {
        let me = std::process::id();
        let mut child = Command::new("sleep").arg("60").spawn().expect("there is a sleep");
        let pid = Pid::from_child(&child);
        assert!(family(me).contains(&pid));
        assert!(!stands(pid));
        signal(pid, Signal::STOP);
        crate::wait::eventually("it stands", || if stands(pid) { Ok(()) } else { Err(String::new()) });
        child.kill().expect("a child takes a signal");
        crate::wait::eventually("it ended", || if runs(pid) { Err(String::new()) } else { Ok(()) });
        child.wait().expect("a child can be waited for");
    }
}
