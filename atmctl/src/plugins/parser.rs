//! From a description to a command line that clap reads, and from what it read to the plugin's
//! own arguments.

use super::paths::Values;
use crate::arguments::{self, after_help};
use atm_rpc::plugin::{Argument, Command, Description, Form, Kind, parse_moment};
use atm_rpc::types::time::Timestamp;
use clap::builder::{PossibleValuesParser, ValueParser};
use clap::{Arg, ArgAction, ArgMatches, ValueHint};
use std::time::SystemTime;

/// The command line of atmctl where the plugin is the only one.
#[must_use]
pub fn command_line(description: &Description) -> clap::Command {
    arguments::tree().subcommand(tree(description))
}

/// The plugin's part of the tree.
pub(crate) fn tree(description: &Description) -> clap::Command {
    clap::Command::new(description.name.clone())
        .about(description.summary.clone())
        .subcommand_required(true)
        .arg_required_else_help(true)
        .disable_help_subcommand(true)
        .subcommands(description.commands.iter().map(|command| subcommand(&description.name, command)))
}

fn subcommand(plugin: &str, command: &Command) -> clap::Command {
    let examples = command.examples.iter().map(|words| format!("{plugin} {} {words}", command.name));
    clap::Command::new(command.name.clone())
        .about(command.summary.clone())
        .after_help(after_help(examples))
        .args(command.arguments.iter().map(argument))
}

fn argument(argument: &Argument) -> Arg {
    let kind = argument.kind;
    // Where the operator names no file of the site, the host does.
    let required = argument.required && argument.site.is_none();
    let arg = Arg::new(argument.name.clone()).help(argument.help.clone()).required(required);
    let arg = if argument.repeated { arg.action(ArgAction::Append) } else { arg };
    let arg = match argument.form {
        Form::Positional => arg.value_name(argument.name.to_uppercase()),
        Form::Flag => arg.long(argument.name.clone()).value_name(word(kind)),
    };
    match kind {
        Kind::Boolean => arg.action(ArgAction::SetTrue),
        Kind::Choice => arg.value_parser(PossibleValuesParser::new(argument.choices.clone())),
        Kind::Number => arg.allow_negative_numbers(true).value_parser(checked(kind)),
        Kind::Date => arg.allow_hyphen_values(true).value_parser(ValueParser::new(instant)),
        // Days are counted back: -7d.
        Kind::Day => arg.allow_hyphen_values(true).value_parser(checked(kind)),
        Kind::PathRead => arg.value_hint(ValueHint::FilePath).value_parser(checked(kind)),
        Kind::PathWrite => arg.value_hint(ValueHint::AnyPath).value_parser(checked(kind)),
        _ => arg.value_parser(checked(kind)),
    }
}

fn checked(kind: Kind) -> ValueParser {
    ValueParser::new(move |text: &str| kind.check(text).map(|()| text.to_owned()))
}

/// A date as it was typed; of how long ago, the instant that it was.
#[expect(
    clippy::disallowed_methods,
    reason = "a while ago is counted from when it is typed, on this machine"
)]
fn instant(text: &str) -> Result<String, String> {
    let since_1970 = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let now = Timestamp::from_ms(i64::try_from(since_1970.as_millis()).unwrap_or(i64::MAX));
    let moment = parse_moment(text, now)?;
    Ok(if text.starts_with('-') { moment.to_string() } else { text.to_owned() })
}

const fn word(kind: Kind) -> &'static str {
    match kind {
        Kind::Text | Kind::Choice | Kind::Boolean => "TEXT",
        Kind::Number => "NUMBER",
        Kind::Money => "AMOUNT",
        Kind::Date => "DATE",
        Kind::Day => "DAY",
        Kind::Duration => "DURATION",
        Kind::Mobile => "MOBILE",
        Kind::PathRead | Kind::PathWrite => "FILE",
    }
}

