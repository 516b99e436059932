//! The bank once more, as simple as it can be told: maps, plain integers, and loops where the ledger
//! has formulas. It keeps no journal and knows nothing of batches.

use super::super::Decision;
mod operate;

use crate::ledger::Rules;
use crate::ledger::entry::PayloadHash;
use crate::ledger::request::{
    Answer, Attempt, Caller, Direction, LoginOrder, Movement, PinOrder, RedeemOrder, Request, Unfit, Verified,
};
use atm_rpc::customer::KeyOutcome;
use atm_rpc::error::{Rejection, ServiceError, SessionEnd};
use atm_rpc::operator::account::{AccountChange, Bar};
use atm_rpc::types::account::{AccountId, AccountState};
use atm_rpc::types::action::Action;
use atm_rpc::types::key::{RequestKey, SessionId};
use atm_rpc::types::mobile::MobileNumber;
use atm_rpc::types::money::Money;
use atm_rpc::types::time::Timestamp;
use std::collections::HashMap;

/// An answer without what only the journal knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Said {
    Done,
    Receipt { action: Action, amount: i64, balance: i64, replayed: bool },
    Was(Rejection),
    NotApplied,
    Verify { salt: u8 },
    NoCode,
    Stranger,
    Session { session: i64, attachment: i32, taken_over: u32, failures: u32 },
    Blacklist { changed: bool, ended: u32, cleared: u32 },
    Imported { added: u64, unregistered: u64, ended: u64 },
    Account { changed: bool, state: Option<AccountState>, bars: Vec<Bar>, ended: u32 },
}

type Reply = Result<Said, ServiceError>;

/// The ledger's answer in the model's words.
pub(super) fn said(decision: &Decision) -> Reply {
    let receipt = |r: &atm_rpc::customer::Receipt| Said::Receipt {
        action: r.action,
        amount: r.amount.minor(),
        balance: r.balance.minor(),
        replayed: r.replayed,
    };
    decision.as_ref().map_err(|error| *error).map(|answer| match answer {
        Answer::Done => Said::Done,
        Answer::Receipt(r) | Answer::Outcome(KeyOutcome::Done(r)) => receipt(r),
        Answer::Outcome(KeyOutcome::Rejected(rejection)) => Said::Was(*rejection),
        Answer::Outcome(KeyOutcome::NotApplied) => Said::NotApplied,
        Answer::Verify(pin) => Said::Verify { salt: pin.salt[0] },
        Answer::NoCode => Said::NoCode,
        Answer::Stranger => Said::Stranger,
        Answer::Imported(i) => {
            Said::Imported { added: i.added, unregistered: i.unregistered, ended: i.sessions_ended }
        }
        Answer::Account(AccountChange { changed, state, bars, sessions_ended, .. }) => {
            let (changed, state, ended) = (*changed, *state, *sessions_ended);
            Said::Account { changed, state, bars: bars.clone(), ended }
        }
        Answer::Session {
            caller: Caller { session, attachment, .. }, taken_over, failures_before, ..
        } => {
            let (taken_over, failures) = (*taken_over, *failures_before);
            Said::Session { session: session.0, attachment: *attachment, taken_over, failures }
        }
        Answer::Operator(_) => panic!("the model has no operators"),
        Answer::History(_) => panic!("the model has no older history"),
        Answer::Blacklist(c) => {
            Said::Blacklist { changed: c.changed, ended: c.sessions_ended, cleared: c.failures_cleared }
        }
    })
}

struct Life {
    who: AccountId,
    token: [u8; 32],
    attachment: i32,
    began: i64,
    seen: i64,
    end: Option<SessionEnd>,
}

#[derive(Default)]
struct Tries {
    open: u32,
    wrong: u32,
    newest: i64,
}

pub(super) struct Naive {
    rules: Rules,
    now: i64,
    pub(super) vault: i64,
    pub(super) balances: HashMap<AccountId, i64>,
    pub(super) states: HashMap<AccountId, AccountState>,
    salts: HashMap<AccountId, u8>,
    /// Salts of one-time codes, and when they end.
    codes: HashMap<AccountId, (u8, i64)>,
    tries: HashMap<AccountId, Tries>,
    /// The session's id is its place, from 1.
    lives: Vec<Life>,
    listed: HashMap<AccountId, (String, Option<i64>)>,
    firsts: HashMap<RequestKey, (AccountId, PayloadHash, Result<Said, Rejection>)>,
}

