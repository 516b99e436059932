//! Every method of the service, with every right alone, in every mode: allowed where its rule says so, and refused
//! otherwise, by name, with a row of the audit log and without any other effect.

use crate::tables::Tables;
use atm_rpc::error::{BadRequest, ServiceError};
use atm_rpc::operator::account::{AccountFilter, Block, CODE_TTL_MS_MIN};
use atm_rpc::operator::audit::{AuditEntry, AuditFilter, AuditFrom};
use atm_rpc::operator::backup::Keys;
use atm_rpc::operator::blacklist::BlacklistListing;
use atm_rpc::operator::operators::Oneself;
use atm_rpc::operator::rules::{Effect, Method, Stage};
use atm_rpc::operator::{
    Capability, Mode, Narrow, OperatorClient, OperatorRequest, OperatorResponse, PAGE_ROWS_MAX, Role,
};
use atm_rpc::types::key::Seq;
use atm_tests::daemon::{Atmd, Options};
use atm_tests::{bank, link};
use rcgen::{CertificateParams, KeyPair};
use serde_json::json;
use tarpc::client::Channel;
use tarpc::context;

type Calls = Channel<OperatorRequest, OperatorResponse>;

/// A call of each method, such that atmd can do it.
fn call(method: Method, request: &str) -> OperatorRequest {
    let (mobile, reason) = (bank::number(1), "a test".to_owned());
    match method {
        Method::Whoami => OperatorRequest::Whoami {},
        Method::Narrow => OperatorRequest::Narrow { to: narrow(Mode::Read, &[]) },
        Method::Status => OperatorRequest::Status {},
        Method::Metrics => OperatorRequest::Metrics {},
        Method::MetricsHistory => OperatorRequest::MetricsHistory { since: None, after: None, rows: 1 },
        Method::BlacklistList => OperatorRequest::BlacklistList { after: None, rows: 1 },
        Method::BlacklistShow => OperatorRequest::BlacklistShow { mobile },
        Method::BlacklistAdd => OperatorRequest::BlacklistAdd { mobile, reason, until: None },
        Method::BlacklistRemove => OperatorRequest::BlacklistRemove { mobile, reason },
        Method::BlacklistHistory => OperatorRequest::BlacklistHistory { mobile: None, after: None, rows: 1 },
        Method::BlacklistStage => {
            let rows = vec![BlacklistListing { mobile: bank::number(2), reason, until: None }];
            OperatorRequest::BlacklistStage { first: 0, rows }
        }
        Method::BlacklistImport => OperatorRequest::BlacklistImport { rows: 1 },
        Method::AccountList => {
            OperatorRequest::AccountList { filter: Some(AccountFilter::default()), after: None, rows: 1 }
        }
        Method::AccountShow => OperatorRequest::AccountShow { mobile },
        Method::AccountOpen => {
            OperatorRequest::AccountOpen { mobile: bank::number(3), reason, code_ttl_ms: CODE_TTL_MS_MIN }
        }
        Method::AccountBlock => OperatorRequest::AccountBlock { mobile, block: Block::Debit, reason },
        Method::AccountUnblock => OperatorRequest::AccountUnblock { mobile, reason },
        Method::AccountResetPin => {
            OperatorRequest::AccountResetPin { mobile, reason, code_ttl_ms: CODE_TTL_MS_MIN }
        }
        Method::AccountClose => OperatorRequest::AccountClose { mobile, reason },
        Method::JournalExplain => OperatorRequest::JournalExplain { seq: Seq(1) },
        Method::JournalPage => OperatorRequest::JournalPage { after: None, rows: 1 },
        Method::LedgerVerify => OperatorRequest::LedgerVerify { head: None },
        Method::LedgerRebuild => OperatorRequest::LedgerRebuild {},
        Method::LedgerStage => {
            let row = json!({ "line": 1, "mobile": mobile, "action": "login", "at": "2020-01-01T00:00:00Z" });
            OperatorRequest::LedgerStage { first: 0, rows: vec![serde_json::from_value(row).unwrap()] }
        }
        Method::LedgerImport => OperatorRequest::LedgerImport { rows: 1 },
        Method::JobNews => OperatorRequest::JobNews { after: 0 },
        Method::JobCancel => OperatorRequest::JobCancel {},
        Method::OperatorList => OperatorRequest::OperatorList { after: None, rows: 1 },
        Method::OperatorAdd => OperatorRequest::OperatorAdd {
            name: "asha".into(),
            role: Role::Viewer,
            request: request.to_owned(),
        },
        Method::OperatorDisable => {
            OperatorRequest::OperatorDisable { name: "asha".into(), oneself: Oneself::Refused }
        }
        Method::OperatorRenew => OperatorRequest::OperatorRenew { name: "asha".into() },
        Method::AuditList => {
            OperatorRequest::AuditList { filter: AuditFilter::default(), from: AuditFrom::Newest, rows: 1 }
        }
        Method::AuditVerify => OperatorRequest::AuditVerify { head: None },
        Method::DaemonReload => OperatorRequest::DaemonReload {},
        Method::DaemonDrain => OperatorRequest::DaemonDrain { reason, deadline_ms: None },
        Method::DaemonUndrain => OperatorRequest::DaemonUndrain {},
        Method::BackupCreate => OperatorRequest::BackupCreate { keys: Keys::LeftOut },
        Method::BackupRead => OperatorRequest::BackupRead { member: 0, offset: 0 },
    }
}

