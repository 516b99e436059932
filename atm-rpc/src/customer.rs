//! The service for customers (ALPN `atm/1`, postcard).
//!
//! One connection has at most one session: `login` or `resume` binds it, and every later call acts
//! for that customer. Calls that change something carry a [`RequestKey`]; repeating one with the
//! same key and payload gives the same outcome with `replayed` set, and acts once.

use crate::error::{Rejection, ServiceError};
use crate::types::action::Action;
use crate::types::code::{self, OneTimeCode};
use crate::types::key::{RequestKey, ResumeToken, Seq, SessionId};
use crate::types::mobile::MobileNumber;
use crate::types::money::{Currency, Money};
use crate::types::pin::{Pin, on_wire};
use crate::types::terminal::TerminalName;
use crate::types::time::{BusinessDate, Timestamp};
use serde::{Deserialize, Serialize};
use std::fmt;

/// The version of this service. It is part of the ALPN name.
pub const PROTOCOL: u16 = 1;
/// The most lines a mini statement has.
pub const STATEMENT_LINES_MAX: u16 = 50;

/// What customers can ask of atmd. `lookup`, `register`, `login` and `redeem` are answered with `Closed` where the bank
/// lets nobody in.
#[tarpc::service(derive = [serde::Serialize, serde::Deserialize])]
pub trait Customer {
    /// Who answers, and the rules of the bank that a client can explain beforehand.
    async fn version() -> ServerInfo;

    /// Whether a number has an account. Limited by peer; [`Standing::Undisclosed`] where the bank
    /// does not say.
    async fn lookup(mobile: MobileNumber) -> Result<Standing, ServiceError>;

    /// Opens an account for a new number.
    ///
    /// Rejections: `KeyConflict KeyClosed RegistrationClosed Blacklisted AlreadyRegistered WeakPin`.
    async fn register(key: RequestKey, credentials: Credentials) -> Result<Receipt, ServiceError>;

    /// Begins a session on this connection. With the right PIN, older sessions above the bank's
    /// bound are taken over.
    ///
    /// Rejections: `Blacklisted`, `WrongPin`, and with the right PIN `AccountClosed`. Answers to wrong PINs come
    /// after a multiple of a fixed delay, and do not tell whether the number has an account.
    async fn login(credentials: Credentials, terminal: TerminalName) -> Result<Session, ServiceError>;

    /// Goes on with a session over this connection; the one it had before loses it.
    ///
    /// Errors: `Unauthenticated` with why the session ended. Rejections: `Blacklisted`.
    async fn resume(token: ResumeToken) -> Result<Session, ServiceError>;

    /// What the account has.
    async fn balance() -> Result<Balance, ServiceError>;

    /// Takes cash.
    ///
    /// Rejections: `KeyConflict KeyClosed Blacklisted AccountClosed DebitBlocked ZeroAmount BelowMinimum
    /// AboveMaximum NotAMultiple InsufficientFunds VaultShort`.
    async fn withdraw(key: RequestKey, amount: Money) -> Result<Receipt, ServiceError>;

    /// Brings cash.
    ///
    /// Rejections: `KeyConflict KeyClosed Blacklisted AccountClosed CreditBlocked ZeroAmount AboveMaximum
    /// BalanceLimit`.
    async fn deposit(key: RequestKey, amount: Money) -> Result<Receipt, ServiceError>;

    /// The customer's newest entries, newest first, `count` at the most (1 to 50).
    async fn statement(count: u16) -> Result<Vec<StatementLine>, ServiceError>;

    /// What became of a request of this customer.
    ///
    /// Where nothing did, the key is closed by this call: a late copy of the request is rejected,
    /// so the answer stays true for as long as the bank keeps rejections (30 days unless configured).
    async fn outcome(key: RequestKey) -> Result<KeyOutcome, ServiceError>;

    /// Chooses a new PIN. The current one is verified first, and a wrong one counts as at log-in.
    ///
    /// Rejections: `KeyConflict KeyClosed Blacklisted AccountClosed WrongPin WeakPin SamePin`.
    async fn change_pin(key: RequestKey, change: PinChange) -> Result<Receipt, ServiceError>;

    /// Ends the session. The connection may log in again.
    async fn exit() -> Result<(), ServiceError>;

    /// Chooses a PIN by a one-time code of the bank, without the old one; all sessions end, and the code with them.
    ///
    /// A wrong code counts and is answered as a wrong PIN is at log-in, also where the number has neither code nor
    /// account. Only what was done is kept under the key.
    ///
    /// Rejections: `KeyConflict KeyClosed Blacklisted WrongPin`, and with the right code `AccountClosed WeakPin`.
    async fn redeem(
        key: RequestKey,
        redemption: Redemption,
        terminal: TerminalName,
    ) -> Result<Receipt, ServiceError>;

