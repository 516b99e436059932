//! From a clap parser and the table of commands to a description.
//!
//! The kind of an argument follows from the Rust type that clap parses it into.

use crate::command::Command;
use atm_rpc::plugin::{self, Argument, Day, Description, Form, Kind, PROTOCOL, Values};
use atm_rpc::types::mobile::MobileNumber;
use atm_rpc::types::time::Timestamp;
use clap::{Arg, ArgAction, CommandFactory};
use std::any::TypeId;
use std::path::PathBuf;
use std::time::Duration;

/// The parser and the table do not go together. A test of the plugin finds this.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mismatch(String);

impl std::fmt::Display for Mismatch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "this plugin cannot be described: {}", self.0)
    }
}

/// Describes a plugin.
///
/// # Errors
/// [`Mismatch`] where a command is in the parser or in the table alone, has an argument that a
/// description cannot tell, or an example that the parser does not take.
pub fn describe<C: CommandFactory>(commands: &[Command]) -> Result<Description, Mismatch> {
    let mut parser = C::command();
    parser.build();
    if let Some(lost) = commands.iter().find(|command| parser.find_subcommand(command.name).is_none()) {
        return Err(Mismatch(format!("{} is in the table, not in the parser", lost.name)));
    }
    for command in commands {
        for words in command.examples {
            let line = [parser.get_name(), command.name].map(str::to_owned).into_iter();
            let line = line.chain(plugin::words(words)).chain(given_by_the_host(command, words));
            if parser.clone().try_get_matches_from(line).is_err() {
                return Err(Mismatch(format!("{} does not take its example: {words}", command.name)));
            }
        }
    }
    let described = parser.get_subcommands().filter(|subcommand| subcommand.get_name() != "help");
    Ok(Description {
        protocol: PROTOCOL,
        name: parser.get_name().to_owned(),
        version: parser.get_version().unwrap_or("0").to_owned(),
        summary: about(&parser),
        commands: described
            .map(|subcommand| described_command(subcommand, commands))
            .collect::<Result<_, _>>()?,
    })
}

/// Files of the site that an example leaves out.
fn given_by_the_host(command: &Command, example: &str) -> impl Iterator<Item = String> {
    let flags = command.sites.iter().map(|(argument, _)| format!("--{argument}"));
    flags.filter(|flag| !example.contains(flag.as_str())).map(|flag| format!("{flag}=-"))
}

fn described_command(parser: &clap::Command, commands: &[Command]) -> Result<plugin::Command, Mismatch> {
    let name = parser.get_name();
    let lost = || Mismatch(format!("{name} is in the parser, not in the table"));
    let facts = commands.iter().find(|command| command.name == name).ok_or_else(lost)?;
    let arguments =
        parser.get_arguments().filter(|arg| !["help", "version"].contains(&arg.get_id().as_str()));
    Ok(plugin::Command {
        name: name.to_owned(),
        summary: about(parser),
        arguments: arguments.map(|arg| described_argument(arg, facts)).collect::<Result<_, _>>()?,
        examples: facts.examples.iter().map(|example| (*example).to_owned()).collect(),
        capabilities: facts.capabilities.to_vec(),
        connection: facts.connection,
        network: facts.network.to_vec(),
        changes: facts.changes,
        destructive: facts.destructive,
        output: facts.output(),
    })
}

fn described_argument(arg: &Arg, facts: &Command) -> Result<Argument, Mismatch> {
    let name = arg.get_long().unwrap_or(arg.get_id().as_str()).to_owned();
    let cannot = |what: &str| Mismatch(format!("{what} of {} {name}", facts.name));
    let kind = match arg.get_action() {
        ArgAction::SetTrue => Kind::Boolean,
        ArgAction::Set | ArgAction::Append => match kind_of(arg).ok_or_else(|| cannot("the type"))? {
            Kind::PathRead if facts.writes.contains(&name.as_str()) => Kind::PathWrite,
            kind => kind,
        },
        _ => return Err(cannot("repetition")),
    };
    let choices = arg.get_possible_values();
    let values = facts.values.iter().find(|(argument, ..)| *argument == name);
    Ok(Argument {
        kind,
        form: if arg.is_positional() { Form::Positional } else { Form::Flag },
        required: arg.is_required_set(),
        repeated: matches!(arg.get_action(), ArgAction::Append),
        help: arg.get_help().map(ToString::to_string).unwrap_or_default(),
        choices: match kind {
            Kind::Choice => choices.iter().map(|choice| choice.get_name().to_owned()).collect(),
            _ => Vec::new(),
        },
        site: facts.sites.iter().find(|(argument, _)| *argument == name).map(|(_, site)| *site),
        values: values
            .map(|(_, method, field)| Values { method: (*method).to_owned(), field: (*field).to_owned() }),
        name,
    })
}

