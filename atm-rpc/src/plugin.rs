//! What atmctl and its plugins agree on: how a plugin describes itself, which of its arguments
//! mean what, how it fails, and the connection it is given on descriptor 3.
//!
//! Nothing here starts a process or knows a plugin by name.

use crate::error::{BadRequest, ServiceError};
use crate::operator::Capability;
use crate::types::mobile::MobileNumber;
use crate::types::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::io;
use std::os::fd::{BorrowedFd, RawFd};
use std::os::unix::net::UnixStream;
use std::time::Duration;
use thiserror::Error;

/// The version of all this. A plugin of another one is not run.
pub const PROTOCOL: u16 = 1;
/// The only argument of a plugin that is asked to describe itself.
pub const DESCRIBE: &str = "--atmctl-describe";
/// The most bytes of a description.
pub const DESCRIPTION_BYTES_MAX: u64 = 256 * 1024;
/// The most bytes of one row, its line feed left out.
pub const ROW_BYTES_MAX: usize = 1024 * 1024;
/// The descriptor of the connection.
pub const FD: RawFd = 3;
/// Tells a plugin which [`PROTOCOL`] its host speaks.
pub const ENV_PROTOCOL: &str = "ATMCTL_PROTOCOL";
/// Tells a plugin its [`FD`]. Not set where the command needs no connection.
pub const ENV_FD: &str = "ATMCTL_FD";
/// Tells a plugin where its host is, so that a shell script can call `"$ATMCTL_BIN" api`.
pub const ENV_BIN: &str = "ATMCTL_BIN";

/// A plugin in its own words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Description {
    /// The [`PROTOCOL`] that it speaks.
    pub protocol: u16,
    /// Its name, without `atmctl-`.
    pub name: String,
    /// Its version.
    pub version: String,
    /// What it is for, in one line.
    pub summary: String,
    /// What it can do.
    pub commands: Vec<Command>,
}

/// One command of a plugin.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Command {
    /// Its name.
    pub name: String,
    /// What it does, in one line.
    pub summary: String,
    /// What it is told, positional arguments in their order.
    #[serde(default)]
    pub arguments: Vec<Argument>,
    /// The rights that it uses where the operator has them. It gets no others.
    #[serde(default)]
    pub capabilities: Vec<Capability>,
    /// Whether it talks with atmd.
    pub connection: Connection,
    /// Whether it changes something. It cannot where it says no.
    #[serde(default)]
    pub changes: bool,
    /// Whether what it does cannot be undone: a person must say yes.
    #[serde(default)]
    pub destructive: bool,
    /// What it prints.
    #[serde(flatten)]
    pub output: Output,
}

/// One argument of a command.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Argument {
    /// Its name; of a flag without the dashes.
    pub name: String,
    /// What it holds.
    pub kind: Kind,
    /// How it is written.
    pub form: Form,
    /// Whether the command cannot do without.
    #[serde(default)]
    pub required: bool,
    /// What it means, in one line.
    pub help: String,
    /// What a [`Kind::Choice`] chooses from.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub choices: Vec<String>,
    /// Where atmd knows values.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub values: Option<Values>,
}

/// How an argument is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Form {
    /// `VALUE`.
    Positional,
    /// `--name VALUE`; of a [`Kind::Boolean`] just `--name`.
    Flag,
}

/// The call whose answer has the values of an argument.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Values {
    /// The call, as on the wire: `BlacklistList`.
    pub method: String,
    /// The field of its rows.
    pub field: String,
}

/// Whether a command talks with atmd.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Connection {
    /// It has a connection on [`FD`].
    Required,
    /// It runs without atmd.
    None,
}

/// What a command prints. Never depends on its arguments.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "output", rename_all = "snake_case")]
pub enum Output {
    /// JSON objects, one a line, that the host renders.
    Rows {
        /// What is in them.
        schema: Schema,
    },
    /// What it likes; the host does not look at it.
    Raw,
}

/// The shape of a command's rows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Schema {
    /// Name and version, such as `atmctl.blacklist.list/1`.
    pub name: String,
    /// The fields, in the order of printing. Each row has all of them and no others; any may be null.
    pub columns: Vec<Column>,
}

/// One field of the rows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// What it holds.
    pub kind: Kind,
    /// Whether a sum over the rows means something.
    #[serde(default)]
    pub summed: bool,
}

