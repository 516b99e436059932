//! A site's own certificates: served where they are right, and refused at the start where not.

use super::servers::{authority, between, params};
use super::{asks, customer};
use atm_tests::bank;
use atm_tests::daemon::{Atmd, Options};
use atm_tests::link;
use atm_tests::process;
use rcgen::{BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair};
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use tempfile::TempDir;
use tokio::task::block_in_place;

/// Certificate and key in files of their own.
pub(super) fn issue(
    folder: &Path,
    name: &str,
    params: &CertificateParams,
    by: &Issuer<'static, KeyPair>,
) -> [PathBuf; 2] {
    let key = KeyPair::generate().unwrap();
    let files = ["crt", "key"].map(|kind| folder.join(format!("{name}.{kind}")));
    fs::write(&files[0], params.signed_by(&key, by).unwrap().pem()).unwrap();
    fs::write(&files[1], key.serialize_pem()).unwrap();
    fs::set_permissions(&files[1], Permissions::from_mode(0o600)).unwrap();
    files
}

pub(super) fn with(section: &str, [certificate, key]: &[PathBuf; 2]) -> Options {
    Options::default()
        .set(&format!("{section}.certificate"), certificate.to_str().unwrap())
        .set(&format!("{section}.key"), key.to_str().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sites_certificates_are_served_and_a_newer_one_after_a_restart() {
    let folder = TempDir::new().unwrap();
    let (site, ca) = authority("Site CA");
    let ca_file = folder.path().join("site.pem");
    fs::write(&ca_file, ca).unwrap();
    // One between the root and the server, as sites have it.
    let key = KeyPair::generate().unwrap();
    let mut between = params(&[]);
    between.distinguished_name.push(rcgen::DnType::CommonName, "Site CA 2");
    between.extended_key_usages.clear();
    between.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    let between_pem = between.signed_by(&key, &site).unwrap().pem();
    let issuer = Issuer::new(between, key);
    let mut atmd = Atmd::prepare(&Options::default());
    let address = atmd.metrics().ip().to_string();
    let files = issue(folder.path(), "server", &params(&["localhost", &address]), &issuer);
    let own = fs::read_to_string(&files[0]).unwrap();
    fs::write(&files[0], own + &between_pem).unwrap();
    let options = with("server", &files)
        .set("operator.certificate", files[0].to_str().unwrap())
        .set("operator.key", files[1].to_str().unwrap());
    block_in_place(|| atmd.restart_with(&options));
    block_in_place(|| {
        let register =
            ["register", "--mobile", super::MOBILE, "--pin-stdin", "--ca", ca_file.to_str().unwrap()];
        let _ = atmd.cli(&register, &format!("{}\n", bank::PIN)).coded(0);
        let refused = asks(customer(&atmd, &atmd.ca())).coded(78);
        assert!(refused.stderr.contains("the CA of the site"), "{refused}");
        let mut command = atmd.ctl_command(&["status"]);
        command.arg("--ca").arg(&ca_file);
        let _ = process::run(command, "").coded(0);
        let shown = super::pki(&atmd, &["show"]).coded(0).stdout;
        assert!(shown.contains("CN=Site CA 2") && shown.contains("names        localhost, 127."), "{shown}");
        // Without those of the site, the bank's own are back.
        atmd.restart_with(&Options::default());
        let _ = asks(customer(&atmd, &atmd.ca())).coded(0);
    });
    link::register(&atmd, bank::number(2)).await;
}

#[test]
fn what_is_wrong_with_a_sites_certificate_is_told_at_the_start() {
    let folder = TempDir::new().unwrap();
    let (site, ca) = authority("Site CA");
    let mut atmd = Atmd::prepare(&Options::default());
    let address = atmd.metrics().ip().to_string();
    let names = [address.as_str()];
    let good = issue(folder.path(), "good", &params(&names), &site);
    let issue = |name: &str, params: &CertificateParams| issue(folder.path(), name, params, &site);
    let other = issue("other", &params(&names));
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
        path
    };
    let mut for_clients = params(&names);
    for_clients.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    let open = issue("open", &params(&names));
    fs::set_permissions(&open[1], Permissions::from_mode(0o644)).unwrap();
    let own = fs::read_to_string(&good[0]).unwrap();
    // The CA has the same name, and another key.
    let (_, namesake) = authority("Site CA");
    let encrypted = "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMIGb\n-----END ENCRYPTED PRIVATE KEY-----\n";
    let legacy = "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\nMIGb\n-----END RSA PRIVATE KEY-----\n";
    let unknown = "-----BEGIN PRIVATE KEY-----\nMIGb\n-----END PRIVATE KEY-----\n";
    let table = [
        ("the key does not belong", [good[0].clone(), other[1].clone()]),
        ("no private key could be read", [good[0].clone(), file("no.key", &own)]),
        ("no certificate could be read", [good[1].clone(), good[1].clone()]),
        ("no certificate could be read", [file("cut.crt", &own[..own.len() / 2]), good[1].clone()]),
        ("it is no regular file", ["/dev/zero".into(), good[1].clone()]),
        ("it is no regular file", [good[0].clone(), "/dev/zero".into()]),
        ("cannot read", [folder.path().join("none.crt"), good[1].clone()]),
        (
            "ended at 2002-01-01T00:00:00.000Z; put a newer one",
            issue("past", &between(params(&names), 2001, 2002)),
        ),
        ("is not valid before 2901", issue("future", &between(params(&names), 2901, 2902))),
        ("and [server] names has \"127.", issue("elsewhere", &params(&["elsewhere.example.org"]))),
        ("has no names", issue("nameless", &params(&[]))),
        ("lacks serverAuth", issue("client", &for_clients)),
        (
            "is not issued by",
            [file("chain.crt", &(own.clone() + &fs::read_to_string(&other[0]).unwrap())), good[1].clone()],
        ),
        ("does not lead to CN=Site CA", [file("namesake.crt", &(own.clone() + &namesake)), good[1].clone()]),
        ("openssl pkey -in", [good[0].clone(), file("encrypted.key", encrypted)]),
        ("openssl pkey -in", [good[0].clone(), file("legacy.key", legacy)]),
        ("RSA of 2048 to 4096 bits", [good[0].clone(), file("unknown.key", unknown)]),
        ("is a CA", [file("ca.crt", &ca), good[1].clone()]),
        ("chmod o= ", open),
    ];
    for (words, files) in table {
        let options = with("server", &files);
        atmd.configure(&options);
        let refused = process::run(atmd.command(&[]), "").coded(78);
        assert!(refused.stderr.contains(words), "{words}: {refused}");
    }
    let half = Options::default().set("server.certificate", good[0].to_str().unwrap());
    atmd.configure(&half);
    let refused = process::run(atmd.command(&["config", "check"]), "").coded(78);
    assert!(refused.stderr.contains("a certificate and its key are set together"), "{refused}");
    // The control.
    atmd.restart_with(&with("server", &good));
}
