//! One batch, from what was queued to the answers, and what is done when the database fails.

use super::{Context, Ended};
use crate::clock;
use crate::ledger::blacklist::ATMD;
use crate::ledger::book::{Book, Changes, Event};
use crate::ledger::entry::Entry;
use crate::ledger::needs::Needs;
use crate::ledger::request::{Answer, Request};
use crate::ledger::{self, Now};
use crate::monitor::{Timing, WriterWork};
use crate::store::{Failure, SealHead, StoreError};
use atm_rpc::error::ServiceError;
use atm_rpc::operator::blacklist::BlacklistAct;
use atm_rpc::types::account::AccountId;
use atm_rpc::types::key::IncidentId;
use atm_rpc::types::money::Money;
use std::collections::HashMap;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
use tokio::sync::oneshot;
use tokio::time::{sleep, timeout};
use tracing::{debug, error, warn};
use uuid::Uuid;

/// Tries of one batch where another writer is in the way, or the server is away.
const TRIES_MAX: u32 = 8;
/// How long a batch is tried again. Who waits should be told before it asks no more.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long it is tried to find out whether a batch was committed.
const LOOKUP_TIMEOUT: Duration = Duration::from_secs(10);
/// The first pause between tries; it doubles, with up to half of it added at random.
const PAUSE: Duration = Duration::from_millis(5);
/// The longest pause between tries.
const PAUSE_MAX: Duration = Duration::from_secs(1);

type Decision = Result<Answer, ServiceError>;

/// A request and who waits for its answer.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) request: Request,
    pub(super) reply: oneshot::Sender<Decision>,
}

/// What became of a batch.
#[derive(Debug)]
pub(super) enum Verdict {
    /// It is durable.
    Committed {
        /// Newest entry of the journal.
        last_seq: i64,
        /// Its new entries.
        entries: Vec<Entry>,
    },
    /// It is answered, and nothing of it is stored.
    NothingDone,
    /// It is answered, and nobody knows whether it is stored.
    NotKnown,
    /// The writer must not go on. Those who wait learn that the outcome is not known.
    Ended(Ended),
}

/// Where a try of a batch failed.
enum Failed {
    /// Before the commit: nothing is stored.
    Before(StoreError),
    /// At the commit: not known.
    AtCommit(StoreError),
    /// The books would not balance; nothing is stored.
    Invariant(String),
}

/// What a batch decided.
struct Decided {
    decisions: Vec<Decision>,
    last_seq: i64,
    entries: Vec<Entry>,
    /// Numbers that wrong PINs put on the blacklist.
    lock_outs: u64,
}

/// The time of a batch's phases, one after the other.
struct Lap<'a> {
    work: &'a WriterWork,
    begun: Instant,
}

impl<'a> Lap<'a> {
    fn begin(work: &'a WriterWork) -> Self {
        work.step();
        Self { work, begun: clock::monotonic() }
    }

    fn end(&mut self, phase: &Timing) {
        let now = clock::monotonic();
        phase.add(now.duration_since(self.begun));
        self.begun = now;
        self.work.step();
    }
}

/// Decides, writes and commits a batch, and answers everybody in it.
pub(super) async fn commit(context: &Context, work: &WriterWork, jobs: Vec<Job>) -> Verdict {
    let (requests, replies): (Vec<_>, Vec<_>) = jobs.into_iter().map(|job| (job.request, job.reply)).unzip();
    match attempt(context, work, &requests).await {
        Ok(decided) => {
            work.batches.add(requests.len());
            work.lock_outs.fetch_add(decided.lock_outs, Ordering::Relaxed);
            answer(replies, decided.decisions);
            Verdict::Committed { last_seq: decided.last_seq, entries: decided.entries }
        }
        Err(Failed::Before(error)) if error.failure == Failure::Poison => {
            one_by_one(context, work, requests, replies, &error).await
        }
        Err(failed) => give_up(work, failed, replies),
    }
}

/// What a failure means for the writer and for those who wait, where a repeat did not help.
fn give_up(work: &WriterWork, failed: Failed, replies: Vec<oneshot::Sender<Decision>>) -> Verdict {
    work.failed.fetch_add(1, Ordering::Relaxed);
    let (told, verdict) = match failed {
        Failed::Before(error) if error.failure != Failure::Fatal => {
            warn!(%error, requests = replies.len(), "nothing of a batch was stored");
            (ServiceError::Unavailable, Verdict::NothingDone)
        }
        // The next batch finds what there is: it takes the lock, and reads everything again.
        Failed::AtCommit(error) if error.failure != Failure::Fatal => {
            error!(%error, requests = replies.len(), "whether a batch was committed cannot be found out now");
            (ServiceError::OutcomeUnknown, Verdict::NotKnown)
        }
        Failed::Before(error) | Failed::AtCommit(error) => {
            return Verdict::Ended(Ended::Storage(error.to_string()));
        }
        Failed::Invariant(what) => return Verdict::Ended(Ended::Invariant(what)),
    };
    let decisions = replies.iter().map(|_| Err(told)).collect();
    answer(replies, decisions);
    verdict
}

