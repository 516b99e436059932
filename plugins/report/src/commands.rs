//! Prints what the reports find, a row each.

use crate::pictures::{self, PageOrder};
use crate::read::calendar::Calendar;
use crate::reports::rows::{Continuity, Options, Summary};
use crate::reports::{self};
use crate::source::{Opened, Source};
use crate::{CacheAct, Report, cache};
use atm_ledger_csv::entry::Word;
use atm_plugin_sdk::Host;
use atm_rpc::plugin::{Code, ENV_CACHE, Failure};
use atm_rpc::types::action::Action;
use atm_rpc::types::mobile::MobileNumber;
use jiff::tz::TimeZone;
use serde_json::{Value, json};
use std::path::Path;

/// A row of a statement; there may be very many.
#[derive(serde::Serialize)]
struct Entry<'s> {
    at: Option<String>,
    action: &'s str,
    amount: Option<i64>,
    balance: Option<Value>,
    bank_balance: Option<i64>,
}

const WEEKDAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

#[expect(clippy::too_many_lines, reason = "one arm a report, each read by itself")]
pub(crate) fn run(command: Report, host: &mut Host) -> Result<(), Failure> {
    match command {
        Report::Daily { days, by, number, action, source } => {
            let opened = source.open(host)?;
            let options = Options { by, number, action: word(action), ..days.options(&opened.zone)? };
            let periods = reports::daily(&opened.ledger, &options)?;
            tell_of_word(&options, periods.is_empty(), host);
            begin(opened, &source, host)?;
            print(host, &periods, |period| {
                json!({
                    "day": period.day.to_string(), "count": period.count, "sum": money(period.sum),
                    "deposits": money(period.deposits), "withdrawals": money(period.withdrawals),
                    "net": money(period.net), "closing": period.closing,
                })
            })
        }
        Report::Hourly { days, number, action, source } => {
            let opened = source.open(host)?;
            let options = Options { number, action: word(action), ..days.options(&opened.zone)? };
            let hours = reports::hourly(&opened.ledger, &options)?;
            tell_of_word(&options, hours.is_empty(), host);
            begin(opened, &source, host)?;
            // Hours in which nothing moved are part of a day's shape.
            let shape: Vec<u8> = if hours.is_empty() { Vec::new() } else { (0..24).collect() };
            print(host, &shape, |hour| {
                let cells = || hours.iter().filter(|cell| cell.hour == *hour);
                let mut row = json!({
                    "hour": format!("{hour:02}:00"), "count": cells().map(|cell| cell.count).sum::<u64>(),
                    "sum": money(cells().map(|cell| cell.sum).sum()),
                });
                for (weekday, name) in (0..).zip(WEEKDAYS) {
                    let cell = cells().find(|cell| cell.weekday == weekday);
                    row[name] = cell.map_or(0, |cell| cell.count).into();
                }
                row
            })
        }
        Report::Top { days, limit, action, full_numbers, source } => {
            let opened = source.open(host)?;
            let options = Options { action: word(action), ..days.options(&opened.zone)? };
            let limit = usize::try_from(limit).unwrap_or(usize::MAX);
            let number = numbers(full_numbers);
            let customers = reports::top(&opened.ledger, &options, limit)?;
            tell_of_word(&options, customers.is_empty(), host);
            begin(opened, &source, host)?;
            print(host, &customers, |customer| {
                json!({
                    "number": number(customer.number), "count": customer.count,
                    "sum": money(customer.sum), "deposits": money(customer.deposits),
                    "withdrawals": money(customer.withdrawals), "balance": customer.balance,
                })
            })
        }
        Report::Statement { number, days, action, source } => {
            let opened = source.open(host)?;
            let options = Options { action: word(action), ..days.options(&opened.zone)? };
            let statement = reports::statement(&opened.ledger, number, &options)?;
            tell_of_word(&options, statement.movements.is_empty(), host);
            let zone = opened.zone.clone();
            begin(opened, &source, host)?;
            if statement.opening.is_none() {
                host.note("what the customer had is not known: the ledger tells no balance from which it would follow");
            }
            let carried = |action, balance: Option<i128>| Entry {
                at: None,
                action,
                amount: None,
                balance: balance.map(money),
                bank_balance: None,
            };
            host.row(&carried("brought forward", statement.opening))?;
            let mut clock = Calendar::of(&zone);
            for movement in &statement.movements {
                host.row(&Entry {
                    at: Some(clock.text(movement.at_ms)),
                    action: &movement.action,
                    amount: Some(movement.amount),
                    balance: movement.balance.map(Value::from),
                    bank_balance: movement.bank_balance,
                })?;
            }
            host.row(&carried("carried forward", statement.closing))
        }
        Report::Sessions { days, by, number, source } => {
            let opened = source.open(host)?;
            opened.must_have("sessions")?;
            let options = Options { number, ..days.options(&opened.zone)? };
            let sessions = reports::sessions(&opened.ledger, &options, by)?;
            begin(opened, &source, host)?;
            print(host, &sessions, |row| {
                let period = row.day.map_or_else(|| "all".to_owned(), |day| day.to_string());
                json!({
                    "period": period, "count": row.count, "without_exit": row.without_exit,
                    "median_ms": row.median_ms, "p95_ms": row.p95_ms, "longest_ms": row.longest_ms,
                })
            })
        }
        Report::Failures { days, number, full_numbers, source } => {
            let opened = source.open(host)?;
            opened.must_have("failed log-ins")?;
            let options = Options { number, ..days.options(&opened.zone)? };
            let shown = numbers(full_numbers);
            let failures = reports::failures(&opened.ledger, &options)?;
            begin(opened, &source, host)?;
            print(host, &failures, |row| {
                json!({
                    "day": row.day.to_string(), "number": shown(row.number), "auth_failed": row.failed,
                    "blacklisted": row.blacklisted, "unblacklisted": row.unblacklisted,
                })
            })
        }
        Report::Continuity { days, limit, source } => {
            let opened = source.open(host)?;
            let options = days.options(&opened.zone)?;
            let limit = usize::try_from(limit).unwrap_or(usize::MAX);
            let found = reports::continuity(&opened.ledger, &options, limit)?;
            let zone = opened.zone.clone();
            begin(opened, &source, host)?;
            gaps(host, &found, &zone)
        }
        Report::Summary { days, source } => {
            let opened = source.open(host)?;
            let options = days.options(&opened.zone)?;
            let summary = reports::summary(&opened.ledger, &options)?;
            let (zone, malformed) = (opened.zone.clone(), opened.ledger.account().malformed());
            begin(opened, &source, host)?;
            whole(host, &summary, malformed, &zone)
        }
        Report::Page { days, html, limit, full_numbers, source } => {
            pictures::page(PageOrder { days, html, limit, full_numbers, source }, host)
        }
        Report::Chart { figure, days, source } => pictures::chart(figure, days, &source, host),
        Report::Cache { act: CacheAct::Clear } => clear(host),
    }
}

