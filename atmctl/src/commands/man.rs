//! `atmctl man`: pages of the manual, from the tree that the command line is read by.

use crate::Io;
use crate::plugins::discover::Found;
use crate::render::{rows, schema};
use crate::settings::Settings;
use crate::stop::Stop;
use crate::{arguments, plugins};
use atm_rpc::plugin::{Code, Failure, Kind};
use clap::Arg;
use clap::builder::PossibleValue;
use clap_mangen::Man;
use clap_mangen::roff::{Roff, roman};
use serde_json::{Value, json};
use std::fs;
use std::io::{self, Write};
use std::path::Path;

/// Of the version, so that pages are the same whenever they are made.
const DATE: &str = "2026-11-22";

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
    let text = page(command).map_err(|error| Failure::new(Code::Failed, error))?;
    fs::write(&file, text).map_err(|error| unwritable(&file, &error))?;
    files.push(file.display().to_string());
    let inner = command.get_subcommands().filter(|command| !command.is_hide_set());
    inner.into_iter().try_for_each(|command| write_pages(command, out, files))
}

fn unwritable(path: &Path, error: &io::Error) -> Failure {
    Failure::new(Code::Failed, format!("{} cannot be written: {error}", path.display()))
}

fn page(command: &clap::Command) -> io::Result<Vec<u8>> {
    let name = command.get_display_name().unwrap_or_else(|| command.get_name());
    let man = Man::new(command.clone().mut_args(with_values_in_help));
    let mut text = Vec::new();
    let version = env!("CARGO_PKG_VERSION");
    // By hand: the crate does not quote a source of two words.
    writeln!(
        text,
        ".TH \"{}\" \"1\" \"{DATE}\" \"atmctl {version}\" \"Operating atmd\"",
        name.to_uppercase()
    )?;
    man.render_name_section(&mut text)?;
    man.render_synopsis_section(&mut text)?;
    man.render_description_section(&mut text)?;
    man.render_options_section(&mut text)?;
    if command.has_subcommands() {
        man.render_subcommands_section(&mut text)?;
    }
    let after = command.get_after_help().map(ToString::to_string).unwrap_or_default();
    let mut roff = Roff::new();
    for paragraph in after.split("\n\n").map(str::trim).filter(|paragraph| !paragraph.is_empty()) {
        further_section(paragraph, &mut roff);
    }
    text.write_all(roff.to_roff().as_bytes())?;
    Ok(text)
}

/// Values to choose from in the line of help instead of a list below it.
fn with_values_in_help(arg: Arg) -> Arg {
    let values = arg.get_possible_values();
    if values.is_empty() || !arg.get_action().takes_values() {
        return arg;
    }
    let values: Vec<&str> = values.iter().map(PossibleValue::get_name).collect();
    let help = arg.get_help().map(ToString::to_string).unwrap_or_default();
    let help = format!("{help} ({})", values.join(", "));
    arg.help(help).hide_possible_values(true)
}

/// A paragraph of what stands behind the help, as a section: `Title: what` or `Title:` and lines.
fn further_section(paragraph: &str, roff: &mut Roff) {
    let Some((title, rest)) = paragraph.split_once(':') else {
        roff.control("PP", []).text([roman(paragraph)]);
        return;
    };
    let title = if title == "Exit codes" { "EXIT STATUS".to_owned() } else { title.to_uppercase() };
    roff.control("SH", [title.as_str()]);
    if let Some(lines) = rest.strip_prefix('\n') {
        roff.control("nf", []);
        for line in lines.lines() {
            roff.text([roman(line.trim_start())]);
        }
        roff.control("fi", []);
        return;
    }
    for item in rest.split(", ") {
        let (term, meaning) = item.trim().split_once(' ').unwrap_or((item, ""));
        roff.control("TP", []).text([roman(term)]).text([roman(meaning)]);
    }
}