/// Finds the request that the database cannot take, and commits the others.
async fn one_by_one(
    context: &Context,
    work: &WriterWork,
    requests: Vec<Request>,
    replies: Vec<oneshot::Sender<Decision>>,
    cause: &StoreError,
) -> Verdict {
    warn!(error = %cause, requests = requests.len(), "a batch cannot be stored; its requests are tried one by one");
    let (mut newest, mut entries) = (None, Vec::new());
    let mut others = Verdict::NothingDone;
    for (request, reply) in requests.into_iter().zip(replies) {
        match attempt(context, work, std::slice::from_ref(&request)).await {
            Ok(decided) => {
                work.batches.add(1);
                work.lock_outs.fetch_add(decided.lock_outs, Ordering::Relaxed);
                newest = Some(decided.last_seq);
                entries.extend(decided.entries);
                answer(vec![reply], decided.decisions);
            }
            Err(Failed::Before(error)) if error.failure == Failure::Poison => {
                let incident = IncidentId::generate();
                error!(%error, %incident, "a request cannot be stored");
                answer(vec![reply], vec![Err(ServiceError::Internal(incident))]);
            }
            Err(failed) => match give_up(work, failed, vec![reply]) {
                ended @ Verdict::Ended(_) => return ended,
                Verdict::NotKnown => others = Verdict::NotKnown,
                _ => {}
            },
        }
    }
    newest.map_or(others, |last_seq| Verdict::Committed { last_seq, entries })
}

fn answer(replies: Vec<oneshot::Sender<Decision>>, decisions: Vec<Decision>) {
    for (reply, decision) in replies.into_iter().zip(decisions) {
        // Who does not wait any more finds the outcome under the key.
        let _ = reply.send(decision);
    }
}

/// Tries a batch until it is stored, or until a repeat cannot help.
async fn attempt(context: &Context, work: &WriterWork, requests: &[Request]) -> Result<Decided, Failed> {
    let batch = *Uuid::now_v7().as_bytes();
    let begun = clock::monotonic();
    let mut tries = 0;
    let mut pause = PAUSE;
    loop {
        tries += 1;
        if tries > 1 {
            work.retries.fetch_add(1, Ordering::Relaxed);
        }
        let tried = once(context, work, requests, batch).await;
        count_failure(work, tried.as_ref().err().map(|(failed, _)| failed));
        let failed = match tried {
            Ok(decided) => return Ok(decided),
            // What a failed sync left is not looked at: it may be read, and gone after a crash.
            Err((Failed::AtCommit(error), _)) if error.failure == Failure::Fatal => {
                return Err(Failed::AtCommit(error));
            }
            Err((Failed::AtCommit(error), decided)) => {
                warn!(%error, "a commit failed; looking for the batch");
                match was_committed(context, &batch).await {
                    Some(true) => return decided.ok_or(Failed::AtCommit(error)),
                    Some(false) => Failed::Before(error),
                    None => return Err(Failed::AtCommit(error)),
                }
            }
            Err((failed, _)) => failed,
        };
        match &failed {
            Failed::Before(error)
                if error.failure == Failure::Retry && tries < TRIES_MAX && begun.elapsed() < PATIENCE =>
            {
                debug!(%error, tries, "a batch is tried again");
            }
            // Nothing is acknowledged until there is space again; what waits, waits.
            Failed::Before(error) if error.failure == Failure::Full => {
                error!(%error, "the disk is full: no request is answered until there is space");
                pause = PAUSE_MAX;
            }
            _ => return Err(failed),
        }
        sleep(pause + jitter(pause)).await;
        pause = (pause * 2).min(PAUSE_MAX);
    }
}

/// Counts what the database failed at, and notes whether that is for want of space.
fn count_failure(work: &WriterWork, failed: Option<&Failed>) {
    let counter = match failed {
        Some(Failed::Before(_)) => Some(&work.write_errors),
        Some(Failed::AtCommit(_)) => Some(&work.commit_errors),
        Some(Failed::Invariant(_)) | None => None,
    };
    if let Some(counter) = counter {
        counter.fetch_add(1, Ordering::Relaxed);
    }
    let full = matches!(failed, Some(Failed::Before(error)) if error.failure == Failure::Full);
    work.disk_full.store(full, Ordering::Relaxed);
}

fn lock_outs(changes: &Changes) -> u64 {
    let by_atmd = |event: &&Event| event.act == BlacklistAct::Added && event.actor == ATMD;
    u64::try_from(changes.events.iter().filter(by_atmd).count()).unwrap_or(u64::MAX)
}

fn jitter(pause: Duration) -> Duration {
    let mut random = [0];
    // Without random numbers there is no jitter, which only costs time.
    let _ = getrandom::fill(&mut random);
    pause * u32::from(random[0]) / 512
}

