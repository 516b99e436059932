//! Frames on a connection that was made in order.

use super::recorded::{self, Recorded};
use super::{framed, goes_on, name, own_source, rest, told_once};
use atm_rpc::customer::{CustomerRequest, CustomerResponse};
use atm_rpc::operator::{OperatorRequest, OperatorResponse};
use atm_rpc::transport::wire::{Refused, ToClient, ToServer};
use atm_rpc::transport::{CUSTOMER, IN_FLIGHT_MAX, OPERATOR, Service, codec};
use atm_tests::bank;
use atm_tests::daemon::{Atmd, Options};
use atm_tests::link;
use atm_tests::random::Random;
use bytes::BytesMut;
use futures::{StreamExt, stream};
use std::net::IpAddr;
use tarpc::ClientMessage;
use tokio::io::AsyncWriteExt;
use tokio_util::codec::Decoder;

const NOT_OF_THE_PROTOCOL: &str = "connection ended: these bytes are not of the protocol";

/// Sends bytes and the end of the stream; gives who sent them, and what atmd answered.
async fn send(atmd: &Atmd, service: Service, bytes: &[u8]) -> (IpAddr, Vec<u8>) {
    let peer = own_source();
    let mut stream = link::stream(atmd, service, peer).await;
    // atmd may have ended the connection by the first of many bytes.
    let _ = stream.write_all(bytes).await;
    let _ = stream.shutdown().await;
    (peer, rest(stream).await)
}

/// The calls of a stream before its end or the first bytes that are none; whether there are such.
fn expected(service: Service, bytes: &[u8]) -> (usize, bool) {
    if service == CUSTOMER {
        calls(
            codec::server::<_, CustomerRequest, CustomerResponse>(tokio::io::empty(), service).codec_mut(),
            bytes,
        )
    } else {
        calls(
            codec::server::<_, OperatorRequest, OperatorResponse>(tokio::io::empty(), service).codec_mut(),
            bytes,
        )
    }
}

fn calls<C, Call>(codec: &mut C, bytes: &[u8]) -> (usize, bool)
where
    C: Decoder<Item = ClientMessage<Call>, Error = std::io::Error>,
{
    let mut buffer = BytesMut::from(bytes);
    let mut count = 0;
    loop {
        match codec.decode_eof(&mut buffer) {
            Ok(Some(ClientMessage::Request(_))) => count += 1,
            Ok(Some(_)) => {}
            Ok(None) => return (count, false),
            Err(_) => return (count, true),
        }
    }
}

/// The answers in what atmd said: whole frames, each of them one that a client understands.
fn answers(service: Service, mut bytes: &[u8]) -> Vec<u64> {
    let mut ids = Vec::new();
    while let Some((length, rest)) = bytes.split_first_chunk::<4>() {
        let (content, rest) = rest.split_at(usize::try_from(u32::from_be_bytes(*length)).unwrap());
        bytes = rest;
        ids.push(if service == CUSTOMER {
            service.format.decode::<ToClient<CustomerResponse>>(content).unwrap().id
        } else {
            service.format.decode::<ToClient<OperatorResponse>>(content).unwrap().id
        });
    }
    assert_eq!(bytes, [0; 0], "nothing but whole frames");
    ids
}

/// Sends each of these, and sees that atmd reads them as they are meant to be read.
async fn each(atmd: &Atmd, all: Vec<(String, Service, Vec<u8>)>) {
    let sent = stream::iter(all).map(async |(what, service, bytes)| {
        let (peer, answer) = send(atmd, service, &bytes).await;
        let (calls, refused) = expected(service, &bytes);
        let answered = answers(service, &answer).len();
        // A call whose time is over is not answered.
        assert!(answered <= calls, "{what}: {answered} answers to {calls} calls");
        (what, peer, refused)
    });
    let sent: Vec<_> = sent.buffer_unordered(16).collect().await;
    let (refused, read): (Vec<_>, Vec<_>) = sent.into_iter().partition(|(.., refused)| *refused);
    assert!(!refused.is_empty(), "some are refused");
    let refused: Vec<_> =
        refused.into_iter().map(|(what, peer, _)| (what, peer, NOT_OF_THE_PROTOCOL)).collect();
    tokio::task::block_in_place(|| told_once(atmd, &refused));
    let log = atmd.log();
    for (what, peer, _) in read {
        let lines: Vec<&str> =
            super::about(&log, peer).into_iter().filter(|line| line.contains(" WARN ")).collect();
        assert_eq!(lines, [""; 0], "{what} is nothing to warn of");
    }
    goes_on(atmd).await;
}

fn customer(call: CustomerRequest, id: u64, deadline_ms: u64) -> Vec<u8> {
    framed(&CUSTOMER.format.encode(&ToServer::Request { id, deadline_ms, call }).unwrap())
}

fn cancel(id: u64) -> Vec<u8> {
    framed(&CUSTOMER.format.encode(&ToServer::<CustomerRequest>::Cancel { id }).unwrap())
}

