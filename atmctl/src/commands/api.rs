//! `atmctl api`: one call, its answer as JSON. In a plugin it goes over the plugin's connection,
//! so that a shell script can be a plugin, and never with the operator's key.

use crate::Io;
use crate::arguments::Globals;
use crate::link::{self, Link};
use crate::render::Format;
use crate::settings::Settings;
use crate::stop::Stop;
use atm_rpc::operator::{Capability, Mode, Narrow, OperatorRequest};
use atm_rpc::plugin::{self, Code, ENV_FD, Failure};
use atm_rpc::types::key::RequestKey;
use rustix::fs::FlockOperation;
use serde_json::{Map, Value};
use std::io;
use std::os::unix::net::UnixStream;
use std::time::Duration;

pub(crate) async fn run(
    method: &str,
    body: Option<&str>,
    globals: &Globals,
    settings: &Settings,
    io: &mut Io,
) -> Result<u8, Stop> {
    if globals.output.is_some_and(|output| output != Format::Json) {
        return Err(Failure::new(Code::Usage, "api prints JSON and nothing else").into());
    }
    let call = call(method, body)?;
    let patience = settings.limit.unwrap_or(link::PATIENCE);
    let answer = if io.environment.contains_key(ENV_FD) {
        let connection = plugin::connection().and_then(own).map_err(|error| {
            Failure::new(Code::Protocol, format!("no connection on descriptor {}: {error}", plugin::FD))
        })?;
        Link::new(connection, unused_id(), patience).call(&call).await?
    } else {
        let endpoint = link::endpoint(settings, io)?;
        let mut link = link::as_operator(&endpoint, patience).await?;
        if globals.dry_run {
            link.narrow(dry_run(patience)).await?;
        }
        link.call(&call).await?
    };
    let answer = answer.map_err(Failure::from)?;
    writeln!(io.stdout, "{answer}")?;
    Ok(0)
}

/// The call on the wire, if it is one.
fn call(method: &str, body: Option<&str>) -> Result<Value, Failure> {
    let usage = |what: String| {
        Failure::new(Code::Usage, what).hint("for example: atmctl api blacklist_list '{\"rows\": 10}'")
    };
    let fields = serde_json::from_str(body.unwrap_or("{}"));
    let fields: Value = fields.map_err(|error| usage(format!("the fields are not JSON: {error}")))?;
    let call = Value::Object(Map::from_iter([(wire_name(method), fields)]));
    // atmd closes the connection where it does not understand; here it can be said why.
    match serde_json::from_value::<OperatorRequest>(call.clone()) {
        Ok(_) => Ok(call),
        Err(error) => Err(usage(format!("not a call of atmd: {error}"))),
    }
}

/// `blacklist_list` as `BlacklistList`, which is taken, too.
fn wire_name(method: &str) -> String {
    let capital = |word: &str| {
        let mut letters = word.chars();
        letters.next().into_iter().flat_map(char::to_uppercase).chain(letters).collect::<String>()
    };
    method.split('_').map(capital).collect()
}

/// Everything the role has, without effect.
fn dry_run(patience: Duration) -> Narrow {
    Narrow {
        mode: Mode::DryRun,
        command: "api".to_owned(),
        capabilities: Capability::ALL.to_vec(),
        plugin: None,
        ttl_ms: u64::try_from(patience.as_millis()).unwrap_or(u64::MAX),
    }
}

/// The connection for this process alone, until it ends. Record locks are of a process, so they
/// keep processes apart that share one open socket.
fn own(connection: UnixStream) -> io::Result<tokio::net::UnixStream> {
    rustix::fs::fcntl_lock(&connection, FlockOperation::LockExclusive)?;
    connection.set_nonblocking(true)?;
    tokio::net::UnixStream::from_std(connection)
}

/// An id that nobody used on this connection: tarpc ignores one that is under way.
fn unused_id() -> u64 {
    // The second half of a version 7 UUID is random.
    let [_, _, _, _, _, _, _, _, random @ ..] = *RequestKey::generate().bytes();
    u64::from_be_bytes(random)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_is_checked_before_it_is_sent() {
        let table = [
            ("whoami", None, Some(r#"{"Whoami":{}}"#)),
            ("Whoami", Some("{}"), Some(r#"{"Whoami":{}}"#)),
            (
                "blacklist_list",
                Some(r#"{"after":null,"rows":5}"#),
                Some(r#"{"BlacklistList":{"after":null,"rows":5}}"#),
            ),
            (
                "blacklist_show",
                Some(r#"{"mobile":"12345"}"#),
                Some(r#"{"BlacklistShow":{"mobile":"12345"}}"#),
            ),
            ("blacklist_show", Some(r#"{"mobile":"x"}"#), None),
            ("blacklist_show", None, None),
            ("blacklist_show", Some("nonsense"), None),
            ("no_such_call", None, None),
        ];
        for (method, body, wire) in table {
            assert_eq!(
                call(method, body).ok().map(|call| call.to_string()).as_deref(),
                wire,
                "{method} {body:?}"
            );
        }
    }
}
