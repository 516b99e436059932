//! `atmctl operator`: somebody is let in with a key that was made here, and out at once.

use crate::engines::on_each_engine;
use atm_rpc::error::{Conflict, ServiceError, SessionEnd};
use atm_rpc::operator::audit::{AuditFilter, AuditFrom, Outcome as Came};
use atm_rpc::operator::ledger::{AuditVerified, JobEnd, JobStart};
use atm_rpc::operator::operators::Oneself;
use atm_rpc::operator::{OperatorClient, Role};
use atm_tests::daemon::{Atmd, Options};
use atm_tests::process::{self, Outcome};
use atm_tests::servers::Database;
use atm_tests::tools::Tools;
use atm_tests::wait::PATIENCE;
use atm_tests::{bank, link};
use rcgen::{CertificateParams, KeyPair};
use serde_json::{Value, json};
use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::Stdio;
use std::thread;
use tarpc::context;
use tokio::task::JoinSet;
use tokio::time::timeout;

const NO_OPERATOR: ServiceError = ServiceError::Unauthenticated(SessionEnd::OperatorUnknown);
const NEWEST: &str = r#"{"filter":{},"from":"newest","rows":1}"#;

fn add<'a>(name: &'a str, role: &'a str, file: &'a Path, more: &[&'a str]) -> Vec<&'a str> {
    let file = file.to_str().unwrap();
    [&["operator", "add", name, "--role", role, "--out", file, "-o", "json"], more].concat()
}

fn row(outcome: Outcome, command: &str) -> Value {
    let json = outcome.coded(0).json();
    assert_eq!(json["schema"], format!("atmctl.operator.{command}/1"), "{json}");
    json["data"][0].clone()
}

/// What atmctl says as whoever has that file.
fn as_operator(tools: &Tools, atmd: &Atmd, identity: &Path, arguments: &[&str]) -> Outcome {
    let mut command = tools.operator(atmd, arguments);
    command.env("ATMCTL_IDENTITY", identity);
    process::run(command, "")
}

#[test]
fn an_operator_is_added_once_works_and_is_out_when_disabled() {
    let atmd = Atmd::start(&Options::default());
    let tools = Tools::with(&["operator", "blacklist"]);
    let (asha, ravi) = (tools.work("asha.pem"), tools.work("ravi.pem"));
    let tried = row(tools.operate(&atmd, &add("asha", "viewer", &asha, &["--dry-run"])), "add");
    assert_eq!(
        tried,
        json!({ "name": "asha", "role": "viewer", "changed": true, "enabled": true, "dry_run": true })
    );
    assert!(!asha.exists(), "a trial leaves no file");
    let added = row(tools.operate(&atmd, &add("asha", "viewer", &asha, &[])), "add");
    assert_eq!([&added["changed"], &added["dry_run"]], [&json!(true), &json!(false)]);
    assert_eq!(fs::metadata(&asha).unwrap().mode() & 0o777, 0o600);
    let kept = fs::read(&asha).unwrap();
    let again = row(tools.operate(&atmd, &add("asha", "viewer", &asha, &[])), "add");
    assert_eq!(again["changed"], json!(false), "a repeat changes nothing");
    assert_eq!(fs::read(&asha).unwrap(), kept);

    let _ = as_operator(&tools, &atmd, &asha, &["status"]).coded(0);
    let _ = as_operator(&tools, &atmd, &asha, &["blacklist", "list"]).coded(0);
    let denied = as_operator(&tools, &atmd, &asha, &add("ravi", "viewer", &ravi, &[])).coded(77);
    assert!(denied.stderr.contains("operators:write"), "{denied}");
    assert!(!ravi.exists(), "a refusal leaves no key");
    for (arguments, words) in [
        (add("asha", "viewer", &ravi, &[]), "another key"),
        (add("asha", "admin", &asha, &[]), "another role"),
        (add("ravi", "viewer", &asha, &[]), "another operator has this key"),
        (vec!["operator", "disable", "root", "--yes"], "last admin"),
    ] {
        let refused = tools.operate(&atmd, &arguments).coded(5);
        assert!(refused.stderr.contains(words) && refused.stderr.contains("hint"), "{refused}");
    }
    let _ = tools.operate(&atmd, &add("Asha", "viewer", &ravi, &[])).coded(2);
    let _ = tools.operate(&atmd, &["operator", "disable", "nobody", "--yes"]).coded(4);
    let _ = tools.operate(&atmd, &["operator", "disable", "asha"]).coded(2);
    let _ = as_operator(&tools, &atmd, &asha, &["status"]).coded(0);

    let disable = ["operator", "disable", "asha", "--yes", "-o", "json"];
    assert_eq!(row(tools.operate(&atmd, &disable), "disable")["changed"], json!(true));
    assert_eq!(row(tools.operate(&atmd, &disable), "disable")["changed"], json!(false));
    let out = as_operator(&tools, &atmd, &asha, &["status"]).coded(77);
    assert!(out.stderr.contains("does not accept this operator"), "{out}");
    let refused = tools.operate(&atmd, &add("asha", "viewer", &asha, &[])).coded(5);
    assert!(refused.stderr.contains("this key was disabled"), "{refused}");
    let back = row(tools.operate(&atmd, &add("asha", "operator", &ravi, &[])), "add");
    assert_eq!([&back["changed"], &back["role"]], [&json!(true), &json!("operator")]);
    let _ = as_operator(&tools, &atmd, &ravi, &["status"]).coded(0);
    let _ = as_operator(&tools, &atmd, &asha, &["status"]).coded(77);
    let audit = tools.operate(&atmd, &["api", "audit_list", NEWEST]).coded(0).json();
    assert!(audit["rows"][0]["operator"].as_str().unwrap().starts_with("unknown "), "{audit}");
    let list = tools.operate(&atmd, &["operator", "list", "-o", "json"]).coded(0).json();
    assert_eq!(list["schema"], "atmctl.operator.list/1");
    let names: Vec<&Value> = list["data"].as_array().unwrap().iter().map(|row| &row["name"]).collect();
    assert_eq!(names, ["root", "asha"], "{list}");
}

on_each_engine! {
    an_operator_is_kept_as_the_rules_have_it,
}

async fn an_operator_is_kept_as_the_rules_have_it(database: &Database) {
    let mut atmd = Atmd::start(&database.options(&Options::default()));
    let (first, second) = (request(), request());
    let mut root = link::operator(&atmd).await;
    let add = async |root: &OperatorClient, role, request: &str| {
        let added =
            root.operator_add(link::patient(), "asha".into(), role, request.to_owned()).await.unwrap();
        added.map(|change| (change.changed, change.certificate))
    };
    let (changed, certificate) = add(&root, Role::Viewer, &first).await.unwrap();
    assert!(changed && certificate.as_ref().is_some_and(|pem| pem.contains("BEGIN CERTIFICATE")));
    drop(root);
    atmd.restart();
    root = link::operator(&atmd).await;
    assert_eq!(add(&root, Role::Viewer, &first).await, Ok((false, certificate)), "it is given again");
    let conflict = |conflict| Err(ServiceError::Conflict(conflict));
    assert_eq!(add(&root, Role::Viewer, &second).await, conflict(Conflict::OperatorKey));
    let disabled = root.operator_disable(link::patient(), "asha".into(), Oneself::Refused).await;
    assert!(disabled.unwrap().unwrap().changed);
    assert_eq!(add(&root, Role::Viewer, &first).await, conflict(Conflict::KeyDisabled));
    assert!(add(&root, Role::Admin, &second).await.unwrap().0, "with another key the name is back");
    let list = root.operator_list(link::patient(), None, 10).await.unwrap().unwrap();
    let list: Vec<_> = list.rows.iter().map(|row| (row.name.as_str(), row.role, row.enabled)).collect();
    assert_eq!(list, [("root", Role::Admin, true), ("asha", Role::Admin, true)]);
    let filter = AuditFilter { outcome: Some(Came::Refused), ..AuditFilter::default() };
    let refused = root.audit_list(link::patient(), filter, AuditFrom::Newest, 10).await.unwrap().unwrap();
    assert_eq!(refused.rows.len(), 2, "{refused:?}");
    assert_eq!(root.audit_verify(link::patient(), None).await.unwrap(), Ok(JobStart::Begun));
    let end = loop {
        let news = root.job_news(link::patient(), 0).await.unwrap().unwrap();
        if let Some(end) = news.end {
            break (end, news.findings_count);
        }
    };
    assert!(matches!(end, (JobEnd::AuditVerified(AuditVerified { audits: 6, .. }), 0)), "{end:?}");
}

fn request() -> String {
    let params = CertificateParams::new(Vec::new()).unwrap();
    params.serialize_request(&KeyPair::generate().unwrap()).unwrap().pem().unwrap()
}

/// A new operator's certificate and key.
async fn let_in(atmd: &Atmd, name: &str, role: Role) -> String {
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(Vec::new()).unwrap();
    let request = params.serialize_request(&key).unwrap().pem().unwrap();
    let root = link::operator(atmd).await;
    let added = root.operator_add(context::current(), name.into(), role, request).await;
    added.unwrap().unwrap().certificate.unwrap() + &key.serialize_pem()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_under_way_when_an_operator_is_disabled_does_nothing_more() {
    let atmd = Atmd::start(&Options::default());
    let identity = let_in(&atmd, "ravi", Role::Admin).await;
    let mut busy = JoinSet::new();
    for n in 0..8 {
        let ravi = link::operator_as(&atmd, &identity).await;
        busy.spawn(async move {
            let mut done = 0;
            loop {
                let reason = format!("{done}");
                match ravi.blacklist_add(link::patient(), bank::number(n), reason, None).await {
                    Ok(Ok(_)) => done += 1,
                    // Cut off, or told.
                    Err(_) | Ok(Err(NO_OPERATOR)) => {
                        return done;
                    }
                    Ok(Err(other)) => panic!("{other}"),
                }
            }
        });
    }
    let idle = link::operator_as(&atmd, &identity).await;
    idle.whoami(context::current()).await.unwrap().unwrap();
    let root = link::operator(&atmd).await;
    let of = |operator: &str| AuditFilter { operator: Some(operator.into()), ..AuditFilter::default() };
    let mut seen = 0;
    while seen < 50 {
        let rows = root.audit_list(link::patient(), of("ravi"), AuditFrom::Newest, 1_000).await;
        seen = rows.unwrap().unwrap().rows.len();
    }
    let disabled = root.operator_disable(link::patient(), "ravi".into(), Oneself::Refused).await;
    assert!(disabled.unwrap().unwrap().changed);
    let done = busy.join_all().await.into_iter().sum::<u32>();
    assert!(idle.whoami(context::current()).await.is_err(), "an idle connection ends, too");
    let of_root = root.audit_list(link::patient(), of("root"), AuditFrom::Newest, 1).await.unwrap().unwrap();
    assert_eq!(of_root.rows[0].method, "operator_disable");
    let mut rows = Vec::new();
    loop {
        let from =
            AuditFrom::After(rows.last().map_or(0, |row: &atm_rpc::operator::audit::AuditEntry| row.id));
        let page = root.audit_list(link::patient(), of("ravi"), from, 1_000).await.unwrap().unwrap();
        rows.extend(page.rows);
        if !page.more {
            break;
        }
    }
    let acted = |row: &&atm_rpc::operator::audit::AuditEntry| row.result == "done";
    let after = rows.iter().filter(|row| row.id > of_root.rows[0].id);
    assert_eq!(after.filter(acted).count(), 0, "{rows:?}");
    // One of each connection may have been done and not answered.
    let count = u32::try_from(rows.iter().filter(acted).count()).unwrap();
    assert!((done..=done + 8).contains(&count), "{done} answered, {count} done");
}

/// What is asked before the connection is gone is answered, and with nothing else.
async fn ends(client: &OperatorClient) {
    let asked = async {
        while let Ok(answer) = client.whoami(context::current()).await {
            assert_eq!(answer.map(|_| ()), Err(NO_OPERATOR));
        }
    };
    timeout(PATIENCE, asked).await.expect("the connection ends");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_may_leave_and_is_told_so_before_the_connection_ends() {
    let atmd = Atmd::start(&Options::default());
    let identity = let_in(&atmd, "ravi", Role::Admin).await;
    let ravi = link::operator_as(&atmd, &identity).await;
    let leave = |oneself| ravi.operator_disable(link::patient(), "ravi".into(), oneself);
    let conflict = Err(ServiceError::Conflict(Conflict::Oneself));
    assert_eq!(leave(Oneself::Refused).await.unwrap(), conflict);
    assert!(leave(Oneself::Meant).await.unwrap().unwrap().changed);
    ends(&ravi).await;
    let again = link::operator_as(&atmd, &identity).await;
    assert_eq!(again.whoami(context::current()).await.unwrap().map(|_| ()), Err(NO_OPERATOR));
    ends(&again).await;
    let root = link::operator(&atmd).await;
    let page = root.audit_list(link::patient(), AuditFilter::default(), AuditFrom::Newest, 1).await;
    let row = page.unwrap().unwrap().rows.remove(0);
    assert_eq!((row.operator.as_str(), row.method.as_str()), ("ravi", "whoami"));
    assert!(row.result.starts_with("refused: "), "{row:?}");
}

#[test]
fn a_plugin_that_runs_for_a_disabled_operator_ends() {
    let atmd = Atmd::start(&Options::default());
    let tools = Tools::with(&["operator"]);
    let asha = tools.work("asha.pem");
    let _ = tools.operate(&atmd, &add("asha", "viewer", &asha, &[])).coded(0);
    let commands = json!([{ "name": "go", "summary": "Goes", "connection": "required", "output": "raw",
        "capabilities": ["status:read"] }]);
    let does = "while \"$ATMCTL_BIN\" api status > /dev/null; do echo asked; done; exit 77";
    tools.plugin("busy", &commands, does);
    let mut command = tools.operator(&atmd, &["busy", "go"]);
    command.env("ATMCTL_IDENTITY", &asha).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut running = command.spawn().unwrap();
    let mut said = BufReader::new(running.stdout.take().unwrap());
    let mut line = String::new();
    said.read_line(&mut line).unwrap();
    assert_eq!(line, "asked\n");
    // Whoever does not read holds the plugin up.
    let reader = thread::spawn(move || said.lines().map_while(Result::ok).for_each(drop));
    let _ = tools.operate(&atmd, &["operator", "disable", "asha", "--yes"]).coded(0);
    let status = atm_tests::wait::exit(&mut running, PATIENCE);
    process::end(&mut running);
    assert_eq!(status.expect("it ends").code(), Some(77));
    reader.join().unwrap();
}
