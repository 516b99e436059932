//! `report page` and `report chart`: what they draw is what the reports find.

use crate::chart::{self, Figure, Screen};
use crate::commands::tell;
use crate::drawing::{Customer, Data, Day, Failures, Faults, Flow, Top};
use crate::page::{self, BEGINS};
use crate::reports::rows::Options;
use crate::reports::{daily, failures, hourly, top};
use crate::source::{Days, Opened, Source};
use atm_ledger_csv::dialect::Kind;
use atm_plugin_sdk::Host;
use atm_rpc::plugin::{Code, Failure};
use atm_rpc::types::mobile::MobileNumber;
use rustix::termios::tcgetwinsize;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, IsTerminal, Read, Write};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// What `report page` is told.
pub(crate) struct PageOrder {
    pub(crate) days: Days,
    pub(crate) html: PathBuf,
    pub(crate) limit: u32,
    pub(crate) full_numbers: bool,
    pub(crate) source: Source,
}

/// Makes the page.
pub(crate) fn page(order: PageOrder, host: &mut Host) -> Result<(), Failure> {
    let PageOrder { days, html, limit, full_numbers, source } = order;
    let before = may_be_written(&html)?;
    let opened = source.open(host)?;
    let options = days.options(&opened.zone)?;
    let mut data = nothing(&opened, &source, &options);
    find_days(&mut data, &opened, &options)?;
    find_hours(&mut data, &opened, &options)?;
    let of_all = top(&opened.ledger, &options, usize::MAX)?;
    let shown: fn(MobileNumber) -> String =
        if full_numbers { MobileNumber::full } else { MobileNumber::masked };
    data.top = Top {
        customers: u64::try_from(of_all.len()).unwrap_or(u64::MAX),
        first: of_all
            .iter()
            .take(usize::try_from(limit).unwrap_or(usize::MAX))
            .map(|customer| Customer {
                number: shown(customer.number),
                count: customer.count,
                deposits_minor: customer.deposits,
                withdrawals_minor: customer.withdrawals,
                sum_minor: customer.sum,
            })
            .collect(),
    };
    // bank.csv knows nothing of log-ins.
    if opened.ledger.kind() != Some(Kind::Bank) {
        find_failures(&mut data, &opened, &options)?;
    }
    finish(&mut data, opened, &source, host)?;
    write(&html, &page::render(&data), &before)
}

/// Draws the chart.
pub(crate) fn chart(figure: Figure, days: Days, source: &Source, host: &mut Host) -> Result<(), Failure> {
    let opened = source.open(host)?;
    let options = days.options(&opened.zone)?;
    let mut data = nothing(&opened, source, &options);
    match figure {
        Figure::Daily | Figure::Balance => find_days(&mut data, &opened, &options)?,
        Figure::Hourly => {
            // Which days there are is part of its title.
            find_days(&mut data, &opened, &options)?;
            find_hours(&mut data, &opened, &options)?;
        }
        Figure::Failures => {
            opened.must_have("failed log-ins")?;
            find_failures(&mut data, &opened, &options)?;
        }
    }
    finish(&mut data, opened, source, host)?;
    let stdout = io::stdout();
    let size = tcgetwinsize(&stdout).ok().filter(|_| stdout.is_terminal());
    let screen = Screen::new(|name| std::env::var(name).ok(), size.map(|size| (size.ws_col, size.ws_row)));
    print(&chart::draw(&data, figure, &screen))
}

/// Without anything in it.
fn nothing(opened: &Opened, source: &Source, options: &Options) -> Data {
    Data {
        sources: source.file.iter().map(|path| name(path)).collect(),
        zone: opened.zone.iana_name().unwrap_or("UTC").to_owned(),
        generated_at: now(opened),
        currency: opened.currency,
        asked: (options.from, options.to),
        days: Vec::new(),
        hours: [[0; 24]; 7],
        failures: None,
        top: Top::default(),
        faults: Faults::default(),
    }
}

fn find_days(data: &mut Data, opened: &Opened, options: &Options) -> Result<(), Failure> {
    let days = daily(&opened.ledger, options)?.into_iter().map(|day| Day {
        date: day.day,
        flow: Flow {
            count: day.count,
            deposits_minor: day.deposits,
            withdrawals_minor: day.withdrawals,
            net_minor: day.net,
        },
        closing_minor: day.closing.map(i128::from),
    });
    data.days = days.collect();
    Ok(())
}

