//! The command line: options that go with every command, the core's commands, and which words
//! are a plugin's.

use crate::color::Color;
use crate::completion::Shell;
use crate::plugins::discover::Found;
use crate::render::Format;
use crate::stop::Stop;
use atm_rpc::plugin::{Code, Failure, parse_duration};
use clap::error::ErrorKind;
use clap::{Args, ColorChoice, Command, FromArgMatches, Subcommand, ValueHint};
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

/// Options of every command, before or after its name.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct Globals {
    /// How rows are printed, or ATMCTL_OUTPUT.
    #[arg(short, long, global = true, value_enum, value_name = "FORMAT")]
    pub(crate) output: Option<Format>,
    /// Whether help and messages are coloured; NO_COLOR is never.
    #[arg(long, global = true, value_enum, value_name = "WHEN")]
    pub(crate) color: Option<Color>,
    /// Where atmd's listener for operators is, or ATMCTL_SERVER.
    #[arg(long, global = true, value_name = "HOST:PORT")]
    pub(crate) server: Option<String>,
    /// The certificate that atmd's is checked against, or ATMCTL_CA.
    #[arg(long, global = true, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) ca: Option<String>,
    /// The operator's certificate and key, or ATMCTL_IDENTITY.
    #[arg(long, global = true, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) identity: Option<String>,
    /// How long the command may take: 30s, 5m; or ATMCTL_TIMEOUT.
    #[arg(long, global = true, value_parser = parse_duration, value_name = "DURATION")]
    pub(crate) timeout: Option<Duration>,
    /// Decide everything, change nothing.
    #[arg(long, global = true)]
    pub(crate) dry_run: bool,
    /// Say yes to what would be asked.
    #[arg(long, global = true)]
    pub(crate) yes: bool,
    /// Ask nothing.
    #[arg(long, global = true)]
    pub(crate) no_input: bool,
    /// Run an installed plugin even where this system has no sandbox for it.
    #[arg(long, global = true)]
    pub(crate) unsandboxed: bool,
}

/// Flags that no plugin can have: those above, and clap's own.
pub(crate) const RESERVED_FLAGS: &[&str] = &[
    "output",
    "color",
    "server",
    "ca",
    "identity",
    "timeout",
    "dry-run",
    "dry_run",
    "yes",
    "no-input",
    "no_input",
    "unsandboxed",
    "help",
    "version",
];

/// What every exit code means, in a line.
macro_rules! exit_codes {
    () => {
        "Exit codes: 0 done, 1 failed, 2 wrong usage, 3 a finding, 4 not found, 5 conflict, \
         69 atmd is not reachable, 70 the plugin crashed, 75 try again, 76 the protocol was broken, \
         77 denied, 78 wrong configuration, 126 the plugin is not run, 127 unknown command, \
         130 interrupted"
    };
}

/// What stands at the end of a command's help.
macro_rules! examples {
    ($($words:literal),+) => { concat!("Examples:\n", $("  atmctl ", $words, "\n",)+ "\n", exit_codes!()) };
}

/// As [`examples`], of words that are known at run time.
pub(crate) fn after_help(examples: impl Iterator<Item = String>) -> String {
    let lines: String = examples.map(|words| format!("  atmctl {}\n", words.trim_end())).collect();
    if lines.is_empty() { exit_codes!().to_owned() } else { format!("Examples:\n{lines}\n{}", exit_codes!()) }
}

