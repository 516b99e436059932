//! What is not wrong yet, but on its way to it: what atmd itself warns of, and figures beyond a bound. The bounds are those
//! of the alerts that come with atmd.

use crate::change::{Change, customers_calls, customers_failures};
use crate::figures::percent;
use crate::text;
use atm_rpc::operator::metrics::Metrics;

/// Days before its end from which a certificate is told of.
const CERTIFICATE_DAYS: i64 = 14;
/// Per cent.
const DISK_FREE_LEAST: f64 = 10.0;
const QUEUE_MOST: f64 = 50.0;
const CONNECTIONS_MOST: f64 = 90.0;
const OPEN_FILES_MOST: f64 = 80.0;
const FAILED_MOST: f64 = 1.0;
/// Fewer calls than that say nothing about a share.
const CALLS_LEAST: u64 = 100;
/// Numbers in the last intervals.
const LOCK_OUTS_MOST: u32 = 10;

/// In words, one sentence each.
pub(crate) fn worries(now: &Metrics, change: Option<Change<'_>>) -> Vec<String> {
    let mut told = now.warnings.clone();
    let calls = change.map_or(0, |change| change.grown(customers_calls));
    let failures = change.map_or(0, |change| change.grown(customers_failures));
    if let Some(failed) =
        percent(failures, calls).filter(|failed| *failed > FAILED_MOST && calls >= CALLS_LEAST)
    {
        told.push(format!("{failed:.1} % of customers' calls fail"));
    }
    let writer = &now.writer;
    for (queue, waiting) in [("money", writer.queue_money), ("other requests", writer.queue_others)] {
        if let Some(full) = percent(waiting, writer.queue_limit).filter(|full| *full > QUEUE_MOST) {
            told.push(format!("the queue of {queue} is {full:.0} % full"));
        }
    }
    if let Some(free) =
        percent(now.disk_free_bytes, now.disk_size_bytes).filter(|free| *free < DISK_FREE_LEAST)
    {
        let bytes = text::bytes(now.disk_free_bytes as f64);
        told.push(format!("the disk has {bytes} left, {free:.1} %"));
    }
    for side in &now.connections {
        if percent(side.active, side.limit).is_some_and(|used| used > CONNECTIONS_MOST) {
            told.push(format!("{} of {} {} connections are taken", side.active, side.limit, side.side));
        }
    }
    let process = &now.process;
    if percent(process.open_files, process.open_files_max).is_some_and(|used| used > OPEN_FILES_MOST) {
        told.push(format!("{} of {} files are open", process.open_files, process.open_files_max));
    }
    if now.recent.lock_outs > LOCK_OUTS_MOST {
        let over = text::length(now.recent.length_ms);
        told.push(format!("wrong PINs locked out {} numbers in {over}", now.recent.lock_outs));
    }
    if change.is_some_and(|change| change.grown(|metrics| metrics.log_lines_lost_total) > 0) {
        told.push("lines of the log are lost".to_owned());
    }
    for certificate in now.certificates.iter().filter(|one| one.days_left < CERTIFICATE_DAYS) {
        let ends = match certificate.days_left {
            days if days < 0 => format!("ended {} days ago", -days),
            0 => "ends today".to_owned(),
            days => format!("ends in {days} days"),
        };
        told.push(format!("the certificate of the {} {ends}", certificate.certificate));
    }
    told
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::metrics;

    #[test]
    fn there_are_none_where_all_is_well() {
        let (before, now) = (metrics(10_000, 100), metrics(12_000, 30_000));
        assert_eq!(worries(&now, Some(Change::between(&before, &now))), [""; 0]);
    }

    #[test]
    fn each_is_told_of_beyond_its_bound() {
        type Make = fn(&mut Metrics);
        let table: &[(Make, &str)] = &[
            (
                |m| m.requests[0].outcomes[1].outcome = atm_rpc::operator::metrics::RequestOutcome::Internal,
                "9.1 % of customers' calls fail",
            ),
            (|m| m.writer.queue_money = 5_000, "the queue of money is 61 % full"),
            (|m| m.disk_free_bytes = 5 << 30, "the disk has 5.00 GiB left, 5.0 %"),
            (|m| m.connections[0].active = 1_000, "1000 of 1024 customer connections are taken"),
            (|m| m.process.open_files = 1_000, "1000 of 1024 files are open"),
            (|m| m.recent.lock_outs = 11, "wrong PINs locked out 11 numbers in 1 min"),
            (|m| m.warnings.push("the time of day was set".to_owned()), "the time of day was set"),
            (|m| m.log_lines_lost_total = 1, "lines of the log are lost"),
            (|m| m.certificates[0].days_left = 13, "the certificate of the server ends in 13 days"),
            (|m| m.certificates[2].days_left = -1, "the certificate of the operator ended 1 days ago"),
        ];
        for (make, expected) in table {
            let (before, mut now) = (metrics(10_000, 100), metrics(12_000, 30_000));
            make(&mut now);
            assert_eq!(worries(&now, Some(Change::between(&before, &now))), [*expected]);
        }
    }
}
