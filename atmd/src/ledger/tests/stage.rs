//! Plays scripts of log-ins, sessions and operators on a bank.
//!
//! Customers `a` and `b` have accounts, `z` has none. Sessions are named by the order of the answers
//! that gave them: `deposit 2` is asked by whoever got the second one.

use super::*;
use crate::ledger::request::Listing;
use atm_rpc::customer::KeyOutcome;
use atm_rpc::error::SessionEnd;
use atm_rpc::operator::Capability;
use atm_rpc::operator::account::Block;
use atm_rpc::operator::blacklist::BlacklistImported;
use atm_rpc::types::key::Seq;
use std::fmt::Write;

/// A bank and those who came to it.
pub(super) struct Stage {
    bank: Bank,
    callers: Vec<(Caller, [u8; 32])>,
    keys: u8,
}

impl Stage {
    pub(super) fn set() -> Self {
        let mut bank = Bank::open();
        for index in [1, 2] {
            bank.ask(&registration(number(index), key(200 + index), index)).expect("registered");
        }
        Self { bank, callers: Vec::new(), keys: 100 }
    }

    /// Does what a line of a script says. Gives the answer in the scripts' words.
    pub(super) fn run(&mut self, words: &[&str]) -> String {
        match *words {
            ["rule", rule, value] => self.rule(rule, digits(value)),
            ["wait", ms] => {
                self.bank.clock_ms += digits(ms);
                String::new()
            }
            ["begin", who] => self.tell(&attempt(number(index(who)))),
            ["wrong", who] => self.tell(&wrong_pin(number(index(who)))),
            ["guess", who] => self.begin_then(who, &["wrong", who]),
            ["login", who] => self.begin_then(who, &["right", who]),
            ["right", who] => self.log_in(who, self.salt(who), None),
            ["right", who, "salt", salt] => self.log_in(who, [small(salt); 16], None),
            ["rehash", who, salt] => self.log_in(who, self.salt(who), Some(pin(small(salt)))),
            ["register", who, "key", k] => {
                self.tell(&registration(number(index(who)), key(small(k)), index(who)))
            }
            ["resume", from] => self.resume(self.caller(from).1),
            ["touch", from] => self.tell(&Request::Touch { session: self.caller(from).0.session }),
            ["end", from, why] => {
                let reason = if why == "idle" { SessionEnd::Idle } else { SessionEnd::TooLong };
                self.tell(&Request::EndSession { caller: self.caller(from).0, reason })
            }
            ["exit", from] => self.tell(&Request::Exit { caller: self.caller(from).0 }),
            ["deposit", from] => {
                self.keys += 1;
                self.deposit(from, self.keys)
            }
            ["deposit", from, "key", k] => self.deposit(from, small(k)),
            ["change", from, "key", k, proof, new] => self.change(from, key(small(k)), proof, new),
            ["outcome", from, "key", k] => {
                self.tell(&Request::Outcome { caller: self.caller(from).0, key: key(small(k)) })
            }
            ["list", who, reason] => self.tell(&listing(number(index(who)), reason, None)),
            ["list", who, reason, "for", ms] => {
                let until = Timestamp::from_ms(OPENED_MS + digits(ms));
                self.tell(&listing(number(index(who)), reason, Some(until)))
            }
            ["block", who, what] => {
                let what = match what {
                    "debit" => Block::Debit,
                    "credit" => Block::Credit,
                    _ => Block::Both,
                };
                self.account(who, AccountAct::Block(what))
            }
            ["unblock", who, reason] => self.account(who, AccountAct::Unblock { reason: reason.into() }),
            ["close", who] => self.account(who, AccountAct::Close),
            ["open", who, "code", c] => {
                let act = AccountAct::Open { pin: pin(255), code: self.code(c) };
                self.account(who, act)
            }
            ["reset", who, "code", c] => {
                let act = AccountAct::ResetPin { code: self.code(c) };
                self.account(who, act)
            }
            ["redeem", who, "key", k, "code", c, new] => self.redeem(who, small(k), small(c), small(new)),
            ["import", who, other, reason] => {
                let row = |who| Listing { number: number(index(who)), reason: reason.into(), until: None };
                self.tell(&operate(OperatorAct::BlacklistImport { rows: vec![row(who), row(other)] }))
            }
            ["unlist", who, reason] => self.tell(&unlisting(number(index(who)), reason)),
            ["refuse"] => {
                let error = ServiceError::Forbidden(Capability::BlacklistWrite);
                self.tell(&operate(OperatorAct::Refused(error)))
            }
            [what, ..] => self.look(what, words.get(1).copied()),
            [] => panic!("an empty line"),
        }
    }

