//! The one place where an error becomes a message, what to do next, and an exit code.

use crate::error::Error;
use crate::exit::Exit;
use crate::rejection::{self, Told};
use crate::settings::SettingsError;
use crate::state::{Record, StateError, What};
use crate::words::{Words, count};
use atm_rpc::client::{ConnectError, CustomerError, cure};
use atm_rpc::error::ServiceError;
use serde_json::{Map, Value, json};

/// What the customer or the script is told.
#[derive(Debug)]
pub(crate) struct Failure {
    /// How the program ends.
    pub(crate) exit: Exit,
    /// Stable, for programs.
    pub(crate) code: &'static str,
    /// What happened.
    pub(crate) message: String,
    /// What to do next; may be empty.
    pub(crate) hint: String,
    /// More for programs.
    pub(crate) details: Map<String, Value>,
}

const LATER: &str = "Try again later.";
const COPY_CA: &str = "Copy DATA_DIR/public/ca.pem from the machine where atmd runs, and name the copy with \
                       --ca FILE, ATM_CA, or `ca = FILE` in client.ini.";

impl Failure {
    fn new(exit: Exit, code: &'static str, message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { exit, code, message: message.into(), hint: hint.into(), details: Map::new() }
    }

    fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.details.insert(name.to_owned(), value.into());
        self
    }
}

/// Explains an error.
pub(crate) fn explain(error: &Error, words: &Words) -> Failure {
    match error {
        Error::Usage { message, hint } => Failure::new(Exit::Usage, "usage", message, *hint),
        Error::Settings(error) => settings(error),
        Error::State(error) => state(error),
        Error::Call(error) => call(error, words),
        Error::Closed { reason, retry_after_ms } => closed(reason.as_deref(), *retry_after_ms),
        Error::WrongCode { attempts_left } => no(rejection::wrong_code(*attempts_left)),
        Error::NoAnswer => Failure::new(
            Exit::NotReachable,
            "no_answer",
            "The bank did not answer in time. Nothing was changed by this question.",
            LATER,
        ),
        Error::Unknown(record) => unknown(
            Exit::Unknown,
            "outcome_unknown",
            format!("There is no final answer from the bank: {}", not_known(record, words)),
            record,
            words,
        ),
        Error::NothingRemembered => Failure::new(
            Exit::Rejected,
            "nothing_remembered",
            "This machine remembers no request of this number.",
            "Give its --request-key, or look at the newest entries with `atm-cli statement`.",
        ),
        Error::Interrupted(Some(record)) => unknown(
            Exit::Interrupted,
            "interrupted",
            format!("Interrupted before the bank answered: {}", not_known(record, words)),
            record,
            words,
        ),
        Error::Interrupted(None) => Failure::new(Exit::Interrupted, "interrupted", "Interrupted.", ""),
        Error::Left => Failure::new(Exit::Interrupted, "interrupted", "Left before anything was done.", ""),
        Error::EndOfInput => Failure::new(
            Exit::Usage,
            "usage",
            "The input ended before everything was given.",
            "--pin-stdin reads the PIN from the first line; change-pin and redeem read the new PIN from the second.",
        ),
        Error::TooOften => Failure::new(Exit::Usage, "usage", "That was wrong too often.", ""),
        Error::Input(error) => {
            Failure::new(Exit::Internal, "input", format!("The input cannot be read: {error}"), "")
        }
        // Whoever closed the output has seen enough.
        Error::Output(error) | Error::Receipt(error) if error.kind() == std::io::ErrorKind::BrokenPipe => {
            Failure::new(Exit::Done, "output", "The output was closed.", "")
        }
        Error::Receipt(error) => Failure::new(
            Exit::Output,
            "output",
            format!("It was done, and the receipt could not be written: {error}."),
            "`atm-cli last` shows it again.",
        ),
        Error::Output(error) => {
            Failure::new(Exit::Internal, "output", format!("The result could not be written: {error}."), "")
        }
    }
}

fn not_known(record: &Record, words: &Words) -> String {
    format!("whether your {} was done is not known.", words.request(record))
}

