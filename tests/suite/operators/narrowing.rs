//! Operators' connections: what narrowing takes away stays away, and refusals leave a trace.

use atm_rpc::error::{BadRequest, Rejection, ServiceError};
use atm_rpc::operator::{Capability, Mode, Narrow, OperatorClient, PluginIdentity, Whoami};
use atm_rpc::types::mobile::MobileNumber;
use atm_rpc::types::time::Timestamp;
use atm_tests::daemon::{Atmd, Options};
use atm_tests::wait::PATIENCE;
use atm_tests::{bank, link};
use std::time::{Duration, Instant};
use tarpc::context;

const ALL: &[Capability] = Capability::ALL;

fn to(mode: Mode, capabilities: &[Capability]) -> Narrow {
    let plugin = PluginIdentity { name: "probe".into(), version: "1.0".into(), digest: "00ff".into() };
    Narrow {
        mode,
        command: "probe run".into(),
        capabilities: capabilities.to_vec(),
        plugin: Some(plugin),
        ttl_ms: 60_000,
    }
}

async fn narrow(operator: &OperatorClient, to: Narrow) -> Result<Whoami, ServiceError> {
    operator.narrow(context::current(), to).await.expect("the connection holds")
}

/// A connection narrowed to that.
async fn narrowed(atmd: &Atmd, mode: Mode, capabilities: &[Capability]) -> OperatorClient {
    let operator = link::operator(atmd).await;
    let whoami = narrow(&operator, to(mode, capabilities)).await.expect("rights can be taken away");
    assert_eq!(whoami.mode, mode);
    operator
}

async fn add(operator: &OperatorClient, mobile: MobileNumber) -> Result<(bool, bool), ServiceError> {
    let change = operator.blacklist_add(context::current(), mobile, "a test".into(), None).await;
    change.expect("the connection holds").map(|change| (change.changed, change.dry_run))
}