/// An action that nobody had may be a word that nobody has.
fn tell_of_word(options: &Options, found_nothing: bool, host: &Host) {
    let Some(word) = options.action.as_deref().filter(|_| found_nothing) else { return };
    let known: Vec<&str> = Action::ALL.iter().map(|action| action.name()).collect();
    if !known.contains(&word) {
        host.note(&format!(
            "nothing moved by the action {word:?}; those that atmd writes are {}",
            known.join(", ")
        ));
    }
}

/// What is to be said before the rows: what was malformed, and the currency. The ledger is done with.
fn begin(opened: Opened, source: &Source, host: &mut Host) -> Result<(), Failure> {
    let currency = opened.currency;
    tell(opened, source, host)?;
    host.currency(currency)
}

/// Whose days it are, and what was malformed. The ledger is done with.
pub(crate) fn tell(opened: Opened, source: &Source, host: &mut Host) -> Result<(), Failure> {
    let (account, days) = (opened.ledger.account(), opened.whose_days());
    drop(opened);
    host.note(&days);
    if account.malformed() > 0 {
        let (malformed, all) = (account.malformed(), account.malformed().saturating_add(account.rows()));
        host.warn(&format!("{malformed} of {all} rows are malformed and left out"))?;
        account.sentences().iter().try_for_each(|sentence| host.warn(sentence))?;
        if source.strict {
            host.finding();
        }
    }
    Ok(())
}

