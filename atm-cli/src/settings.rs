//! Where the server is, what is trusted, the terminal's name, and where notes are kept.
//!
//! A flag goes before the environment, before the user's client.ini, before the system's, before
//! the default. The configuration of atmd is never read.

use crate::args::Place;
use crate::io::Environment;
use atm_rpc::types::terminal::{LENGTH_MAX, TerminalName};
use std::path::{Path, PathBuf};
use std::{fs, io};
use thiserror::Error;

const SERVER_DEFAULT: &str = "127.0.0.1:65432";
const CA_DEFAULTS: [&str; 2] = ["data/public/ca.pem", "/var/lib/atmd/public/ca.pem"];
const SYSTEM_INI: &str = "/etc/atm/client.ini";
const HOST_NAME: &str = "/proc/sys/kernel/hostname";
const KEYS: &str = "server, ca, terminal";

/// What a run needs to know of its surroundings.
#[derive(Debug)]
pub(crate) struct Settings {
    /// `HOST:PORT`.
    pub(crate) server: String,
    /// The file of the CA.
    pub(crate) ca: PathBuf,
    /// Its content.
    pub(crate) ca_pem: Vec<u8>,
    /// Who this terminal is.
    pub(crate) terminal: TerminalName,
    /// The folder of this program's notes, where there is a place for one.
    pub(crate) state: Option<PathBuf>,
}