    /// Why nobody is let in at the moment; nothing where customers are. Whoever is told `Closed` may ask, without a
    /// session.
    async fn notice() -> Result<Option<Notice>, ServiceError>;
}

/// Why nobody is let in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    /// The reason, in the bank's words: one line.
    pub reason: String,
    /// Since when.
    pub since: Timestamp,
}

/// Who answers, and the bank's rules.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServerInfo {
    /// Version of atmd.
    pub version: String,
    /// Version of the service.
    pub protocol: u16,
    /// 16 random bytes of this bank, made when its database was: a client's pending request is
    /// settled with the bank it was meant for.
    pub bank: [u8; 16],
    /// Currency of all amounts.
    pub currency: Currency,
    /// Smallest withdrawal.
    pub withdraw_min: Money,
    /// Largest withdrawal.
    pub withdraw_max: Money,
    /// Withdrawals are multiples of this.
    pub withdraw_multiple: Money,
    /// Largest amount of one deposit.
    pub amount_max: Money,
    /// Whether new numbers may register themselves.
    pub open_registration: bool,
}

/// Whether a number has an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Standing {
    /// It has one.
    Registered,
    /// It has none and may register.
    New,
    /// The bank does not say.
    Undisclosed,
}

/// A number and its PIN.
#[derive(Clone, Serialize, Deserialize)]
pub struct Credentials {
    /// The number.
    pub mobile: MobileNumber,
    /// Its PIN.
    #[serde(with = "on_wire")]
    pub pin: Pin,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").field("mobile", &self.mobile).finish_non_exhaustive()
    }
}

/// The current PIN and the one to come.
#[derive(Clone, Serialize, Deserialize)]
pub struct PinChange {
    /// The current PIN.
    #[serde(with = "on_wire")]
    pub current: Pin,
    /// The new PIN.
    #[serde(with = "on_wire")]
    pub new: Pin,
}

impl fmt::Debug for PinChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PinChange").finish_non_exhaustive()
    }
}

/// A one-time code and the PIN that is chosen by it.
#[derive(Clone, Serialize, Deserialize)]
pub struct Redemption {
    /// The number.
    pub mobile: MobileNumber,
    /// The bank's code.
    #[serde(with = "code::on_wire")]
    pub code: OneTimeCode,
    /// The new PIN.
    #[serde(with = "on_wire")]
    pub new: Pin,
}

impl fmt::Debug for Redemption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Redemption").field("mobile", &self.mobile).finish_non_exhaustive()
    }
}

/// A session that began or goes on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// Its name in logs and ledgers.
    pub id: SessionId,
    /// What resumes it, over another connection or after atmd was started again.
    pub token: ResumeToken,
    /// When it began.
    pub started_at: Timestamp,
    /// It ends after this time without a request.
    pub idle_timeout_ms: u64,
    /// It ends at this instant in any case.
    pub ends_at: Timestamp,
    /// Older sessions that this log-in ended.
    pub taken_over: u32,
    /// Wrong PINs since the last right one. Zero when resumed.
    pub failures_before: u32,
}

/// What an account has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Balance {
    /// Everything booked.
    pub posted: Money,
    /// What may be withdrawn: posted less what is reserved.
    pub available: Money,
}

/// What was done: enough to print a receipt, and found again under the request's key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// The entry in the journal.
    pub reference: Seq,
    /// What was done.
    pub action: Action,
    /// When.
    pub recorded_at: Timestamp,
    /// The accounting day.
    pub business_date: BusinessDate,
    /// The customer's number, masked.
    pub masked_number: String,
    /// The amount; zero where none moved.
    pub amount: Money,
    /// The customer's balance after it.
    pub balance: Money,
    /// The terminal; `None` where no session was open yet.
    pub terminal: Option<TerminalName>,
    /// Whether this outcome is a repeat: it was decided when the key was first used.
    pub replayed: bool,
}

/// One line of the mini statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatementLine {
    /// The entry in the journal.
    pub reference: Seq,
    /// When.
    pub recorded_at: Timestamp,
    /// What.
    pub action: Action,
    /// The amount; `None` where none moved.
    pub amount: Option<Money>,
    /// The balance after it.
    pub balance: Money,
}

/// What became of a request key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum KeyOutcome {
    /// It was done.
    Done(Receipt),
    /// The bank said no.
    Rejected(Rejection),
    /// Nothing was applied, and nothing ever will be under this key.
    NotApplied,
}
