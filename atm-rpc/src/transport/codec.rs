//! Between tarpc's messages and frames, for both ends.

use super::wire::{Format, Refused, ToClient, ToServer};
use super::{DEADLINE_MAX, Service, monotonic};
use bytes::{Bytes, BytesMut};
use serde::{Serialize, de::DeserializeOwned};
use std::io;
use std::marker::PhantomData;
use std::time::{Duration, Instant};
use tarpc::{ClientMessage, Request, Response, ServerError, context};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_util::codec::{Decoder, Encoder, Framed, LengthDelimitedCodec};

/// The frames of a service: a length of four bytes, big-endian, and so many bytes.
#[must_use]
pub fn frames(service: Service) -> LengthDelimitedCodec {
    LengthDelimitedCodec::builder().max_frame_length(service.frame_bytes_max).new_codec()
}

/// The server's end of a connection, as tarpc's channel takes it.
pub fn server<S, Call, Answer>(stream: S, service: Service) -> Framed<S, ServerCodec<Call, Answer>>
where
    S: AsyncRead + AsyncWrite,
    Call: DeserializeOwned,
    Answer: Serialize,
{
    let frames = frames(service);
    Framed::new(stream, ServerCodec { frames, format: service.format, inside: false, types: PhantomData })
}

/// The client's end of a connection, as tarpc's client takes it.
pub fn client<S, Call, Answer>(stream: S, service: Service) -> Framed<S, ClientCodec<Call, Answer>>
where
    S: AsyncRead + AsyncWrite,
    Call: Serialize,
    Answer: DeserializeOwned,
{
    Framed::new(stream, ClientCodec { frames: frames(service), format: service.format, types: PhantomData })
}

/// Reads calls, writes answers. Made by [`server`].
#[derive(Debug)]
pub struct ServerCodec<Call, Answer> {
    frames: LengthDelimitedCodec,
    format: Format,
    /// Whether a frame has begun and is not whole yet.
    inside: bool,
    types: PhantomData<fn(Call) -> Answer>,
}

impl<Call: DeserializeOwned, Answer> Decoder for ServerCodec<Call, Answer> {
    type Item = ClientMessage<Call>;
    type Error = io::Error;

    fn decode(&mut self, bytes: &mut BytesMut) -> io::Result<Option<Self::Item>> {
        self.inside |= !bytes.is_empty();
        let Some(frame) = self.frames.decode(bytes)? else { return Ok(None) };
        self.inside = false;
        let mut context = context::current();
        Ok(Some(match self.format.decode(&frame)? {
            ToServer::Request { id, deadline_ms, call } => {
                context.deadline = monotonic() + DEADLINE_MAX.min(Duration::from_millis(deadline_ms));
                ClientMessage::Request(Request { context, id, message: call })
            }
            ToServer::Cancel { id } => {
                ClientMessage::Cancel { trace_context: context.trace_context, request_id: id }
            }
        }))
    }

    /// What is left when the stream is at its end, where a frame that is not whole is an error.
    fn decode_eof(&mut self, bytes: &mut BytesMut) -> io::Result<Option<Self::Item>> {
        match self.decode(bytes)? {
            None if self.inside => {
                self.inside = false;
                Err(io::Error::new(io::ErrorKind::InvalidData, "the connection ended inside of a frame"))
            }
            other => Ok(other),
        }
    }
}

impl<Call, Answer: Serialize> Encoder<Response<Answer>> for ServerCodec<Call, Answer> {
    type Error = io::Error;

    fn encode(&mut self, response: Response<Answer>, bytes: &mut BytesMut) -> io::Result<()> {
        // tarpc refuses a call by itself only where too many are under way.
        let result = response.message.map_err(|_| Refused::TooManyInFlight);
        let message = ToClient { id: response.request_id, result };
        self.frames.encode(Bytes::from(self.format.encode(&message)?), bytes)
    }
}

/// Writes calls, reads answers. Made by [`client`].
#[derive(Debug)]
pub struct ClientCodec<Call, Answer> {
    frames: LengthDelimitedCodec,
    format: Format,
    types: PhantomData<fn(Answer) -> Call>,
}

impl<Call: Serialize, Answer> Encoder<ClientMessage<Call>> for ClientCodec<Call, Answer> {
    type Error = io::Error;

    fn encode(&mut self, message: ClientMessage<Call>, bytes: &mut BytesMut) -> io::Result<()> {
        let message = match message {
            ClientMessage::Request(request) => ToServer::Request {
                id: request.id,
                deadline_ms: remaining_ms(request.context.deadline),
                call: request.message,
            },
            ClientMessage::Cancel { request_id, .. } => ToServer::Cancel { id: request_id },
            _ => return Err(io::Error::from(io::ErrorKind::Unsupported)),
        };
        self.frames.encode(Bytes::from(self.format.encode(&message)?), bytes)
    }
}

