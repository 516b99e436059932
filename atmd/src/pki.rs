//! The bank's own certificate authority, the server's certificate, and the first operator's.
//!
//! The CA and the operator `root` are made at the first start. The server's certificate is issued
//! anew at every start, for the configured names, and stays in memory.

use crate::files;
use crate::ledger::operators::{Certificate, NewKey};
use atm_rpc::operator::Role;
use atm_rpc::transport::tls::{Identity, TlsError};
use atm_rpc::types::time::Timestamp;
use rcgen::{
    BasicConstraints, CertificateParams, CertificateSigningRequestParams, DnType, ExtendedKeyUsagePurpose,
    IsCa, Issuer, KeyPair, KeyUsagePurpose, PKCS_ECDSA_P256_SHA256, PKCS_ECDSA_P384_SHA384, PKCS_ED25519,
    PublicKeyData, SignatureAlgorithm,
};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use thiserror::Error;
use x509_parser::parse_x509_certificate;

/// The name of the first operator.
pub const ROOT: &str = "root";

/// Keys that operators may have.
static KEYS: [&SignatureAlgorithm; 3] = [&PKCS_ECDSA_P256_SHA256, &PKCS_ECDSA_P384_SHA384, &PKCS_ED25519];

/// Why there are no certificates.
#[derive(Debug, Error)]
pub enum PkiError {
    /// A file cannot be read or written.
    #[error("{path}: {source}")]
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
}

/// Files and folders of a bank's PKI.
#[derive(Clone, Debug)]
pub struct Pki {
    public: PathBuf,
    private: PathBuf,
}

impl Pki {
    /// The PKI of a data directory, its folders made where they are missing.
    ///
    /// # Errors
    /// [`PkiError::File`].
    pub fn in_data_dir(data_dir: &Path) -> Result<Self, PkiError> {
        let pki = Self { public: data_dir.join("public"), private: data_dir.join("pki") };
        for (folder, mode) in [(&pki.public, 0o755), (&pki.private, 0o700)] {
            let made = DirBuilder::new().recursive(true).mode(mode).create(folder);
            made.map_err(|source| PkiError::File { path: folder.clone(), source })?;
        }
        Ok(pki)
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
            let missing = [self.ca_key(), self.ca()].into_iter().find(|path| !path.exists());
            return missing.map_or(Ok(()), |path| Err(PkiError::Missing(path)));
        }
        if !self.ca_key().exists() || !self.ca().exists() {
            let key = KeyPair::generate()?;
            let mut params = CertificateParams::new(Vec::new())?;
            params.distinguished_name.push(DnType::CommonName, "ATM bank CA");
            params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
            params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
            let certificate = params.self_signed(&key)?;
            write(&self.ca_key(), &key.serialize_pem(), 0o600)?;
            write(&self.ca(), &certificate.pem(), 0o644)?;
        }
        if !self.root_identity().exists() {
            write(&self.root_identity(), &self.operator(ROOT)?, 0o600)?;
        }
        Ok(())
    }

    fn issuer(&self) -> Result<Issuer<'static, KeyPair>, PkiError> {
        let key = KeyPair::from_pem(&read(&self.ca_key())?)?;
        Ok(Issuer::from_ca_cert_pem(&read(&self.ca())?, key)?)
    }

    /// Certificate and key of a new operator, as one PEM text.
    fn operator(&self, name: &str) -> Result<String, PkiError> {
        let key = KeyPair::generate()?;
        let certificate = operator_params(name)?.signed_by(&key, &self.issuer()?)?;
        Ok(certificate.pem() + &key.serialize_pem())
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
        let certificate = operator_params(name)?.signed_by(&key, &self.issuer()?)?;
        let (fingerprint, key) = (fingerprint(certificate.der()), sha256(&key.subject_public_key_info()));
        let certificate = Certificate { key, pem: certificate.pem() };
        Ok(NewKey { name: name.to_owned(), role, fingerprint, certificate })
    }

    /// The server's identity for these names, beside localhost and the host's own.
    ///
    /// # Errors
    /// [`PkiError`].
    pub fn server(&self, names: &[String]) -> Result<Identity, PkiError> {
        let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
        let mut all = vec!["localhost".to_owned(), "127.0.0.1".to_owned(), "::1".to_owned(), host];
        all.extend(names.iter().cloned());
        all.sort();
        all.dedup();
        all.retain(|name| !name.is_empty());
        let key = KeyPair::generate()?;
        let mut params = CertificateParams::new(all)?;
        params.distinguished_name.push(DnType::CommonName, "atmd");
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let certificate = params.signed_by(&key, &self.issuer()?)?;
        let unusable = |source| PkiError::Unusable { path: self.ca(), source };
        Identity::from_pem(certificate.pem().as_bytes(), key.serialize_pem().as_bytes()).map_err(unusable)
    }

    /// The CA's certificate as PEM.
    ///
    /// # Errors
    /// [`PkiError::File`].
    pub fn ca_pem(&self) -> Result<String, PkiError> {
        read(&self.ca())
    }

    /// When the certificate of the first operator ends, where it is still kept here.
    #[must_use]
    pub fn root_ends_at(&self) -> Option<Timestamp> {
        ends_at_of_pem(&read(&self.root_identity()).ok()?)
    }

    /// Fingerprint of the first operator's certificate.
    ///
    /// # Errors
    /// [`PkiError`].
    pub fn root_fingerprint(&self) -> Result<[u8; 32], PkiError> {
        let path = self.root_identity();
        let text = read(&path)?;
        let broken = |e: rustls::pki_types::pem::Error| TlsError::Certificate(e.to_string());
        let certificate = CertificateDer::from_pem_slice(text.as_bytes()).map_err(broken);
        Ok(fingerprint(&certificate.map_err(|source| PkiError::Unusable { path, source })?))
    }
}

fn operator_params(name: &str) -> Result<CertificateParams, rcgen::Error> {
    let mut params = CertificateParams::new(Vec::new())?;
    params.distinguished_name.push(DnType::CommonName, name);
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    Ok(params)
}

/// When the first certificate of a PEM text ends; nothing where there is none.
#[must_use]
pub fn ends_at_of_pem(pem: &str) -> Option<Timestamp> {
    ends_at(&CertificateDer::from_pem_slice(pem.as_bytes()).ok()?)
}

/// When a certificate ends; nothing where it is none.
#[must_use]
pub fn ends_at(certificate: &CertificateDer<'_>) -> Option<Timestamp> {
    let (_, certificate) = parse_x509_certificate(certificate).ok()?;
    Some(Timestamp::from_ms(certificate.validity().not_after.timestamp().saturating_mul(1_000)))
}

/// SHA-256 of a certificate, which is how operators are known.
#[must_use]
pub fn fingerprint(certificate: &CertificateDer<'_>) -> [u8; 32] {
    sha256(certificate)
}

fn sha256(bytes: &[u8]) -> [u8; 32] {
    let digest = ring::digest::digest(&ring::digest::SHA256, bytes);
    let mut bytes = [0; 32];
    bytes.copy_from_slice(digest.as_ref());
    bytes
}

fn read(path: &Path) -> Result<String, PkiError> {
    fs::read_to_string(path).map_err(|source| PkiError::File { path: path.to_owned(), source })
}

fn write(path: &Path, text: &str, mode: u32) -> Result<(), PkiError> {
    files::put(path, text, mode).map_err(|source| PkiError::File { path: path.to_owned(), source })
}
