//! The file of a new operator's identity: its private key, which never leaves this machine, and its certificate.
//!
//! The key is in the file before atmd hears of it, so that whatever is interrupted can be repeated and goes on with the
//! same key. What is in a file is never overwritten.

use atm_rpc::plugin::{Code, Failure};
use rcgen::{CertificateParams, KeyPair};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// The most that is read of a file: a key and a chain of certificates are less.
const FILE_BYTES_MAX: u64 = 64 * 1024;

/// A key, and the file that it is in.
#[derive(Debug)]
pub(crate) struct Identity {
    key: KeyPair,
    path: PathBuf,
    file: Kept,
}

/// What there is of the file.
#[derive(Debug)]
enum Kept {
    /// Nothing: this is a trial.
    Nowhere,
    /// It was made now, and has the key.
    New(File),
    /// It was there, with the key and these certificates.
    There(File, Vec<CertificateDer<'static>>),
}

impl Identity {
    /// The key in the file, or a new one that is in it now.
    pub(crate) fn keep(path: &Path) -> Result<Self, Failure> {
        let created = options().create_new(true).mode(0o600).open(path);
        let mut file = match created {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                let mut file = options().open(path).map_err(|error| unusable(path, &error))?;
                if let Some((key, certificates)) = read(path, &mut file)? {
                    return Ok(Self { key, path: path.to_owned(), file: Kept::There(file, certificates) });
                }
                // Empty: somebody made room for it.
                let private = file.set_permissions(Permissions::from_mode(0o600));
                private.map_err(|error| unusable(path, &error))?;
                file
            }
            Err(error) => return Err(unusable(path, &error)),
        };
        let key = generate()?;
        let pem = Zeroizing::new(key.serialize_pem());
        let written = file.write_all(pem.as_bytes()).and_then(|()| file.sync_all());
        written.map_err(|error| unusable(path, &error))?;
        Ok(Self { key, path: path.to_owned(), file: Kept::New(file) })
    }

    /// The key in the file, or a new one that is kept nowhere.
    pub(crate) fn try_out(path: &Path) -> Result<Self, Failure> {
        let there = match File::open(path) {
            Ok(mut file) => read(path, &mut file)?,
            Err(error) if error.kind() == ErrorKind::NotFound => None,
            Err(error) => return Err(unusable(path, &error)),
        };
        let key = match there {
            Some((key, _)) => key,
            None => generate()?,
        };
        Ok(Self { key, path: path.to_owned(), file: Kept::Nowhere })
    }

    /// Asks for a certificate for the key; signed with it.
    pub(crate) fn request(&self) -> Result<String, Failure> {
        let params = CertificateParams::new(Vec::new());
        let request = params.and_then(|params| params.serialize_request(&self.key));
        request.and_then(|request| request.pem()).map_err(|error| Failure::new(Code::Failed, error))
    }

    /// Puts the certificate into the file.
    pub(crate) fn complete(self, certificate: &str) -> Result<(), Failure> {
        let given = CertificateDer::from_pem_slice(certificate.as_bytes());
        let given = given.map_err(|error| Failure::new(Code::Protocol, error))?;
        let mut file = match self.file {
            Kept::Nowhere => return Ok(()),
            Kept::There(_, certificates) if certificates.contains(&given) => return Ok(()),
            Kept::There(_, certificates) if !certificates.is_empty() => {
                let text = format!("{} has another certificate than atmd", self.path.display());
                return Err(Failure::new(Code::Conflict, text).hint("give another FILE, and another name"));
            }
            Kept::New(file) | Kept::There(file, _) => file,
        };
        let written = file.write_all(certificate.as_bytes()).and_then(|()| file.sync_all());
        written.map_err(|error| unusable(&self.path, &error))
    }

    /// atmd does not want the key: a file that was made for it goes.
    pub(crate) fn give_up(self) {
        if let Kept::New(file) = self.file
            && fs::remove_file(&self.path).is_err()
        {
            // Where a file may not be removed, it is at least one that can be used again.
            let _ = file.set_len(0);
        }
    }
}

/// A file that a certificate can be added to.
#[derive(Debug)]
pub(crate) struct ToAppend {
    path: PathBuf,
    file: File,
    has_key: bool,
}

/// Opens a file that is new, or has a private key and perhaps certificates of that operator.
pub(crate) fn to_append(path: &Path, operator: &str) -> Result<ToAppend, Failure> {
    let mut file = options().create(true).mode(0o600).open(path).map_err(|error| unusable(path, &error))?;
    let there = read(path, &mut file)?;
    let last = there.as_ref().and_then(|(_, certificates)| certificates.last());
    if let Some(other) = last.and_then(holder).filter(|holder| !holder.eq_ignore_ascii_case(operator)) {
        let text = format!("{} has the key of {other}, not of {operator}", path.display());
        return Err(Failure::new(Code::Conflict, text).hint("give another FILE"));
    }
    Ok(ToAppend { path: path.to_owned(), file, has_key: there.is_some() })
}

impl ToAppend {
    /// Whether the operator's key is in it, and not in another one.
    pub(crate) const fn has_key(&self) -> bool {
        self.has_key
    }

