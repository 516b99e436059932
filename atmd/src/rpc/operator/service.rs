//! The methods of the service, each handed to the noun that it is about. The rules were asked before.

use super::Call;
use crate::verify::job::Scope;
use atm_rpc::error::ServiceError;
use atm_rpc::operator::account::{
    AccountChange, AccountDetail, AccountFilter, AccountPage, Block, CodeIssued, Explained,
};
use atm_rpc::operator::audit::{AuditFilter, AuditFrom, AuditPage};
use atm_rpc::operator::backup::{Keys, Part};
use atm_rpc::operator::blacklist::{
    BlacklistChange, BlacklistEntry, BlacklistEventPage, BlacklistImported, BlacklistListing, BlacklistPage,
};
use atm_rpc::operator::daemon::{DrainChange, Reloaded};
use atm_rpc::operator::journal::JournalPage;
use atm_rpc::operator::ledger::{JobNews, JobStart};
use atm_rpc::operator::legacy::LegacyRow;
use atm_rpc::operator::metrics::{Metrics, MetricsHistory};
use atm_rpc::operator::operators::{Oneself, OperatorChange, OperatorPage};
use atm_rpc::operator::{Narrow, Operator, Role, Status, Whoami};
use atm_rpc::types::key::Seq;
use atm_rpc::types::mobile::MobileNumber;
use atm_rpc::types::time::Timestamp;
use tarpc::context::Context;

impl Operator for Call {
    async fn whoami(self, _: Context) -> Result<Whoami, ServiceError> {
        Ok(self.rights.whoami(self.services().currency))
    }

    async fn narrow(self, _: Context, to: Narrow) -> Result<Whoami, ServiceError> {
        self.narrow_connection(to).await
    }

    async fn status(self, _: Context) -> Result<Status, ServiceError> {
        self.tell_status().await
    }

    async fn metrics(self, _: Context) -> Result<Metrics, ServiceError> {
        self.tell_metrics()
    }

    async fn metrics_history(
        self,
        _: Context,
        since: Option<Timestamp>,
        after: Option<u64>,
        rows: u32,
    ) -> Result<MetricsHistory, ServiceError> {
        Ok(self.tell_history(since, after, rows))
    }

    async fn blacklist_list(
        self,
        _: Context,
        after: Option<i64>,
        rows: u32,
    ) -> Result<BlacklistPage, ServiceError> {
        self.list_blacklist(after, rows).await
    }

    async fn blacklist_show(self, _: Context, mobile: MobileNumber) -> Result<BlacklistEntry, ServiceError> {
        self.show_blacklisted(mobile).await
    }

    async fn blacklist_add(
        self,
        _: Context,
        mobile: MobileNumber,
        reason: String,
        until: Option<Timestamp>,
    ) -> Result<BlacklistChange, ServiceError> {
        self.add_to_blacklist(mobile, reason, until).await
    }

    async fn blacklist_remove(
        self,
        _: Context,
        mobile: MobileNumber,
        reason: String,
    ) -> Result<BlacklistChange, ServiceError> {
        self.remove_from_blacklist(mobile, reason).await
    }

    async fn blacklist_history(
        self,
        _: Context,
        mobile: Option<MobileNumber>,
        after: Option<i64>,
        rows: u32,
    ) -> Result<BlacklistEventPage, ServiceError> {
        self.blacklist_events(mobile, after, rows).await
    }

    async fn blacklist_stage(
        self,
        _: Context,
        first: u64,
        rows: Vec<BlacklistListing>,
    ) -> Result<u64, ServiceError> {
        self.stage(first, rows).await
    }

    async fn blacklist_import(self, _: Context, rows: u64) -> Result<BlacklistImported, ServiceError> {
        self.import_blacklist(rows).await
    }

    async fn account_list(
        self,
        _: Context,
        filter: Option<AccountFilter>,
        after: Option<String>,
        rows: u32,
    ) -> Result<AccountPage, ServiceError> {
        self.list_accounts(filter.unwrap_or_default(), after, rows).await
    }

    async fn account_show(self, _: Context, mobile: MobileNumber) -> Result<AccountDetail, ServiceError> {
        self.show_account(mobile).await
    }

