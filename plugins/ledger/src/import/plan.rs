//! What an import will do, or did, as rows: sums first, then each thing that did not follow, with its line.

use super::files::LeftOut;
use super::places::Places;
use atm_plugin_sdk::{Column, Host};
use atm_rpc::operator::legacy::{Difference, LedgerImported};
use atm_rpc::plugin::{Failure, Kind};
use atm_rpc::types::money::{Currency, Money};
use atm_rpc::types::time::Timestamp;
use serde::Serialize;

pub(crate) const COLUMNS: &[Column] = &[
    Column::new("what", Kind::Text),
    Column::new("file", Kind::Text),
    Column::new("line", Kind::Number),
    Column::new("at", Kind::Date),
    Column::new("number", Kind::Mobile),
    Column::new("count", Kind::Number),
    Column::new("amount", Kind::Money),
    Column::new("note", Kind::Text),
    Column::new("changed", Kind::Boolean),
    Column::new("dry_run", Kind::Boolean),
];

#[derive(Debug, Default, Serialize)]
struct Row<'a> {
    what: &'a str,
    file: Option<&'a str>,
    line: Option<u64>,
    at: Option<Timestamp>,
    number: Option<&'a str>,
    count: Option<u64>,
    amount: Option<i64>,
    note: String,
    changed: bool,
    dry_run: bool,
}

pub(super) fn print(
    host: &mut Host,
    imported: &LedgerImported,
    places: &Places,
    left_out: &[LeftOut],
    currency: Currency,
) -> Result<(), Failure> {
    let (changed, dry_run) = (imported.changed, imported.dry_run);
    let mut print = |row: Row<'_>| host.row(&Row { changed, dry_run, ..row });
    let sum = |what, count, amount, note: &str| Row {
        what,
        count,
        amount,
        note: note.to_owned(),
        ..Row::default()
    };
    print(sum("rows", Some(imported.rows), None, &period(imported)))?;
    print(sum("entries", Some(imported.entries), None, "rows, openings and corrections"))?;
    let owed = Some(imported.customers_balance_minor);
    print(sum("customers", Some(imported.customers), owed, "what they have afterwards"))?;
    print(sum("blacklisted", Some(imported.blacklisted), None, "customers who cannot log in"))?;
    for total in &imported.actions {
        let amount = Some(total.amount_minor).filter(|amount| *amount != 0);
        print(sum("action", Some(total.entries), amount, total.action.name()))?;
    }
    print(sum("opening", None, Some(imported.opening_vault_minor), "bank, above what it was opened with"))?;
    print(sum("opening", None, Some(imported.opening_customers_minor), "customers"))?;
    print(sum("bank", None, Some(imported.vault_balance_minor), "what the vault has afterwards"))?;
    print(sum("suspense", None, Some(imported.suspense_minor), "what the history does not explain"))?;
    for difference in &imported.differences {
        print(told(difference, places, currency))?;
    }
    let shown = u64::try_from(imported.differences.len()).unwrap_or(u64::MAX);
    for LeftOut { file, line, why } in left_out {
        print(Row { what: "left_out", file: Some(file), line: *line, note: why.clone(), ..Row::default() })?;
    }
    if imported.differences_count > shown {
        let all = imported.differences_count;
        host.note(&format!(
            "{all} rows do not follow; these are the first {shown}, and the journal has a correction for each"
        ));
    }
    if imported.dry_run {
        host.note("nothing was stored: the same without --dry-run does it");
    } else {
        host.note("customers have no PIN yet: `atmctl account reset-pin NUMBER --reason TEXT` gives each a code to choose one");
    }
    Ok(())
}

fn told<'a>(difference: &'a Difference, places: &'a Places, currency: Currency) -> Row<'a> {
    let Difference { line, at, what, number, expected_minor, found_minor, corrected_minor } = difference;
    let (file, line) = places.of(*line).unzip();
    let money = |minor: i64| Money::from_minor(minor).display(currency);
    Row {
        what: what.name(),
        file,
        line,
        at: Some(*at),
        number: number.as_deref(),
        amount: Some(*corrected_minor),
        note: format!("{} follows, {} is there", money(*expected_minor), money(*found_minor)),
        ..Row::default()
    }
}

fn period(imported: &LedgerImported) -> String {
    match (imported.first_at, imported.last_at) {
        (Some(first), Some(last)) => format!("{first} to {last}"),
        _ => String::new(),
    }
}
