//! What a plugin says about itself.

use atm_rpc::plugin::{Description, Output};
use atmctl::plugins::{describe, parser};
use serde_json::Value;

/// A description that atmctl takes is one that it can show and make a command line of.
pub fn descriptions(bytes: &[u8]) {
    // The name is that of the plugin's file, which says the same where somebody means it.
    let named = serde_json::from_slice(bytes)
        .ok()
        .and_then(|value: Value| Some(value.get("name")?.as_str()?.to_owned()));
    // What is no name of a file is no plugin's.
    let name = named.filter(|name| is_name(name)).unwrap_or_else(|| "demo".to_owned());
    let Ok(description) = describe::read(Some(&name), bytes) else { return };
    let written = serde_json::to_vec(&description).expect("what was read can be written");
    assert_eq!(describe::read(Some(&name), &written), Ok(description.clone()));
    for text in shown(&description) {
        assert!(!text.contains(char::is_control), "{text:?} is shown on a terminal");
    }
    let mut command_line = parser::command_line(&description);
    let help = command_line.clone();
    help.debug_assert();
    for plugin in command_line.get_subcommands_mut().filter(|command| command.get_name() == name) {
        let _ = plugin.render_long_help();
        plugin.get_subcommands_mut().for_each(|command| drop(command.render_long_help()));
    }
}

/// As atmctl finds plugins: small letters, digits and dashes; names of the core are its own.
fn is_name(name: &str) -> bool {
    let core = ["help", "status", "api", "plugin", "config", "version"];
    name.len() <= 31
        && !core.contains(&name)
        && name.starts_with(|first: char| first.is_ascii_lowercase())
        && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
}

/// The texts of a description that a person sees.
fn shown(description: &Description) -> Vec<&str> {
    let mut texts = vec![description.name.as_str(), &description.version, &description.summary];
    for command in &description.commands {
        texts.extend([command.name.as_str(), &command.summary]);
        texts.extend(command.examples.iter().map(String::as_str));
        for argument in &command.arguments {
            texts.extend([argument.name.as_str(), &argument.help]);
            texts.extend(argument.choices.iter().map(String::as_str));
        }
        if let Output::Rows { schema } = &command.output {
            texts.push(&schema.name);
            texts.extend(schema.columns.iter().map(|column| column.name.as_str()));
        }
    }
    texts
}