    fn rule(&mut self, rule: &str, value: i64) -> String {
        let rules = &mut self.bank.rules;
        match rule {
            "sessions" => rules.sessions_per_number_max = u32::try_from(value).expect("small"),
            "attempts" => rules.attempts_max = u32::try_from(value).expect("small"),
            "lockout" => rules.lockout_ms = Some(value),
            _ => panic!("{rule} is not a rule"),
        }
        String::new()
    }

    fn tell(&mut self, request: &Request) -> String {
        in_words(&self.bank.ask(request))
    }

    fn begin_then(&mut self, who: &str, words: &[&str]) -> String {
        match self.bank.ask(&attempt(number(index(who)))) {
            Ok(Answer::Verify(_)) => self.run(words),
            refused => in_words(&refused),
        }
    }

    fn salt(&self, who: &str) -> [u8; 16] {
        self.bank.book.credentials.get(&account(index(who))).map_or([0; 16], |credential| credential.pin.salt)
    }

    fn caller(&self, from: &str) -> (Caller, [u8; 32]) {
        self.callers[usize::from(small(from)) - 1]
    }

    fn log_in(&mut self, who: &str, salt: [u8; 16], rehashed: Option<PinHash>) -> String {
        let token = self.bank.token();
        let number = number(index(who));
        let order = LoginOrder { number, salt, rehashed, token, terminal: terminal() };
        let decision = self.bank.ask(&Request::Login(order));
        self.callers.extend(session_of(&decision).map(|caller| (caller, token)));
        in_words(&decision)
    }

    fn resume(&mut self, token: [u8; 32]) -> String {
        let decision = self.bank.ask(&Request::Resume { token });
        self.callers.extend(session_of(&decision).map(|caller| (caller, token)));
        in_words(&decision)
    }

    fn deposit(&mut self, from: &str, k: u8) -> String {
        self.tell(&movement(self.caller(from).0, key(k), Direction::Deposit, money(10_000)))
    }

    fn change(&mut self, from: &str, key: RequestKey, proof: &str, new: &str) -> String {
        let (caller, _) = self.caller(from);
        let right = || Verified::Right { salt: self.bank.book.credentials[&caller.account].pin.salt };
        let verified = if proof == "wrong" { Verified::Wrong } else { right() };
        let new = match new {
            "weak" => Err(Unfit::Weak(WeakPin::Run)),
            "same" => Err(Unfit::Same),
            salt => Ok(pin(small(salt))),
        };
        let (begin, change) = pin_change(caller, key, verified, new);
        match self.bank.ask(&begin) {
            Ok(Answer::Verify(_)) => self.tell(&change),
            refused => in_words(&refused),
        }
    }

    fn account(&mut self, who: &str, act: AccountAct) -> String {
        self.tell(&account_act(number(index(who)), act))
    }

    /// A code that is good for a second.
    fn code(&self, salt: &str) -> ResetCode {
        code(small(salt), self.bank.clock_ms, self.bank.clock_ms + 1_000)
    }

    fn redeem(&mut self, who: &str, k: u8, shown: u8, new: u8) -> String {
        let number = number(index(who));
        let (begin, redeem) = redemption(number, key(k), [shown; 16], new);
        match self.bank.ask(&begin) {
            Ok(Answer::Verify(kept)) if kept.salt == [shown; 16] => self.tell(&redeem),
            Ok(Answer::Verify(_) | Answer::NoCode) => self.tell(&wrong_pin(number)),
            refused => in_words(&refused),
        }
    }

