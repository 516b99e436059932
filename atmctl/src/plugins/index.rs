//! What plugins said about themselves, kept in a file, so that help and completion start nothing.
//!
//! A package asks its plugins when it is installed, and root keeps what they said for everybody.
//!
//! A plugin is asked again when its file changed. What is kept can be lost at any time: a file that is
//! damaged, of another version or somebody else's counts as empty, and where none can be written,
//! plugins are asked each time.

mod file;

use super::ask::ask;
use super::discover::Found;
use super::process::end_orphans;
use super::program::Program;
use super::stamp::Stamp;
use crate::Io;
use crate::settings::home;
use atm_rpc::plugin::{Description, Failure};
use futures::{StreamExt, stream};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// What the plugins of the package said, in root's keeping.
const SYSTEM_INDEX: &str = "/var/cache/atm/plugins.index";
/// Plugins that are asked at a time: each has a few seconds, and the machine few cores.
const ASKED_AT_ONCE: usize = 4;

/// A plugin and what it says of itself, or why it cannot be used.
#[derive(Debug)]
pub(crate) struct Known {
    pub(crate) found: Found,
    pub(crate) description: Result<Description, Failure>,
}

/// What a plugin said, and when.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Entry {
    stamp: Stamp,
    /// Of an installed one: the digest that was agreed to.
    digest: Option<String>,
    said: Said,
}

/// What a plugin said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Said {
    Description(Box<Description>),
    /// Nothing of use.
    Failure(Failure),
}

/// What plugins said, by their files.
type Entries = BTreeMap<PathBuf, Entry>;

impl Entry {
    fn new(found: &Found, description: &Result<Description, Failure>) -> Self {
        let said = match description {
            Ok(description) => Said::Description(Box::new(description.clone())),
            Err(failure) => Said::Failure(failure.clone()),
        };
        Self { stamp: found.stamp.clone(), digest: digest(found), said }
    }

    fn description(&self) -> Result<Description, Failure> {
        match &self.said {
            Said::Description(description) => Ok((**description).clone()),
            Said::Failure(failure) => Err(failure.clone()),
        }
    }
}

/// What is kept: by this user, and by root for everybody.
struct Kept {
    users: Entries,
    systems: Entries,
}

impl Kept {
    fn read(io: &Io) -> Self {
        let users = path(io).as_deref().map(file::read).unwrap_or_default();
        Self { users, systems: file::read_of_root(Path::new(SYSTEM_INDEX)) }
    }

    /// What the plugin said when its file was as it is now.
    fn remembered(&self, found: &Found) -> Option<&Entry> {
        // What is refused is not asked at all, and the reason is found anew each time.
        if !found.is_available() {
            return None;
        }
        let same = |entry: &&Entry| entry.stamp == found.stamp && entry.digest == digest(found);
        let own = self.users.get(&found.path).filter(same);
        // Why one was of no use when the package was installed says nothing of now.
        let of_package =
            || self.systems.get(&found.path).filter(same).filter(|entry| entry.description().is_ok());
        own.or_else(of_package)
    }
}

/// All of them. Starts only those that are new or changed.
pub(crate) async fn all(found: &[Found], io: &Io) -> Vec<Known> {
    let kept = Kept::read(io);
    let known = stream::iter(found).map(|found| {
        let remembered = kept.remembered(found).map(Entry::description);
        async move {
            match remembered {
                Some(description) => (Known { found: found.clone(), description }, false),
                None => (Known { found: found.clone(), description: describe(found).await }, true),
            }
        }
    });
    let known: Vec<(Known, bool)> = known.buffered(ASKED_AT_ONCE).collect().await;
    end_orphans();
    let new = known.iter().filter(|(known, asked)| *asked && known.found.is_available());
    keep(io, new.map(|(known, _)| (&known.found, &known.description)));
    known.into_iter().map(|(known, _)| known).collect()
}

/// One of them. Where it had nothing of use to say, it is asked again: the reason may be gone, and
/// this one is wanted.
pub(crate) async fn one(found: &Found, io: &Io) -> Result<Description, Failure> {
    if let Some(Ok(description)) = Kept::read(io).remembered(found).map(Entry::description) {
        return Ok(description);
    }
    let description = describe(found).await;
    end_orphans();
    if found.is_available() {
        keep(io, [(found, &description)].into_iter());
    }
    description
}

fn digest(found: &Found) -> Option<String> {
    found.record.as_ref().map(|record| record.digest.clone())
}

/// Asks it; of an installed one, sees whether it is the one that was agreed to.
async fn describe(found: &Found) -> Result<Description, Failure> {
    let program = Program::open(found)?;
    match &found.record {
        Some(record) => Ok(record.description.clone()),
        None => ask(&program, &found.path, Some(&found.name)).await,
    }
}

/// Adds to the index what was heard.
fn keep<'k>(io: &Io, heard: impl Iterator<Item = (&'k Found, &'k Result<Description, Failure>)>) {
    let new: Entries = heard.map(|(found, said)| (found.path.clone(), Entry::new(found, said))).collect();
    let Some(path) = path(io).filter(|_| !new.is_empty()) else { return };
    // Another atmctl may have written meanwhile.
    let mut entries = file::read(&path);
    entries.retain(|plugin, _| plugin.exists());
    entries.extend(new);
    // Where nothing can be kept, plugins are asked each time.
    let _ = file::write(&path, &entries);
}

fn path(io: &Io) -> Option<PathBuf> {
    home(&io.environment, "XDG_CACHE_HOME", ".cache").map(|home| home.join("atm/plugins.index"))
}
