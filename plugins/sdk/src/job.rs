//! Work of atmd that takes longer than a call: waiting for its end, with a bar, and printing what it found.

use crate::command::Column;
use crate::host::Host;
use atm_rpc::error::ServiceError;
use atm_rpc::operator::ledger::{Finding, JobEnd, JobStart, Phase};
use atm_rpc::plugin::{Code, Failure, Kind};
use serde_json::json;

/// The columns of what a verification finds.
pub const FINDINGS: &[Column] = &[
    Column::new("check", Kind::Choice),
    Column::new("place", Kind::Text),
    Column::new("column", Kind::Text),
    Column::new("expected", Kind::Text),
    Column::new("found", Kind::Text),
];

/// A job that came to its end.
#[derive(Debug)]
pub struct Ended {
    /// What came of it.
    pub end: JobEnd,
    /// What it found, as far as atmd kept it.
    pub findings: Vec<Finding>,
    /// How much it found.
    pub count: u64,
}

/// Waits for the end of a job that was begun. Rows are to be printed only then: a bar and a table on one terminal go
/// across each other.
///
/// # Errors
/// Where another job runs, and what atmd says.
pub async fn follow(host: &Host, begun: JobStart) -> Result<Ended, Failure> {
    follow_telling(host, begun, Failure::from).await
}

/// The same for work that says what is wrong with what it was given: `tell` has the words.
///
/// # Errors
/// Where another job runs, and what atmd says.
pub async fn follow_telling(
    host: &Host,
    begun: JobStart,
    tell: impl Fn(ServiceError) -> Failure,
) -> Result<Ended, Failure> {
    if let JobStart::Occupied { method, operator, since } = begun {
        let text = format!("{operator} began {method} at {since}, and there is one such job at a time");
        return Err(Failure::new(Code::TryAgain, text));
    }
    let bar = host.progress();
    let mut findings: Vec<Finding> = Vec::new();
    loop {
        let after = u64::try_from(findings.len()).unwrap_or(u64::MAX);
        let news = host.call(async |atmd, context| atmd.job_news(context, after).await.map(Ok)).await?;
        let news = news.map_err(|error| lost(tell(error)))?;
        findings.extend(news.findings);
        match news.phase {
            Phase::Copying | Phase::Hashing => bar.bytes(news.phase.name(), news.done, news.total),
            phase => bar.at(phase.name(), news.done, news.total),
        }
        if let Some(end) = news.end {
            return Ok(Ended { end, findings, count: news.findings_count });
        }
    }
}

/// Prints what a verification found, a row each, of [`FINDINGS`]. With any the command ends with 3.
///
/// # Errors
/// Where nobody reads rows any more; pass it on.
pub fn print_findings(host: &mut Host, findings: &[Finding], count: u64) -> Result<(), Failure> {
    for finding in findings {
        host.row(&json!({
            "check": finding.check, "place": finding.place, "column": finding.column,
            "expected": finding.expected, "found": finding.found,
        }))?;
    }
    host.flush()?;
    let shown = u64::try_from(findings.len()).unwrap_or(u64::MAX);
    if count > shown {
        host.note(&format!("there are {count} differences; these are the first {shown}"));
    }
    if count > 0 {
        host.finding();
    }
    Ok(())
}

/// A length of time for a person: `1.25 s`.
#[must_use]
pub fn seconds(elapsed_ms: u64) -> String {
    format!("{}.{:02} s", elapsed_ms / 1_000, elapsed_ms % 1_000 / 10)
}

/// A job ends with its connection.
fn lost(failure: Failure) -> Failure {
    match failure.code {
        Code::NotFound => {
            Failure::new(Code::TryAgain, "the connection to atmd broke, and the work ended with it")
        }
        _ => failure,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_that_went_with_its_connection_is_begun_again() {
        assert_eq!(lost(Failure::new(Code::NotFound, "")).code, Code::TryAgain);
        assert_eq!(lost(Failure::new(Code::Denied, "")).code, Code::Denied);
    }

    #[test]
    fn times_have_two_decimals() {
        assert_eq!([0, 9, 1_250, 61_005].map(seconds), ["0.00 s", "0.00 s", "1.25 s", "61.00 s"]);
    }
}
