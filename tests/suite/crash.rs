//! kill -9 under load, again and again, of atmd, of its database server, and of both: what was acknowledged is
//! there once, what was not is there at most once and found under its key, clients go on by themselves, and the
//! ledgers are whole. And the control: where the database may lose commits, the same checker finds the loss.

use crate::checker::{self, Difference, Done, Settled};
use crate::load::{self, CLIENTS, Load, Progress};
use atm_rpc::types::mobile::MobileNumber;
use atm_tests::books::Books;
use atm_tests::csv::{self, BankRow, ClientRow};
use atm_tests::daemon::Atmd;
use atm_tests::random::Random;
use atm_tests::servers::{Engine, Server};
use atm_tests::wait::eventually;
use std::env;
use std::thread::sleep;
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::task::{block_in_place, spawn_blocking};

/// Who is killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Victim {
    Atmd,
    Server,
    Both,
}

/// A bank, and the server that it is stored on where there is one.
struct Bank {
    atmd: Atmd,
    server: Option<Server>,
}

impl Bank {
    /// `None` where the machine lacks the server's programs.
    fn open(engine: Engine) -> Option<Self> {
        let options = load::options();
        if engine == Engine::Sqlite {
            return Some(Self { atmd: Atmd::start(&options), server: None });
        }
        let server = Server::start(engine)?;
        Some(Self { atmd: Atmd::start(&server.database().options(&options)), server: Some(server) })
    }

    /// Kills, and starts again what was killed.
    fn kill(&mut self, victim: Victim, random: &mut Random, look: bool) {
        let atmd_first = random.below(2) == 0;
        if victim == Victim::Atmd || (victim == Victim::Both && atmd_first) {
            self.atmd.kill();
        }
        if let Some(server) = self.server.as_mut().filter(|_| victim != Victim::Atmd) {
            server.kill();
            server.restart();
        }
        if victim == Victim::Both && !atmd_first {
            self.atmd.kill();
        }
        if victim == Victim::Server {
            return;
        }
        // Not each time: looking into the database leaves less of it to be mended.
        if look {
            let _ = Handle::current().block_on(Books::without_ledgers(&self.atmd.config()));
        }
        self.atmd.restart();
    }
}

/// Kills again and again, each time at another moment of the work.
fn rounds(mut bank: Bank, victim: Victim, progress: &Progress) -> Bank {
    let usual = if bank.server.is_some() { 10 } else { 30 };
    let rounds = env::var("ATM_KILLS").map_or(usual, |number| number.parse().unwrap());
    let acknowledged_max = if bank.server.is_some() { 200 } else { 400 };
    let mut random = Random::new(9);
    for round in 1..=rounds {
        progress.wait_for(1 + random.below(acknowledged_max));
        // Not a wait for anything: it spreads the kills over the phases of a batch.
        sleep(Duration::from_micros(random.below(3_000)));
        bank.kill(victim, &mut random, round % 10 == 0);
    }
    bank
}

async fn nothing_is_lost_and_nothing_doubled(engine: Engine, victim: Victim) {
    let Some(bank) = block_in_place(|| Bank::open(engine)) else { return };
    let load = Load::start(&bank.atmd, CLIENTS).await;
    let progress = load.progress();
    let bank = spawn_blocking(move || rounds(bank, victim, &progress)).await.unwrap();
    let movers = load.end().await;
    for mover in &movers {
        assert!(mover.client.has_session(), "{:?} did not keep its session", mover.mobile);
    }
    let settled = checker::settle(movers).await;
    assert_eq!(settled.differences, []);
    assert_whole(bank, &settled).await;
}

/// The journal and both ledgers have exactly the movements that were made, and an ordered end and another start
/// leave the same.
async fn assert_whole(bank: Bank, settled: &Settled) {
    let Bank { mut atmd, server } = bank;
    block_in_place(|| the_ledgers_have(&atmd, &settled.done));
    assert!(block_in_place(|| atmd.stop()).success());
    let books = Books::of(&atmd.config()).await;
    assert_eq!(checker::compare(&books, settled), []);
    block_in_place(|| {
        atmd.restart();
        the_ledgers_have(&atmd, &settled.done);
    });
    drop((atmd, server));
}

