//! A list of numbers for the blacklist, read from CSV: everything that is wrong with it is found before anything is
//! done.
//!
//! What `atmctl blacklist list -o csv` prints can be read again.

use atm_plugin_sdk::Host;
use atm_rpc::operator::REASON_LENGTH_MAX;
use atm_rpc::operator::blacklist::{
    BlacklistImported, BlacklistListing, IMPORT_PART_ROWS_MAX, IMPORT_ROWS_MAX,
};
use atm_rpc::plugin::{Code, Failure, parse_date};
use atm_rpc::types::mobile::MobileNumber;
use atm_rpc::types::time::Timestamp;
use csv::{ReaderBuilder, StringRecord, Trim};
use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// How many wrong lines are told.
const TOLD_MAX: usize = 10;
/// The most bytes that are read: more than the greatest list can have.
const BYTES_MAX: u64 = 128 * 1024 * 1024;
/// The columns, in their order where the file does not name them.
const COLUMNS: [&str; 3] = ["number", "reason", "until"];

/// Reads the list, sends it in parts, and has atmd decide it as one.
pub(crate) async fn import(host: &Host, file: &Path, now: Timestamp) -> Result<BlacklistImported, Failure> {
    let source: Box<dyn Read> = match file.to_str() {
        Some("-") => Box::new(io::stdin().lock()),
        _ => Box::new(File::open(file).map_err(|error| unreadable(file, &error))?),
    };
    let mut text = Vec::new();
    source.take(BYTES_MAX + 1).read_to_end(&mut text).map_err(|error| unreadable(file, &error))?;
    // The end of a longer one would be lost, and its last line cut to another number.
    if count(text.len()) > BYTES_MAX {
        let what = format!("{} has more than {BYTES_MAX} bytes, and nothing was done", file.display());
        return Err(Failure::new(Code::Usage, what).hint("leave other columns out, or divide the file"));
    }
    let rows = read(&text, now)?;
    send(host, rows).await
}

fn unreadable(file: &Path, error: &io::Error) -> Failure {
    Failure::new(Code::Failed, format!("{} cannot be read: {error}", file.display()))
}

async fn send(host: &Host, rows: Vec<BlacklistListing>) -> Result<BlacklistImported, Failure> {
    let total = count(rows.len());
    let bar = host.progress();
    let mut sent = 0;
    for part in rows.chunks(IMPORT_PART_ROWS_MAX) {
        let staged = async |first| {
            let part = part.to_vec();
            host.call(async |atmd, context| atmd.blacklist_stage(context, first, part).await).await
        };
        sent = staged(sent).await?;
        bar.at("sending", sent, total);
    }
    bar.at("deciding", 0, 0);
    host.call(async |atmd, context| atmd.blacklist_import(context, total).await).await
}

fn count(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}

/// The rows, or every line that is wrong.
fn read(text: &[u8], now: Timestamp) -> Result<Vec<BlacklistListing>, Failure> {
    let text = text.strip_prefix("\u{feff}".as_bytes()).unwrap_or(text);
    let mut reader =
        ReaderBuilder::new().has_headers(false).flexible(true).trim(Trim::Fields).from_reader(text);
    let (mut rows, mut wrong) = (Vec::new(), Wrong::default());
    let mut places = Some([0, 1, 2]);
    let mut lines = HashMap::new();
    for (at, record) in reader.records().enumerate() {
        let record = match record {
            Ok(record) => record,
            Err(error) => {
                wrong.add(error.position().map_or(0, csv::Position::line), "is no text in UTF-8");
                continue;
            }
        };
        let line = record.position().map_or(0, csv::Position::line);
        if at == 0 && record.iter().any(|field| field.eq_ignore_ascii_case(COLUMNS[0])) {
            places = named(&record);
            if places.is_none() {
                wrong.add(line, "names no column reason");
                break;
            }
            continue;
        }
        if record.iter().any(|field| field.contains(['\r', '\n'])) {
            // Where a quote is never closed, all lines behind it are one field, in a column that nobody may look at.
            wrong.add(line, "has a field that goes on over the end of the line; is a quote not closed?");
            continue;
        }
        match listing(&record, places.unwrap_or_default(), now) {
            Ok(row) => match lines.insert(row.mobile, line) {
                Some(before) => wrong.add(line, &format!("has the number of line {before}")),
                None => rows.push(row),
            },
            Err(reason) => wrong.add(line, &reason),
        }
    }
    if count(rows.len()) > IMPORT_ROWS_MAX {
        let text = format!("{} numbers are too many at once", rows.len());
        let hint = format!("an import has at most {IMPORT_ROWS_MAX}: divide the file");
        return Err(Failure::new(Code::Usage, text).hint(hint));
    }
    if rows.is_empty() && wrong.count == 0 {
        return Err(Failure::new(Code::Usage, "there is no number in it").hint(WAY));
    }
    wrong.end().map(|()| rows)
}

const WAY: &str = "lines are number,reason,until in CSV; until may be empty, which is for good";

/// Where the columns are, where the first line names them. Others are left alone.
fn named(header: &StringRecord) -> Option<[usize; 3]> {
    let place = |name: &str| header.iter().position(|field| field.eq_ignore_ascii_case(name));
    Some([place(COLUMNS[0])?, place(COLUMNS[1])?, place(COLUMNS[2]).unwrap_or(usize::MAX)])
}

