//! Customers who move money without end, and note what each request was answered with. What they were told is
//! what the [checker](crate::checker) holds against the bank.

use atm_rpc::client::{Customer, CustomerError};
use atm_rpc::customer::Receipt;
use atm_rpc::error::{Rejection, ServiceError};
use atm_rpc::types::action::Action;
use atm_rpc::types::key::RequestKey;
use atm_rpc::types::mobile::MobileNumber;
use atm_rpc::types::money::Money;
use atm_tests::daemon::{Atmd, Options};
use atm_tests::random::Random;
use atm_tests::wait::eventually;
use atm_tests::{bank, link};
use futures::future::join_all;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// Customers at a time.
pub(crate) const CLIENTS: u32 = 64;

/// What a customer asked for, and what it was told.
#[derive(Debug)]
pub(crate) struct Asked {
    pub(crate) key: RequestKey,
    pub(crate) action: Action,
    pub(crate) amount: Money,
    pub(crate) told: Told,
}

#[derive(Debug)]
pub(crate) enum Told {
    Done(Receipt),
    Rejected(Rejection),
    /// Nobody waited for the answer, or none came.
    Nothing,
}

/// A customer after its work.
#[derive(Debug)]
pub(crate) struct Mover {
    pub(crate) mobile: MobileNumber,
    pub(crate) client: Customer,
    pub(crate) asked: Vec<Asked>,
}

/// Customers at work.
#[derive(Debug)]
pub(crate) struct Load {
    shared: Arc<Shared>,
    movers: Vec<JoinHandle<Mover>>,
}

#[derive(Debug, Default)]
struct Shared {
    acknowledged: AtomicU64,
    over: AtomicBool,
}

/// Sees how far the load is.
#[derive(Clone, Debug)]
pub(crate) struct Progress(Arc<Shared>);

/// Options of an atmd that outlasts a long load.
pub(crate) fn options() -> Options {
    Options::default().set("limits.session_length", "1d").set("limits.idle_timeout", "1h")
}

impl Load {
    /// Registers that many customers, who then begin to move money.
    pub(crate) async fn start(atmd: &Atmd, clients: u32) -> Self {
        let sessions = join_all((1..=clients).map(|n| async move {
            let mobile = bank::number(n);
            link::register(atmd, mobile).await;
            (mobile, link::logged_in(atmd, mobile).await, Random::new(u64::from(n)))
        }));
        let shared = Arc::new(Shared::default());
        let begin = |(mobile, client, random)| {
            tokio::spawn(work(Mover { mobile, client, asked: Vec::new() }, random, Arc::clone(&shared)))
        };
        let movers = sessions.await.into_iter().map(begin).collect();
        Self { shared, movers }
    }

    pub(crate) fn progress(&self) -> Progress {
        Progress(Arc::clone(&self.shared))
    }

    /// Lets each finish what it began.
    pub(crate) async fn end(self) -> Vec<Mover> {
        self.shared.over.store(true, Ordering::Relaxed);
        join_all(self.movers).await.into_iter().map(Result::unwrap).collect()
    }
}

impl Progress {
    pub(crate) fn acknowledged(&self) -> u64 {
        self.0.acknowledged.load(Ordering::Relaxed)
    }

    /// Waits until so many more are acknowledged.
    pub(crate) fn wait_for(&self, more: u64) {
        let until = self.acknowledged() + more;
        eventually("clients go on", || match self.acknowledged() {
            enough if enough >= until => Ok(()),
            now => Err(format!("{now} of {until} are acknowledged")),
        });
    }
}

/// Moves money until the load is over. Now and then it does not wait for the answer.
async fn work(mut mover: Mover, mut random: Random, shared: Arc<Shared>) -> Mover {
    while !shared.over.load(Ordering::Relaxed) {
        let whole = i64::try_from(random.below(40)).unwrap() + 10;
        let (action, amount) = match random.below(3) {
            0 => (Action::Withdraw, bank::rupees(whole * 10)),
            _ => (Action::Deposit, Money::from_minor(whole * 1_001)),
        };
        let key = RequestKey::generate();
        let answer = ask(&mut mover.client, key, action, amount);
        let answer = match random.below(8) {
            0 => timeout(Duration::from_micros(random.below(4_000)), answer).await.ok(),
            _ => Some(answer.await),
        };
        let told = match answer {
            Some(Ok(receipt)) => {
                shared.acknowledged.fetch_add(1, Ordering::Relaxed);
                Told::Done(receipt)
            }
            Some(Err(CustomerError::Service(ServiceError::Rejected(why)))) => Told::Rejected(why),
            Some(Err(CustomerError::OutcomeUnknown)) | None => Told::Nothing,
            Some(Err(other)) => panic!("the client cannot go on: {other}"),
        };
        mover.asked.push(Asked { key, action, amount, told });
    }
    mover
}

/// Asks for a movement.
pub(crate) async fn ask(
    client: &mut Customer,
    key: RequestKey,
    action: Action,
    amount: Money,
) -> Result<Receipt, CustomerError> {
    match action {
        Action::Withdraw => client.withdraw(key, amount).await,
        _ => client.deposit(key, amount).await,
    }
}