/// Why the settings are not usable.
#[derive(Debug, Error)]
pub(crate) enum SettingsError {
    /// No CA was named, and none is in the usual places.
    #[error("no CA certificate of atmd was found; looked for {}", list(.looked))]
    NoCa {
        /// Where it was looked for.
        looked: Vec<PathBuf>,
    },
    /// The CA that was named cannot be read.
    #[error("the CA certificate {} ({origin}) cannot be read: {source}", .path.display())]
    CaUnreadable {
        /// The file.
        path: PathBuf,
        /// Who named it.
        origin: String,
        /// What the system says.
        source: io::Error,
    },
    /// The CA has no usable certificate.
    #[error("the CA certificate {} is not usable: {reason}", .path.display())]
    CaUnusable {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// A value is not what it must be.
    #[error("{origin}: {reason}")]
    Value {
        /// Who said so.
        origin: String,
        /// What is wrong.
        reason: String,
    },
    /// A settings file cannot be read.
    #[error("{} cannot be read: {source}", .path.display())]
    IniUnreadable {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// There is no place for notes.
    #[error("there is no place to note pending requests: neither HOME nor XDG_STATE_HOME is set")]
    NoState,
}

fn list(paths: &[PathBuf]) -> String {
    paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(" and ")
}

/// A value and who gave it.
type Found = (String, String);

impl Settings {
    /// Finds everything, and reads the CA.
    pub(crate) fn find(place: &Place, env: &Environment) -> Result<Self, SettingsError> {
        Self::find_in(place, env, Path::new(SYSTEM_INI), &CA_DEFAULTS.map(PathBuf::from))
    }

    fn find_in(
        place: &Place,
        env: &Environment,
        system: &Path,
        ca_defaults: &[PathBuf],
    ) -> Result<Self, SettingsError> {
        let home = |xdg: &str, below: &str| {
            let xdg = variable(env, xdg).map(PathBuf::from).filter(|path| path.is_absolute());
            xdg.or_else(|| Some(Path::new(&variable(env, "HOME")?).join(below))).map(|base| base.join("atm"))
        };
        let mut ini = Ini::default();
        if let Some(folder) = home("XDG_CONFIG_HOME", ".config") {
            ini.add(&folder.join("client.ini"))?;
        }
        ini.add(system)?;
        let pick = |flag: Option<String>, name: &str, from_ini: Option<Found>| {
            let flag = flag.map(|value| (value, format!("--{}", name.to_lowercase())));
            let name = format!("ATM_{name}");
            flag.or_else(|| variable(env, &name).map(|value| (value, name))).or(from_ini)
        };

        let server = pick(place.server.clone(), "SERVER", ini.server);
        let (server, origin) = server.unwrap_or_else(|| (SERVER_DEFAULT.into(), "the default".into()));
        check_address(&server).map_err(|reason| SettingsError::Value { origin, reason })?;

        let terminal = match pick(place.terminal.as_ref().map(ToString::to_string), "TERMINAL", ini.terminal)
        {
            Some((name, origin)) => TerminalName::parse(&name)
                .map_err(|error| SettingsError::Value { origin, reason: error.to_string() })?,
            None => name_of_host(&fs::read_to_string(HOST_NAME).unwrap_or_default())?,
        };
        let ca = place.ca.as_ref().map(|path| path.display().to_string());
        let (ca, ca_pem) = match pick(ca, "CA", ini.ca) {
            Some((path, origin)) => read_ca(place.ca.clone().unwrap_or_else(|| path.into()), origin)?,
            None => first_ca(ca_defaults)?,
        };
        let state = variable(env, "ATM_STATE_DIR")
            .map(PathBuf::from)
            .or_else(|| home("XDG_STATE_HOME", ".local/state"));
        Ok(Self { server, ca, ca_pem, terminal, state })
    }
}

/// A variable that is set and not empty.
fn variable(env: &Environment, name: &str) -> Option<String> {
    env(name).map(|value| value.to_string_lossy().into_owned()).filter(|value| !value.is_empty())
}

fn check_address(address: &str) -> Result<(), String> {
    let sound = address.rsplit_once(':').is_some_and(|(host, port)| {
        let bracketed = host.starts_with('[') && host.ends_with(']');
        let named = !host.is_empty() && !host.contains([':', '/', ' ']);
        (bracketed || named) && port.parse::<u16>().is_ok_and(|port| port > 0)
    });
    let wrong = || format!("\"{address}\" is not HOST:PORT, such as 127.0.0.1:65432 or [::1]:65432");
    sound.then_some(()).ok_or_else(wrong)
}

fn read_ca(path: PathBuf, origin: String) -> Result<(PathBuf, Vec<u8>), SettingsError> {
    match fs::read(&path) {
        Ok(pem) => Ok((path, pem)),
        Err(source) => Err(SettingsError::CaUnreadable { path, origin, source }),
    }
}

fn first_ca(candidates: &[PathBuf]) -> Result<(PathBuf, Vec<u8>), SettingsError> {
    for path in candidates {
        match read_ca(path.clone(), "a usual place".into()) {
            Err(SettingsError::CaUnreadable { source, .. }) if source.kind() == io::ErrorKind::NotFound => {}
            found => return found,
        }
    }
    Err(SettingsError::NoCa { looked: candidates.to_vec() })
}

/// The host's short name, as far as a terminal may be called that.
fn name_of_host(host: &str) -> Result<TerminalName, SettingsError> {
    let short = host.trim().split('.').next().unwrap_or_default();
    let allowed = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '-' | '_') { c } else { '-' };
    let name: String = short.chars().map(allowed).take(LENGTH_MAX).collect();
    let name = if name.is_empty() { "atm-cli".to_owned() } else { name };
    TerminalName::parse(&name)
        .map_err(|error| SettingsError::Value { origin: "the host's name".into(), reason: error.to_string() })
}

/// What client.ini files say; the first that names a key wins.
#[derive(Default)]
struct Ini {
    server: Option<Found>,
    ca: Option<Found>,
    terminal: Option<Found>,
}

impl Ini {
    /// Reads one more file, if it is there.
    fn add(&mut self, path: &Path) -> Result<(), SettingsError> {
        match fs::read_to_string(path) {
            Ok(text) => self.parse(&text, path),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(source) => Err(SettingsError::IniUnreadable { path: path.to_owned(), source }),
        }
    }

