//! A server's certificate, and the CA of this test run that its clients trust.

use rcgen::{BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair};
use std::net::Ipv4Addr;
use std::sync::OnceLock;

/// What a server shows, as PEM.
#[derive(Debug)]
pub(super) struct Shown {
    pub(super) ca: String,
    pub(super) certificate: String,
    pub(super) key: String,
}

impl Shown {
    /// The files that a server's settings name.
    pub(super) fn files(&self) -> [(&'static str, &str); 3] {
        [("ca.pem", &self.ca), ("certificate.pem", &self.certificate), ("key.pem", &self.key)]
    }
}

struct Authority {
    pem: String,
    issuer: Issuer<'static, KeyPair>,
}

/// A certificate for that address, localhost and 127.0.0.1.
pub(super) fn issue(address: Ipv4Addr) -> Shown {
    static AUTHORITY: OnceLock<Authority> = OnceLock::new();
    let authority = AUTHORITY.get_or_init(|| authority().expect("a CA can be made"));
    let names = vec![address.to_string(), "localhost".to_owned(), "127.0.0.1".to_owned()];
    let key = KeyPair::generate().expect("a key can be made");
    let mut params = CertificateParams::new(names).expect("addresses are names");
    params.distinguished_name.push(DnType::CommonName, "a test's database server");
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let certificate = params.signed_by(&key, &authority.issuer).expect("a certificate can be made");
    Shown { ca: authority.pem.clone(), certificate: certificate.pem(), key: key.serialize_pem() }
}

/// A CA that signed nothing: who trusts it trusts no server of the tests.
///
/// # Panics
/// Where it cannot be made.
#[must_use]
pub fn strange_ca() -> String {
    authority().expect("a CA can be made").pem
}

fn authority() -> Result<Authority, rcgen::Error> {
    let key = KeyPair::generate()?;
    let mut params = CertificateParams::new(Vec::new())?;
    params.distinguished_name.push(DnType::CommonName, "the tests' database CA");
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    let certificate = params.self_signed(&key)?;
    Ok(Authority { pem: certificate.pem(), issuer: Issuer::new(params, key) })
}