fn unknown(exit: Exit, code: &'static str, message: String, record: &Record, words: &Words) -> Failure {
    let (number, key) = (record.mobile.full(), record.request_key);
    let hint = match record.what {
        What::Register => {
            "Register again with the same number and PIN: that is safe, an account is opened once only."
                .to_owned()
        }
        _ => format!(
            "It is noted on this machine. Log in again, or run `atm-cli last --mobile {number}`, and you are \
             told. To repeat it safely in a script: --request-key {key}"
        ),
    };
    let amount =
        record.amount_minor.map(|minor| words.number(atm_rpc::types::money::Money::from_minor(minor)));
    Failure::new(exit, code, message, hint)
        .with("request_key", key.to_string())
        .with("request", json!(record.what))
        .with("amount", amount)
}

fn settings(error: &SettingsError) -> Failure {
    let hint = match error {
        SettingsError::NoCa { .. }
        | SettingsError::CaUnreadable { .. }
        | SettingsError::CaUnusable { .. } => COPY_CA,
        SettingsError::Value { origin, .. } if origin.starts_with("--") => {
            return Failure::new(Exit::Usage, "usage", sentence(&error.to_string()), "See `atm-cli --help`.");
        }
        SettingsError::Value { .. } => "See `atm-cli --help`.",
        SettingsError::IniUnreadable { .. } => "Make it readable, or move it away.",
        SettingsError::NoState => "Name a folder with ATM_STATE_DIR.",
    };
    Failure::new(Exit::Config, "configuration", sentence(&error.to_string()), hint)
}

fn state(error: &StateError) -> Failure {
    match error {
        StateError::Io { .. } => Failure::new(
            Exit::Config,
            "notes",
            format!("The notes of requests are not usable: {error}. Nothing was sent."),
            "Make that folder writable, or name another with ATM_STATE_DIR.",
        ),
        StateError::KeyInUse => Failure::new(
            Exit::Usage,
            "key_in_use",
            sentence(&error.to_string()),
            "Use a new request key for a new request; `atm-cli last` settles the pending one.",
        ),
    }
}

fn call(error: &CustomerError, words: &Words) -> Failure {
    match error {
        CustomerError::Connect(ConnectError::NotReachable { .. }) => Failure::new(
            Exit::NotReachable,
            "not_reachable",
            format!("The bank cannot be reached. {LATER}"),
            format!(
                "{} Nothing was done. See that atmd runs there; --server, ATM_SERVER or `server` in \
                 client.ini name another address.",
                sentence(&error.to_string())
            ),
        ),
        CustomerError::Connect(ConnectError::NotTrusted { address, source }) if is_other_port(source) => {
            Failure::new(
                Exit::Config,
                "not_customers_port",
                "The bank cannot be reached at this address.",
                format!(
                    "{address}: that address answers, but it is not the customers' port of atmd. Nothing was \
                     done. --server, ATM_SERVER or `server` in client.ini name another address."
                ),
            )
        }
        CustomerError::Connect(ConnectError::NotTrusted { source, .. }) => Failure::new(
            Exit::Config,
            "not_trusted",
            "The bank at this address is not trusted. Nothing was done.",
            match cure(source) {
                Some(cure) => format!("{} {cure}", sentence(&error.to_string())),
                None => format!(
                    "{} Use an address that is in the server's certificate, and its own CA. {COPY_CA}",
                    sentence(&error.to_string())
                ),
            },
        ),
        CustomerError::Service(error) => service(*error, words),
        CustomerError::NotResumed(no) => service(ServiceError::Rejected(*no), words),
        CustomerError::LoginInterrupted => Failure::new(
            Exit::NotReachable,
            "login_interrupted",
            "The connection broke during the log-in. Nothing was booked.",
            "Try again.",
        ),
        CustomerError::OutcomeUnknown => no_key(),
    }
}

/// Whether TLS says that the two sides have no protocol in common: it is another service that answers.
fn is_other_port(source: &std::io::Error) -> bool {
    let said = source.to_string();
    said.contains("NoApplicationProtocol") || said.contains("any known protocol")
}

