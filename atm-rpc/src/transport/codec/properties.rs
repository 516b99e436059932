//! What holds for any messages: they arrive as they were sent, in order, however the stream is cut.

use super::{ClientCodec, ServerCodec, frames};
use crate::customer::{Balance, Credentials, CustomerRequest, CustomerResponse, PinChange};
use crate::error::ServiceError;
use crate::operator::{OperatorRequest, OperatorResponse};
use crate::transport::{CUSTOMER, DEADLINE_MAX, OPERATOR, Service, monotonic};
use crate::types::key::{RequestKey, ResumeToken};
use crate::types::mobile::MobileNumber;
use crate::types::money::Money;
use crate::types::pin::Pin;
use crate::types::terminal::TerminalName;
use crate::types::time::Timestamp;
use bytes::BytesMut;
use proptest::prelude::*;
use serde::{Serialize, de::DeserializeOwned};
use std::fmt::Debug;
use std::marker::PhantomData;
use std::time::Duration;
use tarpc::{ClientMessage, Request, Response, context};
use tokio_util::codec::{Decoder, Encoder};

/// A message of a client: a call with its id and the time it has, or the cancelling of one.
#[derive(Debug)]
enum Message<Call> {
    Request(u64, u64, Call),
    Cancel(u64),
}

fn messages<Call: Debug + 'static>(
    calls: impl Strategy<Value = Call> + 'static,
) -> impl Strategy<Value = Vec<Message<Call>>> {
    let request =
        (any::<u64>(), 0..100_000_000_u64, calls).prop_map(|(id, ms, call)| Message::Request(id, ms, call));
    let cancel = any::<u64>().prop_map(Message::Cancel);
    proptest::collection::vec(prop_oneof![3 => request, 1 => cancel], 0..8)
}

fn mobile() -> impl Strategy<Value = MobileNumber> {
    "[0-9]{5,15}".prop_map(|digits| MobileNumber::parse(&digits).unwrap())
}

/// The digits of a PIN, which itself is never printed, not even by a test that fails.
const PIN: &str = "[0-9]{5}";

fn pin(digits: &str) -> Pin {
    Pin::parse(digits).unwrap()
}

fn key() -> impl Strategy<Value = RequestKey> {
    any::<[u8; 16]>().prop_map(|mut bytes| {
        bytes[6] = bytes[6] & 0x0f | 0x70;
        RequestKey::try_from(bytes.as_slice()).unwrap()
    })
}

fn money() -> impl Strategy<Value = Money> {
    any::<i64>().prop_map(Money::from_minor)
}

fn credentials() -> impl Strategy<Value = Credentials> {
    (mobile(), PIN).prop_map(|(mobile, digits)| Credentials { mobile, pin: pin(&digits) })
}

fn customer_calls() -> impl Strategy<Value = CustomerRequest> {
    let terminal = "[A-Za-z0-9._-]{1,16}".prop_map(|name| TerminalName::parse(&name).unwrap());
    prop_oneof![
        Just(()).prop_map(|()| CustomerRequest::Balance {}),
        mobile().prop_map(|mobile| CustomerRequest::Lookup { mobile }),
        (key(), credentials()).prop_map(|(key, credentials)| CustomerRequest::Register { key, credentials }),
        (credentials(), terminal)
            .prop_map(|(credentials, terminal)| CustomerRequest::Login { credentials, terminal }),
        any::<[u8; 32]>().prop_map(|bytes| CustomerRequest::Resume { token: ResumeToken::new(bytes) }),
        (key(), money()).prop_map(|(key, amount)| CustomerRequest::Withdraw { key, amount }),
        (key(), money()).prop_map(|(key, amount)| CustomerRequest::Deposit { key, amount }),
        any::<u16>().prop_map(|count| CustomerRequest::Statement { count }),
        (key(), PIN, PIN).prop_map(|(key, current, new)| {
            CustomerRequest::ChangePin { key, change: PinChange { current: pin(&current), new: pin(&new) } }
        }),
    ]
}

fn operator_calls() -> impl Strategy<Value = OperatorRequest> {
    // Any text, and instants that RFC 3339 can write.
    let until = proptest::option::of((0..253_402_300_799_999_i64).prop_map(Timestamp::from_ms));
    prop_oneof![
        Just(()).prop_map(|()| OperatorRequest::Whoami {}),
        (any::<Option<i64>>(), any::<u32>())
            .prop_map(|(after, rows)| OperatorRequest::BlacklistList { after, rows }),
        (mobile(), any::<String>(), until)
            .prop_map(|(mobile, reason, until)| OperatorRequest::BlacklistAdd { mobile, reason, until }),
    ]
}