    async fn account_open(
        self,
        _: Context,
        mobile: MobileNumber,
        reason: String,
        code_ttl_ms: u64,
    ) -> Result<CodeIssued, ServiceError> {
        self.open_account(mobile, &reason, code_ttl_ms).await
    }

    async fn account_block(
        self,
        _: Context,
        mobile: MobileNumber,
        block: Block,
        reason: String,
    ) -> Result<AccountChange, ServiceError> {
        self.block_account(mobile, block, &reason).await
    }

    async fn account_unblock(
        self,
        _: Context,
        mobile: MobileNumber,
        reason: String,
    ) -> Result<AccountChange, ServiceError> {
        self.unblock_account(mobile, reason).await
    }

    async fn account_reset_pin(
        self,
        _: Context,
        mobile: MobileNumber,
        reason: String,
        code_ttl_ms: u64,
    ) -> Result<CodeIssued, ServiceError> {
        self.reset_pin(mobile, &reason, code_ttl_ms).await
    }

    async fn account_close(
        self,
        _: Context,
        mobile: MobileNumber,
        reason: String,
    ) -> Result<AccountChange, ServiceError> {
        self.close_account(mobile, &reason).await
    }

    async fn journal_explain(self, _: Context, seq: Seq) -> Result<Explained, ServiceError> {
        self.explain(seq).await
    }

    async fn journal_page(
        self,
        _: Context,
        after: Option<Seq>,
        rows: u32,
    ) -> Result<JournalPage, ServiceError> {
        self.journal(after, rows).await
    }

    async fn ledger_verify(self, _: Context, head: Option<String>) -> Result<JobStart, ServiceError> {
        self.begin_verify(Scope::Everything, head)
    }

    async fn ledger_rebuild(self, _: Context) -> Result<JobStart, ServiceError> {
        Ok(self.begin_rebuild())
    }

    async fn ledger_stage(self, _: Context, first: u64, rows: Vec<LegacyRow>) -> Result<u64, ServiceError> {
        self.stage_history(first, rows).await
    }

    async fn ledger_import(self, _: Context, rows: u64) -> Result<JobStart, ServiceError> {
        self.begin_import(rows).await
    }

    async fn job_news(self, _: Context, after: u64) -> Result<JobNews, ServiceError> {
        self.news(after).await
    }

    async fn job_cancel(self, _: Context) -> Result<bool, ServiceError> {
        Ok(self.cancel().await)
    }

    async fn operator_list(
        self,
        _: Context,
        after: Option<i64>,
        rows: u32,
    ) -> Result<OperatorPage, ServiceError> {
        self.list_operators(after, rows).await
    }

    async fn operator_add(
        self,
        _: Context,
        name: String,
        role: Role,
        request: String,
    ) -> Result<OperatorChange, ServiceError> {
        self.add_operator(name, role, request).await
    }

    async fn operator_disable(
        self,
        _: Context,
        name: String,
        oneself: Oneself,
    ) -> Result<OperatorChange, ServiceError> {
        self.disable_operator(name, oneself).await
    }

    async fn operator_renew(self, _: Context, name: String) -> Result<OperatorChange, ServiceError> {
        self.renew_operator(name).await
    }

    async fn audit_list(
        self,
        _: Context,
        filter: AuditFilter,
        from: AuditFrom,
        rows: u32,
    ) -> Result<AuditPage, ServiceError> {
        self.list_audit(filter, from, rows).await
    }

    async fn audit_verify(self, _: Context, head: Option<String>) -> Result<JobStart, ServiceError> {
        self.begin_verify(Scope::AuditLog, head)
    }

    async fn daemon_reload(self, _: Context) -> Result<Reloaded, ServiceError> {
        self.reload().await
    }

    async fn daemon_drain(
        self,
        _: Context,
        reason: String,
        deadline_ms: Option<u64>,
    ) -> Result<DrainChange, ServiceError> {
        self.drain(reason, deadline_ms).await
    }

    async fn daemon_undrain(self, _: Context) -> Result<DrainChange, ServiceError> {
        self.undrain().await
    }

    async fn backup_create(self, _: Context, keys: Keys) -> Result<JobStart, ServiceError> {
        Ok(self.begin_backup(keys))
    }

    async fn backup_read(self, _: Context, member: u32, offset: u64) -> Result<Part, ServiceError> {
        self.read_backup(member, offset).await
    }
}
