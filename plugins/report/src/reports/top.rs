//! Customers by how much they moved.

use super::effect::index;
use super::frames::days;
use super::rows::{Customer, Options};
use crate::read::block::{Block, NONE};
use crate::read::calendar::Calendar;
use crate::read::{Column, Ledger};
use atm_ledger_csv::dialect::Kind;
use atm_rpc::plugin::Failure;
use atm_rpc::types::action::Action;
use atm_rpc::types::mobile::MobileNumber;
use polars::prelude::PlHashMap;

/// What customers moved, by their packed numbers.
#[derive(Default)]
struct Customers {
    moved: PlHashMap<i64, Moved>,
    /// What has left 64 bits.
    large: PlHashMap<i64, [i128; 3]>,
}

/// What a customer moved. Each row needs the one of its customer, and a small one is sooner there.
#[derive(Clone, Copy)]
struct Moved {
    count: u64,
    /// Deposits, withdrawals, and the rest.
    sums: [i64; 3],
    /// The balance behind the last movement, or [`NONE`], and the block that it is in.
    balance: i64,
    block: usize,
}

/// Which movements count, and as what.
struct Asked {
    days: Option<(i32, i32)>,
    action: Option<u8>,
    deposit: u8,
    withdraw: u8,
    calendar: Calendar,
}

/// The customers that moved the most, that one first; so many of them at the most.
///
/// Each thread adds up in a table of its own: there are nearly as many customers in a block as rows, so results of blocks
/// would be as much to merge as the rows.
///
/// # Errors
/// Where the ledger cannot be read.
pub fn top(ledger: &Ledger, options: &Options, limit: usize) -> Result<Vec<Customer>, Failure> {
    let bounds = (options.from.map_or(i32::MIN, days), options.to.map_or(i32::MAX, days));
    let asked = Asked {
        days: options.from.or(options.to).map(|_| bounds),
        action: options.action.as_deref().map(|word| ledger.action_index(word)).transpose()?,
        deposit: index(ledger, Action::Deposit)?,
        withdraw: index(ledger, Action::Withdraw)?,
        calendar: Calendar::of(ledger.zone()),
    };
    // bank.csv has no balances of customers.
    let balances = (ledger.kind() == Some(Kind::Client)).then_some(Column::UserBalance);
    let columns = [Column::Number, Column::Action, Column::Amount].into_iter();
    let columns: Vec<Column> = columns.chain(balances).chain(asked.days.map(|_| Column::Day)).collect();
    let tables = ledger
        .fold(&columns, |customers: &mut Customers, index, block| asked.add(customers, index, block))?;
    let Customers { moved, large } = tables.into_iter().reduce(together).unwrap_or_default();
    let mut customers: Vec<Customer> = moved
        .into_iter()
        .filter(|(_, moved)| moved.count > 0)
        .filter_map(|(number, moved)| {
            let large = large.get(&number).copied().unwrap_or_default();
            let [deposits, withdrawals, rest] =
                [0, 1, 2].map(|which: usize| large[which] + i128::from(moved.sums[which]));
            Some(Customer {
                number: MobileNumber::from_packed(number)?,
                count: moved.count,
                sum: deposits + withdrawals + rest,
                deposits,
                withdrawals,
                balance: (moved.balance != NONE).then_some(moved.balance),
            })
        })
        .collect();
    customers.sort_unstable_by_key(|customer| (std::cmp::Reverse(customer.sum), customer.number));
    customers.truncate(limit);
    Ok(customers)
}

impl Asked {
    fn add(&self, customers: &mut Customers, index: usize, block: &Block) {
        let mut calendar = self.calendar.clone();
        let rows = block.number.iter().zip(&block.action).zip(&block.amount).enumerate();
        for (row, ((number, action), amount)) in rows {
            if *number == 0 || *amount == NONE {
                continue;
            }
            let mut is_within = |(from, to)| {
                let day = block.at.get(row).map(|at| calendar.day(*at));
                day.is_some_and(|day| from <= day && day <= to)
            };
            if !self.days.is_none_or(&mut is_within) {
                continue;
            }
            let moved = customers.moved.entry(*number).or_insert(Moved::NOTHING);
            // A balance is that behind all movements, wanted or not.
            if let Some(balance) = block.user_balance.get(row).filter(|balance| **balance != NONE) {
                (moved.balance, moved.block) = (*balance, index);
            }
            if self.action.is_none_or(|asked| asked == *action) {
                let which = match *action {
                    action if action == self.deposit => 0,
                    action if action == self.withdraw => 1,
                    _ => 2,
                };
                moved.count += 1;
                moved.add(which, *amount, || customers.large.entry(*number).or_default());
            }
        }
    }
}

impl Moved {
    const NOTHING: Self = Self { count: 0, sums: [0; 3], balance: NONE, block: 0 };

    /// Adds an amount to one of the sums.
    fn add<'l>(&mut self, which: usize, amount: i64, large: impl FnOnce() -> &'l mut [i128; 3]) {
        match self.sums[which].checked_add(amount) {
            Some(sum) => self.sums[which] = sum,
            None => large()[which] += i128::from(amount),
        }
    }
}

/// Two tables as one.
fn together(mut one: Customers, other: Customers) -> Customers {
    for (number, moved) in other.moved {
        let sum = one.moved.entry(number).or_insert(Moved::NOTHING);
        sum.count += moved.count;
        for (which, amount) in moved.sums.into_iter().enumerate() {
            sum.add(which, amount, || one.large.entry(number).or_default());
        }
        if moved.balance != NONE && (sum.balance == NONE || moved.block > sum.block) {
            (sum.balance, sum.block) = (moved.balance, moved.block);
        }
    }
    for (number, sums) in other.large {
        let large = one.large.entry(number).or_default();
        large.iter_mut().zip(sums).for_each(|(sum, more)| *sum += more);
    }
    one
}
