//! The log: one file that rotates, written by a thread of its own so that nobody waits for a disk, and
//! warnings and errors on stderr as well, where systemd's journal picks them up.
//!
//! Knows how a line looks (`text`) and where it goes (`file`), and not what is worth logging.

mod file;
mod text;

use crate::clock::Clock;
use crate::config::{LogFormat, Logging};
use anyhow::Context;
use atm_rpc::types::mobile::MobileNumber;
use file::LogFile;
use jiff::Timestamp;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use tracing::{Level, Subscriber, info, warn};
use tracing_appender::non_blocking::{ErrorCounter, NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::FormatTime;
use tracing_subscriber::fmt::writer::{MakeWriter, MakeWriterExt};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, Registry, reload};

/// Lines that may wait for the disk; more are dropped and counted.
const LINES_MAX: usize = 16_384;

/// Lines that may wait for who reads stderr.
const STDERR_LINES_MAX: usize = 1_024;

/// Keeps the log alive: when dropped, what still waits is written.
#[derive(Debug)]
#[must_use]
pub struct LogGuard {
    lost: LostLines,
    level: LevelSwitch,
    stderr_worker: Option<WorkerGuard>,
    _worker: WorkerGuard,
}

/// What is logged, for who changes it.
#[derive(Clone, Debug)]
pub struct LevelSwitch {
    filter: reload::Handle<EnvFilter, Registry>,
    /// The filter of `RUST_LOG`, which goes before any level.
    fixed: bool,
}

/// A filter that can hold.
#[derive(Debug)]
pub struct LevelFilter(EnvFilter);

impl LevelSwitch {
    /// Reads `[logging] level`.
    ///
    /// # Errors
    /// It is no filter.
    pub fn parse(&self, level: &str) -> anyhow::Result<LevelFilter> {
        configured(level).map(LevelFilter)
    }

    /// Logs by that filter from now on, unless `RUST_LOG` has one.
    pub fn set(&self, LevelFilter(filter): LevelFilter) {
        if self.fixed {
            info!("RUST_LOG goes before [logging] level");
        } else if let Err(error) = self.filter.reload(filter) {
            // The log itself is gone, which nobody could be told.
            warn!(%error, "the level of the log stays as it is");
        }
    }
}

/// Counts the lines that did not reach the file.
#[derive(Clone, Debug)]
pub struct LostLines {
    dropped: ErrorCounter,
    failed: Arc<AtomicUsize>,
    gone: Arc<AtomicBool>,
}

impl LostLines {
    /// Lines since the start that were dropped because too many waited, or that the disk refused.
    #[must_use]
    pub fn count(&self) -> usize {
        self.dropped.dropped_lines().saturating_add(self.failed.load(Ordering::Relaxed))
    }

    /// Whether lines are being lost because there is no file.
    #[must_use]
    pub fn has_no_file(&self) -> bool {
        self.gone.load(Ordering::Relaxed)
    }
}

impl LogGuard {
    /// Lines since the start that did not reach the file.
    #[must_use]
    pub fn dropped_lines(&self) -> usize {
        self.lost.count()
    }

    /// What changes the level.
    #[must_use]
    pub fn level(&self) -> LevelSwitch {
        self.level.clone()
    }

    /// The counter behind [`dropped_lines`](Self::dropped_lines), for who outlives a borrow of the guard.
    #[must_use]
    pub fn lost(&self) -> LostLines {
        self.lost.clone()
    }
}

/// Opens the log and sends all of the process's events to it.
///
/// `RUST_LOG` goes before the configured level.
///
/// # Errors
/// The file cannot be written (the error names it), `RUST_LOG` is no filter, or a log was started before.
pub fn start(config: &Logging) -> anyhow::Result<LogGuard> {
    let variable = std::env::var("RUST_LOG").ok().filter(|value| !value.is_empty());
    // Who started atmd may not read what it says; nobody waits for that either.
    let (stderr, stderr_worker) = NonBlockingBuilder::default()
        .lossy(true)
        .buffered_lines_limit(STDERR_LINES_MAX)
        .thread_name("stderr")
        .finish(std::io::stderr());
    let (subscriber, mut guard) = build(config, variable.as_deref(), stderr)?;
    guard.stderr_worker = Some(stderr_worker);
    subscriber.try_init().context("the log was started before")?;
    Ok(guard)
}

