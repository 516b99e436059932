//! What was agreed when a plugin was installed: which bytes, and what they may do.

use atm_rpc::operator::Capability;
use atm_rpc::plugin::{Command, Description, Network, Site};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fmt;
use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

const VERSION: u16 = 1;
const BYTES_MAX: u64 = 1024 * 1024;

/// An installation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Record {
    /// Of this file's format.
    version: u16,
    /// SHA-256 of the program, in hexadecimal.
    pub(crate) digest: String,
    /// What it may do.
    pub(crate) grant: Grant,
    /// What it said of itself, when it was agreed to.
    pub(crate) description: Description,
}

/// The most that a plugin may do.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Grant {
    /// Its rights at atmd, where the operator has them.
    pub(crate) capabilities: BTreeSet<Capability>,
    /// What it may dial by itself.
    pub(crate) network: BTreeSet<Network>,
    /// Which of the site's files it is given. Records that were written before there were any have none.
    #[serde(default)]
    pub(crate) site: BTreeSet<Site>,
    /// Commands that change something.
    pub(crate) changes: BTreeSet<String>,
}

impl Grant {
    /// All that a plugin wants.
    pub(crate) fn wanted(description: &Description) -> Self {
        let commands = || description.commands.iter();
        Self {
            capabilities: commands().flat_map(|command| command.capabilities.clone()).collect(),
            network: commands().flat_map(|command| command.network.clone()).collect(),
            site: commands().flat_map(sites).collect(),
            changes: commands().filter(|command| command.changes).map(|c| c.name.clone()).collect(),
        }
    }

    /// What this one has and the other lacks.
    pub(crate) fn beyond(&self, other: &Self) -> Self {
        Self {
            capabilities: self.capabilities.difference(&other.capabilities).copied().collect(),
            network: self.network.difference(&other.network).copied().collect(),
            site: self.site.difference(&other.site).copied().collect(),
            changes: self.changes.difference(&other.changes).cloned().collect(),
        }
    }

    pub(crate) fn is_nothing(&self) -> bool {
        *self == Self::default()
    }

    /// A command of the plugin with no more than this.
    pub(crate) fn limit(&self, command: &mut Command) {
        command.capabilities.retain(|capability| self.capabilities.contains(capability));
        command.network.retain(|network| self.network.contains(network));
        for argument in &mut command.arguments {
            argument.site = argument.site.filter(|site| self.site.contains(site));
        }
        if !self.changes.contains(&command.name) {
            command.changes = false;
            command.destructive = false;
        }
    }
}

/// The site's files that a command is given.
pub(crate) fn sites(command: &Command) -> impl Iterator<Item = Site> {
    command.arguments.iter().filter_map(|argument| argument.site)
}

/// `status:read blacklist:write net:customer; reads ledger/bank.csv; changes by add, remove`.
impl fmt::Display for Grant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rights = self.capabilities.iter().map(|capability| capability.name());
        let rights: Vec<&str> = rights.chain(self.network.iter().map(|network| network.name())).collect();
        let site: Vec<&str> = self.site.iter().map(|site| site.path()).collect();
        let changes: Vec<&str> = self.changes.iter().map(String::as_str).collect();
        let parts = [
            rights.join(" "),
            format!("reads {}", site.join(", ")),
            format!("changes by {}", changes.join(", ")),
        ];
        let there = [!rights.is_empty(), !site.is_empty(), !changes.is_empty()];
        let parts: Vec<String> =
            parts.into_iter().zip(there).filter(|(_, is)| *is).map(|(part, _)| part).collect();
        f.write_str(if parts.is_empty() { "nothing" } else { "" })?;
        f.write_str(&parts.join("; "))
    }
}

impl Record {
    pub(crate) fn new(digest: &str, description: &Description) -> Self {
        Self {
            version: VERSION,
            digest: digest.to_owned(),
            grant: Grant::wanted(description),
            description: description.clone(),
        }
    }

    /// Where the record of a plugin's program is.
    pub(crate) fn path(program: &Path) -> PathBuf {
        program.with_extension("grant")
    }

    pub(crate) fn read(program: &Path) -> io::Result<Self> {
        let mut text = String::new();
        File::open(Self::path(program))?.take(BYTES_MAX).read_to_string(&mut text)?;
        let record: Self = serde_json::from_str(&text)?;
        let known = record.version == VERSION;
        known.then_some(record).ok_or_else(|| io::Error::other("its record is of another version of atmctl"))
    }

    /// Replaces it as a whole.
    pub(crate) fn write(&self, program: &Path) -> io::Result<()> {
        let path = Self::path(program);
        let mut file = tempfile::NamedTempFile::new_in(path.parent().unwrap_or(&path))?;
        file.write_all(&serde_json::to_vec_pretty(self)?)?;
        file.as_file().sync_all()?;
        file.persist(path)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plugins::describe::tests::sample;

    #[test]
    fn a_grant_limits_what_a_command_may_do() {
        let description: Description = serde_json::from_value(sample()).unwrap();
        let wanted = Grant::wanted(&description);
        let named: Vec<&str> = wanted.changes.iter().map(String::as_str).collect();
        assert_eq!((wanted.capabilities.len(), named), (1, vec!["put", "wipe"]));
        for (grant, kept) in [(wanted.clone(), true), (Grant::default(), false)] {
            let mut put = description.commands[0].clone();
            grant.limit(&mut put);
            assert_eq!((put.changes, !put.capabilities.is_empty()), (kept, kept));
        }
        assert!(wanted.beyond(&wanted).is_nothing());
        assert_eq!(wanted.beyond(&Grant::default()), wanted);
    }

    #[test]
    fn files_of_the_site_are_granted_like_rights() {
        let mut described = sample();
        described["commands"][1]["arguments"] = serde_json::json!([
            { "name": "file", "kind": "path:read", "form": "flag", "help": "What", "site": "ledger/bank.csv" },
        ]);
        let description: Description = serde_json::from_value(described).unwrap();
        let wanted = Grant::wanted(&description);
        assert_eq!(wanted.to_string(), "blacklist:write; reads ledger/bank.csv; changes by put, wipe");
        for (grant, kept) in [(&wanted, Some(Site::BankLedger)), (&Grant::default(), None)] {
            let mut look = description.commands[1].clone();
            grant.limit(&mut look);
            assert_eq!(look.arguments[0].site, kept);
        }
        let beyond = wanted.beyond(&Grant { site: Default::default(), ..wanted.clone() });
        assert_eq!(beyond.to_string(), "reads ledger/bank.csv");
    }

    #[test]
    fn a_record_is_read_as_it_was_written() {
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("atmctl-demo");
        let record = Record::new("00", &serde_json::from_value(sample()).unwrap());
        assert!(Record::read(&program).is_err());
        record.write(&program).unwrap();
        assert_eq!(Record::read(&program).unwrap(), record);
        let text = std::fs::read_to_string(Record::path(&program)).unwrap();
        std::fs::write(Record::path(&program), text.replace("\"version\": 1,", "\"version\": 2,")).unwrap();
        assert!(Record::read(&program).is_err());
    }
}
