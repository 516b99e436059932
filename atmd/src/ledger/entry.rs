//! One row of the journal.

use atm_rpc::customer::{Receipt, StatementLine};
use atm_rpc::types::account::AccountId;
use atm_rpc::types::action::Action;
use atm_rpc::types::key::{RequestKey, Seq, SessionId};
use atm_rpc::types::money::Money;
use atm_rpc::types::terminal::TerminalName;
use atm_rpc::types::time::{BusinessDate, Timestamp};

/// A keyed hash over a request's content: two requests with the same are the same.
pub type PayloadHash = [u8; 16];

/// Something that happened, as the journal keeps it. Never changed afterwards.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its place: dense, from 1.
    pub seq: Seq,
    /// When.
    pub recorded_at: Timestamp,
    /// The accounting day.
    pub business_date: BusinessDate,
    /// What.
    pub action: Action,
    /// Whose; `None` for the bank's own.
    pub customer: Option<AccountId>,
    /// What moved; `None` where nothing did.
    pub transfer: Option<Transfer>,
    /// The customer's balance after it; `None` where there is no account.
    pub customer_balance: Option<Money>,
    /// The vault's balance after it.
    pub vault_balance: Money,
    /// In which session.
    pub session: Option<SessionRef>,
    /// At which terminal.
    pub terminal: Option<TerminalName>,
    /// The request that asked for it.
    pub request: Option<(RequestKey, PayloadHash)>,
    /// The entry that it undoes.
    pub reverses: Option<Seq>,
    /// The customer's entry before this one.
    pub previous: Option<Seq>,
}

/// Money on its way from one account to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transfer {
    /// The account that is debited.
    pub debit: AccountId,
    /// The account that is credited.
    pub credit: AccountId,
    /// How much; above zero.
    pub amount: Money,
}

/// The session of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionRef {
    /// Which.
    pub id: SessionId,
    /// When it began.
    pub started_at: Timestamp,
    /// How long it was when the entry was made.
    pub elapsed_ms: i64,
}

impl Entry {
    /// The receipt for this entry. The same entry always gives the same receipt.
    #[must_use]
    pub fn receipt(&self, replayed: bool) -> Receipt {
        Receipt {
            reference: self.seq,
            action: self.action,
            recorded_at: self.recorded_at,
            business_date: self.business_date,
            masked_number: self.customer.and_then(AccountId::mobile).map(|m| m.masked()).unwrap_or_default(),
            amount: self.transfer.map_or(Money::ZERO, |transfer| transfer.amount),
            balance: self.customer_balance.unwrap_or(Money::ZERO),
            terminal: self.terminal.clone(),
            replayed,
        }
    }

    /// The line of a mini statement for this entry.
    #[must_use]
    pub fn statement_line(&self) -> StatementLine {
        StatementLine {
            reference: self.seq,
            recorded_at: self.recorded_at,
            action: self.action,
            amount: self.transfer.map(|transfer| transfer.amount),
            balance: self.customer_balance.unwrap_or(Money::ZERO),
        }
    }
}
