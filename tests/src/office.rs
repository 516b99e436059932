//! A writer in this process, on a database of its own, and many customers with open sessions: what atmd is
//! without connections.

use crate::load::{Counted, Window};
use crate::process::processor_time;
use crate::random::Random;
use crate::{bank, books};
use atm_rpc::operator::Role;
use atm_rpc::types::account::AccountId;
use atm_rpc::types::key::RequestKey;
use atm_rpc::types::mobile::MobileNumber;
use atm_rpc::types::money::Money;
use atmd::calendar::Calendar;
use atmd::clock::Clock;
use atmd::config::Config;
use atmd::ledger::Rules;
use atmd::ledger::book::PinHash;
use atmd::ledger::request::{
    Answer, Attempt, Caller, Direction, LoginOrder, Movement, NewOperator, Registration, Request,
};
use atmd::store::Store;
use atmd::writer::{Bounds, Context, Ended, Writer};
use futures::future::join_all;
use futures::{StreamExt, stream};
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinHandle;

/// As the configuration has them by default.
const BOUNDS: Bounds = Bounds { batch_count_max: 1024, queue_max: 8192 };
/// Customers that are registered at a time.
const REGISTERED_AT_ONCE: usize = 1_000;

/// The writer and its customers.
#[derive(Debug)]
pub struct Office {
    store: Store,
    writer: Writer,
    ended: JoinHandle<Result<(), Ended>>,
    callers: Arc<[Caller]>,
}

impl Office {
    /// Opens a bank with so many customers, in a folder for its keys and whatever else its configuration has there.
    ///
    /// # Panics
    /// Where there is a bank already, or the database is not to be had.
    pub async fn open(folder: &Path, config: &Config, customers: u32) -> Self {
        fs::create_dir(folder.join("keys")).expect("the folder is new");
        let store = Store::open(config, books::sealer(folder), Clock::System.now()).await;
        let store = store.unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
        let calendar = Calendar::new(config.bank.timezone.clone(), config.bank.cutover_time);
        let context = Context { store: store.clone(), rules: rules().into(), calendar, clock: Clock::System };
        let (writer, ended) = Writer::start(context, BOUNDS);
        let created_at = Clock::System.now();
        let root =
            NewOperator { id: 1, name: "root".into(), role: Role::Admin, fingerprint: [1; 32], created_at };
        let found = Request::Found { opening_vault: bank::rupees(1_000_000_000), root };
        writer.submit(found).await.expect("the bank is new");
        let callers = stream::iter(0..customers).map(|n| session(&writer, bank::number(n)));
        let callers: Vec<Caller> = callers.buffered(REGISTERED_AT_ONCE).collect().await;
        Self { store, writer, ended, callers: callers.into() }
    }

    /// Has random customers deposit and withdraw, so many at the same time.
    ///
    /// # Panics
    /// Where the bank says no.
    pub async fn movements(&self, in_flight: u32, length: Duration) -> Counted {
        let before = processor_time(std::process::id());
        let window = Window::of(length);
        let tasks = (0..in_flight).map(|n| {
            let (writer, callers) = (self.writer.clone(), Arc::clone(&self.callers));
            let mut random = Random::new(u64::from(n));
            tokio::spawn(async move {
                let mut count = window.count();
                while let Some(asked) = count.ask() {
                    let request = Request::Move(movement(&callers, &mut random));
                    writer.submit(request).await.expect("the bank takes it");
                    count.answered(asked);
                }
                count.latencies()
            })
        });
        let latencies = join_all(tasks).await.into_iter().flat_map(|task| task.expect("a customer goes on"));
        let counted = Counted::of(latencies.collect(), length);
        counted.with_processor(processor_time(std::process::id()) - before)
    }

    /// Lets go of the writer, and waits until it ended.
    ///
    /// # Panics
    /// Where it did not end in order.
    pub async fn close(self) {
        let Self { store, writer, ended, .. } = self;
        drop(writer);
        ended.await.expect("the writer does not panic").expect("the writer ends in order");
        store.close().await.expect("the database closes");
    }
}

/// Generous: nothing that is asked for here is refused.
fn rules() -> Rules {
    Rules {
        amount_max: bank::rupees(1_000_000),
        opening_customer: bank::rupees(1_000_000),
        open_registration: true,
        withdraw_min: bank::rupees(100),
        withdraw_max: bank::rupees(5_000),
        withdraw_multiple: bank::rupees(10),
        sessions_per_number_max: 1,
        idle_timeout_ms: 86_400_000,
        session_length_ms: 86_400_000,
        attempts_max: 5,
        lockout_ms: None,
    }
}

/// A new customer's session.
async fn session(writer: &Writer, mobile: MobileNumber) -> Caller {
    let pin = PinHash { pepper: 1, memory_kib: 8, iterations: 1, salt: [5; 16], hash: [6; 32] };
    let key = RequestKey::generate();
    let register = Registration { number: mobile, key, payload: [1; 16], pin: Ok(pin.clone()) };
    writer.submit(Request::Register(register)).await.expect("the number is new");
    let attempt = Request::BeginAttempt(Attempt { number: mobile, change: None });
    writer.submit(attempt).await.expect("the first attempt is counted");
    let mut token = [0; 32];
    token[..8].copy_from_slice(&AccountId::of(mobile).raw().to_le_bytes());
    let login =
        LoginOrder { number: mobile, salt: pin.salt, rehashed: None, token, terminal: bank::terminal() };
    match writer.submit(Request::Login(login)).await {
        Ok(Answer::Session { caller, .. }) => caller,
        other => panic!("{mobile:?} cannot log in: {other:?}"),
    }
}

fn movement(callers: &[Caller], random: &mut Random) -> Movement {
    let count = u64::try_from(callers.len()).expect("a count fits");
    let chosen = usize::try_from(random.below(count)).expect("an index fits");
    let tens = i64::try_from(random.below(40)).expect("a small number fits") + 10;
    let direction = if random.below(2) == 0 { Direction::Withdraw } else { Direction::Deposit };
    let amount = Money::from_minor(tens * 1_000);
    let mut payload = [0; 16];
    payload[..8].copy_from_slice(&amount.minor().to_le_bytes());
    Movement { caller: callers[chosen], key: RequestKey::generate(), payload, direction, amount }
}
