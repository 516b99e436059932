//! What comes before the first frame: no TLS, other TLS, and certificates that are wrong in each way.

use super::{goes_on, own_source, rest, told_once};
use atm_rpc::transport::tls::{self, Identity};
use atm_rpc::transport::{CUSTOMER, OPERATOR, Service};
use atm_tests::daemon::{Atmd, Options};
use atm_tests::link::{self, address, ca};
use rcgen::{
    BasicConstraints, Certificate, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    date_time_ymd,
};
use std::fs;
use std::net::IpAddr;
use std::sync::Arc;
use tokio::io::AsyncWriteExt;
use tokio_rustls::rustls::ClientConfig;

const FAILED: &str = "handshake failed";

/// The greeting of a client that knows nothing above TLS 1.2: it lacks the extension that names versions.
fn hello_of_tls_12() -> Vec<u8> {
    let suites = [0xc0, 0x2b, 0xc0, 0x2f, 0x00, 0x9c];
    let extensions = [
        0x00, 0x0a, 0x00, 0x04, 0x00, 0x02, 0x00, 0x17, // groups: secp256r1
        0x00, 0x0d, 0x00, 0x04, 0x00, 0x02, 0x04, 0x03, // signatures: ecdsa_secp256r1_sha256
    ];
    let body = [&[3, 3][..], &[7; 32], &[0, 0, 6], &suites, &[1, 0, 0, 16], &extensions].concat();
    let length = u8::try_from(body.len()).unwrap();
    [&[0x16, 3, 1, 0, length + 4, 1, 0, 0, length][..], &body].concat()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_tls_of_ours_is_refused_and_told_once() {
    let atmd = Atmd::start(&Options::default());
    let table: [(&str, &[u8]); 6] = [
        ("TLS 1.2", &hello_of_tls_12()),
        ("HTTP", b"GET / HTTP/1.1\r\nHost: atm\r\n\r\n"),
        ("SSH", b"SSH-2.0-OpenSSH_9.6\r\n"),
        ("a frame without TLS", b"\0\0\0\x12{\"cancel\":{\"id\":1}}"),
        ("ones", &[0xff; 600]),
        ("a record of another kind", b"\x17\x03\x03\x00\x05hello"),
    ];
    let mut told = Vec::new();
    for service in [CUSTOMER, OPERATOR] {
        for (what, bytes) in &table {
            let peer = own_source();
            let mut stream = link::tcp(address(&atmd, service), peer).await;
            stream.write_all(bytes).await.unwrap();
            let answer = rest(stream).await;
            // An alert at the most (RFC 8446, 6): seven bytes.
            assert!(answer.is_empty() || (answer.len() == 7 && answer[0] == 0x15), "{what}: {answer:?}");
            if *what == "TLS 1.2" {
                assert_eq!(answer[5..], [2, 70], "fatal: protocol_version");
            }
            told.push((format!("{what} for {}", super::name(service)), peer, FAILED));
        }
    }
    tokio::task::block_in_place(|| told_once(&atmd, &told));
    goes_on(&atmd).await;
}

/// What a client is by that configuration is not served.
async fn refused(atmd: &Atmd, service: Service, config: Arc<ClientConfig>) -> IpAddr {
    let peer = own_source();
    let stream = link::tcp(address(atmd, service), peer).await;
    // In TLS 1.3 a client may be done before it learns that its certificate is not taken.
    if let Ok(stream) = link::handshake(stream, config).await {
        assert_eq!(rest(stream).await, [0; 0]);
    }
    peer
}

fn config(atmd: &Atmd, service: Service, pem: Option<String>) -> Arc<ClientConfig> {
    let identity = pem.map(|pem| Identity::from_pem(pem.as_bytes(), pem.as_bytes()).unwrap());
    tls::client_config(service, &ca(atmd), identity).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn who_does_not_name_the_service_is_refused() {
    let atmd = Atmd::start(&Options::default());
    let mut told = Vec::new();
    let others: [&'static [u8]; 4] = [b"atm/2", b"atmctl/1", b"h2", b"\x1b[2J\npeer=9.9.9.9:1"];
    for alpn in others {
        let peer = refused(&atmd, CUSTOMER, config(&atmd, Service { alpn, ..CUSTOMER }, None)).await;
        told.push((format!("{alpn:?}"), peer, FAILED));
    }
    let mut nameless = ClientConfig::clone(&config(&atmd, CUSTOMER, None));
    nameless.alpn_protocols.clear();
    let peer = refused(&atmd, CUSTOMER, Arc::new(nameless)).await;
    told.push(("no name".to_owned(), peer, "handshake without the name of the service"));
    let root = || Some(fs::read_to_string(atmd.root_identity()).unwrap());
    let peer = refused(&atmd, OPERATOR, config(&atmd, Service { alpn: b"atm/1", ..OPERATOR }, root())).await;
    told.push(("a customer's name for operators".to_owned(), peer, FAILED));
    let mut nameless = ClientConfig::clone(&config(&atmd, OPERATOR, root()));
    nameless.alpn_protocols.clear();
    let peer = refused(&atmd, OPERATOR, Arc::new(nameless)).await;
    told.push(("no name for operators".to_owned(), peer, "handshake without the name of the service"));
    tokio::task::block_in_place(|| told_once(&atmd, &told));
    goes_on(&atmd).await;
}

/// An operator's certificate, as atmd issues them.
fn params(name: &str) -> CertificateParams {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.distinguished_name.push(DnType::CommonName, name);
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    params
}

fn pem(certificate: &Certificate, key: &KeyPair) -> String {
    certificate.pem() + &key.serialize_pem()
}

/// A certificate of the bank's own CA.
fn issued(atmd: &Atmd, params: &CertificateParams) -> String {
    let ca_key = KeyPair::from_pem(&fs::read_to_string(atmd.data().join("pki/ca.key")).unwrap()).unwrap();
    let issuer = Issuer::from_ca_cert_pem(&fs::read_to_string(atmd.ca()).unwrap(), ca_key).unwrap();
    let key = KeyPair::generate().unwrap();
    pem(&params.signed_by(&key, &issuer).unwrap(), &key)
}

/// A certificate of a CA that calls itself as the bank's does, and is another.
fn of_another_ca() -> String {
    let mut ca = params("ATM bank CA");
    ca.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    let issuer = Issuer::new(ca, KeyPair::generate().unwrap());
    let key = KeyPair::generate().unwrap();
    pem(&params("root").signed_by(&key, &issuer).unwrap(), &key)
}

fn self_signed() -> String {
    let key = KeyPair::generate().unwrap();
    pem(&params("root").self_signed(&key).unwrap(), &key)
}

/// What a CA's own certificate with the key of somebody else gives: nothing that can be signed with.
fn for_servers(mut params: CertificateParams) -> CertificateParams {
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params
}

fn between(mut params: CertificateParams, from: i32, to: i32) -> CertificateParams {
    (params.not_before, params.not_after) = (date_time_ymd(from, 1, 1), date_time_ymd(to, 1, 1));
    params
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_has_the_right_certificate_or_none_of_the_service() {
    // Who is no operator may ask once, to be told so, and has this long for it.
    let atmd = Atmd::start(&Options::default().set("server.login_timeout", "1s"));
    let unknown = "no operator: the certificate is not known, or disabled";
    let table = [
        ("none", None, FAILED),
        ("of another CA", Some(of_another_ca()), FAILED),
        ("of nobody", Some(self_signed()), FAILED),
        ("expired", Some(issued(&atmd, &between(params("root"), 2001, 2002))), FAILED),
        ("not valid yet", Some(issued(&atmd, &between(params("root"), 2901, 2902))), FAILED),
        ("for servers", Some(issued(&atmd, &for_servers(params("root")))), FAILED),
        ("of the bank, for no operator", Some(issued(&atmd, &params("root"))), unknown),
    ];
    let mut told = Vec::new();
    for (what, pem, words) in table {
        let peer = refused(&atmd, OPERATOR, config(&atmd, OPERATOR, pem)).await;
        told.push((what.to_owned(), peer, words));
    }
    tokio::task::block_in_place(|| told_once(&atmd, &told));
    goes_on(&atmd).await;
    // The control: the right one is served.
    let whoami = link::operator(&atmd).await.whoami(link::patient()).await.unwrap();
    assert!(whoami.is_ok(), "{whoami:?}");
}