fn listing(record: &StringRecord, places: [usize; 3], now: Timestamp) -> Result<BlacklistListing, String> {
    let [number, reason, until] = places.map(|place| record.get(place).unwrap_or_default());
    let mobile = MobileNumber::parse(number).map_err(|wrong| wrong.to_string())?;
    // An apostrophe that keeps a spreadsheet from running the text.
    let reason = match reason.strip_prefix('\'') {
        Some(rest) if rest.starts_with(['=', '+', '-', '@']) => rest,
        _ => reason,
    };
    if reason.is_empty() {
        return Err("has no reason".into());
    }
    if reason.chars().count() > REASON_LENGTH_MAX || reason.chars().any(char::is_control) {
        return Err(format!("a reason is at most {REASON_LENGTH_MAX} characters without control characters"));
    }
    let until = if until.is_empty() { None } else { Some(parse_date(until)?) };
    if until.is_some_and(|until| until <= now) {
        return Err("until must be in the future".into());
    }
    Ok(BlacklistListing { mobile, reason: reason.to_owned(), until })
}

/// Lines that are wrong: the first few, and how many.
#[derive(Default)]
struct Wrong {
    told: Vec<String>,
    count: usize,
}

impl Wrong {
    fn add(&mut self, line: u64, what: &str) {
        self.count += 1;
        if self.told.len() < TOLD_MAX {
            self.told.push(format!("line {line}: {what}"));
        }
    }

    fn end(self) -> Result<(), Failure> {
        let more = self.count - self.told.len();
        let lines =
            if self.count == 1 { "1 line is".to_owned() } else { format!("{} lines are", self.count) };
        let more = if more > 0 { format!("\n  and {more} more") } else { String::new() };
        match self.count {
            0 => Ok(()),
            _ => {
                let text =
                    format!("{lines} wrong, and nothing was done:\n  {}{more}", self.told.join("\n  "));
                Err(Failure::new(Code::Usage, text).hint(WAY))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_ms(1_795_000_000_000);

    fn rows(text: &str) -> Vec<(String, String, bool)> {
        let rows = read(text.as_bytes(), NOW).unwrap_or_else(|failure| panic!("{failure}"));
        rows.into_iter().map(|row| (row.mobile.full(), row.reason, row.until.is_some())).collect()
    }

    fn row(number: &str, reason: &str, until: bool) -> (String, String, bool) {
        (number.into(), reason.into(), until)
    }

    #[test]
    fn lists_are_read_with_and_without_a_header() {
        let expected = [row("0712345678", "stolen", false), row("0712345679", "lost, twice", true)];
        let table = [
            "0712345678,stolen\n0712345679,\"lost, twice\",2040-01-01\n",
            "0712345678,stolen,\r\n0712345679,\"lost, twice\",2040-01-01T00:00:00Z\r\n",
            "\u{feff}number,reason,until\n0712345678, stolen ,\n\n0712345679,\"lost, twice\",2040-01-01",
            "Until,registered,Reason,Number\n,true,stolen,0712345678\n2040-01-01,no,\"lost, twice\",0712345679\n",
        ];
        for text in table {
            assert_eq!(rows(text), expected, "{text}");
        }
        assert_eq!(rows("12345,'=1+1\n"), [row("12345", "=1+1", false)]);
        assert_eq!(rows("12345,'quoted'\n"), [row("12345", "'quoted'", false)]);
    }

    #[test]
    fn each_wrong_line_is_named_before_anything_is_done() {
        let table = [
            ("12,x\n", "1 line is wrong, and nothing was done:\n  line 1: a mobile number is"),
            ("12345,x\n12346\n", "line 2: has no reason"),
            ("12345,x\n12346, \n", "line 2: has no reason"),
            ("12345,x,2020-01-01\n", "line 1: until must be in the future"),
            ("12345,x,soon\n", "line 1: a date is"),
            ("12345,x\n12345,y\n", "line 2: has the number of line 1"),
            ("number,until\n12345,\n", "line 1: names no column reason"),
            ("number,reason,note\n12345,x,\"y\n12346,x,z\n", "line 2: has a field that goes on"),
            ("12345,x\n12346,\"x\n12347,x\n", "line 2: has a field that goes on"),
            ("", "there is no number in it"),
            ("number,reason\n", "there is no number in it"),
        ];
        for (text, expected) in table {
            let failure = read(text.as_bytes(), NOW).expect_err(text);
            assert!(failure.message.contains(expected), "{failure}");
            assert_eq!(failure.code, Code::Usage);
        }
        let failure = read(b"12345,\xff\xfe\n12,x\n", NOW).expect_err("no text");
        assert!(failure.message.contains("line 1: is no text in UTF-8"), "{failure}");
        let many = "12,x\n".repeat(25);
        let failure = read(many.as_bytes(), NOW).expect_err("wrong").message;
        assert!(failure.starts_with("25 lines are wrong"), "{failure}");
        assert!(failure.contains("line 10: ") && !failure.contains("line 11: "), "{failure}");
        assert!(failure.ends_with("and 15 more"), "{failure}");
    }

    #[test]
    fn a_list_has_its_bound() {
        let lines = |count: u64| (0..count).map(|n| format!("{:010},x\n", n)).collect::<String>();
        assert_eq!(rows(&lines(IMPORT_ROWS_MAX)).len(), 100_000);
        assert!(read(lines(IMPORT_ROWS_MAX + 1).as_bytes(), NOW).is_err());
    }
}
