//! What a connection may do, what is taken off it, and what the audit log has of it.

use super::Trace;
use crate::ledger::request::AuditDraft;
use crate::store::read::OperatorRow;
use atm_rpc::error::{BadRequest, ServiceError};
use atm_rpc::operator::rules::{Narrowed, Rule};
use atm_rpc::operator::{Capability, Mode, Narrow, PROTOCOL, Role, Whoami};
use atm_rpc::types::account::AccountId;
use atm_rpc::types::money::Currency;
use std::collections::BTreeSet;
use std::time::Duration;

/// The longest text that a host may give for a command, a plugin or a version.
const NAME_LENGTH_MAX: usize = 64;
/// The longest digest of a plugin.
const DIGEST_LENGTH_MAX: usize = 128;

/// What a connection may do.
#[derive(Clone, Debug)]
pub(super) struct Rights {
    operator: OperatorRow,
    capabilities: BTreeSet<Capability>,
    mode: Mode,
    narrow: Option<Narrow>,
}

impl Rights {
    /// All that the operator's role has; nothing for one who is disabled.
    pub(super) fn of(operator: OperatorRow) -> Self {
        let granted = if operator.enabled { operator.role.capabilities() } else { &[] };
        let capabilities = granted.iter().copied().collect();
        Self { operator, capabilities, mode: Mode::Change, narrow: None }
    }

    /// Whether they are those of this operator as it is now.
    pub(super) fn are_of(&self, operator: &OperatorRow) -> bool {
        operator.enabled && operator.role == self.operator.role && operator.name == self.operator.name
    }

    /// Whether a method of that rule may be called.
    pub(super) fn check(&self, rule: Rule) -> Result<(), ServiceError> {
        let narrowed = if self.narrow.is_some() { Narrowed::Yes } else { Narrowed::No };
        rule.check(&self.capabilities, self.mode, narrowed)
    }

    /// How long the connection lasts, where it was narrowed.
    pub(super) fn ttl(&self) -> Option<Duration> {
        self.narrow.as_ref().map(|narrow| Duration::from_millis(narrow.ttl_ms))
    }

    pub(super) fn operator_name(&self) -> &str {
        &self.operator.name
    }

    pub(super) const fn role(&self) -> Role {
        self.operator.role
    }

    pub(super) const fn mode(&self) -> Mode {
        self.mode
    }

    pub(super) fn sees_numbers(&self) -> bool {
        self.capabilities.contains(&Capability::AccountsPii)
    }

    pub(super) fn shown(&self, account: AccountId) -> String {
        match account.mobile() {
            Some(number) if self.sees_numbers() => number.full(),
            Some(number) => number.masked(),
            None => String::new(),
        }
    }

    pub(super) fn audit(&self, trace: Trace) -> AuditDraft {
        let Trace { method, arguments } = trace;
        let names: Vec<&str> = self.capabilities.iter().map(|capability| capability.name()).collect();
        let narrow = self.narrow.as_ref();
        let plugin = narrow.and_then(|narrow| narrow.plugin.clone());
        AuditDraft {
            operator: self.operator.name.clone(),
            role: self.operator.role,
            command: narrow.map(|narrow| narrow.command.clone()),
            plugin: plugin.map(|plugin| (plugin.name, plugin.version, plugin.digest)),
            capabilities: names.join(" "),
            method: method.into(),
            arguments,
        }
    }

    pub(super) fn whoami(&self, currency: Currency) -> Whoami {
        Whoami {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            protocol: PROTOCOL,
            currency,
            operator: self.operator.name.clone(),
            role: self.operator.role,
            capabilities: self.capabilities.iter().copied().collect(),
            mode: self.mode,
        }
    }

    /// These rights without those that `to` does not name.
    pub(super) fn narrowed(&self, to: Narrow) -> Result<Self, ServiceError> {
        let named = |text: &str| (1..=NAME_LENGTH_MAX).contains(&text.chars().count()) && is_plain(text);
        let plugin_named = to.plugin.as_ref().is_none_or(|plugin| {
            named(&plugin.name)
                && named(&plugin.version)
                && plugin.digest.len() <= DIGEST_LENGTH_MAX
                && is_plain(&plugin.digest)
        });
        if !named(&to.command) || !plugin_named {
            return Err(ServiceError::BadRequest(BadRequest::Name));
        }
        // The rules say so, too; but of two calls at once both may have passed them.
        if to.mode > self.mode || self.narrow.is_some() {
            return Err(ServiceError::BadRequest(BadRequest::Widening));
        }
        let asked: BTreeSet<Capability> = to.capabilities.iter().copied().collect();
        Ok(Self {
            operator: self.operator.clone(),
            capabilities: self.capabilities.intersection(&asked).copied().collect(),
            mode: to.mode,
            narrow: Some(to),
        })
    }
}

pub(super) fn is_plain(text: &str) -> bool {
    !text.chars().any(char::is_control)
}
