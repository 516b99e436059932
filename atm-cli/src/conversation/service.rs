//! What the menu offers, one function each.

use super::Talk;
use crate::bank::Order;
use crate::console::{Echo, TRIES_MAX};
use crate::error::Error;
use crate::explain::sentence;
use crate::output::table;
use crate::pins;
use crate::statement::Choice;
use atm_rpc::customer::PinChange;
use atm_rpc::error::{Rejection, ServiceError};
use atm_rpc::types::key::RequestKey;
use atm_rpc::types::mobile::MobileNumber;
use atm_rpc::types::money::Money;

/// Lines of the mini statement.
const STATEMENT_LINES: u16 = 10;

impl Talk<'_> {
    pub(super) async fn withdraw(&mut self, mobile: MobileNumber) -> Result<(), Error> {
        let (info, words) = (&self.bank.info, &self.bank.words);
        self.console.say(&format!(
            "Withdraw {} to {} in steps of {}, or type menu to go back.",
            words.number(info.withdraw_min),
            words.money(info.withdraw_max),
            words.number(info.withdraw_multiple),
        ))?;
        self.move_amount(mobile, Order::Withdraw).await
    }

    pub(super) async fn deposit(&mut self, mobile: MobileNumber) -> Result<(), Error> {
        let (info, words) = (&self.bank.info, &self.bank.words);
        let most = words.money(info.amount_max);
        self.console.say(&format!("Deposit up to {most}, or type menu to go back."))?;
        self.move_amount(mobile, Order::Deposit).await
    }

    pub(super) async fn balance(&mut self) -> Result<(), Error> {
        let balance = self.console.wait(self.bank.balance()).await??;
        self.console.data(&format!("\n{}", table::balance(&balance, &self.bank.words)))
    }

    pub(super) async fn statement(&mut self) -> Result<(), Error> {
        let choice = Choice { count: STATEMENT_LINES, all: false };
        let lines = self.console.wait(self.bank.statement(choice.asked())).await??;
        let lines = choice.of(lines);
        self.console.data(&format!("\n{}", table::statement(&lines, &self.bank.words)))
    }

    pub(super) async fn change_pin(&mut self, mobile: MobileNumber) -> Result<(), Error> {
        let current = pins::ask(self.console, pins::CURRENT).await?;
        for _ in 0..TRIES_MAX {
            let new = pins::choose(self.console, mobile).await?;
            let change = PinChange { current: current.clone(), new };
            match self.perform(mobile, &Order::ChangePin(change)).await {
                Err(error) if is_about_new_pin(&error) => self.explain(&error)?,
                other => return other,
            }
        }
        Err(Error::TooOften)
    }

    /// Asks for an amount until the bank takes one, five times at most, or until the customer goes back.
    async fn move_amount(&mut self, mobile: MobileNumber, order: fn(Money) -> Order) -> Result<(), Error> {
        for _ in 0..TRIES_MAX {
            let line = self.console.ask("Amount: ", Echo::Shown).await?;
            let text = line.trim();
            if text.eq_ignore_ascii_case("menu") {
                return Ok(());
            }
            let amount = match Money::parse(text, self.bank.info.currency) {
                Ok(amount) => amount,
                Err(wrong) => {
                    self.console.say(&sentence(&wrong.to_string()))?;
                    continue;
                }
            };
            match self.perform(mobile, &order(amount)).await {
                Err(error) if is_about_amount(&error) => self.explain(&error)?,
                other => return other,
            }
        }
        Err(Error::TooOften)
    }

    async fn perform(&mut self, mobile: MobileNumber, order: &Order) -> Result<(), Error> {
        let done = self.bank.perform(self.console, mobile, RequestKey::generate(), order).await?;
        self.receipt(&done)
    }
}

/// Whether another amount may do.
fn is_about_amount(error: &Error) -> bool {
    matches!(
        error.service(),
        Some(ServiceError::Rejected(
            Rejection::ZeroAmount
                | Rejection::BelowMinimum { .. }
                | Rejection::AboveMaximum { .. }
                | Rejection::NotAMultiple { .. }
                | Rejection::InsufficientFunds { .. }
                | Rejection::VaultShort { .. }
                | Rejection::BalanceLimit
        ))
    )
}

/// Whether another new PIN may do.
fn is_about_new_pin(error: &Error) -> bool {
    matches!(error.service(), Some(ServiceError::Rejected(Rejection::WeakPin(_) | Rejection::SamePin)))
}
