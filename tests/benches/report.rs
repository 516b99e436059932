//! Reports on a large bank.csv beside DuckDB in the same run: the first run, one on the ledger grown by a hundredth, and
//! one without a cache. Starts `atmctl-report` itself, with the environment that atmctl gives it.
//!
//! `ATM_BENCH_ROWS` says how many rows (ten million otherwise), `ATM_DUCKDB` names a Python that has DuckDB; without one
//! its column stays empty.
#![expect(
    clippy::expect_used,
    clippy::disallowed_methods,
    reason = "a benchmark that cannot go on ends, and measures"
)]

mod big;

use atm_rpc::plugin::{ENV_CACHE, ENV_PROTOCOL, ENV_TEMPORARY, PROTOCOL};
use atm_tests::figures::{self, Figure, number, times};
use atm_tests::need::find_duckdb;
use atm_tests::programs::programs;
use std::env;
use std::fs::{self, File};
use std::io::BufWriter;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// The customer with the most rows.
const CUSTOMER: &str = "0800000000";
/// How often a program is asked how much memory it has had.
const TICK: Duration = Duration::from_millis(2);

/// In which a system counts a second of a processor, on every Linux.
const TICKS: f64 = 100.0;

/// The same questions. Days are those of a zone that is 330 minutes ahead, amounts are exact.
const DUCKDB: &str = r#"
import duckdb, sys
file, question, customer = sys.argv[1:4]
source = f"""read_csv('{file}', header=true, delim=',', columns={{'Mobile_Number': 'VARCHAR', 'Action': 'VARCHAR',
  'Amount': 'DECIMAL(18,2)', 'Bank_Balance': 'DECIMAL(18,2)', 'Timestamp': 'TIMESTAMP'}})"""
moved = """count(Amount), sum(Amount), sum(Amount) FILTER (WHERE Action = 'deposit'),
  sum(Amount) FILTER (WHERE Action = 'withdraw')"""
questions = {
  "daily": f"SELECT (Timestamp + INTERVAL 330 MINUTE)::DATE d, {moved}, arg_max(Bank_Balance, Timestamp) FROM {source} GROUP BY 1 ORDER BY 1",
  "top": f"SELECT Mobile_Number, {moved} FROM {source} GROUP BY 1 ORDER BY 3 DESC LIMIT 20",
  "statement": f"SELECT Timestamp, Action, Amount, Bank_Balance FROM {source} WHERE Mobile_Number = '{customer}'",
}
print(len(duckdb.connect().execute(questions[question]).fetchall()))
"#;

/// What one start took.
#[derive(Default)]
struct Took {
    seconds: f64,
    /// Of all its threads, user and system.
    processor: f64,
    /// The most memory that it had, in MiB.
    memory: f64,
}

struct Desk {
    folder: TempDir,
    plugin: PathBuf,
    duckdb: Option<PathBuf>,
}

fn main() {
    let rows = env::var("ATM_BENCH_ROWS").map_or(10_000_000, |text| text.parse().expect("a number"));
    let plugin = programs().path("atmctl-report").to_owned();
    let folder = TempDir::with_prefix("report-bench-").expect("a temporary folder can be made");
    let desk = Desk { folder, plugin, duckdb: find_duckdb() };
    let ledger = desk.path("bank.csv");
    let mut more = big::write(&ledger, rows).expect("the ledger can be written");
    let bytes = fs::metadata(&ledger).expect("it is there").len();
    let mut file = BufWriter::new(File::options().append(true).open(&ledger).expect("it is there"));
    more.write(rows / 100, &mut file).expect("the ledger can be written");
    drop(file);
    let grown = fs::read(&ledger).map(|text| text[usize::try_from(bytes).expect("it fits")..].to_vec());
    let grown = grown.expect("it can be read");
    let small = desk.path("small.csv");
    big::write(&small, rows / 10).expect("the ledger can be written");
    let note = format!(
        "{rows} rows of bank.csv, {} MB in the page cache. Seconds, those of the processor in a table of their own, and the most resident memory in MiB; memory of a tenth of the rows beside it.",
        bytes / 1_000_000
    );
    let columns = [
        "report",
        "DuckDB",
        "first run",
        "beside DuckDB",
        "grown by 1 %",
        "first / grown",
        "no cache",
        "MiB",
        "MiB, a tenth",
        "MiB, DuckDB",
    ];
    figures::table("Reports", &note, &columns);
    let questions = ["daily", "top", "statement"];
    let processor = questions.map(|question| measure(&desk, question, &ledger, &small, (bytes, &grown)));
    let columns = ["report", "DuckDB", "first run", "grown by 1 %", "no cache"];
    figures::table("Reports, seconds of the processor", "All threads, user and system.", &columns);
    processor.iter().for_each(|row| figures::row(row));
}

