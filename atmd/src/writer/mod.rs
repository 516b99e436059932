//! The group commit: every write of atmd goes through one thread, in two bounded queues, money first.
//!
//! It takes what is queued, makes it one transaction of the database, and answers when that is
//! durable. While a batch commits, the next one collects: load makes batches larger, not answers later.
//! The bank's lock is held for the length of a batch, so entries have one order on all nodes.
//!
//! A request whose caller went away commits all the same; its outcome is found under its key.

mod batch;
mod tail;

use crate::calendar::Calendar;
use crate::clock::Clock;
use crate::ledger::book::{Account, Book};
use crate::ledger::entry::Entry;
use crate::ledger::needs::Needs;
use crate::ledger::request::{Answer, Caller, Request};
use crate::ledger::{self, Now, Rules};
use crate::live::Live;
use crate::monitor::WriterWork;
use crate::store::Store;
use atm_rpc::error::ServiceError;
use batch::{Job, Verdict};
use std::sync::Arc;
use tail::Tail;
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::{JoinHandle, spawn_blocking};
use tracing::error;

/// When to come back where a queue is full.
const BUSY_RETRY_MS: u32 = 200;
/// Places in a batch that money leaves to everything else.
const RESERVED_FOR_OTHERS: usize = 16;

/// Bounds of the writer.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Requests in one batch.
    pub batch_count_max: usize,
    /// Requests that wait in each queue.
    pub queue_max: usize,
}

/// What the writer works with.
#[derive(Clone, Debug)]
pub struct Context {
    /// The database.
    pub store: Store,
    /// The bank's rules.
    pub rules: Live<Rules>,
    /// The bank's days.
    pub calendar: Calendar,
    /// The time.
    pub clock: Clock,
}

impl Context {
    /// The instant and its accounting day.
    #[must_use]
    pub fn now(&self) -> Now {
        let at = self.clock.now();
        Now { at, today: self.calendar.business_date(at) }
    }
}

/// Asks the writer.
#[derive(Clone, Debug)]
pub struct Writer {
    context: Context,
    money: mpsc::Sender<Job>,
    others: mpsc::Sender<Job>,
    committed: watch::Receiver<i64>,
    tail: Arc<Tail>,
    work: Arc<WriterWork>,
}

/// Why atmd must not go on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Ended {
    /// The storage cannot be trusted any more.
    #[error("the storage failed: {0}")]
    Storage(String),
    /// The books would not balance.
    #[error("an invariant of the ledger is broken: {0}")]
    Invariant(String),
    /// A task that must not end did.
    #[error("the task of the {0} stopped, which is a mistake in the program")]
    Task(&'static str),
}

impl Writer {
    /// Starts the writer on a thread of its own: a batch waits for the database a dozen times, and each time a task would
    /// stand in line with those of all connections. It ends when every handle is gone, after all that was queued is
    /// committed, or by itself where it must not go on.
    #[must_use]
    pub fn start(context: Context, bounds: Bounds) -> (Self, JoinHandle<Result<(), Ended>>) {
        let (money, money_queue) = mpsc::channel(bounds.queue_max);
        let (others, others_queue) = mpsc::channel(bounds.queue_max);
        let (committed_to, committed) = watch::channel(0);
        let waiting = Waiting { money: money_queue, others: others_queue, bounds };
        let tail = Arc::new(Tail::default());
        let work = Arc::new(WriterWork::default());
        let task = run(context.clone(), waiting, committed_to, Arc::clone(&tail), Arc::clone(&work));
        let runtime = Handle::current();
        let ended = spawn_blocking(move || runtime.block_on(task));
        (Self { context, money, others, committed, tail, work }, ended)
    }

    /// Hands a request in, and waits until it is decided and durable.
    ///
    /// # Errors
    /// The ledger's 'no'; `Busy` where the queue is full; `Unavailable` where nothing was applied;
    /// `OutcomeUnknown` where that is not known.
    pub async fn submit(&self, request: Request) -> Result<Answer, ServiceError> {
        let (reply, answer) = oneshot::channel();
        let queue = if matches!(request, Request::Move(_)) { &self.money } else { &self.others };
        match queue.try_send(Job { request, reply }) {
            Ok(()) => answer.await.unwrap_or(Err(ServiceError::OutcomeUnknown)),
            Err(mpsc::error::TrySendError::Full(_)) => {
                Err(ServiceError::Busy { retry_after_ms: BUSY_RETRY_MS })
            }
            Err(mpsc::error::TrySendError::Closed(_)) => Err(ServiceError::Unavailable),
        }
    }

