//! What the menu offers, one function each.

use super::Talk;
use crate::bank::Order;
use crate::console::{Console, Echo};
use crate::error::Error;
use crate::output::table;
use crate::pins;
use atm_rpc::customer::PinChange;
use atm_rpc::types::key::RequestKey;
use atm_rpc::types::mobile::MobileNumber;
use atm_rpc::types::money::{Currency, Money};

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
        match ask_amount(self.console, info.currency).await? {
            Some(amount) => self.perform(mobile, &Order::Withdraw(amount)).await,
            None => Ok(()),
        }
    }

    pub(super) async fn deposit(&mut self, mobile: MobileNumber) -> Result<(), Error> {
        let (info, words) = (&self.bank.info, &self.bank.words);
        let most = words.money(info.amount_max);
        self.console.say(&format!("Deposit up to {most}, or type menu to go back."))?;
        match ask_amount(self.console, info.currency).await? {
            Some(amount) => self.perform(mobile, &Order::Deposit(amount)).await,
            None => Ok(()),
        }
    }

    pub(super) async fn balance(&mut self) -> Result<(), Error> {
        let balance = self.console.wait(self.bank.balance()).await??;
        self.console.data(&format!("\n{}", table::balance(&balance, &self.bank.words)))
    }

    pub(super) async fn statement(&mut self) -> Result<(), Error> {
        let lines = self.console.wait(self.bank.statement(STATEMENT_LINES)).await??;
        self.console.data(&format!("\n{}", table::statement(&lines, &self.bank.words)))
    }

    pub(super) async fn change_pin(&mut self, mobile: MobileNumber) -> Result<(), Error> {
        let current = pins::ask(self.console, pins::CURRENT).await?;
        let new = pins::choose(self.console, mobile).await?;
        self.perform(mobile, &Order::ChangePin(PinChange { current, new })).await
    }

    async fn perform(&mut self, mobile: MobileNumber, order: &Order) -> Result<(), Error> {
        let done = self.bank.perform(self.console, mobile, RequestKey::generate(), order).await?;
        self.receipt(&done)
    }
}

/// An amount, or `None` to go back to the menu.
async fn ask_amount(console: &mut Console, currency: Currency) -> Result<Option<Money>, Error> {
    let parse = |text: &str| match text.eq_ignore_ascii_case("menu") {
        true => Ok(None),
        false => Money::parse(text, currency).map(Some),
    };
    console.ask_for("Amount: ", Echo::Shown, parse).await
}
