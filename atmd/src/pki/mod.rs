//! The bank's own certificate authority, the certificates of its listeners, and the first operator's.
//!
//! - Here: files and folders, and what is issued. `certificate`: what one says, and how long it lasts.
//! - `server`: what a listener shows. `site`: a site's own certificates. `renew`, `rotate`: what `atmd pki` changes;
//!   `show`: what it tells.
//!
//! The CA and the operator `root` are made at the first start. The server's certificate is issued anew at every start
//! and before it ends, for the configured names, and stays in memory.

mod certificate;
mod renew;
mod rotate;
mod server;
mod show;
mod site;

pub use certificate::{Stated, fingerprint, in_pem, is_issued_by, stated, stated_in_pem};
pub use renew::{Renewed, Which};
pub use rotate::{Lasting, Step};
pub use server::ServerCertificate;
pub use show::show;
pub use site::SiteError;

use crate::clock::Clock;
use crate::config::Config;
use crate::files;
use crate::ledger::operators::{Certificate, NewKey};
use atm_rpc::operator::Role;
use atm_rpc::transport::tls::{Identity, TlsError, server_config};
use atm_rpc::transport::{CUSTOMER, OPERATOR};
use certificate::{Lasts, key_in_pem, params, pem, sha256};
use rcgen::{
    BasicConstraints, CertificateSigningRequestParams, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, PKCS_ECDSA_P256_SHA256, PKCS_ECDSA_P384_SHA384, PKCS_ED25519, PublicKeyData,
    SignatureAlgorithm,
};
use rustls::ServerConfig;
use rustls::pki_types::CertificateDer;
use rustls::sign::CertifiedKey;
use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use thiserror::Error;
use zeroize::Zeroizing;

/// The name of the first operator.
pub const ROOT: &str = "root";

/// Keys that operators may have.
static KEYS: [&SignatureAlgorithm; 3] = [&PKCS_ECDSA_P256_SHA256, &PKCS_ECDSA_P384_SHA384, &PKCS_ED25519];

/// The most that is read of a file of certificates.
const FILE_BYTES_MAX: u64 = 1024 * 1024;

/// Why there are no certificates.
#[derive(Debug, Error)]
pub enum PkiError {
    /// A file cannot be read or written.
    #[error("{path}: {source}{}", advice(source))]
    File {
        /// Which.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A bank is there, and its CA is not.
    #[error(
        "{0} is missing; clients trust this bank by it, so it is not made anew: restore it from a backup"
    )]
    Missing(PathBuf),
    /// A certificate cannot be made.
    #[error("a certificate cannot be made: {0}")]
    Certificate(#[from] rcgen::Error),
    /// A request for a certificate cannot be granted.
    #[error("a request for a certificate: {0}")]
    Request(rcgen::Error),
    /// A file is no certificate or key.
    #[error("{path}: {source}")]
    Unusable {
        /// Which.
        path: PathBuf,
        /// What is wrong.
        source: TlsError,
    },
    /// A certificate that was issued here cannot be read.
    #[error("a certificate that was issued cannot be read, which is a mistake in the program")]
    Unreadable,
    /// The CA's key is that of no certificate in public/ca.pem.
    #[error("{key} is the key of no certificate in {ca}: restore both from the same backup")]
    OtherCa {
        /// The key.
        key: PathBuf,
        /// The certificates.
        ca: PathBuf,
    },
    /// A site's own certificate is not right.
    #[error("{path}: {source}")]
    Site {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: Box<SiteError>,
    },
    /// There is no bank whose certificates could be changed.
    #[error(
        "{0} is missing: no bank was opened in this data directory; name it by --config or --set server.data_dir=DIR"
    )]
    NoBank(PathBuf),
    /// A step of a rotation that is not its turn.
    #[error("{0}")]
    Rotation(&'static str),
    /// Another command changes certificates.
    #[error("another `atmd pki` is at work in {0}; try again when it is done")]
    Busy(PathBuf),
}

/// Files and folders of a bank's PKI.
#[derive(Clone, Debug)]
pub struct Pki {
    public: PathBuf,
    private: PathBuf,
    clock: Clock,
}

/// What the two listeners serve with.
#[derive(Clone, Debug)]
pub struct Endpoints {
    /// Customers'.
    pub customers: Arc<ServerConfig>,
    /// Operators'.
    pub operators: Arc<ServerConfig>,
    /// What they show.
    pub certificates: [Arc<ServerCertificate>; 2],
}

impl Pki {
    /// The PKI of a data directory, its folders made where they are missing.
    ///
    /// # Errors
    /// [`PkiError::File`].
    pub fn in_data_dir(data_dir: &Path, clock: Clock) -> Result<Self, PkiError> {
        let pki = Self { public: data_dir.join("public"), private: data_dir.join("pki"), clock };
        for (folder, mode) in [(&pki.public, 0o755), (&pki.private, 0o700)] {
            let made = DirBuilder::new().recursive(true).mode(mode).create(folder);
            made.map_err(|source| PkiError::File { path: folder.clone(), source })?;
        }
        Ok(pki)
    }

