//! A flood of refused calls has a bounded number of rows in the audit log, and no refusal is lost from the count.

use atm_rpc::error::ServiceError;
use atm_rpc::operator::{Capability, Mode, Narrow};
use atm_tests::daemon::{Atmd, Options};
use atm_tests::{bank, books, link};
use tarpc::context;

const CALLS: usize = 200;
const ROWS: usize = 5;

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_refusals_has_few_rows_and_is_counted() {
    let rows = ROWS.to_string();
    let options =
        Options::default().set("operator.refusals_burst", &rows).set("operator.refusals_per_minute", "1");
    let mut atmd = Atmd::start(&options);
    let operator = link::operator(&atmd).await;
    let to = Narrow {
        mode: Mode::Change,
        command: "flood".into(),
        capabilities: vec![Capability::StatusRead],
        plugin: None,
        ttl_ms: 60_000,
    };
    operator.narrow(context::current(), to).await.unwrap().unwrap();
    for _ in 0..CALLS {
        let answer = operator.blacklist_show(context::current(), bank::number(1)).await.unwrap();
        assert_eq!(answer.unwrap_err(), ServiceError::Forbidden(Capability::BlacklistRead));
    }
    drop(operator);
    assert!(atmd.stop().success());
    let log = books::store(&atmd.config()).await.audit_log().await.unwrap();
    let count = |result: &str| {
        let told = result.strip_prefix("refused: ").and_then(|rest| rest.split_once(" more, too many"));
        told.map_or(1, |(count, _)| count.parse::<usize>().unwrap())
    };
    // A minute or more may pass on a machine that does much else, and adds a row each.
    assert!((ROWS + 1..CALLS / 2).contains(&log.len()), "{log:?}");
    assert_eq!(log.iter().map(|(_, result)| count(result)).sum::<usize>(), CALLS, "{log:?}");
}
