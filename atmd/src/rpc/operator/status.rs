//! How atmd is.

use super::Call;
use atm_rpc::error::ServiceError;
use atm_rpc::operator::Status;
use atm_rpc::operator::metrics::Side;
use std::sync::atomic::Ordering;

impl Call {
    pub(super) async fn tell_status(&self) -> Result<Status, ServiceError> {
        let services = self.services();
        let monitor = &services.monitor;
        // How atmd is must be told above all where its database is not well.
        let read = if monitor.database_is_silent() { None } else { services.store.head().await.ok() };
        let head = read.unwrap_or_else(|| monitor.last_head());
        let (line, customers) = (monitor.line(), monitor.connections(Side::Customer));
        let lag = head.seq.saturating_sub(services.projected.load(Ordering::Relaxed)).max(0);
        let now = services.clock.now();
        let mut reasons: Vec<String> = monitor.not_ready().into_iter().map(|why| why.words).collect();
        if read.is_none() && !monitor.database_is_silent() {
            reasons.push("the database does not answer".to_owned());
        }
        let mut warnings = monitor.warnings();
        warnings.extend(monitor.certificate_warnings(now));
        if monitor.log_has_no_file() {
            warnings
                .push("the log's file was taken away and no other can be made: lines are lost".to_owned());
        }
        Ok(Status {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            healthy: reasons.is_empty(),
            reasons,
            warnings,
            started_at: services.started_at,
            uptime_ms: u64::try_from(line.uptime.as_millis()).unwrap_or(u64::MAX),
            cpu_percent: line.process.cpu_percent,
            memory_bytes: line.process.memory_bytes,
            threads: line.process.threads,
            connections_active: customers.active,
            connections_max: customers.max,
            connections_total: customers.total,
            journal_seq: head.seq,
            vault_balance_minor: head.vault.minor(),
            business_date: head.date.to_string(),
            projection_lag_entries: lag,
            draining: services.drain.now().map(|shut| shut.told),
        })
    }
}
