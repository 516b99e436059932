//! A connection that is asked one thing at a time, and how it is opened and narrowed.
//!
//! Speaks frames, not tarpc: the relay goes on where a link was opened.

use crate::settings::Settings;
use crate::{Io, identity};
use atm_rpc::client::{ConnectError, Connection, Endpoint, cure};
use atm_rpc::error::ServiceError;
use atm_rpc::operator::{Narrow, OperatorRequest, PROTOCOL, Whoami};
use atm_rpc::plugin::{Code, ENV_FD, Failure};
use atm_rpc::transport::wire::{ToClient, ToServer};
use atm_rpc::transport::{OPERATOR, codec};
use bytes::Bytes;
use futures::{SinkExt, StreamExt};
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::io;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::timeout;
use tokio_util::codec::{Framed, LengthDelimitedCodec};

/// Frames of the operator service over a stream.
pub(crate) type Frames<S> = Framed<S, LengthDelimitedCodec>;

/// How long one answer may take where no `--timeout` says otherwise.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

/// A connection on which one call is under way at a time.
#[derive(Debug)]
pub(crate) struct Link<S> {
    frames: Frames<S>,
    next_id: u64,
    patience: Duration,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Link<S> {
    /// `first_id`: of the first call; where others called before, no id of theirs.
    pub(crate) fn new(stream: S, first_id: u64, patience: Duration) -> Self {
        Self { frames: Framed::new(stream, codec::frames(OPERATOR)), next_id: first_id, patience }
    }

    /// The frames, for somebody else to go on.
    pub(crate) fn into_frames(self) -> Frames<S> {
        self.frames
    }

    /// Who answers and who asks.
    pub(crate) async fn whoami(&mut self) -> Result<Whoami, Failure> {
        understood(self.ask(&OperatorRequest::Whoami {}).await?)
    }

    /// Takes all rights from this connection, for good, that `to` does not name.
    pub(crate) async fn narrow(&mut self, to: Narrow) -> Result<Whoami, Failure> {
        understood(self.ask(&OperatorRequest::Narrow { to }).await?)
    }

    /// Makes a call of this protocol.
    pub(crate) async fn ask<T: DeserializeOwned>(&mut self, request: &OperatorRequest) -> Result<T, Failure> {
        let call = serde_json::to_value(request).map_err(not_understood)?;
        let answer = self.call(&call).await??;
        serde_json::from_value(answer).map_err(not_understood)
    }

    /// Makes a call in the wire's JSON, `{"Method":{..}}`, and gives what the method answers.
    pub(crate) async fn call(&mut self, call: &Value) -> Result<Result<Value, ServiceError>, Failure> {
        let id = self.next_id;
        self.next_id = id.wrapping_add(1);
        let deadline_ms = u64::try_from(self.patience.as_millis()).unwrap_or(u64::MAX);
        let request = OPERATOR.format.encode(&ToServer::Request { id, deadline_ms, call });
        let request = Bytes::from(request.map_err(not_understood)?);
        let patience = self.patience;
        let answer = async {
            self.frames.send(request).await.map_err(|error| broken(&error))?;
            self.answer(id).await
        };
        match timeout(patience, answer).await {
            Ok(answer) => read_answer(answer?),
            Err(_) => Err(Failure::new(Code::TryAgain, "atmd did not answer in time")),
        }
    }

    /// The answer to that call. Others are left over from whoever used the connection before.
    async fn answer(&mut self, id: u64) -> Result<ToClient<Value>, Failure> {
        loop {
            match self.frames.next().await {
                None => return Err(Failure::new(Code::Unreachable, "atmd closed the connection")),
                Some(frame) => {
                    let frame = frame.map_err(|error| broken(&error))?;
                    let answer: ToClient<Value> = OPERATOR.format.decode(&frame).map_err(not_understood)?;
                    if answer.id == id {
                        return Ok(answer);
                    }
                }
            }
        }
    }
}

fn read_answer(answer: ToClient<Value>) -> Result<Result<Value, ServiceError>, Failure> {
    let named = answer.result.map_err(|refused| Failure::new(Code::TryAgain, refused))?;
    let Value::Object(named) = named else { return Err(not_understood("no method is named")) };
    let result = named.into_iter().map(|(_, result)| result).next().unwrap_or_default();
    serde_json::from_value(result).map_err(not_understood)
}

fn not_understood(error: impl std::fmt::Display) -> Failure {
    Failure::new(Code::Protocol, format!("atmd's answer is not understood: {error}"))
        .hint("are atmd and atmctl of the same version?")
}

fn broken(error: &io::Error) -> Failure {
    // TLS says so with the first answer, because the handshake is over before the server has
    // looked at the operator's certificate.
    if error.kind() == io::ErrorKind::InvalidData {
        return Failure::new(Code::Denied, format!("atmd does not accept this operator: {error}"))
            .hint(cure(error).unwrap_or("is the identity one of this atmd, and the operator enabled?"));
    }
    Failure::new(Code::Unreachable, format!("the connection to atmd broke: {error}"))
}

/// A connection as the operator, with all rights of the role.
pub(crate) async fn as_operator(
    endpoint: &Endpoint,
    patience: Duration,
) -> Result<Link<Connection>, Failure> {
    let opened = endpoint.open().await.map_err(|error| match error {
        ConnectError::NotReachable { .. } => Failure::new(Code::Unreachable, error)
            .hint("is atmd running, and is this the address of its operators' listener? (--server)"),
        ConnectError::NotTrusted { ref source, .. } => {
            let cure = cure(source).unwrap_or("do --ca and --identity belong to this atmd?");
            Failure::new(Code::Configuration, &error).hint(format!("{cure} (atmctl config show --origin)"))
        }
    })?;
    Ok(Link::new(opened, 0, patience))
}

/// The operator's listener, by the settings.
pub(crate) fn endpoint(settings: &Settings, io: &Io) -> Result<Endpoint, Failure> {
    if io.environment.contains_key(ENV_FD) {
        return Err(Failure::new(Code::Denied, "inside a plugin there is no operator's identity")
            .hint("a plugin calls atmd by: \"$ATMCTL_BIN\" api METHOD JSON"));
    }
    identity::endpoint(settings)
}

fn understood(me: Whoami) -> Result<Whoami, Failure> {
    if me.protocol == PROTOCOL {
        return Ok(me);
    }
    let text = format!("atmd {} speaks operator protocol {}, not {PROTOCOL}", me.version, me.protocol);
    Err(Failure::new(Code::Protocol, text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use tokio::io::DuplexStream;

    /// Answers with these, whatever is asked, ids as given.
    async fn answering(answers: Vec<Value>) -> Link<DuplexStream> {
        let (near, far) = tokio::io::duplex(64 * 1024);
        let mut far = Framed::new(far, codec::frames(OPERATOR));
        for answer in answers {
            far.send(Bytes::from(answer.to_string())).await.unwrap();
        }
        // Kept open, so that what was not answered waits instead of failing.
        std::mem::forget(far);
        Link::new(near, 7, Duration::from_millis(200))
    }

    #[tokio::test]
    async fn answers_of_others_are_passed_over() {
        let stale = json!({ "id": 3, "result": { "Ok": { "Status": { "Err": "not_found" } } } });
        let own = json!({ "id": 7, "result": { "Ok": { "Whoami": { "Ok": 5 } } } });
        let mut link = answering(vec![stale, own]).await;
        assert_eq!(link.call(&json!({ "Whoami": {} })).await, Ok(Ok(json!(5))));
    }

    #[tokio::test]
    async fn each_end_has_its_code() {
        let table = [
            (json!({ "id": 7, "result": { "Ok": { "Whoami": { "Err": "not_found" } } } }), Code::NotFound),
            (json!({ "id": 7, "result": { "Ok": { "Whoami": { "Err": "read_only" } } } }), Code::Denied),
            (json!({ "id": 7, "result": { "Err": "too_many_in_flight" } }), Code::TryAgain),
            (json!({ "id": 7, "result": { "Ok": [] } }), Code::Protocol),
            (json!("nonsense"), Code::Protocol),
            (json!({ "id": 1, "result": { "Ok": { "Whoami": { "Ok": 5 } } } }), Code::TryAgain),
        ];
        for (answer, code) in table {
            let mut link = answering(vec![answer.clone()]).await;
            let failure = link.ask::<Whoami>(&OperatorRequest::Whoami {}).await.unwrap_err();
            assert_eq!(failure.code, code, "{answer}");
        }
    }

    #[tokio::test]
    async fn another_protocol_is_not_spoken() {
        for (protocol, expected) in [(PROTOCOL, None), (PROTOCOL + 1, Some(Code::Protocol))] {
            let me = json!({ "version": "9", "protocol": protocol, "currency": "INR", "operator": "root",
                "role": "admin", "capabilities": [], "mode": "change" });
            let answer = json!({ "id": 7, "result": { "Ok": { "Whoami": { "Ok": me } } } });
            let answered = answering(vec![answer]).await.whoami().await;
            assert_eq!(answered.err().map(|failure| failure.code), expected);
        }
    }
}
