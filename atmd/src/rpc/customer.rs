//! The service for customers: one connection, at most one session.

use super::listen::End;
use super::{Services, finish, internal, login, receipt, redeem, unexpected, unreadable};
use crate::auth::payload::Payload;
use crate::clock;
use crate::ledger::book::Account;
use crate::ledger::request::{Answer, Caller, Direction, Movement, Request};
use crate::monitor::SessionPlace;
use atm_rpc::customer::{
    Balance, Credentials, Customer, KeyOutcome, Notice, PinChange, Receipt, Redemption, STATEMENT_LINES_MAX,
    ServerInfo, Session, Standing, StatementLine,
};
use atm_rpc::error::{ServiceError, SessionEnd};
use atm_rpc::types::account::AccountId;
use atm_rpc::types::key::{RequestKey, ResumeToken};
use atm_rpc::types::mobile::MobileNumber;
use atm_rpc::types::money::Money;
use atm_rpc::types::terminal::TerminalName;
use atm_rpc::types::time::Timestamp;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tarpc::context::Context;
use tokio::sync::Notify;
use tokio::time::sleep_until;
use tracing::{Span, debug, info};

/// When to ask again where nobody is let in.
const CLOSED_RETRY_MS: u32 = 60_000;

/// A customer's connection.
#[derive(Clone, Debug)]
pub(super) struct CustomerConnection {
    pub(super) services: Arc<Services>,
    pub(super) peer: IpAddr,
    state: Arc<Mutex<State>>,
    /// Tells who waits for the end that a session began or ended.
    changed: Arc<Notify>,
}

#[derive(Debug)]
struct State {
    session: Option<Bound>,
    /// The session's place among those that are counted.
    place: Option<SessionPlace>,
    /// Why there is no session any more.
    ended: SessionEnd,
    /// When the last request of a session came; without a session, when there began to be none.
    active_at: Instant,
}

impl State {
    fn clear(&mut self, reason: SessionEnd) {
        self.session = None;
        self.place = None;
        self.ended = reason;
        self.active_at = clock::monotonic();
    }
}

/// The session of a connection.
#[derive(Clone, Copy, Debug)]
struct Bound {
    caller: Caller,
    started_at: Timestamp,
    /// When its last sign of life was stored.
    stored_at: Instant,
}

