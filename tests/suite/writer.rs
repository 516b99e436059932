//! The writer by itself, without connections: what it answers is what the books have, however many ask at
//! once and however often.

use crate::engines::on_each_engine;
use atm_rpc::customer::{KeyOutcome, Receipt};
use atm_rpc::error::{Rejection, ServiceError};
use atm_rpc::operator::Role;
use atm_rpc::types::account::AccountId;
use atm_rpc::types::action::Action;
use atm_rpc::types::key::RequestKey;
use atm_rpc::types::mobile::MobileNumber;
use atm_rpc::types::money::Money;
use atm_tests::bank;
use atm_tests::books::{self, Books};
use atm_tests::daemon::Options;
use atm_tests::random::Random;
use atm_tests::servers::{Database, Engine};
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
use std::collections::HashMap;
use std::env;
use std::fs;
use tempfile::TempDir;
use tokio::task::JoinHandle;

const TASKS: u32 = 64;
const ACCOUNTS: u32 = 50;
const BOUNDS: Bounds = Bounds { batch_count_max: 1024, queue_max: 8192 };

on_each_engine! {
    what_was_answered_is_what_the_books_have,
    a_request_whose_caller_left_is_decided_all_the_same,
    what_is_queued_is_committed_before_the_end,
    a_preview_changes_nothing,
}

/// A writer on a new database, and the bank's cash in its vault.
struct Office {
    folder: TempDir,
    config: Config,
    store: Store,
    writer: Writer,
    ended: JoinHandle<Result<(), Ended>>,
}

impl Office {
    async fn open(database: &Database, bounds: Bounds) -> Self {
        let folder = TempDir::with_prefix("writer-").unwrap();
        fs::create_dir(folder.path().join("keys")).unwrap();
        let data_dir = folder.path().to_str().unwrap();
        let config = database.options(&Options::default()).set("server.data_dir", data_dir).config();
        let store = books::store(&config).await;
        let calendar = Calendar::new(config.bank.timezone.clone(), config.bank.cutover_time);
        let context = Context { store: store.clone(), rules: rules().into(), calendar, clock: Clock::System };
        let (writer, ended) = Writer::start(context, bounds);
        let root = NewOperator {
            id: 1,
            name: "root".into(),
            role: Role::Admin,
            fingerprint: [1; 32],
            created_at: Clock::System.now(),
        };
        writer.submit(Request::Found { opening_vault: bank::rupees(10_000), root }).await.unwrap();
        Self { folder, config, store, writer, ended }
    }

    /// Lets go of the writer, waits until it ended, and gives the books.
    async fn close(self) -> Books {
        let Self { folder, config, store, writer, ended } = self;
        drop(writer);
        ended.await.unwrap().expect("the writer ends in order");
        store.close().await.unwrap();
        let books = Books::without_ledgers(&config).await;
        drop(folder);
        books
    }
}

fn rules() -> Rules {
    Rules {
        amount_max: bank::rupees(1_000_000),
        opening_customer: bank::rupees(100),
        open_registration: true,
        withdraw_min: bank::rupees(100),
        withdraw_max: bank::rupees(5_000),
        withdraw_multiple: bank::rupees(10),
        sessions_per_number_max: 1,
        idle_timeout_ms: 3_600_000,
        session_length_ms: 3_600_000,
        attempts_max: 5,
        lockout_ms: None,
    }
}

/// A new customer's session.
async fn session(writer: &Writer, mobile: MobileNumber) -> Caller {
    let pin = PinHash { pepper: 1, memory_kib: 8, iterations: 1, salt: [5; 16], hash: [6; 32] };
    let key = RequestKey::generate();
    let register = Registration { number: mobile, key, payload: [1; 16], pin: Ok(pin.clone()) };
    let opened = writer.submit(Request::Register(register)).await.unwrap();
    assert!(
        matches!(&opened, Answer::Receipt(receipt) if receipt.action == Action::Registered),
        "{opened:?}"
    );
    let attempt = writer.submit(Request::BeginAttempt(Attempt { number: mobile, change: None })).await;
    assert_eq!(attempt.unwrap(), Answer::Verify(pin.clone()));
    let mut token = [0; 32];
    token[..8].copy_from_slice(&AccountId::of(mobile).raw().to_le_bytes());
    let terminal = bank::terminal();
    let login = LoginOrder { number: mobile, salt: pin.salt, rehashed: None, token, terminal };
    match writer.submit(Request::Login(login)).await.unwrap() {
        Answer::Session { caller, .. } => caller,
        other => panic!("{other:?}"),
    }
}

fn movement(caller: Caller, key: RequestKey, direction: Direction, amount: Money) -> Movement {
    let mut payload = [0; 16];
    payload[..8].copy_from_slice(&amount.minor().to_le_bytes());
    payload[8] = u8::from(direction == Direction::Deposit);
    Movement { caller, key, payload, direction, amount }
}

