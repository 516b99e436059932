//! The same rows and the same account, however a file is packed and whatever the cache has.

use super::{Account, Column, Days, Ledger, Moved, Options};
use crate::cache;
use atm_ledger_csv::dialect::{Kind, Rules};
use atm_ledger_csv::fault::Faults;
use atm_ledger_csv::reader::Reader;
use atm_rpc::types::mobile::MobileNumber;
use jiff::tz::TimeZone;
use polars::prelude::{DataFrame, DataType, col};
use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::thread;
use tempfile::TempDir;

const ALL: [Column; 12] = [
    Column::Number,
    Column::Action,
    Column::Amount,
    Column::UserBalance,
    Column::BankBalance,
    Column::At,
    Column::Day,
    Column::Hour,
    Column::SessionStart,
    Column::ElapsedCs,
    Column::File,
    Column::Line,
];

/// Some parts of a bank.csv: rows of atmd, and here and there one that takes more care, or is malformed.
fn bank(rows: u64) -> String {
    let mut text = "Mobile_Number,Action,Amount,Bank_Balance,Timestamp\n".to_owned();
    for row in 0..rows {
        let number = 10_000 + row * 7_919 % 9_973;
        let at =
            format!("2026-{:02}-{:02}T{:02}:11:12.{:03}Z", 1 + row % 12, 1 + row % 28, row % 24, row % 1000);
        let (amount, balance) = (row * 37 % 100_000, row * 31);
        let _ = match row {
            row if row % 1_009 == 5 => writeln!(text, "{number},deposit,12.x,1.00,{at}"),
            row if row % 1_013 == 5 => {
                writeln!(text, "\"{number}\", \"old word {}\" ,1.5,,\"{at}\"", row % 3)
            }
            row if row % 1_019 == 5 => writeln!(text, "{number},deposit,1.00,2026-01-01 00:00:00"),
            _ => writeln!(text, "{number},deposit,{amount}.00,{balance}.50,{at}"),
        };
    }
    text
}

struct Desk {
    folder: TempDir,
}

impl Desk {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    fn file(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.folder.path().join(name);
        fs::write(&path, content).unwrap();
        path
    }

    fn cache(&self) -> PathBuf {
        self.folder.path().join("cache")
    }

    /// The files of the cache's parts.
    fn parts(&self) -> Vec<PathBuf> {
        let folders = fs::read_dir(self.cache()).into_iter().flatten().flatten();
        let files = folders.flat_map(|folder| fs::read_dir(folder.path()).unwrap()).flatten();
        let mut parts: Vec<PathBuf> =
            files.map(|file| file.path()).filter(|path| !path.ends_with("used")).collect();
        parts.sort();
        parts
    }

    /// What a file says with this desk's cache, and how many of its parts came from there.
    fn read(&self, file: &Path) -> (Rows, Account, u64) {
        let ledger = open(&[file], Some(self.cache()));
        let rows = whole(&ledger);
        let parts = ledger.believed();
        (rows, ledger.account(), parts)
    }

    /// Fails where the cache makes a difference; tells how many parts came from it.
    fn holds(&self, file: &Path) -> u64 {
        let ledger = open(&[file], None);
        self.equals(file, &(whole(&ledger), ledger.account()))
    }

    fn equals(&self, file: &Path, expected: &(Rows, Account)) -> u64 {
        let (rows, account, believed) = self.read(file);
        assert!(rows == expected.0, "the rows differ");
        assert_eq!(account, expected.1);
        believed
    }
}

fn open(files: &[&Path], cache: Option<PathBuf>) -> Ledger {
    let files: Vec<PathBuf> = files.iter().map(|path| path.to_path_buf()).collect();
    let zone = TimeZone::get("Asia/Kolkata").unwrap();
    Ledger::open(&files, Options { zone, decimals: 2, cache, progress: None }).unwrap()
}

/// All rows, column by column, and the words of their actions, whose indexes depend on who meets them first.
type Rows = (Vec<Vec<Option<i64>>>, Vec<String>);

