//! What is printed as data, and how failures are printed: for people or for programs.

pub(crate) mod json;
pub(crate) mod table;

use crate::args::Format;
use crate::bank::Settled;
use crate::console::Console;
use crate::error::Error;
use crate::exit::Exit;
use crate::explain::{Failure, explain};
use crate::io::Io;
use crate::rejection;
use crate::words::Words;
use atm_rpc::customer::{Balance, KeyOutcome, Receipt, StatementLine};
use atm_rpc::types::key::RequestKey;
use clap::error::ErrorKind;
use serde_json::{Value, json};
use std::ffi::OsString;
use std::io::{self, Write};

/// The result of a subcommand.
pub(crate) enum Data<'a> {
    /// A request was done.
    Receipt(&'a Receipt, RequestKey),
    /// What the account has.
    Balance(&'a Balance),
    /// The newest entries.
    Statement(&'a [StatementLine]),
    /// What became of a request.
    Outcome(&'a Settled),
}

/// What a subcommand prints, in the format that was asked for.
pub(crate) struct Report {
    format: Format,
    settled: Vec<Value>,
    warnings: Vec<String>,
}

impl Report {
    /// Nothing printed yet.
    pub(crate) const fn new(format: Format) -> Self {
        Self { format, settled: Vec::new(), warnings: Vec::new() }
    }

    /// Something beside the result: for people at once, for programs in the object that follows.
    pub(crate) fn note(&mut self, console: &mut Console, text: &str) -> Result<(), Error> {
        match self.format {
            Format::Table => console.say(text),
            Format::Json => {
                self.warnings.push(text.to_owned());
                Ok(())
            }
        }
    }

    /// What became of an earlier request.
    pub(crate) fn settled(
        &mut self,
        console: &mut Console,
        settled: &Settled,
        words: &Words,
    ) -> Result<(), Error> {
        match self.format {
            Format::Table => console.say(&became(settled, words)),
            Format::Json => {
                self.settled.push(json::outcome(settled, words));
                Ok(())
            }
        }
    }

    /// The result.
    pub(crate) fn print(
        &mut self,
        console: &mut Console,
        data: &Data<'_>,
        words: &Words,
    ) -> Result<(), Error> {
        let text = match self.format {
            Format::Table => table(data, words),
            Format::Json => {
                let (schema, data) = object(data, words);
                self.line(json!({ "schema": schema, "data": data }))
            }
        };
        console.data(&text)
    }

    /// The failure, if there was one, and the exit code.
    pub(crate) fn close(&mut self, console: &mut Console, result: Result<(), Error>, words: &Words) -> Exit {
        let Err(error) = result else { return Exit::Done };
        let failure = explain(&error, words);
        if failure.exit != Exit::Done {
            let text = match self.format {
                Format::Table => format!("{}\n", complaint(&failure)),
                Format::Json => self.line(json!({ "error": json::failure(&failure) })),
            };
            console.complain(&text);
        }
        failure.exit
    }

    fn line(&mut self, mut object: Value) -> String {
        if !self.settled.is_empty() {
            object["settled"] = Value::Array(std::mem::take(&mut self.settled));
        }
        if !self.warnings.is_empty() {
            object["warnings"] = json!(std::mem::take(&mut self.warnings));
        }
        format!("{object}\n")
    }
}

fn table(data: &Data<'_>, words: &Words) -> String {
    match data {
        Data::Receipt(receipt, _) => table::receipt(receipt, words),
        Data::Balance(balance) => table::balance(balance, words),
        Data::Statement(lines) => table::statement(lines, words),
        Data::Outcome(settled) => {
            let sentence = became(settled, words);
            match &settled.outcome {
                // Nothing is repeated by asking.
                KeyOutcome::Done(receipt) => {
                    let first = Receipt { replayed: false, ..receipt.clone() };
                    format!("{sentence}\n{}", table::receipt(&first, words))
                }
                KeyOutcome::Rejected(_) | KeyOutcome::NotApplied => format!("{sentence}\n"),
            }
        }
    }
}

fn object(data: &Data<'_>, words: &Words) -> (&'static str, Value) {
    match data {
        Data::Receipt(receipt, key) => ("atm.receipt/1", json::receipt(receipt, *key, words)),
        Data::Balance(balance) => ("atm.balance/1", json::balance(balance, words)),
        Data::Statement(lines) => ("atm.statement/1", json::statement(lines, words)),
        Data::Outcome(settled) => ("atm.outcome/1", json::outcome(settled, words)),
    }
}

/// Did it go through?
pub(crate) fn became(settled: &Settled, words: &Words) -> String {
    let last = if settled.record.is_some() { "last " } else { "" };
    let which = match (&settled.record, &settled.outcome) {
        // What was done, the bank knows best.
        (_, KeyOutcome::Done(receipt)) => format!("Your {last}{}", words.done(receipt)),
        (Some(record), _) => format!("Your last {}", words.request(record)),
        (None, _) => "Your request".to_owned(),
    };
    match &settled.outcome {
        KeyOutcome::Done(receipt) => format!("{which} did go through: reference {}.", receipt.reference),
        KeyOutcome::Rejected(no) => {
            format!("{which} was rejected: {}", rejection::rejection(*no, words).message)
        }
        KeyOutcome::NotApplied => format!("{which} did not go through; nothing was booked."),
    }
}

fn complaint(failure: &Failure) -> String {
    let mut text = format!("atm-cli: {}", failure.message);
    if !failure.hint.is_empty() {
        text = format!("{text}\n{}", failure.hint);
    }
    text
}

/// Prints what the parser of arguments has to say: help and version as data, all else as an error.
pub(crate) fn usage(error: &clap::Error, args: &[OsString], io: &mut Io) -> Exit {
    let text = error.render().to_string();
    if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) {
        return match io.output.write_all(text.as_bytes()).and_then(|()| io.output.flush()) {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Exit::Internal,
            _ => Exit::Done,
        };
    }
    let text = if asks_for_json(args) {
        let message = text.split("\n\n").next().unwrap_or_default().trim_start_matches("error: ");
        let message = message.split_whitespace().collect::<Vec<_>>().join(" ");
        let hint = "See `atm-cli --help`.";
        format!("{}\n", json!({ "error": { "code": "usage", "message": message, "hint": hint } }))
    } else {
        text
    };
    // Where errors cannot be written, nobody can be told.
    let _ = io.errors.write_all(text.as_bytes());
    Exit::Usage
}

fn asks_for_json(args: &[OsString]) -> bool {
    let follows = args.windows(2).any(|pair| (pair[0] == "-o" || pair[0] == "--output") && pair[1] == "json");
    follows || args.iter().any(|arg| arg == "-ojson" || arg == "-o=json" || arg == "--output=json")
}

/// Says that the system does not even let the program start.
pub(crate) fn broken(error: &io::Error, io: &mut Io) -> Exit {
    let _ = writeln!(io.errors, "atm-cli: cannot start: {error}");
    Exit::Internal
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::What;
    use crate::testing::{KEY, receipt, record, words};
    use atm_rpc::error::Rejection;
    use atm_rpc::types::action::Action;
    use atm_rpc::types::money::Money;

    #[test]
    fn says_what_became_of_a_request() {
        let table = [
            (
                Some(record(What::Withdraw, Some(50_000))),
                KeyOutcome::Done(receipt()),
                "Your last withdrawal of 500.00 INR did go through: reference 17.",
            ),
            (
                Some(record(What::Withdraw, Some(99_900))),
                KeyOutcome::Done(receipt()),
                "Your last withdrawal of 500.00 INR did go through: reference 17.",
            ),
            (
                None,
                KeyOutcome::Done(Receipt { action: Action::PinChanged, amount: Money::ZERO, ..receipt() }),
                "Your change of PIN did go through: reference 17.",
            ),
            (
                Some(record(What::ChangePin, None)),
                KeyOutcome::Rejected(Rejection::SamePin),
                "Your last change of PIN was rejected: The new PIN is the one you have.",
            ),
            (
                Some(record(What::Deposit, Some(1))),
                KeyOutcome::NotApplied,
                "Your last deposit of 0.01 INR did not go through; nothing was booked.",
            ),
            (
                None,
                KeyOutcome::Done(receipt()),
                "Your withdrawal of 500.00 INR did go through: reference 17.",
            ),
            (None, KeyOutcome::NotApplied, "Your request did not go through; nothing was booked."),
        ];
        for (record, outcome, expected) in table {
            let key = RequestKey::parse(KEY).unwrap();
            assert_eq!(became(&Settled { key, record, outcome }, &words()), expected);
        }
    }

    #[test]
    fn asking_about_a_request_repeats_nothing() {
        let key = RequestKey::parse(KEY).unwrap();
        let replayed = Receipt { replayed: true, ..receipt() };
        assert!(table(&Data::Receipt(&replayed, key), &words()).contains("repeated"));
        let outcome = KeyOutcome::Done(replayed);
        let text = table(&Data::Outcome(&Settled { key, record: None, outcome }), &words());
        assert!(text.contains("RECEIPT") && !text.contains("repeated"), "{text}");
    }
}
