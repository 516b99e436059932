//! TLS 1.3 by rustls, on one provider, for both ends. There is no plain-text mode.

use super::Service;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::server::{ResolvesServerCert, WebPkiClientVerifier};
use rustls::sign::CertifiedKey;
use rustls::{ClientConfig, Error, InconsistentKeys, RootCertStore, ServerConfig};
use std::sync::Arc;
use thiserror::Error;

/// Why TLS could not be set up.
#[derive(Debug, Error)]
pub enum TlsError {
    /// The text has no certificate, or a broken one.
    #[error("no certificate could be read from the PEM text: {0}")]
    Certificate(String),
    /// The text has no private key, or a broken one.
    #[error("no private key could be read from the PEM text: {0}")]
    Key(String),
    /// The key is another's.
    #[error(
        "the key does not belong to the certificate; the file must begin with the certificate of this key"
    )]
    OtherKey,
    /// A certificate or its key is not usable.
    #[error("the certificate or its key is not usable: {0}")]
    Unusable(String),
}

/// What is said of a key that only a passphrase opens.
const ENCRYPTED: &str = "it is encrypted, and nobody is asked for its passphrase; store it in the clear, for its owner alone: \
                         openssl pkey -in ENCRYPTED.key -out CLEAR.key";
/// What is said of a key that is none of those that are known.
const KINDS: &str = "it is not of a kind that is known: RSA of 2048 to 4096 bits, P-256, P-384, Ed25519";

/// A certificate chain and its private key.
#[derive(Debug)]
pub struct Identity {
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
}

impl Identity {
    /// Reads certificates and a key out of PEM texts, which may be one and the same. Of several certificates of the key
    /// the last one counts.
    ///
    /// # Errors
    /// [`TlsError`] says which of the two is missing or broken.
    pub fn from_pem(certificates: &[u8], key: &[u8]) -> Result<Self, TlsError> {
        let key = PrivateKeyDer::from_pem_slice(key).map_err(|error| TlsError::Key(unread(key, &error)))?;
        let mut chain = certificates_in(certificates)?;
        // A renewed certificate is put behind the one whose place it takes.
        if chain.len() > 1
            && let Some(newest) = chain.iter().rposition(|one| belongs(one, &key))
        {
            let own = chain.remove(newest);
            chain.retain(|one| !belongs(one, &key));
            chain.insert(0, own);
        }
        Ok(Self { chain, key })
    }

    /// Its own certificate, and those between it and a CA.
    #[must_use]
    pub fn chain(&self) -> &[CertificateDer<'static>] {
        &self.chain
    }

    /// What a server shows and signs with.
    ///
    /// # Errors
    /// [`TlsError::OtherKey`], and [`TlsError::Unusable`] where TLS 1.3 has no use for such a key.
    pub fn certified(self) -> Result<CertifiedKey, TlsError> {
        let provider = rustls::crypto::ring::default_provider();
        CertifiedKey::from_der(self.chain, self.key, &provider).map_err(|error| match error {
            Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => TlsError::OtherKey,
            Error::General(_) => TlsError::Key(KINDS.to_owned()),
            error => unusable(error),
        })
    }
}

/// Why a PEM text gave no key.
fn unread(text: &[u8], error: &impl ToString) -> String {
    let is_encrypted = String::from_utf8_lossy(text)
        .lines()
        .any(|line| line.starts_with("-----BEGIN ENCRYPTED ") || line.starts_with("Proc-Type: 4,ENCRYPTED"));
    if is_encrypted { ENCRYPTED.to_owned() } else { error.to_string() }
}

fn belongs(certificate: &CertificateDer<'static>, key: &PrivateKeyDer<'static>) -> bool {
    let provider = rustls::crypto::ring::default_provider();
    CertifiedKey::from_der(vec![certificate.clone()], key.clone_key(), &provider).is_ok()
}

fn certificates_in(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let chain: Vec<_> = CertificateDer::pem_slice_iter(pem)
        .collect::<Result<_, _>>()
        .map_err(|e| TlsError::Certificate(e.to_string()))?;
    if chain.is_empty() {
        return Err(TlsError::Certificate("it has none".into()));
    }
    Ok(chain)
}

fn roots(ca_pem: &[u8]) -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates_in(ca_pem)? {
        roots.add(certificate).map_err(|e| TlsError::Certificate(e.to_string()))?;
    }
    Ok(roots)
}

fn unusable(error: impl ToString) -> TlsError {
    TlsError::Unusable(error.to_string())
}

/// What a client needs: whom to trust, and for operators who it is.
///
/// # Errors
/// [`TlsError`] where a text is not usable.
pub fn client_config(
    service: Service,
    ca_pem: &[u8],
    identity: Option<Identity>,
) -> Result<Arc<ClientConfig>, TlsError> {
    let builder = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(unusable)?
        .with_root_certificates(roots(ca_pem)?);
    let mut config = match identity {
        Some(identity) => builder.with_client_auth_cert(identity.chain, identity.key).map_err(unusable)?,
        None => builder.with_no_client_auth(),
    };
    config.alpn_protocols = vec![service.alpn.to_vec()];
    Ok(Arc::new(config))
}

/// What a server needs: who it is at each handshake, and for operators whose certificates it takes.
///
/// # Errors
/// [`TlsError`] where a text is not usable.
pub fn server_config(
    service: Service,
    certificate: Arc<dyn ResolvesServerCert>,
    client_ca_pem: Option<&[u8]>,
) -> Result<Arc<ServerConfig>, TlsError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(unusable)?;
    let builder = match client_ca_pem {
        Some(ca) => builder.with_client_cert_verifier(
            WebPkiClientVerifier::builder_with_provider(Arc::new(roots(ca)?), provider)
                .build()
                .map_err(unusable)?,
        ),
        None => builder.with_no_client_auth(),
    };
    let mut config = builder.with_cert_resolver(certificate);
    config.alpn_protocols = vec![service.alpn.to_vec()];
    Ok(Arc::new(config))
}

/// The name in `HOST:PORT` that the server's certificate must have.
///
/// # Errors
/// [`TlsError::Unusable`] where the host is neither a DNS name nor an address.
pub fn server_name(address: &str) -> Result<ServerName<'static>, TlsError> {
    let host = address.rsplit_once(':').map_or(address, |(host, _)| host);
    let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
    ServerName::try_from(host).map_err(unusable)
}
