//! Rows that one batch leaves in memory for the next, so that a customer's second movement reads none of them again.
//!
//! They are right as long as the chain of seals ends where it ended when they were read or written: every batch of
//! every node writes a seal, and a batch reads the last one under the bank's lock before it takes anything from here.

use super::SealHead;
use crate::ledger::book::{Account, Book, Listed, Session};
use atm_rpc::types::account::AccountId;
use atm_rpc::types::key::SessionId;
use std::collections::HashMap;

/// Customers and sessions that are kept; with more than these it begins anew. Some 30 MiB.
const ROWS_MAX: usize = 131_072;

/// What is in the database as of a seal, as far as it was asked for.
#[derive(Debug, Default)]
pub(super) struct Kept {
    seal: Option<SealHead>,
    pub(super) customers: HashMap<AccountId, Customer>,
    /// Open ones.
    pub(super) sessions: HashMap<SessionId, Session>,
}

/// A number that was asked for, with what there is of it.
#[derive(Clone, Debug, Default)]
pub(super) struct Customer {
    pub(super) account: Option<Account>,
    pub(super) listed: Option<Box<Listed>>,
}

impl Kept {
    /// Forgets everything where the chain of seals ends elsewhere now.
    pub(super) fn reach(&mut self, seal: SealHead) {
        if self.seal != Some(seal) || self.customers.len().max(self.sessions.len()) > ROWS_MAX {
            *self = Self { seal: Some(seal), ..Self::default() };
        }
    }

    /// Follows a batch that wrote its changes and this seal.
    pub(super) fn follow(&mut self, book: &Book, seal: SealHead) {
        let changes = &book.changes;
        for id in &changes.accounts {
            if let Some(customer) = self.customers.get_mut(id) {
                customer.account = book.accounts.get(id).copied();
            }
        }
        for id in &changes.listed {
            if let Some(customer) = self.customers.get_mut(id) {
                customer.listed = book.blacklist.get(id).cloned().map(Box::new);
            }
        }
        for id in &changes.sessions {
            match book.sessions.get(id) {
                Some(session) if session.ended.is_none() => self.sessions.insert(*id, session.clone()),
                _ => self.sessions.remove(id),
            };
        }
        self.seal = Some(seal);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use atm_rpc::types::terminal::TerminalName;
    use atm_rpc::types::time::Timestamp;

    const SEAL: SealHead = SealHead { id: 4, mac: [4; 32] };

    fn with(sessions: usize) -> Kept {
        let row = Session {
            account: AccountId::EQUITY,
            token: [0; 32],
            attachment: 1,
            terminal: TerminalName::parse("ATM-0001").unwrap(),
            started_at: Timestamp::from_ms(0),
            seen_at: Timestamp::from_ms(0),
            ended: None,
        };
        let sessions = (1..).map(SessionId).take(sessions).map(|id| (id, row.clone())).collect();
        Kept { seal: Some(SEAL), sessions, ..Kept::default() }
    }

    #[test]
    fn is_kept_while_the_seals_end_there_and_there_are_not_too_many() {
        for (sessions, seal, kept) in [
            (3, SEAL, 3),
            (ROWS_MAX, SEAL, ROWS_MAX),
            (ROWS_MAX + 1, SEAL, 0),
            (3, SealHead { id: 5, ..SEAL }, 0),
            (3, SealHead { mac: [5; 32], ..SEAL }, 0),
            (3, SealHead { id: 3, ..SEAL }, 0),
        ] {
            let mut rows = with(sessions);
            rows.reach(seal);
            assert_eq!((rows.sessions.len(), rows.seal), (kept, Some(seal)), "{sessions} at {seal}");
        }
    }
}