    /// The PKI of a bank that was opened.
    ///
    /// # Errors
    /// [`PkiError::NoBank`].
    pub fn of_bank(data_dir: &Path, clock: Clock) -> Result<Self, PkiError> {
        let pki = Self { public: data_dir.join("public"), private: data_dir.join("pki"), clock };
        match pki.missing()? {
            Some(missing) => Err(PkiError::NoBank(missing)),
            None => Ok(pki),
        }
    }

    /// The first file of the CA that is not there, which is not the same as one that may not be seen.
    fn missing(&self) -> Result<Option<PathBuf>, PkiError> {
        for path in [self.ca_key(), self.ca()] {
            match path.try_exists() {
                Ok(true) => {}
                Ok(false) => return Ok(Some(path)),
                Err(source) => return Err(PkiError::File { path, source }),
            }
        }
        Ok(None)
    }

    /// The CA's certificate, for everybody.
    #[must_use]
    pub fn ca(&self) -> PathBuf {
        self.public.join("ca.pem")
    }

    /// The folder that everybody may read.
    #[must_use]
    pub fn ca_folder(&self) -> PathBuf {
        self.public.clone()
    }

    /// Certificate and key of the first operator.
    #[must_use]
    pub fn root_identity(&self) -> PathBuf {
        self.private.join("root.pem")
    }

    fn ca_key(&self) -> PathBuf {
        self.private.join("ca.key")
    }

    /// Makes the CA and the first operator where there is no bank yet. An existing bank's CA is never made
    /// anew, because every client trusts the one it has; its first operator may keep the identity elsewhere.
    ///
    /// # Errors
    /// [`PkiError`].
    pub fn found(&self, bank_exists: bool) -> Result<(), PkiError> {
        if bank_exists {
            return self.missing()?.map_or(Ok(()), |path| Err(PkiError::Missing(path)));
        }
        if !self.ca_key().exists() || !self.ca().exists() {
            let key = KeyPair::generate()?;
            let certificate = self.ca_params("ATM bank CA")?.self_signed(&key)?;
            write(&self.ca_key(), &key.serialize_pem(), 0o600)?;
            write(&self.ca(), &certificate.pem(), 0o644)?;
        }
        if !self.root_identity().exists() {
            let key = KeyPair::generate()?;
            let certificate = self.operator_certificate(ROOT, &key)?;
            write(&self.root_identity(), &(certificate.pem() + &key.serialize_pem()), 0o600)?;
        }
        Ok(())
    }

    /// What both listeners serve with, by the configuration and the files as they are now.
    ///
    /// # Errors
    /// [`PkiError`] says what is wrong with which file.
    pub fn endpoints(&self, config: &Config) -> Result<Endpoints, PkiError> {
        let (server, operator) = (&config.server, &config.operator);
        let issued = || ServerCertificate::issued(self.clone(), server.names.clone());
        let now = self.clock.now();
        let for_customers = match &server.certificate {
            Some(files) => site::read_site(files, &server.names, now)?,
            None => issued()?,
        };
        let for_operators = match &operator.certificate {
            Some(files) => site::read_site(files, &[], now)?,
            None if server.certificate.is_none() => Arc::clone(&for_customers),
            None => issued()?,
        };
        let unusable = |source| PkiError::Unusable { path: self.ca(), source };
        let ca = self.ca_pem()?;
        Ok(Endpoints {
            customers: server_config(CUSTOMER, Arc::clone(&for_customers) as _, None).map_err(unusable)?,
            operators: server_config(OPERATOR, Arc::clone(&for_operators) as _, Some(ca.as_bytes()))
                .map_err(unusable)?,
            certificates: [for_customers, for_operators],
        })
    }

    fn ca_params(&self, name: &str) -> Result<rcgen::CertificateParams, rcgen::Error> {
        let mut params = params(name, Vec::new(), Lasts::Ca, self.clock.now())?;
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        Ok(params)
    }