fn no<T>(rejection: Rejection) -> Result<T, ServiceError> {
    Err(ServiceError::Rejected(rejection))
}

impl Naive {
    pub(super) fn open(rules: Rules, vault: i64) -> Self {
        Self {
            rules,
            now: 0,
            vault,
            balances: HashMap::from([(AccountId::EQUITY, vault)]),
            states: HashMap::new(),
            salts: HashMap::new(),
            codes: HashMap::new(),
            tries: HashMap::new(),
            lives: Vec::new(),
            listed: HashMap::new(),
            firsts: HashMap::new(),
        }
    }

    pub(super) fn decide(&mut self, request: &Request, now: i64) -> Reply {
        self.now = now;
        match request {
            Request::Move(m) => self.once(m.caller.account, m.key, m.payload, |bank| bank.cash(m)),
            Request::Register(r) => {
                let weak = r.pin.as_ref().err().map(|weak| Rejection::WeakPin(*weak));
                let salt = r.pin.as_ref().map_or(0, |pin| pin.salt[0]);
                let who = AccountId::of(r.number);
                self.once(who, r.key, r.payload, |bank| bank.register(who, salt, weak))
            }
            Request::ChangePin(c) => self.once(c.caller.account, c.key, c.payload, |bank| bank.change(c)),
            Request::Outcome { caller, key } => self.outcome(*caller, *key),
            Request::BeginAttempt(attempt) => self.begin(attempt),
            Request::FailAttempt { number, .. } => self.wrong(*number),
            Request::Login(order) => self.log_in(order),
            Request::Resume { token } => self.resume(token),
            Request::Touch { session } => {
                if let Some(life) = self.life(*session).filter(|life| life.end.is_none()) {
                    life.seen = life.seen.max(now);
                }
                Ok(Said::Done)
            }
            Request::EndSession { caller, reason } => {
                if let Some(life) = self.life(caller.session).filter(|l| l.attachment == caller.attachment) {
                    life.end = life.end.or(Some(*reason));
                }
                Ok(Said::Done)
            }
            Request::Exit { caller } => {
                self.gate(*caller)?;
                self.life(caller.session).expect("it passed the gate").end = Some(SessionEnd::Exited);
                Ok(Said::Done)
            }
            Request::BeginRedeem { number, key, payload } => self.begin_redeem(*number, *key, *payload),
            Request::Redeem(order) => self.redeem(order),
            Request::Operate { act, .. } => self.operate(act),
            _ => panic!("the model is not asked for this"),
        }
    }

    fn life(&mut self, id: SessionId) -> Option<&mut Life> {
        self.lives.get_mut(usize::try_from(id.0).ok()?.checked_sub(1)?)
    }

    fn known(&self, who: AccountId, key: RequestKey, payload: PayloadHash) -> Option<Reply> {
        let (owner, first, outcome) = self.firsts.get(&key)?;
        Some(match outcome {
            Err(Rejection::KeyClosed) if *owner == who => no(Rejection::KeyClosed),
            _ if *first != payload => no(Rejection::KeyConflict),
            Err(rejection) => no(*rejection),
            Ok(Said::Receipt { action, amount, balance, .. }) => {
                Ok(Said::Receipt { action: *action, amount: *amount, balance: *balance, replayed: true })
            }
            Ok(other) => panic!("{other:?} is not kept under a key"),
        })
    }

    fn once(
        &mut self,
        who: AccountId,
        key: RequestKey,
        payload: PayloadHash,
        act: impl FnOnce(&mut Self) -> Reply,
    ) -> Reply {
        if let Some(known) = self.known(who, key, payload) {
            return known;
        }
        let reply = act(self);
        let outcome = match &reply {
            Ok(said) => Ok(said.clone()),
            Err(ServiceError::Rejected(rejection)) => Err(*rejection),
            Err(_) => return reply,
        };
        self.firsts.insert(key, (who, payload, outcome));
        reply
    }

