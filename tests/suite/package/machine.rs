//! A copy of this machine that nothing else sees: files in an overlay, processes and a network of its own.

use atm_tests::need::{need, not_allowed};
use atm_tests::process::{self, Outcome};
use atm_tests::programs::{programs, root};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::Duration;
use tempfile::TempDir;

/// Packing, checking and living through a package take long beside other tests.
pub(super) const PATIENCE: Duration = Duration::from_secs(300);

/// The package of the programs that were built, and its upgrade, which has the same ones. Made once.
pub(super) fn packages() -> Option<&'static [PathBuf; 2]> {
    static MADE: OnceLock<Option<[PathBuf; 2]>> = OnceLock::new();
    let made = MADE.get_or_init(|| {
        let tools = ["dpkg-deb", "dpkg-shlibdeps", "strip"];
        if tools.iter().any(|tool| need(tool).is_none()) {
            return None;
        }
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("packages");
        fs::create_dir_all(&folder).unwrap();
        Some(["1", "2"].map(|revision| {
            let mut make = Command::new(programs().path("package"));
            make.args(["--revision", revision, "--out"]).arg(&folder);
            make.arg("--programs").arg(programs().folder());
            make.env("DPKG_DEB_COMPRESSOR_TYPE", "gzip").env("DPKG_DEB_COMPRESSOR_LEVEL", "1");
            let made = process::run_within(PATIENCE, make, "").coded(0);
            PathBuf::from(made.stdout.trim())
        }))
    });
    made.as_ref()
}

/// Such a copy, where both packages lie in `/mnt`.
pub(super) struct Machine {
    folder: TempDir,
}

impl Machine {
    /// A copy of this machine, where it can be made.
    pub(super) fn new() -> Option<Self> {
        let tools = ["ip", "setpriv", "unshare", "systemd-sysusers", "python3"];
        if tools.iter().any(|tool| need(tool).is_none()) {
            return None;
        }
        let machine = Self { folder: TempDir::with_prefix("machine-").unwrap() };
        for package in packages()? {
            fs::hard_link(package, machine.path(name(package))).unwrap_or_else(|_| {
                // On another file system.
                fs::copy(package, machine.path(name(package))).unwrap();
            });
        }
        machine.bring("systemctl.py");
        if machine.run(&["true"]).code != Some(0) {
            not_allowed("the right to mount an overlay");
            return None;
        }
        Some(machine)
    }

    /// What is `/mnt/NAME` there.
    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Puts a file of this folder there.
    pub(super) fn bring(&self, name: &str) {
        fs::copy(root().join("tests/suite/package").join(name), self.path(name)).unwrap();
    }

    /// Runs a program there. Everything that it writes is gone afterwards, but for what is in `/mnt`.
    pub(super) fn run(&self, program: &[&str]) -> Outcome {
        let prepare = "set -e; cd \"$1\"; shift; mkdir -p upper machine; \
            mount -t tmpfs none upper; mkdir upper/files upper/work; \
            mount -t overlay none -o lowerdir=/,upperdir=upper/files,workdir=upper/work machine; \
            mount -t proc none machine/proc; mount --rbind /dev machine/dev; mount -t tmpfs none machine/run; \
            mount --bind \"$PWD\" machine/mnt; exec chroot machine \"$@\"";
        let mut command = Command::new("unshare");
        command.args(["--mount", "--net", "--pid", "--fork", "--kill-child", "sh", "-c", prepare, "sh"]);
        command.arg(self.folder.path()).args(program);
        process::run_within(PATIENCE, command, "")
    }
}

/// The name of a file.
pub(super) fn name(file: &Path) -> &str {
    file.file_name().unwrap().to_str().unwrap()
}
