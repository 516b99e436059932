//! One customer's movements, with what there was before and behind them.

use super::effect::{Effect, known, on_customer};
use super::frames::{days, failed};
use super::rows::{Movement, Options, Statement};
use crate::read::calendar::Calendar;
use crate::read::{Column, Ledger};
use atm_ledger_csv::dialect::Kind;
use atm_rpc::plugin::{Code, Failure};
use atm_rpc::types::mobile::MobileNumber;
use polars::prelude::{DataFrame, PolarsResult};
use std::sync::Arc;

/// The statement of a customer.
///
/// # Errors
/// Where the ledger cannot be read, or has no row of this customer.
pub fn statement(ledger: &Ledger, number: MobileNumber, options: &Options) -> Result<Statement, Failure> {
    // bank.csv has no balances of customers.
    let balances = (ledger.kind() == Some(Kind::Client)).then_some(Column::UserBalance);
    let columns = [Column::Action, Column::Amount, Column::BankBalance, Column::At].into_iter();
    let columns: Vec<Column> = columns.chain(balances).collect();
    let frame = ledger.query(&columns, Some(number), |rows| rows, |partials| partials)?;
    if frame.height() == 0 {
        let text = format!("no row is of the number {}", number.masked());
        return Err(Failure::new(Code::NotFound, text).hint("a leading zero is part of a number"));
    }
    let words: Vec<Arc<str>> = ledger.actions().into_iter().map(Arc::from).collect();
    let rows = rows(&frame, ledger).map_err(failed)?;
    drop(frame);
    // Another tool's word does not say which way its amount goes.
    let effect = |word: &Arc<str>| known(word).map_or(Effect::Either, |action| on_customer(Some(action)));
    let effects: Vec<Effect> = words.iter().map(effect).collect();
    let effect = |row: &Row| match row.amount {
        Some(_) => effects.get(usize::from(row.action)).copied().unwrap_or(Effect::Either),
        None => Effect::Leaves,
    };
    let (from, to) = (options.from.map(days), options.to.map(days));
    let is_before = |row: &Row| from.is_some_and(|from| row.day < from);
    let is_within = |row: &Row| !is_before(row) && to.is_none_or(|to| row.day <= to);
    let behind_earlier = rows.iter().rposition(is_before).map_or(0, |row| row + 1);
    let begins = rows.iter().position(is_within).unwrap_or(behind_earlier);
    let ends = rows.iter().rposition(is_within).map_or(begins, |row| row + 1);
    let steps = |row: &Row| (effect(row), row.amount, row.balance);
    let [opening, closing] = [begins, ends].map(|place| level(rows.iter().map(steps), place));
    let asked = options.action.as_deref().map(|asked| words.iter().position(|word| **word == *asked));
    let is_asked = |row: &Row| asked.is_none_or(|asked| asked == Some(usize::from(row.action)));
    // In the place of the rows: there may be very many.
    let movements = rows.into_iter().filter(|row| is_within(row) && is_asked(row)).filter_map(|row| {
        Some(Movement {
            at_ms: row.at_ms,
            action: words.get(usize::from(row.action)).map_or_else(|| "".into(), Arc::clone),
            amount: row.amount?,
            balance: row.balance,
            bank_balance: row.bank_balance,
        })
    });
    Ok(Statement { opening, movements: movements.collect(), closing })
}

/// A row of the customer.
struct Row {
    at_ms: i64,
    day: i32,
    action: u8,
    amount: Option<i64>,
    balance: Option<i64>,
    bank_balance: Option<i64>,
}

fn rows(frame: &DataFrame, ledger: &Ledger) -> PolarsResult<Vec<Row>> {
    let (actions, instants) = (frame.column("action")?.u8()?, frame.column("at")?.i64()?);
    let (amounts, vaults) = (frame.column("amount")?.i64()?, frame.column("bank_balance")?.i64()?);
    let balances = frame.column("user_balance").ok().map(|column| column.i64()).transpose()?;
    let mut balances = balances.map(|balances| balances.iter());
    let mut calendar = Calendar::of(ledger.zone());
    let mut rows = Vec::with_capacity(frame.height());
    for (((action, at), amount), bank_balance) in
        actions.iter().zip(instants.iter()).zip(amounts.iter()).zip(vaults.iter())
    {
        let at_ms = at.unwrap_or_default();
        rows.push(Row {
            at_ms,
            day: calendar.day(at_ms),
            action: action.unwrap_or_default(),
            amount,
            balance: balances.as_mut().and_then(Iterator::next).flatten(),
            bank_balance,
        });
    }
    Ok(rows)
}

/// The balance before the row in that place: what the ledger tells, or what follows from that by the rows between.
fn level(rows: impl Iterator<Item = (Effect, Option<i64>, Option<i64>)>, place: usize) -> Option<i128> {
    let mut before: Option<i128> = None;
    // What the rows behind the place come to, as long as all of them say which way they go.
    let mut behind = Some(0);
    for (row, (effect, amount, told)) in rows.enumerate() {
        if row < place {
            let follows = before.and_then(|before| effect.applied(before, amount));
            before = told.map(i128::from).or(follows);
            continue;
        }
        behind = behind.and_then(|sum| effect.applied(sum, amount));
        match (before, behind, told) {
            (None, Some(sum), Some(told)) => return Some(i128::from(told) - sum),
            (None, Some(_), None) => {}
            _ => break,
        }
    }
    before
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn balances_follow_from_those_that_are_told() {
        use Effect::{Adds, Either, Leaves, Takes};
        // What each row does, its amount and its balance; then the balance before each, and behind the last.
        type Case<'c> = (&'c [(Effect, i64, Option<i64>)], &'c [Option<i128>]);
        let table: &[Case] = &[
            (&[], &[None]),
            (&[(Adds, 5, None)], &[None, None]),
            (&[(Adds, 5, Some(7))], &[Some(2), Some(7)]),
            (
                &[(Leaves, 0, None), (Takes, 3, None), (Adds, 5, Some(7))],
                &[Some(5), Some(5), Some(2), Some(7)],
            ),
            (
                &[(Adds, 5, Some(7)), (Takes, 3, None), (Leaves, 0, None)],
                &[Some(2), Some(7), Some(4), Some(4)],
            ),
            // What is told counts, also where it does not follow.
            (&[(Adds, 5, Some(7)), (Adds, 5, Some(100))], &[Some(2), Some(7), Some(100)]),
            (&[(Adds, 5, None), (Either, 1, None), (Adds, 5, Some(7))], &[None, None, Some(2), Some(7)]),
            (
                &[(Adds, i64::MAX, Some(i64::MIN + 1))],
                &[Some(-2 * i128::from(i64::MAX)), Some(-i128::from(i64::MAX))],
            ),
        ];
        for (rows, expected) in table {
            for (place, expected) in expected.iter().enumerate() {
                let rows = rows.iter().map(|(effect, amount, told)| (*effect, Some(*amount), *told));
                assert_eq!(
                    level(rows.clone(), place),
                    *expected,
                    "{place} of {:?}",
                    rows.collect::<Vec<_>>()
                );
            }
        }
    }
}
