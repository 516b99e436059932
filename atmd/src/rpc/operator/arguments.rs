//! What the audit log has of a call's arguments: enough to know what was asked, numbers masked, and no secret.

use atm_rpc::operator::OperatorRequest;
use atm_rpc::operator::audit::AuditFilter;
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
        OperatorRequest::OperatorDisable { name, .. } => format!("name={name:?}"),
        OperatorRequest::AuditList { filter, .. } => listed(filter),
        OperatorRequest::Whoami {}
        | OperatorRequest::Status {}
        | OperatorRequest::BlacklistList { .. }
        | OperatorRequest::LedgerVerify { .. }
        | OperatorRequest::LedgerRebuild {}
        | OperatorRequest::OperatorList { .. }
        | OperatorRequest::AuditVerify { .. }
        | OperatorRequest::JobNews { .. }
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
