//! `atmctl plugin install`, `update` and `remove`: says what a plugin wants, asks, and says what changed.

use super::plugin::told;
use crate::Io;
use crate::arguments::Globals;
use crate::plugins::consent::consent;
use crate::plugins::discover::Found;
use crate::plugins::install::{self, Candidate, Plan};
use crate::render::{record, schema};
use crate::settings::Settings;
use crate::stop::Stop;
use atm_rpc::plugin::{Code, Failure, Kind};
use serde_json::json;
use std::io::Write;

/// A new plugin.
pub(super) fn install(
    candidate: &Candidate,
    plan: &Plan,
    globals: &Globals,
    settings: &Settings,
    io: &mut Io,
) -> Result<u8, Stop> {
    if plan.changes {
        show(candidate, io);
        if !globals.dry_run {
            consent(&format!("this installs {}", candidate.description.name), globals, io)?;
            candidate.store(plan)?;
        }
    }
    changed("install", candidate, plan, globals, settings, io)
}

/// Another file for a plugin that is there.
pub(super) fn update(
    candidate: &Candidate,
    plan: &Plan,
    globals: &Globals,
    settings: &Settings,
    io: &mut Io,
) -> Result<u8, Stop> {
    let (wanted, name) = (candidate.wanted(), &candidate.description.name);
    let (more, less) = (wanted.beyond(&plan.granted), plan.granted.beyond(&wanted));
    if plan.changes {
        show(candidate, io);
        for (what, grant) in [("more than before", &more), ("no more", &less)] {
            if !grant.is_nothing() {
                say(&format!("it wants {what}: {grant}"), io);
            }
        }
        if !globals.dry_run {
            if !more.is_nothing() {
                consent(&format!("{name} wants more than before: {more}"), globals, io)?;
            }
            candidate.store(plan)?;
        }
    }
    changed("update", candidate, plan, globals, settings, io)
}

/// What it is and what it wants, for the person who decides.
fn show(candidate: &Candidate, io: &mut Io) {
    let description = &candidate.description;
    say(&format!("{} {}: {}", description.name, description.version, description.summary), io);
    say(&format!("SHA-256 {}", candidate.digest()), io);
    for command in &description.commands {
        say(&format!("  {}", told(command)), io);
    }
    say(&format!("it wants: {}", candidate.wanted()), io);
}

fn say(text: &str, io: &mut Io) {
    // Where stderr is gone, the question that follows cannot be asked either.
    let _ = writeln!(io.stderr, "{text}");
}

fn changed(
    command: &str,
    candidate: &Candidate,
    plan: &Plan,
    globals: &Globals,
    settings: &Settings,
    io: &mut Io,
) -> Result<u8, Stop> {
    let columns = [
        ("name", Kind::Text),
        ("version", Kind::Text),
        ("digest", Kind::Text),
        ("file", Kind::Text),
        ("granted", Kind::Text),
        ("changed", Kind::Boolean),
        ("dry_run", Kind::Boolean),
    ];
    let row = json!({
        "name": candidate.description.name,
        "version": candidate.description.version,
        "digest": candidate.digest(),
        "file": plan.file.display().to_string(),
        "granted": candidate.wanted().to_string(),
        "changed": plan.changes,
        "dry_run": globals.dry_run,
    });
    record(settings.format, &schema(&format!("atmctl.plugin.{command}/1"), &columns), None, &row, io)?;
    Ok(0)
}

/// Takes one away. One that is not there is away already.
pub(super) fn remove(
    name: &str,
    found: &[Found],
    globals: &Globals,
    settings: &Settings,
    io: &mut Io,
) -> Result<u8, Stop> {
    let changes = match install::installed(name, found) {
        Ok(_) if globals.dry_run => true,
        Ok(installed) => install::remove(installed, io).map(|()| true)?,
        Err(Failure { code: Code::NotFound, .. }) => false,
        Err(failure) => return Err(failure.into()),
    };
    let columns = [("name", Kind::Text), ("changed", Kind::Boolean), ("dry_run", Kind::Boolean)];
    let row = json!({ "name": name, "changed": changes, "dry_run": globals.dry_run });
    record(settings.format, &schema("atmctl.plugin.remove/1", &columns), None, &row, io)?;
    Ok(0)
}