fn long(count: usize, byte: u8) -> Vec<u8> {
    framed(&vec![byte; count])
}

/// Streams that are none of the protocol, by name.
fn streams() -> Vec<(&'static str, Service, Vec<u8>)> {
    let cancel_content = &cancel(1)[4..];
    let whoami = br#"{"request":{"id":1,"deadline_ms":9,"call":{"Whoami":{}}}}"#;
    let escape =
        br#"{"request":{"id":1,"deadline_ms":9,"call":{"x\u001b[2J\n2026 INFO peer=9.9.9.9:1":{}}}}"#;
    let longest =
        format!(r#"{{"request":{{"id":1,"deadline_ms":9,"call":{{"{}":1}}}}}}"#, "y".repeat(900_000));
    vec![
        ("nothing in a frame", CUSTOMER, framed(&[])),
        ("one byte above the bound", CUSTOMER, vec![0, 0, 0x40, 1, 0]),
        ("a length of 4 GiB", CUSTOMER, vec![0xff; 8]),
        ("half a length", CUSTOMER, vec![0, 0]),
        ("a length alone", CUSTOMER, vec![0, 0, 0, 9]),
        ("half a frame", CUSTOMER, customer(CustomerRequest::Balance {}, 1, 9)[..6].to_vec()),
        ("a byte too many", CUSTOMER, framed(&[cancel_content, &[0]].concat())),
        ("an unknown call", CUSTOMER, framed(&[0, 7, 9, 200, 1])),
        ("an id that does not fit", CUSTOMER, long(40, 0xff)),
        ("a text longer than its frame", CUSTOMER, framed(&[0, 7, 9, 1, 0xff, 0xff, 0xff, 0xff, 0x0f, b'0'])),
        ("a frame full of zeros", CUSTOMER, long(16 * 1024, 0)),
        ("JSON", CUSTOMER, framed(whoami)),
        ("HTTP inside of TLS", CUSTOMER, b"GET / HTTP/1.1\r\nHost: atm\r\n\r\n".to_vec()),
        ("nothing in a frame", OPERATOR, framed(&[])),
        ("one byte above the bound", OPERATOR, vec![0, 0x10, 0, 1, b'{']),
        ("half a frame", OPERATOR, framed(whoami)[..20].to_vec()),
        ("postcard", OPERATOR, framed(&[0, 7, 9, 0])),
        ("two messages in one", OPERATOR, framed(&[&whoami[..], &whoami[..]].concat())),
        ("words that a terminal obeys", OPERATOR, framed(escape)),
        ("a very long call", OPERATOR, framed(longest.as_bytes())),
        ("a million brackets", OPERATOR, long(1_000_000, b'[')),
        ("no text", OPERATOR, framed(b"{\"request\":\"\xff\xfe\"}")),
        ("a number beyond all", OPERATOR, framed(br#"{"cancel":{"id":1e999}}"#)),
        ("a number below all", OPERATOR, framed(br#"{"cancel":{"id":-1}}"#)),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_message_ends_its_connection_and_is_told_once() {
    let atmd = Atmd::start(&Options::default());
    let all = streams().into_iter().map(|(what, service, bytes)| {
        assert!(expected(service, &bytes).1, "{what} is refused");
        (format!("{what} for {}", name(service)), service, bytes)
    });
    each(&atmd, all.collect()).await;
    assert!(atmd.log().contains(r"x\\u{1b}[2J") || atmd.log().contains(r"x\u{1b}[2J"), "{}", atmd.log());
}

#[tokio::test(flavor = "multi_thread")]
async fn random_bytes_are_refused() {
    let atmd = Atmd::start(&Options::default());
    let mut random = Random::new(41);
    let mut all = Vec::new();
    for n in 0..200 {
        let length = usize::try_from(random.below(300)).unwrap() + 8;
        let bytes: Vec<u8> = (0..length).map(|_| random.next().to_be_bytes()[0]).collect();
        let service = if n % 4 == 0 { OPERATOR } else { CUSTOMER };
        // As they are, and as the content of a frame.
        all.push((format!("{bytes:?}"), service, bytes.clone()));
        all.push((format!("{bytes:?} in a frame"), service, framed(&bytes)));
    }
    each(&atmd, all).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recorded_frame_that_is_cut_off_is_refused() {
    let atmd = Atmd::start(&Options::default());
    let mut all = Vec::new();
    for Recorded { service, name, bytes } in recorded::frames() {
        // JSON has many more bytes: of each length one of the two.
        let both = service == CUSTOMER;
        for length in (1..bytes.len()).filter(|length| both || length % 2 == 0) {
            all.push((format!("{name} cut off at {length}"), service, bytes[..length].to_vec()));
        }
        for length in (0..bytes.len() - 4).filter(|length| both || length % 2 == 0) {
            all.push((format!("{name} with {length} bytes"), service, framed(&bytes[4..4 + length])));
        }
    }
    assert!(all.iter().all(|(what, service, bytes)| expected(*service, bytes).1 || panic!("{what} is read")));
    each(&atmd, all).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recorded_frame_with_a_bit_turned_is_another_or_none() {
    let atmd = Atmd::start(&Options::default());
    let mut all = Vec::new();
    for Recorded { service, name, bytes } in recorded::frames() {
        for bit in 0..bytes.len() * 8 {
            // JSON has many more bytes: one bit of each.
            if service == OPERATOR && bit % 8 != bit / 8 % 8 {
                continue;
            }
            let mut turned = bytes.clone();
            turned[bit / 8] ^= 1 << (bit % 8);
            all.push((format!("{name} with bit {bit} turned"), service, turned));
        }
    }
    each(&atmd, all).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn absurd_ids_and_deadlines_harm_nobody() {
    let atmd = Atmd::start(&Options::default());
    let version = || CustomerRequest::Version {};
    for id in [0, 1, u64::from(u32::MAX), u64::MAX] {
        for deadline_ms in [300_000_000_000, u64::MAX / 1_000, u64::MAX] {
            let (_, answer) = send(&atmd, CUSTOMER, &customer(version(), id, deadline_ms)).await;
            assert_eq!(answers(CUSTOMER, &answer), [id], "{deadline_ms}");
        }
    }
    // No time at all, and then a call on the same connection that has some.
    let (_, answer) =
        send(&atmd, CUSTOMER, &[customer(version(), 1, 0), customer(version(), 2, 9_000)].concat()).await;
    assert_eq!(answers(CUSTOMER, &answer).last(), Some(&2));
    goes_on(&atmd).await;
}

/// A log-in that is answered late, because it is wrong.
fn wrong(id: u64) -> Vec<u8> {
    wrong_within(id, 30_000)
}

fn wrong_within(id: u64, deadline_ms: u64) -> Vec<u8> {
    let credentials = bank::wrong(bank::number(u32::try_from(id).unwrap()));
    customer(CustomerRequest::Login { credentials, terminal: bank::terminal() }, id, deadline_ms)
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_whose_time_runs_out_fill_no_log() {
    let atmd = Atmd::start(&Options::default().set("auth.failure_delay", "2s"));
    let calls: Vec<u8> = (1..8).flat_map(|id| wrong_within(id, 100)).chain(wrong(8)).collect();
    let (_, answer) = send(&atmd, CUSTOMER, &calls).await;
    assert_eq!(answers(CUSTOMER, &answer), [8]);
    // Whose log has no error.
    goes_on(&atmd).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_id_that_is_under_way_is_answered_once() {
    let atmd = Atmd::start(&Options::default().set("auth.failure_delay", "1s"));
    let (_, answer) = send(&atmd, CUSTOMER, &[wrong(1), wrong(1), wrong(1), wrong(2)].concat()).await;
    let mut ids = answers(CUSTOMER, &answer);
    ids.sort_unstable();
    assert_eq!(ids, [1, 2]);
    goes_on(&atmd).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_cancels_gets_no_answer_and_loses_no_other() {
    let atmd = Atmd::start(&Options::default().set("auth.failure_delay", "1s"));
    let version = customer(CustomerRequest::Version {}, 9, 30_000);
    let unknown: Vec<u8> = [0, 1, 9, u64::MAX].into_iter().flat_map(cancel).collect();
    let (_, answer) = send(&atmd, CUSTOMER, &[&unknown[..], &version].concat()).await;
    assert_eq!(answers(CUSTOMER, &answer), [9]);
    let (_, answer) =
        send(&atmd, CUSTOMER, &[wrong(1), wrong(2), cancel(1), cancel(1), version].concat()).await;
    let mut ids = answers(CUSTOMER, &answer);
    ids.sort_unstable();
    assert_eq!(ids, [2, 9]);
    goes_on(&atmd).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn more_calls_at_once_than_there_may_be_are_refused_one_by_one() {
    let atmd = Atmd::start(&Options::default().set("auth.failure_delay", "1s"));
    let many: Vec<u8> = (0..30).flat_map(wrong).collect();
    let (_, answer) = send(&atmd, CUSTOMER, &many).await;
    let mut bytes = &answer[..];
    let mut refused = 0;
    while let Some((length, rest)) = bytes.split_first_chunk::<4>() {
        let (content, rest) = rest.split_at(usize::try_from(u32::from_be_bytes(*length)).unwrap());
        bytes = rest;
        let answer: ToClient<CustomerResponse> = CUSTOMER.format.decode(content).unwrap();
        refused += usize::from(matches!(answer.result, Err(Refused::TooManyInFlight)));
    }
    assert_eq!((answers(CUSTOMER, &answer).len(), refused), (30, 30 - IN_FLIGHT_MAX));
    goes_on(&atmd).await;
}
