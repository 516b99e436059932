//! Errors as they cross the wire: small, closed, without free text of the server's inside.
//!
//! A [`Rejection`] is the bank's 'no', decided and final. Everything else in [`ServiceError`] says
//! what the caller may rely on: whether something was applied, and whether to ask again.

use crate::operator::Capability;
use crate::operator::legacy::LegacyFault;
use crate::types::key::IncidentId;
use crate::types::money::Money;
use crate::types::pin::WeakPin;
use crate::types::time::Timestamp;
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// A business 'no'. The variants stand in their order of precedence: where several apply, the
/// first is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rejection {
    /// The request key was used before, for another request or by another customer.
    KeyConflict,
    /// The key was asked about before a request under it arrived, and was closed then:
    /// nothing was applied under it, and nothing ever will be.
    KeyClosed,
    /// Only the bank registers new customers.
    RegistrationClosed,
    /// The number is on the blacklist, for good or until that instant.
    Blacklisted {
        /// When the number may log in again; `None`: when the bank takes it off.
        until: Option<Timestamp>,
    },
    /// The account was closed.
    AccountClosed,
    /// The bank lets no money out of this account.
    DebitBlocked,
    /// The bank lets no money into this account.
    CreditBlocked,
    /// The number has an account already.
    AlreadyRegistered,
    /// The PIN is wrong.
    WrongPin {
        /// Wrong PINs that are left before the number is put on the blacklist.
        attempts_left: u32,
    },
    /// The chosen PIN is too easy to guess.
    WeakPin(WeakPin),
    /// The new PIN is the old one.
    SamePin,
    /// The amount is zero.
    ZeroAmount,
    /// Less than one movement may have.
    BelowMinimum {
        /// The smallest amount.
        minimum: Money,
    },
    /// More than one movement may have.
    AboveMaximum {
        /// The largest amount.
        maximum: Money,
    },
    /// Not a multiple of what the machine pays.
    NotAMultiple {
        /// The step.
        multiple: Money,
        /// The nearest smaller amount that would pass this rule; zero where there is none.
        below: Money,
    },
    /// More than the account has.
    InsufficientFunds {
        /// What is available.
        available: Money,
        /// The largest withdrawal that would pass now; zero where there is none.
        largest: Money,
    },
    /// More than the bank's vault has.
    VaultShort {
        /// The largest withdrawal that would pass now; zero where there is none.
        largest: Money,
    },
    /// The balance would grow beyond what the ledger can count.
    BalanceLimit,
}

/// Why the connection has no session, or has it no longer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SessionEnd {
    /// Nobody logged in on this connection.
    NotLoggedIn,
    /// No session has that token.
    Unknown,
    /// The customer left.
    Exited,
    /// A newer log-in took over.
    TakenOver,
    /// The session goes on over another connection.
    ResumedElsewhere,
    /// No request came for too long.
    Idle,
    /// The session reached its greatest length.
    TooLong,
    /// The number was put on the blacklist.
    Blacklisted,
    /// The operator was disabled, or its certificate is not known.
    OperatorUnknown,
    /// A one-time code was used: the customer chose a new PIN without the old one.
    PinReset,
    /// The account was closed.
    AccountClosed,
    /// The bank lets nobody in, and the time it left to sessions is over.
    Drained,
}

/// What a service answers instead of a result.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ServiceError {
    /// The bank says no. Nothing moved.
    #[error("rejected: {0:?}")]
    Rejected(Rejection),
    /// There is no session, or it ended. Nothing was applied.
    #[error("no session: {0:?}")]
    Unauthenticated(SessionEnd),
    /// The caller lacks this right. Nothing was applied.
    #[error("not allowed: needs {0}")]
    Forbidden(Capability),
    /// The connection is narrowed to reading, or to deciding without effect. Nothing was applied.
    #[error("this connection may not change anything")]
    ReadOnly,
    /// A name, number or row that the request is about does not exist.
    #[error("not found")]
    NotFound,
    /// A field of the request is not acceptable.
    #[error("bad request: {0}")]
    BadRequest(BadRequest),
    /// Too much at once; nothing was counted and nothing applied. Ask again after that time.
    #[error("busy, try again in {retry_after_ms} ms")]
    Busy {
        /// How long to wait.
        retry_after_ms: u32,
    },
    /// The service cannot act now. Nothing was applied.
    #[error("unavailable, nothing was applied")]
    Unavailable,
    /// Whether it was applied is not known. Ask again with the same key.
    #[error("the outcome is not known, ask again with the same key")]
    OutcomeUnknown,
    /// Something failed. Nothing was applied. The log has the details under this name.
    #[error("internal error, incident {0}")]
    Internal(IncidentId),
    /// What an operator asks for does not go with what is there. Nothing was applied.
    #[error("conflict: {0}")]
    Conflict(Conflict),
    /// The bank lets nobody in at the moment; its notice says why. Nothing was counted and nothing applied.
    #[error("nobody is let in, try again in {retry_after_ms} ms")]
    Closed {
        /// How long to wait before asking again.
        retry_after_ms: u32,
    },
}

