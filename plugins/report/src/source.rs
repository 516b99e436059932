//! What the operator means: which files, which days, whose zone and currency.

use crate::read::{self, Ledger};
use crate::reports::rows;
use atm_ledger_csv::dialect::Kind;
use atm_plugin_sdk::Host;
use atm_rpc::plugin::{Bank, Code, Day, ENV_CACHE, Failure, parse_day};
use atm_rpc::types::money::Currency;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// What the flags of every report say.
#[derive(Clone, Debug, clap::Args)]
pub struct Source {
    /// A ledger, plain or packed as .gz or .zst, - for a pipe; the site's own where left out.
    #[arg(long, required = true)]
    pub file: Vec<PathBuf>,
    /// The bank.json of the site that the ledger is from; this site's own where left out.
    #[arg(long)]
    pub bank: Option<PathBuf>,
    /// Zone of the bank's days, such as Asia/Kolkata, in place of bank.json's.
    #[arg(long)]
    pub zone: Option<String>,
    /// ISO 4217 code of the currency, in place of bank.json's.
    #[arg(long)]
    pub currency: Option<String>,
    /// End with 3 where rows are malformed.
    #[arg(long)]
    pub strict: bool,
    /// Read the files from their beginning, and keep nothing for the next time.
    #[arg(long)]
    pub no_cache: bool,
}

/// Which days a report is about.
#[derive(Clone, Copy, Debug, clap::Args)]
pub struct Days {
    /// The first day: 2026-11-22, today, yesterday or -7d.
    #[arg(long, value_parser = parse_day, allow_hyphen_values = true)]
    pub from: Option<Day>,
    /// The last day, which counts too.
    #[arg(long, value_parser = parse_day, allow_hyphen_values = true)]
    pub to: Option<Day>,
}

/// A ledger, and whose it is.
#[derive(Debug)]
pub struct Opened {
    /// The ledger.
    pub ledger: Ledger,
    /// Of its amounts.
    pub currency: Currency,
    /// The bank's.
    pub zone: TimeZone,
    /// Whether somebody said that it is.
    named: bool,
}

impl Source {
    /// Opens the files.
    ///
    /// # Errors
    /// Where the files, the zone or the currency cannot be used.
    pub fn open(&self, host: &Host) -> Result<Opened, Failure> {
        let bank = self.bank.as_deref().map(bank).transpose()?;
        let named = self.zone.as_deref().or_else(|| bank.as_ref().map(|bank| bank.timezone.as_str()));
        let zone = TimeZone::get(named.unwrap_or("UTC")).map_err(|_| {
            let text = format!("{} is no time zone", named.unwrap_or("UTC"));
            Failure::new(Code::Usage, text).hint("a zone is named such as UTC or Asia/Kolkata")
        })?;
        let code = self.currency.as_deref().or_else(|| bank.as_ref().map(|bank| bank.currency.as_str()));
        let currency = code.map_or(Ok(Currency::INR), Currency::parse).map_err(|_| {
            let text = format!("{} is no currency", code.unwrap_or_default());
            Failure::new(Code::Usage, text).hint("a currency is an ISO 4217 code such as INR")
        })?;
        let cache = std::env::var_os(ENV_CACHE).map(PathBuf::from).filter(|_| !self.no_cache);
        let options = read::Options {
            zone: zone.clone(),
            decimals: currency.exponent(),
            cache,
            progress: Some(host.progress()),
        };
        let named = named.is_some();
        Ok(Opened { ledger: Ledger::open(&self.file, options)?, currency, zone, named })
    }
}

fn bank(path: &Path) -> Result<Bank, Failure> {
    let unusable = |error: &dyn std::fmt::Display| {
        Failure::new(Code::Configuration, format!("{}: {error}", path.display()))
            .hint("--bank names the public/bank.json of the site that the ledger is from")
    };
    let text = std::fs::read(path).map_err(|error| unusable(&error))?;
    serde_json::from_slice(&text).map_err(|error| unusable(&error))
}

impl Opened {
    /// Whose days are counted, for the person who reads the rows.
    #[must_use]
    pub fn whose_days(&self) -> String {
        match self.named {
            true => format!("days are those of {}", self.zone.iana_name().unwrap_or("UTC")),
            false => "days are those of UTC, because no bank.json says whose; --zone does, too".to_owned(),
        }
    }

    /// Refuses a ledger that lacks what a report is about.
    ///
    /// # Errors
    /// Where it is bank.csv.
    pub fn must_have(&self, what: &str) -> Result<(), Failure> {
        if self.ledger.kind() != Some(Kind::Bank) {
            return Ok(());
        }
        let text = format!("this is a {}, which has no {what}", Kind::Bank);
        Err(Failure::new(Code::Usage, text).hint(format!("give the {} of the same bank", Kind::Client)))
    }
}

impl Days {
    /// The wanted days as dates of the zone.
    ///
    /// # Errors
    /// Where the last is before the first.
    pub fn options(self, zone: &TimeZone) -> Result<rows::Options, Failure> {
        let today = today(zone);
        let (from, to) = (self.from.map(|day| day.date(today)), self.to.map(|day| day.date(today)));
        match from.zip(to) {
            Some((from, to)) if from > to => {
                let text = format!("--from is {from}, which is after --to, {to}");
                Err(Failure::new(Code::Usage, text))
            }
            _ => Ok(rows::Options { from, to, ..rows::Options::default() }),
        }
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "a day that is named by its distance is counted from when it is typed"
)]
fn today(zone: &TimeZone) -> Date {
    let now = jiff::Timestamp::try_from(SystemTime::now()).unwrap_or_default();
    now.to_zoned(zone.clone()).date()
}
