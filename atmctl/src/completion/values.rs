//! Values that atmd knows: asked for as the operator, on a connection that may do nothing but list them,
//! within a moment. Where that fails there are none, and nobody is told.

use crate::arguments::{self, Globals};
use crate::settings::{Files, Settings};
use crate::{identity, link};
use atm_rpc::operator::rules::{Effect, Method};
use atm_rpc::operator::{Capability, Mode, Narrow, OperatorRequest, PAGE_ROWS_MAX};
use atm_rpc::plugin::{Argument, Command, Connection, ENV_FD, Kind, Values};
use clap_complete::engine::CompletionCandidate;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::time::Duration;
use tokio::time::timeout;

/// What a person who pressed a key bears.
const PATIENCE: Duration = Duration::from_millis(300);
/// How long atmd keeps the connection.
const TTL_MS: u64 = 1_000;

/// An argument whose values atmd knows, and all that is needed to ask.
pub(super) struct Asked {
    title: String,
    command: Command,
    kind: Kind,
    values: Option<Values>,
    words: Vec<OsString>,
    environment: BTreeMap<String, String>,
}

impl Asked {
    /// `words`: the line so far, which may say where atmd is.
    pub(super) fn new(
        plugin: &str,
        command: &Command,
        argument: &Argument,
        words: &[OsString],
        environment: &BTreeMap<String, String>,
    ) -> Self {
        Self {
            title: format!("{plugin} {}", command.name),
            command: command.clone(),
            kind: argument.kind,
            values: argument.values.clone(),
            words: words.to_vec(),
            environment: environment.clone(),
        }
    }

    /// The values that begin with what was typed.
    pub(super) fn values(&self, typed: &OsStr) -> Vec<CompletionCandidate> {
        let values = typed.to_str().zip(self.ask()).map(|(typed, values)| {
            // One that is masked, or would be refused as an argument, helps nobody.
            let fits = |value: &String| value.starts_with(typed) && self.kind.check(value).is_ok();
            values.into_iter().filter(fits).map(CompletionCandidate::new).collect()
        });
        values.unwrap_or_default()
    }

    fn ask(&self) -> Option<Vec<String>> {
        let values = self.values.as_ref()?;
        let request = request(&values.method)?;
        // Inside a plugin there is no identity to ask with.
        if self.environment.contains_key(ENV_FD) || self.command.connection == Connection::None {
            return None;
        }
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().ok()?;
        let answer = runtime.block_on(async { timeout(PATIENCE, self.answer(&request)).await });
        // A name that is still being looked up is not waited for.
        runtime.shutdown_background();
        Some(texts(&answer.ok().flatten()?, &values.field))
    }

    async fn answer(&self, request: &OperatorRequest) -> Option<Value> {
        let endpoint = identity::endpoint(&self.settings()?).ok()?;
        let mut link = link::as_operator(&endpoint, PATIENCE).await.ok()?;
        // A number is offered whole where the command would have it whole.
        let pii = self.command.capabilities.contains(&Capability::AccountsPii);
        let needs = Method::of(request).rule().needs;
        let capabilities = needs.into_iter().chain(pii.then_some(Capability::AccountsPii)).collect();
        let command = self.title.clone();
        let narrow = Narrow { mode: Mode::Read, command, capabilities, plugin: None, ttl_ms: TTL_MS };
        let left = link.narrow(narrow).await.ok()?.capabilities;
        // Without the right it would be one more refusal in the audit log for each key that is pressed.
        if needs.is_some_and(|needs| !left.contains(&needs)) {
            return None;
        }
        link.ask(request).await.ok()
    }

    /// As the command would have them, of a line that is not complete.
    fn settings(&self) -> Option<Settings> {
        let behind = |long: &str| arguments::value_in(&self.words, long, None).map(str::to_owned);
        let (server, ca, identity) = (behind("--server"), behind("--ca"), behind("--identity"));
        let globals = Globals { server, ca, identity, ..Globals::default() };
        Settings::resolve(&globals, &self.environment, &Files::read(&self.environment).ok()?).ok()
    }
}

/// The call whose answer has the values: one that lists, its first page.
fn request(method: &str) -> Option<OperatorRequest> {
    // Of these each list takes what it knows.
    let call = json!({ method: { "after": null, "rows": PAGE_ROWS_MAX, "filter": {} } });
    let request: OperatorRequest = serde_json::from_value(call).ok()?;
    let looks = Method::of(&request).rule().effect == Effect::Looks;
    (looks && method.ends_with("List")).then_some(request)
}

/// That field of all rows, wherever the answer has them.
fn texts(answer: &Value, field: &str) -> Vec<String> {
    let rows = answer.get("rows").unwrap_or(answer).as_array();
    let texts = rows.into_iter().flatten().filter_map(|row| row.get(field)?.as_str());
    texts.map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_lists_are_asked_for() {
        for (method, fits) in [
            ("BlacklistList", true),
            ("AccountList", true),
            ("OperatorList", true),
            ("LedgerVerify", false),
            ("BlacklistShow", false),
            ("Nothing", false),
        ] {
            assert_eq!(request(method).is_some(), fits, "{method}");
        }
    }

    #[test]
    fn values_are_a_field_of_the_rows() {
        for answer in [json!({ "rows": [{ "n": "1" }, { "m": "2" }, { "n": 3 }] }), json!([{ "n": "1" }])] {
            assert_eq!(texts(&answer, "n"), ["1"], "{answer}");
        }
        assert_eq!(texts(&json!(5), "n"), Vec::<String>::new());
    }
}