/// Both ledgers have exactly the movements that were made, in their order.
fn the_ledgers_have(atmd: &Atmd, done: &[(MobileNumber, Vec<Done>)]) {
    let count = done.iter().map(|(_, receipts)| receipts.len()).sum::<usize>();
    let vault = eventually("bank.csv has every movement", || {
        let rows = csv::continuous_bank(&atmd.bank_csv())?;
        if rows.len() > count { Ok(rows) } else { Err(format!("{} of {}", rows.len(), count + 1)) }
    });
    assert_eq!(vault.len(), count + 1, "the opening and each movement");
    let clients = eventually("client.csv has every movement", || {
        let rows = csv::client(&atmd.client_csv())?;
        let moved: Vec<_> = rows.into_iter().filter(|row| row.amount.is_some()).collect();
        if moved.len() >= count { Ok(moved) } else { Err(format!("{} of {count}", moved.len())) }
    });
    assert_eq!(clients.len(), count, "client.csv has more than was moved");
    for (mobile, done) in done {
        let expected: Vec<_> = done.iter().map(|(_, r)| (r.action, r.amount, r.recorded_at)).collect();
        let own = |row: &&BankRow| row.mobile == mobile.full();
        let told: Vec<_> = vault.iter().filter(own).map(|r| (r.action, r.amount, r.timestamp)).collect();
        assert_eq!(told, expected, "bank.csv, {mobile:?}");
        let own: Vec<&ClientRow> = clients.iter().filter(|row| row.mobile == mobile.full()).collect();
        let told: Vec<_> = own.iter().map(|r| (r.action, r.amount.unwrap(), r.timestamp)).collect();
        assert_eq!(told, expected, "client.csv, {mobile:?}");
        let balances: Vec<_> = own.iter().map(|r| r.user_balance).collect();
        assert_eq!(balances, done.iter().map(|(_, r)| Some(r.balance)).collect::<Vec<_>>(), "{mobile:?}");
    }
}

macro_rules! kills {
    ($($name:ident: $victim:ident of $engine:ident,)+) => { $(
        #[tokio::test(flavor = "multi_thread")]
        async fn $name() {
            nothing_is_lost_and_nothing_doubled(Engine::$engine, Victim::$victim).await;
        }
    )+ };
}

kills! {
    of_atmd_on_sqlite: Atmd of Sqlite,
    of_atmd_on_mariadb: Atmd of MariaDb,
    of_atmd_on_postgresql: Atmd of PostgreSql,
    of_the_server_mariadb: Server of MariaDb,
    of_the_server_postgresql: Server of PostgreSql,
    of_both_on_mariadb: Both of MariaDb,
    of_both_on_postgresql: Both of PostgreSql,
}

/// MariaDB keeps in its own memory for up to a second what it was told need not be safe, and dies with it. atmd
/// looked at that setting when it started, and does not see the change.
#[tokio::test(flavor = "multi_thread")]
async fn the_checker_finds_the_loss_where_the_server_may_lose_commits() {
    let Some(Bank { atmd, server: Some(mut server) }) = block_in_place(|| Bank::open(Engine::MariaDb)) else {
        return;
    };
    let load = Load::start(&atmd, CLIENTS).await;
    let progress = load.progress();
    block_in_place(|| {
        // It may have written all by chance, just before one of these.
        for _ in 0..3 {
            progress.wait_for(200);
            let _ = server.sql("SET GLOBAL innodb_flush_log_at_trx_commit = 0;");
            progress.wait_for(200);
            server.kill();
            // What clients repeat until the server is back, it has not seen.
            server.restart();
        }
    });
    let settled = checker::settle(load.end().await).await;
    let lost = settled.differences.iter().filter(|found| matches!(found, Difference::Lost(_))).count();
    assert!(lost > 0, "the checker found {:?}", settled.differences);
}
