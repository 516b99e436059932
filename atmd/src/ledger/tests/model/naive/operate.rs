//! What operators do in the model.

use super::{Naive, Reply, Said};
use crate::ledger::book::ResetCode;
use crate::ledger::request::{AccountAct, OperatorAct};
use atm_rpc::error::{Conflict, ServiceError, SessionEnd};
use atm_rpc::operator::account::{Bar, Block};
use atm_rpc::types::account::{AccountId, AccountState};
use atm_rpc::types::money::Money;
use atm_rpc::types::time::Timestamp;

impl Naive {
    pub(super) fn operate(&mut self, act: &OperatorAct) -> Reply {
        match act {
            OperatorAct::BlacklistAdd { number, reason, until, .. } => {
                let ended = self.add(AccountId::of(*number), reason, until.map(Timestamp::ms));
                Ok(Said::Blacklist { changed: ended.is_some(), ended: ended.unwrap_or(0), cleared: 0 })
            }
            OperatorAct::BlacklistRemove { number, .. } => {
                let who = AccountId::of(*number);
                let cleared = self.tries.remove(&who).map_or(0, |tries| tries.wrong);
                let changed = self.listed.remove(&who).is_some() || cleared > 0;
                Ok(Said::Blacklist { changed, ended: 0, cleared })
            }
            OperatorAct::BlacklistImport { rows } => {
                let (mut added, mut unregistered, mut ended) = (0, 0, 0);
                for row in rows {
                    let who = AccountId::of(row.number);
                    unregistered += u64::from(!self.states.contains_key(&who));
                    if let Some(sessions) = self.add(who, &row.reason, row.until.map(Timestamp::ms)) {
                        added += 1;
                        ended += u64::from(sessions);
                    }
                }
                Ok(Said::Imported { added, unregistered, ended })
            }
            OperatorAct::Account { number, act, .. } => self.account(AccountId::of(*number), act),
            OperatorAct::OperatorAdd(_)
            | OperatorAct::OperatorRenew(_)
            | OperatorAct::OperatorDisable { .. }
            | OperatorAct::Refused(_)
            | OperatorAct::LedgerImport { .. }
            | OperatorAct::Noted(_) => panic!("the model is not asked for this"),
        }
    }

    /// Puts a number on the blacklist. Gives the sessions that ended, or nothing where it is there already.
    fn add(&mut self, who: AccountId, reason: &str, until: Option<i64>) -> Option<u32> {
        let entry = (reason.to_owned(), until);
        self.expire(who);
        if self.barred(who).is_err() && self.listed.get(&who) == Some(&entry) {
            return None;
        }
        Some(self.list(who, entry.0, entry.1))
    }

    fn expire(&mut self, who: AccountId) {
        if self.barred(who).is_ok() && self.listed.remove(&who).is_some() {
            self.tries.remove(&who);
        }
    }

    fn account(&mut self, who: AccountId, act: &AccountAct) -> Reply {
        let before = self.states.get(&who).copied();
        let said = |bank: &Self, changed, bars, ended| {
            Ok(Said::Account { changed, state: bank.states.get(&who).copied(), bars, ended })
        };
        let code = |code: &ResetCode| (code.code.salt[0], code.expires_at.ms());
        match (act, before) {
            (AccountAct::Close, Some(AccountState::Closed)) => return said(self, false, Vec::new(), 0),
            (_, Some(AccountState::Closed)) => return Err(ServiceError::Conflict(Conflict::AccountClosed)),
            (AccountAct::Open { .. } | AccountAct::Unblock { .. }, None) | (_, Some(_)) => {}
            (_, None) => return Err(ServiceError::NotFound),
        }
        match act {
            AccountAct::Open { .. } if before.is_some() => said(self, false, Vec::new(), 0),
            AccountAct::Open { .. } if self.barred(who).is_err() => {
                Err(ServiceError::Conflict(Conflict::Blacklisted))
            }
            AccountAct::Open { pin, code: given } => {
                self.expire(who);
                self.open_account(who, pin.salt[0]);
                self.codes.insert(who, code(given));
                said(self, true, Vec::new(), 0)
            }
            AccountAct::Block(block) => {
                let before = before.expect("it is there");
                let debit = *block != Block::Credit
                    || matches!(before, AccountState::DebitBlocked | AccountState::Blocked);
                let credit = *block != Block::Debit
                    || matches!(before, AccountState::CreditBlocked | AccountState::Blocked);
                let state = match (debit, credit) {
                    (true, true) => AccountState::Blocked,
                    (true, false) => AccountState::DebitBlocked,
                    _ => AccountState::CreditBlocked,
                };
                self.states.insert(who, state);
                said(self, state != before, Vec::new(), 0)
            }
            AccountAct::Unblock { .. } => self.unblock(who, before),
            AccountAct::ResetPin { code: given } => {
                self.expire(who);
                self.tries.remove(&who);
                self.codes.insert(who, code(given));
                let barred = if self.barred(who).is_err() { vec![Bar::Blacklisted] } else { Vec::new() };
                said(self, true, barred, 0)
            }
            AccountAct::Close => {
                let posted = Money::from_minor(self.balances[&who]);
                if posted > Money::ZERO {
                    let pending = Money::ZERO;
                    return Err(ServiceError::Conflict(Conflict::NotEmpty { posted, pending }));
                }
                self.codes.remove(&who);
                self.states.insert(who, AccountState::Closed);
                let ended =
                    self.awake(who).map(|life| life.end = Some(SessionEnd::AccountClosed)).map(|()| 1).sum();
                said(self, true, Vec::new(), ended)
            }
        }
    }

    fn unblock(&mut self, who: AccountId, before: Option<AccountState>) -> Reply {
        if before.is_none() && !self.listed.contains_key(&who) {
            return Err(ServiceError::NotFound);
        }
        self.expire(who);
        let mut bars = match before {
            Some(AccountState::DebitBlocked) => vec![Bar::DebitBlocked],
            Some(AccountState::CreditBlocked) => vec![Bar::CreditBlocked],
            Some(AccountState::Blocked) => vec![Bar::DebitBlocked, Bar::CreditBlocked],
            _ => Vec::new(),
        };
        if self.listed.remove(&who).is_some() {
            bars.push(Bar::Blacklisted);
        }
        if self.tries.remove(&who).is_some_and(|tries| tries.wrong > 0) {
            bars.push(Bar::Failures);
        }
        if before.is_some() {
            self.states.insert(who, AccountState::Active);
        }
        Ok(Said::Account {
            changed: !bars.is_empty(),
            state: before.map(|_| AccountState::Active),
            bars,
            ended: 0,
        })
    }
}
