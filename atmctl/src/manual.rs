//! A page of the manual, from the tree that a command line is read by.

use clap::Arg;
use clap::builder::PossibleValue;
use clap_mangen::Man;
use clap_mangen::roff::{Roff, roman};
use std::io::{self, Write};

/// Of the version, so that pages are the same whenever they are made.
const DATE: &str = "2026-11-22";

/// What stands above and below each page.
#[derive(Clone, Copy, Debug)]
pub struct Title<'t> {
    /// Of the manual: 1 for what everybody runs, 8 for daemons.
    pub section: u8,
    /// The program that has the version.
    pub source: &'t str,
    /// What the page belongs to.
    pub set: &'t str,
}

/// The page of a command, in roff. The command must be built.
///
/// # Errors
/// None in practice: it is written to memory.
pub fn page(command: &clap::Command, title: &Title<'_>) -> io::Result<Vec<u8>> {
    let name = command.get_display_name().unwrap_or_else(|| command.get_name());
    let man = Man::new(command.clone().mut_args(with_values_in_help));
    let mut text = Vec::new();
    let version = env!("CARGO_PKG_VERSION");
    let Title { section, source, set } = title;
    // By hand: the crate does not quote a source of two words.
    writeln!(
        text,
        ".TH \"{}\" \"{section}\" \"{DATE}\" \"{source} {version}\" \"{set}\"",
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
