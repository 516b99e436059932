//! A verification as a job: reads rows beside the writer and feeds the checks, and compares the ledgers on the way.
//!
//! Journal, audit log and seals are only ever appended to. They are read page by page up to the last seal of the
//! beginning. What has come since then, and the accounts, whose balances change, are read in one snapshot; it is
//! short, and it is the moment that the findings are about. One task reads, and one thread checks.

use super::Finding;
use super::books::Books;
use super::history::{Counts, History};
use crate::csv::compare::Comparison;
use crate::csv::render::Ledger;
use crate::jobs::Job;
use crate::ledger::book::Account;
use crate::ledger::entry::Entry;
use crate::ledger::request::Audit;
use crate::seal::Seal;
use crate::store::verify::{Kept, Page, Part, Stored, View};
use crate::store::{SealHead, Store, StoreError};
use crate::verify::Place;
use atm_rpc::operator::ledger::{Check, Phase};
use atm_rpc::types::account::AccountId;
use atm_rpc::types::money::Currency;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use thiserror::Error;
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;

/// Rows that are read at a time.
const PAGE: u64 = 2_000;
/// Pages that wait for the thread that checks.
const PAGES_AHEAD: usize = 2;
/// Repeated request keys that are told of.
const REPEATED_MAX: u64 = 1_000;

/// How much is verified.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// History, balances and ledgers.
    Everything,
    /// The audit log and the chain of seals. Of entries only the hashes are taken, as they are stored: the seals are
    /// over them, too.
    AuditLog,
}

/// What is verified.
#[derive(Clone, Debug)]
pub struct Subject {
    /// How much.
    pub scope: Scope,
    /// The bank.
    pub store: Store,
    /// Heads that history must have.
    pub heads: Vec<SealHead>,
    /// The folder of the ledgers.
    pub folder: PathBuf,
    /// The bank's currency.
    pub currency: Currency,
    /// Newest entry that the ledgers must have; what comes after it may not have come yet.
    pub must_have: i64,
}

/// What was looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Looked {
    /// Rows of history.
    pub counts: Counts,
    /// The last entry.
    pub last_seq: i64,
    /// Accounts.
    pub accounts: u64,
    /// Bytes of both ledgers.
    pub ledger_bytes: u64,
    /// The last seal.
    pub head: SealHead,
}

/// Why a verification did not come to its end.
#[derive(Debug, Error)]
pub enum Stopped {
    /// Somebody asked it to.
    #[error("it was asked to end")]
    Asked,
    /// A table cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A ledger cannot be read.
    #[error("{}: {source}", .ledger.file_name())]
    Ledger {
        /// Which.
        ledger: Ledger,
        /// What the system says.
        source: io::Error,
    },
    /// The thread that checks is gone.
    #[error("the thread that checks stopped, which is a mistake in the program")]
    Thread,
}

type Pages<T> = Result<Page<T>, StoreError>;

/// Pages of the three tables of history, on their way to the thread that checks.
struct Tables<S, E, A> {
    seals: S,
    entries: E,
    audits: A,
}

type Senders = Tables<mpsc::Sender<Pages<Seal>>, mpsc::Sender<Pages<Entry>>, mpsc::Sender<Pages<Audit>>>;
type Receivers =
    Tables<mpsc::Receiver<Pages<Seal>>, mpsc::Receiver<Pages<Entry>>, mpsc::Receiver<Pages<Audit>>>;

/// The last places of a part of history; `None` before the first.
#[derive(Clone, Copy, Debug, Default)]
struct Bounds {
    seal: Option<i64>,
    seq: Option<i64>,
    audit: Option<i64>,
}

/// Verifies everything, and tells the job of each difference.
///
/// # Errors
/// [`Stopped`]; what was found until then is not the whole.
pub async fn verify(subject: Subject, job: &Arc<Job>) -> Result<Looked, Stopped> {
    tokio::select! {
        looked = verify_all(subject, job) => looked,
        // Whatever it waits for: a server may take long.
        () = job.stopped() => Err(Stopped::Asked),
    }
}

