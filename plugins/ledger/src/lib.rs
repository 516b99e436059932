//! The commands of `atmctl ledger`: whether the books are what they were, and ledgers written anew.
//!
//! atmd does the work; the keys are its own. This begins it, shows how far it is, and prints what came of it.

use atm_plugin_sdk::job::{Ended, FINDINGS, follow, print_findings, seconds};
use atm_plugin_sdk::{Column, Command, Host};
use atm_rpc::operator::Capability;
use atm_rpc::operator::ledger::{JobEnd, RebuiltLedger, Verified};
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
    Command::rows("verify", "atmctl.ledger.verify/1", FINDINGS).needs(READ).examples(&["", HEAD]),
    Command::rows("rebuild", "atmctl.ledger.rebuild/1", REBUILT)
        .needs(&[Capability::DaemonControl])
        .changes()
        .examples(&[""]),
];

const HEAD: &str = "--head 12:00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";
const READ: &[Capability] = &[Capability::LedgerRead, Capability::AccountsPii];
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
    let Ended { end, findings, count } = follow(host, begun).await?;
    match end {
        JobEnd::Verified(verified) => {
            print_findings(host, &findings, count)?;
            sum_up(host, &verified);
            Ok(())
        }
        JobEnd::Rebuilt(ledgers) => ledgers.iter().try_for_each(|ledger| rebuilt_row(host, ledger)),
        JobEnd::AuditVerified(_) => {
            Err(Failure::new(Code::Protocol, "atmd ended another job than was begun"))
        }
    }
}

fn sum_up(host: &Host, verified: &Verified) {
    let Verified { entries, audits, seals, accounts, ledger_bytes, elapsed_ms, head } = verified;
    let per_second = entries.saturating_mul(1_000) / elapsed_ms.max(&1);
    let seconds = seconds(*elapsed_ms);
    host.note(&format!(
        "{entries} entries in {seals} batches, {audits} audit rows, {accounts} accounts and {ledger_bytes} bytes of \
         ledgers in {seconds}, {per_second} entries a second"
    ));
    if let Some(head) = head {
        host.note(&format!("history ends at seal {head}"));
    }
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
}