    fn parse(&mut self, text: &str, path: &Path) -> Result<(), SettingsError> {
        for (number, line) in (1..).zip(text.lines()) {
            let line = line.trim();
            if line.is_empty() || line.starts_with(['#', ';']) {
                continue;
            }
            let origin = format!("{}, line {number}", path.display());
            let wrong = |reason: String| SettingsError::Value { origin: origin.clone(), reason };
            let Some((key, value)) = line.split_once('=') else {
                return Err(wrong(format!("not of the form KEY = VALUE; keys are {KEYS}")));
            };
            let (key, value) = (key.trim(), value.trim());
            if value.is_empty() {
                return Err(wrong(format!("{key} has no value")));
            }
            let (slot, value) = match key {
                "server" => (&mut self.server, value.to_owned()),
                "terminal" => (&mut self.terminal, value.to_owned()),
                // A relative path is under the folder of the file that names it.
                "ca" => (&mut self.ca, path.with_file_name("").join(value).display().to_string()),
                _ => return Err(wrong(format!("\"{key}\" is not a key; keys are {KEYS}"))),
            };
            slot.get_or_insert((value, origin));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    #[test]
    fn a_flag_goes_before_the_environment_before_the_files_before_the_default() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::create_dir_all(at("user/atm")).unwrap();
        for ca in ["flag.pem", "env.pem", "user/atm/user.pem", "system.pem", "default.pem"] {
            fs::write(at(ca), ca).unwrap();
        }
        fs::write(at("user/atm/client.ini"), "# mine\nserver = user:1\n\nca=user.pem\n").unwrap();
        fs::write(at("system.ini"), "server = system:1\nca = system.pem\nterminal = SYSTEM\n").unwrap();
        let text = |name: &str| at(name).display().to_string();
        let user = text("user");
        let (env_ca, flag_ca) = (text("env.pem"), at("flag.pem"));
        let flags = Place {
            server: Some("flag:1".into()),
            ca: Some(flag_ca),
            terminal: TerminalName::parse("F").ok(),
        };
        let none = Place::default();
        let all = [("ATM_SERVER", "env:1"), ("ATM_CA", env_ca.as_str()), ("ATM_TERMINAL", "ENV")];
        let xdg = ("XDG_CONFIG_HOME", user.as_str());
        let home = ("HOME", "/nowhere");
        let all = [&all[..], &[xdg, home]].concat();
        let table = [
            (&flags, &all[..], "flag:1", "flag.pem", "F"),
            (&none, &all[..], "env:1", "env.pem", "ENV"),
            (&none, &[xdg, home, ("ATM_SERVER", "")], "user:1", "user/atm/user.pem", "SYSTEM"),
            (&none, &[home], "system:1", "system.pem", "SYSTEM"),
        ];
        for (place, env, server, ca, terminal) in table {
            let found = Settings::find_in(place, &testing::env(env), &at("system.ini"), &[]).unwrap();
            assert_eq!(
                (&*found.server, &*found.ca_pem, found.terminal.as_str()),
                (server, ca.as_bytes(), terminal)
            );
            assert_eq!(found.state.as_deref(), Some(Path::new("/nowhere/.local/state/atm")));
        }
        let defaults = [at("absent.pem"), at("default.pem")];
        let found =
            Settings::find_in(&none, &testing::env(&[("ATM_STATE_DIR", "/s")]), &at("absent.ini"), &defaults);
        let found = found.unwrap();
        assert_eq!(
            (&*found.server, &*found.ca_pem, found.state.as_deref()),
            (SERVER_DEFAULT, &b"default.pem"[..], Some(Path::new("/s")))
        );
        let homeless = Settings::find_in(&none, &testing::env(&[]), &at("absent.ini"), &defaults);
        assert_eq!(homeless.unwrap().state, None, "a question needs no notes");
    }

    #[test]
    fn says_what_is_wrong_and_where() {
        let folder = tempfile::tempdir().unwrap();
        let ini = folder.path().join("client.ini");
        let table = [
            ("servr = a:1", "line 1: \"servr\" is not a key; keys are server, ca, terminal"),
            ("# x\nserver", "line 2: not of the form KEY = VALUE"),
            ("server =", "server has no value"),
            ("server = host", "\"host\" is not HOST:PORT"),
            ("server = host:0", "\"host:0\" is not HOST:PORT"),
            ("server = ::1:5", "\"::1:5\" is not HOST:PORT"),
            ("terminal = a b", "a terminal's name is"),
            ("ca = none.pem", "none.pem"),
            ("server = [::1]:5", "no CA certificate of atmd was found; looked for /x/ca.pem"),
        ];
        for (text, expected) in table {
            fs::write(&ini, text).unwrap();
            let env = testing::env(&[("HOME", "/nowhere")]);
            let found =
                Settings::find_in(&Place::default(), &env, &ini, &[PathBuf::from("/x/ca.pem")]).unwrap_err();
            assert!(found.to_string().contains(expected), "{text}: {found}");
        }
    }

    #[test]
    fn the_host_names_the_terminal() {
        let table = [
            ("kiosk7.example.org\n", "kiosk7"),
            ("", "atm-cli"),
            ("a b\u{e9}-very-long-host-name", "a-b--very-long-h"),
        ];
        for (host, name) in table {
            assert_eq!(name_of_host(host).unwrap().as_str(), name);
        }
    }
}
