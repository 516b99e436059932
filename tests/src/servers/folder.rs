//! A folder that a server lives in, and the watch that ends the one and removes the other even where this
//! process is killed.

use super::system::Owner;
use rustix::process::{Gid, Uid};
use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use tempfile::TempDir;

/// Reads process ids, the newest counts and an empty line is none. When nobody can write any more, it ends
/// that process (first by the signal of its third argument) and removes the folder.
const WATCH: &str = r#"
while read -r line; do pid=$line; done
if [ -n "$pid" ]; then
    kill -s CONT "$pid"; kill -s "$2" "$pid"
    tries=0
    while kill -0 "$pid" && [ $tries -lt 50 ]; do tries=$((tries + 1)); sleep 0.1; done
    kill -s KILL "$pid"
fi
rm -rf "$1"
"#;

/// A folder with a watch.
#[derive(Debug)]
pub(super) struct Folder {
    path: PathBuf,
    watch: Child,
    pids: Option<ChildStdin>,
}

impl Folder {
    /// A new folder of that owner; `end` is the signal that ends its server.
    pub(super) fn new(prefix: &str, owner: Option<Owner>, end: &str) -> Self {
        let path = TempDir::with_prefix(prefix).expect("a temporary folder can be made").keep();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o700)).expect("our folder has modes");
        own(&path, owner);
        let mut command = Command::new("/bin/sh");
        command.args(["-c", WATCH, "watch"]).arg(&path).arg(end);
        // A group of its own: Ctrl-C at a terminal must not end it before its work is done.
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).process_group(0);
        let mut watch = command.spawn().expect("there is a shell");
        let pids = watch.stdin.take();
        Self { path, watch, pids }
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Names the process that lives in it now.
    pub(super) fn lives(&mut self, pid: Option<u32>) {
        let line = pid.map_or_else(String::new, |pid| pid.to_string());
        let pids = self.pids.as_mut().expect("the watch listens until the end");
        writeln!(pids, "{line}").expect("the watch reads");
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        drop(self.pids.take());
        let _ = self.watch.wait();
    }
}

/// Gives a file or folder to its owner.
pub(super) fn own(path: &Path, owner: Option<Owner>) {
    let Some(owner) = owner else { return };
    let (uid, gid) = (Uid::from_raw(owner.uid), Gid::from_raw(owner.gid));
    rustix::fs::chown(path, Some(uid), Some(gid)).expect("root may give files away");
}

/// Copies a folder and all in it; where the file system can, blocks are shared.
pub(super) fn copy(from: &Path, to: &Path) {
    let mut command = Command::new("cp");
    command.args(["-a", "--reflink=auto"]).arg(from).arg(to);
    let _ = crate::process::run(command, "").coded(0);
}
