//! What a certificate says, and how long those last that atmd issues.

use atm_rpc::types::time::Timestamp;
use pem::{EncodeConfig, LineEnding, Pem, encode_config};
use rcgen::{CertificateParams, DnType, KeyPair, SubjectPublicKeyInfo, date_time_ymd};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;
use x509_parser::parse_x509_certificate;

/// A day in milliseconds.
pub(super) const DAY_MS: i64 = 24 * 60 * 60 * 1_000;
/// A certificate is valid from this long before it was issued: clocks differ, and are set back.
const BEFORE: i64 = 7;

/// How long a certificate lasts that is issued now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i64)]
pub(super) enum Lasts {
    /// A server's: 397 days with those before it was issued.
    Server = 390,
    /// An operator's: two years.
    Operator = 730,
    /// A CA's: ten years.
    Ca = 3_652,
}

/// A certificate to be issued.
pub(super) fn params(
    name: &str,
    names: Vec<String>,
    lasts: Lasts,
    now: Timestamp,
) -> Result<CertificateParams, rcgen::Error> {
    let mut params = CertificateParams::new(names)?;
    params.distinguished_name.push(DnType::CommonName, name);
    let at = |days: i64| {
        let ms = now.plus_ms(days * DAY_MS).ms();
        date_time_ymd(1970, 1, 1) + Duration::from_millis(u64::try_from(ms).unwrap_or(0))
    };
    (params.not_before, params.not_after) = (at(-BEFORE), at(lasts as i64));
    Ok(params)
}

/// What a certificate says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stated {
    /// Whose it is.
    pub subject: String,
    /// Who issued it.
    pub issuer: String,
    /// Names and addresses of a server.
    pub names: Vec<String>,
    /// SHA-256 of it.
    pub fingerprint: [u8; 32],
    /// SHA-256 of its public key.
    pub key: [u8; 32],
    /// From when it is valid.
    pub from: Timestamp,
    /// Until when.
    pub until: Timestamp,
    /// Whether it is a CA's.
    pub is_ca: bool,
    /// Whether it may be shown by a server, and by a client.
    pub usable: [bool; 2],
}

/// What a certificate says; nothing where it is none.
#[must_use]
pub fn stated(der: &CertificateDer<'_>) -> Option<Stated> {
    let (_, certificate) = parse_x509_certificate(der).ok()?;
    let at = |seconds: i64| Timestamp::from_ms(seconds.saturating_mul(1_000));
    let usages = certificate.extended_key_usage().ok()?;
    let usable = usages.map_or([true, true], |usages| {
        let usages = usages.value;
        [usages.any || usages.server_auth, usages.any || usages.client_auth]
    });
    Some(Stated {
        subject: certificate.subject().to_string(),
        issuer: certificate.issuer().to_string(),
        names: names(&certificate),
        fingerprint: fingerprint(der),
        key: sha256(certificate.public_key().raw),
        from: at(certificate.validity().not_before.timestamp()),
        until: at(certificate.validity().not_after.timestamp()),
        is_ca: certificate.is_ca(),
        usable,
    })
}

/// Whether the second is of the CA that issued the first. Names alone say nothing: a CA may have that of another.
#[must_use]
pub fn is_issued_by(der: &CertificateDer<'_>, ca: &CertificateDer<'_>) -> bool {
    let (Ok((_, own)), Ok((_, ca))) = (parse_x509_certificate(der), parse_x509_certificate(ca)) else {
        return false;
    };
    own.verify_signature(Some(ca.public_key())).is_ok()
}

fn names(certificate: &X509Certificate<'_>) -> Vec<String> {
    let Ok(Some(names)) = certificate.subject_alternative_name() else { return Vec::new() };
    let names = names.value.general_names.iter().filter_map(|name| match name {
        GeneralName::DNSName(name) => Some((*name).to_owned()),
        GeneralName::IPAddress(bytes) => address(bytes).map(|address| address.to_string()),
        _ => None,
    });
    names.collect()
}

fn address(bytes: &[u8]) -> Option<IpAddr> {
    let four = <[u8; 4]>::try_from(bytes).map(|four| Ipv4Addr::from(four).into());
    four.or_else(|_| <[u8; 16]>::try_from(bytes).map(|all| Ipv6Addr::from(all).into())).ok()
}

/// The certificates of a PEM text; none where it has none, or a broken one.
#[must_use]
pub fn in_pem(pem: &str) -> Vec<CertificateDer<'static>> {
    CertificateDer::pem_slice_iter(pem.as_bytes()).collect::<Result<_, _>>().unwrap_or_default()
}

/// A certificate as PEM.
pub(super) fn pem(der: &CertificateDer<'_>) -> String {
    let lines = EncodeConfig::new().set_line_ending(LineEnding::LF);
    encode_config(&Pem::new("CERTIFICATE", der.to_vec()), lines)
}

/// The private key of a PEM text that may have certificates, too.
pub(super) fn key_in_pem(pem: &str) -> Result<KeyPair, rcgen::Error> {
    let key =
        PrivateKeyDer::from_pem_slice(pem.as_bytes()).map_err(|_| rcgen::Error::CouldNotParseKeyPair)?;
    KeyPair::try_from(&key)
}

/// The public key of a certificate.
pub(super) fn public_key(der: &CertificateDer<'_>) -> Option<SubjectPublicKeyInfo> {
    let (_, certificate) = parse_x509_certificate(der).ok()?;
    SubjectPublicKeyInfo::from_der(certificate.public_key().raw).ok()
}

/// What the first certificate of a PEM text says; nothing where there is none.
#[must_use]
pub fn stated_in_pem(pem: &str) -> Option<Stated> {
    stated(&CertificateDer::from_pem_slice(pem.as_bytes()).ok()?)
}

/// SHA-256 of a certificate, which is how operators are known.
#[must_use]
pub fn fingerprint(certificate: &CertificateDer<'_>) -> [u8; 32] {
    sha256(certificate)
}

pub(super) fn sha256(bytes: &[u8]) -> [u8; 32] {
    let digest = ring::digest::digest(&ring::digest::SHA256, bytes);
    let mut bytes = [0; 32];
    bytes.copy_from_slice(digest.as_ref());
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_lasts_as_long_as_its_kind() {
        let now = Timestamp::parse("2026-11-22T10:00:00Z").unwrap();
        let table = [
            (Lasts::Server, "2026-11-15T10:00:00Z", "2027-12-17T10:00:00Z"),
            (Lasts::Operator, "2026-11-15T10:00:00Z", "2028-11-21T10:00:00Z"),
            (Lasts::Ca, "2026-11-15T10:00:00Z", "2036-11-21T10:00:00Z"),
        ];
        for (lasts, from, until) in table {
            let names = vec!["atm.example.org".to_owned(), "127.0.0.1".to_owned(), "::1".to_owned()];
            let params = params("atmd", names.clone(), lasts, now).unwrap();
            let certificate = params.self_signed(&KeyPair::generate().unwrap()).unwrap();
            let stated = stated(certificate.der()).unwrap();
            assert_eq!((stated.subject.as_str(), stated.issuer.as_str()), ("CN=atmd", "CN=atmd"));
            assert_eq!(stated.names, names);
            assert_eq!([stated.from, stated.until], [from, until].map(|at| Timestamp::parse(at).unwrap()));
        }
    }
}
