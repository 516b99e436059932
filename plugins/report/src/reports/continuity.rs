//! Whether each bank balance follows from the row before.
//!
//! bank.csv has every row that moves the vault, so each balance is the one before it and the row's amount. client.csv has
//! all that customers do, and its bank balance is the vault's behind each row, so rows that move no cash must leave it. A
//! row without a bank balance says nothing. Before the first one nothing is known. A correction may go either way, and in
//! client.csv it may be of the customer's balance alone.

use super::effect::{Effect, on_vault};
use super::frames::days;
use super::rows::{Continuity, Gap, Options};
use crate::read::{Column, Ledger};
use atm_ledger_csv::dialect::Kind;
use atm_rpc::plugin::Failure;
use atm_rpc::types::action::Action;
use polars::prelude::{DataFrame, PolarsResult};

const COLUMNS: [Column; 7] = [
    Column::Action,
    Column::Amount,
    Column::BankBalance,
    Column::At,
    Column::Day,
    Column::File,
    Column::Line,
];

/// A row that has a bank balance.
#[derive(Clone, Copy)]
struct Row {
    action: u8,
    amount: Option<i64>,
    found: i64,
    at_ms: i64,
    day: i32,
    file: i32,
    line: i64,
}

/// A row, and the balance before it.
struct Step {
    before: i64,
    row: Row,
}

/// What a block has: its first row, all rows that do not follow, and its last balance.
struct Part {
    first: Row,
    breaks: Vec<Step>,
    count: u64,
    last: i64,
    rows: u64,
}

/// Rows whose bank balance does not follow; the first so many of them.
///
/// # Errors
/// Where the ledger cannot be read.
pub fn continuity(ledger: &Ledger, options: &Options, limit: usize) -> Result<Continuity, Failure> {
    let kind = ledger.kind().unwrap_or(Kind::Bank);
    let wanted = |row: &Row| {
        options.from.is_none_or(|from| row.day >= days(from))
            && options.to.is_none_or(|to| row.day <= days(to))
    };
    let follows = |before: i64, row: &Row| row.follows(before, kind);
    let parts = ledger.blocks(&COLUMNS, |block| {
        part(&block, limit, wanted, |before, row| !wanted(row) || follows(before, row))
    })?;
    let words = ledger.actions();
    let mut found = Continuity::default();
    let mut last: Option<i64> = None;
    for part in parts.into_iter().flatten() {
        let first = last.filter(|before| wanted(&part.first) && !follows(*before, &part.first));
        let first = first.map(|before| Step { before, row: part.first });
        found.count += part.count + u64::from(first.is_some());
        found.rows += part.rows;
        for Step { before, row } in first.into_iter().chain(part.breaks) {
            if found.gaps.len() < limit {
                found.gaps.push(row.gap(before, ledger, kind, &words));
            }
        }
        last = Some(part.last);
    }
    Ok(found)
}

/// `None`: no row has a bank balance.
fn part(
    block: &DataFrame,
    limit: usize,
    wanted: impl Fn(&Row) -> bool,
    follows: impl Fn(i64, &Row) -> bool,
) -> PolarsResult<Option<Part>> {
    let (actions, amounts) = (block.column("action")?.u8()?, block.column("amount")?.i64()?);
    let (balances, instants) = (block.column("bank_balance")?.i64()?, block.column("at")?.i64()?);
    let (days, files, lines) =
        (block.column("day")?.i32()?, block.column("file")?.i32()?, block.column("line")?.i64()?);
    let rows = actions.iter().zip(amounts.iter()).zip(balances.iter()).zip(instants.iter());
    let rows = rows.zip(days.iter()).zip(files.iter()).zip(lines.iter());
    let mut part: Option<Part> = None;
    for ((((((action, amount), balance), at), day), file), line) in rows {
        let Some(found) = balance else { continue };
        let row = Row {
            action: action.unwrap_or_default(),
            amount,
            found,
            at_ms: at.unwrap_or_default(),
            day: day.unwrap_or_default(),
            file: file.unwrap_or_default(),
            line: line.unwrap_or_default(),
        };
        let Some(part) = &mut part else {
            let rows = u64::from(wanted(&row));
            part = Some(Part { first: row, breaks: Vec::new(), count: 0, last: found, rows });
            continue;
        };
        if !follows(part.last, &row) {
            part.count += 1;
            if part.breaks.len() < limit {
                part.breaks.push(Step { before: part.last, row });
            }
        }
        part.last = found;
        part.rows += u64::from(wanted(&row));
    }
    Ok(part)
}

impl Row {
    fn effect(&self, kind: Kind) -> Effect {
        on_vault(Action::ALL.get(usize::from(self.action)).copied(), kind)
    }

    fn follows(&self, before: i64, kind: Kind) -> bool {
        let is = |effect: Effect| effect.applied(before.into(), self.amount) == Some(i128::from(self.found));
        match self.effect(kind) {
            Effect::Either => [Effect::Adds, Effect::Takes, Effect::Leaves].into_iter().any(is),
            effect => is(effect),
        }
    }

    fn gap(&self, before: i64, ledger: &Ledger, kind: Kind, words: &[String]) -> Gap {
        Gap {
            file: ledger.file_name(self.file).to_owned(),
            line: u64::try_from(self.line).unwrap_or(0),
            at_ms: self.at_ms,
            action: words.get(usize::from(self.action)).cloned().unwrap_or_default(),
            amount: self.amount,
            before,
            expected: self.effect(kind).applied(before.into(), self.amount),
            found: self.found,
        }
    }
}