/// Where no request of ours is at stake; the callers know better otherwise.
fn no_key() -> Failure {
    Failure::new(Exit::Unknown, "outcome_unknown", "The bank did not answer in time.", LATER)
}

fn closed(reason: Option<&str>, retry_after_ms: u32) -> Failure {
    let message = match reason {
        Some(reason) => format!("The machine is closed for maintenance: {}", sentence(reason)),
        None => "The machine is closed for maintenance.".to_owned(),
    };
    Failure::new(Exit::Unknown, "closed", message, LATER)
        .with("reason", reason)
        .with("retry_after_ms", retry_after_ms)
}

fn service(error: ServiceError, words: &Words) -> Failure {
    match error {
        ServiceError::Rejected(rejection) => no(rejection::rejection(rejection, words)),
        ServiceError::Unauthenticated(end) => no(rejection::session_end(end)),
        ServiceError::Busy { retry_after_ms } => Failure::new(
            Exit::Unknown,
            "busy",
            "The bank is busy. Nothing was done.",
            format!("Try again in {}.", count(retry_after_ms.div_ceil(1000).max(1), "second")),
        )
        .with("retry_after_ms", retry_after_ms),
        ServiceError::Closed { retry_after_ms } => closed(None, retry_after_ms),
        ServiceError::Unavailable => Failure::new(
            Exit::Unknown,
            "unavailable",
            "The bank cannot do this at the moment. Nothing was booked.",
            LATER,
        ),
        ServiceError::OutcomeUnknown => no_key(),
        ServiceError::Internal(incident) => Failure::new(
            Exit::Internal,
            "internal",
            "Something failed inside the bank. Nothing was booked.",
            format!("Tell the bank this incident: {incident}"),
        )
        .with("incident", incident.to_string()),
        ServiceError::Forbidden(_)
        | ServiceError::ReadOnly
        | ServiceError::NotFound
        | ServiceError::BadRequest(_)
        | ServiceError::Conflict(_) => Failure::new(
            Exit::Internal,
            "unexpected",
            format!("The bank did not understand this request: {error}."),
            "See that atm-cli and atmd are of the same version.",
        ),
    }
}

fn no(told: Told) -> Failure {
    Failure {
        exit: Exit::Rejected,
        code: told.code,
        message: told.message,
        hint: told.hint,
        details: told.details,
    }
}