fn find_hours(data: &mut Data, opened: &Opened, options: &Options) -> Result<(), Failure> {
    for hour in hourly(&opened.ledger, options)? {
        let day = data.hours.get_mut(usize::from(hour.weekday));
        if let Some(count) = day.and_then(|day| day.get_mut(usize::from(hour.hour))) {
            *count = count.saturating_add(hour.count);
        }
    }
    Ok(())
}

/// The report has them by number and day; here the number does not matter.
fn find_failures(data: &mut Data, opened: &Opened, options: &Options) -> Result<(), Failure> {
    let mut days = BTreeMap::new();
    for row in failures(&opened.ledger, options)? {
        let day = days.entry(row.day).or_insert((0_u64, 0_u64));
        *day = (day.0.saturating_add(row.failed), day.1.saturating_add(row.blacklisted));
    }
    // A day on which numbers were only taken off the blacklist has no failure.
    let days = days.into_iter().filter(|(_, counts)| *counts != (0, 0));
    let failures = days.map(|(date, (wrong_pins, blacklisted))| Failures { date, wrong_pins, blacklisted });
    data.failures = Some(failures.collect());
    Ok(())
}

/// Lets go of the ledger, and tells what could not be read.
fn finish(data: &mut Data, opened: Opened, source: &Source, host: &mut Host) -> Result<(), Failure> {
    let account = opened.ledger.account();
    let bare = |sentence: String| {
        account.files.iter().fold(sentence, |sentence, file| {
            let rest = sentence.strip_prefix(&file.name).map(str::to_owned);
            rest.map_or(sentence, |rest| name(Path::new(&file.name)) + &rest)
        })
    };
    let first = account.sentences().into_iter().map(bare).collect();
    data.faults = Faults { count: account.malformed(), first };
    tell(opened, source, host)
}

/// A file without its folders, which are nobody's business who reads a page.
fn name(path: &Path) -> String {
    match path.file_name() {
        _ if path.as_os_str() == "-" => "a pipe".into(),
        Some(name) => name.to_string_lossy().into_owned(),
        None => path.display().to_string(),
    }
}

/// A page takes the place of one that was there, which this gives, but of nothing else.
fn may_be_written(html: &Path) -> Result<Vec<u8>, Failure> {
    if html.as_os_str() == "-" {
        return Ok(Vec::new());
    }
    match earlier(html) {
        Ok(Some(page)) => Ok(page),
        Ok(None) => {
            let text = format!("{} is there and is no page; it was left as it is", html.display());
            Err(Failure::new(Code::Conflict, text).hint("name another file, or take that one away"))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(unwritten(html, &error)),
    }
}

/// What is in the file, if that is a page, or nothing yet.
fn earlier(html: &Path) -> io::Result<Option<Vec<u8>>> {
    let (mut file, mut page) = (File::open(html)?, Vec::new());
    let _ = Read::by_ref(&mut file).take(BEGINS.len() as u64).read_to_end(&mut page)?;
    if !page.is_empty() && page != BEGINS.as_bytes() {
        return Ok(None);
    }
    let _ = file.read_to_end(&mut page)?;
    Ok(Some(page))
}

fn write(html: &Path, page: &str, before: &[u8]) -> Result<(), Failure> {
    if html.as_os_str() == "-" {
        return print(page);
    }
    let put = |page: &[u8]| {
        let mut file = File::create(html)?;
        file.write_all(page)?;
        file.sync_all()
    };
    put(page.as_bytes()).map_err(|error| {
        let failure = unwritten(html, &error);
        // The room that it had is there again.
        match put(before) {
            Ok(()) => failure,
            Err(_) => failure.hint("the page that was there is gone, too; make room, and make it again"),
        }
    })
}

fn unwritten(html: &Path, error: &io::Error) -> Failure {
    Failure::new(Code::Failed, format!("{} cannot be written: {error}", html.display()))
}

/// Who reads may have seen enough.
fn print(text: &str) -> Result<(), Failure> {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Failure::new(Code::Failed, format!("the drawing cannot be written: {error}")))
        }
        _ => Ok(()),
    }
}

#[expect(clippy::disallowed_methods, reason = "a page says when it was made")]
fn now(opened: &Opened) -> String {
    let now = jiff::Timestamp::try_from(SystemTime::now()).unwrap_or_default();
    now.to_zoned(opened.zone.clone()).strftime("%Y-%m-%d %H:%M %Z").to_string()
}
