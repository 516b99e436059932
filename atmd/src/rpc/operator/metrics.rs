//! What atmd measures of itself.

use super::Call;
use atm_rpc::error::ServiceError;
use atm_rpc::operator::metrics::{HISTORY_ROWS_MAX, Metrics, MetricsHistory};
use atm_rpc::types::time::Timestamp;

impl Call {
    pub(super) fn tell_metrics(&self) -> Result<Metrics, ServiceError> {
        let monitor = &self.services().monitor;
        let mut metrics = monitor.measure().ok_or(ServiceError::Unavailable)?;
        metrics.peers = self.rights.sees_numbers().then(|| monitor.peers());
        Ok(metrics)
    }

    pub(super) fn tell_history(
        &self,
        since: Option<Timestamp>,
        after: Option<u64>,
        rows: u32,
    ) -> MetricsHistory {
        let rows = usize::try_from(rows.clamp(1, HISTORY_ROWS_MAX)).unwrap_or(1);
        self.services().monitor.history(since, after, rows)
    }
}
