//! Work that takes longer than a call may: one at a time, with its progress, findings and end.
//!
//! What it made stays with the job, and with its place, until whoever began it goes: it may take room.
//!
//! Whoever began a job holds its [`Owner`], and the job is asked to end when that is dropped. The task that does
//! the work holds its [`Ticket`], and the next job may begin when that is gone.

use crate::backup::Backup;
use crate::clock;
use crate::verify::Finding;
use atm_rpc::error::ServiceError;
use atm_rpc::operator::ledger::{FINDINGS_MAX, JobEnd, Phase};
use atm_rpc::types::time::Timestamp;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::watch;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

/// How long somebody who asks for news waits where there are none. Progress is news by then.
const NEWS_WAIT: Duration = Duration::from_millis(500);

/// What runs, for somebody who wants to begin another one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Running {
    /// What it does: the method that began it.
    pub method: &'static str,
    /// Who began it.
    pub operator: String,
    /// When.
    pub since: Timestamp,
}

/// The place for the one job.
#[derive(Clone, Debug, Default)]
pub struct Jobs {
    place: Arc<Mutex<Option<Running>>>,
}

/// A job, for those who look at it.
#[derive(Debug)]
pub struct Job {
    stop: CancellationToken,
    begun: Instant,
    done: AtomicU64,
    state: Mutex<State>,
    news: watch::Sender<()>,
    made: OnceLock<Made>,
}

/// What a job made, and the place that it keeps.
#[derive(Debug)]
struct Made {
    backup: Backup,
    _place: Option<Place>,
}

/// The place as somebody has it; given back when this is dropped.
#[derive(Debug)]
struct Place(Arc<Mutex<Option<Running>>>);

impl Drop for Place {
    fn drop(&mut self) {
        *locked(&self.0) = None;
    }
}

#[derive(Debug)]
struct State {
    phase: Phase,
    total: u64,
    findings: Vec<Finding>,
    count: u64,
    end: Option<Result<JobEnd, ServiceError>>,
}

/// How far a job is.
#[derive(Debug)]
pub struct News {
    /// What it does now.
    pub phase: Phase,
    /// How much of it is done.
    pub done: u64,
    /// How much there is.
    pub total: u64,
    /// Findings after those that were asked for.
    pub findings: Vec<Finding>,
    /// How many there are, those that are not kept included.
    pub count: u64,
    /// What came of it.
    pub end: Option<Result<JobEnd, ServiceError>>,
}

impl Jobs {
    /// Takes the place.
    ///
    /// # Errors
    /// What has it.
    pub fn begin(&self, running: Running) -> Result<(Owner, Ticket), Running> {
        let mut place = locked(&self.place);
        if let Some(other) = &*place {
            return Err(other.clone());
        }
        *place = Some(running);
        let (phase, findings) = (Phase::Waiting, Vec::new());
        let job = Arc::new(Job {
            stop: CancellationToken::new(),
            begun: clock::monotonic(),
            done: AtomicU64::new(0),
            state: Mutex::new(State { phase, total: 0, findings, count: 0, end: None }),
            news: watch::Sender::new(()),
            made: OnceLock::new(),
        });
        let ticket = Ticket { job: Arc::clone(&job), place: Some(Place(Arc::clone(&self.place))) };
        Ok((Owner { job }, ticket))
    }
}

impl Job {
    /// Whether it should end.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        self.stop.is_cancelled()
    }

    /// Ends when it should end.
    pub async fn stopped(&self) {
        self.stop.cancelled().await;
    }

    /// Since when it runs.
    #[must_use]
    pub const fn begun(&self) -> Instant {
        self.begun
    }

    /// Begins with something of which there is so much.
    pub fn enter(&self, phase: Phase, total: u64) {
        let mut state = self.state();
        self.done.store(0, Ordering::Relaxed);
        (state.phase, state.total) = (phase, total);
    }

    /// So much more of it is done.
    pub fn advance(&self, by: u64) {
        self.done.fetch_add(by, Ordering::Relaxed);
    }

    /// So much of it is done now.
    pub fn reach(&self, done: u64) {
        self.done.store(done, Ordering::Relaxed);
    }

    /// Keeps a finding, or counts it.
    pub fn find(&self, finding: Finding) {
        let mut state = self.state();
        state.count += 1;
        if state.findings.len() < FINDINGS_MAX {
            state.findings.push(finding);
            self.news.send_replace(());
        }
    }

    /// How many findings there are.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.state().count
    }

    /// News after so many findings; waits a moment where there are none.
    pub async fn news(&self, after: u64) -> News {
        let mut news = self.news.subscribe();
        let after = usize::try_from(after).unwrap_or(usize::MAX);
        let there_are = || {
            let state = self.state();
            state.end.is_some() || state.findings.len() > after
        };
        if !there_are() {
            // Without news, progress has to do.
            let _ = timeout(NEWS_WAIT, news.changed()).await;
        }
        let state = self.state();
        News {
            phase: state.phase,
            done: self.done.load(Ordering::Relaxed),
            total: state.total,
            findings: state.findings.get(after..).unwrap_or_default().to_vec(),
            count: state.count,
            end: state.end.clone(),
        }
    }

    /// What it made, once it is done.
    #[must_use]
    pub fn backup(&self) -> Option<&Backup> {
        self.made.get().map(|made| &made.backup)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        locked(&self.state)
    }
}

