//! Who asks and whom to trust: finds and reads the operator's identity and the CA.

use crate::settings::{Settings, Sourced};
use atm_rpc::client::Endpoint;
use atm_rpc::plugin::{Code, Failure};
use atm_rpc::transport::tls::Identity;
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// atmd's data directory: that of a clone, and that of an installation.
pub(crate) const DATA: [&str; 2] = ["./data", "/var/lib/atmd"];

/// The operators' listener, met as the operator.
pub(crate) fn endpoint(settings: &Settings) -> Result<Endpoint, Failure> {
    let (ca, ca_pem) = ca(settings)?;
    let (identity, read) = identity(settings)?;
    let server = &settings.server.value;
    Endpoint::operator(server, &ca_pem, read)
        .map_err(|error| unusable(&format!("{server} with {} and {}", ca.value, identity.value), error))
}

/// Whom to trust: the file and what is in it.
pub(crate) fn ca(settings: &Settings) -> Result<(Sourced, Vec<u8>), Failure> {
    let ca = ca_file(settings).ok_or_else(|| {
        Failure::new(Code::Configuration, format!("no CA certificate in {}", places("public/ca.pem")))
            .hint("copy public/ca.pem out of atmd's data directory and name it: --ca FILE or ATMCTL_CA")
    })?;
    let pem = std::fs::read(&ca.value).map_err(|error| unreadable(&ca.value, &error))?;
    Ok((ca, pem))
}

/// Who asks: the file and what is in it.
pub(crate) fn identity(settings: &Settings) -> Result<(Sourced, Identity), Failure> {
    let file = identity_file(settings).ok_or_else(|| {
        let text = format!(
            "no operator's identity: none in your configuration folder, and none that you may read in {}",
            places("pki/root.pem")
        );
        Failure::new(Code::Configuration, text).hint(
            "run it with sudo, or ask an administrator for an identity and name it: --identity FILE or \
             ATMCTL_IDENTITY",
        )
    })?;
    let pem = read_secret(Path::new(&file.value))?;
    let read = Identity::from_pem(&pem, &pem).map_err(|error| unusable(&file.value, error))?;
    Ok((file, read))
}

fn unusable(what: &str, error: impl std::fmt::Display) -> Failure {
    Failure::new(Code::Configuration, format!("{what}: {error}"))
}

/// The CA in force, if there is one.
pub(crate) fn ca_file(settings: &Settings) -> Option<Sourced> {
    settings.ca.clone().or_else(|| first_readable("public/ca.pem"))
}

/// The identity in force, if there is one.
pub(crate) fn identity_file(settings: &Settings) -> Option<Sourced> {
    let users = || settings.users_identity.as_deref().filter(|path| path.exists()).map(found);
    settings.identity.clone().or_else(users).or_else(|| first_readable("pki/root.pem"))
}

/// A file of a data directory.
fn first_readable(file: &str) -> Option<Sourced> {
    let mut candidates = DATA.iter().map(|data| Path::new(data).join(file));
    candidates.find(|path| File::open(path).is_ok()).as_deref().map(found)
}

fn found(path: &Path) -> Sourced {
    Sourced { value: path.display().to_string(), origin: "found".to_owned() }
}

/// Where a file of a data directory is looked for.
pub(crate) fn places(file: &str) -> String {
    DATA.map(|data| format!("{data}/{file}")).join(" or ")
}

/// A file with a key in it, which nobody but its owner may read.
fn read_secret(path: &Path) -> Result<Vec<u8>, Failure> {
    let failed = |error: io::Error| unreadable(&path.display().to_string(), &error);
    let mut file = File::open(path).map_err(failed)?;
    if file.metadata().map_err(failed)?.permissions().mode() & 0o077 != 0 {
        let path = path.display();
        return Err(Failure::new(Code::Configuration, format!("others may read the key in {path}"))
            .hint(format!("chmod 600 {path}")));
    }
    let mut content = Vec::new();
    file.read_to_end(&mut content).map_err(failed)?;
    Ok(content)
}

fn unreadable(path: &str, error: &io::Error) -> Failure {
    Failure::new(Code::Configuration, format!("{path} cannot be read: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_that_others_may_read_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("identity.pem");
        std::fs::write(&path, "key").unwrap();
        for (mode, fits) in [(0o600, true), (0o400, true), (0o640, false), (0o604, false), (0o620, false)] {
            std::fs::set_permissions(&path, PermissionsExt::from_mode(mode)).unwrap();
            match read_secret(&path) {
                Ok(content) => assert!(fits && content == b"key", "{mode:o}"),
                Err(failure) => {
                    assert!(!fits, "{mode:o}");
                    assert!(failure.hint.unwrap().contains("chmod 600"));
                }
            }
        }
        assert_eq!(read_secret(&folder.path().join("absent")).unwrap_err().code, Code::Configuration);
    }
}
