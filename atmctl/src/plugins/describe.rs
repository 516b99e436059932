//! Reads what a plugin says about itself, and takes nothing from it that would confuse the host.

use super::discover::is_name;
use crate::arguments::{RESERVED_FLAGS, is_core};
use crate::render::is_quantity;
use atm_rpc::plugin::{Argument, Command, Description, Form, Kind, Output, PROTOCOL};
use std::collections::BTreeSet;

const COMMANDS_MAX: usize = 64;
const ARGUMENTS_MAX: usize = 32;
const COLUMNS_MAX: usize = 128;
const VERSION_LENGTH_MAX: usize = 64;
const LINE_LENGTH_MAX: usize = 200;

/// Reads what a plugin says about itself; `name`: what it must call itself, where that is known.
///
/// # Errors
/// What would confuse the host, for whom the plugin belongs to.
pub fn read(name: Option<&str>, text: &[u8]) -> Result<Description, String> {
    #[derive(serde::Deserialize)]
    struct Version {
        protocol: u16,
    }
    // The version first: of another one nothing else need be understood.
    let version: Version = serde_json::from_slice(text).map_err(|error| error.to_string())?;
    if version.protocol != PROTOCOL {
        return Err(format!("it speaks protocol {}, not {PROTOCOL}", version.protocol));
    }
    let description: Description = serde_json::from_slice(text).map_err(|error| error.to_string())?;
    let own = &description.name;
    if is_core(own) {
        return Err(format!("atmctl itself has a command {own}"));
    }
    if name.is_some_and(|name| name != own) || !is_name(own) {
        return Err(format!("it calls itself {:?}", description.name));
    }
    check(&description)?;
    Ok(description)
}

fn check(description: &Description) -> Result<(), String> {
    line(&description.summary)?;
    line(&description.version)?;
    if description.version.is_empty() || description.version.chars().count() > VERSION_LENGTH_MAX {
        return Err(format!("its version is not 1 to {VERSION_LENGTH_MAX} characters"));
    }
    if description.commands.is_empty() || description.commands.len() > COMMANDS_MAX {
        return Err(format!("it has no commands, or more than {COMMANDS_MAX}"));
    }
    unique("command", description.commands.iter().map(|command| &command.name))?;
    description.commands.iter().try_for_each(|command| {
        check_command(command).map_err(|what| format!("command {:?}: {what}", command.name))
    })
}

fn check_command(command: &Command) -> Result<(), String> {
    line(&command.summary)?;
    command.examples.iter().try_for_each(|example| line(example))?;
    if command.destructive && !command.changes {
        return Err("it is destructive and changes nothing".to_owned());
    }
    if command.arguments.len() > ARGUMENTS_MAX {
        return Err(format!("it has more than {ARGUMENTS_MAX} arguments"));
    }
    unique("argument", command.arguments.iter().map(|argument| &argument.name))?;
    command.arguments.iter().try_for_each(|argument| {
        check_argument(argument).map_err(|what| format!("argument {:?}: {what}", argument.name))
    })?;
    let positional = || command.arguments.iter().filter(|argument| argument.form == Form::Positional);
    if positional().rev().skip(1).any(|argument| argument.repeated) {
        return Err("an argument stands behind one that may be repeated".to_owned());
    }
    if !positional().map(|argument| argument.required).is_sorted_by(|one, next| one >= next) {
        return Err("an argument that is required stands behind one that is not".to_owned());
    }
    let Output::Rows { schema } = &command.output else { return Ok(()) };
    line(&schema.name)?;
    if schema.columns.is_empty() || schema.columns.len() > COLUMNS_MAX {
        return Err(format!("it has no columns, or more than {COLUMNS_MAX}"));
    }
    schema.columns.iter().try_for_each(|column| line(&column.name))?;
    unique("column", schema.columns.iter().map(|column| &column.name))?;
    if schema.columns.iter().any(|column| column.name.is_empty()) {
        return Err("a column has no name".to_owned());
    }
    match schema.columns.iter().find(|column| column.summed && !is_quantity(column.kind)) {
        Some(column) => Err(format!("column {:?} is summed and is no quantity", column.name)),
        None => Ok(()),
    }
}

fn check_argument(argument: &Argument) -> Result<(), String> {
    line(&argument.help)?;
    argument.choices.iter().try_for_each(|choice| line(choice))?;
    let name = argument.name.as_str();
    let broken = [
        (!is_name(&name.replace('_', "-")), "it is not a name"),
        (RESERVED_FLAGS.contains(&name), "atmctl has a flag of this name"),
        (argument.kind == Kind::Boolean && argument.form == Form::Positional, "a boolean is a flag"),
        (argument.kind == Kind::Boolean && argument.required, "a boolean cannot be required"),
        (argument.kind == Kind::Boolean && argument.repeated, "a boolean cannot be repeated"),
        (argument.site.is_some() && argument.kind != Kind::PathRead, "a file of the site is a path:read"),
        (argument.kind == Kind::Choice && argument.choices.is_empty(), "there is nothing to choose from"),
    ];
    broken.iter().find(|(is, _)| *is).map_or(Ok(()), |(_, what)| Err((*what).to_owned()))
}

