//! What a shell offers while somebody types. The script that `atmctl completion` prints has the shell
//! start this program with the words typed so far; the answer comes from the tree that the command line
//! is read by. Starts nothing that is described already, and says nothing where it knows nothing.

mod values;

use crate::Io;
use crate::arguments;
use crate::plugins::discover::{self, Found};
use crate::plugins::{index, parser};
use atm_rpc::plugin::{Argument, Description};
use clap_complete::engine::{self, ArgValueCandidates, ArgValueCompleter, CompletionCandidate};
use clap_complete::env::{Bash, EnvCompleter, Fish, Zsh};
use std::ffi::{OsStr, OsString};
use std::io::Write;
use std::process::ExitCode;
use values::Asked;

/// Names the shell that asks.
const VARIABLE: &str = "ATMCTL_COMPLETE";
/// Where bash and zsh tell which word it is about. The engine reads it, too.
const INDEX_VARIABLE: &str = "_CLAP_COMPLETE_INDEX";

/// What bash and zsh want between words.
const SEPARATOR_VARIABLE: &str = "_CLAP_IFS";

/// Options of every command stand behind the command's own.
const LAST: usize = 900;

/// A shell that can be helped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Shell {
    /// Bash.
    Bash,
    /// Zsh.
    Zsh,
    /// Fish.
    Fish,
}

impl Shell {
    fn engine(self) -> &'static dyn EnvCompleter {
        match self {
            Self::Bash => &Bash,
            Self::Zsh => &Zsh,
            Self::Fish => &Fish,
        }
    }

    /// Writes the script that makes the shell ask.
    pub(crate) fn script(self, to: &mut dyn Write) -> std::io::Result<()> {
        self.engine().write_registration(VARIABLE, "atmctl", "atmctl", "atmctl", to)?;
        if self == Self::Zsh {
            // As a file `_atmctl` of $fpath it is run in place of the function that it defines, once.
            writeln!(to, "[[ ${{funcstack[1]}} == _atmctl ]] && _clap_dynamic_completer_atmctl \"$@\"")?;
            // `source` ends with what the last line says.
            writeln!(to, "true")?;
        }
        Ok(())
    }
}

/// Answers a shell that asks. `None`: it is a person who runs this.
pub(crate) fn answer(arguments: &[OsString], io: &mut Io) -> Option<ExitCode> {
    let shell = io.environment.get(VARIABLE)?;
    let typed = arguments.iter().position(|word| word == "--")?;
    let words = arguments.get(typed + 1..).filter(|words| !words.is_empty())?.to_vec();
    let shell = [Shell::Bash, Shell::Zsh, Shell::Fish].into_iter().find(|known| known.engine().is(shell))?;
    let at = match io.environment.get(INDEX_VARIABLE).and_then(|index| index.parse().ok()) {
        Some(index) if shell != Shell::Fish => index,
        _ => words.len().saturating_sub(1),
    };
    let mut root = tree(&words, io);
    root.build();
    if words.get(at).is_none_or(|word| word.is_empty()) {
        root = without_options(root);
    }
    // Where nothing fits there is nothing to say: a person is in the middle of a line.
    if let Ok(offered) = offered(shell, &mut root, words, at, io) {
        let _ = io.stdout.write_all(&offered).and_then(|()| io.stdout.flush());
    }
    Some(ExitCode::SUCCESS)
}

/// What fits, as the shell wants it.
fn offered(
    shell: Shell,
    root: &mut clap::Command,
    words: Vec<OsString>,
    at: usize,
    io: &Io,
) -> std::io::Result<Vec<u8>> {
    let folder = std::env::current_dir().ok();
    let mut offered = Vec::new();
    if shell == Shell::Bash {
        let (words, at) = without_equals_signs(words, at);
        let separator = io.environment.get(SEPARATOR_VARIABLE).map_or("\n", String::as_str);
        let candidates = engine::complete(root, words, at, folder.as_deref())?;
        let words: Vec<Vec<u8>> = candidates.iter().map(|value| bash_word(value.get_value())).collect();
        offered.extend(words.join(separator.as_bytes()));
    } else {
        shell.engine().write_complete(root, words, folder.as_deref(), &mut offered)?;
    }
    Ok(offered)
}

