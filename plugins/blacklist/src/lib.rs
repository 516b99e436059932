//! The commands of `atmctl blacklist`: numbers that may not log in.
//!
//! Asks atmd and prints what it says. What a blacklisted number may do is atmd's business.

mod import;

use atm_plugin_sdk::{Column, Command, Host};
use atm_rpc::operator::blacklist::{BlacklistAct, BlacklistChange, BlacklistEntry, BlacklistEvent};
use atm_rpc::operator::{Capability, PAGE_ROWS_MAX};
use atm_rpc::plugin::{Code, Failure, Kind, parse_date, parse_duration};
use atm_rpc::types::mobile::MobileNumber;
use atm_rpc::types::time::Timestamp;
use serde_json::json;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

/// Numbers that may not log in.
#[derive(Debug, clap::Parser)]
#[command(name = "blacklist", version)]
pub enum Blacklist {
    /// Every number on the blacklist, oldest first.
    List,
    /// One number: why, by whom and until when.
    Show {
        /// The mobile number.
        number: MobileNumber,
    },
    /// Put a number on the blacklist; its session ends.
    Add {
        /// The mobile number.
        number: MobileNumber,
        /// Why, for those who come later.
        #[arg(long)]
        reason: String,
        /// Until that day or instant; otherwise for good.
        #[arg(long, value_parser = parse_date)]
        until: Option<Timestamp>,
        /// For so long: 15m, 2h, 7d.
        #[arg(long = "for", value_parser = parse_duration, conflicts_with = "until")]
        lasting: Option<Duration>,
    },
    /// Take a number off the blacklist and forget its wrong PINs.
    Remove {
        /// The mobile number.
        number: MobileNumber,
        /// Why, for those who come later.
        #[arg(long)]
        reason: String,
    },
    /// Put all numbers of a file on the blacklist, all of them or none; a repeat changes nothing.
    Import {
        /// Lines number,reason,until in CSV, with or without a header; - is standard input.
        file: PathBuf,
    },
    /// What happened to a number, or to all, oldest first.
    History {
        /// The mobile number.
        number: Option<MobileNumber>,
    },
}

/// What clap does not know about the commands.
pub const COMMANDS: &[Command] = &[
    Command::rows("list", "atmctl.blacklist.list/1", ENTRY).needs(READ).examples(&[""]),
    Command::rows("show", "atmctl.blacklist.show/1", ENTRY)
        .needs(READ)
        .values(LISTED)
        .examples(&["0712345678"]),
    Command::rows("add", "atmctl.blacklist.add/1", CHANGE).needs(WRITE).changes().examples(&[
        "0712345678 --reason stolen",
        "0712345678 --reason travels --for 7d",
        "0712345678 --reason travels --until 2030-01-31",
    ]),
    Command::rows("remove", "atmctl.blacklist.remove/1", CHANGE)
        .needs(WRITE)
        .changes()
        .values(LISTED)
        .examples(&["0712345678 --reason found"]),
    Command::rows("import", "atmctl.blacklist.import/1", IMPORTED)
        .needs(WRITE)
        .changes()
        .examples(&["-", "stolen.csv"]),
    Command::rows("history", "atmctl.blacklist.history/1", EVENT)
        .needs(READ)
        .values(LISTED)
        .examples(&["", "0712345678"]),
];

const READ: &[Capability] = &[Capability::BlacklistRead, Capability::AccountsPii];
const WRITE: &[Capability] = &[Capability::BlacklistWrite, Capability::AccountsPii];
const LISTED: &[(&str, &str, &str)] = &[("number", "BlacklistList", "number")];

const ENTRY: &[Column] = &[
    Column::new("number", Kind::Mobile),
    Column::new("registered", Kind::Boolean),
    Column::new("reason", Kind::Text),
    Column::new("actor", Kind::Text),
    Column::new("since", Kind::Date),
    Column::new("until", Kind::Date),
];
const CHANGE: &[Column] = &[
    Column::new("number", Kind::Mobile),
    Column::new("changed", Kind::Boolean),
    Column::new("listed", Kind::Boolean),
    Column::new("sessions_ended", Kind::Number),
    Column::new("failures_cleared", Kind::Number),
    Column::new("dry_run", Kind::Boolean),
];
const IMPORTED: &[Column] = &[
    Column::new("rows", Kind::Number),
    Column::new("changed", Kind::Boolean),
    Column::new("added", Kind::Number),
    Column::new("unregistered", Kind::Number),
    Column::new("sessions_ended", Kind::Number),
    Column::new("dry_run", Kind::Boolean),
];
const EVENT: &[Column] = &[
    Column::new("at", Kind::Date),
    Column::new("number", Kind::Mobile),
    Column::new("act", Kind::Choice),
    Column::new("reason", Kind::Text),
    Column::new("actor", Kind::Text),
    Column::new("until", Kind::Date),
];

