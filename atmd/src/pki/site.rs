//! A site's own certificates: looked at before anything is served with them, so that a mistake is told at the start and
//! not by customers.

use super::certificate::{self, Stated};
use super::{PkiError, ServerCertificate, read};
use crate::config::CertificateFiles;
use atm_rpc::transport::tls::{Identity, TlsError};
use atm_rpc::types::time::Timestamp;
use rustls::RootCertStore;
use rustls::client::{verify_server_cert_signed_by_trust_anchor, verify_server_name};
use rustls::crypto::ring::default_provider;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use thiserror::Error;
use zeroize::Zeroizing;

/// What is wrong with a site's certificate.
#[derive(Debug, Error)]
pub enum SiteError {
    /// Others can read the key.
    #[error("others may read the key; run: chmod o= {}", .0.display())]
    Exposed(PathBuf),
    /// It is a CA's.
    #[error("{0} is a CA; name a certificate that it issued for this server")]
    Ca(String),
    /// It is not for servers.
    #[error("{0} is not for servers: its extended key usage lacks serverAuth")]
    Usage(String),
    /// It ended.
    #[error("{0} ended at {1}; put a newer one in its place")]
    Ended(String, Timestamp),
    /// It is not valid yet.
    #[error("{0} is not valid before {1}; look at this machine's clock, too")]
    Early(String, Timestamp),
    /// No client could take it.
    #[error("{0} has no names: clients look at the subject's alternative names, and not at its CN")]
    Nameless(String),
    /// A name is not in it.
    #[error("{subject} is for {}, and [server] names has {missing:?}: take that off the names, or have it certified", .names.join(", "))]
    Name {
        /// Whose.
        subject: String,
        /// What it is for.
        names: Vec<String>,
        /// What it is not for.
        missing: String,
    },
    /// The certificates do not follow each other.
    #[error(
        "{0} is not issued by {1}, which stands after it; the server's certificate comes first, and then the one of who issued it, and so on"
    )]
    Chain(String, String),
    /// The names follow each other, and the signatures do not.
    #[error(
        "{0} does not lead to {1}, which stands last in the file: {2}; take the certificates that came with it, each of who signed the one before"
    )]
    Signature(String, String, String),
    /// It is no certificate, key, or pair of them.
    #[error(transparent)]
    Tls(#[from] TlsError),
}

/// Reads a site's certificate, which must be usable now, and for these names.
pub(super) fn read_site(
    files: &CertificateFiles,
    names: &[String],
    now: Timestamp,
) -> Result<Arc<ServerCertificate>, PkiError> {
    let of = |path: &Path| {
        let path = path.to_owned();
        move |source: SiteError| PkiError::Site { path, source: Box::new(source) }
    };
    let chain = read(&files.certificate)?;
    let key = Zeroizing::new(read(&files.key)?);
    let metadata = fs::metadata(&files.key);
    let metadata = metadata.map_err(|source| PkiError::File { path: files.key.clone(), source })?;
    // A group may read it: that is how a service gets a key that an administrator owns.
    if metadata.mode() & 0o007 != 0 {
        return Err(of(&files.key)(SiteError::Exposed(files.key.clone())));
    }
    let identity = Identity::from_pem(chain.as_bytes(), key.as_bytes()).map_err(|error| match error {
        TlsError::Key(_) => of(&files.key)(error.into()),
        error => of(&files.certificate)(error.into()),
    })?;
    check(&identity, names, now).map_err(of(&files.certificate))?;
    let key = identity.certified().map_err(|error| of(&files.key)(error.into()))?;
    ServerCertificate::of_site(key).ok_or(PkiError::Unreadable)
}

fn check(identity: &Identity, names: &[String], now: Timestamp) -> Result<(), SiteError> {
    let unreadable = || SiteError::Tls(TlsError::Certificate("it is no X.509 certificate".into()));
    let chain: Option<Vec<Stated>> = identity.chain().iter().map(certificate::stated).collect();
    let chain = chain.ok_or_else(unreadable)?;
    let own = chain.first().ok_or_else(unreadable)?;
    let subject = || own.subject.clone();
    if own.is_ca {
        return Err(SiteError::Ca(subject()));
    }
    if !own.usable[0] {
        return Err(SiteError::Usage(subject()));
    }
    for one in &chain {
        if one.until <= now {
            return Err(SiteError::Ended(one.subject.clone(), one.until));
        }
        if one.from > now {
            return Err(SiteError::Early(one.subject.clone(), one.from));
        }
    }
    for pair in chain.windows(2) {
        if pair[0].issuer != pair[1].subject {
            return Err(SiteError::Chain(pair[0].subject.clone(), pair[1].subject.clone()));
        }
    }
    if own.names.is_empty() {
        return Err(SiteError::Nameless(subject()));
    }
    let parsed = identity.chain().first().and_then(|der| ParsedCertificate::try_from(der).ok());
    let parsed = parsed.ok_or_else(unreadable)?;
    if let [_, between @ .., last] = identity.chain() {
        let name = chain.last().map_or_else(String::new, |last| last.subject.clone());
        leads_to(&parsed, between, last, now)
            .map_err(|error| SiteError::Signature(subject(), name, error.to_string()))?;
    }
    let covered = |name: &String| {
        // One with a star is none that a client could ask for.
        let asked = ServerName::try_from(name.as_str());
        own.names.contains(name) || asked.is_ok_and(|name| verify_server_name(&parsed, &name).is_ok())
    };
    match names.iter().find(|name| !covered(name)) {
        Some(missing) => {
            Err(SiteError::Name { subject: subject(), names: own.names.clone(), missing: missing.clone() })
        }
        None => Ok(()),
    }
}

/// Whether a client that trusts the last certificate would take the first, whose validity was looked at before.
fn leads_to(
    own: &ParsedCertificate<'_>,
    between: &[CertificateDer<'_>],
    last: &CertificateDer<'static>,
    now: Timestamp,
) -> Result<(), rustls::Error> {
    let mut trusted = RootCertStore::empty();
    trusted.add(last.clone())?;
    let now = UnixTime::since_unix_epoch(Duration::from_millis(u64::try_from(now.ms()).unwrap_or(0)));
    let algorithms = default_provider().signature_verification_algorithms.all;
    verify_server_cert_signed_by_trust_anchor(own, &trusted, between, now, algorithms)
}
