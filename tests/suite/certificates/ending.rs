//! What ends is told of in time and renewed; the server's certificate by atmd itself.

use super::servers::{authority, params};
use super::site::{issue, with};
use super::{MOBILE, asks, customer, pki, status};
use atm_tests::bank::PIN;
use atm_tests::daemon::{Atmd, Options};
use atm_tests::http;
use atm_tests::process;
use atm_tests::time::TimeOfDay;
use atm_tests::tools::Tools;
use atm_tests::wait::eventually;
use rcgen::date_time_ymd;
use std::fs;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tempfile::TempDir;

#[test]
fn what_there_is_is_shown_and_told_of_before_it_ends() {
    let Some(time) = TimeOfDay::new() else { return };
    let mut atmd = Atmd::prepare(&Options::default()).within(&time.within());
    atmd.restart();
    let _ = atmd.cli(&["register", "--mobile", MOBILE, "--pin-stdin"], &format!("{PIN}\n")).coded(0);
    let shown = pki(&atmd, &["show"]).coded(0).stdout;
    for part in ["CN=ATM bank CA", "CN=root", "(3651 days left)", "(729 days left)", "kept in memory"] {
        assert!(shown.contains(part), "{part}: {shown}");
    }
    assert!(!shown.contains("KEY"), "{shown}");
    let at_this_time = |mut command: std::process::Command| {
        time.rules(&mut command);
        command
    };
    let told = |atmd: &Atmd| status(at_this_time(atmd.ctl_command(&["status", "-o", "json"])));
    assert_eq!((&told(&atmd)["healthy"], &told(&atmd)["warnings"]), (&true.into(), &serde_json::Value::Null));

    // The first certificate of the server would have ended; the one that is shown was issued meanwhile.
    time.moved("+395d");
    let _ = asks(at_this_time(customer(&atmd, &atmd.ca()))).coded(0);
    assert!(atmd.log().contains("the server's certificate was issued anew"), "{}", atmd.log());

    time.moved("+710d");
    atmd.restart();
    eventually("the log tells of root's certificate", || {
        let log = atmd.log();
        let words = "the certificate of operator root ends in 19 days: atmd pki renew";
        if log.contains(words) { Ok(()) } else { Err(log) }
    });
    let row = told(&atmd);
    assert_eq!(row["healthy"], true, "customers are served: {row}");
    assert!(row["warnings"].as_str().unwrap().contains("operator root ends in 19 days"), "{row}");
    let _ = at_this_time(atmd.command(&["pki", "renew"])).status().unwrap();
    atmd.restart();
    eventually("atmd knows the new certificate", || {
        if atmd.log().contains("root has a new certificate") { Ok(()) } else { Err(atmd.log()) }
    });
    eventually("nothing is left to tell", || {
        let told = told(&atmd);
        if told["warnings"].is_null() { Ok(()) } else { Err(told.to_string()) }
    });
}

#[test]
fn root_is_known_though_it_was_renewed_again_before_the_ledger_was_told_of_all() {
    let mut atmd = Atmd::start(&Options::default());
    let before = atmd.data().join("pki/root.before.pem");
    let first = fs::read_to_string(atmd.data().join("pki/root.pem")).unwrap();
    let _ = pki(&atmd, &["renew", "--all"]).coded(0);
    eventually("the ledger is told", || if before.exists() { Err("not yet".into()) } else { Ok(()) });
    atmd.kill();
    // As if it had been killed between the ledger's commit and its note of it.
    fs::write(&before, first).unwrap();
    let _ = pki(&atmd, &["renew", "--all"]).coded(0);
    atmd.restart();
    let _ = status(atmd.ctl_command(&["status", "-o", "json"]));
    assert!(!before.exists());
}