/// Sends messages from a client's codec to a server's, in pieces of such sizes.
fn arrive<Call, Answer>(
    service: Service,
    sent: Vec<Message<Call>>,
    sizes: &[usize],
) -> Result<(), TestCaseError>
where
    Call: Debug + Serialize + DeserializeOwned,
    Answer: Serialize + DeserializeOwned,
{
    let mut client: ClientCodec<Call, Answer> =
        ClientCodec { frames: frames(service), format: service.format, types: PhantomData };
    let mut server: ServerCodec<Call, Answer> =
        ServerCodec { frames: frames(service), format: service.format, inside: false, types: PhantomData };
    let mut stream = BytesMut::new();
    let mut expected = Vec::new();
    for message in sent {
        let mut context = context::current();
        let message = match message {
            Message::Request(id, ms, message) => {
                let longest = DEADLINE_MAX.min(Duration::from_millis(ms));
                expected.push((id, Some((longest, service.format.encode(&message).unwrap()))));
                context.deadline = monotonic() + Duration::from_millis(ms);
                ClientMessage::Request(Request { context, id, message })
            }
            Message::Cancel(request_id) => {
                expected.push((request_id, None));
                ClientMessage::Cancel { trace_context: context.trace_context, request_id }
            }
        };
        client.encode(message, &mut stream).unwrap();
    }
    let (mut received, mut buffer, mut sizes) = (Vec::new(), BytesMut::new(), sizes.iter().cycle());
    while !stream.is_empty() {
        let size = sizes.next().map_or(1, |size| *size).min(stream.len());
        buffer.extend_from_slice(&stream.split_to(size));
        while let Some(message) = server.decode(&mut buffer).unwrap() {
            received.push(message);
        }
    }
    prop_assert!(server.decode_eof(&mut buffer).unwrap().is_none(), "the stream ends behind a frame");
    prop_assert_eq!(received.len(), expected.len());
    for (received, (id, call)) in received.into_iter().zip(expected) {
        match (received, call) {
            (ClientMessage::Request(received), Some((longest, bytes))) => {
                prop_assert_eq!(received.id, id);
                prop_assert!(received.context.deadline <= monotonic() + longest);
                prop_assert_eq!(service.format.encode(&received.message).unwrap(), bytes);
            }
            (ClientMessage::Cancel { request_id, .. }, None) => prop_assert_eq!(request_id, id),
            (received, _) => prop_assert!(false, "{received:?} for {id}"),
        }
    }
    Ok(())
}

fn sizes() -> impl Strategy<Value = Vec<usize>> {
    proptest::collection::vec(1..40_usize, 1..8)
}

proptest! {
    #[test]
    fn customers_calls_arrive(sent in messages(customer_calls()), sizes in sizes()) {
        arrive::<_, CustomerResponse>(CUSTOMER, sent, &sizes)?;
    }

    #[test]
    fn operators_calls_arrive(sent in messages(operator_calls()), sizes in sizes()) {
        arrive::<_, OperatorResponse>(OPERATOR, sent, &sizes)?;
    }

    #[test]
    fn answers_arrive(id in any::<u64>(), posted in money(), available in money(), busy in any::<Option<u32>>()) {
        let answer = match busy {
            Some(retry_after_ms) => Err(ServiceError::Busy { retry_after_ms }),
            None => Ok(Balance { posted, available }),
        };
        let mut client: ClientCodec<CustomerRequest, CustomerResponse> =
            ClientCodec { frames: frames(CUSTOMER), format: CUSTOMER.format, types: PhantomData };
        let mut server: ServerCodec<CustomerRequest, CustomerResponse> =
            ServerCodec { frames: frames(CUSTOMER), format: CUSTOMER.format, inside: false, types: PhantomData };
        let mut stream = BytesMut::new();
        let message = Ok(CustomerResponse::Balance(answer));
        server.encode(Response { request_id: id, message }, &mut stream).unwrap();
        let received = client.decode(&mut stream).unwrap().unwrap();
        prop_assert_eq!(received.request_id, id);
        let Ok(CustomerResponse::Balance(received)) = received.message else {
            return Err(TestCaseError::fail("another answer"));
        };
        prop_assert_eq!(received, answer);
    }

    #[test]
    fn a_stream_that_ends_inside_of_a_frame_is_an_error(sent in messages(customer_calls()), cut in any::<proptest::sample::Index>()) {
        let mut client: ClientCodec<CustomerRequest, CustomerResponse> =
            ClientCodec { frames: frames(CUSTOMER), format: CUSTOMER.format, types: PhantomData };
        let mut server: ServerCodec<CustomerRequest, CustomerResponse> =
            ServerCodec { frames: frames(CUSTOMER), format: CUSTOMER.format, inside: false, types: PhantomData };
        let (mut stream, mut ends) = (BytesMut::new(), vec![0]);
        for message in sent {
            let (Message::Request(id, ..) | Message::Cancel(id)) = message;
            let trace_context = context::current().trace_context;
            client.encode(ClientMessage::Cancel { trace_context, request_id: id }, &mut stream).unwrap();
            ends.push(stream.len());
        }
        stream.truncate(cut.index(stream.len() + 1));
        let length = stream.len();
        let mut read = 0;
        let end = loop {
            match server.decode_eof(&mut stream) {
                Ok(Some(_)) => read += 1,
                Ok(None) => break Ok(()),
                Err(error) => break Err(error.kind()),
            }
        };
        let whole = ends.contains(&length);
        prop_assert_eq!(end, if whole { Ok(()) } else { Err(std::io::ErrorKind::InvalidData) });
        prop_assert_eq!(read, ends.iter().filter(|end| **end <= length).count() - 1);
    }
}
