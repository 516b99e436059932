//! What the audit log has of a call's arguments: enough to know what was asked, numbers masked, and no secret.

use atm_rpc::operator::OperatorRequest;
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
        OperatorRequest::Whoami {}
        | OperatorRequest::Status {}
        | OperatorRequest::BlacklistList { .. }
        | OperatorRequest::LedgerVerify { .. }
        | OperatorRequest::LedgerRebuild {}
        | OperatorRequest::JobNews { .. }
        | OperatorRequest::JobCancel {} => String::new(),
    }
}

fn end(until: Option<Timestamp>) -> String {
    until.map_or_else(|| "for good".to_owned(), |until| until.to_string())
}
