//! Plays atmd for a plugin under test: checks each frame and each call as atmd does, and answers with what was
//! recorded. Does nothing.

use atm_rpc::error::ServiceError;
use atm_rpc::operator::rules::{Method, Narrowed};
use atm_rpc::operator::{Capability, Mode, OperatorRequest, PROTOCOL, Role, Whoami};
use atm_rpc::transport::wire::{ToClient, ToServer};
use atm_rpc::transport::{OPERATOR, codec};
use atm_rpc::types::money::Currency;
use bytes::Bytes;
use futures::{SinkExt, StreamExt};
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;
use std::sync::LazyLock;
use tokio::net::UnixStream;
use tokio_util::codec::Framed;

/// Answers of atmd, by method.
static RECORDED: LazyLock<Map<String, Value>> =
    LazyLock::new(|| serde_json::from_str(include_str!("recorded.json")).unwrap_or_default());

/// The other end of a plugin's connection.
#[derive(Debug)]
pub(super) struct StandIn {
    capabilities: BTreeSet<Capability>,
    mode: Mode,
    /// The job that was begun last.
    job: Option<&'static str>,
    pub(super) seen: Seen,
}

/// What a plugin did on its connection.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// Calls that could be read.
    pub(super) calls: u64,
    /// Frames that are none.
    pub(super) frames: Vec<String>,
    /// Calls that it has no right to.
    pub(super) oversteps: Vec<String>,
}

impl StandIn {
    pub(super) fn new(capabilities: &[Capability], mode: Mode) -> Self {
        Self { capabilities: capabilities.iter().copied().collect(), mode, job: None, seen: Seen::default() }
    }

    /// Answers until the plugin closes its end, or sends what is no frame.
    pub(super) async fn serve(&mut self, stream: UnixStream) {
        let mut frames = Framed::new(stream, codec::frames(OPERATOR));
        while let Some(frame) = frames.next().await {
            let read = frame.and_then(|frame| OPERATOR.format.decode::<ToServer<Value>>(&frame));
            let (id, call) = match read {
                Ok(ToServer::Request { id, call, .. }) => (id, call),
                Ok(ToServer::Cancel { .. }) => continue,
                Err(error) => return self.seen.frames.push(format!("a frame is not understood: {error}")),
            };
            let request = match serde_json::from_value::<OperatorRequest>(call) {
                Ok(request) => request,
                Err(error) => return self.seen.frames.push(format!("not a call of atmd: {error}")),
            };
            self.seen.calls = self.seen.calls.saturating_add(1);
            let result = Ok(self.answer(&request));
            let Ok(answer) = OPERATOR.format.encode(&ToClient { id, result }) else { return };
            // One that does not wait for its answer may have gone.
            if frames.send(Bytes::from(answer)).await.is_err() {
                return;
            }
        }
    }

    fn answer(&mut self, request: &OperatorRequest) -> Value {
        let method = Method::of(request);
        if let Err(error) = method.rule().check(&self.capabilities, self.mode, Narrowed::Yes) {
            let what = match &error {
                ServiceError::Forbidden(right) => {
                    format!("which needs {right}, a right that it does not describe")
                }
                ServiceError::ReadOnly => {
                    "which changes something, and it says that it changes nothing".to_owned()
                }
                other => format!("which is refused: {other}"),
            };
            self.seen.oversteps.push(format!("it calls {}, {what}", method.name()));
            return json!(method.refused(error));
        }
        let wire = format!("{method:?}");
        if matches!(request, OperatorRequest::Whoami {}) {
            return json!({ wire: { "Ok": self.whoami() } });
        }
        self.job = match method {
            Method::LedgerVerify => Some("LedgerVerify"),
            Method::LedgerRebuild => Some("LedgerRebuild"),
            Method::LedgerImport => Some("LedgerImport"),
            Method::AuditVerify => Some("AuditVerify"),
            Method::BackupCreate => Some("BackupCreate"),
            _ => self.job,
        };
        let key = match (method, self.job) {
            (Method::JobNews, Some(job)) => format!("JobNews of {job}"),
            _ => wire.clone(),
        };
        match RECORDED.get(&key) {
            Some(answer) => json!({ wire: { "Ok": told(answer, self.mode) } }),
            None => json!(method.refused(ServiceError::NotFound)),
        }
    }

    fn whoami(&self) -> Whoami {
        Whoami {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            protocol: PROTOCOL,
            currency: Currency::INR,
            operator: "test".to_owned(),
            role: Role::Admin,
            capabilities: self.capabilities.iter().copied().collect(),
            mode: self.mode,
        }
    }
}

/// An answer that says whether the connection only tries.
fn told(answer: &Value, mode: Mode) -> Value {
    match answer {
        Value::Object(fields) => fields
            .iter()
            .map(|(name, value)| match name.as_str() {
                "dry_run" => (name.clone(), Value::Bool(mode == Mode::DryRun)),
                _ => (name.clone(), told(value, mode)),
            })
            .collect::<Map<_, _>>()
            .into(),
        Value::Array(items) => items.iter().map(|item| told(item, mode)).collect(),
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use atm_rpc::operator::OperatorResponse;

    #[test]
    fn what_was_recorded_are_answers() {
        assert!(RECORDED.len() > 20);
        for (key, answer) in RECORDED.iter() {
            let method = key.split(' ').next().unwrap();
            let answer = json!({ method: { "Ok": told(answer, Mode::DryRun) } });
            serde_json::from_value::<OperatorResponse>(answer)
                .unwrap_or_else(|error| panic!("{key}: {error}"));
        }
    }
}
