//! Servers whose certificate is wrong in each way, met by atm-cli and atmctl: refused, with what to do.

use super::{asks, customer};
use atm_rpc::transport::tls::{Identity, server_config};
use atm_rpc::transport::{CUSTOMER, OPERATOR, Service};
use atm_tests::daemon::{Atmd, Options};
use atm_tests::process;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    date_time_ymd,
};
use std::fs;
use std::net::SocketAddr;
use std::sync::Arc;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::server::{ClientHello, ResolvesServerCert};
use tokio_rustls::rustls::sign::CertifiedKey;

/// A certificate, whatever is asked for.
#[derive(Debug)]
struct Fixed(Arc<CertifiedKey>);

impl ResolvesServerCert for Fixed {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0))
    }
}

pub(super) fn authority(name: &str) -> (Issuer<'static, KeyPair>, String) {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let pem = params.self_signed(&key).unwrap().pem();
    (Issuer::new(params, key), pem)
}

/// A server's certificate for these names.
pub(super) fn params(names: &[&str]) -> CertificateParams {
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let mut params = CertificateParams::new(names).unwrap();
    params.distinguished_name.push(DnType::CommonName, "atm");
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params
}

pub(super) fn between(mut params: CertificateParams, from: i32, to: i32) -> CertificateParams {
    (params.not_before, params.not_after) = (date_time_ymd(from, 1, 1), date_time_ymd(to, 1, 1));
    params
}

/// Somebody who greets with that certificate, and says no more.
async fn greeter(service: Service, params: &CertificateParams, by: &Issuer<'static, KeyPair>) -> SocketAddr {
    let key = KeyPair::generate().unwrap();
    let pem = params.signed_by(&key, by).unwrap().pem() + &key.serialize_pem();
    let certified = Identity::from_pem(pem.as_bytes(), pem.as_bytes()).unwrap().certified().unwrap();
    let config = server_config(service, Arc::new(Fixed(Arc::new(certified))), None).unwrap();
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let acceptor = TlsAcceptor::from(config);
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            // Whether it comes to a handshake is the client's to say.
            let _ = acceptor.accept(stream).await;
        }
    });
    address
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_with_a_wrong_certificate_is_refused_with_what_to_do() {
    let atmd = Atmd::start(&Options::default());
    let folder = TempDir::new().unwrap();
    let ((trusted, ca), (stranger, _)) = (authority("Site CA"), authority("Site CA"));
    let file = folder.path().join("site.pem");
    fs::write(&file, ca).unwrap();
    let here = ["127.0.0.1"];
    let for_clients = {
        let mut params = params(&here);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        params
    };
    let table = [
        ("expired", between(params(&here), 2001, 2002), &trusted, "has ended: it has to be renewed there"),
        ("not valid yet", between(params(&here), 2901, 2902), &trusted, "is not valid yet"),
        ("of another CA", params(&here), &stranger, "of another CA"),
        ("for another name", params(&["elsewhere.example.org"]), &trusted, "[server] names"),
        ("for clients", for_clients, &trusted, "not one for servers"),
    ];
    for (what, params, issuer, words) in table {
        let server = greeter(CUSTOMER, &params, issuer).await.to_string();
        let operators = greeter(OPERATOR, &params, issuer).await.to_string();
        tokio::task::block_in_place(|| {
            let mut command = customer(&atmd, &file);
            command.args(["--server", &server]);
            let refused = asks(command).coded(78);
            assert!(refused.stderr.contains(words), "{what}: {refused}");
            let mut command = atmd.ctl_command(&["status"]);
            command.args(["--server", &operators]).arg("--ca").arg(&file);
            let refused = process::run(command, "").coded(78);
            assert!(refused.stderr.contains(words), "{what}: {refused}");
        });
    }
}
