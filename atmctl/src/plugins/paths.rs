//! Files that a plugin is given: of what was typed, arguments that are paths, and nothing else.

use super::sandbox::Policy;
use super::sandbox::launcher::{CONTROL, PROGRAM};
use atm_rpc::plugin::{Argument, Code, Command, FD, Failure, Kind};
use clap::ArgMatches;
use glob::GlobResult;
use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::io;
use std::os::fd::RawFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// Means a stream instead of a file.
const STREAM: &str = "-";
/// The most files that one pattern stands for.
const FILES_MAX: usize = 4096;

/// Values of arguments, patterns expanded.
pub(crate) type Values = BTreeMap<String, Vec<String>>;

/// The values of all arguments that have some.
pub(crate) fn values(command: &Command, matches: &ArgMatches) -> Result<Values, Failure> {
    let mut values = Values::new();
    for argument in command.arguments.iter().filter(|argument| argument.kind != Kind::Boolean) {
        let given = matches.get_many::<String>(&argument.name).into_iter().flatten();
        let mut all = Vec::new();
        for value in given {
            match argument.kind {
                Kind::PathRead => all.extend(expanded(argument, value)?),
                _ => all.push(value.clone()),
            }
        }
        values.insert(argument.name.clone(), all);
    }
    Ok(values)
}

/// The files that a value stands for.
fn expanded(argument: &Argument, value: &str) -> Result<Vec<String>, Failure> {
    if !value.contains(['*', '?', '[']) || Path::new(value).exists() {
        return Ok(vec![value.to_owned()]);
    }
    let usage = |what: String| Failure::new(Code::Usage, format!("{}: {value}: {what}", argument.name));
    let found = glob::glob(value).map_err(|error| usage(error.to_string()))?;
    // A file that is left out in silence is a wrong sum.
    let text = |path: GlobResult| {
        let path = path.map_err(|error| {
            let text = format!(
                "{}: {value}: {} cannot be read: {}",
                argument.name,
                error.path().display(),
                error.error()
            );
            Failure::new(Code::Denied, text)
                .hint("name the files, or have somebody run it who may read all of them")
        })?;
        let named = path.into_os_string().into_string();
        named.map_err(|name| usage(format!("the name of {} is not UTF-8; rename it", name.display())))
    };
    let files = found.take(FILES_MAX + 1).map(text).collect::<Result<Vec<String>, Failure>>()?;
    match files.len() {
        0 => Err(usage("there is no such file".to_owned())),
        1 => Ok(files),
        count if count > FILES_MAX => Err(usage(format!("there are more than {FILES_MAX} such files"))),
        _ if argument.repeated => Ok(files),
        count => Err(usage(format!("there are {count} such files, and one is wanted"))),
    }
}

/// Files that were made for a plugin to write. Those that stay empty are gone with this.
#[derive(Debug, Default)]
pub(crate) struct Made(Vec<PathBuf>);

impl Made {
    /// Takes all of them away, whatever they have.
    pub(crate) fn take_away(self) {
        for path in &self.0 {
            // One that somebody else took away is gone, too.
            let _ = std::fs::remove_file(path);
        }
    }
}

impl Drop for Made {
    fn drop(&mut self) {
        let is_empty = |path: &&PathBuf| path.metadata().is_ok_and(|metadata| metadata.len() == 0);
        for path in self.0.iter().filter(is_empty) {
            // One that somebody else took away is gone, too.
            let _ = std::fs::remove_file(path);
        }
    }
}

/// Whether the command is given a file to write.
pub(crate) fn writes(command: &Command, values: &Values) -> bool {
    let mut written = command.arguments.iter().filter(|argument| argument.kind == Kind::PathWrite);
    written.any(|argument| values.get(&argument.name).into_iter().flatten().any(|value| *value != STREAM))
}

/// Lets a plugin reach the files that it is given, makes those that it is to write, and nothing else.
pub(crate) fn allow(command: &Command, values: &Values, policy: &mut Policy) -> Result<Made, Failure> {
    let mut made = Made::default();
    for argument in &command.arguments {
        let given = values.get(&argument.name).into_iter().flatten().filter(|value| *value != STREAM);
        for path in given.map(PathBuf::from) {
            if is_nameless(argument, &path)? {
                continue;
            }
            match argument.kind {
                Kind::PathRead => policy.read.push(path),
                Kind::PathWrite if path.is_dir() => policy.own.push(path),
                Kind::PathWrite => {
                    let cannot = |error| {
                        let text = format!("{}: {} cannot be made: {error}", argument.name, path.display());
                        Failure::new(Code::Failed, text)
                    };
                    if make(&path).map_err(cannot)? {
                        made.0.push(path.clone());
                    }
                    policy.write.push(path);
                }
                _ => {}
            }
        }
    }
    Ok(made)
}

/// Whether it is a pipe without a name, as `<(...)` of a shell is: the plugin has its descriptor, and no right is needed
/// for it, nor could one be given. Those that stand where atmctl puts its own are not handed on.
fn is_nameless(argument: &Argument, path: &Path) -> Result<bool, Failure> {
    let Some(number) = descriptor(path) else { return Ok(false) };
    let taken = [FD, CONTROL, PROGRAM];
    if matches!(argument.kind, Kind::PathRead | Kind::PathWrite) && taken.contains(&number) {
        let text = format!(
            "{}: {} is not handed on: atmctl needs descriptors 3 to 5",
            argument.name,
            path.display()
        );
        return Err(Failure::new(Code::Usage, text).hint("use a higher one, a pipe with a name, or a file"));
    }
    Ok(path.exists() && path.canonicalize().is_err())
}

/// The descriptor of this process that the path is a name of.
fn descriptor(path: &Path) -> Option<RawFd> {
    let standard = ["/dev/stdin", "/dev/stdout", "/dev/stderr"];
    if let Some(number) =
        (0..).zip(standard).find_map(|(number, name)| (path == Path::new(name)).then_some(number))
    {
        return Some(number);
    }
    let names = [Path::new("/dev/fd"), Path::new("/proc/self/fd")];
    let number = names.iter().find_map(|name| path.strip_prefix(name).ok())?;
    number.to_str()?.parse().ok()
}

/// Says whether the file is new.
fn make(path: &Path) -> io::Result<bool> {
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(error),
    }
}
