//! Tests of the ledger's decisions, and the small bank that they act on.
//!
//! - `rejections`: each 'no', and which one is given where several apply.
//! - `sessions`, `accounts`: scripts of log-ins, sessions, PINs and operators, played by `stage`.
//! - `model`: random requests against a naive model of the bank.
//! - `regressions`: mistakes that it once made.

mod accounts;
mod model;
mod operators;
mod regressions;
mod rejections;
mod sessions;
mod stage;

use crate::ledger::book::{Account, Book, PinHash, ResetCode};
use crate::ledger::entry::PayloadHash;
use crate::ledger::request::{
    AccountAct, Answer, Attempt, AuditDraft, Caller, Direction, LoginOrder, Movement, NewOperator,
    OperatorAct, PinOrder, RedeemOrder, Registration, Request, Unfit, Verified,
};
use crate::ledger::{Now, Rules, decide};
use atm_rpc::error::ServiceError;
use atm_rpc::operator::Role;
use atm_rpc::types::account::{AccountId, AccountState};
use atm_rpc::types::key::RequestKey;
use atm_rpc::types::mobile::MobileNumber;
use atm_rpc::types::money::Money;
use atm_rpc::types::pin::WeakPin;
use atm_rpc::types::terminal::TerminalName;
use atm_rpc::types::time::{BusinessDate, Timestamp};

type Decision = Result<Answer, ServiceError>;

/// When the tests' banks open, so that no test begins at the epoch.
const OPENED_MS: i64 = 1_000_000;
const DAY_MS: i64 = 86_400_000;

const fn money(minor: i64) -> Money {
    Money::from_minor(minor)
}

fn number(index: u8) -> MobileNumber {
    MobileNumber::parse(&format!("0801234{index:03}")).expect("ten digits")
}

fn account(index: u8) -> AccountId {
    AccountId::of(number(index))
}

fn key(index: u8) -> RequestKey {
    RequestKey::parse(&format!("0190a6e2-7d4c-7b1e-9c53-2f6d8e0a4b{index:02x}")).expect("a UUIDv7")
}

fn pin(salt: u8) -> PinHash {
    PinHash { pepper: 1, memory_kib: 8, iterations: 1, salt: [salt; 16], hash: [salt; 32] }
}

fn terminal() -> TerminalName {
    TerminalName::parse("ATM-0042").expect("a name")
}

/// Stands for the keyed hash over who asks for what: different requests differ.
fn payload(who: AccountId, kind: u8, detail: i64) -> PayloadHash {
    let mut hash = [0; 16];
    hash[..8].copy_from_slice(&who.raw().to_be_bytes());
    hash[0] = kind + 1;
    hash[8..].copy_from_slice(&detail.to_be_bytes());
    hash
}

pub(super) fn rules() -> Rules {
    Rules {
        amount_max: money(10_000_000),
        opening_customer: Money::ZERO,
        open_registration: true,
        withdraw_min: money(10_000),
        withdraw_max: money(500_000),
        withdraw_multiple: money(1_000),
        sessions_per_number_max: 1,
        idle_timeout_ms: 120_000,
        session_length_ms: 600_000,
        attempts_max: 5,
        lockout_ms: None,
    }
}

fn founding(opening_vault: Money) -> Request {
    let root = NewOperator {
        id: 1,
        name: "root".into(),
        role: Role::Admin,
        fingerprint: [7; 32],
        created_at: Timestamp::from_ms(OPENED_MS),
    };
    Request::Found { opening_vault, root }
}

/// The book of a bank that is not open yet: its own accounts, as the migrations make them.
fn empty_book() -> Book {
    let row = Account {
        posted: Money::ZERO,
        pending: Money::ZERO,
        state: AccountState::Active,
        last_seq: None,
        opened_at: Timestamp::from_ms(OPENED_MS),
    };
    let own = AccountId::SYSTEM.into_iter().filter(|id| *id != AccountId::VAULT);
    Book { accounts: own.map(|id| (id, row)).collect(), ..Book::default() }
}

fn instant(ms: i64) -> Now {
    let today = i32::try_from(ms.div_euclid(DAY_MS)).expect("a day");
    Now { at: Timestamp::from_ms(ms), today: BusinessDate::from_days(today) }
}

fn movement(caller: Caller, key: RequestKey, direction: Direction, amount: Money) -> Request {
    let kind = match direction {
        Direction::Withdraw => 0,
        Direction::Deposit => 1,
    };
    let payload = payload(caller.account, kind, amount.minor());
    Request::Move(Movement { caller, key, payload, direction, amount })
}

