//! The commands of `atmctl report`: what the CSV ledgers say.
//!
//! - `read`, `cache`: from files to frames.
//! - `reports`: from frames to rows, without a word of how they are printed.
//! - `source`: which files, whose days and which currency the operator means.
//! - `commands`: prints rows.
//! - `drawing`, `page`, `chart`: from plain data to HTML and to what a terminal shows.
//! - `pictures`: draws what the reports find.

pub mod cache;
pub mod chart;
mod commands;
pub mod drawing;
pub mod page;
mod pictures;
pub mod read;
pub mod reports;
pub mod source;

use crate::chart::Figure;
use crate::reports::rows::Unit;
use crate::source::{Days, Source};
use atm_plugin_sdk::{Column, Command, Host};
use atm_rpc::plugin::{Code, Failure, Kind, Site};
use atm_rpc::types::mobile::MobileNumber;
use std::path::PathBuf;
use std::thread;

/// What the CSV ledgers say.
#[derive(Debug, clap::Parser)]
#[command(name = "report", version)]
pub enum Report {
    /// A row a day: how much moved, and the bank's balance at its end.
    Daily {
        /// Which days.
        #[command(flatten)]
        days: Days,
        /// A row for each of these.
        #[arg(long, value_enum, default_value = "day")]
        by: Unit,
        /// Movements of this customer alone.
        #[arg(long)]
        number: Option<MobileNumber>,
        /// Movements of this kind alone, such as deposit or transfer_out.
        #[arg(long)]
        action: Option<String>,
        /// Which files.
        #[command(flatten)]
        source: Source,
    },
    /// The shape of the day: movements by hour, with how many on which weekday.
    Hourly {
        /// Which days.
        #[command(flatten)]
        days: Days,
        /// Movements of this customer alone.
        #[arg(long)]
        number: Option<MobileNumber>,
        /// Movements of this kind alone, such as deposit or transfer_out.
        #[arg(long)]
        action: Option<String>,
        /// Which files.
        #[command(flatten)]
        source: Source,
    },
    /// The customers that moved the most.
    Top {
        /// Which days.
        #[command(flatten)]
        days: Days,
        /// How many customers at the most.
        #[arg(long, default_value = "20", value_parser = clap::value_parser!(u32).range(1..))]
        limit: u32,
        /// Movements of this kind alone, such as deposit or transfer_out.
        #[arg(long)]
        action: Option<String>,
        /// Print whole mobile numbers.
        #[arg(long)]
        full_numbers: bool,
        /// Which files.
        #[command(flatten)]
        source: Source,
    },
    /// All movements of a customer with their balances; exit code 4 where the number is not in the ledger.
    Statement {
        /// The mobile number.
        number: MobileNumber,
        /// Which days.
        #[command(flatten)]
        days: Days,
        /// Movements of this kind alone, such as deposit or transfer_out.
        #[arg(long)]
        action: Option<String>,
        /// Which files.
        #[command(flatten)]
        source: Source,
    },
    /// How long sessions were, and how many ended without an exit.
    Sessions {
        /// Which days.
        #[command(flatten)]
        days: Days,
        /// A row for each of these; otherwise one for all.
        #[arg(long, value_enum)]
        by: Option<Unit>,
        /// Sessions of this customer alone.
        #[arg(long)]
        number: Option<MobileNumber>,
        /// Which files.
        #[command(flatten)]
        source: Source,
    },
    /// Wrong PINs, and numbers put on the blacklist, by day and number.
    Failures {
        /// Which days.
        #[command(flatten)]
        days: Days,
        /// Of this number alone.
        #[arg(long)]
        number: Option<MobileNumber>,
        /// Print whole mobile numbers.
        #[arg(long)]
        full_numbers: bool,
        /// Which files.
        #[command(flatten)]
        source: Source,
    },
    /// Whether each bank balance follows from the row before; ends with 3 where one does not.
    Continuity {
        /// Which days.
        #[command(flatten)]
        days: Days,
        /// How many rows that do not follow are printed at the most.
        #[arg(long, default_value = "1000", value_parser = clap::value_parser!(u32).range(1..))]
        limit: u32,
        /// Which files.
        #[command(flatten)]
        source: Source,
    },
    /// The whole on one page.
    Summary {
        /// Which days.
        #[command(flatten)]
        days: Days,
        /// Which files.
        #[command(flatten)]
        source: Source,
    },
    /// One HTML file with figures, charts and tables: to look at, to print, to send. It needs no network.
    Page {
        /// Which days.
        #[command(flatten)]
        days: Days,
        /// The file; a page that is there already is replaced. - is standard output.
        #[arg(long)]
        html: PathBuf,
        /// How many customers at the most.
        #[arg(long, default_value = "10", value_parser = clap::value_parser!(u32).range(1..))]
        limit: u32,
        /// Print whole mobile numbers.
        #[arg(long)]
        full_numbers: bool,
        /// Of which ledger.
        #[command(flatten)]
        source: Source,
    },
    /// A chart in the terminal.
    Chart {
        /// What it shows: deposits and withdrawals where left out.
        #[arg(value_enum, default_value = "daily")]
        figure: Figure,
        /// Which days.
        #[command(flatten)]
        days: Days,
        /// Of which ledger.
        #[command(flatten)]
        source: Source,
    },
    /// What is kept of ledgers that were read, so that they are read faster again.
    Cache {
        /// What to do with it: clear throws it away.
        #[arg(value_enum)]
        act: CacheAct,
    },
}