/// The core's commands.
#[derive(Subcommand, Clone, Debug)]
pub(crate) enum Core {
    /// How atmd is; exit code 3 where it is not well.
    #[command(after_help = examples!("status", "status -o json"))]
    Status,
    /// Make one call and print its answer as JSON.
    #[command(after_help = examples!("api whoami", "api blacklist_list '{\"rows\":10}'"))]
    Api {
        /// The call, such as `whoami` or `blacklist_show`.
        method: String,
        /// Its fields, a JSON object.
        #[arg(value_name = "JSON")]
        body: Option<String>,
    },
    /// Plugins: what there is, and what they may do.
    #[command(subcommand)]
    Plugin(Plugin),
    /// The settings of atmctl.
    #[command(subcommand)]
    Config(Config),
    /// A script that makes a shell complete commands, flags and values.
    #[command(after_help = examples!("completion bash", "completion zsh", "completion fish"), long_about = COMPLETION)]
    Completion {
        /// Which shell.
        #[arg(value_enum)]
        shell: Shell,
    },
    /// Write man pages of atmctl and its plugins.
    #[command(hide = true, after_help = examples!("man --out /usr/local/share/man/man1"))]
    Man {
        /// The folder for them.
        #[arg(long, value_name = "FOLDER", value_hint = ValueHint::DirPath)]
        out: PathBuf,
    },
    /// The version of atmctl and of what it speaks.
    #[command(after_help = examples!("version", "version -o json"))]
    Version,
}

/// `atmctl plugin`.
#[derive(Subcommand, Clone, Debug)]
pub(crate) enum Plugin {
    /// All plugins, those that cannot be used with the reason.
    #[command(after_help = examples!("plugin list", "plugin list -o csv"))]
    List,
    /// One plugin: where it is, its commands and their rights.
    #[command(after_help = examples!("plugin info NAME"))]
    Info {
        /// Its name.
        name: String,
    },
    /// Make a plugin of a file, after showing what it wants. Fetches nothing.
    #[command(after_help = examples!("plugin install FILE", "plugin install FILE --yes"))]
    Install {
        /// The program.
        file: PathBuf,
        /// What its SHA-256 must be.
        #[arg(long, value_name = "HEX", value_parser = sha256)]
        sha256: Option<String>,
    },
    /// Put another file in place of an installed plugin; asks where it wants more than before.
    #[command(after_help = examples!("plugin update NAME FILE"))]
    Update {
        /// The plugin's name.
        name: String,
        /// The program.
        file: PathBuf,
        /// What its SHA-256 must be.
        #[arg(long, value_name = "HEX", value_parser = sha256)]
        sha256: Option<String>,
    },
    /// Take an installed plugin away, with what it kept.
    #[command(after_help = examples!("plugin remove NAME"))]
    Remove {
        /// Its name.
        name: String,
    },
    /// Whether a plugin does what it says of itself, with somebody who plays atmd; exit code 3 where it does not.
    #[command(after_help = examples!("plugin test FILE", "plugin test FILE -o json"))]
    Test {
        /// The program.
        #[arg(value_hint = ValueHint::FilePath)]
        file: PathBuf,
    },
}

/// A digest as `sha256sum` prints it.
fn sha256(text: &str) -> Result<String, String> {
    let fits = text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    fits.then(|| text.to_ascii_lowercase()).ok_or_else(|| "a SHA-256 is 64 hexadecimal digits".to_owned())
}

/// `atmctl config`.
#[derive(Subcommand, Clone, Debug)]
pub(crate) enum Config {
    /// The settings in force.
    #[command(after_help = examples!("config show", "config show --origin"))]
    Show {
        /// Tell where each comes from.
        #[arg(long)]
        origin: bool,
    },
    /// Whether the settings and the files that they name are usable; exit code 78 where they are not.
    #[command(after_help = examples!("config check", "config check -o json"))]
    Check,
}

const COMPLETION: &str = "\
Prints a script that makes a shell complete commands, flags and values, those of plugins included. Values that atmd \
knows are asked for as the operator, for at most 300 ms.

  bash: source <(atmctl completion bash), in ~/.bashrc
  zsh:  source <(atmctl completion zsh), in ~/.zshrc behind compinit
  fish: atmctl completion fish > ~/.config/fish/completions/atmctl.fish";

/// Whose command it is.
#[derive(Debug)]
pub(crate) enum Parsed {
    /// One of the core.
    Core(Globals, Core),
    /// One of a plugin's: its description says how to read the rest.
    Plugin(String),
    /// Help, in which the plugins are to be listed.
    Help,
}

const ROOT_HELP: &str = examples!("status", "plugin list", "config show --origin", "help plugin info");

