//! atmd as it was before: the program of an earlier commit, whose data this one must go on with.

use crate::need::{need, not_allowed};
use crate::programs::root;
use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// atmd of the commit before this one, or of the one that `ATM_UPGRADE_FROM` names, built from its sources beside this
/// one's; `None` where the machine has no history to take them from, which a copy of a tree and a shallow clone lack.
///
/// # Panics
/// With cargo's words where it cannot be built.
#[must_use]
pub fn previous_atmd() -> Option<PathBuf> {
    let git = need("git")?;
    let tar = need("tar")?;
    let revision = env::var("ATM_UPGRADE_FROM").unwrap_or_else(|_| "HEAD^".to_owned());
    let Some(commit) = commit(&git, &revision) else {
        not_allowed(&format!("the history of {revision} (ATM_UPGRADE_FROM names a commit)"));
        return None;
    };
    let folder = root().join("target/previous").join(&commit);
    let (source, built) = (folder.join("source"), folder.join("built/debug/atmd"));
    if !built.exists() {
        fs::create_dir_all(&source).expect("a folder can be made in target");
        unpack(&git, &tar, &commit, &source);
        mark(&source, &commit);
        build(&source, &folder.join("built"));
    }
    Some(built)
}

fn commit(git: &Path, revision: &str) -> Option<String> {
    let mut command = Command::new(git);
    command.args(["rev-parse", "--verify", "--quiet", &format!("{revision}^{{commit}}")]);
    let said = command.current_dir(root()).output().ok().filter(|said| said.status.success())?;
    Some(String::from_utf8(said.stdout).ok()?.trim().to_owned())
}

fn unpack(git: &Path, tar: &Path, commit: &str, to: &Path) {
    let mut archive = Command::new(git);
    archive.args(["archive", "--format=tar", commit]).current_dir(root()).stdout(Stdio::piped());
    let mut archive = archive.spawn().expect("git can be started");
    let taken = archive.stdout.take().expect("its output is a pipe");
    let unpacked = Command::new(tar).arg("-x").current_dir(to).stdin(taken).status();
    assert!(unpacked.is_ok_and(|status| status.success()), "tar cannot unpack {commit}");
    assert!(archive.wait().is_ok_and(|status| status.success()), "git cannot archive {commit}");
}

/// Gives the sources a version of their own. Cargo would otherwise take them for this tree's, as a package is known by
/// its name, its version and where it lies in its workspace, and would call the program that it has the one it made.
fn mark(source: &Path, commit: &str) {
    const BEFORE: &str = "\nversion = \"";
    let manifest = source.join("Cargo.toml");
    let text = fs::read_to_string(&manifest).expect("a workspace has a manifest");
    let (head, tail) = text.split_once(BEFORE).expect("the packages of a workspace have one version");
    let (version, tail) = tail.split_once('"').expect("a version ends");
    fs::write(&manifest, format!("{head}{BEFORE}{version}+{commit}\"{tail}"))
        .expect("a manifest can be written");
}

/// What is compiled on the way lies with this tree's own, so that both share what they depend on. They do only where
/// features are the same: those of the whole workspace with what its tests need, which `--examples` says and which
/// builds nothing more, as there are none.
fn build(source: &Path, to: &Path) {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| env!("CARGO").into());
    let mut command = Command::new(cargo);
    command.args(["build", "--workspace", "--bin", "atmd", "--examples"]).current_dir(source);
    for (name, _) in env::vars_os() {
        if name.to_str().is_some_and(|name| name.starts_with("CARGO_") && name != "CARGO_HOME") {
            command.env_remove(name);
        }
    }
    command.env("CARGO_TARGET_DIR", to).env("CARGO_BUILD_BUILD_DIR", root().join("target"));
    let said = command.stdin(Stdio::null()).output().expect("cargo can be started");
    assert!(said.status.success(), "{command:?}\n{}", String::from_utf8_lossy(&said.stderr));
}