fn kind_of(arg: &Arg) -> Option<Kind> {
    let table = [
        (TypeId::of::<String>(), Kind::Text),
        (TypeId::of::<MobileNumber>(), Kind::Mobile),
        (TypeId::of::<Timestamp>(), Kind::Date),
        (TypeId::of::<Day>(), Kind::Day),
        (TypeId::of::<Duration>(), Kind::Duration),
        (TypeId::of::<PathBuf>(), Kind::PathRead),
        (TypeId::of::<i64>(), Kind::Number),
        (TypeId::of::<u64>(), Kind::Number),
        (TypeId::of::<u32>(), Kind::Number),
        (TypeId::of::<u16>(), Kind::Number),
    ];
    if !arg.get_possible_values().is_empty() {
        return Some(Kind::Choice);
    }
    let parsed = arg.get_value_parser().type_id();
    table.iter().find(|(known, _)| parsed == *known).map(|(_, kind)| *kind)
}

fn about(parser: &clap::Command) -> String {
    parser.get_about().map(ToString::to_string).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::Column;
    use atm_rpc::plugin::{Output, parse_date, parse_duration};
    use clap::{Parser, ValueEnum};

    /// Tries things.
    #[derive(Parser)]
    #[command(name = "demo", version = "1.2.3")]
    enum Demo {
        /// Shows one.
        Show {
            /// The number.
            number: MobileNumber,
            /// How.
            #[arg(long)]
            how: Option<How>,
            /// Since when.
            #[arg(long, value_parser = parse_date)]
            since: Option<Timestamp>,
            /// How long.
            #[arg(long, value_parser = parse_duration)]
            lasting: Duration,
            /// Everything.
            #[arg(long)]
            all: bool,
            /// How many.
            #[arg(long, default_value = "7")]
            count: u16,
            /// From where.
            #[arg(long)]
            from: Option<PathBuf>,
            /// To where.
            #[arg(long)]
            to: Option<PathBuf>,
        },
    }

    #[derive(Clone, ValueEnum)]
    enum How {
        Fast,
        Slow,
    }

    const SHOW: Command =
        Command::rows("show", "demo.show/1", &[Column::summed("n", Kind::Number)]).writes(&["to"]);

    #[test]
    fn kinds_follow_from_types() {
        let description = describe::<Demo>(&[SHOW.values(&[("number", "BlacklistList", "number")])]).unwrap();
        assert_eq!((description.name.as_str(), description.version.as_str()), ("demo", "1.2.3"));
        assert_eq!(description.summary, "Tries things");
        let [command] = description.commands.as_slice() else { panic!("one command") };
        let found: Vec<_> =
            command.arguments.iter().map(|a| (a.name.as_str(), a.kind, a.form, a.required)).collect();
        let table = [
            ("number", Kind::Mobile, Form::Positional, true),
            ("how", Kind::Choice, Form::Flag, false),
            ("since", Kind::Date, Form::Flag, false),
            ("lasting", Kind::Duration, Form::Flag, true),
            ("all", Kind::Boolean, Form::Flag, false),
            ("count", Kind::Number, Form::Flag, false),
            ("from", Kind::PathRead, Form::Flag, false),
            ("to", Kind::PathWrite, Form::Flag, false),
        ];
        assert_eq!(found, table);
        assert_eq!(command.arguments[0].values.as_ref().map(|v| v.field.as_str()), Some("number"));
        assert_eq!(command.arguments[1].choices, ["fast", "slow"]);
        let Output::Rows { schema } = &command.output else { panic!("rows") };
        assert!(schema.columns[0].summed);
    }

    #[test]
    fn parser_and_table_must_agree() {
        assert!(describe::<Demo>(&[]).is_err());
        assert!(describe::<Demo>(&[SHOW, Command::raw("other")]).is_err());
        assert!(describe::<Demo>(&[SHOW.examples(&["0801234567 --lasting 7d"])]).is_ok());
        assert!(describe::<Demo>(&[SHOW.examples(&["0801234567 --for 7d"])]).is_err());
    }
}