/// Held by who began a job; the job does not outlive it for long.
#[derive(Debug)]
pub struct Owner {
    job: Arc<Job>,
}

impl Owner {
    /// The job.
    #[must_use]
    pub const fn job(&self) -> &Arc<Job> {
        &self.job
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        self.job.stop.cancel();
    }
}

/// Held by the task that does the work.
#[derive(Debug)]
pub struct Ticket {
    job: Arc<Job>,
    /// Given back once.
    place: Option<Place>,
}

impl Ticket {
    /// The job.
    #[must_use]
    pub const fn job(&self) -> &Arc<Job> {
        &self.job
    }

    /// Makes room for the next job, and then tells what came of this one.
    pub fn finish(mut self, end: Result<JobEnd, ServiceError>) {
        self.place = None;
        self.job.state().end = Some(end);
    }

    /// Leaves what was made to whoever began the job, and tells that it is there.
    pub fn hand_over(mut self, backup: Backup) {
        let told = backup.manifest().clone();
        // It is the only one that this ticket's job makes.
        let _ = self.job.made.set(Made { backup, _place: self.place.take() });
        self.job.state().end = Some(Ok(JobEnd::BackedUp(Box::new(told))));
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.place = None;
        // Where the task panicked nobody must wait for its end.
        self.job.state().end.get_or_insert(Err(ServiceError::Unavailable));
        self.job.news.send_replace(());
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verify::Place;
    use atm_rpc::operator::ledger::Check;

    fn running(method: &'static str) -> Running {
        Running { method, operator: "root".into(), since: Timestamp::from_ms(1) }
    }

    #[tokio::test]
    async fn there_is_one_at_a_time_and_it_ends_with_its_owner() {
        let jobs = Jobs::default();
        let (owner, ticket) = jobs.begin(running("a")).unwrap();
        assert_eq!(jobs.begin(running("b")).unwrap_err(), running("a"));
        assert!(!ticket.job().is_stopped());
        let job = Arc::clone(owner.job());
        drop(owner);
        job.stopped().await;
        assert_eq!(jobs.begin(running("b")).unwrap_err(), running("a"), "its task has not ended yet");
        drop(ticket);
        assert_eq!(job.news(0).await.end, Some(Err(ServiceError::Unavailable)));
        let (_owner, ticket) = jobs.begin(running("b")).unwrap();
        let job = Arc::clone(ticket.job());
        ticket.finish(Ok(JobEnd::Rebuilt(Vec::new())));
        assert_eq!(job.news(0).await.end, Some(Ok(JobEnd::Rebuilt(Vec::new()))));
        assert!(jobs.begin(running("c")).is_ok());
    }

    #[tokio::test]
    async fn findings_are_kept_up_to_a_bound_and_then_counted() {
        let (owner, ticket) = Jobs::default().begin(running("a")).unwrap();
        let finding = |seq| Finding::at(Check::RowHash, Place::Entry(seq));
        (1..=1_002).for_each(|seq| ticket.job().find(finding(seq)));
        let news = owner.job().news(0).await;
        assert_eq!((news.findings.len(), news.count), (FINDINGS_MAX, 1_002));
        let news = owner.job().news(999).await;
        assert_eq!(news.findings, [finding(1_000)]);
        ticket.job().enter(Phase::Accounts, 10);
        ticket.job().advance(3);
        let news = owner.job().news(1_000).await;
        assert_eq!((news.phase, news.done, news.total, news.findings.len()), (Phase::Accounts, 3, 10, 0));
        assert_eq!(news.end, None);
    }
}