/// The core's tree, to which a plugin's may be added.
pub(crate) fn tree() -> Command {
    let root = Command::new("atmctl")
        .version(env!("CARGO_PKG_VERSION"))
        .color(ColorChoice::Never)
        .subcommand_required(true)
        .arg_required_else_help(true)
        .disable_help_subcommand(true);
    let root = Globals::augment_args(root.next_help_heading("Options of every command"));
    Core::augment_subcommands(root).about("Operates atmd").after_help(ROOT_HELP)
}

/// Whether the core has a command of that name.
pub(crate) fn is_core(name: &str) -> bool {
    name == "help" || Core::has_subcommand(name)
}

/// Reads the command line as far as the core can.
pub(crate) fn parse(arguments: &[OsString], found: &[Found]) -> Result<Parsed, Stop> {
    let names: Vec<&str> =
        found.iter().filter(|plugin| plugin.is_available()).map(|plugin| plugin.name.as_str()).collect();
    let matches = match tree().allow_external_subcommands(true).try_get_matches_from(arguments) {
        Err(error) if is_help(error.kind()) && !names.is_empty() => return Ok(Parsed::Help),
        read => read.map_err(stop_of)?,
    };
    match matches.subcommand_name() {
        Some(name) if !is_core(name) && found.iter().any(|plugin| plugin.name == name) => {
            Ok(Parsed::Plugin(name.to_owned()))
        }
        Some(name) if !is_core(name) => Err(unknown(name, arguments, &names)),
        _ => {
            let globals = Globals::from_arg_matches(&matches).map_err(stop_of)?;
            Ok(Parsed::Core(globals, Core::from_arg_matches(&matches).map_err(stop_of)?))
        }
    }
}

const fn is_help(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::DisplayHelp | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand)
}

/// What a command line gets that asks for help, with names and summaries of plugins.
pub(crate) fn help(arguments: &[OsString], plugins: &[(&str, &str)]) -> Stop {
    let width = plugins.iter().map(|(name, _)| name.len()).max().unwrap_or_default();
    let lines =
        plugins.iter().map(|(name, summary)| format!("  {name:width$}  {summary}").trim_end().to_owned());
    let lines: Vec<String> = lines.collect();
    let after = format!("Plugins:\n{}\n\n{ROOT_HELP}", lines.join("\n"));
    let root = tree().after_help(after).allow_external_subcommands(true);
    match root.try_get_matches_from(arguments) {
        Err(error) => stop_of(error),
        Ok(_) => Failure::new(Code::Usage, "no help was asked for").into(),
    }
}

/// `atmctl help a b` as `atmctl a b --help`, everything else as it is.
pub(crate) fn with_help_last(mut arguments: Vec<OsString>) -> Vec<OsString> {
    let read = tree().allow_external_subcommands(true).try_get_matches_from(&arguments);
    if let Some(("help", rest)) = read.as_ref().ok().and_then(clap::ArgMatches::subcommand) {
        let behind = rest.get_many::<OsString>("").map_or(0, Iterator::count);
        arguments.remove(arguments.len() - behind - 1);
        arguments.push("--help".into());
    }
    arguments
}

/// Lets clap say it, because it knows what is near.
fn unknown(name: &str, arguments: &[OsString], plugins: &[&str]) -> Stop {
    let known = plugins.iter().map(|plugin| Command::new((*plugin).to_owned()));
    match tree().subcommands(known).try_get_matches_from(arguments) {
        Err(error) if error.kind() == ErrorKind::InvalidSubcommand => stop_of(error),
        _ => Failure::new(Code::Unknown, format!("unrecognized subcommand '{name}'")).into(),
    }
}

/// What clap says, as this program says it.
pub(crate) fn stop_of(error: clap::Error) -> Stop {
    let text = error.render().to_string();
    let code = match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => return Stop::Help(error.render()),
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            return Failure::new(Code::Usage, format!("no command was given\n\n{}", text.trim_end())).into();
        }
        ErrorKind::InvalidSubcommand => Code::Unknown,
        _ => Code::Usage,
    };
    Failure::new(code, text.trim_start_matches("error: ").trim_end()).into()
}

