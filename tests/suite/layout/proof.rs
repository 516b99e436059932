//! Shows that each rule can fail, and where it then points.

use super::tree::Tree;
use super::{imports, manifests, rules};

type Rule = fn(&Tree) -> Vec<String>;

/// What a rule finds in a file, in a tree that has atmd's manifest beside it.
fn findings(rule: Rule, path: &str, text: &str) -> Vec<String> {
    let beside = (!path.ends_with("Cargo.toml")).then_some(ATMD);
    rule(&Tree::of(&std::iter::once((path, text)).chain(beside).collect::<Vec<_>>()))
}

/// The place (`path:line`) of a finding.
fn place(finding: &str) -> &str {
    finding.split(": ").next().unwrap_or_default()
}

const ATMD: (&str, &str) =
    ("atmd/Cargo.toml", "[dependencies]\ntokio.workspace = true\nsea-orm.workspace = true\n");

#[test]
fn each_rule_finds_what_breaks_it() {
    let long = "//!\n".repeat(801);
    let table: &[(Rule, &str, &str, &[&str])] = &[
        (rules::lengths, "atmd/src/a.rs", &long, &["atmd/src/a.rs:801"]),
        (rules::lengths, "atmd/src/main.rs", &long, &["atmd/src/main.rs:61"]),
        (rules::lengths, "ARCHITECTURE.md", &long, &["ARCHITECTURE.md:151"]),
        (rules::module_docs, "atmd/src/a.rs", "\n//! Late.\n", &["atmd/src/a.rs:1"]),
        (rules::leftovers, "docs/a.md", concat!("a\n(TO", "DO)\n"), &["docs/a.md:2"]),
        (
            rules::leftovers,
            "atmd/src/a.rs",
            concat!("#[ig", "nore]\n#[al", "low(dead_code)]"),
            &["atmd/src/a.rs:1", "atmd/src/a.rs:2"],
        ),
        (rules::leftovers, "atmd/src/a.rs", concat!("fn a() { to", "do!() }"), &["atmd/src/a.rs:1"]),
        (rules::clock, "atmd/src/a.rs", "a\nlet now = Instant::now();", &["atmd/src/a.rs:2"]),
        (rules::clock, "atm-rpc/src/types/a.rs", "jiff::Timestamp::now()", &["atm-rpc/src/types/a.rs:1"]),
        (manifests::who_depends_on_whom, "atm-cli/Cargo.toml", CLI, &["atm-cli/Cargo.toml:6"]),
        (manifests::who_depends_on_whom, "a/Cargo.toml", "[package]\nname = \"a\"\n", &["a/Cargo.toml:1"]),
        (
            manifests::polars_in_reports_alone,
            "a/Cargo.toml",
            "[dependencies]\npolars.workspace = true\npolars-io.workspace = true\nb.workspace = true\n",
            &["a/Cargo.toml:2", "a/Cargo.toml:3"],
        ),
        (
            manifests::versions_in_the_root,
            "a/Cargo.toml",
            VERSIONS,
            &["a/Cargo.toml:2", "a/Cargo.toml:3", "a/Cargo.toml:5", "a/Cargo.toml:7", "a/Cargo.toml:6"],
        ),
        (manifests::lints_of_the_workspace, "a/Cargo.toml", "[lints.rust]\na = \"b\"\n", &["a/Cargo.toml:1"]),
        (imports::database, "atmd/src/writer/a.rs", "\nuse sea_orm::Value;", &["atmd/src/writer/a.rs:2"]),
        (
            imports::pure,
            "atmd/src/ledger/a.rs",
            IMPORTS,
            &[
                "atmd/src/ledger/a.rs:3",
                "atmd/src/ledger/a.rs:4",
                "atmd/src/ledger/a.rs:5",
                "atmd/src/ledger/a.rs:5",
                "atmd/src/ledger/a.rs:5",
                "atmd/src/ledger/a.rs:9",
                "atmd/src/ledger/a.rs:10",
            ],
        ),
    ];
    for (rule, path, text, expected) in table {
        let found = findings(*rule, path, text);
        assert_eq!(
            &found.iter().map(|finding| place(finding)).collect::<Vec<_>>(),
            expected,
            "{path}\n{text}"
        );
    }
}

#[test]
fn a_name_at_the_root_is_missed_and_another_is_strange() {
    let findings = rules::names_at_the_root(&Tree::of(&[("atmd/src/main.rs", ""), ("scratch/a", "")]));
    assert!(findings.contains(&"README.md: is missing at the root".to_owned()), "{findings:?}");
    assert!(findings.contains(&"scratch: has no place at the root".to_owned()), "{findings:?}");
    assert!(!findings.iter().any(|finding| finding.starts_with("atmd:")), "{findings:?}");
}

#[test]
fn rules_let_pass_what_is_right() {
    let table: &[(Rule, &str, &str)] = &[
        (rules::clock, "atmd/src/clock.rs", "SystemTime::now()"),
        (rules::clock, "atmd/src/a.rs", "// Instant::now\n#[cfg(test)]\nmod tests { Instant::now() }"),
        (rules::clock, "tests/src/a.rs", "Instant::now()"),
        (rules::leftovers, "atmd/src/a.rs", concat!("let mas", "TO", "DON = 1;")),
        (imports::database, "atmd/src/store/a.rs", "use sea_orm::Value;"),
        (imports::database, "atmd/src/rpc/a.rs", "// not sea_orm"),
        (imports::pure, "atmd/src/ledger/a.rs", PURE),
        (imports::pure, "atmd/src/ledgers.rs", "use tokio::time;"),
        (
            manifests::polars_in_reports_alone,
            "plugins/report/Cargo.toml",
            "[package]\nname = \"atmctl-report\"\n[dependencies]\npolars.workspace = true\n",
        ),
        (manifests::versions_in_the_root, "a/Cargo.toml", "[dependencies]\nb.workspace = true # c\n"),
        (
            manifests::who_depends_on_whom,
            "tests/Cargo.toml",
            "[package]\nname = \"atm-tests\"\n[dependencies]\natmd.workspace = true\n",
        ),
    ];
    for (rule, path, text) in table {
        assert_eq!(findings(*rule, path, text), Vec::<String>::new(), "{path}\n{text}");
    }
}

const CLI: &str = "[package]
name = \"atm-cli\"

[dependencies]
atm-rpc.workspace = true
atmd.workspace = true
";

const VERSIONS: &str = "[dependencies]
a = \"1\"
b = { workspace = true, features = [\"c\"] }
[dev-dependencies]
d.version = \"1\"
[dependencies.e]
version = \"1\"
";

const IMPORTS: &str = "//! Decides.
use std::fmt;
use super::super::store::Row;
pub(crate) use tokio::sync::mpsc;
use crate::{ledger::a, store, writer::{
    self, b}};

fn decide() {
    tracing(tokio::spawn(a));
    crate::store::read();
    super::own();
}
";

const PURE: &str = "//! Decides.
use super::{book, entry::Entry};
use crate::ledger::plan;
use atm_rpc::types::{money::Money, mobile::MobileNumber as Number};
use serde::Serialize;
use std::collections::HashMap;

/// See crate::store.
fn decide() -> Option<super::book::Book> {
    self::other();
    Money::from_minor(1);
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
}
";
