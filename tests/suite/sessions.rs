//! How sessions and connections end: taken over, idle, too long, too many, silent.

use atm_rpc::error::{ServiceError, SessionEnd};
use atm_rpc::transport::{CUSTOMER, tls};
use atm_tests::bank;
use atm_tests::daemon::{Atmd, Options};
use atm_tests::link::{self, HERE};
use atm_tests::wait::{self, eventually};
use std::fs;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use tokio::io::AsyncReadExt;
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// Another machine, as atmd sees it.
const THERE: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2));
const ELSEWHERE: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 3));

/// Tries to connect from an address.
async fn connect(atmd: &Atmd, source: IpAddr) -> io::Result<TlsStream<TcpStream>> {
    let socket = TcpSocket::new_v4()?;
    socket.bind(SocketAddr::new(source, 0))?;
    let stream = socket.connect(atmd.customers()).await?;
    let config = tls::client_config(CUSTOMER, &fs::read(atmd.ca())?, None).unwrap();
    let name = tls::server_name(&atmd.customers().to_string()).unwrap();
    timeout(wait::PATIENCE, TlsConnector::from(config).connect(name, stream)).await?
}

/// Waits until a connection was ended at the other side.
async fn ended(mut connection: TlsStream<TcpStream>) {
    let mut bytes = Vec::new();
    let ended = timeout(wait::PATIENCE, connection.read_to_end(&mut bytes)).await;
    // Whether with a farewell of TLS or without, it is over.
    drop(ended.expect("the connection ends"));
    assert_eq!(bytes, [0; 0], "nobody asked for anything");
}

