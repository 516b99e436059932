//! What each method of the operator service needs, in one table: atmd asks it before a call comes to its handler.
//!
//! The table is a `match` over the service's own enums, so a method without a rule does not build.

use super::{Capability, Mode, OperatorRequest, OperatorResponse};
use crate::error::{BadRequest, ServiceError};
use std::collections::BTreeSet;

/// Whether a method changes something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// It looks, and leaves everything as it was.
    Looks,
    /// It changes something: refused in [`Mode::Read`], and without effect in [`Mode::DryRun`].
    Changes,
}

/// When in the life of a connection a method may be called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// At any time.
    Always,
    /// Only as long as the connection was not narrowed.
    BeforeNarrowing,
}

/// What a method needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rule {
    /// The right; `None` for what every operator may ask.
    pub needs: Option<Capability>,
    /// Whether it changes something.
    pub effect: Effect,
    /// When it may be called.
    pub stage: Stage,
}

impl Rule {
    const fn free() -> Self {
        Self { needs: None, effect: Effect::Looks, stage: Stage::Always }
    }

    const fn looks(needs: Capability) -> Self {
        Self { needs: Some(needs), ..Self::free() }
    }

    const fn changes(needs: Capability) -> Self {
        Self { effect: Effect::Changes, ..Self::looks(needs) }
    }

    const fn once(self) -> Self {
        Self { stage: Stage::BeforeNarrowing, ..self }
    }

    /// Whether a connection with these rights may call the method.
    ///
    /// # Errors
    /// The first of these that is the case: it was narrowed already, lacks the right, may not change anything.
    pub fn check(
        &self,
        capabilities: &BTreeSet<Capability>,
        mode: Mode,
        narrowed: Narrowed,
    ) -> Result<(), ServiceError> {
        if self.stage == Stage::BeforeNarrowing && narrowed == Narrowed::Yes {
            return Err(ServiceError::BadRequest(BadRequest::Widening));
        }
        if let Some(missing) = self.needs.filter(|needs| !capabilities.contains(needs)) {
            return Err(ServiceError::Forbidden(missing));
        }
        if self.effect == Effect::Changes && mode == Mode::Read {
            return Err(ServiceError::ReadOnly);
        }
        Ok(())
    }
}

/// Whether a connection was narrowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Narrowed {
    /// It has all that the operator's role has.
    No,
    /// It has some of it, for good.
    Yes,
}

macro_rules! methods {
    ($($method:ident $name:literal $rule:expr,)+) => {
        /// A method of the operator service.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[expect(missing_docs, reason = "each is told of where the service has it")]
        pub enum Method { $($method,)+ }

        impl Method {
            /// Every method there is.
            pub const ALL: &'static [Self] = &[$(Self::$method,)+];

            /// The method that is called.
            #[must_use]
            pub const fn of(call: &OperatorRequest) -> Self {
                match call { $(OperatorRequest::$method { .. } => Self::$method,)+ }
            }

            /// Its name, such as `blacklist_add`.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$method => $name,)+ }
            }

            /// What it needs.
            #[must_use]
            pub const fn rule(self) -> Rule {
                match self { $(Self::$method => $rule,)+ }
            }

            /// The error that an answer has.
            #[must_use]
            pub const fn error_of(response: &OperatorResponse) -> Option<&ServiceError> {
                match response { $(OperatorResponse::$method(result) => match result {
                    Ok(_) => None,
                    Err(error) => Some(error),
                },)+ }
            }

            /// Its answer where it was refused.
            #[must_use]
            pub const fn refused(self, error: ServiceError) -> OperatorResponse {
                match self { $(Self::$method => OperatorResponse::$method(Err(error)),)+ }
            }
        }
    };
}