fn whole(ledger: &Ledger) -> Rows {
    // What is read less of comes first, so that it meets what is damaged.
    let customer = MobileNumber::parse("10000").unwrap();
    let days = [None, Some(customer)].map(|number| ledger.days(number).unwrap());
    let of_customer = ledger.query(&ALL, Some(customer), |block| block, |parts| parts).unwrap();
    let blocks = ledger.blocks(&ALL, |frame| Ok(columns(&frame))).unwrap();
    let mut whole = vec![Vec::new(); ALL.len()];
    for block in blocks {
        whole.iter_mut().zip(block).for_each(|(to, from)| to.extend(from));
    }
    let is_his = |row: &usize| whole[0][*row] == Some(customer.packed());
    let his: Vec<usize> = (0..whole[0].len()).filter(is_his).collect();
    for (column, found) in whole.iter().zip(columns(&of_customer)) {
        assert!(his.iter().map(|row| column[*row]).eq(found), "rows of one customer");
    }
    assert_eq!(days, [None, Some(his)].map(|rows| added_up(&whole, rows)));
    let words = ledger.actions();
    let word = |index: Option<i64>| words[usize::try_from(index.unwrap()).unwrap()].clone();
    let actions = std::mem::take(&mut whole[1]).into_iter().map(word).collect();
    (whole, actions)
}

/// What moved on each day by rows in whole columns; `rows`: by these alone.
fn added_up(whole: &[Vec<Option<i64>>], rows: Option<Vec<usize>>) -> Days {
    let mut days = Days::new();
    let mut wanted = vec![rows.is_none(); whole[0].len()];
    rows.into_iter().flatten().for_each(|row| wanted[row] = true);
    for (row, wanted) in wanted.into_iter().enumerate() {
        let day = days.entry(i32::try_from(whole[6][row].unwrap()).unwrap()).or_default();
        day.closing = whole[4][row].or(day.closing);
        if let Some(amount) = whole[2][row].filter(|_| wanted) {
            let action = u8::try_from(whole[1][row].unwrap()).unwrap();
            match day.moved.iter_mut().find(|moved| moved.action == action) {
                Some(moved) => (moved.count, moved.sum) = (moved.count + 1, moved.sum + i128::from(amount)),
                None => day.moved.push(Moved { action, count: 1, sum: amount.into() }),
            }
        }
    }
    days
}

fn columns(frame: &DataFrame) -> Vec<Vec<Option<i64>>> {
    let as_i64 = |column: &polars::prelude::Column| {
        column.cast(&DataType::Int64).unwrap().i64().unwrap().iter().collect::<Vec<_>>()
    };
    frame.columns().iter().map(as_i64).collect()
}

#[test]
fn packed_and_piped_ledgers_say_the_same() {
    let desk = Desk::new();
    let text = bank(30_000);
    let plain = open(&[&desk.file("bank.csv", &text)], None);
    let expected = whole(&plain);
    assert_eq!(expected.1.len() as u64, plain.account().rows());
    assert_eq!((plain.account().rows(), plain.account().malformed()), (30_000 - 59, 59));
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(text.as_bytes()).unwrap();
    let zstd = zstd::encode_all(text.as_bytes(), 1).unwrap();
    let files = [desk.file("packed", gzip.finish().unwrap()), desk.file("bank.csv.zst", zstd)];
    for file in files {
        let ledger = open(&[&file], Some(desk.cache()));
        assert!(whole(&ledger) == expected);
        assert_eq!(ledger.account().files[0].faults, plain.account().files[0].faults);
        // And once more, from the start.
        assert!(whole(&ledger) == expected);
    }
    let pipe = desk.folder.path().join("pipe");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status().unwrap();
    assert!(made.success());
    thread::scope(|scope| {
        scope.spawn(|| fs::write(&pipe, &text).unwrap());
        let ledger = open(&[&pipe], None);
        assert!(whole(&ledger) == expected);
        assert!(whole(&ledger) == expected);
    });
}

#[test]
fn damaged_packing_is_a_failure() {
    let desk = Desk::new();
    let zstd = zstd::encode_all(bank(30_000).as_bytes(), 1).unwrap();
    let ledger = open(&[&desk.file("bank.csv.zst", &zstd[..zstd.len() / 2])], None);
    let failure = ledger.blocks(&[Column::At], |_| Ok(())).unwrap_err();
    assert!(failure.message.contains("bank.csv.zst cannot be unpacked"), "{failure}");
}

