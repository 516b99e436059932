//! Rights on the operator service, and which role has them.

use serde::{Deserialize, Serialize};
use std::fmt;

macro_rules! capabilities {
    ($($(#[$doc:meta])* $variant:ident $name:literal,)+) => {
        /// A right on the operator service.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum Capability { $($(#[$doc])* #[serde(rename = $name)] $variant,)+ }

        impl Capability {
            /// Every capability there is.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// Its name, such as `blacklist:write`.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)+ }
            }
        }
    };
}

capabilities! {
    /// Health and version.
    StatusRead "status:read",
    /// Figures of the process and its work.
    MetricsRead "metrics:read",
    /// The journal.
    LedgerRead "ledger:read",
    /// Customers' accounts, numbers masked.
    AccountsRead "accounts:read",
    /// The blacklist.
    BlacklistRead "blacklist:read",
    /// The audit log.
    AuditRead "audit:read",
    /// Numbers in full.
    AccountsPii "accounts:pii",
    /// Changing accounts.
    AccountsWrite "accounts:write",
    /// Changing the blacklist.
    BlacklistWrite "blacklist:write",
    /// Loading and counting cash.
    CashWrite "cash:write",
    /// Closing a business date.
    DayClose "day:close",
    /// Adding and disabling operators.
    OperatorsWrite "operators:write",
    /// Reloading, draining and stopping atmd.
    DaemonControl "daemon:control",
    /// Taking backups.
    BackupRead "backup:read",
}

impl fmt::Display for Capability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// What an operator may do, by role; each role has what the one before it has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Looks, with numbers masked.
    Viewer,
    /// Helps customers.
    Operator,
    /// Runs the service.
    Admin,
}

impl Role {
    /// The rights of the role.
    #[must_use]
    pub const fn capabilities(self) -> &'static [Capability] {
        let all = Capability::ALL;
        match self {
            Self::Viewer => all.split_at(6).0,
            Self::Operator => all.split_at(11).0,
            Self::Admin => all,
        }
    }

    /// The role's name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Operator => "operator",
            Self::Admin => "admin",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::{Capability, Role};

    #[test]
    fn each_role_has_what_the_one_before_it_has() {
        assert_eq!(Role::Viewer.capabilities().last(), Some(&Capability::AuditRead));
        assert_eq!(Role::Operator.capabilities().last(), Some(&Capability::DayClose));
        assert_eq!(Role::Admin.capabilities(), Capability::ALL);
        assert!(Role::Operator.capabilities().starts_with(Role::Viewer.capabilities()));
    }
}