/// What the rule says, in words of this test's own.
fn expected(method: Method, has: Option<Capability>, mode: Mode) -> Option<ServiceError> {
    let rule = method.rule();
    if rule.stage == Stage::BeforeNarrowing {
        return Some(ServiceError::BadRequest(BadRequest::Widening));
    }
    match rule.needs {
        Some(needs) if has != Some(needs) => Some(ServiceError::Forbidden(needs)),
        _ => (rule.effect == Effect::Changes && mode == Mode::Read).then_some(ServiceError::ReadOnly),
    }
}

fn narrow(mode: Mode, capabilities: &[Capability]) -> Narrow {
    let capabilities = capabilities.to_vec();
    Narrow { mode, command: "rights matrix".into(), capabilities, plugin: None, ttl_ms: 600_000 }
}

async fn connect(atmd: &Atmd, mode: Mode, has: Option<Capability>) -> Calls {
    let calls = link::operator_calls(atmd).await;
    let capabilities: Vec<Capability> = has.into_iter().collect();
    let narrowed = ask(&calls, OperatorRequest::Narrow { to: narrow(mode, &capabilities) }).await;
    assert!(matches!(narrowed, OperatorResponse::Narrow(Ok(_))), "{narrowed:?}");
    calls
}

async fn ask(calls: &Calls, call: OperatorRequest) -> OperatorResponse {
    calls.call(context::current(), call).await.expect("the connection holds")
}

/// The error of an answer of whatever method.
fn error(response: &OperatorResponse) -> Option<ServiceError> {
    let json = serde_json::to_value(response).unwrap();
    let answer = json.as_object().unwrap().values().next().unwrap();
    answer.get("Err").map(|error| serde_json::from_value(error.clone()).unwrap())
}

fn is_refusal(error: ServiceError) -> bool {
    let widening = ServiceError::BadRequest(BadRequest::Widening);
    matches!(error, ServiceError::Forbidden(_) | ServiceError::ReadOnly | ServiceError::Unauthenticated(_))
        || error == widening
}

/// Waits for the job that this connection began, if it did.
async fn finish_job(calls: &Calls) {
    while let OperatorResponse::JobNews(Ok(news)) = ask(calls, OperatorRequest::JobNews { after: 0 }).await {
        if news.end.is_some() {
            return;
        }
    }
}

