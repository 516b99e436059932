//! What can be asked of the ledger, and the answers.

use crate::ledger::book::{Book, KeyRecord, PinHash, ResetCode};
use crate::ledger::entry::PayloadHash;
use crate::ledger::operators::{NewKey, Renewal, Standing};
use crate::ledger::{Now, Rules};
use atm_rpc::customer::{KeyOutcome, Receipt};
use atm_rpc::error::{Rejection, ServiceError, SessionEnd};
use atm_rpc::operator::Role;
use atm_rpc::operator::account::{AccountChange, Block};
use atm_rpc::operator::blacklist::{BlacklistChange, BlacklistImported};
use atm_rpc::operator::legacy::{LedgerImported, LegacyRow};
use atm_rpc::operator::operators::Oneself;
use atm_rpc::types::account::AccountId;
use atm_rpc::types::key::{RequestKey, SessionId};
use atm_rpc::types::mobile::MobileNumber;
use atm_rpc::types::money::Money;
use atm_rpc::types::pin::WeakPin;
use atm_rpc::types::terminal::TerminalName;
use atm_rpc::types::time::Timestamp;
use std::borrow::Cow;

/// Who asks: a session, on the connection that has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Caller {
    /// The session.
    pub session: SessionId,
    /// The connection's turn; an older one than the session's has lost it.
    pub attachment: i32,
    /// Whose session.
    pub account: AccountId,
}

/// Which way the cash goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Out of the vault.
    Withdraw,
    /// Into the vault.
    Deposit,
}

/// A movement of cash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Movement {
    /// Who asks.
    pub caller: Caller,
    /// Under which key.
    pub key: RequestKey,
    /// Hash of the request.
    pub payload: PayloadHash,
    /// Which way.
    pub direction: Direction,
    /// How much.
    pub amount: Money,
}

/// A registration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registration {
    /// The number.
    pub number: MobileNumber,
    /// Under which key.
    pub key: RequestKey,
    /// Hash of the request.
    pub payload: PayloadHash,
    /// The PIN, or why it is refused.
    pub pin: Result<PinHash, WeakPin>,
}

/// What a verified PIN turned out to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verified {
    /// Not the customer's.
    Wrong,
    /// The one whose hash has this salt.
    Right {
        /// Tells whether it is still the customer's when this is decided.
        salt: [u8; 16],
    },
}

/// Why a new PIN is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unfit {
    /// Too easy to guess.
    Weak(WeakPin),
    /// It is the old one.
    Same,
}

/// A change of PIN, after the current one was verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PinOrder {
    /// Who asks.
    pub caller: Caller,
    /// Under which key.
    pub key: RequestKey,
    /// Hash of the request.
    pub payload: PayloadHash,
    /// What the current PIN turned out to be.
    pub verified: Verified,
    /// The new PIN, or why it is refused.
    pub new: Result<PinHash, Unfit>,
}

/// An attempt to show a PIN, before anything is hashed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// Against which number.
    pub number: MobileNumber,
    /// For a change of PIN: whose session, and the request's key and hash.
    pub change: Option<(Caller, RequestKey, PayloadHash)>,
}

/// A PIN chosen by a one-time code that was right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RedeemOrder {
    /// The number.
    pub number: MobileNumber,
    /// Under which key.
    pub key: RequestKey,
    /// Hash of the request.
    pub payload: PayloadHash,
    /// Salt of the hash that the code was verified against.
    pub salt: [u8; 16],
    /// Where.
    pub terminal: TerminalName,
    /// The new PIN, or why it is refused.
    pub new: Result<PinHash, WeakPin>,
}

/// A log-in whose PIN was right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoginOrder {
    /// The number.
    pub number: MobileNumber,
    /// Salt of the hash that the PIN was verified against.
    pub salt: [u8; 16],
    /// The PIN hashed anew, where the parameters of the bank changed.
    pub rehashed: Option<PinHash>,
    /// Hash of the token that will resume the session.
    pub token: [u8; 32],
    /// Where.
    pub terminal: TerminalName,
}

