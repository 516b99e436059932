//! How a command fails: its exit code, and what the person who asked is told.

use crate::error::{BadRequest, Conflict, ServiceError};
use serde::{Deserialize, Serialize};
use std::fmt;
use thiserror::Error;

macro_rules! codes {
    ($($(#[$doc:meta])* $variant:ident $name:literal $exit:literal,)+) => {
        /// How a command ended that did not do what it was asked for.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
        pub enum Code { $($(#[$doc])* #[serde(rename = $name)] $variant,)+ }

        impl Code {
            /// Every code there is.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// Its name in JSON.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)+ }
            }

            /// The exit code.
            #[must_use]
            pub const fn exit(self) -> u8 {
                match self { $(Self::$variant => $exit,)+ }
            }
        }
    };
}

codes! {
    /// It failed.
    Failed "failed" 1,
    /// It was asked for something that it does not offer.
    Usage "usage" 2,
    /// What it is about does not exist.
    NotFound "not_found" 4,
    /// What it should do does not go with what is there.
    Conflict "conflict" 5,
    /// atmd does not answer.
    Unreachable "unreachable" 69,
    /// The plugin crashed.
    Crashed "crashed" 70,
    /// Not now, but perhaps soon.
    TryAgain "try_again" 75,
    /// Somebody broke the protocol.
    Protocol "protocol" 76,
    /// The operator or the command lacks the right.
    Denied "denied" 77,
    /// The configuration is wrong or incomplete.
    Configuration "configuration" 78,
    /// The plugin must not be run.
    Refused "refused" 126,
    /// There is no such command.
    Unknown "unknown" 127,
    /// A person ended it.
    Interrupted "interrupted" 130,
}

/// Why a command did not do what it was asked for.
#[derive(Clone, Debug, PartialEq, Eq, Error, Serialize, Deserialize)]
#[error("{message}")]
pub struct Failure {
    /// What sort of failure.
    pub code: Code,
    /// What happened.
    pub message: String,
    /// What to do about it.
    #[serde(default)]
    pub hint: Option<String>,
}

impl Failure {
    /// A failure without a hint.
    pub fn new(code: Code, message: impl fmt::Display) -> Self {
        Self { code, message: message.to_string(), hint: None }
    }

    /// The same with a hint.
    #[must_use]
    pub fn hint(self, hint: impl fmt::Display) -> Self {
        Self { hint: Some(hint.to_string()), ..self }
    }
}

impl From<ServiceError> for Failure {
    fn from(error: ServiceError) -> Self {
        let told = |code| Self::new(code, error);
        match error {
            ServiceError::Rejected(_) => told(Code::Conflict),
            ServiceError::Unauthenticated(_) => {
                Self::new(Code::Denied, "atmd does not accept this operator (any more)")
                    .hint("ask an administrator whether the operator is enabled")
            }
            ServiceError::Forbidden(capability) => {
                told(Code::Denied).hint(format!("your role, or this command, does not have {capability}"))
            }
            ServiceError::ReadOnly => told(Code::Denied),
            ServiceError::NotFound => told(Code::NotFound),
            ServiceError::BadRequest(BadRequest::Widening) => told(Code::Denied),
            ServiceError::BadRequest(what) => Self::new(Code::Usage, what),
            ServiceError::Busy { .. } | ServiceError::Unavailable | ServiceError::Closed { .. } => {
                told(Code::TryAgain)
            }
            // Operators' calls have no keys to ask with.
            ServiceError::OutcomeUnknown => {
                Self::new(Code::TryAgain, "atmd went away before it answered: it may be done, or not at all")
                    .hint("see what is so now, or run it again: a repeat does no harm")
            }
            ServiceError::Conflict(conflict) => Self::new(Code::Conflict, conflict).hint(way_out(conflict)),
            ServiceError::Internal(_) => told(Code::Failed).hint("atmd's log has the details"),
        }
    }
}

/// What to do about a conflict.
const fn way_out(conflict: Conflict) -> &'static str {
    match conflict {
        Conflict::OperatorKey => {
            "choose another name, or disable this operator first; its name can then be added with the new key"
        }
        Conflict::OperatorRole => {
            "to change the role, disable this operator and add the name again with a new key and the other role"
        }
        Conflict::KeyDisabled => "add the name again with a new key: give a FILE that is not there yet",
        Conflict::KeyTaken => "each operator has a key of its own: give a FILE that is not there yet",
        Conflict::LastAdmin => "add another admin first",
        Conflict::AccountClosed => "a closed account stays closed; its number cannot be registered again",
        Conflict::NotEmpty { .. } => {
            "the customer has to take all of it first; `atmctl account show` tells the balance"
        }
        Conflict::Blacklisted => "take it off first: `atmctl account unblock NUMBER --reason TEXT`",
        Conflict::Staged { .. } => "the connection was renewed between the parts: run the import again",
        Conflict::NotFresh { .. } => {
            "begin a new bank for it: another `[server] data_dir`, and an empty database"
        }
        Conflict::DiskFull => {
            "make room there: a backup needs as much as the database has, until it is fetched"
        }
        Conflict::Oneself => "if you mean yourself, say so: --myself",
    }
}

/// The line by which a command with rows tells that it failed: the last one, with an exit code
/// other than zero.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailureLine {
    /// Why.
    pub atmctl_error: Failure,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outcome_that_nobody_knows_is_told_in_words_of_operators() {
        let failure = Failure::from(ServiceError::OutcomeUnknown);
        assert_eq!(failure.code, Code::TryAgain);
        assert!(!failure.message.contains("key") && failure.hint.is_some(), "{failure:?}");
    }
}
