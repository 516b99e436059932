//! A commit without an answer: atmd looks for the batch's seal, and nobody is told what is not so.

use super::{FEW, agrees, at_once, on_each_server, told, wait_for};
use crate::ledgers::settled;
use crate::load::{self, Load};
use atm_rpc::error::ServiceError;
use atm_rpc::types::key::RequestKey;
use atm_tests::bank::{self, rupees};
use atm_tests::csv;
use atm_tests::daemon::{Atmd, Options};
use atm_tests::link::{self, HERE};
use atm_tests::servers::proxy::{Fault, Proxy};
use atm_tests::servers::{Database, Engine, Server};
use atm_tests::wait::eventually;
use futures::FutureExt;
use tokio::task::block_in_place;

/// What atmd says when it does not know whether a batch was committed.
const LOOKS: &str = "a commit failed; looking for the batch";

on_each_server! {
    a_connection_cut_at_a_commit,
    a_server_killed_at_a_commit,
    a_commit_that_nobody_could_tell_of_reaches_the_ledgers,
}

#[tokio::test(flavor = "multi_thread")]
async fn a_network_that_goes_silent_at_a_commit() {
    let (mariadb, postgresql) = (Engine::MariaDb, Engine::PostgreSql);
    at_once([
        silent(mariadb, Fault::StallAtCommit).boxed(),
        silent(mariadb, Fault::StallBeforeCommit).boxed(),
        silent(postgresql, Fault::StallAtCommit).boxed(),
        silent(postgresql, Fault::StallBeforeCommit).boxed(),
    ])
    .await;
}

async fn begin(database: &Database) -> (Proxy, Atmd, Load) {
    let proxy = Proxy::start(database.address()).await;
    let options = database.options_by(proxy.address(), &load::options());
    let atmd = block_in_place(|| Atmd::start(&options));
    let load = Load::start(&atmd, FEW).await;
    (proxy, atmd, load)
}

/// Lets the next commit meet a fault.
fn hit(proxy: &Proxy, fault: Fault) {
    let before = proxy.commits_hit();
    proxy.set(fault);
    block_in_place(|| {
        eventually("a commit meets the fault", || {
            if proxy.commits_hit() > before { Ok(()) } else { Err(format!("{fault:?}")) }
        });
    });
}

async fn a_connection_cut_at_a_commit(engine: Engine) {
    let Some(database) = block_in_place(|| engine.database()) else { return };
    let (proxy, atmd, load) = begin(&database).await;
    let progress = load.progress();
    let faults = [Fault::BeforeCommit, Fault::AtCommit, Fault::AfterCommit];
    for fault in faults.into_iter().cycle().take(2 * faults.len()) {
        hit(&proxy, fault);
        wait_for(&progress, 10);
    }
    block_in_place(|| told(&atmd, LOOKS, 2 * faults.len()));
    agrees(atmd, load).await;
}

/// Silent until atmd gives the answer up; what was held back arrives late.
async fn silent(engine: Engine, fault: Fault) {
    let Some(database) = block_in_place(|| engine.database()) else { return };
    let (proxy, atmd, load) = begin(&database).await;
    let progress = load.progress();
    hit(&proxy, fault);
    block_in_place(|| told(&atmd, LOOKS, 1));
    proxy.set(Fault::None);
    wait_for(&progress, 20);
    agrees(atmd, load).await;
}

async fn a_server_killed_at_a_commit(engine: Engine) {
    let Some(mut server) = block_in_place(|| Server::start(engine)) else { return };
    let (proxy, atmd, load) = begin(&server.database()).await;
    let progress = load.progress();
    for (times, fault) in (1..).zip([Fault::StallAtCommit, Fault::StallBeforeCommit, Fault::StallAtCommit]) {
        wait_for(&progress, 10);
        hit(&proxy, fault);
        block_in_place(|| {
            server.kill();
            server.restart();
            // What the server answered before it died goes with its connection.
            proxy.set(Fault::Down);
            told(&atmd, LOOKS, times);
        });
        proxy.set(Fault::None);
    }
    wait_for(&progress, 20);
    agrees(atmd, load).await;
}

/// The server is away from the commit on until atmd gives up looking. Nobody asks for anything after that.
async fn a_commit_that_nobody_could_tell_of_reaches_the_ledgers(engine: Engine) {
    let Some(database) = block_in_place(|| engine.database()) else { return };
    let proxy = Proxy::start(database.address()).await;
    let options = database.options_by(proxy.address(), &Options::default());
    let atmd = block_in_place(|| Atmd::start(&options));
    let mobile = bank::number(1);
    link::register(&atmd, mobile).await;
    let customer = link::plain(&atmd, HERE).await;
    let _ = link::login(&customer, mobile).await.unwrap();
    // The ledgers' checkpoints are commits, too.
    block_in_place(|| settled(&atmd));
    proxy.set(Fault::StallAtCommit);
    let deposit = customer.deposit(link::patient(), RequestKey::generate(), rupees(100));
    let away = async {
        block_in_place(|| {
            let deposits = "SELECT count(*) FROM journal WHERE amount_minor = 10000;";
            eventually("the server has the deposit", || match database.sql(deposits).trim() {
                "1" => Ok(()),
                other => Err(other.to_owned()),
            });
        });
        proxy.set(Fault::Down);
    };
    let (said, ()) = futures::join!(deposit, away);
    assert_eq!(said.unwrap().unwrap_err(), ServiceError::OutcomeUnknown);
    proxy.set(Fault::None);
    block_in_place(|| {
        eventually("bank.csv has the deposit", || {
            let rows = csv::continuous_bank(&atmd.bank_csv())?;
            if rows.len() == 2 { Ok(()) } else { Err(format!("{} rows", rows.len())) }
        });
    });
}
