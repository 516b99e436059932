//! Lines that reach the file, rotation, and what is lost.

use super::*;
use crate::config::Rotation;
use std::io::Write;
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::AtomicI64;

/// A folder of its own for a test, gone with it.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("atmd-log-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn names(&self) -> Vec<String> {
        let entries = std::fs::read_dir(&self.0).unwrap();
        let mut names: Vec<String> = entries.map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    fn text(&self, name: &str) -> String {
        std::fs::read_to_string(self.0.join(name)).unwrap()
    }

    fn config(&self) -> Logging {
        Logging {
            logfile: self.0.join("sub/bank_server.log"),
            rotation: Rotation::Never,
            keep: 14,
            level: "info".into(),
            format: LogFormat::Text,
            full_numbers: false,
        }
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Takes the place of stderr.
#[derive(Clone, Default)]
struct Captured(Arc<Mutex<Vec<u8>>>);

impl Write for Captured {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// What is in the file and on stderr after `events`, each line without its time.
fn logged(config: &Logging, variable: Option<&str>, events: impl FnOnce()) -> (Vec<String>, Vec<String>) {
    let captured = Captured::default();
    let stderr = captured.clone();
    let (subscriber, guard) = build(config, variable, move || stderr.clone()).unwrap();
    tracing::subscriber::with_default(subscriber, events);
    assert_eq!(guard.dropped_lines(), 0);
    drop(guard);
    let file = std::fs::read_to_string(&config.logfile).unwrap();
    let stderr = String::from_utf8(captured.0.lock().unwrap().clone()).unwrap();
    let lines = |text: &str| text.lines().map(|line| line[25..].to_owned()).collect();
    for line in file.lines() {
        assert!(line[..24].parse::<Timestamp>().is_ok() && line[..24].ends_with('Z'), "{line}");
    }
    (lines(&file), lines(&stderr))
}

#[test]
fn a_line_has_its_shape_whatever_is_logged() {
    let scratch = Scratch::new("shape");
    let (file, stderr) = logged(&scratch.config(), None, || {
        let outer = tracing::info_span!("connection", peer = %"127.0.0.1:5");
        let _outer = outer.enter();
        let inner = tracing::info_span!("session", number = tracing::field::Empty);
        inner.record("number", "****43210");
        let _inner = inner.enter();
        tracing::info!(amount_minor = 5, ok = true, name = "x\nWARN y=z", "a {}", "message\r\nb");
        tracing::warn!(error = %std::io::Error::other("no disk"), "cannot write");
        tracing::info!("");
        tracing::debug!("not at this level");
    });
    let spans = "peer=127.0.0.1:5 number=****43210";
    let warning = format!("WARN cannot write {spans} error=\"no disk\"");
    assert_eq!(
        file,
        [
            format!("INFO a message\\r\\nb {spans} amount_minor=5 ok=true name=\"x\\nWARN y=z\""),
            warning.clone(),
            format!("INFO  {spans}")
        ]
    );
    assert_eq!(stderr, [warning]);
}

#[test]
fn the_level_is_that_of_the_environment_before_the_configuration() {
    let events = || {
        tracing::debug!("debug");
        tracing::info!("info");
        tracing::info!(target: "tarpc::server", "request");
        tracing::warn!(target: "tarpc::server", "broken");
        tracing::error!(target: "tarpc::server::in_flight_requests", "DeadlineExceeded");
        tracing::error!("error");
    };
    let table: &[(&str, Option<&str>, &[&str])] = &[
        ("info", None, &["INFO info", "WARN broken", "ERROR error"]),
        (
            "info,tarpc=info",
            None,
            &["INFO info", "INFO request", "WARN broken", "ERROR DeadlineExceeded", "ERROR error"],
        ),
        ("info", Some("error"), &["ERROR error"]),
        ("error", Some("debug"), &["DEBUG debug", "INFO info", "WARN broken", "ERROR error"]),
        ("off", None, &[]),
    ];
    for (level, variable, expected) in table {
        let scratch = Scratch::new("level");
        let config = Logging { level: (*level).into(), ..scratch.config() };
        assert_eq!(logged(&config, *variable, events).0, *expected, "{level} {variable:?}");
    }
    let scratch = Scratch::new("level");
    let error = build(&scratch.config(), Some("atmd=loud"), std::io::stderr).err().unwrap();
    assert!(format!("{error:#}").starts_with("RUST_LOG = \"atmd=loud\": not a filter"), "{error:#}");
}

#[test]
fn json_is_one_object_a_line() {
    let scratch = Scratch::new("json");
    let config = Logging { format: LogFormat::Json, ..scratch.config() };
    let (subscriber, guard) = build(&config, None, std::io::sink).unwrap();
    tracing::subscriber::with_default(subscriber, || tracing::info!(name = "x\ny", "hello"));
    drop(guard);
    let text = scratch.text("sub/bank_server.log");
    let line: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(
        (text.lines().count(), &line["level"], &line["fields"]["message"]),
        (1, &"INFO".into(), &"hello".into())
    );
    assert_eq!(line["fields"]["name"], "x\ny");
    assert_eq!(line["timestamp"].as_str().unwrap().len(), "2026-11-22T14:03:05.120Z".len());
}

#[test]
fn a_file_that_cannot_be_written_is_named_with_the_reason() {
    let scratch = Scratch::new("unwritable");
    std::fs::write(scratch.0.join("file"), "").unwrap();
    let config = Logging { logfile: scratch.0.join("file/bank_server.log"), ..scratch.config() };
    let error = format!("{:#}", build(&config, None, std::io::sink).err().unwrap());
    assert!(error.contains("file/bank_server.log cannot be written: "), "{error}");
    assert!(error.contains("os error"), "{error}");
}

#[test]
fn numbers_are_masked() {
    let mobile = MobileNumber::parse("9876543210").unwrap();
    assert_eq!(number(mobile, false), "******3210");
    assert_eq!(number(mobile, true), "9876543210");
}

/// Seconds since 1970 for the tests of rotation: of one test, so that none turns another's clock.
static CLOCK: AtomicI64 = AtomicI64::new(0);

fn clock() -> Timestamp {
    Timestamp::from_second(CLOCK.load(Ordering::Relaxed)).unwrap()
}

fn set(time: &str) {
    CLOCK.store(time.parse::<Timestamp>().unwrap().as_second(), Ordering::Relaxed);
}

fn open(path: &Path, rotation: Rotation, keep: usize) -> std::io::Result<LogFile> {
    LogFile::open(path, rotation, keep, clock, Arc::default(), Arc::default())
}

#[test]
fn files_rotate_by_name_and_only_those_are_removed() {
    let scratch = Scratch::new("rotate");
    let path = scratch.0.join("a.log");
    let bystanders = ["a.log.2026-11-22.gz", "a.log.backup", "b.log.2020-01-01"];
    for name in bystanders {
        std::fs::write(scratch.0.join(name), "").unwrap();
    }
    set("2026-11-22T23:59:59Z");
    let mut log = open(&path, Rotation::Daily, 2).unwrap();
    log.write_all(b"one\n").unwrap();
    log.flush().unwrap();
    assert_eq!((scratch.text("a.log"), scratch.text("a.log.2026-11-22")), ("one\n".into(), "one\n".into()));
    assert_eq!(std::fs::read_link(&path).unwrap(), Path::new("a.log.2026-11-22"));
    let mode = std::fs::metadata(&path).unwrap().mode();
    assert_eq!(mode & 0o137, 0, "{mode:o}");
    for (time, line) in [("2026-11-23T00:00:00Z", "two\n"), ("2026-11-25T10:00:00Z", "three\n")] {
        set(time);
        log.write_all(line.as_bytes()).unwrap();
    }
    drop(log);
    let expected = [
        "a.log",
        "a.log.2026-11-22.gz",
        "a.log.2026-11-23",
        "a.log.2026-11-25",
        "a.log.backup",
        "b.log.2020-01-01",
    ];
    assert_eq!(scratch.names(), expected);
    assert_eq!((scratch.text("a.log.2026-11-23"), scratch.text("a.log")), ("two\n".into(), "three\n".into()));

    // A restart on the same day goes on in the same file, and removes none.
    let mut log = open(&path, Rotation::Daily, 2).unwrap();
    log.write_all(b"four\n").unwrap();
    drop(log);
    assert_eq!(scratch.names(), expected);
    assert_eq!(scratch.text("a.log"), "three\nfour\n");

    // Hours, and then no rotation at all: the link makes way for a file.
    drop(open(&path, Rotation::Hourly, 2).unwrap());
    assert_eq!(std::fs::read_link(&path).unwrap(), Path::new("a.log.2026-11-25-10"));
    let mut log = open(&path, Rotation::Never, 2).unwrap();
    log.write_all(b"five\n").unwrap();
    drop(log);
    assert!(path.symlink_metadata().unwrap().is_file());
    assert_eq!(
        (scratch.text("a.log"), scratch.text("a.log.2026-11-25-10")),
        ("five\n".into(), String::new())
    );

    // From none to days: the file becomes the first day's, unless that would overwrite another.
    let error = open(&path, Rotation::Daily, 0).err().unwrap().to_string();
    assert!(error.ends_with("a.log.2026-11-25 is there too; move one of the two away"), "{error}");
    set("2026-11-26T00:00:00Z");
    drop(open(&path, Rotation::Daily, 0).unwrap());
    assert_eq!((scratch.text("a.log"), scratch.text("a.log.2026-11-26")), ("five\n".into(), "five\n".into()));

    // An administrator's link stays.
    let elsewhere = scratch.0.join("elsewhere");
    let linked = scratch.0.join("c.log");
    symlink(&elsewhere, &linked).unwrap();
    drop(open(&linked, Rotation::Never, 0).unwrap());
    assert!(elsewhere.is_file() && linked.is_symlink());
}

#[test]
fn a_file_that_was_taken_away_is_made_again_and_told_of_until_then() {
    static SECONDS: AtomicI64 = AtomicI64::new(1_800_000_000);
    fn clock() -> Timestamp {
        Timestamp::from_second(SECONDS.fetch_add(1, Ordering::Relaxed)).unwrap()
    }
    let scratch = Scratch::new("gone");
    let folder = scratch.0.join("logs");
    let path = folder.join("a.log");
    let (failed, gone) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
    let counters = (Arc::clone(&failed), Arc::clone(&gone));
    let mut log = LogFile::open(&path, Rotation::Never, 0, clock, counters.0, counters.1).unwrap();
    let mut write = |line: &str| {
        log.write_all(line.as_bytes()).unwrap();
        log.flush().unwrap();
        (failed.load(Ordering::Relaxed), gone.load(Ordering::Relaxed))
    };
    assert_eq!(write("one\n"), (0, false));
    std::fs::remove_dir_all(&folder).unwrap();
    assert_eq!(write("two\n"), (0, false));
    assert_eq!(scratch.text("logs/a.log"), "two\n");
    // A file in the place of the folder.
    std::fs::remove_dir_all(&folder).unwrap();
    std::fs::write(&folder, "").unwrap();
    assert_eq!(write("three\n"), (1, true));
    assert_eq!(write("four\n"), (2, true));
    std::fs::remove_file(&folder).unwrap();
    assert_eq!(write("five\n"), (2, false));
    // Who moves it away has all of it, and the next lines are in another one.
    std::fs::rename(&path, scratch.0.join("moved.log")).unwrap();
    assert_eq!(write("six\n"), (2, false));
    assert_eq!((scratch.text("moved.log"), scratch.text("logs/a.log")), ("five\n".into(), "six\n".into()));
}

#[test]
fn lines_that_the_disk_refuses_are_counted() {
    let Ok(failed) = std::fs::metadata("/dev/full").map(|_| Arc::new(AtomicUsize::new(0))) else { return };
    let mut log =
        LogFile::open(Path::new("/dev/full"), Rotation::Never, 0, now, Arc::clone(&failed), Arc::default())
            .unwrap();
    let line = [b'x'; 1000];
    for _ in 0..20 {
        log.write_all(&line).unwrap();
        log.flush().unwrap();
    }
    // Eight lines wait in the buffer for better times.
    assert_eq!(failed.load(Ordering::Relaxed), 12);
}

#[test]
fn the_level_may_change_unless_the_variable_has_it() {
    for (variable, lines) in
        [(None, vec!["INFO changed", "DEBUG late"]), (Some("info"), vec!["INFO changed"])]
    {
        let scratch = Scratch::new(&format!("level-{}", lines.len()));
        let config = scratch.config();
        let (subscriber, guard) = build(&config, variable, std::io::sink).unwrap();
        let level = guard.level();
        assert!(level.parse("a=b=c").is_err());
        tracing::subscriber::with_default(subscriber, || {
            tracing::debug!("early");
            level.set(level.parse("debug").unwrap());
            info!("changed");
            tracing::debug!("late");
        });
        drop(guard);
        let file = scratch.text("sub/bank_server.log");
        let said: Vec<&str> = file.lines().map(|line| &line[25..]).collect();
        let said: Vec<&str> = said.into_iter().filter(|line| !line.contains("RUST_LOG")).collect();
        assert_eq!(said, lines, "{variable:?}");
    }
}
