//! How atmd is.

use super::Call;
use crate::rpc::unreadable;
use atm_rpc::error::ServiceError;
use atm_rpc::operator::Status;
use std::sync::atomic::Ordering;

/// Entries that the ledgers may lack before atmd calls itself unhealthy.
const LAG_MAX: i64 = 10_000;

impl Call {
    pub(super) async fn tell_status(&self) -> Result<Status, ServiceError> {
        let services = self.services();
        let head = services.store.head().await.map_err(unreadable)?;
        let metrics = services.monitor.sample();
        let lag = (head.seq - services.projected.load(Ordering::Relaxed)).max(0);
        let mut reasons = Vec::new();
        if lag > LAG_MAX {
            reasons.push(format!("the CSV ledgers lack {lag} entries"));
        }
        Ok(Status {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            healthy: reasons.is_empty(),
            reasons,
            started_at: services.started_at,
            uptime_ms: u64::try_from(metrics.uptime.as_millis()).unwrap_or(u64::MAX),
            cpu_percent: metrics.cpu_percent,
            memory_bytes: metrics.memory_bytes,
            threads: u64::try_from(metrics.threads).unwrap_or(u64::MAX),
            connections_active: metrics.customers.active,
            connections_max: metrics.customers.max,
            connections_total: metrics.customers.total,
            journal_seq: head.seq,
            vault_balance_minor: head.vault.minor(),
            business_date: head.date.to_string(),
            projection_lag_entries: lag,
        })
    }
}
