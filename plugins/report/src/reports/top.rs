//! Customers by how much they moved.

use super::frames::{amounts_of, counted, counts, last, narrow, total, wanted, whole, wide, within};
use super::rows::{Customer, Options};
use crate::read::{Column, Ledger};
use atm_rpc::plugin::Failure;
use atm_rpc::types::action::Action;
use atm_rpc::types::mobile::MobileNumber;
use polars::prelude::{NULL, col, lit, when};

/// The customers that moved the most, that one first; so many of them at the most.
///
/// # Errors
/// Where the ledger cannot be read.
pub fn top(ledger: &Ledger, options: &Options, limit: usize) -> Result<Vec<Customer>, Failure> {
    let wanted = wanted(ledger, options)?;
    let dated = options.from.or(options.to).map(|_| Column::Day);
    let columns = [Column::Number, Column::Action, Column::Amount, Column::UserBalance].into_iter();
    let columns: Vec<Column> = columns.chain(dated).collect();
    let of_customers = [
        counted(col("amount")).alias("count"),
        total(col("amount")).alias("sum"),
        total(amounts_of(ledger, Action::Deposit)?).alias("deposits"),
        total(amounts_of(ledger, Action::Withdraw)?).alias("withdrawals"),
        last(col("user_balance")).alias("balance"),
    ];
    let frame = ledger.query(
        &columns,
        |rows| {
            let rows = within(rows, options).filter(col("number").neq(lit(0_i64)));
            let rows = rows.filter(col("amount").is_not_null());
            // A balance is that behind all movements, wanted or not.
            let rows = match &wanted {
                Some(wanted) => {
                    let amount = when(wanted.clone()).then(col("amount")).otherwise(lit(NULL));
                    rows.with_column(amount.alias("amount"))
                }
                None => rows,
            };
            rows.group_by([col("number")]).agg(&of_customers)
        },
        |partials| {
            let added = ["sum", "deposits", "withdrawals"].map(|name| total(col(name)).alias(name));
            let others = [col("count").sum(), last(col("balance")).alias("balance")];
            let all = added.into_iter().chain(others).collect::<Vec<_>>();
            partials.group_by([col("number")]).agg(all)
        },
    )?;
    let [sum, deposits, withdrawals] = ["sum", "deposits", "withdrawals"].map(|name| wide(&frame, name));
    let (sum, deposits, withdrawals) = (sum?, deposits?, withdrawals?);
    let (count, balance) = (counts(&frame, "count")?, narrow(&frame, "balance")?);
    let numbers = whole(&frame, "number")?.into_iter().enumerate();
    let mut customers: Vec<Customer> = numbers
        .filter_map(|(at, number)| {
            Some(Customer {
                number: MobileNumber::from_packed(number)?,
                count: count[at],
                sum: sum[at],
                deposits: deposits[at],
                withdrawals: withdrawals[at],
                balance: balance[at],
            })
        })
        .collect();
    customers.retain(|customer| customer.count > 0);
    customers.sort_unstable_by_key(|customer| (std::cmp::Reverse(customer.sum), customer.number));
    customers.truncate(limit);
    Ok(customers)
}
