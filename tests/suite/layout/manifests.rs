//! Rules about the crates' manifests.

use super::tree::{File, Tree};

/// Whom of us each crate may depend on; the tests may depend on all.
fn may_depend_on(package: &str) -> Option<&'static [&'static str]> {
    Some(match package {
        "atm-rpc" | "atm-migrations" => &[],
        "atmd" => &["atm-rpc", "atm-migrations"],
        "atm-cli" | "atmctl" | "atm-plugin-sdk" | "atm-ledger-csv" => &["atm-rpc"],
        "atm-package" => &["atm-cli", "atmctl", "atmd"],
        plugin if plugin.starts_with("atmctl-") => &["atm-rpc", "atm-plugin-sdk", "atm-ledger-csv"],
        _ => return None,
    })
}

fn is_ours(package: &str) -> bool {
    ["atm-", "atmctl-"].iter().any(|ours| package.starts_with(ours)) || ["atmd", "atmctl"].contains(&package)
}

/// The manifests of crates, without the root's and that of `fuzz`, which is no part of the workspace.
fn manifests(tree: &Tree) -> impl Iterator<Item = &File> {
    tree.files.iter().filter(|file| file.path.ends_with("/Cargo.toml") && !file.path.starts_with("fuzz/"))
}

/// Lines with the table that they are in; without comments and empty ones.
fn lines(manifest: &File) -> impl Iterator<Item = (usize, &str, &str)> {
    let mut table = "";
    let lines = manifest.text.lines().enumerate().map(move |(index, line)| {
        let line = line.split('#').next().unwrap_or_default().trim();
        if line.starts_with('[') {
            table = line.trim_matches(['[', ']']);
        }
        (index + 1, table, line)
    });
    lines.filter(|(_, _, line)| !line.is_empty())
}

/// The names that a crate's manifest depends on, with their lines.
pub(super) fn dependencies(manifest: &File) -> impl Iterator<Item = (usize, &str, &str)> {
    let inside = lines(manifest).filter(|(_, table, line)| is_dependencies(table) && !line.starts_with('['));
    inside.map(|(at, _, line)| (at, line.split(['.', '=', ' ']).next().unwrap_or(line), line))
}

fn is_dependencies(table: &str) -> bool {
    table.split('.').any(|part| part.ends_with("dependencies"))
}

fn package(manifest: &File) -> &str {
    let name = lines(manifest).find(|(_, table, line)| *table == "package" && line.starts_with("name"));
    name.and_then(|(_, _, line)| line.split('"').nth(1)).unwrap_or_default()
}

/// Policy lives in atmd, and nobody reaches it but over a connection.
pub(super) fn who_depends_on_whom(tree: &Tree) -> Vec<String> {
    let mut findings = Vec::new();
    for manifest in manifests(tree) {
        let package = package(manifest);
        if package == "atm-tests" {
            continue;
        }
        let Some(allowed) = may_depend_on(package) else {
            findings.push(format!("{}:1: no rule says whom {package:?} may depend on", manifest.path));
            continue;
        };
        for (line, name, _) in dependencies(manifest) {
            if is_ours(name) && !allowed.contains(&name) {
                findings.push(format!("{}:{line}: {package} may not depend on {name}", manifest.path));
            }
        }
    }
    findings
}

/// It is large, and slow to build: one program has it.
pub(super) fn polars_in_reports_alone(tree: &Tree) -> Vec<String> {
    let mut findings = Vec::new();
    for manifest in manifests(tree).filter(|manifest| package(manifest) != "atmctl-report") {
        for (line, name, _) in dependencies(manifest) {
            if name == "atmctl-report" || name.split('-').next() == Some("polars") {
                findings.push(format!("{}:{line}: {name} is for reports alone", manifest.path));
            }
        }
    }
    findings
}

/// One place says which version and which features, so that all builds share what is compiled.
pub(super) fn versions_in_the_root(tree: &Tree) -> Vec<String> {
    let mut findings = Vec::new();
    for manifest in manifests(tree) {
        for (line, name, text) in dependencies(manifest) {
            if text != format!("{name}.workspace = true") {
                let path = &manifest.path;
                findings
                    .push(format!("{path}:{line}: write `{name}.workspace = true`; the rest is in the root"));
            }
        }
        for (line, table, text) in lines(manifest) {
            if text.starts_with('[') && is_dependencies(table) && !table.ends_with("dependencies") {
                findings
                    .push(format!("{}:{line}: a table of one dependency has no place here", manifest.path));
            }
        }
    }
    findings
}

/// The lints are the same for all.
pub(super) fn lints_of_the_workspace(tree: &Tree) -> Vec<String> {
    let takes = |manifest: &&File| {
        lines(manifest).any(|(_, table, line)| table == "lints" && line == "workspace = true")
    };
    let without = manifests(tree).filter(|manifest| !takes(manifest));
    without.map(|manifest| format!("{}:1: `[lints] workspace = true` is missing", manifest.path)).collect()
}