fn random_movement(caller: Caller, random: &mut Random) -> Movement {
    let whole = i64::try_from(random.below(40)).unwrap() + 10;
    let (direction, amount) = match random.below(2) {
        0 => (Direction::Withdraw, bank::rupees(whole * 10)),
        _ => (Direction::Deposit, Money::from_minor(whole * 701)),
    };
    movement(caller, RequestKey::generate(), direction, amount)
}

type Said = Result<Receipt, ServiceError>;

async fn ask(writer: &Writer, order: &Movement) -> Said {
    match writer.submit(Request::Move(order.clone())).await? {
        Answer::Receipt(receipt) => Ok(receipt),
        other => panic!("{other:?}"),
    }
}

/// Asks for a movement once or more often. The outcome is one: what was moved, if anything.
async fn ask_often(writer: &Writer, order: &Movement, random: &mut Random) -> Option<Receipt> {
    let first = match random.below(8) {
        0 => {
            let (first, second, third) =
                futures::join!(ask(writer, order), ask(writer, order), ask(writer, order));
            let answers = [first, second, third];
            let fresh = answers.iter().position(|said| said.as_ref().is_ok_and(|receipt| !receipt.replayed));
            let fresh = fresh.unwrap_or(0);
            let again = answers.iter().enumerate().filter(|(n, _)| *n != fresh).map(|(_, said)| said);
            again.for_each(|said| same(&answers[fresh], said));
            answers[fresh].clone()
        }
        1 => {
            let first = ask(writer, order).await;
            same(&first, &ask(writer, order).await);
            first
        }
        2 => {
            let first = ask(writer, order).await;
            let more = order.amount.checked_add(bank::rupees(10)).unwrap();
            let other = movement(order.caller, order.key, order.direction, more);
            let conflict = ServiceError::Rejected(Rejection::KeyConflict);
            assert_eq!(ask(writer, &other).await.unwrap_err(), conflict, "{order:?}");
            same(&first, &ask(writer, order).await);
            first
        }
        _ => ask(writer, order).await,
    };
    match first {
        Ok(receipt) => Some(receipt),
        Err(ServiceError::Rejected(Rejection::InsufficientFunds { .. })) => None,
        Err(other) => panic!("{order:?}: {other}"),
    }
}

/// A repeat is answered as the first was, but for the mark that says so.
fn same(first: &Said, again: &Said) {
    match (first, again) {
        (Ok(first), Ok(again)) => {
            assert!(!first.replayed && again.replayed, "{first:?} {again:?}");
            assert_eq!(*first, Receipt { replayed: false, ..again.clone() });
        }
        _ => assert_eq!(first, again),
    }
}

async fn work(
    writer: Writer,
    own: Caller,
    shared: Caller,
    seed: u32,
    count: u32,
) -> Vec<(Movement, Receipt)> {
    let mut random = Random::new(u64::from(seed));
    let mut moved = Vec::new();
    for _ in 0..count {
        let caller = if random.below(3) == 0 { shared } else { own };
        let order = random_movement(caller, &mut random);
        if let Some(receipt) = ask_often(&writer, &order, &mut random).await {
            moved.push((order, receipt));
        }
    }
    moved
}

async fn what_was_answered_is_what_the_books_have(database: &Database) {
    let count = env::var("ATM_MOVEMENTS").map_or(50, |number| number.parse().unwrap());
    let office = Office::open(database, BOUNDS).await;
    let callers = join_all((0..ACCOUNTS).map(|n| session(&office.writer, bank::number(n)))).await;
    let tasks = (0..TASKS).map(|n| {
        let own = callers[usize::try_from(1 + n % (ACCOUNTS - 1)).unwrap()];
        tokio::spawn(work(office.writer.clone(), own, callers[0], n, count))
    });
    let moved: Vec<(Movement, Receipt)> =
        join_all(tasks).await.into_iter().flat_map(Result::unwrap).collect();
    let books = office.close().await;
    check_moved(&books, &moved);
    for caller in &callers {
        let balance = books.accounts[&caller.account].posted;
        assert_eq!(balance, balance_of(caller.account, &moved), "{:?}", caller.account);
    }
    // Each registration is two entries and a log-in is one; nothing else was asked for.
    let others = books.entries.len() - moved.len();
    assert_eq!(others, 1 + 3 * callers.len(), "entries that nobody was told of");
    assert!(books.batches * 2 < books.entries.len(), "{} batches were no groups", books.batches);
}

/// Each receipt is its entry, and no other entry moved cash for a customer.
fn check_moved(books: &Books, moved: &[(Movement, Receipt)]) {
    for (order, receipt) in moved {
        let entry = &books.entries[usize::try_from(receipt.reference.0).unwrap() - 1];
        assert_eq!(entry.receipt(false), *receipt);
        assert_eq!(entry.request, Some((order.key, order.payload)), "{order:?}");
        assert_eq!(entry.transfer.map(|transfer| transfer.amount), Some(order.amount));
    }
    let cash = |action| matches!(action, Action::Deposit | Action::Withdraw);
    let count = books.entries.iter().filter(|entry| cash(entry.action)).count();
    assert_eq!(count, moved.len());
}

