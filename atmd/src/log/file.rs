//! The file of the log. It rotates by name: what is written goes to `NAME.2026-11-22`, and `NAME` is a link to
//! that, so that both the day's file and the current one have a name to look under. Without rotation it is
//! `NAME` itself.
//!
//! tracing-appender's own file has neither a mode nor a careful hand when it removes old files (it takes all
//! that begin with NAME, and one more at each start), hence this one.

use crate::config::Rotation;
use jiff::Timestamp;
use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, BufWriter, ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use tracing::warn;

/// Readable by the group, for who looks after the machine.
const MODE: u32 = 0o640;

/// Writes lines to the file of their time.
pub(super) struct LogFile {
    /// `NAME` with its folder.
    path: PathBuf,
    rotation: Rotation,
    /// Files that remain at a rotation, the new one included; 0 keeps all.
    keep: usize,
    clock: fn() -> Timestamp,
    /// What the open file's name ends in.
    suffix: String,
    file: BufWriter<File>,
    failed: Arc<AtomicUsize>,
    /// Whether nobody finds what is written, because the file was taken away and no other can be made.
    gone: Arc<AtomicBool>,
    /// The second in which the file was last looked for.
    looked_at: i64,
}

impl LogFile {
    /// Opens the file of now, and makes its folder if need be. Lines that the disk refuses later are counted
    /// in `failed`, and `gone` tells whether there is no file at the time.
    pub(super) fn open(
        path: &Path,
        rotation: Rotation,
        keep: usize,
        clock: fn() -> Timestamp,
        failed: Arc<AtomicUsize>,
        gone: Arc<AtomicBool>,
    ) -> io::Result<Self> {
        make_folder_of(path)?;
        let suffix = suffix(rotation, clock());
        match path.symlink_metadata() {
            // Of a time without rotation: it goes on as the first file of rotation.
            Ok(found) if found.is_file() && rotation != Rotation::Never => {
                let first = dated(path, &suffix);
                if first.symlink_metadata().is_ok() {
                    let message = format!("{} is there too; move one of the two away", first.display());
                    return Err(io::Error::new(ErrorKind::AlreadyExists, message));
                }
                std::fs::rename(path, first)?;
            }
            // Of a time with rotation. Other links are the administrator's.
            Ok(found) if found.is_symlink() && rotation == Rotation::Never && is_ours(path) => {
                std::fs::remove_file(path)?;
            }
            _ => {}
        }
        let file = open_dated(path, rotation, &suffix)?;
        let file = BufWriter::new(file);
        let looked_at = clock().as_second();
        let log =
            Self { path: path.to_owned(), rotation, keep, clock, suffix, file, failed, gone, looked_at };
        log.remove_old();
        Ok(log)
    }

    /// Opens the next file where its time has come. Where that fails, the old one goes on.
    fn rotate(&mut self) {
        let suffix = suffix(self.rotation, (self.clock)());
        if suffix == self.suffix {
            return;
        }
        // Also when it fails: tried once for each new name, not for each line.
        self.suffix = suffix;
        if let Ok(file) = open_dated(&self.path, self.rotation, &self.suffix) {
            if self.file.flush().is_err() {
                self.failed.fetch_add(1, Ordering::Relaxed);
            }
            self.file = BufWriter::new(file);
            self.remove_old();
        }
    }

    /// Looks once a second whether the open file still has its name, and makes another one where it has not: a folder was
    /// cleared, or somebody moved the file away.
    fn stay_in_place(&mut self) {
        let now = (self.clock)().as_second();
        if std::mem::replace(&mut self.looked_at, now) == now || self.is_in_place() {
            return;
        }
        let was_gone = self.gone.load(Ordering::Relaxed);
        match make_folder_of(&self.path).and_then(|()| open_dated(&self.path, self.rotation, &self.suffix)) {
            Ok(file) => {
                let _ = self.file.flush();
                self.file = BufWriter::new(file);
                self.gone.store(false, Ordering::Relaxed);
                warn!("the log's file was taken away; it goes on in a new one");
            }
            Err(error) => {
                self.gone.store(true, Ordering::Relaxed);
                if !was_gone {
                    let path = self.path.display();
                    warn!(%path, %error, "the log's file was taken away and no other can be made; lines are lost");
                }
            }
        }
    }