/// The value as a word of bash's language, which puts it into the line as it is: what a file's name, a reason or a
/// plugin's own choice has in it must not be run there. The other shells see to this themselves.
fn bash_word(value: &OsStr) -> Vec<u8> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || !byte.is_ascii() || b"-_./:=@%+,".contains(&byte);
    let mut word = Vec::with_capacity(value.len());
    for byte in value.as_encoded_bytes() {
        if !plain(*byte) {
            word.push(b'\\');
        }
        word.push(*byte);
    }
    word
}

/// Bash takes an equals sign for a word: `--how=fa` comes as `--how`, `=` and `fa`, the last of which is to be
/// replaced. As `--how fa` it is the same to everybody.
fn without_equals_signs(mut words: Vec<OsString>, at: usize) -> (Vec<OsString>, usize) {
    let signs: Vec<usize> = (0..at.min(words.len())).filter(|index| words[*index] == "=").collect();
    for sign in signs.iter().rev() {
        words.remove(*sign);
    }
    (words, at.saturating_sub(signs.len()))
}

/// The core's tree and the plugins'.
fn tree(words: &[OsString], io: &Io) -> clap::Command {
    let found = discover::around(io);
    let names: Vec<String> = found.iter().map(|plugin| plugin.name.clone()).collect();
    let mut root = arguments::tree().mut_args(|arg| arg.help_heading(None::<&str>).display_order(LAST));
    for description in descriptions(&found, io) {
        let plugin = parser::tree(&description);
        root = root.subcommand(with_values(plugin, &description, words, io));
    }
    root.mut_subcommand("plugin", |plugin| with_names(plugin, &names))
}

fn descriptions(found: &[Found], io: &Io) -> Vec<Description> {
    let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else {
        return Vec::new();
    };
    let known = runtime.block_on(index::all(found, io));
    known.into_iter().filter_map(|plugin| plugin.description.ok()).collect()
}

/// A plugin's tree, in which arguments know how to ask atmd for their values.
fn with_values(
    plugin: clap::Command,
    description: &Description,
    words: &[OsString],
    io: &Io,
) -> clap::Command {
    let knowing = description.commands.iter().filter(|command| command.arguments.iter().any(knows));
    knowing.fold(plugin, |plugin, command| {
        plugin.mut_subcommand(&command.name, |tree| {
            let arguments = command.arguments.iter().filter(|argument| knows(argument));
            arguments.fold(tree, |tree, argument| {
                let asked = Asked::new(&description.name, command, argument, words, &io.environment);
                tree.mut_arg(&argument.name, |arg| {
                    arg.add(ArgValueCompleter::new(move |typed: &OsStr| asked.values(typed)))
                })
            })
        })
    })
}

const fn knows(argument: &Argument) -> bool {
    argument.values.is_some()
}

/// `atmctl plugin`, whose commands are told names of plugins.
fn with_names(plugin: clap::Command, names: &[String]) -> clap::Command {
    plugin.mut_subcommands(|command| {
        command.mut_args(|arg| {
            if arg.get_id() != "name" {
                return arg;
            }
            let names = names.to_vec();
            arg.add(ArgValueCandidates::new(move || names.iter().map(CompletionCandidate::new).collect()))
        })
    })
}

/// The same, offering options only where there is nothing else: a person who wants one types a dash.
fn without_options(command: clap::Command) -> clap::Command {
    let hidden = command.mut_args(|arg| if arg.is_positional() { arg } else { arg.hide(true) });
    hidden.mut_subcommands(without_options)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_person_who_runs_it_is_not_taken_for_a_shell() {
        let words = |line: &str| line.split(' ').map(OsString::from).collect::<Vec<_>>();
        for (shell, line) in [
            (None, "atmctl -- atmctl st"),
            (Some("bash"), "atmctl status"),
            (Some("bash"), "atmctl --"),
            (Some("tcsh"), "atmctl -- atmctl st"),
        ] {
            let mut io = crate::tests::io("");
            io.environment.extend(shell.map(|shell| (VARIABLE.to_owned(), shell.to_owned())));
            assert!(answer(&words(line), &mut io).is_none(), "{shell:?} {line}");
        }
    }
}