/// With a capital at the beginning, unless a program is named there, and a point at the end.
pub(crate) fn sentence(text: &str) -> String {
    let named = ["atmd", "atm-cli", "atmctl"].contains(&text.split(' ').next().unwrap_or_default());
    let mut chars = text.chars();
    let first = chars.next().map(|c| if named { c } else { c.to_ascii_uppercase() });
    let mut sentence: String = first.into_iter().chain(chars).collect();
    if !sentence.ends_with(['.', '?', '!']) {
        sentence.push('.');
    }
    sentence
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{KEY, record, words};
    use atm_rpc::error::{Rejection, SessionEnd};
    use atm_rpc::types::key::IncidentId;
    use std::io;

    fn connect(trusted: bool) -> Error {
        let (address, source) = ("h:1".to_owned(), io::Error::from(io::ErrorKind::ConnectionRefused));
        Error::Call(CustomerError::Connect(if trusted {
            ConnectError::NotReachable { address, source }
        } else {
            ConnectError::NotTrusted { address, source }
        }))
    }

    fn other_port() -> Error {
        let source = io::Error::other("received fatal alert: NoApplicationProtocol");
        Error::Call(CustomerError::Connect(ConnectError::NotTrusted { address: "h:1".to_owned(), source }))
    }

    fn service(error: ServiceError) -> Error {
        Error::Call(CustomerError::Service(error))
    }

    #[test]
    fn each_error_has_its_exit_code_and_says_what_to_do() {
        let withdrawal = || record(What::Withdraw, Some(50_000));
        let incident = IncidentId::generate();
        let table = [
            (service(ServiceError::Rejected(Rejection::SamePin)), 1, "same_pin", "Choose another PIN."),
            (
                service(ServiceError::Unauthenticated(SessionEnd::TakenOver)),
                1,
                "unauthenticated",
                "change your PIN",
            ),
            (service(ServiceError::Busy { retry_after_ms: 1001 }), 75, "busy", "in 2 seconds."),
            (service(ServiceError::Unavailable), 75, "unavailable", "Nothing was booked."),
            (service(ServiceError::Internal(incident)), 70, "internal", &incident.to_string()),
            (
                Error::Closed { reason: Some("new disks".into()), retry_after_ms: 1 },
                75,
                "closed",
                "The machine is closed for maintenance: New disks. Try again later.",
            ),
            (
                service(ServiceError::Closed { retry_after_ms: 1 }),
                75,
                "closed",
                "maintenance. Try again later.",
            ),
            (
                service(ServiceError::Unauthenticated(SessionEnd::Drained)),
                1,
                "unauthenticated",
                "again later.",
            ),
            (Error::WrongCode { attempts_left: 3 }, 1, "wrong_code", "You have 3 attempts left."),
            (service(ServiceError::NotFound), 70, "unexpected", "version"),
            (connect(true), 69, "not_reachable", "No connection to atmd at h:1"),
            (connect(true), 69, "not_reachable", "The bank cannot be reached. Try again later."),
            (connect(false), 78, "not_trusted", "DATA_DIR/public/ca.pem"),
            (connect(false), 78, "not_trusted", " atmd at h:1 and this program do not trust each other"),
            (
                other_port(),
                78,
                "not_customers_port",
                "h:1: that address answers, but it is not the customers'",
            ),
            (Error::Call(CustomerError::LoginInterrupted), 69, "login_interrupted", "Try again."),
            (Error::NoAnswer, 69, "no_answer", "Nothing was changed"),
            (Error::Unknown(withdrawal()), 75, "outcome_unknown", "last --mobile 0801234567"),
            (Error::Unknown(withdrawal()), 75, "outcome_unknown", "your withdrawal of 500.00 INR"),
            (Error::Unknown(withdrawal()), 75, "outcome_unknown", KEY),
            (Error::Unknown(record(What::Register, None)), 75, "outcome_unknown", "Register again"),
            (Error::Interrupted(Some(withdrawal())), 130, "interrupted", KEY),
            (Error::Interrupted(None), 130, "interrupted", "Interrupted."),
            (SettingsError::NoCa { looked: vec![] }.into(), 78, "configuration", "DATA_DIR/public/ca.pem"),
            (StateError::KeyInUse.into(), 2, "key_in_use", "new request key"),
            (Error::EndOfInput, 2, "usage", "--pin-stdin"),
            (Error::NothingRemembered, 1, "nothing_remembered", "--request-key"),
            (Error::Output(io::ErrorKind::BrokenPipe.into()), 0, "output", "closed"),
            (Error::Receipt(io::ErrorKind::BrokenPipe.into()), 0, "output", "closed"),
            (Error::Receipt(io::ErrorKind::StorageFull.into()), 74, "output", "It was done"),
            (Error::Output(io::ErrorKind::StorageFull.into()), 70, "output", "result could not be written"),
        ];
        for (error, exit, code, expected) in table {
            let failure = explain(&error, &words());
            assert_eq!((failure.exit.code(), failure.code), (exit, code), "{error}");
            let text = format!("{} {}", failure.message, failure.hint);
            assert!(text.contains(expected), "{text}");
        }
    }

    #[test]
    fn a_sentence_begins_with_a_capital_and_a_program_keeps_its_case() {
        let table =
            [("no way", "No way."), ("really?", "Really?"), ("atmd is away", "atmd is away."), ("", ".")];
        for (text, expected) in table {
            assert_eq!(sentence(text), expected);
        }
    }

    #[test]
    fn a_value_of_a_flag_is_a_usage_error_and_of_a_file_a_configuration_error() {
        let of = |origin: &str| {
            let error = SettingsError::Value { origin: origin.into(), reason: "bad".into() };
            explain(&error.into(), &words()).exit
        };
        assert_eq!((of("--server"), of("ATM_SERVER")), (Exit::Usage, Exit::Config));
    }
}