/// What an operator does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OperatorAct {
    /// Puts a number on the blacklist.
    BlacklistAdd {
        /// Which.
        number: MobileNumber,
        /// Why.
        reason: String,
        /// Until when; `None` is for good.
        until: Option<Timestamp>,
        /// Whether the answer shows the number masked.
        masked: bool,
    },
    /// Takes a number off the blacklist.
    BlacklistRemove {
        /// Which.
        number: MobileNumber,
        /// Why.
        reason: String,
        /// Whether the answer shows the number masked.
        masked: bool,
    },
    /// Lets somebody in.
    OperatorAdd(NewKey),
    /// Knows an operator by a new certificate of its key.
    OperatorRenew(Renewal),
    /// Lets an operator in no longer.
    OperatorDisable {
        /// Its name.
        name: String,
        /// Whether it may be the one who asks.
        oneself: Oneself,
    },
    /// Puts many numbers on the blacklist, all of them or none.
    BlacklistImport {
        /// Which.
        rows: Vec<Listing>,
    },
    /// Makes an older tool's rows the history of a bank that has none.
    LedgerImport {
        /// The rows, in their order.
        rows: Vec<LegacyRow>,
        /// A PIN that nobody knows, which customers have until they choose one.
        pin: Box<PinHash>,
        /// Whether the answer shows numbers masked.
        masked: bool,
    },
    /// Changes an account.
    Account {
        /// Whose.
        number: MobileNumber,
        /// How.
        act: Box<AccountAct>,
        /// Whether the answer shows the number masked.
        masked: bool,
    },
    /// Was refused. Leaves a row in the audit log, and nothing else.
    Refused(ServiceError),
    /// Did something outside the database, and what came of it. Leaves a row in the audit log, and nothing
    /// else.
    Noted(String),
}

/// A number that is to be on the blacklist.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listing {
    /// Which.
    pub number: MobileNumber,
    /// Why.
    pub reason: String,
    /// Until when; `None` is for good.
    pub until: Option<Timestamp>,
}

/// What an operator does to an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AccountAct {
    /// Opens it.
    Open {
        /// A PIN that nobody knows.
        pin: PinHash,
        /// The code by which the customer chooses one.
        code: ResetCode,
    },
    /// Lets no money out, or in.
    Block(Block),
    /// Clears every bar there is.
    Unblock {
        /// Why, for the history of the blacklist.
        reason: String,
    },
    /// Gives a code by which the customer chooses a new PIN.
    ResetPin {
        /// The code.
        code: ResetCode,
    },
    /// Closes it, for good.
    Close,
}

/// Who did something, for the audit log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditDraft {
    /// The operator's name.
    pub operator: String,
    /// The operator's role.
    pub role: Role,
    /// The command that ran, in the host's words.
    pub command: Option<String>,
    /// Name, version and digest of the plugin, in the host's words.
    pub plugin: Option<(String, String, String)>,
    /// The rights that the connection had.
    pub capabilities: String,
    /// The method that was called.
    pub method: Cow<'static, str>,
    /// Its arguments; numbers masked.
    pub arguments: String,
}

/// A row of the audit log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Audit {
    /// Its place: dense, from 1.
    pub id: i64,
    /// When.
    pub at: Timestamp,
    /// Who and what.
    pub draft: AuditDraft,
    /// `done`, `unchanged`, or why it was refused.
    pub result: String,
}

/// An operator to be added.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewOperator {
    /// Its place: dense, from 1.
    pub id: i64,
    /// The name.
    pub name: String,
    /// The role.
    pub role: Role,
    /// SHA-256 of the certificate.
    pub fingerprint: [u8; 32],
    /// When.
    pub created_at: Timestamp,
}

/// How far a file derived from the journal is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// On which node.
    pub node: String,
    /// Which file.
    pub file: String,
    /// The first entry that it may not have.
    pub next_seq: i64,
    /// Its length in bytes up to there.
    pub byte_length: i64,
}

/// Everything that the writer does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// A deposit or withdrawal.
    Move(Movement),
    /// A new customer.
    Register(Registration),
    /// A new PIN.
    ChangePin(PinOrder),
    /// What became of a key; closes it where nothing did.
    Outcome {
        /// Who asks.
        caller: Caller,
        /// The key.
        key: RequestKey,
    },
    /// Counts an attempt, or refuses it.
    BeginAttempt(Attempt),
    /// Counts a wrong PIN of a log-in.
    FailAttempt {
        /// Whose PIN.
        number: MobileNumber,
        /// Where.
        terminal: Option<TerminalName>,
    },
    /// Counts an attempt to show a one-time code, or refuses it.
    BeginRedeem {
        /// Whose code.
        number: MobileNumber,
        /// Under which key.
        key: RequestKey,
        /// Hash of the request.
        payload: PayloadHash,
    },
    /// Sets the PIN that was chosen by a right one-time code.
    Redeem(RedeemOrder),
    /// Begins a session.
    Login(LoginOrder),
    /// Goes on with a session over another connection.
    Resume {
        /// Hash of the token.
        token: [u8; 32],
    },
    /// Notes a sign of life.
    Touch {
        /// Of which session.
        session: SessionId,
    },
    /// Ends a session that was idle or too long.
    EndSession {
        /// Whose; without effect where it goes on over another connection.
        caller: Caller,
        /// Why.
        reason: SessionEnd,
    },
    /// Ends a session at the customer's wish.
    Exit {
        /// Whose.
        caller: Caller,
    },
    /// What an operator does, with its row of the audit log.
    Operate {
        /// Who.
        audit: AuditDraft,
        /// What.
        act: OperatorAct,
    },
    /// How far a derived file is.
    Checkpoint(Checkpoint),
    /// Forgets the keys of requests that were rejected before an instant.
    ForgetRejections {
        /// The instant.
        before: Timestamp,
    },
    /// Opens the bank.
    Found {
        /// Cash in the vault.
        opening_vault: Money,
        /// The first operator.
        root: NewOperator,
    },
}

