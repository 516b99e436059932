//! A server that is away or stands still: customers are told that nothing was applied, or that nobody knows,
//! and go on by themselves when it is back.

use super::{FEW, agrees, at_once, told, wait_for};
use crate::load::{self, Load};
use atm_tests::daemon::Atmd;
use atm_tests::servers::{Engine, Server};
use futures::FutureExt;
use tokio::task::block_in_place;

#[tokio::test(flavor = "multi_thread")]
async fn customers_go_on_when_the_server_does() {
    at_once([
        a_server_that_is_away_for_long(Engine::MariaDb).boxed(),
        a_server_that_is_away_for_long(Engine::PostgreSql).boxed(),
        a_server_that_freezes(Engine::MariaDb).boxed(),
        a_server_that_freezes(Engine::PostgreSql).boxed(),
    ])
    .await;
}

/// A server of its own, a bank on it, and customers at work.
async fn begin(engine: Engine) -> Option<(Server, Atmd, Load)> {
    let server = block_in_place(|| Server::start(engine))?;
    let options = server.database().options(&load::options());
    let atmd = block_in_place(|| Atmd::start(&options));
    let load = Load::start(&atmd, FEW).await;
    wait_for(&load.progress(), 20);
    Some((server, atmd, load))
}

async fn a_server_that_is_away_for_long(engine: Engine) {
    let Some((mut server, atmd, load)) = begin(engine).await else { return };
    let progress = load.progress();
    block_in_place(|| {
        server.stop();
        told(&atmd, "nothing of a batch was stored", 1);
        server.restart();
    });
    wait_for(&progress, 20);
    agrees(atmd, load).await;
}

async fn a_server_that_freezes(engine: Engine) {
    let Some((server, atmd, load)) = begin(engine).await else { return };
    let progress = load.progress();
    let _ = server.freeze();
    block_in_place(|| told(&atmd, "the database could not be read", 1));
    server.thaw();
    wait_for(&progress, 20);
    agrees(atmd, load).await;
}
