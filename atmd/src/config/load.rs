//! Finds the configuration, and lets a flag go before the environment, that before the file, and that before
//! the default. Collects all problems, so that one start shows every one of them.

use super::keys::{self, Key};
use super::resolve::{Item, Values};
use super::{Config, ini};
use std::fmt;
use std::io::Read;
use std::path::{Path, PathBuf};

/// The folder of an installed configuration.
pub(super) const INSTALLED: &str = "/etc/atm";
/// The name of the file, in the current folder or in [`INSTALLED`].
const FILE: &str = "config.ini";
/// No configuration is as large as this many bytes.
const FILE_MAX: u64 = 1 << 20;

/// A valid configuration, and where each value of it came from.
#[derive(Debug)]
pub struct Loaded {
    /// The configuration.
    pub config: Config,
    /// The file that was read, if there was one.
    pub file: Option<PathBuf>,
    /// Every key, in the order of the table.
    pub settings: Vec<Setting>,
}

/// One key's effective value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// Which key.
    pub key: &'static Key,
    /// The value as given, a path made absolute, a secret as `********`.
    pub value: String,
    /// Who gave it.
    pub origin: Origin,
}

/// Who gave a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Nobody: it is the default.
    Default,
    /// A file, in this line.
    File(PathBuf, usize),
    /// This environment variable.
    Variable(String),
    /// A flag of the command line.
    Flag,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File(file, line) => write!(f, "{}:{line}", file.display()),
            Self::Variable(name) => f.write_str(name),
            Self::Flag => f.write_str("flag"),
        }
    }
}

/// All that is wrong with a configuration, one line each.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", problems.join("\n"))]
pub struct ConfigErrors {
    /// Each names file and line, variable or flag; section and key; the value; and what is allowed.
    pub problems: Vec<String>,
}

impl Loaded {
    /// The configuration as a file, for `config show`.
    #[must_use]
    pub fn show(&self) -> String {
        self.lines(|_| String::new())
    }

    /// The same with a comment above each key that says who gave its value, for `config show --origin`.
    #[must_use]
    pub fn show_with_origin(&self) -> String {
        self.lines(|setting| format!("# {}\n", setting.origin))
    }

    fn lines(&self, above: impl Fn(&Setting) -> String) -> String {
        let mut text = String::new();
        let mut section = "";
        for setting in &self.settings {
            if setting.key.section != section {
                let gap = if section.is_empty() { "" } else { "\n" };
                section = setting.key.section;
                text += &format!("{gap}[{section}]\n");
            }
            let line = format!("{} = {}", setting.key.name, setting.value);
            text += &format!("{}{}\n", above(setting), line.trim_end());
        }
        text
    }
}

/// Finds and reads the configuration: see [`super::load()`].
pub(super) fn load(
    file: Option<&Path>,
    environment: &[(String, String)],
    overrides: &[(String, String)],
) -> Result<Loaded, ConfigErrors> {
    let Some((path, named_by)) = find(file, environment, Path::new(FILE), &Path::new(INSTALLED).join(FILE))
    else {
        return from_text(None, environment, overrides);
    };
    match read(&path) {
        Ok(text) => from_text(Some((&path, &text)), environment, overrides),
        Err(reason) => {
            let mut problems = vec![format!("{}{named_by}: {reason}", path.display())];
            if let Err(others) = from_text(None, environment, overrides) {
                problems.extend(others.problems);
            }
            Err(ConfigErrors { problems })
        }
    }
}

/// The file to read, and for messages who named it: the first of these that is there.
fn find(
    flag: Option<&Path>,
    environment: &[(String, String)],
    here: &Path,
    installed: &Path,
) -> Option<(PathBuf, &'static str)> {
    let variable =
        environment.iter().find(|(name, value)| name == keys::VARIABLE_OF_FILE && !value.is_empty());
    // A file that is there and cannot be looked at is an error, and no reason to take the next.
    let there = |path: &&Path| !matches!(path.try_exists(), Ok(false));
    let named = flag.map(|path| (path.to_owned(), " (named by --config)"));
    named
        .or_else(|| variable.map(|(_, path)| (PathBuf::from(path), " (named by ATMD_CONFIG)")))
        .or_else(|| [here, installed].into_iter().find(there).map(|path| (path.to_owned(), "")))
}

fn read(path: &Path) -> Result<String, String> {
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path).map_err(|error| error.to_string())?;
    file.take(FILE_MAX + 1).read_to_end(&mut bytes).map_err(|error| error.to_string())?;
    if u64::try_from(bytes.len()).is_ok_and(|length| length > FILE_MAX) {
        return Err(format!("larger than {FILE_MAX} bytes, which no configuration is"));
    }
    String::from_utf8(bytes).map_err(|error| {
        let valid = error.as_bytes().get(..error.utf8_error().valid_up_to()).unwrap_or_default();
        let line = 1 + valid.iter().filter(|byte| **byte == b'\n').count();
        format!("line {line} is not UTF-8 text")
    })
}

/// Reads a configuration from a file's text, if there is a file, and from what goes before it.
///
/// # Errors
/// All that is wrong with it.
pub fn from_text(
    file: Option<(&Path, &str)>,
    environment: &[(String, String)],
    overrides: &[(String, String)],
) -> Result<Loaded, ConfigErrors> {
    let mut problems = Vec::new();
    let mut items: Vec<Item> = keys::KEYS.iter().map(Item::default_of).collect();
    let mut set = |key: &'static Key, value: &str, origin: Origin| {
        items.iter_mut().filter(|item| item.key == key).for_each(|item| item.set(value, &origin));
    };
    if let Some((path, text)) = file {
        let (entries, faults) = ini::read(text);
        let mut lines: Vec<(usize, String)> =
            faults.into_iter().map(|fault| (fault.line, fault.message)).collect();
        for entry in entries {
            match keys::find(&entry.section, &entry.key) {
                Some(key) => set(key, &entry.value, Origin::File(path.to_owned(), entry.line)),
                None => lines.push((entry.line, keys::unknown(&entry.section, &entry.key))),
            }
        }
        lines.sort_unstable();
        problems
            .extend(lines.into_iter().map(|(line, message)| format!("{}:{line}: {message}", path.display())));
    }
    let ours = environment.iter().filter(|(name, _)| name.starts_with(keys::VARIABLE_PREFIX));
    for (name, value) in ours.filter(|(name, _)| name != keys::VARIABLE_OF_FILE) {
        match keys::KEYS.iter().find(|key| key.variable() == *name) {
            Some(key) => set(key, value, Origin::Variable(name.clone())),
            None => problems.push(format!("{name}: {}", keys::unknown_variable(name))),
        }
    }
    for (path, value) in overrides {
        match path.split_once('.').and_then(|(section, name)| keys::find(section, name)) {
            Some(key) => set(key, value, Origin::Flag),
            None => problems.push(format!("--set {path}: {}", keys::unknown_path(path))),
        }
    }
    let file = file.map(|(path, _)| path.to_owned());
    let (config, values) = Values::new(items, problems).config(file.as_deref());
    match config {
        Some(config) if values.problems.is_empty() => {
            Ok(Loaded { config, file, settings: values.items.into_iter().map(Item::into_setting).collect() })
        }
        _ => {
            Err(ConfigErrors { problems: values.problems.iter().map(|problem| printable(problem)).collect() })
        }
    }
}

/// One line: a file may hold names that a terminal would obey.
fn printable(problem: &str) -> String {
    let shown = |c: char| if c.is_control() { c.escape_default().collect() } else { String::from(c) };
    problem.chars().map(shown).collect()
}

#[cfg(test)]
mod tests;
