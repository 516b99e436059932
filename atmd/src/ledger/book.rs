//! The state of one batch: what was read, what was decided, what is to be written.

use crate::ledger::Now;
use crate::ledger::entry::{Entry, PayloadHash, SessionRef, Transfer};
use crate::ledger::guesses::Guesses;
use crate::ledger::operators::{Certificate, Operator};
use crate::ledger::request::{Answer, Audit, Checkpoint, NewOperator};
use atm_rpc::error::{Rejection, ServiceError, SessionEnd};
use atm_rpc::operator::blacklist::BlacklistAct;
use atm_rpc::types::account::{AccountId, AccountState};
use atm_rpc::types::action::Action;
use atm_rpc::types::key::{RequestKey, Seq, SessionId};
use atm_rpc::types::money::Money;
use atm_rpc::types::terminal::TerminalName;
use atm_rpc::types::time::{BusinessDate, Timestamp};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// Where the journal ends. Read from the last seal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// Newest entry; 0 in an empty journal.
    pub seq: i64,
    /// Cash in the vault.
    pub vault: Money,
    /// The accounting day. Never goes back.
    pub date: BusinessDate,
    /// Newest row of the audit log.
    pub audit: i64,
    /// Newest session; known only where the batch begins one.
    pub session: i64,
    /// Newest event of the blacklist; known only where the batch may add one.
    pub event: i64,
}

impl Default for Head {
    fn default() -> Self {
        let date = BusinessDate::from_days(0);
        Self { seq: 0, vault: Money::ZERO, date, audit: 0, session: 0, event: 0 }
    }
}

/// An account and its cached balance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Account {
    /// Everything booked.
    pub posted: Money,
    /// What is reserved.
    pub pending: Money,
    /// What it may do.
    pub state: AccountState,
    /// Its newest entry.
    pub last_seq: Option<Seq>,
    /// When it was opened.
    pub opened_at: Timestamp,
}

/// A PIN as it is kept: hashed with a secret that is not in the database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PinHash {
    /// Which secret.
    pub pepper: i32,
    /// argon2id's m, in KiB.
    pub memory_kib: u32,
    /// argon2id's t.
    pub iterations: u32,
    /// Random for each PIN.
    pub salt: [u8; 16],
    /// argon2id's tag.
    pub hash: [u8; 32],
}

/// A customer's PIN and what was tried against it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credential {
    /// The PIN.
    pub pin: PinHash,
    /// Attempts since the last right one.
    pub guesses: Guesses,
}

/// A one-time code by which a customer chooses a PIN without the old one. Attempts count as those of the PIN.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResetCode {
    /// The code, hashed as PINs are.
    pub code: PinHash,
    /// When it was given.
    pub issued_at: Timestamp,
    /// From when on it is of no use.
    pub expires_at: Timestamp,
}

/// A customer's session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// Whose.
    pub account: AccountId,
    /// Hash of the token that resumes it.
    pub token: [u8; 32],
    /// Counts the connections it was on; only the newest one may use it.
    pub attachment: i32,
    /// Where.
    pub terminal: TerminalName,
    /// When it began.
    pub started_at: Timestamp,
    /// Last sign of life, to within a part of the idle time.
    pub seen_at: Timestamp,
    /// When and why it ended.
    pub ended: Option<(Timestamp, SessionEnd)>,
}

/// Why a number is on the blacklist.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Its event in the history.
    pub id: i64,
    /// Why.
    pub reason: String,
    /// Who put it there.
    pub actor: String,
    /// Since when.
    pub since: Timestamp,
    /// Until when; `None` is for good.
    pub until: Option<Timestamp>,
}

/// An event in the history of the blacklist.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Its place.
    pub id: i64,
    /// When.
    pub at: Timestamp,
    /// Whose number.
    pub number: AccountId,
    /// What.
    pub act: BlacklistAct,
    /// Why.
    pub reason: String,
    /// Who.
    pub actor: String,
    /// Until when.
    pub until: Option<Timestamp>,
}

/// What became of a request key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyRecord {
    /// It was applied.
    Applied(Entry),
    /// It was rejected.
    Rejected {
        /// Whose request.
        account: AccountId,
        /// Its content; all zeros for a key that was closed before any request came.
        payload: PayloadHash,
        /// The 'no'.
        rejection: Rejection,
        /// When.
        at: Timestamp,
    },
}

