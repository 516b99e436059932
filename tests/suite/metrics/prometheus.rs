//! A real Prometheus looks at a real atmd.

use atm_rpc::types::key::RequestKey;
use atm_tests::bank::{self, rupees};
use atm_tests::daemon::{Atmd, Options};
use atm_tests::link;
use atm_tests::prometheus::Prometheus;
use atm_tests::wait::eventually;
use tokio::task::block_in_place;

#[tokio::test(flavor = "multi_thread")]
async fn prometheus_counts_what_was_done() {
    let atmd = Atmd::start(&Options::default().with_metrics());
    let Some(prometheus) = block_in_place(|| Prometheus::start(&[atmd.metrics()], &[])) else { return };
    let is = |expression: &str, expected: f64| {
        block_in_place(|| {
            eventually(expression, || match &prometheus.query(expression)?[..] {
                [(_, value)] if (value - expected).abs() < 1e-9 => Ok(()),
                other => Err(format!("{other:?}")),
            });
        });
    };
    is("up{job=\"atmd\"}", 1.0);
    is("atmd_ready", 1.0);
    let deposits = "atmd_requests_total{service=\"customer\",method=\"deposit\",outcome=\"ok\"}";
    is(deposits, 0.0);
    link::register(&atmd, bank::number(1)).await;
    let mut customer = link::logged_in(&atmd, bank::number(1)).await;
    for _ in 0..7 {
        let _ = customer.deposit(RequestKey::generate(), rupees(1)).await.unwrap();
    }
    is(deposits, 7.0);
    is("sum(atmd_request_duration_seconds_count{method=\"deposit\"})", 7.0);
    is("atmd_request_duration_seconds_bucket{method=\"deposit\",le=\"+Inf\"}", 7.0);
    is("count(atmd_build_info{version!=\"\",backend=\"sqlite\"})", 1.0);
    drop(atmd);
    is("up{job=\"atmd\"}", 0.0);
}
