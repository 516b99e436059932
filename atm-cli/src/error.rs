//! Why a run stops short of what was asked. Explained to people in `explain`, and only there.

use crate::settings::SettingsError;
use crate::state::{Record, StateError};
use atm_rpc::client::CustomerError;
use atm_rpc::error::ServiceError;
use std::io;
use thiserror::Error as ThisError;

/// Why a run, or one step of it, did not end with a result.
#[derive(Debug, ThisError)]
pub(crate) enum Error {
    /// What was typed cannot be used.
    #[error("{message}")]
    Usage {
        /// What is wrong.
        message: String,
        /// What to do instead.
        hint: &'static str,
    },
    /// The server, its CA or a settings file.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// The notes of pending requests.
    #[error(transparent)]
    State(#[from] StateError),
    /// The bank's answer, or that there is none. Nothing was applied.
    #[error(transparent)]
    Call(CustomerError),
    /// The bank lets nobody in at the moment. Nothing was applied.
    #[error("the bank lets nobody in")]
    Closed {
        /// Why, where the bank says so.
        reason: Option<String>,
        /// When to ask again.
        retry_after_ms: u32,
    },
    /// The one-time code is wrong.
    #[error("wrong code")]
    WrongCode {
        /// Attempts that are left.
        attempts_left: u32,
    },
    /// No answer to a question that changes nothing.
    #[error("no answer in time")]
    NoAnswer,
    /// A request was sent and no answer came.
    #[error("the outcome is not known")]
    Unknown(Record),
    /// This machine remembers no request of the number.
    #[error("nothing is remembered")]
    NothingRemembered,
    /// Ctrl-C or SIGTERM; with the request that was under way.
    #[error("interrupted")]
    Interrupted(Option<Record>),
    /// `exit` was typed.
    #[error("left")]
    Left,
    /// The input ended.
    #[error("the input ended")]
    EndOfInput,
    /// One prompt was answered wrongly too often.
    #[error("wrong too often")]
    TooOften,
    /// The input cannot be read.
    #[error("cannot read the input: {0}")]
    Input(io::Error),
    /// The output cannot be written.
    #[error("cannot write the output: {0}")]
    Output(io::Error),
    /// It was done, and its receipt cannot be written.
    #[error("cannot write the receipt: {0}")]
    Receipt(io::Error),
}

impl Error {
    /// A failed call that changes nothing.
    pub(crate) fn reading(error: CustomerError) -> Self {
        match error {
            CustomerError::OutcomeUnknown | CustomerError::Service(ServiceError::OutcomeUnknown) => {
                Self::NoAnswer
            }
            CustomerError::NotResumed(no) => Self::Call(CustomerError::Service(ServiceError::Rejected(no))),
            other => Self::Call(other),
        }
    }

    /// A failed call that would have done what `record` says.
    pub(crate) fn changing(error: CustomerError, record: &Record) -> Self {
        match error {
            CustomerError::OutcomeUnknown | CustomerError::Service(ServiceError::OutcomeUnknown) => {
                Self::Unknown(record.clone())
            }
            CustomerError::NotResumed(no) => Self::Call(CustomerError::Service(ServiceError::Rejected(no))),
            other => Self::Call(other),
        }
    }

    /// The same, of a request that was done.
    pub(crate) fn after_it_was_done(self) -> Self {
        match self {
            Self::Output(error) => Self::Receipt(error),
            other => other,
        }
    }

    /// The bank's answer, where that is what went wrong.
    pub(crate) const fn service(&self) -> Option<ServiceError> {
        match self {
            Self::Call(CustomerError::Service(error)) => Some(*error),
            _ => None,
        }
    }
}
