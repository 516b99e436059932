//! Which file goes where.

use crate::pages;
use anyhow::{Context, bail};
use std::fs::{self, DirBuilder, Permissions};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Where each program goes; plugins go to theirs.
const PROGRAMS: [(&str, &str); 3] = [("atmd", "usr/sbin"), ("atm-cli", "usr/bin"), ("atmctl", "usr/bin")];
const PLUGINS: &str = "usr/lib/atmctl/plugins";

/// Files of this repository: where from, where to.
const FILES: [(&str, &str); 8] = [
    ("config.ini", "etc/atm/config.ini"),
    ("deploy/systemd/atmd.service", "lib/systemd/system/atmd.service"),
    ("deploy/systemd/sysusers.conf", "usr/lib/sysusers.d/atmd.conf"),
    ("deploy/systemd/tmpfiles.conf", "usr/lib/tmpfiles.d/atmd.conf"),
    ("deploy/systemd/pepper.conf", "usr/share/doc/atm-system/examples/pepper.conf"),
    ("docs/operations.md", "usr/share/doc/atm-system/operations.md"),
    ("docs/monitoring.md", "usr/share/doc/atm-system/monitoring.md"),
    ("deploy/debian/copyright", "usr/share/doc/atm-system/copyright"),
];

/// Folders of this repository whose files are examples.
const EXAMPLES: [&str; 2] = ["deploy/prometheus", "deploy/grafana"];

/// This repository.
pub(crate) fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Puts everything that is installed under `root`.
pub(crate) fn fill(root: &Path, programs: &Path) -> anyhow::Result<()> {
    for (name, folder) in PROGRAMS {
        program(&programs.join(name), &root.join(folder).join(name))?;
    }
    let plugins = plugins(programs)?;
    for name in &plugins {
        program(&programs.join(name), &root.join(PLUGINS).join(name))?;
    }
    for (from, to) in FILES {
        file(&repository().join(from), &root.join(to))?;
    }
    let documentation = root.join("usr/share/doc/atm-system");
    for folder in EXAMPLES {
        let name = Path::new(folder).file_name().unwrap_or_default();
        copy_folder(&repository().join(folder), &documentation.join("examples").join(name))?;
    }
    compressed(&fs::read(repository().join("CHANGELOG.md"))?, &documentation.join("changelog.gz"))?;
    compressed(
        &fs::read(repository().join("deploy/debian/changelog"))?,
        &documentation.join("changelog.Debian.gz"),
    )?;
    pages::write(root, &programs.join("atmctl"))
}

/// The plugins that were built: programs called `atmctl-NAME`.
fn plugins(programs: &Path) -> anyhow::Result<Vec<String>> {
    let entries = fs::read_dir(programs).with_context(|| programs.display().to_string())?;
    let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let mut plugins: Vec<String> =
        names.filter(|name| name.starts_with("atmctl-") && !name.contains('.')).collect();
    plugins.sort();
    if plugins.is_empty() {
        bail!(
            "{} has no plugins: build them first, by `cargo build --release --workspace --bins`",
            programs.display()
        );
    }
    Ok(plugins)
}

/// A program without what only a debugger reads.
fn program(from: &Path, to: &Path) -> anyhow::Result<()> {
    make_folder_of(to)?;
    let mut strip = Command::new("strip");
    strip.args(["--strip-unneeded", "--remove-section=.comment", "--remove-section=.note", "-o"]);
    run(strip.arg(to).arg(from))?;
    Ok(fs::set_permissions(to, Permissions::from_mode(0o755))?)
}

fn file(from: &Path, to: &Path) -> anyhow::Result<()> {
    let text = fs::read(from).with_context(|| from.display().to_string())?;
    write(to, &text)
}

fn copy_folder(from: &Path, to: &Path) -> anyhow::Result<()> {
    for entry in fs::read_dir(from).with_context(|| from.display().to_string())? {
        let entry = entry?;
        if entry.file_type()?.is_file() {
            file(&entry.path(), &to.join(entry.file_name()))?;
        }
    }
    Ok(())
}

/// Writes a file that everybody may read.
pub(crate) fn write(to: &Path, text: &[u8]) -> anyhow::Result<()> {
    make_folder_of(to)?;
    fs::write(to, text).with_context(|| to.display().to_string())?;
    Ok(fs::set_permissions(to, Permissions::from_mode(0o644))?)
}

/// Writes a file as Debian has its documentation: compressed, and the same each time.
pub(crate) fn compressed(text: &[u8], to: &Path) -> anyhow::Result<()> {
    let plain = to.with_extension("");
    write(&plain, text)?;
    run(Command::new("gzip").args(["-9", "--no-name", "--force"]).arg(&plain))
}

fn make_folder_of(file: &Path) -> anyhow::Result<()> {
    let folder = file.parent().unwrap_or(file);
    let made = DirBuilder::new().recursive(true).mode(0o755).create(folder);
    made.with_context(|| folder.display().to_string())
}

/// Runs a tool, which must succeed.
pub(crate) fn run(command: &mut Command) -> anyhow::Result<()> {
    output(command).map(|_| ())
}

/// Runs a tool, which must succeed, and gives what it printed.
pub(crate) fn output(command: &mut Command) -> anyhow::Result<Vec<u8>> {
    let name = command.get_program().display().to_string();
    let output = command.output().with_context(|| format!("{name} cannot be run"))?;
    if !output.status.success() {
        bail!("{name}: {}: {}", output.status, String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(output.stdout)
}