/// What a terminal prints on one line and does not obey.
fn line(text: &str) -> Result<(), String> {
    let fits = text.chars().count() <= LINE_LENGTH_MAX && !text.chars().any(char::is_control);
    fits.then_some(())
        .ok_or_else(|| format!("a text is not a line of {LINE_LENGTH_MAX} characters at the most"))
}

fn unique<'a>(what: &str, names: impl Iterator<Item = &'a String>) -> Result<(), String> {
    let mut seen = BTreeSet::new();
    for name in names {
        if !seen.insert(name) {
            return Err(format!("it has two of {what} {name:?}"));
        }
        if what == "command" && !is_name(name) {
            return Err(format!("{name:?} is not a name of a command"));
        }
    }
    Ok(())
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use serde_json::{Value, json};

    pub(crate) fn sample() -> Value {
        json!({ "protocol": 1, "name": "demo", "version": "1.0", "summary": "Shows", "commands": [{
            "name": "put", "summary": "Puts", "examples": ["12345 --for 7d"], "connection": "required", "capabilities": ["blacklist:write"],
            "changes": true, "destructive": false, "output": "rows",
            "schema": { "name": "demo.put/1", "columns": [{ "name": "n", "kind": "number" }] },
            "arguments": [
                { "name": "number", "kind": "mobile", "form": "positional", "required": true, "help": "Which" },
                { "name": "note", "kind": "text", "form": "positional", "required": false, "help": "Any" },
                { "name": "for", "kind": "duration", "form": "flag", "help": "How long" },
                { "name": "how", "kind": "choice", "form": "flag", "help": "How", "choices": ["fast", "slow"] },
                { "name": "all", "kind": "boolean", "form": "flag", "help": "All" },
            ],
        }, {
            "name": "look", "summary": "Looks", "connection": "required", "output": "raw",
        }, {
            "name": "wipe", "summary": "Wipes", "connection": "required", "changes": true, "destructive": true,
            "output": "raw",
        }, {
            "name": "keep", "summary": "Keeps", "connection": "none", "output": "raw", "arguments": [
                { "name": "only", "kind": "text", "form": "flag", "repeated": true, "help": "Some" },
                { "name": "which", "kind": "text", "form": "positional", "repeated": true, "help": "All" },
            ],
        }] })
    }

    #[test]
    fn descriptions_that_would_confuse_are_refused() {
        assert!(read(Some("demo"), sample().to_string().as_bytes()).is_ok());
        let table: &[(&str, Value)] = &[
            ("/protocol", json!(2)),
            ("/name", json!("other")),
            ("/version", json!("")),
            ("/summary", json!("a\u{1b}[2J")),
            ("/commands", json!([])),
            ("/commands/0/name", json!("Put it")),
            ("/commands/1/name", json!("put")),
            ("/commands/2/changes", json!(false)),
            ("/commands/0/capabilities", json!(["world:domination"])),
            ("/commands/0/arguments/1/name", json!("number")),
            ("/commands/0/arguments/2/name", json!("timeout")),
            ("/commands/0/arguments/3/choices", json!([])),
            ("/commands/0/arguments/4/form", json!("positional")),
            ("/commands/0/arguments/4/repeated", json!(true)),
            ("/commands/0/arguments/0/repeated", json!(true)),
            ("/commands/0/network", json!(["net:everything"])),
            ("/commands/0/schema/columns", json!([])),
            ("/commands/0/output", json!("rows and more")),
            ("/commands/0/examples", json!(["demo put\n12345"])),
        ];
        for (pointer, value) in table {
            let mut changed = sample();
            let (object, field) = pointer.rsplit_once('/').unwrap();
            changed.pointer_mut(object).unwrap()[field] = value.clone();
            assert!(read(Some("demo"), changed.to_string().as_bytes()).is_err(), "{pointer}");
        }
        let mut without = sample();
        without["commands"][0]["connection"] = json!("none");
        assert!(read(Some("demo"), without.to_string().as_bytes()).is_ok());
        let mut site = sample();
        site["commands"][0]["arguments"][1] = json!({ "name": "note", "kind": "path:read", "form": "positional",
            "help": "Any", "site": "ledger/client.csv" });
        assert!(read(Some("demo"), site.to_string().as_bytes()).is_ok());
        for (field, value) in
            [("kind", "path:write"), ("kind", "text"), ("site", "pki/root.pem"), ("site", "")]
        {
            let mut other = site.clone();
            other["commands"][0]["arguments"][1][field] = json!(value);
            assert!(read(Some("demo"), other.to_string().as_bytes()).is_err(), "{field} {value}");
        }
        let mut summed = sample();
        summed["commands"][0]["schema"]["columns"][0]["summed"] = json!(true);
        assert!(read(Some("demo"), summed.to_string().as_bytes()).is_ok());
        summed["commands"][0]["schema"]["columns"][0]["kind"] = json!("text");
        assert!(read(Some("demo"), summed.to_string().as_bytes()).is_err());
        let mut swapped = sample();
        swapped["commands"][0]["arguments"][0]["required"] = json!(false);
        swapped["commands"][0]["arguments"][1]["required"] = json!(true);
        assert!(read(Some("demo"), swapped.to_string().as_bytes()).is_err());
    }
}
