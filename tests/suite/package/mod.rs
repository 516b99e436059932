//! The Debian package: right by lintian, and installed, started, used, upgraded and purged on a copy of this machine
//! that nothing else sees: files in an overlay, a network of its own. systemd itself does not run there.

use atm_tests::need::{need, not_allowed};
use atm_tests::process::{self, Outcome};
use atm_tests::programs::{programs, root};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

#[test]
fn the_package_is_installed_used_upgraded_and_purged() {
    let tools =
        ["dpkg-deb", "dpkg-shlibdeps", "strip", "lintian", "ip", "setpriv", "unshare", "systemd-sysusers"];
    if tools.iter().any(|tool| need(tool).is_none()) {
        return;
    }
    let folder = TempDir::new().unwrap();
    let first = package(folder.path(), "1");
    let mut lintian = Command::new("lintian");
    lintian.args(["--fail-on", "error", "--allow-root"]).arg(&first);
    let _ = process::run(lintian, "").coded(0);

    if in_overlay(folder.path(), &["true"]).code != Some(0) {
        return not_allowed("the right to mount an overlay");
    }
    let upgrade = package(folder.path(), "2");
    fs::copy(root().join("tests/suite/package/life.sh"), folder.path().join("life.sh")).unwrap();
    let inside = |file: &Path| format!("/mnt/{}", file.file_name().unwrap().display());
    let lived =
        in_overlay(folder.path(), &["sh", "/mnt/life.sh", &inside(&first), &inside(&upgrade)]).coded(0);
    for part in ["atmd ready: customers 0.0.0.0:65432", "blacklist", "/var/lib/atmd is kept", "== done"] {
        assert!(lived.stdout.contains(part), "{part}: {lived}");
    }
}

fn package(folder: &Path, revision: &str) -> PathBuf {
    let mut make = Command::new(programs().path("package"));
    make.args(["--revision", revision, "--out"]).arg(folder);
    make.arg("--programs").arg(programs().folder());
    make.env("DPKG_DEB_COMPRESSOR_TYPE", "gzip").env("DPKG_DEB_COMPRESSOR_LEVEL", "1");
    let made = process::run(make, "").coded(0);
    PathBuf::from(made.stdout.trim())
}

/// Runs a program where everything that is written goes to a folder of its own, and away. `folder` is `/mnt` there.
fn in_overlay(folder: &Path, program: &[&str]) -> Outcome {
    let prepare = "set -e; cd \"$1\"; shift; mkdir -p upper machine; \
        mount -t tmpfs none upper; mkdir upper/files upper/work; \
        mount -t overlay none -o lowerdir=/,upperdir=upper/files,workdir=upper/work machine; \
        mount -t proc none machine/proc; mount --rbind /dev machine/dev; mount -t tmpfs none machine/run; \
        mount --bind \"$PWD\" machine/mnt; exec chroot machine \"$@\"";
    let mut command = Command::new("unshare");
    command
        .args(["--mount", "--net", "--pid", "--fork", "--kill-child", "sh", "-c", prepare, "sh"])
        .arg(folder);
    command.args(program);
    process::run(command, "")
}