    /// What the book says about sessions, attempts, the blacklist's history, the audit log, the journal.
    fn look(&self, what: &str, who: Option<&str>) -> String {
        let book = &self.bank.book;
        let of = who.map(|who| account(index(who)));
        match what {
            "sessions" => {
                let end = |ended: Option<(Timestamp, SessionEnd)>| match ended {
                    Some((_, reason)) => format!("{reason:?}"),
                    None => "open".into(),
                };
                list(book.sessions.iter().map(|(id, s)| format!("{id} {}", end(s.ended))), ", ")
            }
            "guesses" => {
                let guesses = book.credentials[&of.expect("whose")].guesses;
                format!("{} tried, {} wrong", guesses.attempts, guesses.failures)
            }
            "events" => list(book.changes.events.iter().map(|event| format!("{:?}", event.act)), " "),
            "audits" => {
                list(book.changes.audits.iter().map(|row| format!("{} {}", row.id, row.result)), ", ")
            }
            "journal" => {
                let rows: Vec<_> = book.changes.entries.iter().filter(|row| row.customer == of).collect();
                let last = book.accounts.get(&of.expect("whose")).and_then(|row| row.last_seq);
                assert!(last.is_none_or(|Seq(last)| rows.last().is_some_and(|row| row.seq.0 == last)));
                list(rows.iter().map(|row| row.action.to_string()), " ")
            }
            _ => panic!("{what} is not a command"),
        }
    }
}

fn index(who: &str) -> u8 {
    match who {
        "a" => 1,
        "b" => 2,
        "z" => 9,
        _ => panic!("{who} is nobody"),
    }
}

fn digits(text: &str) -> i64 {
    text.parse().expect("a number")
}

fn small(text: &str) -> u8 {
    text.parse().expect("a small number")
}

fn list(items: impl Iterator<Item = String>, between: &str) -> String {
    items.collect::<Vec<_>>().join(between)
}

fn in_words(decision: &Decision) -> String {
    let mut words = String::new();
    let written = match decision {
        Ok(Answer::Done) => write!(words, "done"),
        Ok(Answer::Receipt(receipt)) => {
            let again = if receipt.replayed { ", again" } else { "" };
            write!(words, "{} {}{again}", receipt.action, receipt.balance.minor())
        }
        Ok(Answer::Outcome(KeyOutcome::Done(receipt))) => {
            write!(words, "was {} {}", receipt.action, receipt.balance.minor())
        }
        Ok(Answer::Outcome(KeyOutcome::Rejected(rejection))) => write!(words, "was no: {rejection:?}"),
        Ok(Answer::Outcome(KeyOutcome::NotApplied)) => write!(words, "was not applied"),
        Ok(Answer::Verify(_)) => write!(words, "verify"),
        Ok(Answer::NoCode) => write!(words, "no code"),
        Ok(Answer::Stranger) => write!(words, "stranger"),
        Ok(Answer::Session { caller, taken_over, failures_before, .. }) => {
            let Caller { session, attachment, .. } = caller;
            write!(words, "session {session}.{attachment}, took {taken_over}, after {failures_before}")
        }
        Ok(Answer::Blacklist(change)) => {
            let (ended, cleared) = (change.sessions_ended, change.failures_cleared);
            let (changed, listed) = (change.changed, change.listed);
            write!(words, "changed {changed}, listed {listed}, ended {ended}, cleared {cleared}")
        }
        Ok(Answer::Operator(standing)) => write!(words, "{standing:?}"),
        Ok(Answer::History(imported)) => write!(words, "{imported:?}"),
        Ok(Answer::Imported(BlacklistImported { rows, added, unregistered, sessions_ended, .. })) => {
            write!(words, "{added} of {rows}, {unregistered} unknown, ended {sessions_ended}")
        }
        Ok(Answer::Account(change)) => {
            let state = change.state.map_or("nobody", AccountState::name);
            let bars = list(change.bars.iter().map(ToString::to_string), "+");
            let (changed, ended) = (change.changed, change.sessions_ended);
            write!(words, "changed {changed}, {state}, ended {ended}, bars [{bars}]")
        }
        Err(ServiceError::Rejected(rejection)) => write!(words, "no: {rejection:?}"),
        Err(ServiceError::Unauthenticated(end)) => write!(words, "ended: {end:?}"),
        Err(ServiceError::Busy { retry_after_ms }) => write!(words, "busy {retry_after_ms}"),
        Err(ServiceError::Forbidden(capability)) => write!(words, "forbidden: {capability:?}"),
        Err(other) => write!(words, "{other:?}"),
    };
    written.expect("a text grows");
    words
}
