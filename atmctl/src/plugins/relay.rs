//! Frames between a plugin and atmd. Reads of a frame only what it is: a request with its id and
//! method, or an answer with its id. When atmd goes away, it answers what was under way and connects
//! for the next call.

use crate::link::{Frames, Link};
use atm_rpc::error::ServiceError;
use atm_rpc::plugin::{Code, Failure};
use atm_rpc::transport::wire::{Refused, ToClient, ToServer};
use atm_rpc::transport::{IN_FLIGHT_MAX, OPERATOR, codec};
use bytes::{Bytes, BytesMut};
use futures::{SinkExt, StreamExt};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::UnixStream;
use tokio_util::codec::Framed;

/// The two ends and what is between them.
struct Relay<S> {
    plugin: Frames<UnixStream>,
    atmd: Option<Frames<S>>,
    /// What atmd has not answered: ids and methods.
    under_way: BTreeMap<u64, String>,
    /// What such a call is told when atmd goes away.
    lost: ServiceError,
}

/// What happened on one of the ends.
enum Event {
    Plugin(Option<io::Result<BytesMut>>),
    Atmd(Option<io::Result<BytesMut>>),
}

/// Relays until the plugin closes its end.
///
/// `connect` opens another connection with the same rights; `changes`: whether calls may change
/// something.
pub(crate) async fn relay<S: AsyncRead + AsyncWrite + Unpin>(
    plugin: UnixStream,
    atmd: Link<S>,
    changes: bool,
    connect: impl AsyncFn() -> Result<Link<S>, Failure>,
) -> Result<(), Failure> {
    let mut relay = Relay {
        plugin: Framed::new(plugin, codec::frames(OPERATOR)),
        atmd: Some(atmd.into_frames()),
        under_way: BTreeMap::new(),
        // What may change something may have done so before the connection broke.
        lost: if changes { ServiceError::OutcomeUnknown } else { ServiceError::Unavailable },
    };
    loop {
        let event = tokio::select! {
            frame = relay.plugin.next() => Event::Plugin(frame),
            frame = next(&mut relay.atmd) => Event::Atmd(frame),
        };
        match event {
            Event::Plugin(Some(Ok(frame))) => relay.plugin_says(frame, &connect).await?,
            Event::Plugin(Some(Err(error))) if error.kind() == io::ErrorKind::InvalidData => {
                return Err(bad_frame(error));
            }
            Event::Plugin(_) => return Ok(()),
            Event::Atmd(Some(Ok(frame))) => relay.atmd_says(frame).await?,
            Event::Atmd(_) => relay.disconnected().await,
        }
    }
}

async fn next<S: AsyncRead + AsyncWrite + Unpin>(
    atmd: &mut Option<Frames<S>>,
) -> Option<io::Result<BytesMut>> {
    match atmd {
        Some(frames) => frames.next().await,
        None => std::future::pending().await,
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Relay<S> {
    async fn plugin_says(
        &mut self,
        frame: BytesMut,
        connect: &impl AsyncFn() -> Result<Link<S>, Failure>,
    ) -> Result<(), Failure> {
        match OPERATOR.format.decode::<ToServer<Value>>(&frame).map_err(bad_frame)? {
            ToServer::Cancel { id } => {
                if self.under_way.remove(&id).is_some() {
                    self.tell_atmd(frame).await;
                }
            }
            ToServer::Request { id, call, .. } => {
                let method = self.method(id, &call)?;
                if self.under_way.len() >= IN_FLIGHT_MAX {
                    let result: Result<Value, Refused> = Err(Refused::TooManyInFlight);
                    self.tell_plugin(&ToClient { id, result }).await;
                    return Ok(());
                }
                if self.atmd.is_none() {
                    match connect().await {
                        Ok(link) => self.atmd = Some(link.into_frames()),
                        Err(denied) if denied.code == Code::Denied => return Err(denied),
                        Err(_) => {
                            self.refuse(id, &method, ServiceError::Unavailable).await;
                            return Ok(());
                        }
                    }
                }
                self.under_way.insert(id, method);
                self.tell_atmd(frame).await;
            }
        }
        Ok(())
    }

    /// The method of what may be relayed: one, under an id of its own.
    fn method(&self, id: u64, call: &Value) -> Result<String, Failure> {
        if self.under_way.contains_key(&id) {
            return Err(bad_frame(format!("the id {id} is under way")));
        }
        let named = call.as_object().filter(|object| object.len() == 1);
        let method = named.and_then(|object| object.keys().next());
        method.cloned().ok_or_else(|| bad_frame("a call names one method"))
    }

    async fn atmd_says(&mut self, frame: BytesMut) -> Result<(), Failure> {
        let answer: ToClient<Value> = OPERATOR
            .format
            .decode(&frame)
            .map_err(|error| Failure::new(Code::Protocol, format!("atmd sent what is no answer: {error}")))?;
        // A call that was cancelled has nobody who waits for it.
        if self.under_way.remove(&answer.id).is_some() {
            // A plugin that does not read any more is seen when its end closes.
            let _ = self.plugin.send(frame.freeze()).await;
        }
        Ok(())
    }

    /// atmd went away: answers what it did not.
    async fn disconnected(&mut self) {
        self.atmd = None;
        for (id, method) in std::mem::take(&mut self.under_way) {
            self.refuse(id, &method, self.lost).await;
        }
    }

    async fn tell_atmd(&mut self, frame: BytesMut) {
        if let Some(atmd) = &mut self.atmd
            && atmd.send(frame.freeze()).await.is_err()
        {
            self.disconnected().await;
        }
    }

    async fn refuse(&mut self, id: u64, method: &str, error: ServiceError) {
        let result: Result<Value, Refused> = Ok(json!({ method: { "Err": error } }));
        self.tell_plugin(&ToClient { id, result }).await;
    }

    async fn tell_plugin(&mut self, answer: &ToClient<Value>) {
        if let Ok(bytes) = OPERATOR.format.encode(answer) {
            // A plugin that does not read any more is seen when its end closes.
            let _ = self.plugin.send(Bytes::from(bytes)).await;
        }
    }
}

fn bad_frame(what: impl std::fmt::Display) -> Failure {
    Failure::new(Code::Protocol, format!("the plugin broke the protocol on its connection: {what}"))
}

#[cfg(test)]
#[path = "relay_tests.rs"]
mod tests;
