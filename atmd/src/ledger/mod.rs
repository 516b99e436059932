//! The bank's decisions, pure: what a request does to a [`book::Book`] at an instant under [`Rules`].
//!
//! No async, no clock, no database, no network: time is an argument, state is a value. A request
//! that is rejected has changed nothing but what remembers the rejection, so nothing is ever undone. One batch of the
//! writer is one book: read, decided request by request in order, written, committed.
//!
//! - [`request`]: what can be asked, and the answers; [`needs`]: what each request needs to have read.
//! - [`book`]: state of a batch, and the only functions that book money.
//! - `movement`, `login`, `pin`, `redeem`, `account`, `blacklist`, `operators`, `legacy`: the rules; `operate`: what operators
//!   do, and its audit.
#![deny(clippy::float_arithmetic)]

mod account;
pub mod blacklist;
pub mod book;
pub mod entry;
pub mod guesses;
mod legacy;
mod login;
mod movement;
pub mod needs;
mod operate;
pub mod operators;
mod pin;
mod redeem;
pub mod request;
#[cfg(test)]
mod tests;

use crate::ledger::book::{Account, Book};
use crate::ledger::request::{Answer, Caller, Request};
use atm_rpc::error::ServiceError;
use atm_rpc::types::money::Money;
use atm_rpc::types::time::{BusinessDate, Timestamp};

/// The bank's rules, from its configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rules {
    /// The largest amount of one movement.
    pub amount_max: Money,
    /// What a new account opens with.
    pub opening_customer: Money,
    /// Whether customers register themselves.
    pub open_registration: bool,
    /// Smallest withdrawal.
    pub withdraw_min: Money,
    /// Largest withdrawal.
    pub withdraw_max: Money,
    /// Withdrawals are multiples of this.
    pub withdraw_multiple: Money,
    /// Sessions of one number at a time.
    pub sessions_per_number_max: u32,
    /// A session ends after this time without a request.
    pub idle_timeout_ms: i64,
    /// A session ends after this time in any case.
    pub session_length_ms: i64,
    /// Wrong PINs that put a number on the blacklist.
    pub attempts_max: u32,
    /// How long it stays there; `None` is for good.
    pub lockout_ms: Option<i64>,
}

/// The instant of a decision and the accounting day it falls on.
#[derive(Clone, Copy, Debug)]
pub struct Now {
    /// The instant.
    pub at: Timestamp,
    /// The bank's day at that instant.
    pub today: BusinessDate,
}

/// Decides one request, and notes in the book what is to be written.
///
/// # Errors
/// The bank's 'no', or why the request cannot be decided. The book then holds nothing of it but
/// the rejection itself, kept under the request's key.
pub fn decide(book: &mut Book, request: &Request, rules: &Rules, now: Now) -> Result<Answer, ServiceError> {
    book.head.date = book.head.date.max(now.today);
    match request {
        Request::Move(order) => movement::decide(book, order, rules, now),
        Request::Register(order) => pin::register(book, order, rules, now),
        Request::ChangePin(order) => pin::change(book, order, rules, now),
        Request::Outcome { caller, key } => request::outcome(book, *caller, *key, rules, now),
        Request::BeginAttempt(order) => login::begin_attempt(book, order, rules, now),
        Request::FailAttempt { number, terminal } => {
            Err(login::fail_attempt(book, *number, terminal.as_ref(), None, rules, now))
        }
        Request::Login(order) => login::login(book, order, rules, now),
        Request::Resume { token } => login::resume(book, token, rules, now),
        Request::Touch { session } => Ok(login::touch(book, *session, now)),
        Request::EndSession { caller, reason } => Ok(login::end(book, *caller, *reason, now)),
        Request::Exit { caller } => login::exit(book, *caller, rules, now),
        Request::BeginRedeem { number, key, payload } => {
            redeem::begin(book, *number, (*key, *payload), rules, now)
        }
        Request::Redeem(order) => redeem::redeem(book, order, now),
        Request::Operate { audit, act } => operate::operate(book, audit, act, rules, now),
        Request::Checkpoint(checkpoint) => Ok(book.keep_checkpoint(checkpoint)),
        Request::ForgetRejections { before } => {
            book.changes.forget_rejections_before = Some(*before);
            Ok(Answer::Done)
        }
        Request::Found { opening_vault, root } => book.found(*opening_vault, root, now),
    }
}

/// The account of a session that may act now: what a customer may look at.
///
/// # Errors
/// Why the session may not.
pub fn look(book: &mut Book, caller: Caller, rules: &Rules, now: Now) -> Result<Account, ServiceError> {
    login::check_session(book, caller, rules, now)?;
    book.accounts.get(&caller.account).copied().ok_or(ServiceError::NotFound)
}

/// The same as [`decide`], without any effect: for a caller who only wants to know.
///
/// # Errors
/// As [`decide`].
pub fn preview(mut book: Book, request: &Request, rules: &Rules, now: Now) -> Result<Answer, ServiceError> {
    decide(&mut book, request, rules, now)
}
