//! What is printed, one JSON object each.

use crate::told::told;
use atm_plugin_sdk::Host;
use atm_rpc::operator::account::{AccountChange, AccountDetail, AccountRow, CodeIssued, Explained};
use atm_rpc::plugin::Failure;
use atm_rpc::types::money::Currency;
use serde_json::json;

pub(crate) fn account_row(host: &mut Host, row: &AccountRow) -> Result<(), Failure> {
    host.row(&json!({
        "number": row.number, "state": row.state, "balance": row.posted_minor,
        "blacklisted": row.blacklisted, "opened_at": row.opened_at, "last_entry": row.last_entry,
    }))
}

pub(crate) fn detail_row(host: &mut Host, detail: &AccountDetail) -> Result<(), Failure> {
    let terminals: Vec<&str> = detail.sessions.iter().map(|session| session.terminal.as_str()).collect();
    let listed = detail.blacklist.as_ref();
    host.row(&json!({
        "number": detail.number, "state": detail.state, "balance": detail.posted_minor,
        "available": detail.posted_minor.saturating_sub(detail.pending_minor),
        "opened_at": detail.opened_at, "last_entry": detail.last_entry, "failures": detail.failures,
        "sessions": detail.sessions.len(),
        "terminals": (!terminals.is_empty()).then(|| terminals.join(", ")),
        "seen_at": detail.sessions.iter().map(|session| session.seen_at).max(),
        "blacklisted": listed.is_some(), "blacklist_reason": listed.map(|entry| &entry.reason),
        "blacklist_actor": listed.map(|entry| &entry.actor),
        "blacklist_until": listed.and_then(|entry| entry.until), "code_until": detail.code_until,
    }))
}

pub(crate) fn change_row(host: &mut Host, change: &AccountChange) -> Result<(), Failure> {
    let bars: Vec<&str> = change.bars.iter().map(|bar| bar.name()).collect();
    host.row(&json!({
        "number": change.number, "changed": change.changed, "state": change.state,
        "bars": (!bars.is_empty()).then(|| bars.join(", ")), "sessions_ended": change.sessions_ended,
        "dry_run": change.dry_run,
    }))
}

pub(crate) fn code_row(host: &mut Host, issued: &CodeIssued) -> Result<(), Failure> {
    let CodeIssued { change, code, until } = issued;
    host.row(&json!({
        "number": change.number, "changed": change.changed, "state": change.state, "code": code,
        "until": until, "dry_run": change.dry_run,
    }))
}

pub(crate) fn explained_row(
    host: &mut Host,
    explained: &Explained,
    currency: Currency,
) -> Result<(), Failure> {
    let (moved, session) = (explained.moved.as_ref(), explained.session);
    host.row(&json!({
        "seq": explained.seq, "told": told(explained, currency), "recorded_at": explained.recorded_at,
        "business_date": explained.business_date, "action": explained.action, "number": explained.number,
        "amount": moved.map(|moved| moved.amount.minor()), "debit": moved.map(|moved| &moved.debit),
        "credit": moved.map(|moved| &moved.credit),
        "balance_before": explained.customer.map(|balance| balance.before_minor),
        "balance_after": explained.customer.map(|balance| balance.after_minor),
        "vault_before": explained.vault.before_minor, "vault_after": explained.vault.after_minor,
        "session": session.map(|session| session.id),
        "session_started_at": session.map(|session| session.started_at),
        "elapsed_ms": session.map(|session| session.elapsed_ms.max(0)), "terminal": explained.terminal,
        "request_key": explained.request_key, "reverses": explained.reverses,
        "previous": explained.previous, "seal": explained.seal.id, "sealed_at": explained.seal.sealed_at,
    }))
}