/// Prints a row, and gives that of the other table.
fn measure(
    desk: &Desk,
    question: &str,
    ledger: &Path,
    small: &Path,
    (bytes, grown): (u64, &[u8]),
) -> Vec<String> {
    let [mut peer, mut first, mut again, mut bare, mut fewer] = [const { Vec::new() }; 5];
    for _ in 0..figures::repeats() {
        let file = File::options().write(true).open(ledger).expect("it is there");
        file.set_len(bytes).expect("it can be cut");
        let _ = fs::remove_dir_all(desk.path("cache"));
        if let Some(python) = &desk.duckdb {
            let mut command = Command::new(python);
            command.args(["-c", DUCKDB]).arg(ledger).args([question, CUSTOMER]);
            peer.push(took(&mut command));
        }
        first.push(desk.report(question, ledger, &[]));
        append(ledger, grown);
        again.push(desk.report(question, ledger, &[]));
        bare.push(desk.report(question, ledger, &["--no-cache"]));
        fewer.push(desk.report(question, small, &["--no-cache"]));
    }
    let [memory, memory_small, memory_peer] =
        [&first, &fewer, &peer].map(|all| figure(all.iter().map(|took| took.memory)));
    let processor = [&peer, &first, &again, &bare].map(|all| figure(all.iter().map(|took| took.processor)));
    let [peer, first, again, bare] =
        [peer, first, again, bare].map(|all| figure(all.iter().map(|took| took.seconds)));
    let told = |figure: &Option<Figure>| figure.as_ref().map_or_else(String::new, ToString::to_string);
    let ratio = |one: &Option<Figure>, other: &Option<Figure>| match (one, other) {
        (Some(one), Some(other)) => times(one.ratio(other)),
        _ => String::new(),
    };
    let middle =
        |figure: &Option<Figure>| figure.as_ref().map_or_else(String::new, |figure| number(figure.median()));
    figures::row(&[
        question.to_owned(),
        told(&peer),
        told(&first),
        ratio(&first, &peer),
        told(&again),
        ratio(&first, &again),
        told(&bare),
        middle(&memory),
        middle(&memory_small),
        middle(&memory_peer),
    ]);
    [question.to_owned()].into_iter().chain(processor.iter().map(told)).collect()
}

/// `None` where nothing was measured.
fn figure(values: impl ExactSizeIterator<Item = f64>) -> Option<Figure> {
    let mut figure = Figure::default();
    let any = values.len() > 0;
    values.for_each(|value| figure.add(value));
    any.then_some(figure)
}

fn append(ledger: &Path, text: &[u8]) {
    use std::io::Write;
    let mut file = File::options().append(true).open(ledger).expect("it is there");
    file.write_all(text).expect("it can grow");
}

impl Desk {
    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn report(&self, question: &str, ledger: &Path, flags: &[&str]) -> Took {
        let mut command = Command::new(&self.plugin);
        command.env(ENV_PROTOCOL, PROTOCOL.to_string());
        command.env(ENV_CACHE, self.path("cache")).env(ENV_TEMPORARY, self.folder.path());
        command
            .arg(question)
            .arg(format!("--file={}", ledger.display()))
            .arg("--zone=Asia/Kolkata")
            .args(flags);
        command.arg("--").args((question == "statement").then_some(CUSTOMER));
        took(&mut command)
    }
}

/// Runs it to its end.
fn took(command: &mut Command) -> Took {
    let begun = Instant::now();
    let mut child = command.stdout(Stdio::null()).spawn().expect("it starts");
    let mut took = Took::default();
    let status = loop {
        took.memory = peak(child.id()).unwrap_or(took.memory);
        took.processor = processor(child.id()).unwrap_or(took.processor);
        match child.try_wait().expect("it can be waited for") {
            Some(status) => break status,
            None => thread::sleep(TICK),
        }
    };
    assert!(status.success(), "{command:?} ended with {status}");
    Took { seconds: begun.elapsed().as_secs_f64(), ..took }
}

/// How long a process was on a processor.
fn processor(process: u32) -> Option<f64> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // User and system, the 14th and 15th field; the name of the program, the second, may have spaces.
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    let ticks = fields.next()?.parse::<f64>().ok()? + fields.next()?.parse::<f64>().ok()?;
    Some(ticks / TICKS)
}

/// The most resident memory that a process has had, in MiB.
fn peak(process: u32) -> Option<f64> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix(" kB")?.parse::<f64>().ok().map(|kib| kib / 1024.0)
}