methods! {
    Whoami "whoami" Rule::free(),
    Narrow "narrow" Rule::free().once(),
    Status "status" Rule::looks(Capability::StatusRead),
    Metrics "metrics" Rule::looks(Capability::MetricsRead),
    MetricsHistory "metrics_history" Rule::looks(Capability::MetricsRead),
    BlacklistList "blacklist_list" Rule::looks(Capability::BlacklistRead),
    BlacklistShow "blacklist_show" Rule::looks(Capability::BlacklistRead),
    BlacklistAdd "blacklist_add" Rule::changes(Capability::BlacklistWrite),
    BlacklistRemove "blacklist_remove" Rule::changes(Capability::BlacklistWrite),
    BlacklistHistory "blacklist_history" Rule::looks(Capability::BlacklistRead),
    BlacklistStage "blacklist_stage" Rule::changes(Capability::BlacklistWrite),
    BlacklistImport "blacklist_import" Rule::changes(Capability::BlacklistWrite),
    AccountList "account_list" Rule::looks(Capability::AccountsRead),
    AccountShow "account_show" Rule::looks(Capability::AccountsRead),
    AccountOpen "account_open" Rule::changes(Capability::AccountsWrite),
    AccountBlock "account_block" Rule::changes(Capability::AccountsWrite),
    AccountUnblock "account_unblock" Rule::changes(Capability::AccountsWrite),
    AccountResetPin "account_reset_pin" Rule::changes(Capability::AccountsWrite),
    AccountClose "account_close" Rule::changes(Capability::AccountsWrite),
    JournalExplain "journal_explain" Rule::looks(Capability::LedgerRead),
    JournalPage "journal_page" Rule::looks(Capability::LedgerRead),
    LedgerVerify "ledger_verify" Rule::looks(Capability::LedgerRead),
    LedgerRebuild "ledger_rebuild" Rule::changes(Capability::DaemonControl),
    LedgerStage "ledger_stage" Rule::changes(Capability::DaemonControl),
    LedgerImport "ledger_import" Rule::changes(Capability::DaemonControl),
    // These are about a job of the connection's own, which it needed a right to begin.
    JobNews "job_news" Rule::free(),
    JobCancel "job_cancel" Rule::free(),
    // The audit log names operators anyway.
    OperatorList "operator_list" Rule::looks(Capability::AuditRead),
    OperatorAdd "operator_add" Rule::changes(Capability::OperatorsWrite),
    OperatorDisable "operator_disable" Rule::changes(Capability::OperatorsWrite),
    OperatorRenew "operator_renew" Rule::changes(Capability::OperatorsWrite),
    AuditList "audit_list" Rule::looks(Capability::AuditRead),
    AuditVerify "audit_verify" Rule::looks(Capability::AuditRead),
    DaemonReload "daemon_reload" Rule::changes(Capability::DaemonControl),
    DaemonDrain "daemon_drain" Rule::changes(Capability::DaemonControl),
    DaemonUndrain "daemon_undrain" Rule::changes(Capability::DaemonControl),
    BackupCreate "backup_create" Rule::looks(Capability::BackupRead),
    BackupRead "backup_read" Rule::looks(Capability::BackupRead),
}

#[cfg(test)]
mod tests {
    use super::*;
    use tarpc::RequestName;

    #[test]
    fn methods_have_the_names_of_the_service() {
        let call = OperatorRequest::BlacklistList { after: None, rows: 1 };
        assert_eq!(call.name(), format!("Operator.{}", Method::of(&call).name()));
        for method in Method::ALL {
            let variant: String = method.name().split('_').map(capitalised).collect();
            assert_eq!(format!("{method:?}"), variant);
        }
    }

    fn capitalised(word: &str) -> String {
        word[..1].to_uppercase() + &word[1..]
    }

    #[test]
    fn the_first_obstacle_is_told() {
        let rule = Rule::changes(Capability::BlacklistWrite);
        let (none, write) = (BTreeSet::new(), BTreeSet::from([Capability::BlacklistWrite]));
        let forbidden = Err(ServiceError::Forbidden(Capability::BlacklistWrite));
        let widening = Err(ServiceError::BadRequest(BadRequest::Widening));
        let table = [
            (rule, &none, Mode::Read, Narrowed::No, forbidden),
            (rule, &write, Mode::Read, Narrowed::Yes, Err(ServiceError::ReadOnly)),
            (rule, &write, Mode::DryRun, Narrowed::Yes, Ok(())),
            (rule, &write, Mode::Change, Narrowed::Yes, Ok(())),
            (rule.once(), &none, Mode::Change, Narrowed::Yes, widening),
            (rule.once(), &write, Mode::Change, Narrowed::No, Ok(())),
            (Rule::free(), &none, Mode::Read, Narrowed::Yes, Ok(())),
        ];
        for (rule, capabilities, mode, narrowed, expected) in table {
            assert_eq!(rule.check(capabilities, mode, narrowed), expected, "{rule:?} {mode:?} {narrowed:?}");
        }
    }
}
