//! `top`: what there is most of: methods by how often they are called, addresses by their connections, rejections by
//! their rule.

use crate::change::Change;
use crate::figures::{ms, value};
use atm_plugin_sdk::{Column, Host};
use atm_rpc::plugin::{Failure, Kind};
use serde_json::json;
use std::cmp::Reverse;
use std::time::Duration;

/// The columns of its rows.
pub(crate) const COLUMNS: &[Column] = &[
    Column::new("what", Kind::Choice),
    Column::new("name", Kind::Text),
    Column::new("count", Kind::Number),
    Column::new("per_s", Kind::Number),
    Column::new("p50_ms", Kind::Number),
    Column::new("p95_ms", Kind::Number),
    Column::new("p99_ms", Kind::Number),
    Column::new("failed_percent", Kind::Number),
];

/// Looks twice, so long apart, and prints at the most so many of each kind.
pub(crate) async fn top(host: &mut Host, over: Duration, rows: usize) -> Result<(), Failure> {
    let before = host.call(async |atmd, context| atmd.metrics(context).await).await?;
    tokio::time::sleep(over).await;
    let now = host.call(async |atmd, context| atmd.metrics(context).await).await?;
    let change = Change::between(&before, &now);
    for method in change.methods().into_iter().take(rows) {
        host.row(&json!({
            "what": "method", "name": method.name, "count": method.total, "per_s": value(Some(method.per_second)),
            "p50_ms": value(ms(method.took.quantile_us(500))), "p95_ms": value(ms(method.took.quantile_us(950))),
            "p99_ms": value(ms(method.took.quantile_us(990))), "failed_percent": value(method.failed_percent),
        }))?;
    }
    let plain = |what: &str, name: &str, count: u64, per_second: Option<f64>| {
        json!({
            "what": what, "name": name, "count": count, "per_s": value(per_second),
            "p50_ms": null, "p95_ms": null, "p99_ms": null, "failed_percent": null,
        })
    };
    for (name, count, per_second) in change.rejections().into_iter().take(rows) {
        host.row(&plain("rejection", name, count, Some(per_second)))?;
    }
    match &now.peers {
        Some(peers) => {
            let mut peers: Vec<_> = peers.iter().map(|peer| (peer.connections, peer.peer.as_str())).collect();
            peers.sort_by_key(|(connections, peer)| (Reverse(*connections), *peer));
            for (connections, peer) in peers.into_iter().take(rows) {
                host.row(&plain("peer", peer, connections, None))?;
            }
        }
        None => {
            host.flush()?;
            host.note("addresses of customers are for operators with accounts:pii");
        }
    }
    Ok(())
}