/// A registration with the PIN of that salt; 0 is a weak one.
fn registration(number: MobileNumber, key: RequestKey, salt: u8) -> Request {
    let payload = payload(AccountId::of(number), 2, i64::from(salt));
    let pin = if salt == 0 { Err(WeakPin::Run) } else { Ok(pin(salt)) };
    Request::Register(Registration { number, key, payload, pin })
}

/// The attempt before a change of PIN, and the change itself.
fn pin_change(
    caller: Caller,
    key: RequestKey,
    verified: Verified,
    new: Result<PinHash, Unfit>,
) -> (Request, Request) {
    let detail = match &new {
        Ok(pin) => i64::from(pin.salt[0]),
        Err(Unfit::Weak(_)) => -1,
        Err(Unfit::Same) => -2,
    };
    let detail = if verified == Verified::Wrong { detail - 1_000 } else { detail };
    let payload = payload(caller.account, 3, detail);
    let number = caller.account.mobile().expect("a customer");
    let attempt = Attempt { number, change: Some((caller, key, payload)) };
    (Request::BeginAttempt(attempt), Request::ChangePin(PinOrder { caller, key, payload, verified, new }))
}

fn attempt(number: MobileNumber) -> Request {
    Request::BeginAttempt(Attempt { number, change: None })
}

fn right_pin(number: MobileNumber, salt: [u8; 16], token: [u8; 32]) -> Request {
    Request::Login(LoginOrder { number, salt, rehashed: None, token, terminal: terminal() })
}

/// The attempt to show a one-time code, and the order that a right one leads to. The new PIN is the one of that salt;
/// 0 is a weak one.
fn redemption(number: MobileNumber, key: RequestKey, code: [u8; 16], new: u8) -> (Request, Request) {
    let payload = payload(AccountId::of(number), 4, i64::from(new));
    let new = if new == 0 { Err(WeakPin::Run) } else { Ok(pin(new)) };
    let order = RedeemOrder { number, key, payload, salt: code, terminal: terminal(), new };
    (Request::BeginRedeem { number, key, payload }, Request::Redeem(order))
}

/// A one-time code of that salt, given and good until these instants.
fn code(salt: u8, issued_ms: i64, expires_ms: i64) -> ResetCode {
    let (issued_at, expires_at) = (Timestamp::from_ms(issued_ms), Timestamp::from_ms(expires_ms));
    ResetCode { code: pin(salt), issued_at, expires_at }
}

fn account_act(number: MobileNumber, act: AccountAct) -> Request {
    operate(OperatorAct::Account { number, act: Box::new(act), masked: true })
}

fn wrong_pin(number: MobileNumber) -> Request {
    Request::FailAttempt { number, terminal: Some(terminal()) }
}

fn operate(act: OperatorAct) -> Request {
    let audit = AuditDraft {
        operator: "asha".into(),
        role: Role::Operator,
        command: None,
        plugin: None,
        capabilities: "blacklist:write".into(),
        method: "blacklist".into(),
        arguments: String::new(),
    };
    Request::Operate { audit, act }
}

fn listing(number: MobileNumber, reason: &str, until: Option<Timestamp>) -> Request {
    operate(OperatorAct::BlacklistAdd { number, reason: reason.into(), until, masked: true })
}

fn unlisting(number: MobileNumber, reason: &str) -> Request {
    operate(OperatorAct::BlacklistRemove { number, reason: reason.into(), masked: true })
}

/// A bank whose clock stands still until told.
struct Bank {
    book: Book,
    rules: Rules,
    clock_ms: i64,
    tokens: u8,
}

impl Bank {
    fn open() -> Self {
        let mut bank = Self { book: empty_book(), rules: rules(), clock_ms: OPENED_MS, tokens: 0 };
        bank.ask(&founding(money(1_000_000))).expect("the bank opens");
        bank
    }

    fn ask(&mut self, request: &Request) -> Decision {
        decide(&mut self.book, request, &self.rules, instant(self.clock_ms))
    }

    fn token(&mut self) -> [u8; 32] {
        self.tokens += 1;
        [self.tokens; 32]
    }

    /// A log-in with the right PIN, the attempt before it left out.
    fn prove(&mut self, number: MobileNumber, salt: u8) -> Decision {
        let token = self.token();
        self.ask(&right_pin(number, [salt; 16], token))
    }
}

/// The session that an answer gives.
fn session_of(decision: &Decision) -> Option<Caller> {
    match decision {
        Ok(Answer::Session { caller, .. }) => Some(*caller),
        _ => None,
    }
}