#[test]
fn a_query_is_the_same_bit_by_bit() {
    let desk = Desk::new();
    let huge = format!("12345,deposit,{}.00,1.00,2026-01-01T00:00:00.000Z\n", i64::MAX / 100);
    let text = format!("{}{}", bank(30_000), huge.repeat(5));
    let ledger = open(&[&desk.file("bank.csv", text)], None);
    assert_eq!(ledger.kind(), Some(Kind::Bank));
    let sum = || col("amount").cast(DataType::Int128).sum();
    let answer = ledger
        .query(
            &[Column::Amount],
            None,
            |block| block.select([sum(), col("amount").len().alias("rows")]),
            |parts| parts.select([col("amount").sum(), col("rows").sum()]),
        )
        .unwrap();
    let mut expected = 0_i128;
    let amounts =
        |frame: DataFrame| Ok(frame.column("amount")?.i64()?.iter().flatten().map(i128::from).sum::<i128>());
    expected += ledger.blocks(&[Column::Amount], amounts).unwrap().into_iter().sum::<i128>();
    assert!(expected > i128::from(i64::MAX));
    let any = |name: &str| answer.column(name).unwrap().get(0).unwrap().extract::<i128>().unwrap();
    assert_eq!((any("amount"), any("rows")), (expected, i128::from(ledger.account().rows())));
    let empty = open(&[&desk.file("empty.csv", ""), &desk.file("header.csv", bank(0))], None);
    let none = empty.query(&[Column::Day], None, |block| block, |parts| parts).unwrap();
    assert_eq!((none.height(), none.width()), (0, 1));
}

#[test]
fn files_follow_each_other_and_are_of_one_kind() {
    let desk = Desk::new();
    let client = "Mobile_Number\tAction\tAmount\tUser_Balance\tBank_Balance\tTimestamp\tSession_Start\tElapsed_Time\n\
                  0801234567\tWithdraw\t-5\t10.5\t\t2026-05-01 10:00:00.5\t1777609799.25\t1.259\n";
    let row = |file| {
        let of_row =
            [10_801_234_567, 500, 1_050, 1_777_609_800_500, 20_574, 10, 1_777_609_799_250, 125, file, 2];
        let mut of_row: Vec<Option<i64>> = of_row.into_iter().map(Some).collect();
        of_row.insert(3, None);
        of_row.insert(1, None);
        of_row
    };
    let files = [desk.file("a.csv", client), desk.file("b.csv", client)];
    let ledger = open(&[&files[0], &files[1]], None);
    let (columns, words) = whole(&ledger);
    assert_eq!(words, ["withdraw"; 2]);
    for (file, expected) in [row(0), row(1)].into_iter().enumerate() {
        let found: Vec<Option<i64>> =
            columns.iter().map(|column| column.get(file).copied().flatten()).collect();
        assert_eq!(found, expected);
    }
    assert_eq!((ledger.file_name(1), ledger.kind()), (files[1].to_str().unwrap(), Some(Kind::Client)));
    let options = || Options { zone: TimeZone::UTC, decimals: 2, cache: None, progress: None };
    let mixed = [files[0].clone(), desk.file("bank.csv", bank(1))];
    let failure = Ledger::open(&mixed, options()).unwrap_err();
    assert!(failure.message.contains("is a client.csv and"), "{failure}");
    let table = [("none.csv", "cannot be read"), (".", "it is a folder")];
    for (name, told) in table {
        let failure = Ledger::open(&[desk.folder.path().join(name)], options()).unwrap_err();
        assert!(failure.message.contains(told), "{failure}");
    }
    let failure = Ledger::open(&[desk.file("prose", "Dear all\n")], options()).unwrap_err();
    assert!(failure.message.contains("this is no ledger"), "{failure}");
}