fn balance_of(account: AccountId, moved: &[(Movement, Receipt)]) -> Money {
    let own = moved.iter().filter(|(order, _)| order.caller.account == account);
    let change = |order: &Movement| match order.direction {
        Direction::Deposit => order.amount.minor(),
        Direction::Withdraw => -order.amount.minor(),
    };
    Money::from_minor(rules().opening_customer.minor() + own.map(|(order, _)| change(order)).sum::<i64>())
}

/// Hands a request in, and does not wait for the answer.
async fn hand_in(writer: &Writer, order: Movement) {
    let asked = writer.submit(Request::Move(order));
    futures::pin_mut!(asked);
    // Polled once, it is in the queue.
    drop(futures::poll!(asked));
}

async fn a_request_whose_caller_left_is_decided_all_the_same(database: &Database) {
    let office = Office::open(database, BOUNDS).await;
    let caller = session(&office.writer, bank::number(1)).await;
    let order = movement(caller, RequestKey::generate(), Direction::Deposit, bank::rupees(5));
    hand_in(&office.writer, order.clone()).await;
    let found = office.writer.submit(Request::Outcome { caller, key: order.key }).await.unwrap();
    // Money goes first, so that the question finds it decided.
    let Answer::Outcome(KeyOutcome::Done(receipt)) = found else { panic!("{found:?}") };
    assert_eq!((receipt.amount, receipt.replayed), (bank::rupees(5), true));
    assert_eq!(ask(&office.writer, &order).await.unwrap(), receipt);
    let books = office.close().await;
    assert_eq!(books.accounts[&caller.account].posted, bank::rupees(105));
}

async fn what_is_queued_is_committed_before_the_end(database: &Database) {
    const COUNT: i64 = 500;
    let office = Office::open(database, Bounds { batch_count_max: 16, ..BOUNDS }).await;
    let caller = session(&office.writer, bank::number(1)).await;
    for _ in 0..COUNT {
        hand_in(
            &office.writer,
            movement(caller, RequestKey::generate(), Direction::Deposit, bank::rupees(1)),
        )
        .await;
    }
    let books = office.close().await;
    assert_eq!(books.accounts[&caller.account].posted, bank::rupees(100 + COUNT));
}

/// Another one holds the bank's lock meanwhile, so that the writer gets no farther than to its next batch.
#[tokio::test]
async fn a_full_queue_says_busy_and_nothing_of_it_happens() {
    const PLACES: usize = 4;
    const BATCH: usize = 2;
    let database = &Engine::Sqlite.database().unwrap();
    let office = Office::open(database, Bounds { batch_count_max: BATCH, queue_max: PLACES }).await;
    let caller = session(&office.writer, bank::number(1)).await;
    let other = books::store(&office.config).await;
    let lock = other.begin().await.unwrap();
    let orders: Vec<Movement> = (0..20)
        .map(|_| movement(caller, RequestKey::generate(), Direction::Deposit, bank::rupees(1)))
        .collect();
    let mut asked = Box::pin(join_all(orders.iter().map(|order| ask(&office.writer, order))));
    assert!(futures::poll!(&mut asked).is_pending());
    lock.rollback().await.unwrap();
    other.close().await.unwrap();
    let (done, busy): (Vec<_>, Vec<_>) = orders.iter().zip(asked.await).partition(|(_, said)| said.is_ok());
    assert!((PLACES..=PLACES + BATCH).contains(&done.len()), "{} got a place", done.len());
    for (_, refused) in &busy {
        assert!(matches!(refused, Err(ServiceError::Busy { .. })), "{refused:?}");
    }
    // The same again; what gets in now acts now, for the first time.
    let mut deposits = done.len();
    for said in join_all(busy.iter().map(|(order, _)| ask(&office.writer, order))).await {
        match said {
            Ok(receipt) => {
                assert!(!receipt.replayed, "{receipt:?}");
                deposits += 1;
            }
            Err(refused) => assert!(matches!(refused, ServiceError::Busy { .. }), "{refused:?}"),
        }
    }
    let books = office.close().await;
    let posted = bank::rupees(100 + i64::try_from(deposits).unwrap());
    assert_eq!(books.accounts[&caller.account].posted, posted);
}

async fn a_preview_changes_nothing(database: &Database) {
    let office = Office::open(database, BOUNDS).await;
    let caller = session(&office.writer, bank::number(1)).await;
    let order = movement(caller, RequestKey::generate(), Direction::Deposit, bank::rupees(5));
    let before: HashMap<_, _> = office.store.accounts().await.unwrap().into_iter().collect();
    for _ in 0..2 {
        match office.writer.preview(&Request::Move(order.clone())).await.unwrap() {
            Answer::Receipt(receipt) => assert!(!receipt.replayed, "{receipt:?}"),
            other => panic!("{other:?}"),
        }
    }
    let after: HashMap<_, _> = office.store.accounts().await.unwrap().into_iter().collect();
    assert_eq!(before, after);
    let books = office.close().await;
    assert_eq!(books.of_customer(caller.account).count(), 3);
}