/// What is to be written. Names rows of the book that changed; new rows are here themselves.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// New entries, in order.
    pub entries: Vec<Entry>,
    /// Accounts that are new or changed.
    pub accounts: BTreeSet<AccountId>,
    /// Credentials that are new or changed.
    pub credentials: BTreeSet<AccountId>,
    /// Accounts whose one-time code was given or is gone.
    pub codes: BTreeSet<AccountId>,
    /// Sessions that are new or changed.
    pub sessions: BTreeSet<SessionId>,
    /// Numbers that were put on the blacklist or taken off.
    pub listed: BTreeSet<AccountId>,
    /// New events of the blacklist, in order.
    pub events: Vec<Event>,
    /// Keys of rejected requests.
    pub rejections: BTreeSet<RequestKey>,
    /// New rows of the audit log, in order.
    pub audits: Vec<Audit>,
    /// Operators that are new or changed, by name.
    pub operators: BTreeSet<String>,
    /// Certificates that are new or changed, by operator.
    pub certificates: BTreeSet<i64>,
    /// Keys of requests that were rejected before this instant are to be forgotten.
    pub forget_rejections_before: Option<Timestamp>,
    /// Checkpoints of files derived from the journal, by node and file.
    pub checkpoints: BTreeMap<(String, String), Checkpoint>,
}

/// State of a batch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Book {
    /// Where the journal ends.
    pub head: Head,
    /// Accounts, by id. The vault is in the head.
    pub accounts: HashMap<AccountId, Account>,
    /// PINs, by account.
    pub credentials: HashMap<AccountId, Credential>,
    /// One-time codes, by account.
    pub codes: HashMap<AccountId, ResetCode>,
    /// Sessions.
    pub sessions: BTreeMap<SessionId, Session>,
    /// The blacklist, by number.
    pub blacklist: HashMap<AccountId, Listed>,
    /// Request keys that were used before.
    pub keys: HashMap<RequestKey, KeyRecord>,
    /// Operators, by name.
    pub operators: BTreeMap<String, Operator>,
    /// Certificates that atmd issued, by operator.
    pub certificates: BTreeMap<i64, Certificate>,
    /// What is to be written.
    pub changes: Changes,
}

/// An entry that is about to be recorded: what the ledger does not fill in by itself.
#[derive(Debug)]
pub(super) struct Draft<'a> {
    pub(super) action: Action,
    pub(super) customer: Option<AccountId>,
    pub(super) transfer: Option<Transfer>,
    pub(super) session: Option<SessionId>,
    pub(super) terminal: Option<&'a TerminalName>,
    pub(super) request: Option<(RequestKey, PayloadHash)>,
}

impl Draft<'_> {
    /// An entry of a customer that moves nothing.
    pub(super) const fn note(action: Action, customer: AccountId) -> Self {
        Self {
            action,
            customer: Some(customer),
            transfer: None,
            session: None,
            terminal: None,
            request: None,
        }
    }
}

impl Book {
    /// The sum that an account would have, without booking it.
    fn after(&self, account: AccountId, debit: bool, amount: Money) -> Result<Money, Rejection> {
        let balance = if account == AccountId::VAULT {
            self.head.vault
        } else {
            self.accounts.get(&account).map_or(Money::ZERO, |a| a.posted)
        };
        // The vault is debit-normal, everything else credit-normal.
        let sum = if debit == (account == AccountId::VAULT) {
            balance.checked_add(amount)
        } else {
            balance.checked_sub(amount)
        };
        sum.ok_or(Rejection::BalanceLimit)
    }

    fn set_posted(&mut self, account: AccountId, posted: Money) {
        if account == AccountId::VAULT {
            self.head.vault = posted;
        } else if let Some(row) = self.accounts.get_mut(&account) {
            row.posted = posted;
            self.changes.accounts.insert(account);
        }
    }

    /// Whether a transfer can be booked: its sums fit.
    pub(super) fn check(&self, transfer: Transfer) -> Result<(), Rejection> {
        self.after(transfer.debit, true, transfer.amount)?;
        self.after(transfer.credit, false, transfer.amount).map(|_| ())
    }

    /// Makes an account that nobody had, with nothing in it. It is the caller's to record that it was registered.
    pub(super) fn open(&mut self, account: AccountId, pin: PinHash, now: Now) {
        let opened = Account {
            posted: Money::ZERO,
            pending: Money::ZERO,
            state: AccountState::Active,
            last_seq: None,
            opened_at: now.at,
        };
        self.accounts.insert(account, opened);
        self.credentials.insert(account, Credential { pin, guesses: Guesses::default() });
        self.changes.credentials.insert(account);
    }