#[test]
fn a_renewed_operator_is_known_by_the_new_certificate_alone() {
    let mut atmd = Atmd::start(&Options::default());
    let tools = Tools::with(&["operator"]);
    let file = tools.work("asha.pem");
    let out = file.to_str().unwrap();
    let _ = tools.operate(&atmd, &["operator", "add", "asha", "--role", "viewer", "--out", out]).coded(0);
    let list = tools.operate(&atmd, &["operator", "list", "-o", "json"]).coded(0).json();
    for row in list["data"].as_array().unwrap() {
        assert!(row["ends"].is_string(), "{list}");
    }
    let first = fs::read_to_string(&file).unwrap();
    let as_asha = || {
        let mut command = tools.operator(&atmd, &["status"]);
        command.env("ATMCTL_IDENTITY", &file);
        process::run(command, "")
    };
    let _ = as_asha().coded(0);
    let new = tools.work("asha-new.pem");
    let renew = |out: &str, more: &[&str]| {
        tools.operate(&atmd, &[&["operator", "renew", "asha", "--out", out], more].concat())
    };
    let _ = renew(new.to_str().unwrap(), &["--dry-run"]).coded(0);
    let _ = as_asha().coded(0);
    let renewed = renew(new.to_str().unwrap(), &[]).coded(0);
    assert!(renewed.stderr.contains("cat NEW.pem >> OLD.pem"), "{renewed}");
    let _ = as_asha().coded(77);
    // As the note says: the new one behind the old one.
    fs::write(&file, first + &fs::read_to_string(&new).unwrap()).unwrap();
    let _ = as_asha().coded(0);
    let renewed = renew(out, &[]).coded(0);
    assert!(!renewed.stderr.contains("NEW.pem"), "{renewed}");
    let _ = as_asha().coded(0);
    let others = atmd.root_identity();
    let refused = renew(others.to_str().unwrap(), &[]).coded(5);
    assert!(refused.stderr.contains("has the key of root, not of asha"), "{refused}");
    fs::write(&new, "no key").unwrap();
    let _ = renew(new.to_str().unwrap(), &[]).coded(5);
    let _ = as_asha().coded(0);
    let refused = tools.operate(&atmd, &["operator", "renew", "root", "--out", "root.pem"]).coded(4);
    assert!(refused.stderr.contains("atmd pki renew"), "{refused}");

    let copy = tools.work("root-copy.pem");
    fs::write(&copy, fs::read(atmd.root_identity()).unwrap()).unwrap();
    let said = pki(&atmd, &["renew", "--all"]).coded(0).stdout;
    assert!(said.contains("ca      renewed") && said.contains("root    renewed"), "{said}");
    atmd.restart();
    eventually("root is known by the new certificate", || {
        let said = atmd.ctl(&["status"]);
        if said.code == Some(0) { Ok(()) } else { Err(said.to_string()) }
    });
    let mut command = tools.operator(&atmd, &["status"]);
    command.env("ATMCTL_IDENTITY", &copy);
    let failed = process::run(command, "");
    assert_ne!(failed.code, Some(0), "a copy of the old one: {failed}");
    let audit =
        atmd.ctl(&["api", "audit_list", r#"{"filter":{"operator":"atmd"},"from":"newest","rows":1}"#]);
    let audit = audit.coded(0).json();
    assert_eq!(audit["rows"][0]["method"], "operator_renew", "{audit}");
    assert_eq!(audit["rows"][0]["result"], "done", "{audit}");
}

#[test]
fn nobody_is_sent_to_a_server_whose_certificate_has_ended() {
    let Some(time) = TimeOfDay::new() else { return };
    let folder = TempDir::new().unwrap();
    let mut atmd = Atmd::prepare(&Options::default()).within(&time.within());
    let (site, _) = authority("Site CA");
    let mut params = params(&[&atmd.metrics().ip().to_string()]);
    let in_5_days =
        SystemTime::now().duration_since(UNIX_EPOCH).unwrap() + Duration::from_secs(5 * 24 * 60 * 60);
    params.not_after = date_time_ymd(1970, 1, 1) + in_5_days;
    let files = issue(folder.path(), "server", &params, &site);
    atmd.restart_with(&with("server", &files).with_metrics());
    let ready = || http::get(atmd.metrics(), "/readyz").unwrap();
    assert_eq!(ready().status, 200);
    time.moved("+6d");
    eventually("a balancer is told", || {
        let answer = ready();
        let is_told =
            answer.status == 503 && answer.body.contains("certificate: the server's certificate has ended");
        if is_told { Ok(()) } else { Err(format!("{answer:?}")) }
    });
    let mut command = atmd.ctl_command(&["status", "-o", "json"]);
    time.rules(&mut command);
    let said = process::run(command, "").coded(3).stdout;
    let row = serde_json::from_str::<serde_json::Value>(&said).unwrap()["data"][0].clone();
    assert_eq!(row["healthy"], false, "{row}");
    assert!(row["reasons"].as_str().unwrap().contains("nobody can connect"), "{row}");
    assert!(row["warnings"].as_str().unwrap().contains("put a newer one in its place"), "{row}");
}

#[test]
fn what_was_certified_by_a_clock_that_was_ahead_is_renewed() {
    let Some(time) = TimeOfDay::new() else { return };
    time.moved("+30d");
    let mut atmd = Atmd::prepare(&Options::default()).within(&time.within());
    atmd.restart();
    assert!(atmd.stop().success());
    time.moved("+0");
    let early = pki(&atmd, &["show"]).coded(0).stdout;
    assert!(early.contains("(not valid yet; is this machine's clock right?)"), "{early}");
    let renewed = pki(&atmd, &["renew"]).coded(0).stdout;
    assert_eq!(renewed.matches("renewed with the same key").count(), 2, "{renewed}");
    atmd.restart();
    let _ = status(atmd.ctl_command(&["status", "-o", "json"]));
}
