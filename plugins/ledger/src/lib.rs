//! The commands of `atmctl ledger`: whether the books are what they were, ledgers written anew, copies of the journal,
//! and the history of an older tool.
//!
//! atmd does the work; the keys are its own. This begins it, shows how far it is, and prints what came of it.

mod export;
mod import;

pub use export::{Format, Table};

use atm_plugin_sdk::job::{Ended, FINDINGS, follow, print_findings, seconds};
use atm_plugin_sdk::{Column, Command, Host};
use atm_rpc::operator::Capability;
use atm_rpc::operator::ledger::{JobEnd, RebuiltLedger, Verified};
use atm_rpc::plugin::{Code, Failure, Kind, parse_date};
use atm_rpc::types::time::Timestamp;
use export::Wish;
use import::Malformed;
use serde_json::json;
use std::path::PathBuf;

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
    /// Copy the journal, or what client.csv or bank.csv has of it, to a new file of CSV or Parquet.
    Export {
        /// Where to; a name that ends with .parquet says how, too.
        file: PathBuf,
        /// What of it.
        #[arg(long, value_enum, default_value = "journal")]
        table: Table,
        /// How; otherwise as the file's name says, or as CSV.
        #[arg(long, value_enum)]
        format: Option<Format>,
        /// Entries after this one alone: what the last copy ended with.
        #[arg(long)]
        after: Option<u64>,
        /// Entries of that day or instant and later ones alone.
        #[arg(long, value_parser = parse_date)]
        since: Option<Timestamp>,
        /// Entries before that day or instant alone.
        #[arg(long, value_parser = parse_date)]
        until: Option<Timestamp>,
    },
    /// Make an older tool's ledgers the history of this bank, which must have none; --dry-run shows the plan.
    Import {
        /// Its client.csv, which has the customers' balances.
        #[arg(long, required_unless_present = "bank")]
        client: Option<PathBuf>,
        /// Its bank.csv; with both, they must agree.
        #[arg(long)]
        bank: Option<PathBuf>,
        /// The zone of times that name none, such as Asia/Kolkata.
        #[arg(long)]
        zone: String,
        /// A word of the older tool and the action that it is here, as WORD=ACTION.
        #[arg(long = "word")]
        words: Vec<String>,
        /// Leave rows out that cannot be read, instead of doing nothing.
        #[arg(long)]
        skip_malformed: bool,
    },
}

/// What clap does not know about the commands.
pub const COMMANDS: &[Command] = &[
    Command::rows("verify", "atmctl.ledger.verify/1", FINDINGS).needs(READ).examples(&["", HEAD]),
    Command::rows("rebuild", "atmctl.ledger.rebuild/1", REBUILT)
        .needs(&[Capability::DaemonControl])
        .changes()
        .examples(&[""]),
    Command::rows("export", "atmctl.ledger.export/1", EXPORTED).needs(READ).writes(&["file"]).examples(&[
        "journal.parquet",
        "client.csv --table client",
        "january.csv --table bank --since 2026-01-01 --until 2026-02-01",
    ]),
    Command::rows("import", "atmctl.ledger.import/1", import::COLUMNS).needs(IMPORT).destroys().examples(&[
        "--client old/client.csv --zone Asia/Kolkata --word logout=exit",
        "--bank old/bank.csv --zone UTC",
    ]),
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
const IMPORT: &[Capability] = &[Capability::DaemonControl, Capability::AccountsPii];
const EXPORTED: &[Column] = &[
    Column::new("file", Kind::Text),
    Column::new("rows", Kind::Number),
    Column::new("bytes", Kind::Number),
    Column::new("first", Kind::Number),
    Column::new("last", Kind::Number),
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
        Ledger::Export { file, table, format, after, since, until } => {
            let wish = Wish { file: &file, table, format, after, since, until };
            let copied = export::export(host, &wish).await?;
            return host.row(&copied);
        }
        Ledger::Import { client, bank, zone, words, skip_malformed } => {
            let malformed = if skip_malformed { Malformed::LeftOut } else { Malformed::Refused };
            let (client, bank) = (client.as_deref(), bank.as_deref());
            let wish = import::Wish { client, bank, zone: &zone, words: &words, malformed };
            return import::import(host, &wish).await;
        }
    };
    let Ended { end, findings, count } = follow(host, begun).await?;
    match end {
        JobEnd::Verified(verified) => {
            print_findings(host, &findings, count)?;
            sum_up(host, &verified);
            Ok(())
        }
        JobEnd::Rebuilt(ledgers) => ledgers.iter().try_for_each(|ledger| rebuilt_row(host, ledger)),
        JobEnd::AuditVerified(_) | JobEnd::Imported(_) | JobEnd::BackedUp(_) => {
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
        let table = [
            ("verify", false, READ),
            ("rebuild", true, &[Capability::DaemonControl][..]),
            ("export", false, READ),
            ("import", true, IMPORT),
        ];
        assert_eq!(found, table);
    }
}
