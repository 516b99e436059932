//! Another CA: between the steps every customer and operator goes on, and after the last one the old CA is nobody.

use super::{asks, customer, pki, status};
use atm_rpc::types::key::RequestKey;
use atm_tests::bank::{self, rupees};
use atm_tests::daemon::{Atmd, Options};
use atm_tests::link;
use atm_tests::process;
use atm_tests::tools::Tools;
use atm_tests::wait::eventually;
use std::fs;
use std::path::{Path, PathBuf};
use tokio::task::block_in_place;

/// A copy of the file that terminals trust, as it is now.
fn copy_of_ca(atmd: &Atmd, tools: &Tools, name: &str) -> PathBuf {
    let copy = tools.work(name);
    fs::write(&copy, fs::read(atmd.ca()).unwrap()).unwrap();
    copy
}

fn warnings(atmd: &Atmd) -> String {
    status(atmd.ctl_command(&["status", "-o", "json"]))["warnings"].to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bank_changes_its_ca_without_dropping_a_session() {
    let mut atmd = Atmd::start(&Options::default());
    let tools = Tools::with(&["operator"]);
    link::register(&atmd, bank::number(1)).await;
    link::register(&atmd, bank::number(2)).await;
    let identity = |name: &str| tools.work(&format!("{name}.pem"));
    let operate = |atmd: &Atmd, who: &Path, ca: &Path| {
        let mut command = tools.operator(atmd, &["status"]);
        command.env("ATMCTL_IDENTITY", who).env("ATMCTL_CA", ca);
        process::run(command, "")
    };
    for name in ["asha", "ravi"] {
        let out = identity(name);
        let add = ["operator", "add", name, "--role", "viewer", "--out", out.to_str().unwrap()];
        let _ = tools.operate(&atmd, &add).coded(0);
    }
    let old = copy_of_ca(&atmd, &tools, "old.pem");
    let _ = pki(&atmd, &["rotate", "--finish"]).coded(78);
    let said = pki(&atmd, &["rotate", "--begin"]).coded(0).stdout;
    assert!(said.contains("atmd pki rotate --finish"), "{said}");
    // It is early: atmd that runs does not know of the new CA.
    let refused = pki(&atmd, &["rotate", "--finish"]).coded(78);
    assert!(refused.stderr.contains("root would be locked out"), "{refused}");
    let both = copy_of_ca(&atmd, &tools, "both.pem");
    let mut session = link::logged_in(&atmd, bank::number(2)).await;
    block_in_place(|| {
        atmd.restart();
        eventually("status tells whose certificates are left", || {
            let told = warnings(&atmd);
            if told.contains("asha, ravi have certificates") { Ok(()) } else { Err(told) }
        });
        for ca in [&old, &both] {
            let _ = asks(customer(&atmd, ca)).coded(0);
            let _ = operate(&atmd, &identity("asha"), ca).coded(0);
        }
        let out = identity("asha");
        let renew = ["operator", "renew", "asha", "--out", out.to_str().unwrap()];
        let _ = tools.operate(&atmd, &renew).coded(0);
        let _ = operate(&atmd, &identity("asha"), &both).coded(0);
        let _ = operate(&atmd, &identity("ravi"), &both).coded(0);
    });
    session.deposit(RequestKey::generate(), rupees(5)).await.expect("the session goes on");
    block_in_place(|| {
        let _ = pki(&atmd, &["rotate", "--finish"]).coded(0);
        atmd.restart();
        let new = copy_of_ca(&atmd, &tools, "new.pem");
        for ca in [&both, &new] {
            let _ = asks(customer(&atmd, ca)).coded(0);
            let _ = operate(&atmd, &identity("asha"), ca).coded(0);
            let _ = operate(&atmd, &atmd.root_identity(), ca).coded(0);
        }
        let refused = asks(customer(&atmd, &old)).coded(78);
        assert!(refused.stderr.contains("of another CA"), "{refused}");
        let refused = operate(&atmd, &identity("ravi"), &new).coded(77);
        assert!(refused.stderr.contains("of another CA"), "{refused}");
        eventually("status tells who was forgotten", || {
            let told = warnings(&atmd);
            if told.contains("ravi have certificates of a CA that is gone") { Ok(()) } else { Err(told) }
        });
        // Who was forgotten is renewed whenever that is noticed.
        let out = identity("ravi");
        let renew = ["operator", "renew", "ravi", "--out", out.to_str().unwrap()];
        let _ = tools.operate(&atmd, &renew).coded(0);
        let _ = operate(&atmd, &identity("ravi"), &new).coded(0);
        let _ = pki(&atmd, &["rotate", "--cancel"]).coded(78);
        let _ = pki(&atmd, &["rotate"]).coded(2);
    });
    session.deposit(RequestKey::generate(), rupees(5)).await.expect("the session goes on");
}

#[test]
fn who_was_renewed_for_a_ca_that_never_came_is_named() {
    let mut atmd = Atmd::start(&Options::default());
    let tools = Tools::with(&["operator"]);
    let out = tools.work("ravi.pem");
    let out = out.to_str().unwrap();
    let _ = tools.operate(&atmd, &["operator", "add", "ravi", "--role", "viewer", "--out", out]).coded(0);
    let _ = pki(&atmd, &["rotate", "--begin"]).coded(0);
    atmd.restart();
    let _ = tools.operate(&atmd, &["operator", "renew", "ravi", "--out", out]).coded(0);
    let _ = pki(&atmd, &["rotate", "--cancel"]).coded(0);
    atmd.restart();
    let named = |atmd: &Atmd, words: &str| {
        eventually("status names ravi", || {
            let told = warnings(atmd);
            if told.contains(words) { Ok(()) } else { Err(told) }
        });
    };
    named(&atmd, "\"ravi have certificates of a CA that is gone");
    // The next one has the name of the one that never came.
    let _ = pki(&atmd, &["rotate", "--begin"]).coded(0);
    atmd.restart();
    named(&atmd, "\"ravi have certificates of another CA than the next one");
}
