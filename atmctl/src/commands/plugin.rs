//! `atmctl plugin`: what there is, and what it may do. A broken plugin does not hide the others.

use crate::Io;
use crate::plugins::discover::Found;
use crate::plugins::index::{self, Known};
use crate::plugins::{digest, named};
use crate::render::{record, rows, schema};
use crate::settings::Settings;
use crate::stop::Stop;
use atm_rpc::plugin::{Command, Connection, Kind, Output};
use serde_json::{Value, json};

pub(crate) async fn list(found: &[Found], settings: &Settings, io: &mut Io) -> Result<u8, Stop> {
    let columns = [
        ("name", Kind::Text),
        ("version", Kind::Text),
        ("state", Kind::Choice),
        ("trust", Kind::Choice),
        ("summary", Kind::Text),
    ];
    let list: Vec<Value> = index::all(found, io).await.iter().map(line).collect();
    rows(settings.format, &schema("atmctl.plugin.list/1", &columns), &list, io)?;
    Ok(0)
}

fn line(Known { found, description }: &Known) -> Value {
    let (version, state, summary) = match description {
        Ok(description) => (Some(&description.version), "available", &description.summary),
        Err(failure) => (None, "unavailable", &failure.message),
    };
    json!({
        "name": found.name, "version": version, "state": state, "trust": found.trust.name(),
        "summary": summary,
    })
}

pub(crate) async fn info(name: &str, found: &[Found], settings: &Settings, io: &mut Io) -> Result<u8, Stop> {
    let found = named(name, found)?;
    let description = index::one(found, io).await?;
    let columns = [
        ("name", Kind::Text),
        ("version", Kind::Text),
        ("trust", Kind::Choice),
        ("file", Kind::Text),
        ("digest", Kind::Text),
        ("summary", Kind::Text),
        ("commands", Kind::Text),
    ];
    let commands: Vec<String> = description.commands.iter().map(told).collect();
    let row = json!({
        "name": description.name,
        "version": description.version,
        "trust": found.trust.name(),
        "file": found.path.display().to_string(),
        "digest": digest(&found.path).ok(),
        "summary": description.summary,
        "commands": commands.join("; "),
    });
    record(settings.format, &schema("atmctl.plugin.info/1", &columns), None, &row, io)?;
    Ok(0)
}

/// `add (changes; blacklist:write accounts:pii)`.
fn told(command: &Command) -> String {
    let effect = match (command.changes, command.destructive) {
        (_, true) => "cannot be undone",
        (true, false) => "changes",
        (false, false) => "reads",
    };
    let rights = match command.connection {
        Connection::None => "without atmd".to_owned(),
        Connection::Required => {
            command.capabilities.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
        }
    };
    let raw = if command.output == Output::Raw { ", prints what it likes" } else { "" };
    format!("{} ({effect}{raw}: {rights})", command.name)
}
