//! Locks that others hold: atmd waits a while, tries again, says that nothing was applied, and goes on when the
//! lock is free.

use super::{at_once, told};
use atm_rpc::client::{Customer, CustomerError};
use atm_rpc::customer::Receipt;
use atm_rpc::types::account::AccountId;
use atm_rpc::types::key::RequestKey;
use atm_rpc::types::mobile::MobileNumber;
use atm_tests::bank::{self, rupees};
use atm_tests::books::Books;
use atm_tests::daemon::{Atmd, Options};
use atm_tests::link;
use atm_tests::servers::{Database, Engine};
use atm_tests::wait::{PATIENCE, eventually};
use futures::FutureExt;
use tokio::task::{JoinHandle, block_in_place};

#[tokio::test(flavor = "multi_thread")]
async fn atmd_goes_on_when_the_lock_is_free() {
    at_once([
        a_lock_on_the_bank_that_is_held_for_long(Engine::MariaDb).boxed(),
        a_lock_on_the_bank_that_is_held_for_long(Engine::PostgreSql).boxed(),
        a_deadlock_that_atmd_loses(Engine::MariaDb).boxed(),
        a_deadlock_that_atmd_loses(Engine::PostgreSql).boxed(),
        a_drain_whose_operator_leaves_before_it_is_noted(Engine::PostgreSql).boxed(),
    ])
    .await;
}

/// A bank on a server with one customer, who has 100.
struct Stage {
    database: Database,
    atmd: Atmd,
    mobile: MobileNumber,
    customer: Customer,
}

impl Stage {
    async fn set(engine: Engine) -> Option<Self> {
        let database = block_in_place(|| engine.database())?;
        let options = Options::default().set("logging.level", "info,atmd::writer=debug");
        let atmd = block_in_place(|| Atmd::start(&database.options(&options)));
        let mobile = bank::number(1);
        link::register(&atmd, mobile).await;
        let mut customer = link::logged_in(&atmd, mobile).await;
        let _ = customer.deposit(RequestKey::generate(), rupees(100)).await.unwrap();
        Some(Self { database, atmd, mobile, customer })
    }

    /// Asks for a deposit of 7 in a task of its own.
    fn deposit(self) -> (Database, Atmd, MobileNumber, JoinHandle<Result<Receipt, CustomerError>>) {
        let Self { database, atmd, mobile, mut customer } = self;
        let key = RequestKey::generate();
        (database, atmd, mobile, tokio::spawn(async move { customer.deposit(key, rupees(7)).await }))
    }
}

/// The deposit was made once.
async fn made_once(
    mut atmd: Atmd,
    mobile: MobileNumber,
    waiting: JoinHandle<Result<Receipt, CustomerError>>,
) {
    assert_eq!(waiting.await.unwrap().unwrap().balance, rupees(107));
    assert!(block_in_place(|| atmd.stop()).success());
    let books = Books::of(&atmd.config()).await;
    let moved = books.of_customer(AccountId::of(mobile)).filter(|entry| entry.transfer.is_some());
    assert_eq!(moved.count(), 2);
}

async fn a_lock_on_the_bank_that_is_held_for_long(engine: Engine) {
    let Some(stage) = Stage::set(engine).await else { return };
    let mut other = stage.database.session();
    let rows = block_in_place(|| other.run("BEGIN; SELECT id FROM bank WHERE id = 1 FOR UPDATE"));
    assert_eq!(rows, ["1"]);
    let (_database, atmd, mobile, waiting) = stage.deposit();
    // First it waits for the lock and tries again, then it gives up; the customer's client asks again itself.
    block_in_place(|| {
        told(&atmd, "a batch is tried again", 1);
        told(&atmd, "nothing of a batch was stored", 1);
        assert_eq!(other.run("ROLLBACK"), Vec::<String>::new());
    });
    made_once(atmd, mobile, waiting).await;
}

/// What the audit log says was done is done.
async fn a_drain_whose_operator_leaves_before_it_is_noted(engine: Engine) {
    let Some(Stage { database, atmd, .. }) = Stage::set(engine).await else { return };
    let mut other = database.session();
    let rows = block_in_place(|| other.run("BEGIN; SELECT id FROM bank WHERE id = 1 FOR UPDATE"));
    assert_eq!(rows, ["1"]);
    let operator = link::operator(&atmd).await;
    let context = link::patient();
    let asked = tokio::spawn(async move { operator.daemon_drain(context, "new disks".into(), None).await });
    block_in_place(|| told(&atmd, "a batch is tried again", 1));
    asked.abort();
    assert!(asked.await.is_err(), "nobody waits any more");
    assert_eq!(block_in_place(|| other.run("ROLLBACK")), Vec::<String>::new());
    block_in_place(|| {
        eventually("the audit log tells of the drain", || {
            let count = database.sql("SELECT count(*) FROM audit WHERE method = 'daemon_drain'");
            if count.trim() == "1" { Ok(()) } else { Err(count) }
        });
        eventually("nobody is let in", || {
            let status = atmd.ctl(&["status"]);
            if status.stdout.contains("new disks") { Ok(()) } else { Err(status.to_string()) }
        });
    });
}

/// The other session holds the account's row and wants the bank's; atmd holds the bank's row and wants the
/// account's.
async fn a_deadlock_that_atmd_loses(engine: Engine) {
    let Some(stage) = Stage::set(engine).await else { return };
    let account = AccountId::of(stage.mobile).raw();
    let mut other = stage.database.session();
    block_in_place(|| {
        // Servers end the transaction that changed less, or the one that looked first: not this one.
        other.run("CREATE TABLE heavy (n INT PRIMARY KEY)");
        let numbers: Vec<String> = (0..1_000).map(|n| format!("({n})")).collect();
        other.run(&format!("BEGIN; INSERT INTO heavy VALUES {}", numbers.join(",")));
        other.run(&format!("UPDATE account SET pending_minor = pending_minor WHERE id = {account}"));
        let found = other.run(&format!("SELECT id FROM account WHERE id = {account} FOR UPDATE"));
        assert_eq!(found, [account.to_string()]);
    });
    let (database, atmd, mobile, waiting) = stage.deposit();
    block_in_place(|| {
        eventually("atmd waits for the account", || match waits(&database) {
            0 => Err("nobody waits".to_owned()),
            _ => Ok(()),
        });
        other.begin("SELECT id FROM bank WHERE id = 1 FOR UPDATE");
        assert_eq!(other.finish(PATIENCE), Some(vec!["1".to_owned()]));
        told(&atmd, "a batch is tried again", 1);
        other.run("ROLLBACK");
    });
    let log = atmd.log().to_lowercase();
    assert!(log.contains("deadlock"), "{log}");
    made_once(atmd, mobile, waiting).await;
}

/// Transactions in the database that wait for a lock.
fn waits(database: &Database) -> u32 {
    let count = match database.engine() {
        Engine::MariaDb => {
            "SELECT count(*) FROM information_schema.innodb_trx t
             JOIN information_schema.processlist p ON p.id = t.trx_mysql_thread_id
             WHERE t.trx_state = 'LOCK WAIT' AND p.db = DATABASE();"
        }
        _ => {
            "SELECT count(*) FROM pg_stat_activity
             WHERE wait_event_type = 'Lock' AND datname = current_database();"
        }
    };
    database.sql(count).trim().parse().unwrap()
}
