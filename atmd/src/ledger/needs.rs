//! What a request needs to have read before it is decided.

use crate::ledger::request::{AccountAct, Caller, OperatorAct, RedeemOrder, Request};
use atm_rpc::types::account::AccountId;
use atm_rpc::types::key::{RequestKey, SessionId};
use atm_rpc::types::mobile::MobileNumber;
use std::collections::BTreeSet;

/// What the rows of a batch's book must be read by.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Needs {
    /// Accounts, together with the blacklist's entries for them.
    pub accounts: BTreeSet<AccountId>,
    /// Accounts whose PINs are needed.
    pub credentials: BTreeSet<AccountId>,
    /// Accounts whose one-time codes are needed.
    pub codes: BTreeSet<AccountId>,
    /// Accounts whose open sessions are needed.
    pub open_sessions: BTreeSet<AccountId>,
    /// Sessions by id.
    pub sessions: BTreeSet<SessionId>,
    /// Sessions by the hash of their token.
    pub tokens: BTreeSet<[u8; 32]>,
    /// Request keys.
    pub keys: BTreeSet<RequestKey>,
    /// Whether a session may begin.
    pub session_head: bool,
    /// Whether the blacklist's history may grow.
    pub event_head: bool,
    /// Operators by name.
    pub operators: BTreeSet<String>,
    /// Whether all operators are needed, with their certificates.
    pub all_operators: bool,
}

impl Needs {
    /// Adds what one request needs.
    pub fn add(&mut self, request: &Request) {
        match request {
            Request::Move(order) => self.keyed(order.caller, order.key),
            Request::Outcome { caller, key } => self.keyed(*caller, *key),
            Request::Register(order) => {
                self.number(order.number);
                self.accounts.insert(AccountId::EQUITY);
                self.keys.insert(order.key);
            }
            Request::ChangePin(order) => {
                self.keyed(order.caller, order.key);
                self.guess(order.caller.account);
                self.codes.insert(order.caller.account);
            }
            Request::BeginAttempt(attempt) => {
                self.guess(AccountId::of(attempt.number));
                if let Some((caller, key, _)) = attempt.change {
                    self.keyed(caller, key);
                }
            }
            Request::BeginRedeem { number, key, .. } | Request::Redeem(RedeemOrder { number, key, .. }) => {
                self.guess(AccountId::of(*number));
                self.codes.insert(AccountId::of(*number));
                self.keys.insert(*key);
            }
            Request::FailAttempt { number, .. } => self.guess(AccountId::of(*number)),
            Request::Login(order) => {
                self.guess(AccountId::of(order.number));
                self.session_head = true;
            }
            Request::Resume { token } => {
                self.tokens.insert(*token);
            }
            Request::Touch { session } => {
                self.sessions.insert(*session);
            }
            Request::EndSession { caller, .. } => {
                self.sessions.insert(caller.session);
            }
            Request::Exit { caller } => {
                self.accounts.insert(caller.account);
                self.sessions.insert(caller.session);
            }
            Request::Operate { act, audit } => {
                self.operators.insert(audit.operator.clone());
                self.act(act);
            }
            Request::Found { .. } => {
                self.accounts.insert(AccountId::EQUITY);
            }
            Request::Checkpoint(_) | Request::ForgetRejections { .. } => {}
        }
    }

    fn act(&mut self, act: &OperatorAct) {
        match act {
            OperatorAct::BlacklistAdd { number, .. } | OperatorAct::BlacklistRemove { number, .. } => {
                self.guess(AccountId::of(*number));
            }
            OperatorAct::OperatorAdd(_)
            | OperatorAct::OperatorRenew(_)
            | OperatorAct::OperatorDisable { .. } => self.all_operators = true,
            OperatorAct::BlacklistImport { rows } => {
                rows.iter().for_each(|row| self.guess(AccountId::of(row.number)));
            }
            // Of a bank without a history there is nothing else to read.
            OperatorAct::LedgerImport { .. } => {
                self.accounts.extend([AccountId::EQUITY, AccountId::SUSPENSE]);
                self.session_head = true;
                self.event_head = true;
            }
            OperatorAct::Account { number, act, .. } => {
                self.guess(AccountId::of(*number));
                self.codes.insert(AccountId::of(*number));
                if let AccountAct::Open { .. } = **act {
                    self.accounts.insert(AccountId::EQUITY);
                }
            }
            OperatorAct::Refused(_) | OperatorAct::Noted(_) => {}
        }
    }

    fn number(&mut self, number: MobileNumber) {
        self.accounts.insert(AccountId::of(number));
    }

    fn keyed(&mut self, caller: Caller, key: RequestKey) {
        self.accounts.insert(caller.account);
        self.sessions.insert(caller.session);
        self.keys.insert(key);
    }

    /// What a wrong or right PIN may touch.
    fn guess(&mut self, account: AccountId) {
        self.accounts.insert(account);
        self.credentials.insert(account);
        self.open_sessions.insert(account);
        self.event_head = true;
    }
}
