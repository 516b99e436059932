//! The commands of `atmctl monitor`: how atmd is, and how it was.
//!
//! - `figures`, `condition`, `show`: figures by their names, and what scripts ask of them.
//! - `history`: what atmd measured in the last day.
//! - `change`, `top`: what happened between two looks.
//! - `watch`: the live screen.
//!
//! Asks atmd and shows what it says; judges nothing by itself, but where a figure is shown as worrying.

mod change;
mod condition;
mod figures;
mod history;
mod number;
mod show;
#[cfg(test)]
mod testing;
mod text;
mod top;
mod watch;

pub use figures::{FIGURES, Figure};

use atm_plugin_sdk::{Command, Host, moment, now};
use atm_rpc::operator::Capability;
use atm_rpc::plugin::{Failure, parse_duration};
use atm_rpc::types::time::Timestamp;
use std::time::Duration;

/// How atmd is, and how it was.
#[derive(Debug, clap::Parser)]
#[command(name = "monitor", version)]
pub enum Monitor {
    /// Every figure as it is now, with its unit.
    Show {
        /// End with 3 where this is so: NAME OP NUMBER, with the OP > >= < <= == or !=
        #[arg(long = "fail-if")]
        fail_if: Vec<String>,
    },
    /// Charts of requests, latencies, connections, CPU and memory, as they change; q ends it.
    Watch,
    /// How it was in the last 24 hours, an interval a row.
    History {
        /// Where it begins: how long ago, such as -2h, or a date; otherwise an hour ago.
        #[arg(long, value_parser = moment, allow_hyphen_values = true)]
        since: Option<Timestamp>,
        /// One row for each such time, such as 5m: sums, and the worst of levels.
        #[arg(long, value_parser = parse_duration)]
        every: Option<Duration>,
    },
    /// The busiest methods, rejections by their rule, and addresses by their connections.
    Top {
        /// How long calls are counted.
        #[arg(long, value_parser = parse_duration, default_value = "2s")]
        over: Duration,
        /// How many of each kind.
        #[arg(long, default_value = "10")]
        rows: u16,
    },
}

/// What clap does not know about the commands.
pub const COMMANDS: &[Command] = &[
    Command::rows("show", "atmctl.monitor.show/1", show::COLUMNS)
        .needs(READ)
        .examples(&["", "--fail-if 'commit_p99_ms > 50' --fail-if 'ready < 1'"]),
    Command::raw("watch").needs(READ).examples(&[""]),
    Command::rows("history", "atmctl.monitor.history/1", history::COLUMNS)
        .needs(READ)
        .examples(&["--since -2h", "--since -24h --every 15m"]),
    Command::rows("top", "atmctl.monitor.top/1", top::COLUMNS)
        .needs(&[Capability::MetricsRead, Capability::AccountsPii])
        .examples(&["", "--over 1s --rows 3"]),
];

const HOUR_MS: i64 = 3_600_000;
const READ: &[Capability] = &[Capability::MetricsRead];

/// Runs a command.
///
/// # Errors
/// What atmd says, and what is wrong with an argument.
pub async fn work(command: Monitor, host: &mut Host) -> Result<(), Failure> {
    match command {
        Monitor::Show { fail_if } => show::show(host, &fail_if).await,
        Monitor::Watch => watch::watch(host).await,
        Monitor::History { since, every } => {
            let since = since.unwrap_or_else(|| now().plus_ms(-HOUR_MS));
            history::history(host, since, every).await
        }
        Monitor::Top { over, rows } => top::top(host, over, usize::from(rows)).await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_and_the_parser_agree() {
        let description = atm_plugin_sdk::describe::<Monitor>(COMMANDS).unwrap();
        assert!(description.commands.iter().all(|command| !command.changes));
        assert_eq!(description.commands.len(), 4);
    }
}
