//! The commands of `atmctl audit`: what operators did and what they were refused, and whether the audit log is what it
//! was.

use atm_plugin_sdk::job::{Ended, FINDINGS, follow, print_findings, seconds};
use atm_plugin_sdk::{Column, Command, Host};
use atm_rpc::operator::audit::{AuditEntry, AuditFilter, AuditFrom, Outcome};
use atm_rpc::operator::ledger::{AuditVerified, JobEnd};
use atm_rpc::operator::{Capability, PAGE_ROWS_MAX};
use atm_rpc::plugin::{Code, Failure, Kind, parse_date};
use atm_rpc::types::time::Timestamp;
use clap::ValueEnum;
use serde_json::json;

/// What operators did, and what they were refused.
#[derive(Debug, clap::Parser)]
#[command(name = "audit", version)]
pub enum Audit {
    /// Rows of the audit log, newest first.
    List {
        /// Only those of this operator.
        #[arg(long)]
        operator: Option<String>,
        /// Only those of this method, such as blacklist_add.
        #[arg(long)]
        method: Option<String>,
        /// Only those that came to this.
        #[arg(long)]
        result: Option<Came>,
        /// Only those since that day or instant.
        #[arg(long, value_parser = parse_date)]
        since: Option<Timestamp>,
        /// No more than so many.
        #[arg(long)]
        limit: Option<u32>,
    },
    /// Check every row of the audit log and the chain of seals; ends with 3 where something differs.
    Verify {
        /// A seal head from atmd's log, ID:HEX; history must still have it.
        #[arg(long)]
        head: Option<String>,
    },
}

/// What a call came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Came {
    /// It was done, and something is different.
    Done,
    /// Everything was so already.
    Unchanged,
    /// It was refused.
    Refused,
    /// It was begun and did not come to its end.
    Failed,
}

impl From<Came> for Outcome {
    fn from(came: Came) -> Self {
        match came {
            Came::Done => Self::Done,
            Came::Unchanged => Self::Unchanged,
            Came::Refused => Self::Refused,
            Came::Failed => Self::Failed,
        }
    }
}

/// What clap does not know about the commands.
pub const COMMANDS: &[Command] = &[
    Command::rows("list", "atmctl.audit.list/1", ROW)
        .needs(READ)
        .values(&[("operator", "OperatorList", "name")])
        .examples(&["", "--operator root --since 2026-01-31", "--result refused --limit 20"]),
    Command::rows("verify", "atmctl.audit.verify/1", FINDINGS).needs(READ).examples(&["", HEAD]),
];

const HEAD: &str = "--head 12:00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";
const READ: &[Capability] = &[Capability::AuditRead];
const ROW: &[Column] = &[
    Column::new("id", Kind::Number),
    Column::new("at", Kind::Date),
    Column::new("operator", Kind::Text),
    Column::new("role", Kind::Choice),
    Column::new("method", Kind::Text),
    Column::new("arguments", Kind::Text),
    Column::new("result", Kind::Text),
    Column::new("command", Kind::Text),
    Column::new("plugin", Kind::Text),
    Column::new("plugin_version", Kind::Text),
    Column::new("plugin_digest", Kind::Text),
    Column::new("capabilities", Kind::Text),
];

/// Runs a command.
///
/// # Errors
/// What atmd says.
pub async fn work(command: Audit, host: &mut Host) -> Result<(), Failure> {
    match command {
        Audit::List { operator, method, result, since, limit } => {
            let filter = AuditFilter { operator, method, outcome: result.map(Outcome::from), since };
            list(host, &filter, limit.unwrap_or(u32::MAX)).await
        }
        Audit::Verify { head } => verify(host, head).await,
    }
}

async fn list(host: &mut Host, filter: &AuditFilter, mut left: u32) -> Result<(), Failure> {
    let mut from = AuditFrom::Newest;
    while left > 0 {
        let rows = left.min(PAGE_ROWS_MAX);
        let page =
            host.call(async |atmd, context| atmd.audit_list(context, filter.clone(), from, rows).await);
        let page = page.await?;
        page.rows.iter().try_for_each(|entry| row(host, entry))?;
        host.flush()?;
        left = left.saturating_sub(u32::try_from(page.rows.len()).unwrap_or(u32::MAX));
        match page.rows.last() {
            Some(last) if page.more => from = AuditFrom::Before(last.id),
            _ => return Ok(()),
        }
    }
    Ok(())
}

async fn verify(host: &mut Host, head: Option<String>) -> Result<(), Failure> {
    let begun = host.call(async |atmd, context| atmd.audit_verify(context, head).await).await?;
    let Ended { end, findings, count } = follow(host, begun).await?;
    let JobEnd::AuditVerified(AuditVerified { audits, seals, elapsed_ms, head }) = end else {
        return Err(Failure::new(Code::Protocol, "atmd ended another job than was begun"));
    };
    print_findings(host, &findings, count)?;
    host.note(&format!("{audits} rows of the audit log and {seals} seals in {}", seconds(elapsed_ms)));
    if let Some(head) = head {
        host.note(&format!("history ends at seal {head}"));
    }
    Ok(())
}

fn row(host: &mut Host, entry: &AuditEntry) -> Result<(), Failure> {
    host.row(&json!({
        "id": entry.id, "at": entry.at, "operator": entry.operator, "role": entry.role,
        "method": entry.method, "arguments": entry.arguments, "result": entry.result,
        "command": entry.command, "plugin": entry.plugin, "plugin_version": entry.plugin_version,
        "plugin_digest": entry.plugin_digest, "capabilities": entry.capabilities,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_and_the_parser_agree() {
        let description = atm_plugin_sdk::describe::<Audit>(COMMANDS).unwrap();
        assert!(description.commands.iter().all(|command| !command.changes && command.capabilities == READ));
    }

    #[test]
    fn results_are_those_that_atmd_knows() {
        let known: Vec<Outcome> = Came::value_variants().iter().map(|came| Outcome::from(*came)).collect();
        assert_eq!(known, Outcome::ALL);
    }
}