#[test]
fn a_grown_ledger_is_read_from_where_it_was() {
    let desk = Desk::new();
    let text = bank(40_000);
    let cut = text[..text.len() * 3 / 5].rfind('\n').unwrap() + 1;
    let file = desk.file("bank.csv", &text[..cut]);
    assert_eq!(desk.holds(&file), 0);
    let kept = desk.parts().len() as u64;
    assert!(kept >= 2, "{kept}");
    assert_eq!(desk.holds(&file), kept);
    let mut growing = File::options().append(true).open(&file).unwrap();
    growing.write_all(&text.as_bytes()[cut..]).unwrap();
    assert_eq!(desk.holds(&file), kept);
    assert!(desk.parts().len() as u64 > kept);
    // A line that its writer is not done with.
    growing.write_all(b"12345,deposit,1.00,1.0").unwrap();
    assert_eq!(desk.holds(&file), desk.parts().len() as u64);
    let faults = desk.read(&file).1.files.remove(0).faults;
    assert!(faults.kept.last().unwrap().torn, "{faults:?}");
    growing.write_all(b"0,2026-01-01T00:00:00.000Z\n").unwrap();
    assert_eq!(desk.holds(&file), desk.parts().len() as u64);
    for part in desk.parts() {
        assert_eq!(fs::metadata(part).unwrap().permissions().mode() & 0o777, 0o600);
    }
    cache::clear(&desk.cache()).unwrap();
    assert_eq!(desk.holds(&file), 0);
}

#[test]
fn one_ledger_goes_through_the_cache_that_it_made() {
    let desk = Desk::new();
    let file = desk.file("bank.csv", bank(25_000));
    let ledger = open(&[&file], Some(desk.cache()));
    let (first, account) = (whole(&ledger), ledger.account());
    assert!(desk.parts().len() >= 2);
    assert!(whole(&ledger) == first);
    assert_eq!(ledger.account(), account);
    // Its parts go away under it, and come again.
    cache::clear(&desk.cache()).unwrap();
    assert!(whole(&ledger) == first);
    assert_eq!(ledger.account(), account);
}

#[test]
fn a_changed_ledger_is_read_again() {
    let desk = Desk::new();
    let text = bank(25_000);
    let file = desk.file("bank.csv", &text);
    let modified = fs::metadata(&file).unwrap().modified().unwrap();
    desk.read(&file);
    let kept = desk.parts().len() as u64;
    assert!(kept >= 2);
    // A digit in the middle, the size and the time as before.
    let put = |text: &str| {
        fs::write(&file, text).unwrap();
        File::options().write(true).open(&file).unwrap().set_modified(modified).unwrap();
    };
    let at = text.len() / 2 + text[text.len() / 2..].find(",deposit,").unwrap() - 1;
    let digit = if &text[at..=at] == "7" { "8" } else { "7" };
    let edited = format!("{}{digit}{}", &text[..at], &text[at + 1..]);
    put(&edited);
    let believed = desk.holds(&file);
    assert!((1..kept).contains(&believed), "{believed} of {kept}");
    // Another file of the same size and time, whose rows end elsewhere.
    let header = text.find('\n').unwrap() + 1;
    let turned = format!("{}{}{}", &text[..header], &text[header + 97..], &text[header..header + 97]);
    assert_eq!(turned.len(), text.len());
    put(&turned);
    assert_eq!(desk.holds(&file), 0);
    // Cut short, within a row.
    put(&turned[..turned.len() / 2]);
    let believed = desk.holds(&file);
    assert!((1..kept).contains(&believed), "{believed} of {kept}");
    put(&text[..header]);
    assert_eq!(desk.holds(&file), 0);
}