/// What an operator's request does not go with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Conflict {
    /// The name is that of an enabled operator with another key.
    #[error("an operator of this name is there, with another key")]
    OperatorKey,
    /// The name is that of an enabled operator with this key and another role.
    #[error("this operator is there, with another role")]
    OperatorRole,
    /// The operator was disabled, and its key with it.
    #[error("this key was disabled together with its operator")]
    KeyDisabled,
    /// Another operator has this key.
    #[error("another operator has this key")]
    KeyTaken,
    /// Without this operator nobody could enable one again.
    #[error("this is the last admin who is enabled")]
    LastAdmin,
    /// It is the operator who asks.
    #[error("this is the operator who asks")]
    Oneself,
    /// The account was closed, and stays so.
    #[error("the account is closed, for good")]
    AccountClosed,
    /// An account is closed at a balance of zero alone.
    #[error("the account is not empty: only one with a balance of zero and nothing reserved can be closed")]
    NotEmpty {
        /// What it has.
        posted: Money,
        /// What of it is reserved.
        pending: Money,
    },
    /// The number is on the blacklist.
    #[error("the number is on the blacklist")]
    Blacklisted,
    /// Fewer or more rows are here than the caller says.
    #[error("of the rows that were sent {staged} are here, which are not those that were meant")]
    Staged {
        /// How many are here.
        staged: u64,
    },
    /// A history can only begin a bank.
    #[error(
        "this bank has a history of {entries} entries, and an older one can only be imported into a bank that has none"
    )]
    NotFresh {
        /// How many entries its journal has.
        entries: u64,
    },
    /// atmd has no space for what it would make.
    #[error("the disk of atmd's data directory is full")]
    DiskFull,
}

/// Which field of an operator's request is not acceptable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BadRequest {
    /// A reason is 1 to 200 characters without control characters.
    #[error("a reason is 1 to 200 characters without control characters")]
    Reason,
    /// The expiry is not in the future.
    #[error("the expiry must be in the future")]
    Until,
    /// A connection can be narrowed, never widened.
    #[error("this connection is narrowed already and cannot be widened")]
    Widening,
    /// A name is too long or has control characters.
    #[error("a name is 1 to 64 characters without control characters")]
    Name,
    /// A page that is asked for does not follow one that was given.
    #[error("a page is asked for by the `next` of the page before it")]
    Cursor,
    /// Rows come in parts that are not empty and not too many.
    #[error("an import has 1 to 100000 rows, in parts of at most 500")]
    Rows,
    /// Rows of an older ledger come in parts that are not empty and not too many.
    #[error("an import of a ledger has 1 to 1000000 rows, in parts of at most 1000")]
    LegacyRows,
    /// A row of an older ledger cannot be an entry.
    #[error("line {line}: {fault}")]
    LegacyRow {
        /// The row's `line`.
        line: u64,
        /// Why not.
        fault: LegacyFault,
    },
    /// A one-time code is good for some time, and not for ever.
    #[error("a one-time code is good for 1 minute to 30 days")]
    CodeTtl,
    /// A seal head is its id and its hash, as the log tells them.
    #[error("a seal head is ID:HEX, the seal and its mac as the log tells them")]
    SealHead,
    /// An operator's name is in lower case, so that no two look alike.
    #[error(
        "an operator's name is 1 to 32 of a-z, 0-9, '.', '_' and '-', begins with a letter, and is not atmd"
    )]
    OperatorName,
    /// A request for a certificate is PKCS #10 in PEM, signed with the key that is to be certified.
    #[error(
        "a request for a certificate is PKCS #10 in PEM, signed with its own key: ECDSA P-256 or P-384, or Ed25519"
    )]
    SigningRequest,
    /// A drain leaves sessions some time, and not for ever.
    #[error("a deadline is 1 millisecond to 7 days from now")]
    Deadline,
}