    /// Decides a request without any effect.
    ///
    /// # Errors
    /// The ledger's 'no'; `Unavailable` where the database cannot be read.
    pub async fn preview(&self, request: &Request) -> Result<Answer, ServiceError> {
        let mut needs = Needs::default();
        needs.add(request);
        let book = self.read(&needs).await?;
        ledger::preview(book, request, &self.context.rules.now(), self.context.now())
    }

    /// The account of a session that may act now.
    ///
    /// # Errors
    /// Why it may not; `Unavailable` where the database cannot be read.
    pub async fn look(&self, caller: Caller) -> Result<Account, ServiceError> {
        let mut needs = Needs::default();
        needs.accounts.insert(caller.account);
        needs.sessions.insert(caller.session);
        let mut book = self.read(&needs).await?;
        ledger::look(&mut book, caller, &self.context.rules.now(), self.context.now())
    }

    async fn read(&self, needs: &Needs) -> Result<Book, ServiceError> {
        self.context.store.preview(needs).await.map_err(|error| {
            error!(%error, "the database could not be read");
            ServiceError::Unavailable
        })
    }

    /// Tells of each commit by the newest entry of the journal.
    #[must_use]
    pub fn commits(&self) -> watch::Receiver<i64> {
        self.committed.clone()
    }

    /// What it did.
    #[must_use]
    pub fn work(&self) -> Arc<WriterWork> {
        Arc::clone(&self.work)
    }

    /// Its queues, for looking.
    #[must_use]
    pub fn queues(&self) -> Queues {
        Queues { money: self.money.downgrade(), others: self.others.downgrade() }
    }

    /// Takes up to so many entries that were just committed, from `first` on. None: they must be read. There is one
    /// who follows; another would take entries from it.
    #[must_use]
    pub fn take_committed(&self, first: i64, max: usize) -> Vec<Entry> {
        self.tail.take(first, max)
    }
}

/// The writer's queues, for looking how long they are. They do not keep it from ending.
#[derive(Clone, Debug)]
pub struct Queues {
    money: mpsc::WeakSender<Job>,
    others: mpsc::WeakSender<Job>,
}

impl Queues {
    /// Movements of money that wait.
    #[must_use]
    pub fn money(&self) -> usize {
        self.money.upgrade().map_or(0, |queue| queue.max_capacity() - queue.capacity())
    }

    /// Everything else that waits.
    #[must_use]
    pub fn others(&self) -> usize {
        self.others.upgrade().map_or(0, |queue| queue.max_capacity() - queue.capacity())
    }

    /// How many may wait in each.
    #[must_use]
    pub fn limit(&self) -> usize {
        self.money.upgrade().map_or(0, |queue| queue.max_capacity())
    }
}

struct Waiting {
    money: mpsc::Receiver<Job>,
    others: mpsc::Receiver<Job>,
    bounds: Bounds,
}

impl Waiting {
    /// Waits for work and takes a batch of it. Empty: every handle is gone.
    async fn next(&mut self) -> Vec<Job> {
        let max = self.bounds.batch_count_max.max(1);
        let mut jobs = Vec::new();
        tokio::select! {
            biased;
            Some(job) = self.money.recv() => jobs.push(job),
            Some(job) = self.others.recv() => jobs.push(job),
            else => return jobs,
        }
        let room_for_money = max.saturating_sub(RESERVED_FOR_OTHERS).max(1);
        while jobs.len() < room_for_money
            && let Ok(job) = self.money.try_recv()
        {
            jobs.push(job);
        }
        while jobs.len() < max
            && let Ok(job) = self.others.try_recv()
        {
            jobs.push(job);
        }
        jobs
    }
}

async fn run(
    context: Context,
    mut queues: Waiting,
    committed: watch::Sender<i64>,
    tail: Arc<Tail>,
    work: Arc<WriterWork>,
) -> Result<(), Ended> {
    loop {
        let jobs = queues.next().await;
        if jobs.is_empty() {
            return Ok(());
        }
        work.begin(jobs.iter().map(|job| job.request.imported_rows()).sum());
        let verdict = batch::commit(&context, &work, jobs).await;
        work.end();
        match verdict {
            Verdict::Committed { last_seq, entries } => {
                tail.add(entries);
                // Somebody always listens: the handle that submitted the batch has a receiver.
                let _ = committed.send(last_seq);
            }
            Verdict::NothingDone => {}
            // Who follows the journal finds out what there is of it, as soon as the database can be read.
            Verdict::NotKnown => committed.send_modify(|_| ()),
            Verdict::Ended(ended) => return Err(ended),
        }
    }
}
