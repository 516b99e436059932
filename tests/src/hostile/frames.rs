//! Frames of the two services, in both directions.

use atm_rpc::customer::{CustomerRequest, CustomerResponse};
use atm_rpc::operator::{OperatorRequest, OperatorResponse};
use atm_rpc::transport::wire::{Format, ToClient, ToServer};
use atm_rpc::transport::{CUSTOMER, DEADLINE_MAX, OPERATOR, Service, codec};
use bytes::BytesMut;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fmt::Debug;
use std::time::Instant;
use tarpc::ClientMessage;
use tokio_util::codec::Decoder;

/// What decides how large a buffer grows beside the largest frame: how it makes room.
const BUFFER_SLACK: usize = 16 * 1024;

/// Bytes on the customers' port, and what atmd might answer a terminal.
pub fn customer_frames(bytes: &[u8]) {
    check::<CustomerRequest, CustomerResponse>(CUSTOMER, bytes);
}

/// Bytes on the operators' port, and what atmd might answer an operator.
pub fn operator_frames(bytes: &[u8]) {
    check::<OperatorRequest, OperatorResponse>(OPERATOR, bytes);
}

fn check<Call, Answer>(service: Service, bytes: &[u8])
where
    Call: Serialize + DeserializeOwned + Debug,
    Answer: Serialize + DeserializeOwned + Debug,
{
    let whole = received::<Call, Answer>(service, bytes, bytes.len());
    let in_pieces = received::<Call, Answer>(service, bytes, 3);
    assert_eq!(whole, in_pieces, "how bytes come in changes nothing");
    one_message::<ToServer<Call>>(service.format, bytes);
    one_message::<ToClient<Answer>>(service.format, bytes);
}

/// What a server reads of a stream: each message's id, its call as it would be written, and whether the
/// stream ended as an error.
fn received<Call, Answer>(service: Service, bytes: &[u8], piece: usize) -> (Vec<(u64, Vec<u8>)>, bool)
where
    Call: Serialize + DeserializeOwned + Debug,
    Answer: Serialize,
{
    let mut framed = codec::server::<_, Call, Answer>(tokio::io::empty(), service);
    let mut buffer = BytesMut::new();
    let mut messages = Vec::new();
    for piece in bytes.chunks(piece.max(1)) {
        buffer.extend_from_slice(piece);
        loop {
            let decoded = framed.codec_mut().decode(&mut buffer);
            let bound = 2 * (service.frame_bytes_max + bytes.len()) + BUFFER_SLACK;
            assert!(buffer.capacity() <= bound, "a buffer of {} bytes", buffer.capacity());
            match decoded {
                Ok(Some(ClientMessage::Request(request))) => {
                    assert!(request.context.deadline <= Instant::now() + DEADLINE_MAX, "a deadline is cut");
                    let call = service.format.encode(&request.message).expect("what was read can be written");
                    messages.push((request.id, call));
                }
                Ok(Some(ClientMessage::Cancel { request_id, .. })) => messages.push((request_id, Vec::new())),
                Ok(Some(other)) => panic!("no client sends {other:?}"),
                Ok(None) => break,
                Err(_) => return (messages, true),
            }
        }
    }
    (messages, false)
}

/// A message that was read is written and read again as the same one.
fn one_message<T: Serialize + DeserializeOwned + Debug>(format: Format, bytes: &[u8]) {
    let message: T = match format.decode(bytes) {
        Ok(message) => message,
        Err(refused) => {
            let words = refused.to_string();
            assert!(words.len() < 512, "{} bytes of words about bad bytes", words.len());
            return;
        }
    };
    let _ = format!("{message:?}");
    let written = format.encode(&message).expect("what was read can be written");
    let again: T = format.decode(&written).expect("what was written can be read");
    assert_eq!(format.encode(&again).ok().as_ref(), Some(&written), "reading and writing changes nothing");
    if format == Format::Postcard {
        assert!(written.len() <= bytes.len(), "a message holds no more than its bytes");
    }
}
