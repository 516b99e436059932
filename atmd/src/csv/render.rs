//! Rows of the ledgers, as RFC 4180 has it: UTF-8, lines end with LF. Nothing in them needs quotes.

use crate::ledger::entry::Entry;
use atm_rpc::types::account::AccountId;
use atm_rpc::types::mobile::MobileNumber;
use atm_rpc::types::money::{Currency, Money};
use std::fmt::Write;

/// One of the two ledgers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ledger {
    /// Everything that happened to customers.
    Client,
    /// Everything that moved the vault.
    Bank,
}

impl Ledger {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Client, Self::Bank];

    /// The file's name.
    #[must_use]
    pub const fn file_name(self) -> &'static str {
        match self {
            Self::Client => "client.csv",
            Self::Bank => "bank.csv",
        }
    }

    /// The first line.
    #[must_use]
    pub const fn header(self) -> &'static str {
        match self {
            Self::Client => {
                "Mobile_Number,Action,Amount,User_Balance,Bank_Balance,Timestamp,Session_Start,Elapsed_Time\n"
            }
            Self::Bank => "Mobile_Number,Action,Amount,Bank_Balance,Timestamp\n",
        }
    }

    /// Appends the line of an entry, if this ledger has one for it.
    pub fn render(self, entry: &Entry, currency: Currency, to: &mut String) {
        let number = entry.customer.and_then(AccountId::mobile).map(MobileNumber::full);
        let amount = entry.transfer.map(|transfer| transfer.amount);
        let money = |amount: Money| amount.display(currency);
        let at = entry.recorded_at;
        let vault = money(entry.vault_balance);
        match self {
            Self::Client => {
                let Some(number) = number else { return };
                let _ = write!(to, "{number},{},", entry.action);
                maybe(to, amount.map(money));
                maybe(to, entry.customer_balance.map(money));
                let _ = write!(to, "{vault},{at},");
                maybe(to, entry.session.map(|session| session.started_at));
                if let Some(session) = entry.session {
                    let (seconds, hundredths) = (session.elapsed_ms / 1000, session.elapsed_ms % 1000 / 10);
                    let _ = write!(to, "{seconds}.{hundredths:02}");
                }
                to.push('\n');
            }
            Self::Bank => {
                let moves_vault = |account| account == AccountId::VAULT;
                if let Some(transfer) = entry.transfer
                    && (moves_vault(transfer.debit) || moves_vault(transfer.credit))
                {
                    let number = number.unwrap_or_default();
                    let amount = money(transfer.amount);
                    let _ = writeln!(to, "{number},{},{amount},{vault},{at}", entry.action);
                }
            }
        }
    }
}

fn maybe(to: &mut String, field: Option<impl std::fmt::Display>) {
    if let Some(field) = field {
        // Writing to a string does not fail.
        let _ = write!(to, "{field}");
    }
    to.push(',');
}

/// The whole of a ledger for these entries, header first.
#[must_use]
pub fn whole(ledger: Ledger, entries: &[Entry], currency: Currency) -> String {
    let mut text = ledger.header().to_owned();
    for entry in entries {
        ledger.render(entry, currency, &mut text);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::entry::{SessionRef, Transfer};
    use atm_rpc::types::action::Action;
    use atm_rpc::types::key::{Seq, SessionId};
    use atm_rpc::types::time::{BusinessDate, Timestamp};

    fn entry(action: Action, customer: Option<&str>, transfer: Option<Transfer>, session: bool) -> Entry {
        let started_at = Timestamp::from_ms(1_795_000_000_000);
        Entry {
            seq: Seq(1),
            recorded_at: Timestamp::from_ms(1_795_000_061_239),
            business_date: BusinessDate::from_days(20_775),
            action,
            customer: customer.map(|number| AccountId::of(MobileNumber::parse(number).unwrap())),
            transfer,
            customer_balance: customer.map(|_| Money::from_minor(40_000)),
            vault_balance: Money::from_minor(1_040_000),
            session: session.then_some(SessionRef { id: SessionId(3), started_at, elapsed_ms: 61_239 }),
            terminal: None,
            request: None,
            reverses: None,
            previous: None,
        }
    }

    #[test]
    fn each_ledger_has_its_rows() {
        let customer = AccountId::of(MobileNumber::parse("0801234567").unwrap());
        let transfer =
            |debit, credit, minor| Some(Transfer { debit, credit, amount: Money::from_minor(minor) });
        let withdrawal = transfer(customer, AccountId::VAULT, 10_000);
        let opening = transfer(AccountId::VAULT, AccountId::EQUITY, 1_000_000);
        let gift = transfer(AccountId::EQUITY, customer, 5);
        let table = [
            (
                entry(Action::Withdraw, Some("0801234567"), withdrawal, true),
                "0801234567,withdraw,100.00,400.00,10400.00,2026-11-18T11:07:41.239Z,2026-11-18T11:06:40.000Z,61.23\n",
                "0801234567,withdraw,100.00,10400.00,2026-11-18T11:07:41.239Z\n",
            ),
            (
                entry(Action::Registered, Some("0801234567"), None, false),
                "0801234567,registered,,400.00,10400.00,2026-11-18T11:07:41.239Z,,\n",
                "",
            ),
            (
                entry(Action::Opening, None, opening, false),
                "",
                ",opening,10000.00,10400.00,2026-11-18T11:07:41.239Z\n",
            ),
            (
                entry(Action::Opening, Some("0801234567"), gift, false),
                "0801234567,opening,0.05,400.00,10400.00,2026-11-18T11:07:41.239Z,,\n",
                "",
            ),
        ];
        for (entry, client, bank) in table {
            for (ledger, expected) in [(Ledger::Client, client), (Ledger::Bank, bank)] {
                let mut text = String::new();
                ledger.render(&entry, Currency::INR, &mut text);
                assert_eq!(text, expected);
                let columns = |line: &str| line.matches(',').count();
                assert!(text.is_empty() || columns(&text) == columns(ledger.header()));
            }
        }
    }
}
