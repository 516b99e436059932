//! Installing, updating and removing plugins of the user's own. Nothing is fetched: a plugin comes as a file.

use super::around::cache_folder;
use super::ask::ask;
use super::discover::{Found, PREFIX, Trust, installed_folder};
use super::process::end_orphans;
use super::program::Program;
use super::record::{Grant, Record};
use crate::Io;
use atm_rpc::plugin::{Code, Description, Failure};
use std::fs::{DirBuilder, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// A file that may become a plugin: its content as it was read once, and what it says of itself.
#[derive(Debug)]
pub(crate) struct Candidate {
    program: Program,
    pub(crate) description: Description,
}

/// What installing it comes to.
#[derive(Debug)]
pub(crate) struct Plan {
    /// Where it will be.
    pub(crate) file: PathBuf,
    /// Whether anything changes by it.
    pub(crate) changes: bool,
    /// What it may do so far.
    pub(crate) granted: Grant,
}

impl Candidate {
    /// Reads a file and asks it; `sha256`: what it must be.
    pub(crate) async fn read(file: &Path, sha256: Option<&str>, unsandboxed: bool) -> Result<Self, Failure> {
        let path = file.display();
        let program = Program::copied(file)
            .map_err(|error| Failure::new(Code::Failed, format!("{path} cannot be read: {error}")))?;
        if let Some(expected) = sha256
            && !expected.eq_ignore_ascii_case(&program.digest)
        {
            let text = format!("{path}: expected SHA-256 {expected}, found {}", program.digest);
            return Err(Failure::new(Code::Refused, text).hint("nothing of it was run; get the file again"));
        }
        super::held(&path.to_string(), unsandboxed)?;
        let description = ask(&program, file, None).await;
        end_orphans();
        Ok(Self { program, description: description? })
    }

    pub(crate) fn digest(&self) -> &str {
        &self.program.digest
    }

    pub(crate) fn wanted(&self) -> Grant {
        Grant::wanted(&self.description)
    }

    /// Where it goes as a new plugin.
    pub(crate) fn plan(&self, found: &[Found], io: &Io) -> Result<Plan, Failure> {
        let name = &self.description.name;
        let file = folder(io)?.join(format!("{PREFIX}{name}"));
        let conflict = |text: String| Failure::new(Code::Conflict, text);
        let Some(other) = found.iter().find(|other| other.name == *name) else {
            return Ok(Plan { file, changes: true, granted: Grant::default() });
        };
        let (path, same) = (other.path.display(), self.is_content_of(&other.path));
        match (&other.record, other.trust) {
            (_, Trust::Bundled) => Err(conflict(format!("the plugin {name} came with atmctl: {path}"))),
            (Some(record), _) if same && record.digest == self.digest() => {
                Ok(Plan { file, changes: false, granted: record.grant.clone() })
            }
            (Some(_), _) => Err(conflict(format!("the plugin {name} is installed, and another one"))
                .hint(format!("atmctl plugin update {name} FILE"))),
            (None, _) if same => Ok(Plan { file, changes: true, granted: Grant::default() }),
            (None, _) => {
                Err(conflict(format!("{path} is there, and was not installed")).hint("move it elsewhere"))
            }
        }
    }

    /// Where it goes in place of the installed plugin of that name.
    pub(crate) fn plan_update(&self, name: &str, found: &[Found]) -> Result<Plan, Failure> {
        let conflict = |text: String| Failure::new(Code::Conflict, text);
        let installed = installed(name, found)?;
        if self.description.name != name {
            return Err(conflict(format!("the file is the plugin {}, not {name}", self.description.name)));
        }
        let Some(record) = &installed.record else {
            return Err(conflict(format!("{} was not installed", installed.path.display()))
                .hint("move it elsewhere, and: atmctl plugin install FILE"));
        };
        let changes = record.digest != self.digest() || !self.is_content_of(&installed.path);
        Ok(Plan { file: installed.path.clone(), changes, granted: record.grant.clone() })
    }

    fn is_content_of(&self, path: &Path) -> bool {
        Program::copied(path).is_ok_and(|there| there.digest == self.digest())
    }

    /// Puts it there, and then what was agreed. In between, it is refused.
    pub(crate) fn store(&self, plan: &Plan) -> Result<(), Failure> {
        let store = || -> io::Result<()> {
            let folder = plan.file.parent().ok_or(io::ErrorKind::InvalidInput)?;
            DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
            let mut file = tempfile::NamedTempFile::new_in(folder)?;
            io::copy(&mut self.program.content()?, &mut file)?;
            file.as_file().set_permissions(Permissions::from_mode(0o500))?;
            file.as_file().sync_all()?;
            file.persist(&plan.file)?;
            Record::new(self.digest(), &self.description).write(&plan.file)
        };
        store().map_err(|error| {
            Failure::new(Code::Failed, format!("{} cannot be written: {error}", plan.file.display()))
        })
    }
}

fn folder(io: &Io) -> Result<PathBuf, Failure> {
    installed_folder(io).ok_or_else(|| {
        Failure::new(Code::Configuration, "there is no home to install into")
            .hint("set HOME or XDG_DATA_HOME")
    })
}

/// The plugin of that name that somebody installed.
pub(crate) fn installed<'f>(name: &str, found: &'f [Found]) -> Result<&'f Found, Failure> {
    let named = |trust| found.iter().find(|plugin| plugin.name == name && plugin.trust == trust);
    match (named(Trust::Installed), named(Trust::Bundled)) {
        (Some(installed), _) => Ok(installed),
        (None, Some(bundled)) => {
            let path = bundled.path.display();
            Err(Failure::new(
                Code::Conflict,
                format!("the plugin {name} came with atmctl, and goes with it: {path}"),
            ))
        }
        (None, None) => Err(Failure::new(Code::NotFound, format!("no plugin {name} is installed"))
            .hint("atmctl plugin install FILE")),
    }
}

/// Takes an installed plugin away, with what it kept.
pub(crate) fn remove(installed: &Found, io: &Io) -> Result<(), Failure> {
    let gone = |result: io::Result<()>| match result {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    };
    let remove = || -> io::Result<()> {
        gone(std::fs::remove_file(Record::path(&installed.path)))?;
        gone(std::fs::remove_file(&installed.path))?;
        cache_folder(&installed.name, io).map_or(Ok(()), |cache| gone(std::fs::remove_dir_all(cache)))
    };
    remove().map_err(|error| {
        Failure::new(Code::Failed, format!("{} cannot be removed: {error}", installed.path.display()))
    })
}
