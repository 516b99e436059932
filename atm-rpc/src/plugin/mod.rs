//! What atmctl and its plugins agree on. Nothing here starts a process or knows a plugin by name.
//!
//! - Here: how a plugin describes itself, and which of its arguments and columns mean what.
//! - `failure`: how a command fails, and with which exit code.
//! - `connection`: what the plugin finds on descriptor 3.
//! - `day`: days as people name them.
//! - `site`: files of atmd's data directory that a plugin may be given.
//! - `lines`: what a command with rows tells beside them.

mod connection;
mod day;
mod failure;
mod lines;
mod site;

pub use connection::{ENV_FD, FD, connection};
pub use day::{Day, parse_day};
pub use failure::{Code, Failure, FailureLine};
pub use lines::{CurrencyLine, WARNINGS_MAX, WarningLine};
pub use site::{Bank, Site};

use crate::operator::Capability;
use crate::types::mobile::MobileNumber;
use crate::types::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// The version of all this. A plugin of another one is not run.
pub const PROTOCOL: u16 = 1;
/// The only argument of a plugin that is asked to describe itself.
pub const DESCRIBE: &str = "--atmctl-describe";
/// The most bytes of a description.
pub const DESCRIPTION_BYTES_MAX: u64 = 256 * 1024;
/// The most bytes of one row, its line feed left out.
pub const ROW_BYTES_MAX: usize = 1024 * 1024;
/// Tells a plugin which [`PROTOCOL`] its host speaks.
pub const ENV_PROTOCOL: &str = "ATMCTL_PROTOCOL";
/// Tells a plugin where its host is, so that a shell script can call `"$ATMCTL_BIN" api`.
pub const ENV_BIN: &str = "ATMCTL_BIN";
/// Tells a plugin where it may keep what it can make anew: a folder that no other plugin reaches.
pub const ENV_CACHE: &str = "ATMCTL_CACHE_DIR";
/// Tells a plugin, as any program, where it may put what is gone with it.
pub const ENV_TEMPORARY: &str = "TMPDIR";

/// Tells a plugin that nobody is to be asked, whatever is a terminal.
pub const ENV_NO_INPUT: &str = "ATMCTL_NO_INPUT";

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
    /// How it is used, what comes after its name: `12345 --for 7d`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub examples: Vec<String>,
    /// The rights that it uses where the operator has them. It gets no others.
    #[serde(default)]
    pub capabilities: Vec<Capability>,
    /// Whether it talks with atmd.
    pub connection: Connection,
    /// What else it dials. It has no other network.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub network: Vec<Network>,
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
    /// Whether it may be given several times; of positional ones only the last.
    #[serde(default, skip_serializing_if = "is_not")]
    pub repeated: bool,
    /// What it means, in one line.
    pub help: String,
    /// What a [`Kind::Choice`] chooses from.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub choices: Vec<String>,
    /// Where atmd knows values.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub values: Option<Values>,
    /// Of a [`Kind::PathRead`]: the file of the site that the host gives where the operator gives none. One that is
    /// required must then be there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub site: Option<Site>,
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

/// What a command dials by itself, past its connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Network {
    /// atmd's listener for customers.
    #[serde(rename = "net:customer")]
    Customer,
}

impl Network {
    /// Its name, such as `net:customer`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Customer => "net:customer",
        }
    }
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
    /// A day or an instant, by [`parse_date`], or how long ago, by [`parse_moment`]; the host makes an instant of the
    /// latter. In a row: RFC 3339.
    #[serde(rename = "date")]
    Date,
    /// A day, by [`parse_day`]. In a row: `2026-11-22`.
    #[serde(rename = "day")]
    Day,
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
    /// A file or folder that is read; the host expands `*`, `?` and `[..]`. `-` is no file.
    #[serde(rename = "path:read")]
    PathRead,
    /// A file that is written, or a folder that is there. The host makes a file that is not there, empty and its
    /// owner's alone, and takes it away again where nothing was written. A plugin that replaces nothing looks
    /// whether the file is empty. `-` is no file.
    #[serde(rename = "path:write")]
    PathWrite,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes references")]
