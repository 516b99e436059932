//! `ledger import`: the ledgers of an older tool as the history of a bank that has none.
//!
//! This reads the files, says what in them cannot be read, and puts the two together where there are both. What the rows
//! become is atmd's to decide, in a trial as in earnest.

mod both;
mod files;
mod places;
mod plan;

use atm_ledger_csv::dialect::{Kind, Rules};
use atm_plugin_sdk::Host;
use atm_plugin_sdk::job::{Ended, follow_telling};
use atm_rpc::operator::ledger::JobEnd;
use atm_rpc::operator::legacy::{LedgerImported, LegacyRow, PART_ROWS_MAX, ROWS_MAX};
use atm_rpc::plugin::{Code, Failure};
use files::{Ledger, Words};
use jiff::tz::TimeZone;
use places::Places;
use std::path::Path;

pub(crate) use plan::COLUMNS;

/// What is imported, and what the files do not say of themselves.
#[derive(Debug)]
pub(crate) struct Wish<'a> {
    pub(crate) client: Option<&'a Path>,
    pub(crate) bank: Option<&'a Path>,
    pub(crate) zone: &'a str,
    pub(crate) words: &'a [String],
    pub(crate) malformed: Malformed,
}

/// What becomes of rows that cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Malformed {
    /// Nothing is imported.
    Refused,
    /// They are left out, and told of.
    LeftOut,
}

/// Reads, asks atmd, and prints the plan or what was done.
pub(crate) async fn import(host: &mut Host, wish: &Wish<'_>) -> Result<(), Failure> {
    let zone = TimeZone::get(wish.zone).map_err(|_| {
        Failure::new(Code::Usage, format!("{} is no time zone", wish.zone))
            .hint("such as UTC or Asia/Kolkata")
    })?;
    let words = Words::parse(wish.words)?;
    let currency = host.call(async |atmd, context| atmd.whoami(context).await).await?.currency;
    let rules = Rules { zone, decimals: currency.exponent() };
    let read =
        |path: Option<&Path>, kind| path.map(|path| files::read(path, kind, &rules, &words)).transpose();
    let (mut client, mut bank) = (read(wish.client, Kind::Client)?, read(wish.bank, Kind::Bank)?);
    let mut places = Places::default();
    [&mut client, &mut bank].into_iter().flatten().for_each(|ledger| places.number(ledger));
    let left_out: Vec<&Ledger> = [&client, &bank].into_iter().flatten().collect();
    if wish.malformed == Malformed::Refused {
        files::refuse(&left_out)?;
    }
    let left_out = files::told(&left_out);
    let rows = match (client, bank) {
        (Some(client), Some(bank)) => both::together(client.rows, bank.rows, &places)?,
        (Some(one), None) | (None, Some(one)) => one.rows,
        (None, None) => Vec::new(),
    };
    check_count(rows.len())?;
    let imported = send(host, rows, &places).await?;
    plan::print(host, &imported, &places, &left_out, currency)
}

fn check_count(rows: usize) -> Result<(), Failure> {
    let rows = count(rows);
    if rows == 0 {
        return Err(Failure::new(Code::Usage, "there is no row that could be imported"));
    }
    if rows > ROWS_MAX {
        let text = format!("{rows} rows are more than the {ROWS_MAX} of one import, and a bank takes one");
        let hint = "keep the oldest rows elsewhere: the first balances of the rest become opening amounts";
        return Err(Failure::new(Code::Usage, text).hint(hint));
    }
    Ok(())
}

async fn send(host: &Host, rows: Vec<LegacyRow>, places: &Places) -> Result<LedgerImported, Failure> {
    let total = count(rows.len());
    let bar = host.progress();
    let mut sent = 0;
    for part in rows.chunks(PART_ROWS_MAX) {
        let staged = async |first| {
            let part = part.to_vec();
            host.call(async |atmd, context| atmd.ledger_stage(context, first, part).await).await
        };
        sent = staged(sent).await?;
        bar.at("sending", sent, total);
    }
    drop(bar);
    let begun = host.call(async |atmd, context| atmd.ledger_import(context, total).await).await?;
    match follow_telling(host, begun, |error| places.failure(error)).await? {
        Ended { end: JobEnd::Imported(imported), .. } => Ok(*imported),
        _ => Err(Failure::new(Code::Protocol, "atmd ended another job than was begun")),
    }
}

fn count(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}
