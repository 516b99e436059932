//! What a plugin finds around it: a few variables, two folders of its own, and the files it was given.

use super::sandbox::Policy;
use crate::Io;
use crate::settings::home;
use atm_rpc::plugin::{ENV_BIN, ENV_CACHE, ENV_FD, ENV_PROTOCOL, ENV_TEMPORARY, FD, PROTOCOL};
use rustix::termios::ttyname;
use std::fs::DirBuilder;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// Folders that no other plugin reaches. One of them is gone with this.
#[derive(Debug)]
pub(crate) struct Folders {
    cache: PathBuf,
    temporary: TempDir,
}

impl Folders {
    /// Of the plugin of that name. Where nothing can be kept, the cache is gone with the rest.
    pub(crate) fn of(name: &str, io: &Io) -> io::Result<Self> {
        let private = std::fs::Permissions::from_mode(0o700);
        let prefix = format!("atmctl-{name}-");
        let temporary = tempfile::Builder::new().prefix(&prefix).permissions(private).tempdir()?;
        let make = |path: &PathBuf| DirBuilder::new().recursive(true).mode(0o700).create(path).is_ok();
        let cache = match cache_folder(name, io).filter(make) {
            Some(cache) => cache,
            None => {
                let cache = temporary.path().join("cache");
                DirBuilder::new().mode(0o700).create(&cache)?;
                cache
            }
        };
        Ok(Self { cache, temporary })
    }

    /// What the plugin sees of the environment.
    pub(crate) fn environment<'i>(&self, connected: bool, io: &'i Io) -> Vec<(&'i str, String)> {
        let text = |path: &Path| path.display().to_string();
        let kept = io.environment.iter().filter(|(name, _)| is_passed_on(name));
        let mut environment: Vec<(&str, String)> =
            kept.map(|(name, value)| (name.as_str(), value.clone())).collect();
        environment.extend([
            (ENV_PROTOCOL, PROTOCOL.to_string()),
            (ENV_BIN, text(&io.program)),
            (ENV_CACHE, text(&self.cache)),
            (ENV_TEMPORARY, text(self.temporary.path())),
        ]);
        environment.extend(connected.then(|| (ENV_FD, FD.to_string())));
        environment
    }

    /// Adds to what it may reach.
    pub(crate) fn allow(&self, policy: &mut Policy, io: &Io) {
        policy.own.extend([self.cache.clone(), self.temporary.path().to_path_buf()]);
        policy.run.push(io.program.clone());
        // The terminal by its other name: who has it as /dev/tty has it anyway.
        policy.write.extend(terminal());
    }
}

/// Where what a plugin keeps is.
pub(crate) fn cache_folder(name: &str, io: &Io) -> Option<PathBuf> {
    home(&io.environment, "XDG_CACHE_HOME", ".cache").map(|home| home.join("atm/plugins").join(name))
}

fn terminal() -> Option<PathBuf> {
    let (stdin, stderr) = (io::stdin(), io::stderr());
    let name = [stdin.as_fd(), stderr.as_fd()].into_iter().find_map(|fd| ttyname(fd, Vec::new()).ok())?;
    Some(PathBuf::from(std::ffi::OsString::from_vec(name.into_bytes())))
}

/// Variables that a plugin sees.
fn is_passed_on(name: &str) -> bool {
    ["LANG", "TZ", "TERM", "COLUMNS", "NO_COLOR"].contains(&name) || name.starts_with("LC_")
}
