//! What the tree itself must keep to: who depends on whom, sizes, style. One rule, one test; [`rules`] holds
//! them as functions of a [`tree`], and [`proof`] shows that each of them can fail.

mod imports;
mod manifests;
mod proof;
mod rules;
mod tree;

use tree::Tree;

/// Fails with every place where the rule does not hold.
fn holds(rule: fn(&Tree) -> Vec<String>) {
    let findings = rule(&Tree::read());
    assert!(findings.is_empty(), "\n{}", findings.join("\n"));
}

macro_rules! tests {
    ($($name:ident: $rule:path,)+) => { $(#[test] fn $name() { holds($rule); })+ };
}

tests! {
    the_root_has_its_names_and_no_others: rules::names_at_the_root,
    crates_depend_on_whom_they_may: manifests::who_depends_on_whom,
    polars_is_in_reports_alone: manifests::polars_in_reports_alone,
    versions_and_features_stand_in_the_root_manifest: manifests::versions_in_the_root,
    every_crate_takes_the_lints_of_the_workspace: manifests::lints_of_the_workspace,
    decisions_see_nothing_but_values: imports::pure,
    the_database_is_named_in_the_store_alone: imports::database,
    time_is_read_in_the_clock_alone: rules::clock,
    no_file_is_too_long: rules::lengths,
    every_module_says_what_it_owns: rules::module_docs,
    nothing_is_left_to_do_or_silenced: rules::leftovers,
}