/// What an argument or a column holds. In a row: JSON text, where nothing else is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Kind {
    /// Any text.
    #[serde(rename = "text")]
    Text,
    /// A number. In a row: a JSON number.
    #[serde(rename = "number")]
    Number,
    /// An amount. In a row: minor units as a JSON number.
    #[serde(rename = "money")]
    Money,
    /// A day or an instant, by [`parse_date`]. In a row: RFC 3339.
    #[serde(rename = "date")]
    Date,
    /// A length of time, by [`parse_duration`]. In a row: milliseconds as a JSON number.
    #[serde(rename = "duration")]
    Duration,
    /// One of a few words.
    #[serde(rename = "choice")]
    Choice,
    /// A mobile number; in a row perhaps masked.
    #[serde(rename = "mobile")]
    Mobile,
    /// Yes or no; as an argument a flag without a value. In a row: a JSON boolean.
    #[serde(rename = "boolean")]
    Boolean,
    /// A file that is read.
    #[serde(rename = "path:read")]
    PathRead,
    /// A file that is written.
    #[serde(rename = "path:write")]
    PathWrite,
}

impl Kind {
    /// Whether a text is an argument of this kind.
    ///
    /// # Errors
    /// What is allowed, for the person who typed it.
    pub fn check(self, text: &str) -> Result<(), String> {
        match self {
            Self::Number => text.parse::<i64>().map(drop).map_err(|_| "a number has digits only".into()),
            Self::Money => {
                let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
                let (whole, decimals) = text.split_once('.').unwrap_or((text, "0"));
                let fits = digits(whole) && digits(decimals);
                fits.then_some(()).ok_or_else(|| "an amount is digits with at most one decimal point".into())
            }
            Self::Date => parse_date(text).map(drop),
            Self::Duration => parse_duration(text).map(drop),
            Self::Mobile => MobileNumber::parse(text).map(drop).map_err(|e| e.to_string()),
            Self::Text | Self::Choice | Self::Boolean | Self::PathRead | Self::PathWrite => Ok(()),
        }
    }
}

/// Reads a length of time: a whole number and `ms`, `s`, `m`, `h` or `d`.
///
/// # Errors
/// What is allowed, for the person who typed it.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let unit_ms: u64 = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => 0,
    };
    let ms = number.parse::<u64>().ok().and_then(|n| n.checked_mul(unit_ms)).filter(|ms| *ms > 0);
    let wrong = || "a duration is a number above zero with its unit, such as 30s, 15m, 2h or 7d".into();
    ms.map(Duration::from_millis).ok_or_else(wrong)
}

/// Reads an instant in RFC 3339, or a day, which stands for its first instant in the local zone.
///
/// # Errors
/// What is allowed, for the person who typed it.
pub fn parse_date(text: &str) -> Result<Timestamp, String> {
    if let Ok(instant) = Timestamp::parse(text) {
        return Ok(instant);
    }
    let day = (text.len() == "2026-11-22".len()).then(|| text.parse::<jiff::civil::Date>().ok()).flatten();
    let start = day.and_then(|day| day.to_zoned(jiff::tz::TimeZone::system()).ok());
    let start = start.map(|zoned| Timestamp::from_ms(zoned.timestamp().as_millisecond()));
    start.ok_or_else(|| "a date is 2026-11-22, or 2026-11-22T18:00:00Z with a time".into())
}