/// Waits until atmd has so many connections of customers.
fn has_connections(atmd: &Atmd, count: usize) {
    eventually(&format!("atmd has {count} connections"), || {
        let status = atmd.ctl(&["status", "-o", "json"]).coded(0).json();
        let active = status["data"][0]["connections_active"].as_str().map(str::to_owned);
        if active == Some(count.to_string()) { Ok(()) } else { Err(status.to_string()) }
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_taken_over_learns_it_at_the_next_request() {
    let atmd = Atmd::start(&Options::default());
    let mobile = bank::number(1);
    link::register(&atmd, mobile).await;
    let (first, second) = (link::plain(&atmd, HERE).await, link::plain(&atmd, THERE).await);
    let token = link::login(&first, mobile).await.unwrap().token;
    let _ = first.balance(link::patient()).await.unwrap().unwrap();
    let session = link::login(&second, mobile).await.unwrap();
    assert_eq!(session.taken_over, 1);
    let over = Err(ServiceError::Unauthenticated(SessionEnd::TakenOver));
    // Told once and again, and to whoever comes with its token.
    for _ in 0..2 {
        assert_eq!(first.balance(link::patient()).await.unwrap().map(drop), over);
    }
    let third = link::plain(&atmd, ELSEWHERE).await;
    assert_eq!(third.resume(link::patient(), token).await.unwrap().map(drop), over);
    let _ = second.balance(link::patient()).await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_is_on_one_connection() {
    let atmd = Atmd::start(&Options::default());
    let mobile = bank::number(1);
    link::register(&atmd, mobile).await;
    let (first, second) = (link::plain(&atmd, HERE).await, link::plain(&atmd, THERE).await);
    let session = link::login(&first, mobile).await.unwrap();
    let resumed = second.resume(link::patient(), session.token).await.unwrap().unwrap();
    assert_eq!((resumed.id, resumed.started_at), (session.id, session.started_at));
    let elsewhere = Err(ServiceError::Unauthenticated(SessionEnd::ResumedElsewhere));
    assert_eq!(first.balance(link::patient()).await.unwrap().map(drop), elsewhere);
    let _ = second.balance(link::patient()).await.unwrap().unwrap();
    second.exit(link::patient()).await.unwrap().unwrap();
    let exited = Err(ServiceError::Unauthenticated(SessionEnd::Exited));
    assert_eq!(second.balance(link::patient()).await.unwrap().map(drop), exited);
    let again = second.resume(link::patient(), resumed.token).await.unwrap().map(drop);
    assert_eq!(again, exited, "a session that was left is not resumed");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idle_session_ends_with_its_connection() {
    // A connection may be without a session for longer than a session may be idle.
    let options = Options::default().set("limits.idle_timeout", "1s").set("server.login_timeout", "10m");
    let mut atmd = Atmd::start(&options);
    let mobile = bank::number(1);
    link::register(&atmd, mobile).await;
    let idle = link::plain(&atmd, HERE).await;
    let token = link::login(&idle, mobile).await.unwrap().token;
    has_connections(&atmd, 0);
    let over = Err(ServiceError::Unauthenticated(SessionEnd::Idle));
    let fresh = link::plain(&atmd, HERE).await;
    assert_eq!(fresh.resume(link::patient(), token.clone()).await.unwrap().map(drop), over);
    let _ = idle.balance(link::patient()).await.unwrap_err();
    atmd.restart();
    let fresh = link::plain(&atmd, HERE).await;
    assert_eq!(fresh.resume(link::patient(), token).await.unwrap().map(drop), over, "after another start");
    assert_eq!(link::login(&fresh, mobile).await.unwrap().taken_over, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_ends_at_its_length_however_busy() {
    let options = Options::default().set("limits.session_length", "1s").set("limits.idle_timeout", "1h");
    let atmd = Atmd::start(&options);
    let mobile = bank::number(1);
    link::register(&atmd, mobile).await;
    let busy = link::plain(&atmd, HERE).await;
    let token = link::login(&busy, mobile).await.unwrap().token;
    let over = ServiceError::Unauthenticated(SessionEnd::TooLong);
    let asks = async {
        // Its connection ends with it; who asks just before that is told.
        while let Ok(answer) = busy.balance(link::patient()).await {
            if let Err(told) = answer {
                return assert_eq!(told, over);
            }
        }
    };
    timeout(wait::PATIENCE, asks).await.expect("the session ends");
    let fresh = link::plain(&atmd, HERE).await;
    assert_eq!(fresh.resume(link::patient(), token).await.unwrap().unwrap_err(), over);
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_are_bounded_for_each_peer_and_in_all() {
    let bounds =
        Options::default().set("server.max_connections", "5").set("server.max_connections_per_peer", "3");
    let atmd = Atmd::start(&bounds);
    let mut from_here = Vec::new();
    for _ in 0..3 {
        from_here.push(connect(&atmd, HERE).await.unwrap());
    }
    let _ = connect(&atmd, HERE).await.unwrap_err();
    let mut from_there = Vec::new();
    for _ in 0..2 {
        from_there.push(connect(&atmd, THERE).await.unwrap());
    }
    let _ = connect(&atmd, ELSEWHERE).await.unwrap_err();
    for words in ["max_connections_per_peer allows", "max_connections allows"] {
        eventually("the log tells of it", || {
            let log = atmd.log();
            let line = log.lines().find(|line| line.contains(words)).ok_or(log.clone())?;
            assert!(line.contains(" WARN ") && line.contains("peer=127.0.0."), "{line}");
            Ok(())
        });
    }
    // Those inside are served, and who leaves makes room.
    drop(from_here.pop());
    has_connections(&atmd, 4);
    let more = link::plain(&atmd, HERE).await;
    let _ = more.version(link::patient()).await.unwrap();
    let _ = connect(&atmd, HERE).await.unwrap_err();
    drop(from_there);
    has_connections(&atmd, 3);
    let _ = connect(&atmd, ELSEWHERE).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn silent_connections_are_closed() {
    let atmd = Atmd::start(&Options::default().set("server.login_timeout", "1s"));
    link::register(&atmd, bank::number(1)).await;
    let customer = link::plain(&atmd, HERE).await;
    link::login(&customer, bank::number(1)).await.unwrap();
    let silent = [connect(&atmd, HERE).await.unwrap(), connect(&atmd, THERE).await.unwrap()];
    for connection in silent {
        ended(connection).await;
    }
    let _ = customer.balance(link::patient()).await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_handshake_that_never_comes_is_not_waited_for() {
    let atmd = Atmd::start(&Options::default());
    let mut silent = TcpStream::connect(atmd.customers()).await.unwrap();
    let mut bytes = Vec::new();
    let read = timeout(wait::PATIENCE, silent.read_to_end(&mut bytes)).await;
    drop(read.expect("the connection ends"));
    assert_eq!(bytes, [0; 0]);
    eventually("the log tells of it", || {
        let log = atmd.log();
        if log.contains("handshake took too long peer=127.0.0.1:") { Ok(()) } else { Err(log) }
    });
}
