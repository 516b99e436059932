//! The harness's database servers do what the tests that stand on them believe: they keep what was committed,
//! end when told to, stand still when frozen, and show a certificate.

use atm_tests::servers::{Engine, Server};
use atm_tests::wait::eventually;
use std::net::TcpStream;
use std::time::Duration;

fn keeps_what_was_committed(engine: Engine) {
    let Some(mut server) = Server::start(engine) else { return };
    let database = server.database();
    let _ = database.sql("CREATE TABLE kept (n INT PRIMARY KEY); INSERT INTO kept VALUES (1);");
    let address = server.address();
    let mut open = database.session();
    let _ = open.run("BEGIN; INSERT INTO kept VALUES (2)");
    server.kill();
    assert!(TcpStream::connect(address).is_err(), "nobody listens any more");
    server.restart();
    assert_eq!((server.address(), database.sql("SELECT n FROM kept;").trim()), (address, "1"));
    server.stop();
    server.restart();
    assert_eq!(database.sql("SELECT n FROM kept;").trim(), "1");
}

fn stands_still_when_frozen(engine: Engine) {
    let Some(server) = Server::start(engine) else { return };
    let database = server.database();
    let mut session = database.session();
    assert_eq!(session.run("SELECT 1"), ["1"]);
    let _ = server.freeze();
    session.begin("SELECT 2");
    assert_eq!(session.finish(Duration::from_millis(300)), None);
    server.thaw();
    assert_eq!(session.finish(atm_tests::wait::PATIENCE), Some(vec!["2".to_owned()]));
}

fn databases_are_apart(engine: Engine) {
    let (Some(one), Some(other)) = (engine.database(), engine.database()) else { return };
    let _ = one.sql("CREATE TABLE own (n INT);");
    assert_eq!(one.address(), other.address());
    let count =
        "SELECT count(*) FROM information_schema.tables WHERE table_name = 'own' AND table_schema IN ";
    let schema = if engine == Engine::MariaDb { "(DATABASE());" } else { "('public');" };
    assert_eq!(one.sql(&format!("{count}{schema}")).trim(), "1");
    assert_eq!(other.sql(&format!("{count}{schema}")).trim(), "0");
}

fn leaves_nothing_behind(engine: Engine) {
    let Some(server) = Server::start(engine) else { return };
    let address = server.address();
    drop(server);
    eventually("nobody listens", || match TcpStream::connect(address) {
        Ok(_) => Err("somebody does".to_owned()),
        Err(_) => Ok(()),
    });
}

macro_rules! on_each {
    ($($check:ident)+) => { $(mod $check {
        use super::Engine;
        #[test]
        fn on_mariadb() { super::$check(Engine::MariaDb); }
        #[test]
        fn on_postgresql() { super::$check(Engine::PostgreSql); }
    })+ };
}

on_each! { keeps_what_was_committed stands_still_when_frozen databases_are_apart leaves_nothing_behind }
