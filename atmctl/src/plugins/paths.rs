//! Files that a plugin is given: of what was typed, arguments that are paths, and nothing else.

use super::sandbox::Policy;
use atm_rpc::plugin::{Argument, Code, Command, Failure, Kind};
use clap::ArgMatches;
use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::io;
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
    let text = |path: PathBuf| path.into_os_string().into_string().ok();
    let files: Vec<String> = found.filter_map(|path| text(path.ok()?)).take(FILES_MAX + 1).collect();
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

impl Drop for Made {
    fn drop(&mut self) {
        let is_empty = |path: &&PathBuf| path.metadata().is_ok_and(|metadata| metadata.len() == 0);
        for path in self.0.iter().filter(is_empty) {
            // One that somebody else took away is gone, too.
            let _ = std::fs::remove_file(path);
        }
    }
}

/// Lets a plugin reach the files that it is given, makes those that it is to write, and nothing else.
pub(crate) fn allow(command: &Command, values: &Values, policy: &mut Policy) -> Result<Made, Failure> {
    let mut made = Made::default();
    for argument in &command.arguments {
        let given = values.get(&argument.name).into_iter().flatten().filter(|value| *value != STREAM);
        for path in given.map(PathBuf::from) {
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

/// Says whether the file is new.
fn make(path: &Path) -> io::Result<bool> {
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(error),
    }
}