/// What is done with the cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum CacheAct {
    /// Throw it away.
    Clear,
}

/// What clap does not know about the commands.
pub const COMMANDS: &[Command] = &[
    Command::rows("daily", "atmctl.report.daily/1", DAILY).without_connection().sites(CLIENT).examples(&[
        "",
        "--from -7d",
        "--from 2026-01-01 --to 2026-06-30 --by month",
        "--file bank.csv --zone Asia/Kolkata",
    ]),
    Command::rows("hourly", "atmctl.report.hourly/1", HOURLY)
        .without_connection()
        .sites(CLIENT)
        .examples(&["", "--from -30d --action withdraw"]),
    Command::rows("top", "atmctl.report.top/1", TOP)
        .without_connection()
        .sites(CLIENT)
        .examples(&["--limit 5", "--from -30d --full-numbers"]),
    Command::rows("statement", "atmctl.report.statement/1", STATEMENT)
        .without_connection()
        .sites(CLIENT)
        .examples(&["0712345678", "0712345678 --from 2026-11-01 --to yesterday"]),
    Command::rows("sessions", "atmctl.report.sessions/1", SESSIONS)
        .without_connection()
        .sites(CLIENT)
        .examples(&["", "--by week"]),
    Command::rows("failures", "atmctl.report.failures/1", FAILURES)
        .without_connection()
        .sites(CLIENT)
        .examples(&["--from -7d"]),
    Command::rows("continuity", "atmctl.report.continuity/1", CONTINUITY)
        .without_connection()
        .sites(BANK)
        .examples(&["", "--file bank.csv"]),
    Command::rows("summary", "atmctl.report.summary/1", SUMMARY)
        .without_connection()
        .sites(CLIENT)
        .examples(&["", "--from -30d"]),
    Command::raw("page").without_connection().sites(CLIENT).writes(&["html"]).examples(&[
        "--html monday.html --from -7d --to yesterday",
        "--html march.html --from 2026-03-01 --to 2026-03-31 --full-numbers",
    ]),
    Command::raw("chart").without_connection().sites(CLIENT).examples(&[
        "",
        "balance --from -90d",
        "hourly",
        "failures --from -30d",
    ]),
    Command::rows("cache", "atmctl.report.cache/1", CACHE)
        .without_connection()
        .changes()
        .examples(&["clear"]),
];

/// What of the site is read where the operator names no file.
const CLIENT: &[(&str, Site)] = &[("file", Site::ClientLedger), ("bank", Site::Bank)];
const BANK: &[(&str, Site)] = &[("file", Site::BankLedger), ("bank", Site::Bank)];