/// Whether the batch was committed, asked until somebody can tell; nothing where that takes too long.
async fn was_committed(context: &Context, batch: &[u8; 16]) -> Option<bool> {
    let asked = async {
        let mut pause = PAUSE;
        loop {
            let found = match context.store.renew_writer().await {
                Ok(()) => context.store.was_committed(batch).await,
                Err(error) => Err(error),
            };
            match found {
                Ok(found) => return Some(found),
                Err(error) if error.failure == Failure::Fatal => return None,
                Err(_) => sleep(pause).await,
            }
            pause = (pause * 2).min(PAUSE_MAX);
        }
    };
    if let Ok(found) = timeout(LOOKUP_TIMEOUT, asked).await {
        return found;
    }
    // The last try was cut off somewhere. Without a new connection now, the next batch makes one.
    let _ = context.store.renew_writer().await;
    None
}

/// One try.
async fn once(
    context: &Context,
    work: &WriterWork,
    requests: &[Request],
    batch: [u8; 16],
) -> Result<Decided, (Failed, Option<Decided>)> {
    let mut lap = Lap::begin(work);
    let mut transaction = match context.store.begin().await {
        Ok(transaction) => transaction,
        Err(error) => return Err((renewed(context, Failed::Before(error)).await, None)),
    };
    let mut needs = Needs::default();
    requests.iter().for_each(|request| needs.add(request));
    let now = context.now();
    let written = async {
        let (book, seal): (Book, SealHead) = transaction.load(&needs).await.map_err(Failed::Before)?;
        lap.end(&work.read);
        let (book, decisions) = decide(context, book, requests, now)?;
        lap.end(&work.decide);
        let changed = book.changes != Changes::default();
        if changed {
            transaction.save(&book, seal, batch, now.at).await.map_err(Failed::Before)?;
            lap.end(&work.write);
        }
        let lock_outs = lock_outs(&book.changes);
        Ok((
            Decided { decisions, last_seq: book.head.seq, entries: book.changes.entries, lock_outs },
            changed,
        ))
    };
    let failed = match written.await {
        Ok((decided, true)) => {
            return match transaction.commit().await {
                Ok(()) => {
                    lap.end(&work.commit);
                    Ok(decided)
                }
                Err(error) => Err((Failed::AtCommit(error), Some(decided))),
            };
        }
        Ok((decided, false)) => match transaction.rollback().await {
            Ok(()) => return Ok(decided),
            Err(error) => return Err((renewed(context, Failed::Before(error)).await, None)),
        },
        Err(failed) => failed,
    };
    // Whether it could be rolled back or not, the connection is not used again.
    let _ = transaction.rollback().await;
    Err((renewed(context, failed).await, None))
}

/// A failure after which the connection was renewed; or that of renewing it.
async fn renewed(context: &Context, failed: Failed) -> Failed {
    match (context.store.renew_writer().await, failed) {
        // What came first says more than that the server is still away.
        (Err(error), Failed::Before(first)) if [error.failure, first.failure] != [Failure::Retry; 2] => {
            Failed::Before(error)
        }
        (_, failed) => failed,
    }
}

fn decide(
    context: &Context,
    mut book: Book,
    requests: &[Request],
    now: Now,
) -> Result<(Book, Vec<Decision>), Failed> {
    let (before, rules) = (Balances::of(&book), context.rules.now());
    let decide = |request| ledger::decide(&mut book, request, &rules, now);
    let decisions = requests.iter().map(decide).collect();
    before.check(&book).map_err(Failed::Invariant)?;
    Ok((book, decisions))
}

/// Balances as they were read: with the batch's entries they must give those that are stored.
struct Balances {
    vault: Money,
    seq: i64,
    accounts: HashMap<AccountId, Money>,
}

impl Balances {
    fn of(book: &Book) -> Self {
        let accounts = book.accounts.iter().map(|(id, account)| (*id, account.posted)).collect();
        Self { vault: book.head.vault, seq: book.head.seq, accounts }
    }

    fn check(mut self, book: &Book) -> Result<(), String> {
        for entry in &book.changes.entries {
            self.seq += 1;
            if entry.seq.0 != self.seq {
                return Err(format!("entry {} stands where {} must", entry.seq, self.seq));
            }
            let Some(transfer) = entry.transfer else { continue };
            if transfer.amount <= Money::ZERO || transfer.debit == transfer.credit {
                return Err(format!("entry {} moves nothing", entry.seq));
            }
            self.book(transfer.debit, true, transfer.amount);
            self.book(transfer.credit, false, transfer.amount);
        }
        if self.vault != book.head.vault {
            return Err("the vault's balance does not follow from the entries".into());
        }
        for (id, account) in &book.accounts {
            if self.accounts.get(id).copied().unwrap_or(Money::ZERO) != account.posted {
                return Err(format!(
                    "the balance of an account with last entry {:?} does not follow",
                    account.last_seq
                ));
            }
            if id.mobile().is_some() && account.posted < Money::ZERO {
                return Err(format!("an account with last entry {:?} is below zero", account.last_seq));
            }
        }
        Ok(())
    }

    fn book(&mut self, account: AccountId, debit: bool, amount: Money) {
        let vault = account == AccountId::VAULT;
        let balance = if vault { &mut self.vault } else { self.accounts.entry(account).or_default() };
        let sum = if debit == vault { balance.checked_add(amount) } else { balance.checked_sub(amount) };
        // A sum that does not fit cannot equal what the ledger stored.
        *balance = sum.unwrap_or(Money::from_minor(i64::MIN));
    }
}
