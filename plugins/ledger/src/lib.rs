//! The commands of `atmctl ledger`: whether the books are what they were, and ledgers written anew.
//!
//! atmd does the work; the keys are its own. This begins it, shows how far it is, and prints what came of it.

use atm_plugin_sdk::{Column, Command, Host};
use atm_rpc::operator::Capability;
use atm_rpc::operator::ledger::{Finding, JobEnd, JobStart, RebuiltLedger, Verified};
use atm_rpc::plugin::{Code, Failure, Kind};
use serde_json::json;

/// Whether the books are what they were.
#[derive(Debug, clap::Parser)]
#[command(name = "ledger", version)]
pub enum Ledger {
    /// Check every row of history, every balance, and the CSV ledgers; ends with 3 where something differs.
    Verify {
        /// A seal head from atmd's log, ID:HEX; history must still have it.
        #[arg(long)]
        head: Option<String>,
    },
    /// Write the CSV ledgers anew from the journal where they differ; the old file is kept.
    Rebuild,
}

/// What clap does not know about the commands.
pub const COMMANDS: &[Command] = &[
    Command::rows("verify", "atmctl.ledger.verify/1", FINDING).needs(READ).examples(&["", HEAD]),
    Command::rows("rebuild", "atmctl.ledger.rebuild/1", REBUILT)
        .needs(&[Capability::DaemonControl])
        .changes()
        .examples(&[""]),
];

const HEAD: &str = "--head 12:00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";
const READ: &[Capability] = &[Capability::LedgerRead, Capability::AccountsPii];
const FINDING: &[Column] = &[
    Column::new("check", Kind::Choice),
    Column::new("place", Kind::Text),
    Column::new("column", Kind::Text),
    Column::new("expected", Kind::Text),
    Column::new("found", Kind::Text),
];
const REBUILT: &[Column] = &[
    Column::new("file", Kind::Text),
    Column::new("changed", Kind::Boolean),
    Column::summed("rows", Kind::Number),
    Column::summed("bytes", Kind::Number),
    Column::new("kept_as", Kind::Text),
    Column::new("dry_run", Kind::Boolean),
];

/// Runs a command.
///
/// # Errors
/// What atmd says.
pub async fn work(command: Ledger, host: &mut Host) -> Result<(), Failure> {
    let begun = match command {
        Ledger::Verify { head } => {
            host.call(async |atmd, context| atmd.ledger_verify(context, head).await).await?
        }
        Ledger::Rebuild => host.call(async |atmd, context| atmd.ledger_rebuild(context).await).await?,
    };
    if let JobStart::Occupied { method, operator, since } = begun {
        let text = format!("{operator} began {method} at {since}, and there is one such job at a time");
        return Err(Failure::new(Code::TryAgain, text));
    }
    let (end, findings, count) = follow(host).await?;
    match end {
        JobEnd::Verified(verified) => {
            findings.iter().try_for_each(|finding| finding_row(host, finding))?;
            host.flush()?;
            sum_up(host, &verified, &findings, count);
            if count > 0 {
                host.finding();
            }
            Ok(())
        }
        JobEnd::Rebuilt(ledgers) => ledgers.iter().try_for_each(|ledger| rebuilt_row(host, ledger)),
    }
}

/// Waits for the job's end. Rows are printed only then: a bar and a table on one terminal go across each other.
async fn follow(host: &Host) -> Result<(JobEnd, Vec<Finding>, u64), Failure> {
    let bar = host.progress();
    let mut findings: Vec<Finding> = Vec::new();
    loop {
        let after = u64::try_from(findings.len()).unwrap_or(u64::MAX);
        let news = host.call(async |atmd, context| atmd.job_news(context, after).await).await;
        let news = news.map_err(lost)?;
        findings.extend(news.findings);
        bar.at(news.phase.name(), news.done, news.total);
        if let Some(end) = news.end {
            return Ok((end, findings, news.findings_count));
        }
    }
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

fn sum_up(host: &Host, verified: &Verified, findings: &[Finding], count: u64) {
    let Verified { entries, audits, seals, accounts, ledger_bytes, elapsed_ms, head } = verified;
    let per_second = entries.saturating_mul(1_000) / elapsed_ms.max(&1);
    let (seconds, hundredths) = (elapsed_ms / 1_000, elapsed_ms % 1_000 / 10);
    host.note(&format!(
        "{entries} entries in {seals} batches, {audits} audit rows, {accounts} accounts and {ledger_bytes} bytes of \
         ledgers in {seconds}.{hundredths:02} s, {per_second} entries a second"
    ));
    if let Some(head) = head {
        host.note(&format!("history ends at seal {head}"));
    }
    let shown = u64::try_from(findings.len()).unwrap_or(u64::MAX);
    if count > shown {
        host.note(&format!("there are {count} differences; these are the first {shown}"));
    }
}

fn finding_row(host: &mut Host, finding: &Finding) -> Result<(), Failure> {
    host.row(&json!({
        "check": finding.check, "place": finding.place, "column": finding.column,
        "expected": finding.expected, "found": finding.found,
    }))
}

fn rebuilt_row(host: &mut Host, ledger: &RebuiltLedger) -> Result<(), Failure> {
    let RebuiltLedger { file, changed, dry_run, rows, bytes, kept_as } = ledger;
    host.row(&json!({
        "file": file, "changed": changed, "rows": rows, "bytes": bytes, "kept_as": kept_as, "dry_run": dry_run,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_and_the_parser_agree() {
        let description = atm_plugin_sdk::describe::<Ledger>(COMMANDS).unwrap();
        let found: Vec<_> = description
            .commands
            .iter()
            .map(|command| (command.name.as_str(), command.changes, command.capabilities.as_slice()))
            .collect();
        let table = [("verify", false, READ), ("rebuild", true, &[Capability::DaemonControl][..])];
        assert_eq!(found, table);
    }

    #[test]
    fn a_job_that_went_with_its_connection_is_begun_again() {
        assert_eq!(lost(Failure::new(Code::NotFound, "")).code, Code::TryAgain);
        assert_eq!(lost(Failure::new(Code::Denied, "")).code, Code::Denied);
    }
}