impl<Call, Answer: DeserializeOwned> Decoder for ClientCodec<Call, Answer> {
    type Item = Response<Answer>;
    type Error = io::Error;

    fn decode(&mut self, bytes: &mut BytesMut) -> io::Result<Option<Self::Item>> {
        let Some(frame) = self.frames.decode(bytes)? else { return Ok(None) };
        let ToClient { id, result } = self.format.decode(&frame)?;
        let refused = |refused: Refused| ServerError::new(io::ErrorKind::WouldBlock, refused.to_string());
        Ok(Some(Response { request_id: id, message: result.map_err(refused) }))
    }
}

fn remaining_ms(deadline: Instant) -> u64 {
    let remaining = deadline.saturating_duration_since(monotonic());
    u64::try_from(remaining.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod properties;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::customer::{CustomerRequest, CustomerResponse};
    use crate::operator::{OperatorRequest, OperatorResponse};
    use crate::transport::{CUSTOMER, OPERATOR};
    use crate::types::{key::RequestKey, money::Money};

    type CustomerServer = ServerCodec<CustomerRequest, CustomerResponse>;

    fn codec<Call, Answer>(service: Service) -> ServerCodec<Call, Answer> {
        ServerCodec { frames: frames(service), format: service.format, inside: false, types: PhantomData }
    }

    fn framed(content: &[u8]) -> BytesMut {
        let length = u32::try_from(content.len()).unwrap();
        let mut bytes = BytesMut::from(length.to_be_bytes().as_slice());
        bytes.extend_from_slice(content);
        bytes
    }

    #[test]
    fn a_frame_of_version_1_is_read_for_ever() {
        // request, id 7, deadline 1,000 ms, withdraw, key, 500.00
        let key = RequestKey::parse("0190a6e2-7d4c-7b1e-9c53-2f6d8e0a4b17").unwrap();
        let mut recorded = vec![0, 7, 0xe8, 0x07, 6, 16];
        recorded.extend_from_slice(key.bytes());
        recorded.extend_from_slice(&[0xa0, 0x8d, 0x06]);
        let mut codec: CustomerServer = codec(CUSTOMER);
        let message = codec.decode(&mut framed(&recorded)).unwrap().unwrap();
        let ClientMessage::Request(Request {
            id: 7,
            message: CustomerRequest::Withdraw { key: read, amount },
            ..
        }) = message
        else {
            panic!("{message:?}");
        };
        assert_eq!((read, amount), (key, Money::from_minor(50_000)));
    }

    #[test]
    fn a_frame_of_json_is_read() {
        let mut codec: ServerCodec<OperatorRequest, OperatorResponse> = codec(OPERATOR);
        let text =
            br#"{"request":{"id":1,"deadline_ms":1000,"call":{"BlacklistList":{"after":null,"rows":10}}}}"#;
        let message = codec.decode(&mut framed(text)).unwrap().unwrap();
        let ClientMessage::Request(Request {
            message: OperatorRequest::BlacklistList { rows: 10, .. }, ..
        }) = message
        else {
            panic!("{message:?}");
        };
    }

    #[test]
    fn a_deadline_is_cut_and_never_overflows() {
        for deadline_ms in [0, 1_000, 300_000_000_000, u64::MAX] {
            let mut codec: CustomerServer = codec(CUSTOMER);
            let call = CustomerRequest::Balance {};
            let content = CUSTOMER.format.encode(&ToServer::Request { id: 1, deadline_ms, call }).unwrap();
            let before = monotonic();
            let Some(ClientMessage::Request(request)) = codec.decode(&mut framed(&content)).unwrap() else {
                panic!("not a request");
            };
            assert!(request.context.deadline <= before + DEADLINE_MAX + Duration::from_secs(1));
        }
    }

    #[test]
    fn hostile_frames_are_errors() {
        let valid = CUSTOMER.format.encode(&ToServer::<CustomerRequest>::Cancel { id: 1 }).unwrap();
        let mut trailing = valid.clone();
        trailing.push(0);
        let table: &[(&str, BytesMut)] = &[
            ("trailing byte", framed(&trailing)),
            ("nothing", framed(&[])),
            ("unknown variant", framed(&[9, 9, 9])),
            ("JSON", framed(br#"{"cancel":{"id":1}}"#)),
            ("half a call", framed(&[0, 7, 0xe8, 0x07, 6, 16])),
            ("a length of 4 GiB", BytesMut::from([0xff; 8].as_slice())),
            ("a length above the bound", BytesMut::from([0, 0, 0x40, 1, 0].as_slice())),
        ];
        for (name, bytes) in table {
            let mut codec: CustomerServer = codec(CUSTOMER);
            assert!(codec.decode(&mut bytes.clone()).is_err(), "{name}");
        }
        let mut codec: CustomerServer = codec(CUSTOMER);
        assert!(matches!(codec.decode(&mut framed(&valid)), Ok(Some(ClientMessage::Cancel { .. }))));
    }
}
