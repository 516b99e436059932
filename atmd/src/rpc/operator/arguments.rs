//! What the audit log has of a call's arguments: enough to know what was asked, numbers masked, and no secret.

use atm_rpc::operator::audit::AuditFilter;
use atm_rpc::operator::{OperatorRequest, REASON_LENGTH_MAX};
use atm_rpc::types::time::Timestamp;

/// The arguments of a call, as `name=value`.
pub(super) fn of(call: &OperatorRequest) -> String {
    match call {
        OperatorRequest::Narrow { to } => format!("mode={:?} command={:?}", to.mode, to.command),
        OperatorRequest::BlacklistShow { mobile } | OperatorRequest::BlacklistRemove { mobile, .. } => {
            format!("number={}", mobile.masked())
        }
        OperatorRequest::BlacklistAdd { mobile, until, .. } => {
            format!("number={} until={}", mobile.masked(), end(*until))
        }
        OperatorRequest::BlacklistHistory { mobile, .. } => {
            mobile.map_or_else(String::new, |mobile| format!("number={}", mobile.masked()))
        }
        OperatorRequest::OperatorAdd { name, role, .. } => format!("name={name:?} role={role}"),
        OperatorRequest::OperatorRenew { name } | OperatorRequest::OperatorDisable { name, .. } => {
            format!("name={name:?}")
        }
        OperatorRequest::AuditList { filter, .. } => listed(filter),
        OperatorRequest::BlacklistStage { first, rows } => format!("first={first} rows={}", rows.len()),
        OperatorRequest::LedgerStage { first, rows } => format!("first={first} rows={}", rows.len()),
        OperatorRequest::BlacklistImport { rows } | OperatorRequest::LedgerImport { rows } => {
            format!("rows={rows}")
        }
        OperatorRequest::AccountShow { mobile } => format!("number={}", mobile.masked()),
        OperatorRequest::AccountOpen { mobile, reason, code_ttl_ms }
        | OperatorRequest::AccountResetPin { mobile, reason, code_ttl_ms } => {
            format!("number={} code_ttl_ms={code_ttl_ms} reason={}", mobile.masked(), told(reason))
        }
        OperatorRequest::AccountBlock { mobile, block, reason } => {
            format!("number={} block={block:?} reason={}", mobile.masked(), told(reason))
        }
        OperatorRequest::AccountUnblock { mobile, reason }
        | OperatorRequest::AccountClose { mobile, reason } => {
            format!("number={} reason={}", mobile.masked(), told(reason))
        }
        OperatorRequest::JournalExplain { seq } => format!("seq={seq}"),
        OperatorRequest::JournalPage { after, rows } => {
            after.map_or_else(|| format!("rows={rows}"), |after| format!("after={after} rows={rows}"))
        }
        OperatorRequest::DaemonDrain { reason, deadline_ms } => {
            let reason = told(reason);
            deadline_ms
                .map_or_else(|| format!("reason={reason}"), |ms| format!("deadline_ms={ms} reason={reason}"))
        }
        OperatorRequest::BackupCreate { keys } => format!("keys={keys:?}"),
        OperatorRequest::BackupRead { member, offset } => format!("member={member} offset={offset}"),
        OperatorRequest::AccountList { .. }
        | OperatorRequest::Whoami {}
        | OperatorRequest::Status {}
        | OperatorRequest::Metrics {}
        | OperatorRequest::MetricsHistory { .. }
        | OperatorRequest::BlacklistList { .. }
        | OperatorRequest::LedgerVerify { .. }
        | OperatorRequest::LedgerRebuild {}
        | OperatorRequest::OperatorList { .. }
        | OperatorRequest::AuditVerify { .. }
        | OperatorRequest::JobNews { .. }
        | OperatorRequest::DaemonReload {}
        | OperatorRequest::DaemonUndrain {}
        | OperatorRequest::JobCancel {} => String::new(),
    }
}

fn end(until: Option<Timestamp>) -> String {
    until.map_or_else(|| "for good".to_owned(), |until| until.to_string())
}

fn listed(filter: &AuditFilter) -> String {
    let AuditFilter { operator, method, outcome, since } = filter;
    let parts = [
        operator.as_ref().map(|operator| format!("operator={operator:?}")),
        method.as_ref().map(|method| format!("method={method:?}")),
        outcome.map(|outcome| format!("outcome={}", outcome.name())),
        since.map(|since| format!("since={since}")),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join(" ")
}

/// A reason in quotes, without what a terminal would obey. One that is too long is refused, and cut here.
fn told(reason: &str) -> String {
    let shown: String = reason.chars().take(REASON_LENGTH_MAX).collect();
    format!("{shown:?}")
}
