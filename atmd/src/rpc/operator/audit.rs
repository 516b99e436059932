//! The audit log for operators.

use super::{Call, page, row_count};
use crate::ledger::request::Audit;
use crate::rpc::unreadable;
use atm_rpc::error::ServiceError;
use atm_rpc::operator::audit::{AuditEntry, AuditFilter, AuditFrom, AuditPage};

impl Call {
    pub(super) async fn list_audit(
        &self,
        filter: AuditFilter,
        from: AuditFrom,
        rows: u32,
    ) -> Result<AuditPage, ServiceError> {
        let (limit, count) = row_count(rows);
        let found = self.services().store.audit(&filter, from, limit).await.map_err(unreadable)?;
        let (found, more) = page(found, count);
        Ok(AuditPage { rows: found.into_iter().map(entry).collect(), more })
    }
}

fn entry(audit: Audit) -> AuditEntry {
    let Audit { id, at, draft, result } = audit;
    let (plugin, plugin_version, plugin_digest) = match draft.plugin {
        Some((name, version, digest)) => (Some(name), Some(version), Some(digest)),
        None => (None, None, None),
    };
    AuditEntry {
        id,
        at,
        operator: draft.operator,
        role: draft.role,
        command: draft.command,
        plugin,
        plugin_version,
        plugin_digest,
        capabilities: draft.capabilities,
        method: draft.method.into_owned(),
        arguments: draft.arguments,
        result,
    }
}
