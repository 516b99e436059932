//! Which plugins there are, and which of them may be run. Starts nothing.

use super::record::Record;
use super::stamp::Stamp;
use crate::settings::home;
use crate::{Io, arguments};
use rustix::process::geteuid;
use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// What the file of every plugin begins with.
pub(crate) const PREFIX: &str = "atmctl-";
const SYSTEM_FOLDER: &str = "/usr/lib/atmctl/plugins";
/// Plugin and command together fit into the 64 characters that atmd allows for a name.
const NAME_LENGTH_MAX: usize = 31;

/// An executable that calls itself a plugin.
#[derive(Clone, Debug)]
pub(crate) struct Found {
    /// Without `atmctl-`.
    pub(crate) name: String,
    /// Where it really is.
    pub(crate) path: PathBuf,
    /// Its file, as it was when it was found.
    pub(crate) stamp: Stamp,
    /// By what it is trusted.
    pub(crate) trust: Trust,
    /// What was agreed when it was installed.
    pub(crate) record: Option<Record>,
    /// Why it may not be run.
    pub(crate) refused: Option<String>,
}

/// By what a plugin is trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trust {
    /// Its folder: it came with atmctl, or root put it there.
    Bundled,
    /// Somebody's installation of it.
    Installed,
}

impl Trust {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Bundled => "bundled",
            Self::Installed => "installed",
        }
    }
}

impl Found {
    pub(crate) const fn is_available(&self) -> bool {
        self.refused.is_none()
    }
}

/// The plugins of this program, by name; of one name the one first that is run.
pub(crate) fn around(io: &Io) -> Vec<Found> {
    let beside = io.program.parent().map(Path::to_path_buf);
    let bundled =
        beside.into_iter().chain([PathBuf::from(SYSTEM_FOLDER)]).map(|folder| (folder, Trust::Bundled));
    let folders: Vec<_> =
        bundled.chain(installed_folder(io).map(|folder| (folder, Trust::Installed))).collect();
    discover(&folders)
}

/// Where the user's own are, if they have a home.
pub(crate) fn installed_folder(io: &Io) -> Option<PathBuf> {
    home(&io.environment, "XDG_DATA_HOME", ".local/share").map(|home| home.join("atmctl/plugins"))
}

fn discover(folders: &[(PathBuf, Trust)]) -> Vec<Found> {
    let mut found: Vec<Found> = Vec::new();
    for (folder, trust) in folders {
        for mut plugin in in_folder(folder, *trust) {
            if let Some(other) = found.iter().find(|other| other.name == plugin.name) {
                if other.path == plugin.path {
                    continue;
                }
                plugin.refused = Some(format!("{} comes first", other.path.display()));
            }
            found.push(plugin);
        }
    }
    found.sort_by(|one, other| one.name.cmp(&other.name));
    found
}

fn in_folder(folder: &Path, trust: Trust) -> Vec<Found> {
    let entries = folder.read_dir().into_iter().flatten().flatten();
    let plugin = |entry: std::fs::DirEntry| {
        let name = entry.file_name().to_str()?.strip_prefix(PREFIX)?.to_owned();
        let path = entry.path().canonicalize().ok()?;
        let metadata = path.metadata().ok()?;
        let executable = is_name(&name) && metadata.is_file() && metadata.mode() & 0o111 != 0;
        if !executable {
            return None;
        }
        let record = match trust {
            Trust::Bundled => Ok(None),
            Trust::Installed => Record::read(&path).map(Some).map_err(|error| not_installed(&path, &error)),
        };
        let refused = refusal(&name, &path, &metadata).or_else(|| record.as_ref().err().cloned());
        let record = record.unwrap_or_default();
        Some(Found { refused, stamp: Stamp::of(&metadata), name, path, trust, record })
    };
    let mut plugins: Vec<Found> = entries.filter_map(plugin).collect();
    plugins.sort_by(|one, other| one.name.cmp(&other.name));
    plugins
}

