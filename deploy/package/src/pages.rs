//! The manual, and what makes shells complete, of all programs: from the trees that they read their command lines by.

use crate::tree::{self, compressed, output};
use anyhow::Context;
use atmctl::manual::{Title, page};
use clap::Command;
use clap_complete::{Shell, generate};
use std::fs;
use std::path::Path;
use std::process;

/// Where each shell looks.
const SHELLS: [(Shell, &str, &str, &str); 3] = [
    (Shell::Bash, "usr/share/bash-completion/completions", "", ""),
    (Shell::Zsh, "usr/share/zsh/vendor-completions", "_", ""),
    (Shell::Fish, "usr/share/fish/vendor_completions.d", "", ".fish"),
];

/// Writes them under `root`. `atmctl` has its plugins beside it.
pub(crate) fn write(root: &Path, atmctl: &Path) -> anyhow::Result<()> {
    let daemon = Title { section: 8, source: "atmd", set: "ATM system" };
    let terminal = Title { section: 1, source: "atm-cli", set: "ATM system" };
    for (command, title) in [(atmd::cli::command(), daemon), (atm_cli::command(), terminal)] {
        static_pages(root, command, &title)?;
    }
    of_atmctl(root, atmctl)
}

fn static_pages(root: &Path, mut command: Command, title: &Title<'_>) -> anyhow::Result<()> {
    command.build();
    let name = command.get_name().to_owned();
    manual(root, &command, title)?;
    for (shell, folder, before, after) in SHELLS {
        let mut script = Vec::new();
        generate(shell, &mut command, &name, &mut script);
        write_file(root, folder, &format!("{before}{name}{after}"), &script)?;
    }
    Ok(())
}

/// The page of a command, and those of the commands in it.
fn manual(root: &Path, command: &Command, title: &Title<'_>) -> anyhow::Result<()> {
    let name = command.get_display_name().unwrap_or_else(|| command.get_name());
    let section = title.section;
    let file = root.join(format!("usr/share/man/man{section}/{name}.{section}.gz"));
    compressed(&page(command, title)?, &file)?;
    let inner = command.get_subcommands().filter(|command| !command.is_hide_set());
    inner
        .into_iter()
        .filter(|command| command.get_name() != "help")
        .try_for_each(|command| manual(root, command, title))
}

/// atmctl knows its plugins and answers itself.
fn of_atmctl(root: &Path, atmctl: &Path) -> anyhow::Result<()> {
    let scratch = tempfile::tempdir()?;
    let ask = || {
        let mut command = process::Command::new(atmctl);
        command.env_clear().env("HOME", scratch.path()).env("PATH", "/usr/bin:/bin");
        command
    };
    let pages = scratch.path().join("pages");
    output(ask().args(["man", "--out"]).arg(&pages))?;
    for entry in fs::read_dir(&pages).context("atmctl wrote no manual")? {
        let entry = entry?;
        let file = root.join("usr/share/man/man1").join(format!("{}.gz", entry.file_name().display()));
        compressed(&fs::read(entry.path())?, &file)?;
    }
    for (shell, folder, before, after) in SHELLS {
        let script = output(ask().args(["completion", &shell.to_string()]))?;
        write_file(root, folder, &format!("{before}atmctl{after}"), &script)?;
    }
    Ok(())
}

fn write_file(root: &Path, folder: &str, name: &str, text: &[u8]) -> anyhow::Result<()> {
    tree::write(&root.join(folder).join(name), text)
}