    /// Adds a certificate at the end; of several the last one counts.
    pub(crate) fn append(mut self, certificate: &str) -> Result<(), Failure> {
        let written = self.file.write_all(certificate.as_bytes()).and_then(|()| self.file.sync_all());
        written.map_err(|error| unusable(&self.path, &error))
    }
}

/// Whose certificate it is.
fn holder(certificate: &CertificateDer<'_>) -> Option<String> {
    let (_, certificate) = x509_parser::parse_x509_certificate(certificate).ok()?;
    let name = certificate.subject().iter_common_name().next()?;
    name.as_str().ok().map(str::to_owned)
}

fn options() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).append(true);
    options
}

fn generate() -> Result<KeyPair, Failure> {
    KeyPair::generate().map_err(|error| Failure::new(Code::Failed, format!("no key can be made: {error}")))
}

/// Key and certificates in a file; nothing where it is empty.
fn read(path: &Path, file: &mut File) -> Result<Option<(KeyPair, Vec<CertificateDer<'static>>)>, Failure> {
    let metadata = file.metadata().map_err(|error| unusable(path, &error))?;
    let mut text = Zeroizing::new(String::new());
    let read = file.take(FILE_BYTES_MAX).read_to_string(&mut text);
    if read.is_ok_and(|bytes| bytes == 0) && metadata.len() == 0 {
        return Ok(None);
    }
    // Wherever in the file it is: a service's has it behind the certificate.
    let key = PrivateKeyDer::from_pem_slice(text.as_bytes()).ok();
    let Some(key) = key.and_then(|key| KeyPair::try_from(&key).ok()) else {
        let text =
            format!("{} is there already and has no private key; it is not overwritten", path.display());
        return Err(Failure::new(Code::Conflict, text).hint("give another FILE"));
    };
    if metadata.mode() & 0o077 != 0 {
        let text = format!("{} has a private key and can be read by others", path.display());
        return Err(
            Failure::new(Code::Configuration, text).hint(format!("run: chmod 600 {}", path.display()))
        );
    }
    let certificates = CertificateDer::pem_slice_iter(text.as_bytes()).collect::<Result<_, _>>();
    let broken = |error| Failure::new(Code::Conflict, format!("{}: {error}", path.display()));
    Ok(Some((key, certificates.map_err(broken)?)))
}

fn unusable(path: &Path, error: &io::Error) -> Failure {
    Failure::new(Code::Failed, format!("{}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use tempfile::TempDir;

    const CERTIFICATE: &str = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    const ANOTHER: &str = "-----BEGIN CERTIFICATE-----\nBBBB\n-----END CERTIFICATE-----\n";

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().mode() & 0o777
    }

    #[test]
    fn a_new_file_has_the_key_before_the_certificate() {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("asha.pem");
        let identity = Identity::keep(&path).unwrap();
        assert_eq!(mode(&path), 0o600);
        let key = fs::read_to_string(&path).unwrap();
        assert!(key.contains("PRIVATE KEY") && !identity.request().unwrap().contains("PRIVATE"));
        identity.complete(CERTIFICATE).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), key.clone() + CERTIFICATE);
        // A repeat takes the same key, and writes nothing where there is nothing new.
        Identity::keep(&path).unwrap().complete(CERTIFICATE).unwrap();
        assert_eq!(Identity::keep(&path).unwrap().complete(ANOTHER).unwrap_err().code, Code::Conflict);
        Identity::keep(&path).unwrap().give_up();
        assert_eq!(fs::read_to_string(&path).unwrap(), key + CERTIFICATE);
    }

    #[test]
    fn what_was_interrupted_goes_on_with_its_key() {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("asha.pem");
        let first = Identity::keep(&path).unwrap().key.public_key_raw().to_vec();
        let second = Identity::keep(&path).unwrap();
        assert_eq!(second.key.public_key_raw(), first);
        second.complete(CERTIFICATE).unwrap();
        assert!(fs::read_to_string(&path).unwrap().ends_with(CERTIFICATE));
    }

    #[test]
    fn a_trial_and_a_refusal_leave_no_file() {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("asha.pem");
        let trial = Identity::try_out(&path).unwrap();
        assert!(trial.request().unwrap().contains("REQUEST"));
        trial.complete(CERTIFICATE).unwrap();
        assert!(!path.exists());
        Identity::keep(&path).unwrap().give_up();
        assert!(!path.exists());
    }

    #[test]
    fn an_empty_file_is_filled_and_any_other_stays() {
        let folder = TempDir::new().unwrap();
        let (empty, letter) = (folder.path().join("empty"), folder.path().join("letter"));
        fs::write(&empty, "").unwrap();
        fs::write(&letter, "Dear Asha").unwrap();
        Identity::keep(&empty).unwrap();
        assert_eq!(mode(&empty), 0o600);
        fs::set_permissions(&empty, Permissions::from_mode(0o644)).unwrap();
        assert_eq!(Identity::keep(&empty).unwrap_err().code, Code::Configuration);
        for failed in [Identity::keep(&letter), Identity::try_out(&letter)] {
            assert_eq!(failed.unwrap_err().code, Code::Conflict);
        }
        assert_eq!(fs::read_to_string(&letter).unwrap(), "Dear Asha");
        assert!(Identity::keep(&folder.path().join("no/such/folder")).is_err());
    }
}