    fn outcome(&mut self, caller: Caller, key: RequestKey) -> Reply {
        match self.firsts.get(&key).cloned() {
            Some((who, ..)) if who != caller.account => no(Rejection::KeyConflict),
            Some((_, _, Err(Rejection::KeyClosed))) => Ok(Said::NotApplied),
            Some((_, _, Err(rejection))) => Ok(Said::Was(rejection)),
            Some((who, payload, Ok(_))) => self.known(who, key, payload).expect("it is known"),
            None => {
                self.gate(caller)?;
                self.firsts.insert(key, (caller.account, [0; 16], Err(Rejection::KeyClosed)));
                Ok(Said::NotApplied)
            }
        }
    }

    fn barred(&self, who: AccountId) -> Result<(), ServiceError> {
        match self.listed.get(&who) {
            Some((_, Some(until))) if *until <= self.now => Ok(()),
            Some((_, until)) => no(Rejection::Blacklisted { until: until.map(Timestamp::from_ms) }),
            None => Ok(()),
        }
    }

    fn gate(&mut self, caller: Caller) -> Result<(), ServiceError> {
        self.barred(caller.account)?;
        let (now, longest) = (self.now, self.rules.session_length_ms);
        let end = match self.life(caller.session).filter(|life| life.who == caller.account) {
            None => SessionEnd::Unknown,
            Some(Life { end: Some(end), .. }) => *end,
            Some(life) if life.attachment != caller.attachment => SessionEnd::ResumedElsewhere,
            Some(life) if now > life.began + longest => *life.end.insert(SessionEnd::TooLong),
            Some(_) => return Ok(()),
        };
        Err(ServiceError::Unauthenticated(end))
    }

    fn largest(&self, bounds: &[i64]) -> i64 {
        let step = usize::try_from(self.rules.withdraw_multiple.minor()).expect("a step");
        let fits = |amount: &i64| bounds.iter().all(|bound| amount <= bound);
        let steps = (0..=self.rules.withdraw_max.minor()).step_by(step);
        steps.filter(|amount| *amount >= self.rules.withdraw_min.minor()).filter(fits).max().unwrap_or(0)
    }

    fn cash(&mut self, order: &Movement) -> Reply {
        self.gate(order.caller)?;
        let who = order.caller.account;
        let (amount, rules) = (order.amount.minor(), &self.rules);
        let state = self.states.get(&who).copied().unwrap_or(AccountState::Closed);
        let balance = self.balances.get(&who).copied().unwrap_or(0);
        let money = Money::from_minor;
        let (action, change) = match order.direction {
            Direction::Withdraw => (Action::Withdraw, -amount),
            Direction::Deposit => (Action::Deposit, amount),
        };
        let out = change < 0 || order.direction == Direction::Withdraw;
        let both = state == AccountState::Blocked;
        let largest = money(self.largest(&[balance, self.vault]));
        let multiple = rules.withdraw_multiple;
        let below = money(self.largest(&[amount - 1]));
        let hurdles = [
            (state == AccountState::Closed, Rejection::AccountClosed),
            (out && (both || state == AccountState::DebitBlocked), Rejection::DebitBlocked),
            (!out && (both || state == AccountState::CreditBlocked), Rejection::CreditBlocked),
            (amount <= 0, Rejection::ZeroAmount),
            (
                out && amount < rules.withdraw_min.minor(),
                Rejection::BelowMinimum { minimum: rules.withdraw_min },
            ),
            (
                out && amount > rules.withdraw_max.minor(),
                Rejection::AboveMaximum { maximum: rules.withdraw_max },
            ),
            (
                !out && amount > rules.amount_max.minor(),
                Rejection::AboveMaximum { maximum: rules.amount_max },
            ),
            (out && amount % multiple.minor() != 0, Rejection::NotAMultiple { multiple, below }),
            (out && amount > balance, Rejection::InsufficientFunds { available: money(balance), largest }),
            (out && amount > self.vault, Rejection::VaultShort { largest }),
        ];
        if let Some((_, rejection)) = hurdles.into_iter().find(|(stops, _)| *stops) {
            return no(rejection);
        }
        self.vault += change;
        self.balances.insert(who, balance + change);
        Ok(Said::Receipt { action, amount, balance: balance + change, replayed: false })
    }

