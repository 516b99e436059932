//! Settings: flag over environment over the user's file over the system's file over default.
//!
//! Finds values and tells where each comes from. Whether the files that they name exist is
//! [`crate::identity`]'s business.

use crate::arguments::{Globals, value_in};
use crate::color::{Color, NO_COLOR};
use crate::render::Format;
use atm_rpc::plugin::{Code, ENV_PROTOCOL, Failure, parse_duration};
use clap::ValueEnum;
use clap::builder::PossibleValue;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

const SYSTEM_FILE: &str = "/etc/atm/atmctl.ini";
const SERVER: &str = "127.0.0.1:65433";
const KEYS: [&str; 6] = ["server", "ca", "identity", "output", "color", "timeout"];
/// The variables of settings.
const SERVER_VARIABLE: &str = "ATMCTL_SERVER";
const CA_VARIABLE: &str = "ATMCTL_CA";
const IDENTITY_VARIABLE: &str = "ATMCTL_IDENTITY";
const OUTPUT_VARIABLE: &str = "ATMCTL_OUTPUT";
const TIMEOUT_VARIABLE: &str = "ATMCTL_TIMEOUT";

/// A value and where it comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Sourced {
    pub(crate) value: String,
    pub(crate) origin: String,
}

/// The settings in force.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) server: Sourced,
    pub(crate) ca: Option<Sourced>,
    pub(crate) identity: Option<Sourced>,
    pub(crate) output: Sourced,
    pub(crate) color: Sourced,
    pub(crate) timeout: Option<Sourced>,
    /// `output`, read.
    pub(crate) format: Format,
    /// `timeout`, read.
    pub(crate) limit: Option<Duration>,
    /// $XDG_CONFIG_HOME/atm/identity.pem, where there is a home.
    pub(crate) users_identity: Option<PathBuf>,
}

impl Settings {
    pub(crate) fn resolve(
        globals: &Globals,
        environment: &BTreeMap<String, String>,
        files: &Files,
    ) -> Result<Self, Failure> {
        let sourced = |key: &str, flag: Option<&str>, variable: &str| {
            let flag = flag.map(|value| (value, format!("--{key}")));
            let set = || set_in(environment, variable).map(|value| (value, variable.to_owned()));
            let value = flag.or_else(set).or_else(|| files.get(key));
            value.map(|(value, origin)| Sourced { value: value.to_owned(), origin })
        };
        let otherwise = |value: &str| Sourced { value: value.to_owned(), origin: "default".to_owned() };
        let word = |value: PossibleValue| value.get_name().to_owned();
        let output = globals.output.and_then(|format| format.to_possible_value()).map(word);
        let output = sourced("output", output.as_deref(), OUTPUT_VARIABLE);
        let output = output.unwrap_or_else(|| otherwise("table"));
        let typed = globals.timeout.map(|timeout| format!("{}ms", timeout.as_millis()));
        let timeout = sourced("timeout", typed.as_deref(), TIMEOUT_VARIABLE);
        let color = globals.color.and_then(|color| color.to_possible_value()).map(word);
        let color = match color.map(|value| Sourced { value, origin: "--color".to_owned() }) {
            Some(flag) => flag,
            None if set_in(environment, NO_COLOR).is_some() => {
                Sourced { value: "never".to_owned(), origin: NO_COLOR.to_owned() }
            }
            None => files.get("color").map_or_else(
                || otherwise("auto"),
                |(value, origin)| Sourced { value: value.to_owned(), origin },
            ),
        };
        Color::from_str(&color.value, false)
            .map_err(|_| unusable("color", &color, "it is auto, always or never"))?;
        let limit = timeout.as_ref().map(|timeout| {
            parse_duration(&timeout.value).map_err(|allowed| unusable("timeout", timeout, &allowed))
        });
        Ok(Self {
            server: sourced("server", globals.server.as_deref(), SERVER_VARIABLE)
                .unwrap_or_else(|| otherwise(SERVER)),
            ca: sourced("ca", globals.ca.as_deref(), CA_VARIABLE),
            identity: sourced("identity", globals.identity.as_deref(), IDENTITY_VARIABLE),
            format: Format::from_str(&output.value, false)
                .map_err(|_| unusable("output", &output, "it is table, json or csv"))?,
            limit: limit.transpose()?,
            output,
            color,
            timeout,
            users_identity: config_home(environment).map(|home| home.join("atm/identity.pem")),
        })
    }

    /// Waits until the command has taken longer than it may.
    pub(crate) async fn over(&self) -> Failure {
        match self.limit {
            Some(limit) => tokio::time::sleep(limit).await,
            None => std::future::pending().await,
        }
        Failure::new(Code::TryAgain, "the command took longer than --timeout allows")
    }
}

/// $XDG_CONFIG_HOME, or where it is by default.
fn config_home(environment: &BTreeMap<String, String>) -> Option<PathBuf> {
    home(environment, "XDG_CONFIG_HOME", ".config")
}

/// A folder of the user's: a variable with an absolute path, or a folder in their home.
pub(crate) fn home(environment: &BTreeMap<String, String>, variable: &str, folder: &str) -> Option<PathBuf> {
    let named = environment.get(variable).map(PathBuf::from).filter(|path| path.is_absolute());
    let default = || environment.get("HOME").filter(|home| !home.is_empty());
    named.or_else(|| default().map(|home| Path::new(home).join(folder)))
}