async fn verify_all(subject: Subject, job: &Arc<Job>) -> Result<Looked, Stopped> {
    let live = subject.store.live();
    let seal = live.last_seal().await?;
    let everything = subject.scope == Scope::Everything;
    let opened = Ledger::ALL.iter().filter(|_| everything).map(|&ledger| {
        Comparison::open(&subject.folder, ledger, subject.currency, subject.must_have)
            .map_err(|source| Stopped::Ledger { ledger, source })
    });
    let ledgers = opened.collect::<Result<Vec<_>, _>>()?;

    let (sent, first) = channels();
    let (sent_since, since) = channels();
    let (accounts_to, accounts) = mpsc::channel(PAGES_AHEAD);
    let checker = Checker { subject: subject.clone(), job: Arc::clone(job), ledgers };
    let checked = spawn_blocking(move || checker.check([first, since], accounts));
    let until = seal.map(|seal| Bounds {
        seal: Some(seal.id),
        seq: Some(seal.last_seq),
        audit: Some(seal.last_audit),
    });
    let total = until.and_then(|until| until.seq).and_then(|seq| u64::try_from(seq).ok());
    job.enter(Phase::History, total.unwrap_or(0));
    match until {
        Some(until) => read(&live, Bounds::default(), until, sent).await,
        None => drop(sent),
    }
    if !job.is_stopped() {
        let snapshot = subject.store.snapshot().await?;
        let after = until.unwrap_or_default();
        read(&snapshot, after, Bounds::default(), sent_since).await;
        if everything {
            job.enter(Phase::Accounts, snapshot.account_count().await?);
            pump(&snapshot, accounts_to, None, None).await;
        } else {
            drop(accounts_to);
        }
        snapshot.end().await?;
    }
    let (mut looked, ledgers) = checked.await.map_err(|_| Stopped::Thread)??;
    if !everything {
        return Ok(looked);
    }
    for repeated in live.repeated_keys(REPEATED_MAX).await? {
        let first = format!("entry {}", repeated.first);
        let finding = Finding::at(Check::RequestKey, Place::Entry(repeated.last));
        let (expected, found) = (Some("a key of its own".into()), Some(first.as_str().into()));
        job.find(Finding { column: Some("request_key"), expected, found, ..finding });
    }
    looked.ledger_bytes = ledgers_end(&live, looked.last_seq, ledgers, job).await?;
    Ok(looked)
}

fn channels() -> (Senders, Receivers) {
    let (seals_to, seals) = mpsc::channel(PAGES_AHEAD);
    let (entries_to, entries) = mpsc::channel(PAGES_AHEAD);
    let (audits_to, audits) = mpsc::channel(PAGES_AHEAD);
    (Tables { seals: seals_to, entries: entries_to, audits: audits_to }, Tables { seals, entries, audits })
}

/// Reads a part of history. Each table goes ahead for itself, as the thread that checks takes its pages.
async fn read(view: &View, after: Bounds, until: Bounds, to: Senders) {
    let seals = pump(view, to.seals, after.seal, until.seal);
    let entries = pump(view, to.entries, after.seq, until.seq);
    let audits = pump(view, to.audits, after.audit, until.audit);
    tokio::join!(seals, entries, audits);
}

/// Sends pages until there are no more, or nobody takes them.
async fn pump<T: Stored>(
    view: &View,
    to: mpsc::Sender<Pages<T>>,
    mut after: Option<i64>,
    until: Option<i64>,
) {
    loop {
        let page = view.page(Part { after, until, count: PAGE }).await;
        let last = match &page {
            Ok(page) if u64::try_from(page.count()).is_ok_and(|count| count >= PAGE) => page.last(),
            _ => None,
        };
        if to.send(page).await.is_err() || last.is_none() {
            return;
        }
        after = last;
    }
}

/// The thread that checks.
struct Checker {
    subject: Subject,
    job: Arc<Job>,
    ledgers: Vec<Comparison>,
}