macro_rules! codes {
    ($($(#[$doc:meta])* $variant:ident $name:literal $exit:literal,)+) => {
        /// How a command ended that did not do what it was asked for.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
        pub enum Code { $($(#[$doc])* #[serde(rename = $name)] $variant,)+ }

        impl Code {
            /// Every code there is.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// Its name in JSON.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)+ }
            }

            /// The exit code.
            #[must_use]
            pub const fn exit(self) -> u8 {
                match self { $(Self::$variant => $exit,)+ }
            }
        }
    };
}

codes! {
    /// It failed.
    Failed "failed" 1,
    /// It was asked for something that it does not offer.
    Usage "usage" 2,
    /// What it is about does not exist.
    NotFound "not_found" 4,
    /// What it should do does not go with what is there.
    Conflict "conflict" 5,
    /// atmd does not answer.
    Unreachable "unreachable" 69,
    /// The plugin crashed.
    Crashed "crashed" 70,
    /// Not now, but perhaps soon.
    TryAgain "try_again" 75,
    /// Somebody broke the protocol.
    Protocol "protocol" 76,
    /// The operator or the command lacks the right.
    Denied "denied" 77,
    /// The configuration is wrong or incomplete.
    Configuration "configuration" 78,
    /// The plugin must not be run.
    Refused "refused" 126,
    /// There is no such command.
    Unknown "unknown" 127,
    /// A person ended it.
    Interrupted "interrupted" 130,
}

/// Why a command did not do what it was asked for.
#[derive(Clone, Debug, PartialEq, Eq, Error, Serialize, Deserialize)]
#[error("{message}")]
pub struct Failure {
    /// What sort of failure.
    pub code: Code,
    /// What happened.
    pub message: String,
    /// What to do about it.
    #[serde(default)]
    pub hint: Option<String>,
}

impl Failure {
    /// A failure without a hint.
    pub fn new(code: Code, message: impl fmt::Display) -> Self {
        Self { code, message: message.to_string(), hint: None }
    }

    /// The same with a hint.
    #[must_use]
    pub fn hint(self, hint: impl fmt::Display) -> Self {
        Self { hint: Some(hint.to_string()), ..self }
    }
}

impl From<ServiceError> for Failure {
    fn from(error: ServiceError) -> Self {
        let told = |code| Self::new(code, error);
        match error {
            ServiceError::Rejected(_) => told(Code::Conflict),
            ServiceError::Unauthenticated(_) => {
                Self::new(Code::Denied, "atmd does not accept this operator (any more)")
                    .hint("ask an administrator whether the operator is enabled")
            }
            ServiceError::Forbidden(capability) => {
                told(Code::Denied).hint(format!("your role, or this command, does not have {capability}"))
            }
            ServiceError::ReadOnly => told(Code::Denied),
            ServiceError::NotFound => told(Code::NotFound),
            ServiceError::BadRequest(BadRequest::Widening) => told(Code::Denied),
            ServiceError::BadRequest(what) => Self::new(Code::Usage, what),
            ServiceError::Busy { .. } | ServiceError::Unavailable | ServiceError::OutcomeUnknown => {
                told(Code::TryAgain)
            }
            ServiceError::Internal(_) => told(Code::Failed).hint("atmd's log has the details"),
        }
    }
}

/// The line by which a command with rows tells that it failed: the last one, with an exit code
/// other than zero.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailureLine {
    /// Why.
    pub atmctl_error: Failure,
}

/// The connection that the host left on [`FD`]: a descriptor of its own, [`FD`] stays open.
/// The connection may be asked one thing at a time by several processes; see `atmctl api`.
///
/// # Errors
/// Where nothing is open there, or something else than a Unix socket.
pub fn connection() -> io::Result<UnixStream> {
    #[expect(unsafe_code, reason = "std has no other way to name an inherited descriptor")]
    // SAFETY: the borrow ends with this statement, in which nothing is closed; where FD is not
    // open, duplicating it fails with EBADF.
    let descriptor = unsafe { BorrowedFd::borrow_raw(FD) }.try_clone_to_owned()?;
    let stream = UnixStream::from(descriptor);
    stream.local_addr()?;
    Ok(stream)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_durations() {
        let table =
            [("250ms", 250), ("30s", 30_000), ("15m", 900_000), ("2h", 7_200_000), ("7d", 604_800_000)];
        for (text, ms) in table {
            assert_eq!(parse_duration(text), Ok(Duration::from_millis(ms)), "{text}");
        }
        for bad in ["", "0s", "5", "-5m", "5 m", "1.5h", "5w", "99999999999999999999s", "300000000000000d"] {
            assert!(parse_duration(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn reads_days_and_instants() {
        let instant = Timestamp::parse("2026-11-22T16:30:00Z").ok();
        assert_eq!(parse_date("2026-11-22T18:00:00+01:30").ok(), instant);
        assert!(parse_date("2026-11-22").is_ok());
        for bad in ["", "22.11.2026", "2026-13-01", "tomorrow", "20261122", "2026-11-22T18:00:00"] {
            assert!(parse_date(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_description_in_any_language_is_read() {
        let text = r#"{"protocol":1,"name":"demo","version":"2","summary":"Shows","commands":[
            {"name":"go","summary":"Goes","connection":"none","output":"raw"},
            {"name":"list","summary":"Lists","connection":"required","capabilities":["status:read"],
             "arguments":[{"name":"file","kind":"path:read","form":"positional","help":"What"}],
             "output":"rows","schema":{"name":"demo.list/1","columns":[{"name":"n","kind":"number"}]}}]}"#;
        let read: Description = serde_json::from_str(text).unwrap();
        assert_eq!(read.commands[0].output, Output::Raw);
        assert_eq!(read.commands[1].arguments[0].kind, Kind::PathRead);
        let written = serde_json::to_string(&read).unwrap();
        assert_eq!(serde_json::from_str::<Description>(&written).unwrap(), read);
    }
}
