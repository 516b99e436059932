//! `atmctl plugin`: what there is, and what it may do. A broken plugin does not hide the others.

use super::install;
use crate::Io;
use crate::arguments::{Globals, Plugin};
use crate::plugins;
use crate::plugins::discover::Found;
use crate::plugins::index::{self, Known};
use crate::plugins::install::Candidate;
use crate::plugins::named;
use crate::plugins::program::Program;
use crate::plugins::record::{Grant, sites};
use crate::plugins::sandbox::available;
use crate::render::{record, rows, schema};
use crate::settings::Settings;
use crate::stop::Stop;
use atm_rpc::plugin::{Command, Connection, Kind, Output, Site};
use serde_json::{Value, json};

pub(crate) async fn run(
    command: Plugin,
    globals: &Globals,
    settings: &Settings,
    found: &[Found],
    io: &mut Io,
) -> Result<u8, Stop> {
    match command {
        Plugin::List => list(found, settings, io).await,
        Plugin::Info { name } => info(&name, found, settings, io).await,
        Plugin::Install { file, sha256 } => {
            let candidate = Candidate::read(&file, sha256.as_deref(), globals.unsandboxed).await?;
            let plan = candidate.plan(found, io)?;
            install::install(&candidate, &plan, globals, settings, io)
        }
        Plugin::Update { name, file, sha256 } => {
            // Before anything is run: a name that is mistyped is no reason to.
            plugins::install::installed(&name, found)?;
            let candidate = Candidate::read(&file, sha256.as_deref(), globals.unsandboxed).await?;
            let plan = candidate.plan_update(&name, found)?;
            install::update(&candidate, &plan, globals, settings, io)
        }
        Plugin::Test { file } => super::plugin_test::run(&file, globals, settings, io).await,
        Plugin::Remove { name } => install::remove(&name, found, globals, settings, io),
    }
}

async fn list(found: &[Found], settings: &Settings, io: &mut Io) -> Result<u8, Stop> {
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

async fn info(name: &str, found: &[Found], settings: &Settings, io: &mut Io) -> Result<u8, Stop> {
    let found = named(name, found)?;
    let description = index::one(found, io).await?;
    let columns = [
        ("name", Kind::Text),
        ("version", Kind::Text),
        ("trust", Kind::Choice),
        ("file", Kind::Text),
        ("digest", Kind::Text),
        ("granted", Kind::Text),
        ("sandbox", Kind::Text),
        ("summary", Kind::Text),
        ("commands", Kind::Text),
    ];
    let grant = match &found.record {
        Some(record) => record.grant.clone(),
        None => Grant::wanted(&description),
    };
    let network = !grant.network.is_empty();
    let commands: Vec<String> = description.commands.iter().map(told).collect();
    let row = json!({
        "name": description.name,
        "version": description.version,
        "trust": found.trust.name(),
        "file": found.path.display().to_string(),
        "digest": Program::open(found).ok().map(|program| program.digest),
        "granted": grant.to_string(),
        "sandbox": available().told(network),
        "summary": description.summary,
        "commands": commands.join("; "),
    });
    record(settings.format, &schema("atmctl.plugin.info/1", &columns), None, &row, io)?;
    Ok(0)
}

/// `add (changes; blacklist:write accounts:pii)`.
pub(super) fn told(command: &Command) -> String {
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
    let dials: String = command.network.iter().map(|network| format!(" {}", network.name())).collect();
    let sites: Vec<&str> = sites(command).map(Site::path).collect();
    let reads = if sites.is_empty() { String::new() } else { format!("; given {}", sites.join(", ")) };
    let raw = if command.output == Output::Raw { ", prints what it likes" } else { "" };
    format!("{} ({effect}{raw}: {rights}{dials}{reads})", command.name)
}