/// Small letters, digits and dashes, a letter first.
pub(crate) fn is_name(text: &str) -> bool {
    text.len() <= NAME_LENGTH_MAX
        && text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

fn refusal(name: &str, path: &Path, file: &Metadata) -> Option<String> {
    if arguments::is_core(name) {
        return Some("atmctl itself has a command of this name".to_owned());
    }
    let folder = path.parent()?;
    let unsafe_folder = match folder.metadata() {
        Ok(metadata) => untrusted(folder, &metadata),
        Err(error) => Some(format!("{}: {error}", folder.display())),
    };
    untrusted(path, file).or(unsafe_folder)
}

fn not_installed(path: &Path, error: &std::io::Error) -> String {
    let path = path.display();
    format!("it was not installed ({error}); move it elsewhere, and: atmctl plugin install FILE ({path})")
}

/// Why somebody else than root and this user could have written there.
fn untrusted(path: &Path, metadata: &Metadata) -> Option<String> {
    let path = path.display();
    if metadata.uid() != 0 && metadata.uid() != geteuid().as_raw() {
        return Some(format!("{path} belongs to another user"));
    }
    // Where each user has a group of the same number, files are made for it to write, and nobody else
    // is in it.
    let others = if metadata.gid() == metadata.uid() { 0o002 } else { 0o022 };
    (metadata.mode() & others != 0).then(|| format!("others can write to {path}: chmod go-w {path}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn put(folder: &Path, name: &str, mode: u32) {
        let path = folder.join(name);
        std::fs::write(&path, "").unwrap();
        std::fs::set_permissions(&path, PermissionsExt::from_mode(mode)).unwrap();
    }

    fn folder(mode: u32) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        std::fs::set_permissions(folder.path(), PermissionsExt::from_mode(mode)).unwrap();
        folder
    }

    fn states(folders: &[(PathBuf, Trust)]) -> Vec<(String, bool)> {
        discover(folders).into_iter().map(|plugin| (plugin.name.clone(), plugin.is_available())).collect()
    }

    #[test]
    fn executables_by_name_are_plugins() {
        let beside = folder(0o755);
        for (name, mode) in [
            ("atmctl-good", 0o755),
            ("atmctl-status", 0o755),
            ("atmctl-writable", 0o757),
            ("atmctl-plain", 0o644),
            ("atmctl-good.d", 0o755),
            ("atmctl-", 0o755),
            ("atmctl-Capital", 0o755),
            ("other", 0o755),
        ] {
            put(beside.path(), name, mode);
        }
        let expected = [("good", true), ("status", false), ("writable", false)]
            .map(|(name, fit)| (name.to_owned(), fit));
        assert_eq!(states(&[(beside.path().into(), Trust::Bundled)]), expected);
    }

    #[test]
    fn the_first_folder_wins_and_the_users_has_only_what_was_installed() {
        let (beside, users, open) = (folder(0o755), folder(0o755), folder(0o777));
        put(beside.path(), "atmctl-both", 0o755);
        put(users.path(), "atmctl-both", 0o755);
        put(users.path(), "atmctl-own", 0o755);
        put(open.path(), "atmctl-loose", 0o755);
        let folders = [
            (beside.path().into(), Trust::Bundled),
            (open.path().into(), Trust::Bundled),
            (users.path().into(), Trust::Installed),
            (PathBuf::from("/no/such/folder"), Trust::Bundled),
        ];
        let expected = [("both", true), ("both", false), ("loose", false), ("own", false)];
        assert_eq!(states(&folders), expected.map(|(name, fit)| (name.to_owned(), fit)));
        let reasons: Vec<_> = discover(&folders).into_iter().filter_map(|plugin| plugin.refused).collect();
        assert!(reasons[1].contains("chmod go-w"), "{reasons:?}");
    }

    #[test]
    fn a_link_is_judged_by_where_it_leads() {
        let (beside, open) = (folder(0o755), folder(0o777));
        put(open.path(), "target", 0o755);
        std::os::unix::fs::symlink(open.path().join("target"), beside.path().join("atmctl-link")).unwrap();
        assert_eq!(states(&[(beside.path().into(), Trust::Bundled)]), [("link".to_owned(), false)]);
    }
}