const DAILY: &[Column] = &[
    Column::new("day", Kind::Day),
    Column::summed("count", Kind::Number),
    Column::summed("sum", Kind::Money),
    Column::summed("deposits", Kind::Money),
    Column::summed("withdrawals", Kind::Money),
    Column::summed("net", Kind::Money),
    Column::new("closing", Kind::Money),
];
const HOURLY: &[Column] = &[
    Column::new("hour", Kind::Text),
    Column::summed("count", Kind::Number),
    Column::summed("sum", Kind::Money),
    Column::summed("mon", Kind::Number),
    Column::summed("tue", Kind::Number),
    Column::summed("wed", Kind::Number),
    Column::summed("thu", Kind::Number),
    Column::summed("fri", Kind::Number),
    Column::summed("sat", Kind::Number),
    Column::summed("sun", Kind::Number),
];
const TOP: &[Column] = &[
    Column::new("number", Kind::Mobile),
    Column::summed("count", Kind::Number),
    Column::summed("sum", Kind::Money),
    Column::summed("deposits", Kind::Money),
    Column::summed("withdrawals", Kind::Money),
    Column::new("balance", Kind::Money),
];
const STATEMENT: &[Column] = &[
    Column::new("at", Kind::Date),
    Column::new("action", Kind::Text),
    Column::new("amount", Kind::Money),
    Column::new("balance", Kind::Money),
    Column::new("bank_balance", Kind::Money),
];
const SESSIONS: &[Column] = &[
    Column::new("period", Kind::Text),
    Column::summed("count", Kind::Number),
    Column::summed("without_exit", Kind::Number),
    Column::new("median_ms", Kind::Duration),
    Column::new("p95_ms", Kind::Duration),
    Column::new("longest_ms", Kind::Duration),
];
const FAILURES: &[Column] = &[
    Column::new("day", Kind::Day),
    Column::new("number", Kind::Mobile),
    Column::summed("auth_failed", Kind::Number),
    Column::summed("blacklisted", Kind::Number),
    Column::summed("unblacklisted", Kind::Number),
];
const CONTINUITY: &[Column] = &[
    Column::new("file", Kind::Text),
    Column::new("line", Kind::Number),
    Column::new("at", Kind::Date),
    Column::new("action", Kind::Text),
    Column::new("amount", Kind::Money),
    Column::new("before", Kind::Money),
    Column::new("expected", Kind::Money),
    Column::new("found", Kind::Money),
    Column::new("gap", Kind::Money),
];
const SUMMARY: &[Column] = &[
    Column::new("what", Kind::Text),
    Column::new("count", Kind::Number),
    Column::new("amount", Kind::Money),
    Column::new("at", Kind::Date),
];
const CACHE: &[Column] = &[Column::new("files", Kind::Number), Column::new("bytes", Kind::Number)];

/// Runs a command.
///
/// # Errors
/// Where the ledgers cannot be read, and where nobody reads rows any more.
pub async fn work(command: Report, host: &mut Host) -> Result<(), Failure> {
    // Not on this thread: polars refuses to work on one that belongs to a runtime.
    let worked = thread::scope(|scope| scope.spawn(|| commands::run(command, host)).join());
    worked.unwrap_or_else(|_| Err(Failure::new(Code::Crashed, "the report crashed; stderr has the reason")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_and_the_parser_agree() {
        let description = atm_plugin_sdk::describe::<Report>(COMMANDS).unwrap();
        for command in &description.commands {
            assert_eq!(command.changes, command.name == "cache", "{}", command.name);
            assert!(command.capabilities.is_empty(), "{}", command.name);
            let sites: Vec<_> = command.arguments.iter().filter_map(|argument| argument.site).collect();
            let expected: &[Site] = match command.name.as_str() {
                "cache" => &[],
                "continuity" => &[Site::BankLedger, Site::Bank],
                _ => &[Site::ClientLedger, Site::Bank],
            };
            assert_eq!(sites, expected, "{}", command.name);
        }
    }
}