impl CustomerConnection {
    pub(super) fn new(services: Arc<Services>, peer: IpAddr) -> Self {
        let active_at = clock::monotonic();
        let state = State { session: None, place: None, ended: SessionEnd::NotLoggedIn, active_at };
        Self { services, peer, state: Arc::new(Mutex::new(state)), changed: Arc::default() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn idle_timeout(&self) -> Duration {
        Duration::from_millis(u64::try_from(self.services.rules.now().idle_timeout_ms).unwrap_or(0))
    }

    /// When a session ends in any case.
    fn ends_at(&self, bound: Bound) -> Timestamp {
        bound.started_at.plus_ms(self.services.rules.now().session_length_ms)
    }

    /// Waits until this connection must end: atmd stops, nobody logs in, or the session is idle or too long.
    pub(super) async fn until_it_ends(self) -> End {
        let (mut terms, mut rules) = (self.services.terms.clone(), self.services.rules.clone());
        loop {
            let until = {
                let state = self.state();
                match state.session {
                    None => state.active_at + terms.now().login_timeout,
                    Some(bound) => {
                        let left = self.ends_at(bound).since_ms(self.services.clock.now());
                        let left = Duration::from_millis(u64::try_from(left).unwrap_or(0));
                        let idle = self.idle_timeout();
                        (state.active_at + idle).min(clock::monotonic() + left.min(idle))
                    }
                }
            };
            tokio::select! {
                () = self.services.stop.cancelled() => return End::InOrder,
                () = self.changed.notified() => continue,
                () = terms.changed() => continue,
                () = rules.changed() => continue,
                () = sleep_until(until.into()) => {}
            }
            if self.ended_in_time().await {
                return End::InOrder;
            }
        }
    }

    /// Ends the session where its time is over. Tells whether the connection is to end.
    async fn ended_in_time(&self) -> bool {
        let (caller, reason) = {
            let mut state = self.state();
            let now = clock::monotonic();
            let Some(bound) = state.session else {
                let late = now >= state.active_at + self.services.terms.now().login_timeout;
                if late {
                    info!("connection ended: nobody logged in");
                }
                return late;
            };
            let reason = if self.services.clock.now() >= self.ends_at(bound) {
                SessionEnd::TooLong
            } else if now >= state.active_at + self.idle_timeout() {
                SessionEnd::Idle
            } else {
                return false;
            };
            state.clear(reason);
            (bound.caller, reason)
        };
        info!(?reason, "session ended");
        if let Err(error) = self.services.writer.submit(Request::EndSession { caller, reason }).await {
            debug!(%error, "the end of a session was not stored; it is found at its next use");
        }
        self.state().session.is_none()
    }

    /// Refuses a request where atmd stops.
    pub(super) fn enter(&self) -> Result<(), ServiceError> {
        if self.services.stop.is_cancelled() { Err(ServiceError::Unavailable) } else { Ok(()) }
    }

    /// Refuses who is not inside yet, where nobody is let in.
    fn let_in(&self) -> Result<(), ServiceError> {
        self.enter()?;
        if self.services.drain.is_shut() {
            return Err(ServiceError::Closed { retry_after_ms: CLOSED_RETRY_MS });
        }
        Ok(())
    }

    /// The session that asks.
    pub(super) fn caller(&self) -> Result<Caller, ServiceError> {
        self.enter()?;
        let (caller, touch) = {
            let mut state = self.state();
            let (now, ended) = (clock::monotonic(), state.ended);
            let bound = state.session.as_mut().ok_or(ServiceError::Unauthenticated(ended))?;
            let touch = now.duration_since(bound.stored_at) > self.idle_timeout() / 4;
            if touch {
                bound.stored_at = now;
            }
            let caller = bound.caller;
            state.active_at = now;
            (caller, touch)
        };
        if touch {
            let writer = self.services.writer.clone();
            let sign = Request::Touch { session: caller.session };
            tokio::spawn(async move { writer.submit(sign).await });
        }
        Ok(caller)
    }

    /// Binds a session to this connection. One that it had before ends.
    pub(super) fn bind(&self, answer: &Answer, token: ResumeToken) -> Result<Session, ServiceError> {
        let Answer::Session { caller, started_at, taken_over, failures_before } = *answer else {
            return Err(unexpected(answer));
        };
        let stored_at = clock::monotonic();
        let bound = Bound { caller, started_at, stored_at };
        let before = {
            let mut state = self.state();
            state.active_at = stored_at;
            state.place.get_or_insert_with(|| self.services.monitor.session());
            state.session.replace(bound)
        };
        self.changed.notify_one();
        Span::current().record("session", caller.session.0);
        if let Some(before) = before.filter(|before| before.caller.session != caller.session) {
            let writer = self.services.writer.clone();
            let end = Request::EndSession { caller: before.caller, reason: SessionEnd::Exited };
            tokio::spawn(async move { writer.submit(end).await });
        }
        Ok(Session {
            id: caller.session,
            token,
            started_at,
            idle_timeout_ms: u64::try_from(self.idle_timeout().as_millis()).unwrap_or(u64::MAX),
            ends_at: self.ends_at(bound),
            taken_over,
            failures_before,
        })
    }

    /// Lets go of a session, if the connection still has it.
    fn unbind(&self, caller: Caller, reason: SessionEnd) {
        {
            let mut state = self.state();
            if state.session.is_some_and(|bound| bound.caller == caller) {
                state.clear(reason);
            }
        }
        self.changed.notify_one();
    }

    /// Lets go of a session that the ledger says is over.
    fn settle<T>(&self, caller: Caller, result: Result<T, ServiceError>) -> Result<T, ServiceError> {
        if let Err(ServiceError::Unauthenticated(reason)) = result {
            self.unbind(caller, reason);
        }
        result
    }

    async fn submit(&self, caller: Caller, request: Request) -> Result<Answer, ServiceError> {
        let result = self.services.writer.submit(request).await;
        self.settle(caller, result)
    }

    async fn look(&self, caller: Caller) -> Result<Account, ServiceError> {
        let result = self.services.writer.look(caller).await;
        self.settle(caller, result)
    }

    async fn move_cash(
        &self,
        key: RequestKey,
        direction: Direction,
        amount: Money,
    ) -> Result<Receipt, ServiceError> {
        let caller = self.caller()?;
        let payload = match direction {
            Direction::Withdraw => Payload::Withdraw(amount),
            Direction::Deposit => Payload::Deposit(amount),
        };
        let payload = self.services.payloads.hash(caller.account, &payload);
        let order = Movement { caller, key, payload, direction, amount };
        receipt(self.submit(caller, Request::Move(order)).await?)
    }
}

impl Customer for CustomerConnection {
    async fn version(self, _: Context) -> ServerInfo {
        // Whether atmd stops is told by every other call.
        self.services.info()
    }

    async fn lookup(self, _: Context, mobile: MobileNumber) -> Result<Standing, ServiceError> {
        self.let_in()?;
        self.services.admit(self.peer)?;
        if !self.services.rules.now().open_registration {
            return Ok(Standing::Undisclosed);
        }
        let found = self.services.store.is_registered(AccountId::of(mobile)).await.map_err(unreadable)?;
        Ok(if found { Standing::Registered } else { Standing::New })
    }

    async fn register(
        self,
        _: Context,
        key: RequestKey,
        credentials: Credentials,
    ) -> Result<Receipt, ServiceError> {
        self.let_in()?;
        self.services.admit(self.peer)?;
        finish(login::register(Arc::clone(&self.services), key, credentials)).await
    }

    async fn login(
        self,
        _: Context,
        credentials: Credentials,
        terminal: TerminalName,
    ) -> Result<Session, ServiceError> {
        self.let_in()?;
        self.services.admit(self.peer)?;
        let arrived = clock::monotonic();
        let result = finish(login::login(Arc::clone(&self.services), credentials, terminal)).await;
        match result {
            Ok((answer, token)) => self.bind(&answer, token),
            Err(error) => {
                login::delay(&self.services, arrived, error).await;
                Err(error)
            }
        }
    }

    async fn resume(self, _: Context, token: ResumeToken) -> Result<Session, ServiceError> {
        self.enter()?;
        let hash = login::token_hash(&token);
        // Tokens that nobody has are looked for without a write, and count as attempts.
        if !self.services.store.has_token(&hash).await.map_err(unreadable)? {
            self.services.admit(self.peer)?;
            return Err(ServiceError::Unauthenticated(SessionEnd::Unknown));
        }
        let answer = self.services.writer.submit(Request::Resume { token: hash }).await?;
        self.bind(&answer, token)
    }

    async fn balance(self, _: Context) -> Result<Balance, ServiceError> {
        let caller = self.caller()?;
        let account = self.look(caller).await?;
        let available = account.posted.checked_sub(account.pending);
        let available = available.ok_or_else(|| internal(&"more is reserved than can be counted"))?;
        Ok(Balance { posted: account.posted, available })
    }

    async fn withdraw(self, _: Context, key: RequestKey, amount: Money) -> Result<Receipt, ServiceError> {
        self.move_cash(key, Direction::Withdraw, amount).await
    }

    async fn deposit(self, _: Context, key: RequestKey, amount: Money) -> Result<Receipt, ServiceError> {
        self.move_cash(key, Direction::Deposit, amount).await
    }

    async fn statement(self, _: Context, count: u16) -> Result<Vec<StatementLine>, ServiceError> {
        let caller = self.caller()?;
        let account = self.look(caller).await?;
        let count = usize::from(count.clamp(1, STATEMENT_LINES_MAX));
        let entries = self.services.store.statement(account.last_seq, count).await.map_err(unreadable)?;
        Ok(entries.iter().map(crate::ledger::entry::Entry::statement_line).collect())
    }

    async fn outcome(self, _: Context, key: RequestKey) -> Result<KeyOutcome, ServiceError> {
        let caller = self.caller()?;
        match self.submit(caller, Request::Outcome { caller, key }).await? {
            Answer::Outcome(outcome) => Ok(outcome),
            other => Err(unexpected(&other)),
        }
    }

    async fn change_pin(
        self,
        _: Context,
        key: RequestKey,
        change: PinChange,
    ) -> Result<Receipt, ServiceError> {
        let caller = self.caller()?;
        self.services.admit(self.peer)?;
        let arrived = clock::monotonic();
        let result = finish(login::change_pin(Arc::clone(&self.services), caller, key, change)).await;
        if let Err(error) = result {
            login::delay(&self.services, arrived, error).await;
        }
        self.settle(caller, result)
    }

    async fn redeem(
        self,
        _: Context,
        key: RequestKey,
        redemption: Redemption,
        terminal: TerminalName,
    ) -> Result<Receipt, ServiceError> {
        self.let_in()?;
        self.services.admit(self.peer)?;
        finish(redeem::redeem(Arc::clone(&self.services), key, redemption, terminal)).await
    }

    async fn notice(self, _: Context) -> Result<Option<Notice>, ServiceError> {
        self.enter()?;
        let shut = self.services.drain.now();
        Ok(shut.map(|shut| Notice { reason: shut.told.reason, since: shut.told.since }))
    }

    async fn exit(self, _: Context) -> Result<(), ServiceError> {
        let caller = self.caller()?;
        let result = self.submit(caller, Request::Exit { caller }).await;
        if result.is_ok() {
            self.unbind(caller, SessionEnd::Exited);
        }
        result.map(|_| ())
    }
}
