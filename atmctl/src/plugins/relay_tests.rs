//! The relay between a plugin and an atmd that are both played by the test.

use super::*;
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::time::Duration;
use tokio::io::{AsyncWriteExt, DuplexStream, duplex};
use tokio::time::timeout;

fn request(id: u64, method: &str) -> Value {
    json!({ "request": { "id": id, "deadline_ms": 1_000, "call": { method: {} } } })
}

fn answer(id: u64, method: &str) -> Value {
    json!({ "id": id, "result": { "Ok": { method: { "Ok": id } } } })
}

fn failed(id: u64, method: &str, error: &str) -> Value {
    json!({ "id": id, "result": { "Ok": { method: { "Err": error } } } })
}

/// A plain peer that speaks frames.
struct Peer<S>(Frames<S>);

impl<S: AsyncRead + AsyncWrite + Unpin> Peer<S> {
    fn new(stream: S) -> Self {
        Self(Framed::new(stream, codec::frames(OPERATOR)))
    }

    async fn send(&mut self, message: Value) {
        self.0.send(Bytes::from(message.to_string())).await.unwrap();
    }

    async fn receive(&mut self) -> Value {
        let frame = timeout(Duration::from_secs(5), self.0.next()).await.unwrap().unwrap().unwrap();
        serde_json::from_slice(&frame).unwrap()
    }

    async fn expect(&mut self, message: Value) {
        assert_eq!(self.receive().await, message);
    }
}

/// Plays a plugin and several atmd, one after the other, and gives what the relay ended with and
/// how many connections it asked for.
async fn played(
    changes: bool,
    atmds: usize,
    play: impl AsyncFnOnce(Peer<UnixStream>, Vec<Peer<DuplexStream>>),
) -> (Result<(), Failure>, usize) {
    let (near, far) = UnixStream::pair().unwrap();
    let (links, peers): (Vec<_>, Vec<_>) = (0..atmds)
        .map(|_| duplex(64 * 1024))
        .map(|(near, far)| (Link::new(near, 0, Duration::from_secs(1)), Peer::new(far)))
        .unzip();
    let links = RefCell::new(VecDeque::from(links));
    let first = links.borrow_mut().pop_front().unwrap();
    let asked = Cell::new(0);
    let connect = async || {
        asked.set(asked.get() + 1);
        links.borrow_mut().pop_front().ok_or(Failure::new(Code::Unreachable, "gone"))
    };
    let (end, ()) = tokio::join!(relay(near, first, changes, connect), play(Peer::new(far), peers));
    (end, asked.get())
}

#[tokio::test]
async fn frames_go_both_ways_as_they_are() {
    let (end, _) = played(false, 1, async |mut plugin, mut atmds| {
        plugin.send(request(1, "Whoami")).await;
        plugin.send(request(2, "Status")).await;
        atmds[0].expect(request(1, "Whoami")).await;
        atmds[0].expect(request(2, "Status")).await;
        atmds[0].send(answer(2, "Status")).await;
        plugin.expect(answer(2, "Status")).await;
        plugin.send(json!({ "cancel": { "id": 1 } })).await;
        atmds[0].expect(json!({ "cancel": { "id": 1 } })).await;
        // Nobody waits for this one any more.
        atmds[0].send(answer(1, "Whoami")).await;
        plugin.send(request(3, "Whoami")).await;
        atmds[0].expect(request(3, "Whoami")).await;
    })
    .await;
    assert_eq!(end, Ok(()));
}

#[tokio::test]
async fn what_is_under_way_fails_and_the_next_call_goes_to_a_new_connection() {
    for (changes, error) in [(false, "unavailable"), (true, "outcome_unknown")] {
        let (end, asked) = played(changes, 2, async |mut plugin, mut atmds| {
            plugin.send(request(1, "BlacklistList")).await;
            atmds[0].expect(request(1, "BlacklistList")).await;
            atmds.remove(0);
            plugin.expect(failed(1, "BlacklistList", error)).await;
            plugin.send(request(2, "Status")).await;
            atmds[0].expect(request(2, "Status")).await;
            atmds[0].send(answer(2, "Status")).await;
            plugin.expect(answer(2, "Status")).await;
            // And without any atmd, where the call may be on its way before this is seen.
            atmds.remove(0);
            plugin.send(request(3, "Status")).await;
            let ends = [failed(3, "Status", error), failed(3, "Status", "unavailable")];
            assert!(ends.contains(&plugin.receive().await));
            plugin.send(request(4, "Status")).await;
            plugin.expect(failed(4, "Status", "unavailable")).await;
        })
        .await;
        assert_eq!(end, Ok(()));
        assert!(asked >= 2, "{asked}");
    }
}

#[tokio::test]
async fn a_plugin_that_breaks_the_protocol_is_ended() {
    let bad: &[&[u8]] = &[
        b"\xff\xff\xff\xff",
        b"\x00\x00\x00\x03abc",
        b"\x00\x00\x00\x02{}",
        br#"....{"request":{"id":1,"deadline_ms":1,"call":"Whoami"}}"#,
        br#"....{"request":{"id":1,"deadline_ms":1,"call":{}}}"#,
        br#"....{"request":{"id":1,"deadline_ms":1,"call":{"A":{},"B":{}}}}"#,
    ];
    for bytes in bad {
        let mut bytes = bytes.to_vec();
        if bytes.starts_with(b"....") {
            let length = u32::try_from(bytes.len() - 4).unwrap();
            bytes[..4].copy_from_slice(&length.to_be_bytes());
        }
        let (end, _) = played(false, 1, async |mut plugin, _atmds| {
            plugin.0.get_mut().write_all(&bytes).await.unwrap();
            // The relay ends by itself.
            while plugin.0.next().await.is_some_and(|frame| frame.is_ok()) {}
        })
        .await;
        assert_eq!(end.unwrap_err().code, Code::Protocol, "{:?}", String::from_utf8_lossy(&bytes));
    }
    let (end, _) = played(false, 1, async |mut plugin, _atmds| {
        plugin.send(request(1, "Status")).await;
        plugin.send(request(1, "Status")).await;
        while plugin.0.next().await.is_some_and(|frame| frame.is_ok()) {}
    })
    .await;
    assert_eq!(end.unwrap_err().code, Code::Protocol);
}

#[tokio::test]
async fn no_more_than_a_few_calls_are_under_way() {
    let (end, _) = played(false, 1, async |mut plugin, _atmds| {
        let most = u64::try_from(IN_FLIGHT_MAX).unwrap();
        for id in 0..=most {
            plugin.send(request(id, "Status")).await;
        }
        plugin.expect(json!({ "id": most, "result": { "Err": "too_many_in_flight" } })).await;
    })
    .await;
    assert_eq!(end, Ok(()));
}