fn print<T>(host: &mut Host, rows: &[T], row: impl Fn(&T) -> Value) -> Result<(), Failure> {
    rows.iter().try_for_each(|it| host.row(&row(it)))
}

fn gaps(host: &mut Host, found: &Continuity, zone: &TimeZone) -> Result<(), Failure> {
    let clock = |at_ms| Calendar::of(zone).text(at_ms);
    print(host, &found.gaps, |gap| {
        let difference = gap.expected.map(|expected| i128::from(gap.found) - expected);
        json!({
            "file": gap.file, "line": gap.line, "at": clock(gap.at_ms), "action": gap.action,
            "amount": gap.amount, "before": gap.before, "expected": gap.expected.map(money),
            "found": gap.found, "gap": difference.map(money),
        })
    })?;
    let Continuity { rows, count, gaps } = found;
    let shown = u64::try_from(gaps.len()).unwrap_or(u64::MAX);
    match count {
        0 if *rows == 0 => host.note("there is no bank balance in these days"),
        0 => host.note(&format!("{rows} bank balances, and each follows from the one before")),
        _ if *count > shown => {
            host.warn(&format!(
                "{count} bank balances do not follow from the one before; these are the first {shown}"
            ))?;
        }
        _ => host.note(&format!("{count} of {rows} bank balances do not follow from the one before")),
    }
    if *count > 0 {
        host.finding();
    }
    Ok(())
}

fn whole(host: &mut Host, summary: &Summary, malformed: u64, zone: &TimeZone) -> Result<(), Failure> {
    let clock = |at_ms| Calendar::of(zone).text(at_ms);
    let row = |what: &str, count: Option<u64>, amount: Option<i128>, at: Option<i64>| {
        let at = at.map(&clock);
        json!({ "what": what, "count": count, "amount": amount.map(money), "at": at })
    };
    if let Some((first, last)) = summary.times_ms {
        host.row(&row("first entry", None, None, Some(first)))?;
        host.row(&row("last entry", None, None, Some(last)))?;
    }
    for (what, count) in [("days", summary.days), ("customers", summary.customers), ("entries", summary.rows)]
    {
        host.row(&row(what, Some(count), None, None))?;
    }
    for (action, count, sum) in &summary.actions {
        host.row(&row(action, Some(*count), *sum, None))?;
    }
    host.row(&row("bank balance", None, summary.vault.map(i128::from), None))?;
    host.row(&row("malformed rows", Some(malformed), None, None))
}

fn clear(host: &mut Host) -> Result<(), Failure> {
    let folder = std::env::var_os(ENV_CACHE).unwrap_or_default();
    let cleared = cache::clear(Path::new(&folder)).map_err(|error| {
        Failure::new(Code::Failed, format!("what is kept cannot be thrown away: {error}"))
    })?;
    host.row(&json!({ "files": cleared.files, "bytes": cleared.bytes }))
}

/// A sum as a row has it: a text where it has more than 64 bits.
fn money(sum: i128) -> Value {
    i64::try_from(sum).map_or_else(|_| Value::from(sum.to_string()), Value::from)
}

/// How numbers are printed.
fn numbers(full_numbers: bool) -> fn(MobileNumber) -> String {
    if full_numbers { MobileNumber::full } else { MobileNumber::masked }
}

/// An action as it is written in ledgers.
fn word(action: Option<String>) -> Option<String> {
    action.map(|action| Word::read(&action).text().to_owned())
}
