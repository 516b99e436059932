//! One customer's movements, with what there was before and behind them.

use super::effect::{Effect, known, on_customer};
use super::frames::{days, narrow, whole};
use super::rows::{Movement, Options, Statement};
use crate::read::{Column, Ledger};
use atm_rpc::plugin::{Code, Failure};
use atm_rpc::types::mobile::MobileNumber;
use polars::prelude::{col, lit};

/// The statement of a customer.
///
/// # Errors
/// Where the ledger cannot be read, or has no row of this customer.
pub fn statement(ledger: &Ledger, number: MobileNumber, options: &Options) -> Result<Statement, Failure> {
    use Column::{Action, Amount, At, BankBalance, Day, Number, UserBalance};
    let frame = ledger.query(
        &[Number, Action, Amount, UserBalance, BankBalance, At, Day],
        |rows| rows.filter(col("number").eq(lit(number.packed()))),
        |partials| partials,
    )?;
    let words = ledger.actions();
    let [amount, balance, bank] = ["amount", "user_balance", "bank_balance"].map(|name| narrow(&frame, name));
    let (amount, balance, bank) = (amount?, balance?, bank?);
    let (at, day, action) = (whole(&frame, "at")?, whole(&frame, "day")?, whole(&frame, "action")?);
    if at.is_empty() {
        let text = format!("no row is of the number {}", number.masked());
        return Err(Failure::new(Code::NotFound, text).hint("a leading zero is part of a number"));
    }
    let (from, to) = (options.from.map(days).map(i64::from), options.to.map(days).map(i64::from));
    let mut statement = Statement::default();
    let mut first = true;
    for row in 0..at.len() {
        if to.is_some_and(|to| day[row] > to) {
            continue;
        }
        let is_before = from.is_some_and(|from| day[row] < from);
        let word = usize::try_from(action[row]).ok().and_then(|index| words.get(index));
        let word = word.map_or("", String::as_str);
        if is_before {
            statement.opening = balance[row].or(statement.opening);
        } else if std::mem::take(&mut first) && statement.opening.is_none() {
            statement.opening = balance[row].and_then(|behind| before(behind, word, amount[row]));
        }
        statement.closing = balance[row].or(statement.closing);
        let asked = options.action.as_deref().is_none_or(|asked| asked == word);
        if let Some(amount) = amount[row].filter(|_| !is_before && asked) {
            statement.movements.push(Movement {
                at_ms: at[row],
                action: word.to_owned(),
                amount,
                balance: balance[row],
                bank_balance: bank[row],
            });
        }
    }
    Ok(statement)
}

/// The balance before a row from the one behind it.
fn before(behind: i64, action: &str, amount: Option<i64>) -> Option<i64> {
    let undone = match on_customer(known(action)) {
        Effect::Adds => Effect::Takes,
        Effect::Takes => Effect::Adds,
        same => same,
    };
    undone.applied(behind, amount).and_then(|before| i64::try_from(before).ok())
}