/// Runs a command.
///
/// # Errors
/// What atmd says.
pub async fn work(command: Blacklist, host: &mut Host) -> Result<(), Failure> {
    match command {
        Blacklist::List => list(host).await,
        Blacklist::Show { number } => {
            let entry = host.call(async |atmd, context| atmd.blacklist_show(context, number).await).await;
            entry_row(host, &entry.map_err(absent)?)
        }
        Blacklist::Add { number, reason, until, lasting } => {
            let until = until.or_else(|| lasting.map(|lasting| after(now(), lasting)));
            let added =
                host.call(async |atmd, context| atmd.blacklist_add(context, number, reason, until).await);
            let change = added.await?;
            if !change.registered {
                host.note(&format!("{} has no account; if that is a mistake, remove it", change.number));
            }
            change_row(host, &change)
        }
        Blacklist::Remove { number, reason } => {
            let removed =
                host.call(async |atmd, context| atmd.blacklist_remove(context, number, reason).await);
            let change = removed.await?;
            change_row(host, &change)
        }
        Blacklist::Import { file } => {
            let imported = import::import(host, &file, after(now(), Duration::ZERO)).await?;
            host.row(&json!({
                "rows": imported.rows, "changed": imported.changed, "added": imported.added,
                "unregistered": imported.unregistered, "sessions_ended": imported.sessions_ended,
                "dry_run": imported.dry_run,
            }))
        }
        Blacklist::History { number } => history(host, number).await,
    }
}

async fn list(host: &mut Host) -> Result<(), Failure> {
    let mut after = None;
    loop {
        let page = host.call(async |atmd, context| atmd.blacklist_list(context, after, PAGE_ROWS_MAX).await);
        let page = page.await?;
        page.rows.iter().try_for_each(|entry| entry_row(host, entry))?;
        let last = page.rows.last().map(|entry| entry.id);
        if !page.more || last <= after {
            return Ok(());
        }
        after = last;
        host.flush()?;
    }
}

async fn history(host: &mut Host, number: Option<MobileNumber>) -> Result<(), Failure> {
    let mut after = None;
    loop {
        let page = host
            .call(async |atmd, context| atmd.blacklist_history(context, number, after, PAGE_ROWS_MAX).await);
        let page = page.await?;
        page.rows.iter().try_for_each(|event| event_row(host, event))?;
        let last = page.rows.last().map(|event| event.id);
        if !page.more || last <= after {
            return Ok(());
        }
        after = last;
        host.flush()?;
    }
}

fn entry_row(host: &mut Host, entry: &BlacklistEntry) -> Result<(), Failure> {
    host.row(&json!({
        "number": entry.number, "registered": entry.registered, "reason": entry.reason,
        "actor": entry.actor, "since": entry.since, "until": entry.until,
    }))
}

fn change_row(host: &mut Host, change: &BlacklistChange) -> Result<(), Failure> {
    host.row(&json!({
        "number": change.number, "changed": change.changed, "listed": change.listed,
        "sessions_ended": change.sessions_ended, "failures_cleared": change.failures_cleared,
        "dry_run": change.dry_run,
    }))
}

fn event_row(host: &mut Host, event: &BlacklistEvent) -> Result<(), Failure> {
    let act = match event.act {
        BlacklistAct::Added => "added",
        BlacklistAct::Removed => "removed",
        BlacklistAct::Expired => "expired",
    };
    host.row(&json!({
        "at": event.at, "number": event.number, "act": act, "reason": event.reason,
        "actor": event.actor, "until": event.until,
    }))
}

fn absent(failure: Failure) -> Failure {
    match failure.code {
        Code::NotFound => Failure::new(Code::NotFound, "this number is not on the blacklist"),
        _ => failure,
    }
}

#[expect(clippy::disallowed_methods, reason = "a length of time begins when it is typed, on this machine")]
fn now() -> SystemTime {
    SystemTime::now()
}

/// The instant so long after `now`, held at the end of the range.
fn after(now: SystemTime, lasting: Duration) -> Timestamp {
    let since_1970 = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let ms = since_1970.saturating_add(lasting).as_millis();
    Timestamp::from_ms(i64::try_from(ms).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[test]
    fn the_table_and_the_parser_agree() {
        let description = atm_plugin_sdk::describe::<Blacklist>(COMMANDS).unwrap();
        let changing: Vec<_> =
            description.commands.iter().filter(|c| c.changes).map(|c| c.name.as_str()).collect();
        assert_eq!(changing, ["add", "remove", "import"]);
        let add: Vec<_> =
            description.commands[2].arguments.iter().map(|a| (a.name.as_str(), a.kind)).collect();
        let table = [
            ("number", Kind::Mobile),
            ("reason", Kind::Text),
            ("until", Kind::Date),
            ("for", Kind::Duration),
        ];
        assert_eq!(add, table);
    }

    #[test]
    fn takes_an_end_or_a_length_never_both() {
        let table: &[(&[&str], bool)] = &[
            (&["add", "0801234567", "--reason", "stolen"], true),
            (&["add", "0801234567", "--reason", "stolen", "--until", "2030-01-01"], true),
            (&["add", "0801234567", "--reason", "stolen", "--for", "7d"], true),
            (&["add", "0801234567", "--reason", "stolen", "--for", "7d", "--until", "2030-01-01"], false),
            (&["add", "0801234567"], false),
            (&["remove", "0801234567"], false),
            (&["history"], true),
        ];
        for (arguments, fits) in table {
            let parsed = Blacklist::try_parse_from([&["blacklist"], *arguments].concat());
            assert_eq!(parsed.is_ok(), *fits, "{arguments:?}");
        }
    }

    #[test]
    fn a_length_ends_that_much_later() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(10);
        assert_eq!(after(now, Duration::from_secs(5)), Timestamp::from_ms(15_000));
        assert_eq!(after(now, Duration::MAX), Timestamp::from_ms(i64::MAX));
    }
}
