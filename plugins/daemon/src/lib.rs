//! The commands of `atmctl daemon`: its configuration read again, and customers let in or not.
//!
//! Asks atmd and prints what it says. What holds at once, and who may still act, is atmd's business.

use atm_plugin_sdk::{Column, Command, Host};
use atm_rpc::operator::Capability;
use atm_rpc::operator::daemon::{DrainChange, KeyState, Reloaded};
use atm_rpc::plugin::{Code, Failure, Kind, parse_duration};
use serde_json::json;
use std::time::Duration;

/// The configuration read again, and customers let in or not.
#[derive(Debug, clap::Parser)]
#[command(name = "daemon", version)]
pub enum Daemon {
    /// Read the configuration again; what can hold without a restart holds at once, and mistakes change nothing.
    Reload,
    /// Let nobody in any more; who is in finishes.
    Drain {
        /// Why, as customers are told.
        #[arg(long)]
        reason: String,
        /// When sessions that are still open end: 30s, 10m, 1h from now; otherwise they end by themselves.
        #[arg(long, value_parser = parse_duration)]
        deadline: Option<Duration>,
    },
    /// Let customers in again.
    Undrain,
}

/// What clap does not know about the commands.
pub const COMMANDS: &[Command] = &[
    Command::rows("reload", "atmctl.daemon.reload/1", KEY).needs(CONTROL).changes().examples(&[""]),
    Command::rows("drain", "atmctl.daemon.drain/1", CHANGE)
        .needs(CONTROL)
        .changes()
        .examples(&["--reason maintenance", "--reason maintenance --deadline 10m"]),
    Command::rows("undrain", "atmctl.daemon.undrain/1", CHANGE).needs(CONTROL).changes().examples(&[""]),
];

const CONTROL: &[Capability] = &[Capability::DaemonControl];
const KEY: &[Column] = &[
    Column::new("key", Kind::Text),
    Column::new("old", Kind::Text),
    Column::new("new", Kind::Text),
    Column::new("state", Kind::Choice),
    Column::new("dry_run", Kind::Boolean),
];
const CHANGE: &[Column] = &[
    Column::new("draining", Kind::Boolean),
    Column::new("changed", Kind::Boolean),
    Column::new("reason", Kind::Text),
    Column::new("since", Kind::Date),
    Column::new("deadline", Kind::Date),
    Column::new("sessions_left", Kind::Number),
    Column::new("dry_run", Kind::Boolean),
];

/// Runs a command.
///
/// # Errors
/// What atmd says.
pub async fn work(command: Daemon, host: &mut Host) -> Result<(), Failure> {
    match command {
        Daemon::Reload => {
            let reloaded = host.call(async |atmd, context| atmd.daemon_reload(context).await).await?;
            keys(host, &reloaded)
        }
        Daemon::Drain { reason, deadline } => {
            let length = deadline.map(|time| u64::try_from(time.as_millis()).unwrap_or(u64::MAX));
            let drained =
                host.call(async |atmd, context| atmd.daemon_drain(context, reason, length).await).await;
            change(host, &drained?)
        }
        Daemon::Undrain => {
            let opened = host.call(async |atmd, context| atmd.daemon_undrain(context).await).await;
            change(host, &opened?)
        }
    }
}

fn keys(host: &mut Host, reloaded: &Reloaded) -> Result<(), Failure> {
    if !reloaded.mistakes.is_empty() {
        return Err(mistaken(&reloaded.mistakes));
    }
    if reloaded.keys.is_empty() {
        host.note("every key has the value that holds already");
    }
    for key in &reloaded.keys {
        let state = match key.state {
            KeyState::Changed => "changed",
            KeyState::NeedsRestart => "needs restart",
        };
        host.row(&json!({
            "key": key.key, "old": key.old, "new": key.new, "state": state, "dry_run": reloaded.dry_run,
        }))?;
    }
    Ok(())
}

fn mistaken(mistakes: &[String]) -> Failure {
    let all = mistakes.join("\n");
    Failure::new(
        Code::Configuration,
        format!("the configuration has mistakes, and nothing was changed\n{all}"),
    )
    .hint("correct it, and see what it would change: atmctl --dry-run daemon reload")
}

fn change(host: &mut Host, change: &DrainChange) -> Result<(), Failure> {
    let told = change.draining.as_ref();
    host.row(&json!({
        "draining": told.is_some(), "changed": change.changed, "reason": told.map(|told| &told.reason),
        "since": told.map(|told| told.since), "deadline": told.and_then(|told| told.deadline),
        "sessions_left": told.and_then(|told| told.sessions_left), "dry_run": change.dry_run,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_and_the_parser_agree() {
        let description = atm_plugin_sdk::describe::<Daemon>(COMMANDS).unwrap();
        let found: Vec<_> =
            description.commands.iter().map(|c| (c.name.as_str(), c.changes, c.destructive)).collect();
        assert_eq!(found, [("reload", true, false), ("drain", true, false), ("undrain", true, false)]);
        let drain: Vec<_> =
            description.commands[1].arguments.iter().map(|a| (a.name.as_str(), a.kind)).collect();
        assert_eq!(drain, [("reason", Kind::Text), ("deadline", Kind::Duration)]);
    }

    #[test]
    fn each_mistake_has_a_line() {
        let failure = mistaken(&["a.ini:1: x".into(), "a.ini:2: y".into()]);
        assert_eq!(failure.code, Code::Configuration);
        assert!(failure.message.ends_with("nothing was changed\na.ini:1: x\na.ini:2: y"));
    }
}