    fn register(&mut self, who: AccountId, salt: u8, weak: Option<Rejection>) -> Reply {
        self.barred(who)?;
        if self.states.contains_key(&who) {
            return no(Rejection::AlreadyRegistered);
        }
        if let Some(weak) = weak {
            return no(weak);
        }
        self.open_account(who, salt);
        Ok(Said::Receipt { action: Action::Registered, amount: 0, balance: 0, replayed: false })
    }

    fn open_account(&mut self, who: AccountId, salt: u8) {
        let opening = self.rules.opening_customer.minor();
        self.states.insert(who, AccountState::Active);
        self.balances.insert(who, opening);
        *self.balances.entry(AccountId::EQUITY).or_default() -= opening;
        self.salts.insert(who, salt);
    }

    fn change(&mut self, order: &PinOrder) -> Reply {
        self.gate(order.caller)?;
        let who = order.caller.account;
        if self.states.get(&who).is_none_or(|state| *state == AccountState::Closed) {
            return no(Rejection::AccountClosed);
        }
        match &order.verified {
            Verified::Wrong => return self.wrong(who.mobile().expect("a customer")),
            Verified::Right { salt } => self.right(who, salt[0])?,
        };
        match &order.new {
            Err(Unfit::Weak(weak)) => no(Rejection::WeakPin(*weak)),
            Err(Unfit::Same) => no(Rejection::SamePin),
            Ok(pin) => {
                self.salts.insert(who, pin.salt[0]);
                self.codes.remove(&who);
                let own = usize::try_from(order.caller.session.0).expect("a session") - 1;
                for (place, life) in self.lives.iter_mut().enumerate() {
                    if place != own && life.who == who && life.end.is_none() {
                        life.end = Some(SessionEnd::TakenOver);
                    }
                }
                let balance = self.balances[&who];
                Ok(Said::Receipt { action: Action::PinChanged, amount: 0, balance, replayed: false })
            }
        }
    }

    fn begin(&mut self, attempt: &Attempt) -> Reply {
        let who = AccountId::of(attempt.number);
        match attempt.change {
            Some((caller, key, payload)) => {
                if let Some(known) = self.known(who, key, payload) {
                    return known;
                }
                let reply = self.gate(caller).and_then(|()| self.count(attempt));
                if let Err(ServiceError::Rejected(rejection)) = &reply {
                    self.firsts.insert(key, (who, payload, Err(*rejection)));
                }
                reply
            }
            None => self.count(attempt),
        }
    }

    fn count(&mut self, attempt: &Attempt) -> Reply {
        let who = AccountId::of(attempt.number);
        self.barred(who)?;
        if self.listed.remove(&who).is_some() {
            self.tries.remove(&who);
        }
        let Some(salt) = self.salts.get(&who) else { return Ok(Said::Stranger) };
        let tries = self.tries.entry(who).or_default();
        if (self.now - tries.newest).abs() > 60_000 {
            tries.open = tries.wrong;
        }
        if tries.open == self.rules.attempts_max {
            return Err(ServiceError::Busy { retry_after_ms: 1_000 });
        }
        tries.open += 1;
        tries.newest = self.now;
        Ok(Said::Verify { salt: *salt })
    }

    fn wrong(&mut self, number: MobileNumber) -> Reply {
        let who = AccountId::of(number);
        let tries = self.tries.entry(who).or_default();
        tries.wrong += 1;
        tries.open = tries.open.max(tries.wrong);
        let left = self.rules.attempts_max.saturating_sub(tries.wrong);
        self.barred(who)?;
        if left > 0 {
            return no(Rejection::WrongPin { attempts_left: left });
        }
        let until = self.rules.lockout_ms.map(|ms| self.now + ms);
        self.list(who, format!("{} wrong PINs", self.rules.attempts_max), until);
        self.barred(who)?;
        no(Rejection::WrongPin { attempts_left: 0 })
    }