    /// The CA that issues servers' certificates.
    fn issuer(&self) -> Result<Issuer<'static, KeyPair>, PkiError> {
        let (certificate, key) = self.authority()?;
        Ok(Issuer::from_ca_cert_der(&certificate, key)?)
    }

    /// The key of the CA and the certificate that is its own, of all that clients trust.
    fn authority(&self) -> Result<(CertificateDer<'static>, KeyPair), PkiError> {
        let text = Zeroizing::new(read(&self.ca_key())?);
        let key = key_in_pem(&text)?;
        let own = sha256(&key.subject_public_key_info());
        let mut all = in_pem(&self.ca_pem()?).into_iter();
        let certificate = all.find(|one| stated(one).is_some_and(|stated| stated.key == own));
        let other = || PkiError::OtherCa { key: self.ca_key(), ca: self.ca() };
        Ok((certificate.ok_or_else(other)?, key))
    }

    /// The CA that issues operators' certificates: the next one, where there is a change of CAs.
    fn operators_issuer(&self) -> Result<Issuer<'static, KeyPair>, PkiError> {
        match self.next_authority()? {
            Some((certificate, key)) => Ok(Issuer::from_ca_cert_der(&certificate, key)?),
            None => self.issuer(),
        }
    }

    fn operator_certificate(
        &self,
        name: &str,
        key: &impl PublicKeyData,
    ) -> Result<rcgen::Certificate, PkiError> {
        let mut params = params(name, Vec::new(), Lasts::Operator, self.clock.now())?;
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        Ok(params.signed_by(key, &self.operators_issuer()?)?)
    }

    /// Certifies an operator's key. Of the request nothing but the key is taken, and that it is signed with it.
    ///
    /// # Errors
    /// [`PkiError::Request`] where the request cannot be granted.
    pub fn certify(&self, name: &str, role: Role, request: &str) -> Result<NewKey, PkiError> {
        let request = CertificateSigningRequestParams::from_pem(request).map_err(PkiError::Request)?;
        let key = request.public_key;
        if !KEYS.contains(&key.algorithm()) {
            return Err(PkiError::Request(rcgen::Error::UnsupportedSignatureAlgorithm));
        }
        let (fingerprint, certificate) = kept(&self.operator_certificate(name, &key)?, &key);
        Ok(NewKey { name: name.to_owned(), role, fingerprint, certificate })
    }

    /// The server's certificate for these names, beside localhost and the host's own.
    fn server(&self, names: &[String]) -> Result<CertifiedKey, PkiError> {
        let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
        let mut all = vec!["localhost".to_owned(), "127.0.0.1".to_owned(), "::1".to_owned(), host];
        all.extend(names.iter().cloned());
        all.sort();
        all.dedup();
        all.retain(|name| !name.is_empty());
        let key = KeyPair::generate()?;
        let mut params = params("atmd", all, Lasts::Server, self.clock.now())?;
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let certificate = params.signed_by(&key, &self.issuer()?)?;
        let unusable = |source| PkiError::Unusable { path: self.ca(), source };
        let identity = Identity::from_pem(certificate.pem().as_bytes(), key.serialize_pem().as_bytes())
            .map_err(unusable)?;
        identity.certified().map_err(unusable)
    }

    /// The certificates that clients trust, as PEM.
    ///
    /// # Errors
    /// [`PkiError::File`].
    pub fn ca_pem(&self) -> Result<String, PkiError> {
        read(&self.ca())
    }

    /// What the first operator's certificate says, where it is still kept here.
    #[must_use]
    pub fn root(&self) -> Option<Stated> {
        stated(&self.root_certificate()?)
    }

    /// The first operator's certificate, where it is still kept here.
    #[must_use]
    pub fn root_certificate(&self) -> Option<CertificateDer<'static>> {
        in_pem(&read(&self.root_identity()).ok()?).into_iter().next()
    }

    /// Fingerprint of the first operator's certificate.
    ///
    /// # Errors
    /// [`PkiError`].
    pub fn root_fingerprint(&self) -> Result<[u8; 32], PkiError> {
        let path = self.root_identity();
        let stated = stated_in_pem(&read(&path)?);
        let source = TlsError::Certificate("it has none".into());
        Ok(stated.ok_or(PkiError::Unusable { path, source })?.fingerprint)
    }
}

/// What to do about it.
fn advice(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::PermissionDenied => {
            "; this takes the user who owns the data directory (see chown), or root"
        }
        _ => "",
    }
}

/// What the ledger keeps of an operator's certificate.
fn kept(certificate: &rcgen::Certificate, key: &impl PublicKeyData) -> ([u8; 32], Certificate) {
    let key = sha256(&key.subject_public_key_info());
    (fingerprint(certificate.der()), Certificate { key, pem: certificate.pem() })
}

/// A pipe or a device has no end that one could wait for.
fn read(path: &Path) -> Result<String, PkiError> {
    let failed = |source| PkiError::File { path: path.to_owned(), source };
    let metadata = fs::metadata(path).map_err(failed)?;
    if !metadata.is_file() || metadata.len() > FILE_BYTES_MAX {
        return Err(failed(io::Error::other("it is no regular file, or has more than 1 MiB")));
    }
    fs::read_to_string(path).map_err(failed)
}

fn write(path: &Path, text: &str, mode: u32) -> Result<(), PkiError> {
    files::put(path, text, mode).map_err(|source| PkiError::File { path: path.to_owned(), source })
}