    fn is_in_place(&self) -> bool {
        let name = match self.rotation {
            Rotation::Never => self.path.clone(),
            Rotation::Daily | Rotation::Hourly => dated(&self.path, &self.suffix),
        };
        match (self.file.get_ref().metadata(), std::fs::metadata(name)) {
            (Ok(open), Ok(named)) => (open.dev(), open.ino()) == (named.dev(), named.ino()),
            (Err(_), _) | (_, Err(_)) => false,
        }
    }

    /// Removes the oldest files of rotation above `keep`, and nothing else that is named alike.
    fn remove_old(&self) {
        let (Some(folder), Some(name)) =
            (self.path.parent(), self.path.file_name().and_then(|name| name.to_str()))
        else {
            return;
        };
        if self.keep == 0 || self.rotation == Rotation::Never {
            return;
        }
        let names = std::fs::read_dir(folder).into_iter().flatten().flatten();
        let mut suffixes: Vec<String> = names
            .filter_map(|entry| {
                entry.file_name().to_str()?.strip_prefix(name)?.strip_prefix('.').map(str::to_owned)
            })
            .filter(|suffix| is_date(suffix))
            .collect();
        suffixes.sort_unstable();
        for old in suffixes.iter().rev().skip(self.keep) {
            let _ = std::fs::remove_file(dated(&self.path, old));
        }
    }
}

impl Write for LogFile {
    /// Takes one line at a time, as tracing-appender hands them over, and never fails: who is to know?
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.rotate();
        self.stay_in_place();
        let written = self.file.write_all(line);
        if written.is_err() || self.gone.load(Ordering::Relaxed) {
            self.failed.fetch_add(1, Ordering::Relaxed);
        }
        Ok(line.len())
    }

    /// What the disk refuses now stays in the buffer, and is lost when no more lines fit behind it.
    fn flush(&mut self) -> io::Result<()> {
        let _ = self.file.flush();
        Ok(())
    }
}

fn make_folder_of(path: &Path) -> io::Result<()> {
    path.parent().map_or(Ok(()), |folder| DirBuilder::new().recursive(true).mode(0o755).create(folder))
}

fn suffix(rotation: Rotation, now: Timestamp) -> String {
    match rotation {
        Rotation::Daily => now.strftime("%Y-%m-%d").to_string(),
        Rotation::Hourly => now.strftime("%Y-%m-%d-%H").to_string(),
        Rotation::Never => String::new(),
    }
}

/// Whether a file's suffix is one of those that [`suffix`] makes.
fn is_date(text: &str) -> bool {
    let fits = |pattern: &str| {
        text.len() == pattern.len()
            && text
                .bytes()
                .zip(pattern.bytes())
                .all(|(t, p)| if p == b'0' { t.is_ascii_digit() } else { t == p })
    };
    fits("0000-00-00") || fits("0000-00-00-00")
}

fn dated(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(suffix);
    PathBuf::from(name)
}

/// Whether `NAME` is a link to `NAME.DATE` beside it.
fn is_ours(path: &Path) -> bool {
    let target = std::fs::read_link(path).ok();
    let (Some(target), Some(name)) = (target.as_deref().and_then(Path::to_str), path.file_name()) else {
        return false;
    };
    let suffix =
        name.to_str().and_then(|name| target.strip_prefix(name)).and_then(|rest| rest.strip_prefix('.'));
    suffix.is_some_and(is_date)
}

fn open_dated(path: &Path, rotation: Rotation, suffix: &str) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.create(true).append(true).mode(MODE);
    if rotation == Rotation::Never {
        return options.open(path);
    }
    let file = options.open(dated(path, suffix))?;
    // A link is replaced in one step, so that NAME is there at all times.
    if let Some(target) = dated(path, suffix).file_name() {
        let fresh = dated(path, "link");
        let _ = std::fs::remove_file(&fresh);
        std::os::unix::fs::symlink(target, &fresh)?;
        std::fs::rename(&fresh, path)?;
    }
    Ok(file)
}