/// The value of an option, for when the rest of the line is wrong.
pub(crate) fn value_in<'a>(arguments: &'a [OsString], long: &str, short: Option<&str>) -> Option<&'a str> {
    let words = arguments.iter().map(|word| word.to_str().unwrap_or_default());
    let words: Vec<&str> = words.take_while(|word| *word != "--").collect();
    words.iter().enumerate().rev().find_map(|(at, word)| {
        if *word == long || Some(*word) == short {
            return words.get(at + 1).copied();
        }
        let behind = |short| word.strip_prefix(short).filter(|_| !word.starts_with("--"));
        let glued = short.and_then(behind).map(|value| value.trim_start_matches('='));
        word.strip_prefix(long).and_then(|rest| rest.strip_prefix('=')).or(glued)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Vec<OsString> {
        line.split(' ').map(OsString::from).collect()
    }

    #[test]
    fn the_tree_is_sound() {
        tree().debug_assert();
        for argument in Globals::augment_args(Command::new("all")).get_arguments() {
            assert!(RESERVED_FLAGS.contains(&argument.get_long().unwrap()), "{argument:?}");
        }
    }

    #[test]
    fn every_help_has_examples_that_work_and_all_exit_codes() {
        fn check(command: &Command) {
            let inner: Vec<_> = command.get_subcommands().collect();
            inner.iter().for_each(|command| check(command));
            if !inner.is_empty() && command.get_name() != "atmctl" {
                return;
            }
            let help = command.get_after_help().unwrap_or_else(|| panic!("{command}")).to_string();
            let examples: Vec<_> = help.lines().filter_map(|line| line.strip_prefix("  ")).collect();
            assert!(!examples.is_empty(), "{command}");
            for example in examples {
                let parsed = parse(&with_help_last(words(example)), &[]);
                assert!(matches!(parsed, Ok(Parsed::Core(..)) | Err(Stop::Help(_))), "{example}: {parsed:?}");
            }
            for code in Code::ALL {
                assert!(help.contains(&format!(" {} ", code.exit())), "{code:?}: {help}");
            }
        }
        check(&tree());
    }

    #[test]
    fn options_stand_before_and_after() {
        for line in ["atmctl -o json --timeout 5s status", "atmctl status --timeout=5s -ojson"] {
            let Parsed::Core(globals, Core::Status) = parse(&words(line), &[]).unwrap() else {
                panic!("{line}")
            };
            assert_eq!((globals.output, globals.timeout), (Some(Format::Json), Some(Duration::from_secs(5))));
        }
    }

    #[test]
    fn what_cannot_be_read_has_its_code() {
        let table = [
            ("atmctl", Code::Usage),
            ("atmctl statsu", Code::Unknown),
            ("atmctl plugin lst", Code::Unknown),
            ("atmctl status --no-such-flag", Code::Usage),
            ("atmctl -o yaml status", Code::Usage),
            ("atmctl --timeout soon status", Code::Usage),
        ];
        for (line, code) in table {
            match parse(&words(line), &[]) {
                Err(Stop::Failed(failure)) => assert_eq!(failure.code, code, "{line}"),
                other => panic!("{line}: {other:?}"),
            }
        }
        let Err(Stop::Failed(failure)) = parse(&words("atmctl statsu"), &[]) else { panic!("it is unknown") };
        assert!(failure.message.contains("'status'"), "{failure}");
        for line in [
            "atmctl --help",
            "atmctl help",
            "atmctl help plugin list",
            "atmctl -o json --ca help help plugin",
            "atmctl --version",
        ] {
            let words = with_help_last(words(line));
            assert!(matches!(parse(&words, &[]), Err(Stop::Help(_))), "{line}");
        }
    }

    #[test]
    fn the_output_is_seen_in_a_broken_line() {
        let table = [
            ("atmctl -o json x", Some("json")),
            ("atmctl x -ojson", Some("json")),
            ("atmctl x --output=csv", Some("csv")),
            ("atmctl x -o=csv", Some("csv")),
            ("atmctl x --outputs=csv", None),
            ("atmctl x -- -o json", None),
            ("atmctl x --other", None),
            ("atmctl x -o", None),
        ];
        for (line, output) in table {
            assert_eq!(value_in(&words(line), "--output", Some("-o")), output, "{line}");
        }
    }
}