#[test]
fn a_damaged_cache_is_none() {
    let desk = Desk::new();
    let file = desk.file("bank.csv", bank(25_000));
    let ledger = open(&[&file], None);
    let expected = (whole(&ledger), ledger.account());
    desk.read(&file);
    let part = desk.parts().remove(1);
    let whole = fs::read(&part).unwrap();
    // The digest, the length and the head, and bytes of all columns.
    let places = [0, 31, 32, 35, 36, 37, 40, 60, 100].into_iter();
    for place in places.chain((200..whole.len()).step_by(whole.len() / 9)).chain([whole.len() - 1]) {
        let mut bytes = whole.clone();
        bytes[place] ^= 1 << (place % 8);
        fs::write(&part, &bytes).unwrap();
        // The head may not be believed, and then nothing behind it, or a column.
        assert!(desk.equals(&file, &expected) >= 1, "byte {place}");
        assert_eq!(fs::read(&part).unwrap(), whole, "byte {place}: it was not mended");
    }
    for length in [0, 35, 36, whole.len() / 2, whole.len() - 1] {
        fs::write(&part, &whole[..length]).unwrap();
        assert!(desk.equals(&file, &expected) >= 1, "{length} bytes");
        assert_eq!(fs::read(&part).unwrap(), whole, "{length} bytes: it was not mended");
    }
    // A part that is whole, but that of another place.
    fs::copy(desk.parts().remove(0), &part).unwrap();
    assert_eq!(desk.equals(&file, &expected), 1);
}

#[test]
fn a_cache_of_another_version_is_none() {
    let desk = Desk::new();
    let file = desk.file("bank.csv", bank(25_000));
    desk.read(&file);
    let kept = desk.parts().len() as u64;
    assert!(kept >= 2 && desk.holds(&file) == kept);
    let part = desk.parts().remove(1);
    let whole = fs::read(&part).unwrap();
    // The head begins behind its digest and its length, and its first byte is its format.
    let length = usize::try_from(u32::from_le_bytes(whole[32..36].try_into().unwrap())).unwrap();
    let mut other = whole.clone();
    other[36] += 1;
    let digest = *blake3::hash(&other[36..36 + length]).as_bytes();
    other[..32].copy_from_slice(&digest);
    fs::write(&part, &other).unwrap();
    assert_eq!(desk.holds(&file), 1, "what is before it");
    assert_eq!(fs::read(&part).unwrap(), whole, "it was not written anew");
}

#[test]
fn many_may_read_and_keep_at_once() {
    let desk = Desk::new();
    let file = desk.file("bank.csv", bank(25_000));
    let expected = whole(&open(&[&file], None));
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| assert!(desk.read(&file).0 == expected));
        }
    });
    assert_eq!(desk.holds(&file), desk.parts().len() as u64);
    let unfinished = desk.parts().into_iter().filter(|part| part.extension().is_some());
    assert_eq!(unfinished.count(), 0);
}

#[test]
fn a_cache_that_cannot_be_written_costs_nothing() {
    let desk = Desk::new();
    let file = desk.file("bank.csv", bank(20_000));
    let no_folder = desk.file("no-folder", "");
    let ledger = open(&[&file], Some(no_folder));
    assert!(whole(&ledger) == whole(&open(&[&file], None)));
}

#[test]
fn rows_are_the_same_however_parts_are_cut() {
    let desk = Desk::new();
    // Rows above the bound, one above a part, with lines that count on behind them.
    let long = "9".repeat(100_000);
    let longer = "8".repeat(2_000_000);
    let text =
        format!("{}12345,{long},1\n{}\n{}12345,deposit,{longer}", bank(9_000), longer, &bank(9_000)[51..]);
    let file = desk.file("bank.csv", &text);
    let ledger = open(&[&file], Some(desk.cache()));
    let (columns, words) = whole(&ledger);
    // Beside it row by row, in parts of another size.
    let rules = Rules { zone: TimeZone::get("Asia/Kolkata").unwrap(), decimals: 2 };
    let mut reader = Reader::open(text.as_bytes(), rules).unwrap().unwrap();
    let (mut lines, mut faults) = (Vec::new(), Faults::default());
    while let Some(row) = reader.next().unwrap() {
        match row {
            Ok(entry) => lines.push(Some(entry.line.cast_signed())),
            Err(fault) => faults.push(fault),
        }
    }
    assert_eq!((columns.last(), words.len()), (Some(&lines), lines.len()));
    assert_eq!(ledger.account().files.remove(0).faults, faults);
    assert!(faults.kept.last().unwrap().torn);
    assert_eq!(
        faults.count,
        3 + text.lines().filter(|line| line.contains("12.x") || line.contains("1.00,2026")).count() as u64
    );
    desk.holds(&file);
}
