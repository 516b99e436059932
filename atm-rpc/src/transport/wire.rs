//! What is inside a frame. This is the protocol; its recorded frames are kept as a test.

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use std::io;
use thiserror::Error;

/// From client to server.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ToServer<T> {
    /// A call.
    Request {
        /// Chosen by the client, unique among its calls under way.
        id: u64,
        /// How long the client waits. Cut to [`super::DEADLINE_MAX`].
        deadline_ms: u64,
        /// The call itself.
        call: T,
    },
    /// The client waits no longer. What was begun may still be applied.
    Cancel {
        /// The call.
        id: u64,
    },
}

/// From server to client.
#[derive(Debug, Serialize, Deserialize)]
pub struct ToClient<T> {
    /// The call that is answered.
    pub id: u64,
    /// The answer, or why there is none.
    pub result: Result<T, Refused>,
}

/// Why a call was not handed to the service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Refused {
    /// Too many calls of this connection are under way.
    #[error("too many calls of this connection are under way")]
    TooManyInFlight,
}

/// How a frame's content is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// postcard: compact binary.
    Postcard,
    /// JSON: any language can write it.
    Json,
}

impl Format {
    /// Writes a message.
    ///
    /// # Errors
    /// `InvalidData` where the message cannot be written.
    pub fn encode<T: Serialize>(self, message: &T) -> io::Result<Vec<u8>> {
        match self {
            Self::Postcard => postcard::to_stdvec(message).map_err(invalid),
            Self::Json => serde_json::to_vec(message).map_err(invalid),
        }
    }

    /// Reads a message that fills the whole of `bytes`.
    ///
    /// # Errors
    /// `InvalidData` for other bytes, trailing ones included.
    pub fn decode<T: DeserializeOwned>(self, bytes: &[u8]) -> io::Result<T> {
        match self {
            Self::Postcard => match postcard::take_from_bytes(bytes).map_err(invalid)? {
                (message, []) => Ok(message),
                (_, rest) => Err(invalid(format!("{} bytes too many", rest.len()))),
            },
            Self::Json => serde_json::from_slice(bytes).map_err(invalid),
        }
    }
}

/// The most characters of a reason: a parser's words may repeat what it read, which is as long as a frame.
const REASON_LENGTH_MAX: usize = 120;

fn invalid(error: impl ToString) -> io::Error {
    let reason: String = error.to_string().chars().take(REASON_LENGTH_MAX).collect();
    io::Error::new(io::ErrorKind::InvalidData, format!("not a message of this protocol: {reason}"))
}
