//! `watch`: the live screen.
//!
//! - `terminal`, `keys`: the terminal, taken and given back; what is typed.
//! - `points`, `contact`, `worries`: what is known, and what of it is wrong.
//! - `view`, `panel`, `tables`, `help`, `chart`, `canvas`, `palette`: how it looks. They know no terminal.

mod canvas;
mod chart;
mod contact;
mod help;
mod keys;
mod palette;
mod panel;
mod points;
mod tables;
mod terminal;
mod view;
mod worries;

use crate::change::Change;
use crate::history::{self, Past};
use atm_plugin_sdk::Host;
use atm_rpc::operator::metrics::Metrics;
use atm_rpc::plugin::{Code, Failure};
use atm_rpc::types::time::Timestamp;
use contact::Contact;
use keys::Press;
use palette::Palette;
use points::{Point, Points};
use std::collections::VecDeque;
use std::env;
use std::io::{self, IsTerminal};
use std::pin::Pin;
use std::time::{Duration, Instant};
use terminal::Screen;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::{MissedTickBehavior, interval};
use view::Picture;

/// How often atmd is asked.
const PACE: Duration = Duration::from_secs(1);
/// Times that a column of a chart may stand for.
const STEPS_MS: &[i64] = &[1_000, 2_000, 5_000, 15_000, 60_000, 300_000, 900_000];
const STEP_AT_START: usize = 2;
/// Looks whose first and last are compared for what is most.
const LOOKS: usize = 11;
const DAY_MS: i64 = 86_400_000;
/// The most samples of the past that are asked for.
const SAMPLES_MAX: i64 = 10_000;

type Asking<'h, T> = Option<Pin<Box<dyn Future<Output = Result<T, Failure>> + 'h>>>;

/// Shows how atmd is until somebody has seen enough.
pub(crate) async fn watch(host: &Host) -> Result<(), Failure> {
    let is_dumb =
        env::var("TERM").is_ok_and(|name| name.is_empty() || name == "dumb") || env::var_os("TERM").is_none();
    if is_dumb || !io::stdin().is_terminal() || !io::stdout().is_terminal() {
        let failure = Failure::new(Code::Usage, "monitor watch needs a terminal that can move its cursor");
        return Err(failure.hint("atmctl monitor show, history and top print what scripts can read"));
    }
    let gone = |error: io::Error| Failure::new(Code::Failed, format!("the terminal cannot be used: {error}"));
    let mut ended = Box::pin(ended());
    let mut screen = Screen::take().map_err(gone)?;
    let mut presses = keys::presses();
    let mut ticks = interval(PACE);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let mut watcher = Watcher::new(now());
    let (mut asking, mut past): (Asking<'_, Metrics>, Asking<'_, Past>) = (None, None);
    loop {
        screen
            .draw(|frame| {
                let area = frame.area();
                view::draw(&watcher.picture(now()), area, frame.buffer_mut());
            })
            .map_err(gone)?;
        tokio::select! {
            biased;
            () = &mut ended => return Err(interrupted()),
            press = presses.recv() => match press {
                Some(Ok(Press::Quit)) => return Ok(()),
                Some(Ok(Press::Interrupt)) => return Err(interrupted()),
                Some(Ok(Press::Redraw)) => screen.clear().map_err(gone)?,
                Some(Ok(press)) => watcher.pressed(press),
                Some(Err(error)) => return Err(gone(error)),
                None => return Err(gone(io::ErrorKind::UnexpectedEof.into())),
            },
            answer = answer(&mut asking) => {
                asking = None;
                let is_first = watcher.latest().is_none();
                let again = watcher.answered(answer, now())?;
                if is_first && let Some(since) = watcher.past_begins() {
                    past = Some(Box::pin(history::past(host, since)));
                }
                if again {
                    asking = Some(Box::pin(look(host)));
                }
            }
            answer = answer(&mut past) => {
                past = None;
                // Without a past the charts begin now.
                watcher.points.precede(&answer.map_or_else(|_| Vec::new(), |past| past.samples));
            }
            _ = ticks.tick() => {
                if asking.is_none() {
                    asking = Some(Box::pin(look(host)));
                }
            }
        }
    }
}

async fn look(host: &Host) -> Result<Metrics, Failure> {
    host.call(async |atmd, context| atmd.metrics(context).await).await
}

async fn answer<T>(asking: &mut Asking<'_, T>) -> Result<T, Failure> {
    match asking {
        Some(asking) => asking.await,
        None => std::future::pending().await,
    }
}