/// What a variable is set to; one that is empty counts as not set.
fn set_in<'e>(environment: &'e BTreeMap<String, String>, variable: &str) -> Option<&'e str> {
    environment.get(variable).map(String::as_str).filter(|value| !value.is_empty())
}

/// What decides on how things are told, read before anything else may fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Manner {
    /// Whether failures are told as JSON.
    pub(crate) json: bool,
    /// When what is told is coloured.
    pub(crate) color: Color,
}

impl Manner {
    /// That of a command line that may be wrong, with files that may be broken.
    pub(crate) fn of(
        arguments: &[OsString],
        environment: &BTreeMap<String, String>,
        files: Option<&Files>,
    ) -> Self {
        let in_files = |key: &str| files.and_then(|files| files.get(key)).map(|(value, _)| value);
        let output = value_in(arguments, "--output", Some("-o"));
        let output = output.or_else(|| set_in(environment, OUTPUT_VARIABLE)).or_else(|| in_files("output"));
        let no_color = || set_in(environment, NO_COLOR).map(|_| "never");
        let color = value_in(arguments, "--color", None).or_else(no_color).or_else(|| in_files("color"));
        let color = color.and_then(|word| Color::from_str(word, false).ok()).unwrap_or(Color::Auto);
        Self { json: output == Some("json"), color }
    }
}

fn unusable(key: &str, sourced: &Sourced, allowed: &str) -> Failure {
    let Sourced { value, origin } = sourced;
    let text = format!("the setting {key} = {value} ({origin}) is not usable: {allowed}");
    Failure::new(Code::Configuration, text)
}

/// What the user's file and the system's file say, the user's first.
#[derive(Clone, Debug, Default)]
pub(crate) struct Files(Vec<(PathBuf, BTreeMap<String, String>)>);

impl Files {
    pub(crate) fn read(environment: &BTreeMap<String, String>) -> Result<Self, Failure> {
        // Inside a plugin they are out of reach, and there is nothing to set.
        if environment.contains_key(ENV_PROTOCOL) {
            return Ok(Self::default());
        }
        let users = config_home(environment).map(|home| home.join("atm/atmctl.ini"));
        let mut files = Vec::new();
        for path in users.into_iter().chain([PathBuf::from(SYSTEM_FILE)]) {
            match std::fs::read_to_string(&path) {
                Ok(text) => {
                    let wrong =
                        |what| Failure::new(Code::Configuration, format!("{}: {what}", path.display()));
                    let values = parse(&text).map_err(wrong)?;
                    files.push((path, values));
                }
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => {
                    let text = format!("{} cannot be read: {error}", path.display());
                    return Err(Failure::new(Code::Configuration, text));
                }
            }
        }
        Ok(Self(files))
    }

    fn get(&self, key: &str) -> Option<(&str, String)> {
        self.0.iter().find_map(|(path, values)| Some((values.get(key)?.as_str(), path.display().to_string())))
    }
}

/// `key = value` lines, empty ones, and comments after `#` or `;` at the start of a line.
fn parse(text: &str) -> Result<BTreeMap<String, String>, String> {
    let mut values = BTreeMap::new();
    for (line, number) in text.lines().map(str::trim).zip(1..) {
        if line.is_empty() || line.starts_with(['#', ';']) {
            continue;
        }
        let (key, value) = line.split_once('=').ok_or(format!("line {number}: expected key = value"))?;
        let (key, value) = (key.trim(), value.trim());
        if !KEYS.contains(&key) {
            return Err(format!("line {number}: unknown key {key}; there are {}", KEYS.join(", ")));
        }
        if value.is_empty() {
            return Err(format!("line {number}: {key} has no value"));
        }
        if values.insert(key.to_owned(), value.to_owned()).is_some() {
            return Err(format!("line {number}: {key} is there twice"));
        }
    }
    Ok(values)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(users: &str, systems: &str) -> Files {
        Files(vec![("user".into(), parse(users).unwrap()), ("system".into(), parse(systems).unwrap())])
    }

    #[test]
    fn what_is_nearer_wins() {
        let flag = Globals { server: Some("flag:1".into()), ..Globals::default() };
        let none = Globals::default();
        let (set, unset) = (BTreeMap::from([("ATMCTL_SERVER".into(), "env:1".into())]), BTreeMap::new());
        let (both, system) = (files("server=user:1", "server=sys:1"), files("", "server = sys:1\n# no\n"));
        let table = [
            (&flag, &set, &both, "flag:1", "--server"),
            (&none, &set, &both, "env:1", "ATMCTL_SERVER"),
            (&none, &unset, &both, "user:1", "user"),
            (&none, &unset, &system, "sys:1", "system"),
            (&none, &unset, &files("", ""), SERVER, "default"),
        ];
        for (globals, environment, files, value, origin) in table {
            let settings = Settings::resolve(globals, environment, files).unwrap();
            assert_eq!(settings.server, Sourced { value: value.into(), origin: origin.into() });
        }
    }

    #[test]
    fn bad_settings_are_named() {
        for (text, named) in [
            ("[main]", "line 1: expected key = value"),
            ("\ncolour = red", "line 2: unknown key colour"),
            ("ca =", "line 1: ca has no value"),
            ("ca=a\nca=b", "line 2: ca is there twice"),
        ] {
            assert!(parse(text).unwrap_err().starts_with(named), "{text}");
        }
        for text in ["output = yaml", "timeout = soon"] {
            let resolved = Settings::resolve(&Globals::default(), &BTreeMap::new(), &files(text, ""));
            assert_eq!(resolved.unwrap_err().code, Code::Configuration, "{text}");
        }
    }
}
