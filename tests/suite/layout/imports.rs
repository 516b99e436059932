//! Rules about who names whom within atmd: decisions stay pure, and the database stays in one place.

use super::manifests;
use super::tree::{File, Tree};

/// The parts of atmd that decide and do nothing else.
const PURE: [&str; 2] = ["ledger", "cash"];
/// What they may name beside themselves.
const VALUES: [&str; 7] =
    ["std", "core", "serde", "atm_rpc::types", "atm_rpc::error", "atm_rpc::customer", "atm_rpc::operator"];
/// Where the database's library may be named.
const DATABASE: [&str; 2] = ["atmd/src/store", "migrations/"];

/// The pure part that a file is of, if it is.
fn pure_part(file: &File) -> Option<&'static str> {
    let inside = file.path.strip_prefix("atmd/src/")?;
    PURE.into_iter()
        .find(|part| inside.strip_prefix(part).is_some_and(|rest| rest.starts_with('/') || rest == ".rs"))
}

/// `ledger` and `cash` name the standard library, values, and themselves.
pub(super) fn pure(tree: &Tree) -> Vec<String> {
    let foreign = foreign_crates(tree);
    let mut findings = Vec::new();
    for file in tree.rust() {
        let Some(part) = pure_part(file) else { continue };
        let used = imports(file).into_iter();
        let code = file.production().filter(|(_, code)| !is_use(code));
        let named = code.flat_map(|(line, code)| paths(code).map(move |path| (line, path.to_owned())));
        for (line, path) in used.chain(named) {
            let first = path.split("::").next().unwrap_or_default();
            let leads_out = ["crate", "super"].contains(&first) || foreign.iter().any(|name| name == first);
            if leads_out && !may_name(file, part, &path) {
                findings.push(format!("{}:{line}: {part} decides and may not name {path}", file.path));
            }
        }
    }
    findings
}

/// sea_orm is named in the store and in the migrations, and nowhere else.
pub(super) fn database(tree: &Tree) -> Vec<String> {
    let mut findings = Vec::new();
    let outside =
        |file: &&File| !DATABASE.iter().any(|place| file.path.starts_with(place)) && !file.is_test();
    for file in tree.rust().filter(outside) {
        for (line, code) in file.code().filter(|(_, code)| code.contains("sea_orm")) {
            findings.push(format!("{}:{line}: the database is the store's: {}", file.path, code.trim()));
        }
    }
    findings
}

/// What atmd's manifest brings in, as paths name it, without what [`VALUES`] has.
fn foreign_crates(tree: &Tree) -> Vec<String> {
    let manifest = tree.files.iter().filter(|file| file.path == "atmd/Cargo.toml");
    let names = manifest.flat_map(|file| manifests::dependencies(file).map(|(_, name, _)| name));
    names.map(|name| name.replace('-', "_")).filter(|name| name != "serde").collect()
}

fn may_name(file: &File, part: &str, path: &str) -> bool {
    let below = |path: &str, top: &str| path == top || path.starts_with(&format!("{top}::"));
    let own = format!("crate::{part}");
    let path = absolute(file, path);
    below(&path, &own) || VALUES.iter().any(|value| below(&path, value))
}

/// The path with `self` and `super` resolved against the file's module.
fn absolute(file: &File, path: &str) -> String {
    let inside = file.path.trim_start_matches("atmd/src/").trim_end_matches(".rs").trim_end_matches("/mod");
    let mut module: Vec<&str> = std::iter::once("crate").chain(inside.split('/')).collect();
    let mut rest = path.split("::").peekable();
    match rest.peek() {
        Some(&"self") => drop(rest.next()),
        Some(&"super") => {
            while rest.next_if_eq(&"super").is_some() {
                module.pop();
            }
        }
        _ => return path.to_owned(),
    }
    module.extend(rest);
    module.join("::")
}

fn is_use(code: &str) -> bool {
    let code = code.trim_start();
    let code = code.strip_prefix("pub").map_or(code, |rest| {
        rest.trim_start().strip_prefix('(').and_then(|rest| rest.split_once(')')).map_or(rest, |(_, r)| r)
    });
    code.trim_start().starts_with("use ")
}

/// The paths that the file's `use` declarations bring in, each with the line where its declaration begins.
fn imports(file: &File) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    let mut lines = file.production();
    while let Some((line, code)) = lines.next() {
        if !is_use(code) {
            continue;
        }
        let mut declaration = code.to_owned();
        while !declaration.contains(';') {
            let Some((_, more)) = lines.next() else { break };
            declaration.push_str(more);
        }
        let tree = declaration.split_once("use ").map_or("", |(_, tree)| tree);
        let tree: String = tree.split(';').next().unwrap_or_default().replace(" as ", "@");
        let tree: String = tree.split_whitespace().collect();
        expand("", &tree, &mut |path| found.push((line, path)));
    }
    found
}

/// `a::{b, c::{d}}` is `a::b` and `a::c::d`.
fn expand(prefix: &str, tree: &str, found: &mut impl FnMut(String)) {
    let Some((before, group)) = tree.split_once('{') else {
        let path = tree.split('@').next().unwrap_or_default();
        return found(
            format!("{prefix}{path}").trim_end_matches("::self").trim_start_matches("::").to_owned(),
        );
    };
    let prefix = format!("{prefix}{before}");
    let group = group.strip_suffix('}').unwrap_or(group);
    let mut depth = 0;
    let splits = |letter: char| {
        match letter {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        letter == ',' && depth == 0
    };
    for part in group.split(splits).filter(|part| !part.is_empty()) {
        expand(&prefix, part, found);
    }
}

/// The paths of two names and more in a line of code.
fn paths(code: &str) -> impl Iterator<Item = &str> {
    let words = code.split(|letter: char| !(letter.is_alphanumeric() || letter == '_' || letter == ':'));
    words.map(|word| word.trim_matches(':')).filter(|word| word.contains("::"))
}