    fn right(&mut self, who: AccountId, salt: u8) -> Result<u32, ServiceError> {
        if self.salts.get(&who) != Some(&salt) {
            return Err(ServiceError::Busy { retry_after_ms: 100 });
        }
        Ok(self.tries.remove(&who).map_or(0, |tries| tries.wrong))
    }

    fn log_in(&mut self, order: &LoginOrder) -> Reply {
        let (who, now) = (AccountId::of(order.number), self.now);
        self.barred(who)?;
        let failures = self.right(who, order.salt[0])?;
        if self.states[&who] == AccountState::Closed {
            return no(Rejection::AccountClosed);
        }
        self.listed.remove(&who);
        let slept = self.rules.idle_timeout_ms * 5 / 4;
        let mut taken_over = 0;
        let room = usize::try_from(self.rules.sessions_per_number_max).expect("a few");
        while self.awake(who).count() >= room {
            let oldest = self.awake(who).next().expect("one is open");
            let asleep = now > oldest.seen + slept;
            oldest.end = Some(if asleep { SessionEnd::Idle } else { SessionEnd::TakenOver });
            taken_over += u32::from(!asleep);
        }
        self.lives.push(Life { who, token: order.token, attachment: 1, began: now, seen: now, end: None });
        let session = i64::try_from(self.lives.len()).expect("a few");
        Ok(Said::Session { session, attachment: 1, taken_over, failures })
    }

    fn awake(&mut self, who: AccountId) -> impl Iterator<Item = &mut Life> {
        self.lives.iter_mut().filter(move |life| life.who == who && life.end.is_none())
    }

    fn resume(&mut self, token: &[u8; 32]) -> Reply {
        let (now, slept) = (self.now, self.rules.idle_timeout_ms * 5 / 4);
        let Some(place) = self.lives.iter().position(|life| life.token == *token) else {
            return Err(ServiceError::Unauthenticated(SessionEnd::Unknown));
        };
        let Life { who: account, attachment, .. } = self.lives[place];
        let session = SessionId(i64::try_from(place + 1).expect("a few"));
        self.gate(Caller { session, attachment, account })?;
        let life = &mut self.lives[place];
        if now > life.seen + slept {
            life.end = Some(SessionEnd::Idle);
            return Err(ServiceError::Unauthenticated(SessionEnd::Idle));
        }
        life.attachment += 1;
        life.seen = now;
        Ok(Said::Session { session: session.0, attachment: life.attachment, taken_over: 0, failures: 0 })
    }

    fn list(&mut self, who: AccountId, reason: String, until: Option<i64>) -> u32 {
        self.listed.insert(who, (reason, until));
        self.awake(who).map(|life| life.end = Some(SessionEnd::Blacklisted)).map(|()| 1).sum()
    }

    fn begin_redeem(&mut self, number: MobileNumber, key: RequestKey, payload: PayloadHash) -> Reply {
        let who = AccountId::of(number);
        if let Some(known) = self.known(who, key, payload) {
            return known;
        }
        match self.count(&Attempt { number, change: None })? {
            Said::Verify { .. } => Ok(match self.codes.get(&who) {
                Some((salt, until)) if self.now < *until => Said::Verify { salt: *salt },
                _ => Said::NoCode,
            }),
            other => Ok(other),
        }
    }

    fn redeem(&mut self, order: &RedeemOrder) -> Reply {
        let who = AccountId::of(order.number);
        if let Some(known) = self.known(who, order.key, order.payload) {
            return known;
        }
        self.barred(who)?;
        if self.codes.get(&who).is_none_or(|(salt, _)| *salt != order.salt[0]) {
            return Err(ServiceError::Busy { retry_after_ms: 100 });
        }
        self.tries.remove(&who);
        let new = order.new.as_ref().map_err(|weak| ServiceError::Rejected(Rejection::WeakPin(*weak)))?;
        self.salts.insert(who, new.salt[0]);
        self.codes.remove(&who);
        self.listed.remove(&who);
        self.awake(who).for_each(|life| life.end = Some(SessionEnd::PinReset));
        let balance = self.balances[&who];
        let said = Said::Receipt { action: Action::PinChanged, amount: 0, balance, replayed: false };
        self.firsts.insert(order.key, (who, order.payload, Ok(said.clone())));
        Ok(said)
    }
}