/// How a mobile number is logged: its last digits, unless the configuration says in full.
#[must_use]
pub fn number(mobile: MobileNumber, full_numbers: bool) -> String {
    if full_numbers { mobile.full() } else { mobile.masked() }
}

fn build<W>(
    config: &Logging,
    variable: Option<&str>,
    stderr: W,
) -> anyhow::Result<(impl Subscriber + Send + Sync + 'static, LogGuard)>
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let filter = match variable {
        Some(filter) => level_filter(filter).with_context(|| format!("RUST_LOG = {filter:?}"))?,
        None => configured(&config.level)?,
    };
    let (filter, handle) = reload::Layer::new(filter);
    let (failed, gone) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
    let counters = (Arc::clone(&failed), Arc::clone(&gone));
    let file = LogFile::open(&config.logfile, config.rotation, config.keep, now, counters.0, counters.1)
        .with_context(|| format!("the log {} cannot be written", config.logfile.display()))?;
    let (writer, worker) = NonBlockingBuilder::default()
        .lossy(true)
        .buffered_lines_limit(LINES_MAX)
        .thread_name("log")
        .finish(file);
    let guard = LogGuard {
        lost: LostLines { dropped: writer.error_counter(), failed, gone },
        level: LevelSwitch { filter: handle, fixed: variable.is_some() },
        stderr_worker: None,
        _worker: worker,
    };
    let writer = writer.and(stderr.with_max_level(Level::WARN));
    let subscriber = tracing_subscriber::registry().with(filter).with(layer(config.format, writer));
    Ok((subscriber, guard))
}

fn configured(level: &str) -> anyhow::Result<EnvFilter> {
    level_filter(level).with_context(|| format!("[logging] level = {level:?}"))
}

/// The filter. Unless it names tarpc, that speaks of warnings only, because it logs each request, and never of a call
/// whose time ran out: the time is the caller's choice, and a line for each would be whoever wants to fill the disk's.
fn level_filter(filter: &str) -> anyhow::Result<EnvFilter> {
    const EXPIRED: &str = "tarpc::server::in_flight_requests=off";
    let quiet = ["off", "error"].contains(&filter.to_ascii_lowercase().as_str());
    let filter = match () {
        () if filter.contains("tarpc") => filter.to_owned(),
        () if quiet => format!("{filter},{EXPIRED}"),
        () => format!("{filter},tarpc=warn,{EXPIRED}"),
    };
    EnvFilter::builder().parse(filter).context("not a filter; one is such as info,atmd::rpc=debug")
}

fn layer<S, W>(format: LogFormat, writer: W) -> Box<dyn Layer<S> + Send + Sync>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    // A log that fails has nobody to tell; the default would print to stderr, and panic where that is gone.
    let layer =
        tracing_subscriber::fmt::layer().with_ansi(false).log_internal_errors(false).with_writer(writer);
    match format {
        LogFormat::Text => layer.fmt_fields(text::Fields).event_format(text::Line).boxed(),
        LogFormat::Json => layer.json().with_timer(Now).boxed(),
    }
}

/// The time of a line: UTC, to the millisecond.
#[derive(Clone, Copy, Debug)]
struct Now;

impl FormatTime for Now {
    fn format_time(&self, w: &mut Writer<'_>) -> std::fmt::Result {
        write!(w, "{}", Clock::System.now())
    }
}

fn now() -> Timestamp {
    Timestamp::from_millisecond(Clock::System.now().ms()).unwrap_or_default()
}

#[cfg(test)]
mod tests;
