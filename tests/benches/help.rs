//! How long a person waits for `atmctl --help`: with no plugin and with fifty, from a warm index, beside `true`, which
//! is what starting any program takes here.
#![expect(
    clippy::expect_used,
    clippy::disallowed_methods,
    reason = "a benchmark that cannot go on ends, and measures"
)]

use atm_tests::figures::{self, Figure};
use atm_tests::need;
use atm_tests::tools::{Tools, counting};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

const PLUGINS: usize = 50;
/// Starts for one measurement, so that the clock's own share is small.
const STARTS: u32 = 50;

fn main() {
    let (none, fifty) = (Tools::with(&[]), Tools::with(&[]));
    for n in 0..PLUGINS {
        fifty.plugin(&format!("p{n}"), &counting(), "");
    }
    let something = need::find("true").expect("every system has it");
    let complete = |tools: &Tools| {
        let mut command = tools.command(&["--", "atmctl", ""]);
        command.env("ATMCTL_COMPLETE", "fish");
        command
    };
    let mut rows = [
        ("`true`", bare(&something)),
        ("`atmctl --help`, no plugin", none.command(&["--help"])),
        ("`atmctl --help`, 50 plugins", fifty.command(&["--help"])),
        ("`atmctl TAB`, no plugin", complete(&none)),
        ("`atmctl TAB`, 50 plugins", complete(&fifty)),
    ]
    .map(|(name, command)| (name, command, Figure::default()));
    for (_, command, _) in &mut rows {
        // The first one asks the plugins what they are.
        let _ = milliseconds(command, 1);
    }
    for _ in 0..figures::repeats() {
        for (_, command, figure) in &mut rows {
            figure.add(milliseconds(command, STARTS));
        }
    }
    let note = "One start, from the index, with nothing to be asked. In milliseconds.";
    figures::table("Help", note, &["what", "ms", "times `true`"]);
    let [(_, _, least), ..] = &rows;
    for (name, _, figure) in &rows {
        figures::row(&[*name, &figure.to_string(), &figures::times(figure.ratio(least))]);
    }
}

fn bare(program: &Path) -> Command {
    let mut command = Command::new(program);
    command.env_clear();
    command
}

/// How long one start takes, of so many one after the other.
fn milliseconds(command: &mut Command, starts: u32) -> f64 {
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let begun = Instant::now();
    for _ in 0..starts {
        let status = command.status().expect("the program can be started");
        assert!(status.success(), "{command:?}: {status}");
    }
    begun.elapsed().as_secs_f64() * 1_000.0 / f64::from(starts)
}