const fn is_not(flag: &bool) -> bool {
    !*flag
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
            Self::Date => parse_moment(text, Timestamp::from_ms(0)).map(drop),
            Self::Day => parse_day(text).map(drop),
            Self::Duration => parse_duration(text).map(drop),
            Self::Mobile => MobileNumber::parse(text).map(drop).map_err(|e| e.to_string()),
            Self::Text | Self::Choice | Self::Boolean | Self::PathRead | Self::PathWrite => Ok(()),
        }
    }
}

/// The longest length of time, 100 years: from any instant that people mean it ends at one that can be written.
const DURATION_MS_MAX: u64 = 36_500 * 86_400_000;

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
    let ms = ms.ok_or("a duration is a number above zero with its unit, such as 30s, 15m, 2h or 7d")?;
    if ms > DURATION_MS_MAX {
        return Err("a duration is at most 36500d".into());
    }
    Ok(Duration::from_millis(ms))
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

/// Reads a date by [`parse_date`], or a length of time before `now` by [`parse_duration`]: `-2h`.
///
/// # Errors
/// What is allowed, for the person who typed it.
pub fn parse_moment(text: &str, now: Timestamp) -> Result<Timestamp, String> {
    match text.strip_prefix('-') {
        Some(ago) => {
            let ago = parse_duration(ago).map_err(|_| "how long ago is such as -30m, -2h or -7d")?;
            Ok(now.plus_ms(i64::try_from(ago.as_millis()).map_or(i64::MIN, std::ops::Neg::neg)))
        }
        None => parse_date(text).map_err(|error| format!("{error}; how long ago is -2h")),
    }
}

/// The words of an example, as a shell takes them apart that knows single quotes and nothing else.
#[must_use]
pub fn words(example: &str) -> Vec<String> {
    let (mut words, mut word, mut quoted) = (Vec::new(), None::<String>, false);
    for letter in example.chars() {
        match letter {
            '\'' => {
                quoted = !quoted;
                word.get_or_insert_default();
            }
            letter if letter.is_whitespace() && !quoted => words.extend(word.take()),
            letter => word.get_or_insert_default().push(letter),
        }
    }
    words.extend(word);
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_example_has_the_words_that_a_shell_finds() {
        let table: &[(&str, &[&str])] = &[
            ("", &[]),
            (" a  b ", &["a", "b"]),
            ("--fail-if 'x > 5' '' it''s", &["--fail-if", "x > 5", "", "its"]),
            ("'not closed", &["not closed"]),
        ];
        for (example, expected) in table {
            assert_eq!(words(example), *expected, "{example}");
        }
    }

    #[test]
    fn a_moment_is_a_date_or_a_while_ago() {
        let now = Timestamp::from_ms(10_000_000);
        assert_eq!(parse_moment("-2h", now), Ok(Timestamp::from_ms(2_800_000)));
        assert_eq!(parse_moment("1970-01-01T00:00:01Z", now), Ok(Timestamp::from_ms(1_000)));
        for bad in ["", "-", "2h", "--2h", "-2026-11-22", "yesterday"] {
            assert!(parse_moment(bad, now).is_err_and(|error| error.contains("-2h")), "{bad}");
        }
    }

    #[test]
    fn reads_durations() {
        let table =
            [("250ms", 250), ("30s", 30_000), ("15m", 900_000), ("2h", 7_200_000), ("7d", 604_800_000)];
        for (text, ms) in table {
            assert_eq!(parse_duration(text), Ok(Duration::from_millis(ms)), "{text}");
        }
        assert!(parse_duration("36500d").is_ok());
        for bad in [
            "",
            "0s",
            "5",
            "-5m",
            "5 m",
            "1.5h",
            "5w",
            "36501d",
            "99999999999d",
            "99999999999999999999s",
            "300000000000000d",
        ] {
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
