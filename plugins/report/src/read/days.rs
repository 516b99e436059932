//! What moved on each day, added up row by row: so few numbers that the cache has them beside the rows.

use crate::cache::Stored;
use crate::read::block::{Block, NONE};
use crate::read::calendar::Calendar;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What they are made of.
pub(super) const COLUMNS: [Stored; 5] =
    [Stored::Number, Stored::Action, Stored::Amount, Stored::BankBalance, Stored::At];

/// Days by their number since 1970-01-01.
pub type Days = BTreeMap<i32, Day>;

/// What moved on a day.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Day {
    /// The vault's balance behind the last row that has one.
    pub closing: Option<i64>,
    /// By action, those with an amount alone.
    pub moved: Vec<Moved>,
}

/// Rows of one action.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Moved {
    /// Its index in the words of a ledger.
    pub action: u8,
    /// How many rows.
    pub count: u64,
    /// The sum of their amounts.
    pub sum: i128,
}

/// The days of a block; `number`: with movements of this customer alone.
pub(super) fn of(block: &Block, calendar: &Calendar, number: Option<i64>) -> Days {
    let mut calendar = calendar.clone();
    let mut days = Days::new();
    // Most rows are of the day of the row before.
    let mut current: Option<(i32, Day)> = None;
    let amounts = block.amount.iter().zip(&block.action).zip(&block.bank_balance).zip(&block.at);
    for (row, (((amount, action), balance), at)) in amounts.enumerate() {
        let date = calendar.day(*at);
        let (_, day) = match &mut current {
            Some(current) if current.0 == date => current,
            _ => {
                let day = days.remove(&date).unwrap_or_default();
                days.extend(current.take());
                current.insert((date, day))
            }
        };
        if *balance != NONE {
            day.closing = Some(*balance);
        }
        if *amount != NONE && number.is_none_or(|number| block.number.get(row) == Some(&number)) {
            day.add(Moved { action: *action, count: 1, sum: i128::from(*amount) });
        }
    }
    days.extend(current);
    days
}

/// Adds days of later rows.
pub(super) fn append(days: &mut Days, later: Days) {
    for (date, day) in later {
        let sum = days.entry(date).or_default();
        sum.closing = day.closing.or(sum.closing);
        day.moved.into_iter().for_each(|moved| sum.add(moved));
    }
}

impl Day {
    fn add(&mut self, moved: Moved) {
        match self.moved.iter_mut().find(|sum| sum.action == moved.action) {
            Some(sum) => {
                sum.count += moved.count;
                sum.sum += moved.sum;
            }
            None => self.moved.push(moved),
        }
    }
}

/// The same days, with other indexes for their actions. `None` where one has no index.
pub(crate) fn renamed(days: &Days, words: &[u8]) -> Option<Days> {
    let mut days = days.clone();
    for moved in days.values_mut().flat_map(|day| &mut day.moved) {
        moved.action = *words.get(usize::from(moved.action))?;
    }
    Some(days)
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::tz::TimeZone;

    #[test]
    fn days_are_added_up_in_any_order() {
        const DAY_MS: i64 = 86_400_000;
        let rows = [
            (0, 1, 5, 10),
            (DAY_MS, 1, 7, NONE),
            (1, 2, NONE, 30),
            (2, 1, i64::MAX, NONE),
            (DAY_MS, 1, 1, 40),
        ];
        let block = Block {
            rows: rows.len(),
            at: rows.iter().map(|row| row.0).collect(),
            action: rows.iter().map(|row| row.1).collect(),
            amount: rows.iter().map(|row| row.2).collect(),
            bank_balance: rows.iter().map(|row| row.3).collect(),
            number: vec![8, 9, 8, 8, 8],
            ..Block::default()
        };
        let day = |closing, count, sum| Day {
            closing: Some(closing),
            moved: vec![Moved { action: 1, count, sum }],
        };
        let calendar = Calendar::of(&TimeZone::UTC);
        let large = i128::from(i64::MAX) + 5;
        let all = of(&block, &calendar, None);
        assert_eq!(all, Days::from([(0, day(30, 2, large)), (1, day(40, 2, 8))]));
        assert_eq!(of(&block, &calendar, Some(8)), Days::from([(0, day(30, 2, large)), (1, day(40, 1, 1))]));
        let mut twice = all.clone();
        append(&mut twice, all.clone());
        assert_eq!(twice, Days::from([(0, day(30, 4, 2 * large)), (1, day(40, 4, 16))]));
        assert_eq!(renamed(&all, &[0]), None);
        assert_eq!(renamed(&all, &[0, 7]).unwrap()[&1].moved[0].action, 7);
    }
}