/// The arguments for the plugin: the command, flags, and behind `--` what is positional.
pub(crate) fn arguments(command: &Command, matches: &ArgMatches, values: &Values) -> Vec<String> {
    let mut words = vec![command.name.clone()];
    let mut positional = Vec::new();
    for argument in &command.arguments {
        let name = &argument.name;
        if argument.kind == Kind::Boolean {
            words.extend(matches.get_flag(name).then(|| format!("--{name}")));
        }
        for value in values.get(name).into_iter().flatten() {
            match argument.form {
                Form::Flag => words.push(format!("--{name}={value}")),
                Form::Positional => positional.push(value.clone()),
            }
        }
    }
    if !positional.is_empty() {
        words.push("--".to_owned());
    }
    words.extend(positional);
    words
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plugins::{describe, paths};

    fn read(line: &str) -> Result<Vec<String>, clap::Error> {
        let description: Description = serde_json::from_value(describe::tests::sample()).unwrap();
        let root = command_line(&description);
        root.clone().debug_assert();
        let matches = root.try_get_matches_from(line.split(' '))?;
        let (_, plugin) = matches.subcommand().unwrap();
        let (name, matches) = plugin.subcommand().unwrap();
        let command = description.commands.iter().find(|command| command.name == name).unwrap();
        Ok(arguments(command, matches, &paths::values(command, matches).unwrap()))
    }

    #[test]
    fn a_plugin_gets_its_arguments_and_no_others() {
        let table: &[(&str, &[&str])] = &[
            ("atmctl demo put 12345", &["put", "--", "12345"]),
            ("atmctl -o json demo put --timeout 5s 12345 --yes", &["put", "--", "12345"]),
            ("atmctl demo put 12345 -- --for=1d", &["put", "--", "12345", "--for=1d"]),
            (
                "atmctl demo put --for 7d --all --how=fast 12345 n",
                &["put", "--for=7d", "--how=fast", "--all", "--", "12345", "n"],
            ),
            ("atmctl demo look", &["look"]),
            (
                "atmctl demo keep --only=a --only b 1 2 3",
                &["keep", "--only=a", "--only=b", "--", "1", "2", "3"],
            ),
        ];
        for (line, expected) in table {
            assert_eq!(read(line).unwrap(), *expected, "{line}");
        }
    }

    #[test]
    fn how_long_ago_becomes_an_instant() {
        let typed = |text: &str| {
            let argument = Argument {
                name: "since".to_owned(),
                kind: Kind::Date,
                form: Form::Flag,
                required: false,
                repeated: false,
                help: String::new(),
                choices: Vec::new(),
                values: None,
                site: None,
            };
            let matches = clap::Command::new("x").arg(super::argument(&argument));
            let matches = matches.try_get_matches_from(["x", "--since", text]);
            matches.map(|matches| matches.get_one::<String>("since").cloned().unwrap_or_default())
        };
        assert_eq!(typed("2026-11-22").unwrap(), "2026-11-22");
        let (hour, two) =
            (Timestamp::parse(&typed("-1h").unwrap()), Timestamp::parse(&typed("-2h").unwrap()));
        let apart = hour.unwrap().since_ms(two.unwrap());
        assert!((3_540_000..=3_600_000).contains(&apart), "{apart}");
        for bad in ["-2", "2h", "--yes", "soon"] {
            assert!(typed(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_help_has_examples() {
        let help = read("atmctl demo put --help").unwrap_err().to_string();
        assert!(help.contains("\n  atmctl demo put 12345 --for 7d\n"), "{help}");
    }

    #[test]
    fn arguments_of_another_kind_never_reach_the_plugin() {
        for line in [
            "atmctl demo put",
            "atmctl demo put 1234x",
            "atmctl demo put 12345 --for soon",
            "atmctl demo put 12345 --how medium",
            "atmctl demo put 12345 --all=yes",
            "atmctl demo put 12345 --more",
            "atmctl demo look 12345",
            "atmctl demo lok",
            "atmctl demo",
        ] {
            assert!(read(line).is_err(), "{line}");
        }
    }
}