/// Comes back when somebody wants this process to end.
async fn ended() {
    let kinds = [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup(), SignalKind::quit()];
    let [mut interrupt, mut terminate, mut hangup, mut quit] = kinds.map(|kind| {
        Box::pin(async move {
            match signal(kind) {
                Ok(mut signals) => drop(signals.recv().await),
                Err(_) => std::future::pending().await,
            }
        })
    });
    tokio::select! {
        () = &mut interrupt => {}
        () = &mut terminate => {}
        () = &mut hangup => {}
        () = &mut quit => {}
    }
}

fn interrupted() -> Failure {
    Failure::new(Code::Interrupted, "interrupted")
}

/// What was seen so far, and how somebody wants to see it.
struct Watcher {
    /// The last looks, newest last, and when the newest came.
    looks: VecDeque<Metrics>,
    came: Instant,
    points: Points,
    contact: Contact,
    step: usize,
    shows_help: bool,
    palette: Palette,
}

impl Watcher {
    fn new(now: Instant) -> Self {
        Self {
            looks: VecDeque::new(),
            came: now,
            points: Points::default(),
            contact: Contact::new(now),
            step: STEP_AT_START,
            shows_help: false,
            palette: Palette::of(|name| env::var(name).ok()),
        }
    }

    fn latest(&self) -> Option<&Metrics> {
        self.looks.back()
    }

    fn pressed(&mut self, press: Press) {
        match press {
            Press::Help => self.shows_help = !self.shows_help,
            Press::Longer => self.step = (self.step + 1).min(STEPS_MS.len() - 1),
            Press::Shorter => self.step = self.step.saturating_sub(1),
            // Drawn anew after each of them.
            Press::Resize | Press::Redraw | Press::Quit | Press::Interrupt => {}
        }
    }

    /// Takes an answer. Says whether to ask again at once.
    fn answered(&mut self, answer: Result<Metrics, Failure>, now: Instant) -> Result<bool, Failure> {
        match answer {
            Ok(metrics) => {
                self.contact.answered(now, metrics.started_at, local);
                let point = match self.latest() {
                    Some(before) => Point::between(before, &metrics),
                    // Before that there is what atmd says of the last minutes.
                    None => Some(Point::of_sample(&metrics.recent)),
                };
                self.points.extend(point);
                if self.latest().is_some_and(|before| before.started_at != metrics.started_at) {
                    self.looks.clear();
                }
                self.looks.push_back(metrics);
                if self.looks.len() > LOOKS {
                    self.looks.pop_front();
                }
                self.came = now;
                Ok(false)
            }
            Err(failure) if failure.code == Code::TryAgain => {
                self.contact.failed();
                Ok(self.contact.is_first_failure())
            }
            Err(failure) => Err(failure),
        }
    }

    /// From when on the past is worth asking for.
    fn past_begins(&self) -> Option<Timestamp> {
        let latest = self.latest()?;
        let interval = i64::try_from(latest.interval_ms).unwrap_or(DAY_MS);
        Some(latest.at.plus_ms(-interval.saturating_mul(SAMPLES_MAX).min(DAY_MS)))
    }

    fn picture(&self, now: Instant) -> Picture<'_> {
        let since = i64::try_from(now.saturating_duration_since(self.came).as_millis()).unwrap_or(i64::MAX);
        let at = self.latest().map(|metrics| metrics.at.plus_ms(since));
        let first = self.looks.front();
        Picture {
            metrics: self.latest(),
            change: first.zip(self.latest()).map(|(first, latest)| Change::between(first, latest)),
            points: &self.points,
            now_ms: at.map_or(0, Timestamp::ms),
            step_ms: STEPS_MS.get(self.step).copied().unwrap_or(1_000),
            contact: self.contact.told(now),
            is_away: self.contact.away(now).is_some(),
            clock: at.map(local).unwrap_or_default(),
            shows_help: self.shows_help,
            palette: self.palette,
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "a live screen lives by the time on this machine")]
fn now() -> Instant {
    Instant::now()
}

/// An instant's time of day where somebody looks.
fn local(at: Timestamp) -> String {
    let zoned =
        jiff::Timestamp::from_millisecond(at.ms()).map(|at| at.to_zoned(jiff::tz::TimeZone::system()));
    zoned.map(|zoned| zoned.strftime("%H:%M:%S").to_string()).unwrap_or_default()
}