impl Checker {
    fn check(
        self,
        parts: [Receivers; 2],
        accounts: mpsc::Receiver<Pages<(AccountId, Account)>>,
    ) -> Result<(Looked, Vec<Comparison>), Stopped> {
        let Self { subject, job, mut ledgers } = self;
        let everything = subject.scope == Scope::Everything;
        let mut found = |finding: Finding| {
            if everything || matches!(finding.place, Place::Audit(_) | Place::Seal(_)) {
                job.find(finding);
            }
        };
        let mut history = History::new(subject.store.sealer(), subject.heads, &mut found);
        for Tables { seals, entries, audits } in parts {
            let compared = rows(entries, &job, true).map(|kept| {
                let kept = kept?;
                compare(&mut ledgers, &kept, &job)?;
                Ok(kept)
            });
            let mut entries = compared.peekable();
            let mut audits = rows(audits, &job, false).peekable();
            history.follow(rows(seals, &job, false), &mut entries, &mut audits)?;
            history.rest(&mut entries, &mut audits)?;
        }
        history.end();
        let (counts, last_seq, head) = (history.counts(), history.last_seq(), history.head());
        let books = std::mem::take(&mut history.books);
        let accounts = if everything { check_accounts(books, accounts, &job)? } else { 0 };
        Ok((Looked { counts, last_seq, accounts, ledger_bytes: 0, head }, ledgers))
    }
}

fn check_accounts(
    mut books: Books,
    accounts: mpsc::Receiver<Pages<(AccountId, Account)>>,
    job: &Job,
) -> Result<u64, Stopped> {
    let mut found = |finding| job.find(finding);
    let (mut count, mut owed) = (0, 0);
    for kept in rows(accounts, job, true) {
        let kept = kept?;
        count += 1;
        if let Ok((id, account)) = &kept.row
            && *id != AccountId::VAULT
        {
            owed += i128::from(account.posted.minor());
        }
        books.account(&kept, &mut found);
    }
    books.accounts_end(owed, &mut found);
    Ok(count)
}

/// The rows of pages as they come; `counted`: they are what progress is told by.
fn rows<T>(
    mut pages: mpsc::Receiver<Pages<T>>,
    job: &Job,
    counted: bool,
) -> impl Iterator<Item = Result<Kept<T>, Stopped>> {
    let mut page = None;
    let mut over = false;
    std::iter::from_fn(move || {
        loop {
            if let Some(kept) = page.as_mut().and_then(Iterator::next) {
                return Some(Ok(kept));
            }
            if over {
                return None;
            }
            if job.is_stopped() {
                over = true;
                return Some(Err(Stopped::Asked));
            }
            match pages.blocking_recv()? {
                Ok(next) => {
                    if counted {
                        job.advance(u64::try_from(next.count()).unwrap_or(0));
                    }
                    page = Some(next.rows());
                }
                Err(error) => {
                    over = true;
                    return Some(Err(error.into()));
                }
            }
        }
    })
}

fn compare(ledgers: &mut [Comparison], kept: &Kept<Entry>, job: &Job) -> Result<(), Stopped> {
    for comparison in ledgers {
        match &kept.row {
            Ok(entry) => {
                let ledger = comparison.ledger();
                let compared = comparison.entry(entry, &mut |finding| job.find(finding));
                compared.map_err(|source| Stopped::Ledger { ledger, source })?;
            }
            Err(_) => comparison.lose(),
        }
    }
    Ok(())
}

/// Compares what the ledgers have beyond the snapshot, and gives their bytes.
async fn ledgers_end(
    live: &View,
    mut after: i64,
    mut ledgers: Vec<Comparison>,
    job: &Arc<Job>,
) -> Result<u64, Stopped> {
    for comparison in &mut ledgers {
        let ledger = comparison.ledger();
        comparison.hold().map_err(|source| Stopped::Ledger { ledger, source })?;
    }
    job.enter(Phase::Ledgers, 0);
    while !ledgers.iter().all(Comparison::is_done) {
        if job.is_stopped() {
            return Err(Stopped::Asked);
        }
        let page = live.page::<Entry>(Part { after: Some(after), until: None, count: PAGE }).await?;
        let Some(last) = page.last() else { break };
        after = last;
        let job = Arc::clone(job);
        let compared = spawn_blocking(move || {
            page.rows().try_for_each(|kept| compare(&mut ledgers, &kept, &job)).map(|()| ledgers)
        });
        ledgers = compared.await.map_err(|_| Stopped::Thread)??;
    }
    for comparison in &mut ledgers {
        comparison.end(&mut |finding| job.find(finding));
    }
    Ok(ledgers.iter().map(Comparison::bytes).sum())
}
