//! `atmctl man`: pages of the manual, from the tree that the command line is read by.

use crate::Io;
use crate::plugins::discover::Found;
use crate::render::{rows, schema};
use crate::settings::Settings;
use crate::stop::Stop;
use crate::{arguments, manual, plugins};
use atm_rpc::plugin::{Code, Failure, Kind};
use serde_json::{Value, json};
use std::fs;
use std::io;
use std::path::Path;

pub(crate) async fn run(out: &Path, found: &[Found], settings: &Settings, io: &mut Io) -> Result<u8, Stop> {
    let mut root = arguments::tree();
    // A broken plugin has no page, and `plugin list` says why.
    for description in plugins::index::all(found, io).await.into_iter().flat_map(|plugin| plugin.description)
    {
        root = root.subcommand(plugins::parser::tree(&description));
    }
    root.build();
    fs::create_dir_all(out).map_err(|error| unwritable(out, &error))?;
    let mut files = Vec::new();
    write_pages(&root, out, &mut files)?;
    let files: Vec<Value> = files.iter().map(|file| json!({ "file": file })).collect();
    rows(settings.format, &schema("atmctl.man/1", &[("file", Kind::Text)]), &files, io)?;
    Ok(0)
}

/// The page of a command, and those of the commands in it.
fn write_pages(command: &clap::Command, out: &Path, files: &mut Vec<String>) -> Result<(), Failure> {
    let name = command.get_display_name().unwrap_or_else(|| command.get_name());
    let file = out.join(format!("{name}.1"));
    let text = manual::page(command, &manual::Title { section: 1, source: "atmctl", set: "Operating atmd" })
        .map_err(|error| Failure::new(Code::Failed, error))?;
    fs::write(&file, text).map_err(|error| unwritable(&file, &error))?;
    files.push(file.display().to_string());
    let inner = command.get_subcommands().filter(|command| !command.is_hide_set());
    inner.into_iter().try_for_each(|command| write_pages(command, out, files))
}

fn unwritable(path: &Path, error: &io::Error) -> Failure {
    Failure::new(Code::Failed, format!("{} cannot be written: {error}", path.display()))
}
