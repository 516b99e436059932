//! Rules about single files: where they are, how long, what they may say.

use super::tree::Tree;

/// What stands at the root, each for its reason.
const ROOT: [&str; 20] = [
    ".cargo",
    ".ci",
    ".gitignore",
    "ARCHITECTURE.md",
    "CHANGELOG.md",
    "Cargo.lock",
    "Cargo.toml",
    "LICENSE",
    "README.md",
    "atm-cli",
    "atm-rpc",
    "atmctl",
    "atmd",
    "clippy.toml",
    "config.ini",
    "deny.toml",
    "deploy",
    "docs",
    "fuzz",
    "rustfmt.toml",
];
const ROOT_TOO: [&str; 3] = ["migrations", "plugins", "tests"];

const RUST_LINES_MAX: usize = 800;
/// Files whose shortness is a promise of its own.
const LINES_MAX: [(&str, usize); 2] = [("atmd/src/main.rs", 60), ("ARCHITECTURE.md", 150)];

/// Where the time of day may be read: the clock itself, and the ends of connections, which measure.
const CLOCKS: [&str; 6] = [
    "atmd/src/clock.rs",
    "atm-rpc/src/transport/mod.rs",
    "atm-rpc/src/client/",
    "atm-cli/",
    "atmctl/",
    "plugins/",
];
const NOW: [&str; 5] =
    ["SystemTime::now", "Instant::now", "Timestamp::now", "Zoned::now", "UNIX_EPOCH.elapsed"];

/// Every name at the root is one that the layout has, and each of those is there.
pub(super) fn names_at_the_root(tree: &Tree) -> Vec<String> {
    let known: Vec<&str> = ROOT.into_iter().chain(ROOT_TOO).collect();
    let missing = known.iter().filter(|name| !tree.root.iter().any(|there| there == *name));
    let strange = tree.root.iter().filter(|name| !known.contains(&name.as_str()));
    let missing = missing.map(|name| format!("{name}: is missing at the root"));
    missing.chain(strange.map(|name| format!("{name}: has no place at the root"))).collect()
}

/// No file is longer than a reader bears.
pub(super) fn lengths(tree: &Tree) -> Vec<String> {
    let mut findings = Vec::new();
    for file in &tree.files {
        let own = LINES_MAX.iter().find(|(path, _)| *path == file.path).map(|(_, max)| *max);
        let Some(max) = own.or_else(|| file.path.ends_with(".rs").then_some(RUST_LINES_MAX)) else {
            continue;
        };
        let lines = file.text.lines().count();
        if lines > max {
            findings.push(format!("{}:{}: the file has {lines} lines, above {max}", file.path, max + 1));
        }
    }
    findings
}

/// Each module begins by saying what it owns.
pub(super) fn module_docs(tree: &Tree) -> Vec<String> {
    let silent = tree.rust().filter(|file| !file.text.starts_with("//!"));
    silent.map(|file| format!("{}:1: the module does not begin with //!", file.path)).collect()
}

/// No work is left for later, and no lint or test silenced.
pub(super) fn leftovers(tree: &Tree) -> Vec<String> {
    // Put together here, so that this file keeps to the rule.
    let words = [concat!("TO", "DO"), concat!("FIX", "ME")];
    let code = [
        concat!("to", "do!("),
        concat!("unimple", "mented!("),
        concat!("#[ig", "nore"),
        concat!("#[al", "low("),
        concat!("#![al", "low("),
    ];
    let mut findings = Vec::new();
    for file in &tree.files {
        for (index, line) in file.text.lines().enumerate() {
            let is_word = |word: &&str| line.split(|c: char| !c.is_alphanumeric()).any(|part| part == *word);
            let is_code = |code: &&str| file.path.ends_with(".rs") && line.contains(*code);
            for found in words.into_iter().filter(is_word).chain(code.into_iter().filter(is_code)) {
                findings.push(format!("{}:{}: has `{found}`", file.path, index + 1));
            }
        }
    }
    findings
}

/// Time is passed in; what decides never asks for it.
pub(super) fn clock(tree: &Tree) -> Vec<String> {
    let mut findings = Vec::new();
    for file in tree.rust().filter(|file| !CLOCKS.iter().any(|clock| file.path.starts_with(clock))) {
        for (line, code) in file.production() {
            if let Some(now) = NOW.iter().find(|now| code.contains(**now)) {
                findings.push(format!("{}:{line}: {now} outside the clock; pass the time in", file.path));
            }
        }
    }
    findings
}
