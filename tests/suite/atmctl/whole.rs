//! What holds for every command of every plugin that comes with atmctl, by what the plugins say of themselves.

use super::error;
use atm_rpc::plugin::{self, Command, Connection, DESCRIBE, Description, Output};
use atm_tests::csv;
use atm_tests::daemon::{Atmd, Options};
use atm_tests::process::{self, Outcome};
use atm_tests::programs::programs;
use atm_tests::tools::Tools;
use serde_json::{Value, json};

/// Every plugin, by its name.
fn plugins() -> Vec<Description> {
    let names = programs().names().filter_map(|name| name.strip_prefix("atmctl-"));
    let described = |name: &str| {
        let mut command = std::process::Command::new(programs().path(&format!("atmctl-{name}")));
        command.arg(DESCRIBE);
        serde_json::from_str(&process::run(command, "").coded(0).stdout).unwrap()
    };
    names.map(described).collect()
}

fn tools(plugins: &[Description]) -> Tools {
    Tools::with(&plugins.iter().map(|plugin| plugin.name.as_str()).collect::<Vec<_>>())
}

/// The command lines that the help of a command has for examples.
fn examples(plugin: &str, command: &Command) -> Vec<Vec<String>> {
    let words = |example: &String| {
        [plugin.to_owned(), command.name.clone()].into_iter().chain(plugin::words(example)).collect()
    };
    assert!(!command.examples.is_empty(), "{plugin} {} has no examples", command.name);
    command.examples.iter().map(words).collect()
}

fn with<'a>(line: &'a [String], options: &[&'a str]) -> Vec<&'a str> {
    line.iter().map(String::as_str).chain(options.iter().copied()).collect()
}

/// One JSON object on stderr and nothing else; or rows that carry their schema.
fn told(outcome: &Outcome, schema: &str) {
    match outcome.code {
        Some(0 | 3) => {
            let json: Value =
                serde_json::from_str(&outcome.stdout).unwrap_or_else(|e| panic!("{e}: {outcome}"));
            assert_eq!(json["schema"], schema, "{outcome}");
            assert!(json["data"].is_array() && json["warnings"].is_array(), "{outcome}");
        }
        _ => assert!(error(outcome)["message"].is_string(), "{outcome}"),
    }
}

#[test]
fn rows_carry_their_schema_whatever_the_command() {
    let atmd = Atmd::start(&Options::default());
    let plugins = plugins();
    let tools = tools(&plugins);
    let mut schemas = Vec::new();
    for plugin in &plugins {
        for command in &plugin.commands {
            let Output::Rows { schema } = &command.output else { continue };
            assert!(
                schema.name.starts_with(&format!("atmctl.{}.{}/", plugin.name, command.name)),
                "{schema:?}"
            );
            schemas.push(schema.name.clone());
            for line in examples(&plugin.name, command) {
                told(&tools.operate(&atmd, &with(&line, &["-o", "json", "--yes"])), &schema.name);
                let printed = tools.operate(&atmd, &with(&line, &["-o", "csv", "--yes"]));
                let records = csv::parse(&printed.stdout.replace("\r\n", "\n")).unwrap();
                let columns: Vec<&str> = schema.columns.iter().map(|column| column.name.as_str()).collect();
                assert!(records.first().is_none_or(|header| *header == columns), "{printed}");
            }
        }
    }
    assert!(schemas.len() > 5, "{schemas:?}");
}

#[test]
fn without_atmd_whoever_needs_it_says_so() {
    let mut atmd = Atmd::start(&Options::default());
    assert!(atmd.stop().success());
    let plugins = plugins();
    let tools = tools(&plugins);
    for plugin in &plugins {
        for command in plugin.commands.iter().filter(|command| command.connection == Connection::Required) {
            let line = &examples(&plugin.name, command)[0];
            let failed = tools.operate(&atmd, &with(line, &["--yes"])).coded(69);
            assert!(
                failed.stdout.is_empty() && failed.stderr.contains("is atmd running"),
                "{line:?}: {failed}"
            );
            if command.output != Output::Raw {
                let failed = tools.operate(&atmd, &with(line, &["--yes", "-o", "json"])).coded(69);
                assert_eq!(error(&failed)["code"], "unreachable", "{line:?}");
            }
        }
    }
}

#[test]
fn every_failure_is_one_object_where_json_is_wanted() {
    let atmd = Atmd::start(&Options::default());
    let tools = Tools::with(&["blacklist"]);
    let raw = json!([{ "name": "page", "summary": "Prints", "connection": "none", "output": "raw" }]);
    tools.plugin("raw", &raw, "echo page");
    tools.plugin("late", &super::rows("none", &[("n", "number")]), "echo '{\"n\":1}'; exit 5");
    tools.plugin("bad", &super::rows("none", &[("n", "number")]), "echo '{\"n\":1}'; echo nonsense");
    let table: &[(&[&str], i32)] = &[
        (&[], 2),
        (&["nothing"], 127),
        (&["status", "--no-such-flag"], 2),
        (&["status", "--timeout", "soon"], 2),
        (&["status", "--timeout", "0s"], 2),
        (&["blacklist"], 2),
        (&["blacklist", "nothing"], 127),
        (&["blacklist", "add"], 2),
        (&["blacklist", "add", "12a", "--reason", "x"], 2),
        (&["blacklist", "show", "12345"], 4),
        (&["plugin", "info", "nothing"], 4),
        (&["plugin", "nothing"], 127),
        (&["api", "nothing"], 2),
        (&["api", "blacklist_show", "{\"mobile\":\"12345\"}"], 4),
        (&["completion", "bash"], 2),
        (&["completion", "tcsh"], 2),
        (&["man"], 2),
        (&["config", "nothing"], 127),
        (&["raw", "page"], 2),
        (&["status", "--ca", "/no/such/file"], 78),
        (&["late", "go"], 5),
        (&["bad", "go"], 76),
    ];
    for (arguments, code) in table {
        for line in [[arguments, &["-o", "json"][..]].concat(), [&["--output=json"], *arguments].concat()] {
            let failed = tools.operate(&atmd, &line).coded(*code);
            assert!(error(&failed)["message"].is_string(), "{line:?}");
        }
    }
}
