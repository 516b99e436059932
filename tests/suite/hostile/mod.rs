//! Bytes from strangers: whatever comes, atmd ends that connection and no other, says so in one line, and
//! goes on serving.

mod corpus;
mod crowd;
mod frames;
mod handshakes;
mod recorded;
mod slow;

use atm_rpc::transport::Service;
use atm_rpc::types::key::RequestKey;
use atm_tests::bank::{self, rupees};
use atm_tests::daemon::Atmd;
use atm_tests::link;
use atm_tests::wait::{PATIENCE, eventually};
use std::fs;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::atomic::{AtomicU32, Ordering};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::time::timeout;

/// An address that no other connection of this test run comes from, so that a line of a log is about this one.
fn own_source() -> IpAddr {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let n = NEXT.fetch_add(1, Ordering::Relaxed);
    let part = |divisor: u32| u8::try_from(n / divisor % 250).unwrap() + 1;
    IpAddr::V4(Ipv4Addr::new(127, 200 + u8::try_from(n / 62_500).unwrap(), part(250), part(1)))
}

/// Reads what atmd still says until it ends the connection, or is done with it.
async fn rest(mut stream: impl AsyncRead + Unpin) -> Vec<u8> {
    let mut bytes = Vec::new();
    // How it ends is not asked: with an alert, a reset, or in order.
    drop(timeout(PATIENCE, stream.read_to_end(&mut bytes)).await.expect("atmd ends the connection"));
    bytes
}

/// The lines of a log about a peer.
fn about(log: &str, peer: IpAddr) -> Vec<&str> {
    let named = format!("peer={peer}:");
    log.lines().filter(|line| line.split(' ').any(|word| word.starts_with(&named))).collect()
}

/// Waits until the log has each of these peers with the words that it should, and sees that it has one line
/// of each, in which the address stands before all that the peer itself may have said.
fn told_once(atmd: &Atmd, peers: &[(String, IpAddr, &str)]) {
    let log = eventually("the log tells of each peer", || {
        let log = atmd.log();
        let silent = peers.iter().find(|(_, peer, _)| about(&log, *peer).is_empty());
        silent.map_or_else(
            || Ok(log.clone()),
            |(what, peer, _)| Err(format!("nothing of {what} ({peer})\n{log}")),
        )
    });
    for (what, peer, words) in peers {
        let [line] = about(&log, *peer)[..] else { panic!("{what}: {:?}", about(&log, *peer)) };
        assert!(line.contains(words), "{what}: {line}");
        let first = line.split('=').next().unwrap_or_default();
        assert!(first.ends_with(" peer"), "{what}: {line}");
        assert!(line.len() < 512, "{what}: a line of {} bytes: {line}", line.len());
    }
}

/// A customer is served, and neither log nor stderr has a panic, an error, or bytes that a terminal obeys.
async fn goes_on(atmd: &Atmd) {
    static NEXT: AtomicU32 = AtomicU32::new(70_000_000);
    let mobile = bank::number(NEXT.fetch_add(1, Ordering::Relaxed));
    link::register(atmd, mobile).await;
    let receipt = link::logged_in(atmd, mobile).await.deposit(RequestKey::generate(), rupees(5)).await;
    assert_eq!(receipt.expect("a customer is served").balance, rupees(5));
    let stderr = atmd.data().parent().unwrap().join("stderr");
    for said in [atmd.log(), fs::read_to_string(stderr).unwrap()] {
        assert!(!said.contains("panicked") && !said.contains(" ERROR "), "{said}");
        assert!(!said.contains(|c: char| c.is_control() && c != '\n'), "{said:?}");
    }
}

/// A frame with this content.
fn framed(content: &[u8]) -> Vec<u8> {
    let length = u32::try_from(content.len()).unwrap();
    [&length.to_be_bytes(), content].concat()
}

/// Where atmd serves that, for messages.
fn name(service: Service) -> &'static str {
    std::str::from_utf8(service.alpn).unwrap()
}