    /// Books a transfer, if any, and records the entry. Nothing happens where the sum does not fit.
    pub(super) fn record(&mut self, draft: Draft<'_>, now: Now) -> Result<&Entry, Rejection> {
        if let Some(Transfer { debit, credit, amount }) = draft.transfer {
            let debited = self.after(debit, true, amount)?;
            let credited = self.after(credit, false, amount)?;
            self.set_posted(debit, debited);
            self.set_posted(credit, credited);
        }
        self.head.seq += 1;
        let seq = Seq(self.head.seq);
        let account = draft.customer.and_then(|id| self.accounts.get_mut(&id).map(|account| (id, account)));
        let (previous, customer_balance) = match account {
            Some((id, account)) => {
                self.changes.accounts.insert(id);
                (account.last_seq.replace(seq), Some(account.posted))
            }
            None => (None, None),
        };
        let session = draft.session.and_then(|id| {
            let started_at = self.sessions.get(&id)?.started_at;
            Some(SessionRef { id, started_at, elapsed_ms: now.at.since_ms(started_at) })
        });
        let at_terminal = || draft.session.and_then(|id| self.sessions.get(&id)).map(|s| s.terminal.clone());
        let entry = Entry {
            seq,
            recorded_at: now.at,
            business_date: self.head.date,
            action: draft.action,
            customer: draft.customer,
            transfer: draft.transfer,
            customer_balance,
            vault_balance: self.head.vault,
            session,
            terminal: draft.terminal.cloned().or_else(at_terminal),
            request: draft.request,
            reverses: None,
            previous,
        };
        if let Some((key, _)) = entry.request {
            self.keys.insert(key, KeyRecord::Applied(entry.clone()));
        }
        let index = self.changes.entries.len();
        self.changes.entries.push(entry);
        Ok(&self.changes.entries[index])
    }

    /// Ends a session that is open.
    pub(super) fn end_session(&mut self, id: SessionId, reason: SessionEnd, now: Now) -> bool {
        match self.sessions.get_mut(&id) {
            Some(session) if session.ended.is_none() => {
                session.ended = Some((now.at, reason));
                self.changes.sessions.insert(id);
                true
            }
            _ => false,
        }
    }

    /// The open sessions of an account, oldest first.
    pub(super) fn open_sessions(&self, account: AccountId) -> Vec<SessionId> {
        let open = self.sessions.iter().filter(|(_, s)| s.account == account && s.ended.is_none());
        open.map(|(id, _)| *id).collect()
    }

    /// Keeps a 'no' under its key, so that a repeat gets the same.
    pub(super) fn keep_rejection(
        &mut self,
        (key, payload): (RequestKey, PayloadHash),
        account: AccountId,
        rejection: Rejection,
        now: Now,
    ) {
        self.keys.insert(key, KeyRecord::Rejected { account, payload, rejection, at: now.at });
        self.changes.rejections.insert(key);
    }

    /// Hands a decision on, after keeping it under its key where it is a 'no'.
    pub(super) fn kept(
        &mut self,
        keyed: (RequestKey, PayloadHash),
        account: AccountId,
        decision: Result<Answer, ServiceError>,
        now: Now,
    ) -> Result<Answer, ServiceError> {
        if let Err(ServiceError::Rejected(rejection)) = decision {
            self.keep_rejection(keyed, account, rejection, now);
        }
        decision
    }

    pub(super) fn keep_checkpoint(&mut self, checkpoint: &Checkpoint) -> Answer {
        let place = (checkpoint.node.clone(), checkpoint.file.clone());
        self.changes.checkpoints.insert(place, checkpoint.clone());
        Answer::Done
    }

    /// Opens the bank: cash in the vault, and the first operator.
    pub(super) fn found(
        &mut self,
        vault: Money,
        root: &NewOperator,
        now: Now,
    ) -> Result<Answer, ServiceError> {
        if self.head.seq == 0 && vault > Money::ZERO {
            let transfer = Transfer { debit: AccountId::VAULT, credit: AccountId::EQUITY, amount: vault };
            let draft = Draft {
                action: Action::Opening,
                customer: None,
                transfer: Some(transfer),
                session: None,
                terminal: None,
                request: None,
            };
            self.record(draft, now).map_err(ServiceError::Rejected)?;
        }
        let NewOperator { id, name, role, fingerprint, created_at } = root.clone();
        self.operators.insert(name.clone(), Operator { id, role, fingerprint, enabled: true, created_at });
        self.changes.operators.insert(name);
        Ok(Answer::Done)
    }
}