/// Rows of the audit log after one, oldest first.
async fn audit(root: &OperatorClient, mut after: i64) -> Vec<AuditEntry> {
    let mut rows = Vec::new();
    loop {
        let from = AuditFrom::After(after);
        let page = root.audit_list(link::patient(), AuditFilter::default(), from, PAGE_ROWS_MAX).await;
        let page = page.unwrap().unwrap();
        rows.extend(page.rows);
        if !page.more {
            return rows;
        }
        after = rows.last().map_or(0, |row| row.id);
    }
}

fn request() -> String {
    let params = CertificateParams::new(Vec::new()).unwrap();
    params.serialize_request(&KeyPair::generate().unwrap()).unwrap().pem().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn each_method_is_allowed_by_its_rule_and_by_nothing_else() {
    let atmd = Atmd::start(&Options::default());
    let root = link::operator(&atmd).await;
    let request = request();
    link::register(&atmd, bank::number(1)).await;
    let listed = root.blacklist_add(context::current(), bank::number(1), "a test".into(), None).await;
    assert!(listed.unwrap().unwrap().changed);
    let mut last = audit(&root, 0).await.last().map_or(0, |row| row.id);
    for mode in [Mode::Read, Mode::DryRun, Mode::Change] {
        for has in Capability::ALL.iter().copied().map(Some).chain([None]) {
            let before = Tables::at_rest(&atmd).await.without_log();
            let calls = connect(&atmd, mode, has).await;
            let mut refused = Vec::new();
            for &method in Method::ALL {
                let answer = ask(&calls, call(method, &request)).await;
                let found = error(&answer).filter(|error| is_refusal(*error));
                let expected = expected(method, has, mode);
                assert_eq!(found, expected, "{} with {has:?} in {mode:?}: {answer:?}", method.name());
                refused.extend(expected.map(|error| (method.name().to_owned(), format!("refused: {error}"))));
                finish_job(&calls).await;
            }
            let rows = audit(&root, last).await;
            last = rows.last().map_or(last, |row| row.id);
            let told = rows.iter().filter(|row| row.result.starts_with("refused: ")).map(|row| {
                let capabilities = has.map_or("", Capability::name);
                assert_eq!((row.operator.as_str(), row.capabilities.as_str()), ("root", capabilities));
                assert_eq!(row.command.as_deref(), Some("rights matrix"));
                (row.method.clone(), row.result.clone())
            });
            let told: Vec<_> = told.filter(|(_, result)| !result.contains("conflict")).collect();
            assert_eq!(told, refused, "the audit log, with {has:?} in {mode:?}");
            if mode != Mode::Change {
                // A backup changes nothing, and is noted all the same: the whole bank leaves by it.
                let mut acts = rows.iter().filter(|row| row.method != Method::BackupCreate.name());
                assert!(acts.all(|row| row.result.starts_with("refused: ")), "{mode:?}: {rows:?}");
                let after = Tables::at_rest(&atmd).await.without_log();
                assert_eq!(after, before, "{mode:?} with {has:?} changed something");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_has_what_its_name_says_and_no_more() {
    let atmd = Atmd::start(&Options::default());
    let root = link::operator(&atmd).await;
    for role in [Role::Viewer, Role::Operator, Role::Admin] {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(Vec::new()).unwrap();
        let request = params.serialize_request(&key).unwrap().pem().unwrap();
        let added = root.operator_add(context::current(), role.name().into(), role, request).await;
        let certificate = added.unwrap().unwrap().certificate.unwrap();
        let identity = certificate + &key.serialize_pem();
        let calls = link::calls_as(&atmd, &identity).await;
        for &method in Method::ALL {
            if matches!(method, Method::Narrow) {
                continue;
            }
            let answer = ask(&calls, call(method, "no request")).await;
            let found = error(&answer).filter(|error| is_refusal(*error));
            let needs = method.rule().needs.filter(|needs| !role.capabilities().contains(needs));
            assert_eq!(found, needs.map(ServiceError::Forbidden), "{} as {role}", method.name());
            finish_job(&calls).await;
        }
    }
}
