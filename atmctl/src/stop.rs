//! How a run ends early, and what the person or program that started it is told.

use crate::Io;
use crate::color;
use crate::settings::Manner;
use atm_rpc::plugin::{Code, Failure};
use clap::builder::StyledStr;
use serde_json::json;
use std::io::{self, Write};

/// Why a run ends before its work is done.
#[derive(Debug)]
pub(crate) enum Stop {
    /// It failed.
    Failed(Failure),
    /// It ends with that exit code, and enough was said.
    Said(u8),
    /// Help was asked for.
    Help(StyledStr),
    /// Nobody reads the output any more, which is their right.
    OutputClosed,
}

impl From<Failure> for Stop {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

/// Of writing to stdout, and of nothing else.
impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Self::OutputClosed,
            _ => Self::Failed(Failure::new(Code::Failed, format!("the output cannot be written: {error}"))),
        }
    }
}

impl Stop {
    /// Says it and gives the exit code.
    pub(crate) fn tell(self, io: &mut Io, manner: Manner) -> u8 {
        match self {
            Self::OutputClosed => 0,
            Self::Said(code) => code,
            Self::Help(text) => {
                let text = color::help(&text, io.paints(manner.color, io.stdout_is_terminal));
                match io.stdout.write_all(text.as_bytes()).and_then(|()| io.stdout.flush()) {
                    Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Code::Failed.exit(),
                    _ => 0,
                }
            }
            Self::Failed(failure) => {
                let painted = io.paints(manner.color, io.stderr_is_terminal);
                let told = if manner.json { object(&failure) } else { text(&failure, painted) };
                // Where stderr is gone, the exit code has to do.
                let _ = writeln!(io.stderr, "{told}");
                failure.code.exit()
            }
        }
    }
}

fn object(failure: &Failure) -> String {
    let Failure { code, message, hint } = failure;
    json!({ "error": { "code": code, "message": message, "hint": hint } }).to_string()
}

fn text(failure: &Failure, painted: bool) -> String {
    let hint = failure.hint.iter().map(|hint| format!("\n  {} {hint}", color::hint(painted)));
    format!("{} {}{}", color::error(painted), failure.message, hint.collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_is_one_object_or_a_few_lines() {
        let failure = Failure::new(Code::NotFound, "not there").hint("look elsewhere");
        assert_eq!(
            object(&failure),
            r#"{"error":{"code":"not_found","hint":"look elsewhere","message":"not there"}}"#
        );
        assert_eq!(text(&failure, false), "error: not there\n  hint: look elsewhere");
    }
}