async fn is_listed(atmd: &Atmd, mobile: MobileNumber) -> bool {
    let shown = link::operator(atmd).await.blacklist_show(context::current(), mobile).await;
    shown.expect("the connection holds").is_ok()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mode_is_held_by_the_daemon() {
    let atmd = Atmd::start(&Options::default());
    let mobile = bank::number(1);
    let reads = narrowed(&atmd, Mode::Read, ALL).await;
    assert_eq!(add(&reads, mobile).await, Err(ServiceError::ReadOnly));
    assert!(!is_listed(&atmd, mobile).await);
    let tries = narrowed(&atmd, Mode::DryRun, ALL).await;
    assert_eq!(add(&tries, mobile).await, Ok((true, true)), "a dry run tells what would change");
    assert!(!is_listed(&atmd, mobile).await, "and changes nothing");
    let changes = narrowed(&atmd, Mode::Change, ALL).await;
    assert_eq!(add(&changes, mobile).await, Ok((true, false)));
    assert!(is_listed(&atmd, mobile).await);
    assert_eq!(add(&changes, mobile).await, Ok((false, false)), "a repeat changes nothing");
    assert_eq!(add(&tries, mobile).await, Ok((false, true)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_right_that_was_given_up_is_gone() {
    let atmd = Atmd::start(&Options::default());
    let mobile = bank::number(1);
    let lists = narrowed(&atmd, Mode::Change, &[Capability::BlacklistRead]).await;
    let forbidden = |capability| Err(ServiceError::Forbidden(capability));
    assert_eq!(add(&lists, mobile).await, forbidden(Capability::BlacklistWrite));
    let status = lists.status(context::current()).await.unwrap();
    assert_eq!(status, Err(ServiceError::Forbidden(Capability::StatusRead)));
    let widening = Err(ServiceError::BadRequest(BadRequest::Widening));
    for again in [to(Mode::Change, ALL), to(Mode::Read, &[])] {
        let answer = narrow(&lists, again).await.map(|_| ());
        assert_eq!(answer, widening, "one narrowing is for good");
    }
    assert_eq!(add(&lists, mobile).await, forbidden(Capability::BlacklistWrite));
    assert!(!is_listed(&atmd, mobile).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn numbers_are_masked_without_the_right_to_see_them() {
    let atmd = Atmd::start(&Options::default());
    let mobile = bank::number(1);
    assert_eq!(add(&link::operator(&atmd).await, mobile).await, Ok((true, false)));
    let blind = narrowed(&atmd, Mode::Change, &[Capability::BlacklistRead, Capability::BlacklistWrite]).await;
    let list = blind.blacklist_list(context::current(), None, 10).await.unwrap().unwrap();
    let shown = blind.blacklist_show(context::current(), mobile).await.unwrap().unwrap();
    let history = blind.blacklist_history(context::current(), None, None, 10).await.unwrap().unwrap();
    let removed = blind.blacklist_remove(context::current(), mobile, "a test".into()).await.unwrap().unwrap();
    for number in [&list.rows[0].number, &shown.number, &history.rows[0].number, &removed.number] {
        assert_eq!(*number, mobile.masked());
    }
    let all = narrowed(&atmd, Mode::Read, ALL).await;
    let history = all.blacklist_history(context::current(), Some(mobile), None, 10).await.unwrap().unwrap();
    let acts: Vec<String> =
        history.rows.iter().map(|event| format!("{:?} by {}", event.act, event.actor)).collect();
    assert_eq!(acts, ["Added by root", "Removed by root"]);
    assert_eq!(history.rows[0].number, mobile.full());
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_requests_are_refused_by_their_field() {
    let atmd = Atmd::start(&Options::default());
    let operator = link::operator(&atmd).await;
    let mobile = bank::number(1);
    let long = "x".repeat(201);
    for reason in ["", "  ", "a\nb", "\u{1b}[2J", long.as_str()] {
        let answer = operator.blacklist_add(context::current(), mobile, reason.into(), None).await.unwrap();
        assert_eq!(answer, Err(ServiceError::BadRequest(BadRequest::Reason)), "{reason:?}");
    }
    let past = Some(Timestamp::from_ms(1));
    let answer = operator.blacklist_add(context::current(), mobile, "late".into(), past).await.unwrap();
    assert_eq!(answer, Err(ServiceError::BadRequest(BadRequest::Until)));
    let nameless = Narrow { command: String::new(), ..to(Mode::Read, ALL) };
    assert_eq!(
        narrow(&operator, nameless).await.map(|_| ()),
        Err(ServiceError::BadRequest(BadRequest::Name))
    );
    assert!(!is_listed(&atmd, mobile).await);
    let answer = operator.blacklist_show(context::current(), mobile).await.unwrap();
    assert_eq!(answer, Err(ServiceError::NotFound));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_list_comes_in_pages() {
    let atmd = Atmd::start(&Options::default());
    let operator = link::operator(&atmd).await;
    for n in 0..25 {
        assert_eq!(add(&operator, bank::number(n)).await, Ok((true, false)));
    }
    let mut numbers = Vec::new();
    let mut after = None;
    loop {
        let page = operator.blacklist_list(context::current(), after, 10).await.unwrap().unwrap();
        after = page.rows.last().map(|row| row.id);
        numbers.extend(page.rows.into_iter().map(|row| row.number));
        if !page.more {
            break;
        }
    }
    let expected: Vec<String> = (0..25).map(|n| bank::number(n).full()).collect();
    assert_eq!(numbers, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_narrowed_connection_ends_in_its_time() {
    let atmd = Atmd::start(&Options::default());
    let operator = link::operator(&atmd).await;
    let brief = Narrow { ttl_ms: 100, ..to(Mode::Read, ALL) };
    let begun = Instant::now();
    narrow(&operator, brief).await.unwrap();
    while operator.whoami(context::current()).await.is_ok() {
        tokio::time::sleep(Duration::from_millis(10)).await;
        assert!(begun.elapsed() < PATIENCE, "the connection goes on");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_operator_does_reaches_a_live_session_at_once() {
    let atmd = Atmd::start(&Options::default());
    let mobile = bank::number(1);
    link::register(&atmd, mobile).await;
    let client = link::plain(&atmd, link::HERE).await;
    link::login(&client, mobile).await.unwrap();
    let operator = link::operator(&atmd).await;
    assert_eq!(add(&operator, mobile).await, Ok((true, false)));
    let refused = Err(ServiceError::Rejected(Rejection::Blacklisted { until: None }));
    assert_eq!(client.balance(context::current()).await.unwrap().map(|_| ()), refused);
    assert_eq!(link::login(&client, mobile).await.map(|_| ()), refused);
    operator.blacklist_remove(context::current(), mobile, "a test".into()).await.unwrap().unwrap();
    link::login(&client, mobile).await.unwrap();
    client.balance(context::current()).await.unwrap().unwrap();
}