impl Request {
    /// Rows of an import that it brings: what makes a batch long that is not stuck.
    #[must_use]
    pub fn imported_rows(&self) -> u64 {
        let rows = match self {
            Self::Operate { act: OperatorAct::LedgerImport { rows, .. }, .. } => rows.len(),
            Self::Operate { act: OperatorAct::BlacklistImport { rows }, .. } => rows.len(),
            _ => 0,
        };
        u64::try_from(rows).unwrap_or(u64::MAX)
    }
}

/// What a request that was not refused gets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It was done, and there is nothing to say.
    Done,
    /// Something was done under a key.
    Receipt(Receipt),
    /// What became of a key.
    Outcome(KeyOutcome),
    /// The PIN may be hashed and compared with this.
    Verify(PinHash),
    /// The number has no one-time code that is good; what is shown is wrong.
    NoCode,
    /// The number has no account; the attempt counts elsewhere.
    Stranger,
    /// A session began or goes on.
    Session {
        /// Who it is from now on.
        caller: Caller,
        /// When it began.
        started_at: Timestamp,
        /// Sessions that it took over.
        taken_over: u32,
        /// Wrong PINs before the right one.
        failures_before: u32,
    },
    /// What a change of the blacklist did.
    Blacklist(BlacklistChange),
    /// What became of an operator.
    Operator(Standing),
    /// What many of them did.
    Imported(BlacklistImported),
    /// What a change of an account did.
    Account(AccountChange),
    /// What became of an older tool's history.
    History(Box<LedgerImported>),
}

impl Answer {
    /// Whether an operator's act changed anything, where the answer tells.
    #[must_use]
    pub const fn changed(&self) -> Option<bool> {
        match self {
            Self::Blacklist(change) => Some(change.changed),
            Self::Operator(standing) => Some(standing.changed),
            Self::Imported(imported) => Some(imported.changed),
            Self::Account(change) => Some(change.changed),
            Self::History(imported) => Some(imported.changed),
            _ => None,
        }
    }
}

/// Looks a key up before every other rule. `None`: it was never used.
pub(super) fn replay(
    book: &Book,
    account: AccountId,
    key: RequestKey,
    payload: &PayloadHash,
) -> Option<Result<Answer, ServiceError>> {
    Some(match book.keys.get(&key)? {
        KeyRecord::Applied(entry) if entry.request.is_some_and(|(_, kept)| kept == *payload) => {
            Ok(Answer::Receipt(entry.receipt(true)))
        }
        KeyRecord::Rejected { account: whose, rejection: Rejection::KeyClosed, .. } if *whose == account => {
            Err(ServiceError::Rejected(Rejection::KeyClosed))
        }
        KeyRecord::Rejected { payload: kept, rejection, .. } if kept == payload => {
            Err(ServiceError::Rejected(*rejection))
        }
        _ => Err(ServiceError::Rejected(Rejection::KeyConflict)),
    })
}

/// Answers what became of a key, and closes it where nothing did.
pub(super) fn outcome(
    book: &mut Book,
    caller: Caller,
    key: RequestKey,
    rules: &Rules,
    now: Now,
) -> Result<Answer, ServiceError> {
    let outcome = match book.keys.get(&key) {
        Some(KeyRecord::Applied(entry)) if entry.customer == Some(caller.account) => {
            KeyOutcome::Done(entry.receipt(true))
        }
        Some(KeyRecord::Rejected { account, rejection, .. }) if *account == caller.account => match rejection
        {
            Rejection::KeyClosed => KeyOutcome::NotApplied,
            rejection => KeyOutcome::Rejected(*rejection),
        },
        Some(_) => return Err(ServiceError::Rejected(Rejection::KeyConflict)),
        None => {
            super::login::check_session(book, caller, rules, now)?;
            book.keep_rejection((key, [0; 16]), caller.account, Rejection::KeyClosed, now);
            KeyOutcome::NotApplied
        }
    };
    Ok(Answer::Outcome(outcome))
}
