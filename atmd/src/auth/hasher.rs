//! The threads that hash PINs: as many as configured, one a core by default, each with its memory kept.
//!
//! They yield to everything else, so a flood of log-ins does not delay a deposit, and the line in
//! front of them is bounded.

use super::pin::{self, Memory, Peppers, PinError, Shown};
use crate::clock;
use crate::ledger::book::PinHash;
use crate::live::{Live, Terms};
use crate::monitor::PinWork;
use atm_rpc::types::mobile::MobileNumber;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread;
use thiserror::Error;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

/// How many may wait for a thread.
const WAITING_MAX: u64 = 256;
/// How much lower than everything else these threads stand with the scheduler.
const NICENESS: i32 = 10;

type Work = Box<dyn FnOnce(&mut Memory) + Send>;

/// Why a PIN was not hashed.
#[derive(Debug, Error)]
pub enum HashError {
    /// Too many wait already.
    #[error("too many log-ins at once")]
    Busy,
    /// The hash failed.
    #[error(transparent)]
    Pin(#[from] PinError),
    /// The threads are gone.
    #[error("the threads that hash PINs are gone")]
    Gone,
}

/// Hashes PINs.
#[derive(Clone, Debug)]
pub struct Hasher {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    peppers: Arc<Peppers>,
    terms: Live<Terms>,
    places: Arc<Semaphore>,
    counted: Arc<PinWork>,
    work: mpsc::Sender<Work>,
}

/// The right to use one of the threads. Taken before an attempt is counted, so that those who wait
/// in line are not.
#[derive(Debug)]
pub struct Place {
    shared: Arc<Shared>,
    _taken: Taken,
    _permit: OwnedSemaphorePermit,
}

impl Hasher {
    /// Starts the threads. `threads` of 0 is one for each core.
    ///
    /// # Errors
    /// Where the system gives no thread.
    pub fn start(peppers: Peppers, terms: Live<Terms>, threads: usize) -> std::io::Result<Self> {
        let threads = match threads {
            0 => thread::available_parallelism().map_or(1, usize::from),
            threads => threads,
        };
        let (work, queue) = mpsc::channel::<Work>();
        let queue = Arc::new(Mutex::new(queue));
        for number in 0..threads {
            let queue = Arc::clone(&queue);
            thread::Builder::new().name(format!("pin-{number}")).spawn(move || serve(&queue))?;
        }
        let places = Arc::new(Semaphore::new(threads));
        let counted = Arc::new(PinWork::default());
        counted.threads.store(u64::try_from(threads).unwrap_or(u64::MAX), Ordering::Relaxed);
        let shared = Shared { peppers: Arc::new(peppers), terms, places, counted, work };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// Waits for a thread.
    ///
    /// # Errors
    /// [`HashError::Busy`] where too many wait already.
    pub async fn place(&self) -> Result<Place, HashError> {
        let shared = Arc::clone(&self.shared);
        let line = &shared.counted.waiting;
        if line.fetch_add(1, Ordering::Relaxed) >= WAITING_MAX {
            line.fetch_sub(1, Ordering::Relaxed);
            return Err(HashError::Busy);
        }
        let waiting = Waiting(line);
        let permit = Arc::clone(&shared.places).acquire_owned().await.map_err(|_| HashError::Gone)?;
        drop(waiting);
        let taken = Taken::one(&shared.counted);
        Ok(Place { shared, _taken: taken, _permit: permit })
    }

    /// What its threads did.
    #[must_use]
    pub fn work(&self) -> Arc<PinWork> {
        Arc::clone(&self.shared.counted)
    }

    /// Whether a PIN should be hashed anew.
    #[must_use]
    pub fn is_outdated(&self, kept: &PinHash) -> bool {
        pin::is_outdated(&self.shared.peppers, self.shared.terms.now().cost, kept)
    }
}

impl Place {
    /// Hashes a new PIN or code.
    ///
    /// # Errors
    /// [`HashError`].
    pub async fn hash(&self, number: MobileNumber, new: impl Into<Shown>) -> Result<PinHash, HashError> {
        let new = new.into();
        let (peppers, cost) = (Arc::clone(&self.shared.peppers), self.shared.terms.now().cost);
        self.run(move |memory| pin::hash(&peppers, cost, number, &new, memory)).await
    }

    /// Whether this is the PIN. `None` stands for a number without one: the same work, and never right.
    ///
    /// # Errors
    /// [`HashError`].
    pub async fn verify(
        &self,
        kept: Option<PinHash>,
        number: MobileNumber,
        shown: impl Into<Shown>,
    ) -> Result<bool, HashError> {
        let shown = shown.into();
        let (peppers, cost) = (Arc::clone(&self.shared.peppers), self.shared.terms.now().cost);
        let right = self.run(move |memory| match kept {
            Some(kept) => pin::verify(&peppers, &kept, number, &shown, memory),
            None => pin::hash(&peppers, cost, number, &shown, memory).map(|_| false),
        });
        let right = right.await;
        if matches!(right, Ok(false)) {
            self.shared.counted.wrong.fetch_add(1, Ordering::Relaxed);
        }
        right
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Memory) -> Result<T, PinError> + Send + 'static,
    ) -> Result<T, HashError> {
        let (reply, answer) = oneshot::channel();
        let counted = Arc::clone(&self.shared.counted);
        let job = Box::new(move |memory: &mut Memory| {
            let begun = clock::monotonic();
            let done = work(memory);
            counted.hash.add(begun.elapsed());
            // Who does not wait any more needs no answer.
            let _ = reply.send(done);
        });
        self.shared.work.send(job).map_err(|_| HashError::Gone)?;
        Ok(answer.await.map_err(|_| HashError::Gone)??)
    }
}

/// Stands in line until dropped.
struct Waiting<'a>(&'a AtomicU64);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Has a thread until dropped.
#[derive(Debug)]
struct Taken(Arc<PinWork>);

impl Taken {
    fn one(work: &Arc<PinWork>) -> Self {
        work.busy.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(work))
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        self.0.busy.fetch_sub(1, Ordering::Relaxed);
    }
}

fn serve(queue: &Mutex<mpsc::Receiver<Work>>) {
    // On Linux this is about the calling thread alone. Without the right to it, log-ins only compete.
    let _ = rustix::process::setpriority_process(None, NICENESS);
    let mut memory = Memory::default();
    loop {
        let next = queue.lock().unwrap_or_else(PoisonError::into_inner).recv();
        match next {
            Ok(work) => work(&mut memory),
            Err(mpsc::RecvError) => return,
        }
    }
}
