//! `atmctl config`: the settings in force and where each comes from, and whether they can be used.

use crate::Io;
use crate::identity::{self, ca_file, identity_file};
use crate::render::{rows, schema};
use crate::settings::{Settings, Sourced};
use crate::stop::Stop;
use atm_rpc::plugin::{Code, Failure, Kind};
use serde_json::{Value, json};

pub(crate) fn show(origin: bool, settings: &Settings, io: &mut Io) -> Result<u8, Stop> {
    let list = [
        ("server", Some(settings.server.clone())),
        ("ca", ca_file(settings)),
        ("identity", identity_file(settings)),
        ("output", Some(settings.output.clone())),
        ("color", Some(settings.color.clone())),
        ("timeout", settings.timeout.clone()),
    ];
    let row = |(key, sourced): &(&str, Option<Sourced>)| -> Value {
        let value = sourced.as_ref().map(|sourced| &sourced.value);
        let from = sourced.as_ref().map_or("default", |sourced| &sourced.origin);
        if origin {
            json!({ "key": key, "value": value, "origin": from })
        } else {
            json!({ "key": key, "value": value })
        }
    };
    let mut columns = vec![("key", Kind::Text), ("value", Kind::Text)];
    columns.extend(origin.then_some(("origin", Kind::Text)));
    let list: Vec<Value> = list.iter().map(row).collect();
    rows(settings.format, &schema("atmctl.config.show/1", &columns), &list, io)?;
    Ok(0)
}

/// Whether it names a host and a port.
fn address(server: &Sourced) -> Result<(), Failure> {
    let port = server.value.rsplit_once(':').filter(|(host, _)| !host.is_empty());
    let fits = port.is_some_and(|(_, port)| port.parse::<u16>().is_ok_and(|port| port > 0));
    let text = || format!("{} ({}) is not HOST:PORT", server.value, server.origin);
    fits.then_some(()).ok_or_else(|| Failure::new(Code::Configuration, text()))
}

/// What of the settings can be used. Those that cannot even be read failed before.
pub(crate) fn check(settings: &Settings, io: &mut Io) -> Result<u8, Stop> {
    let found = |file: Sourced| format!("{} ({})", file.value, file.origin);
    let mut checks = vec![
        ("ca", identity::ca(settings).map(|(file, _)| found(file))),
        ("identity", identity::identity(settings).map(|(file, _)| found(file))),
    ];
    if checks.iter().all(|(_, result)| result.is_ok()) {
        let server = || address(&settings.server).and_then(|()| identity::endpoint(settings));
        checks.push(("server", server().map(|_| found(settings.server.clone()))));
    }
    let columns = [("what", Kind::Text), ("ok", Kind::Boolean), ("detail", Kind::Text), ("hint", Kind::Text)];
    let row = |(what, result): &(&str, Result<String, Failure>)| match result {
        Ok(detail) => json!({ "what": what, "ok": true, "detail": detail, "hint": null }),
        Err(failure) => json!({ "what": what, "ok": false, "detail": failure.message, "hint": failure.hint }),
    };
    let list: Vec<Value> = checks.iter().map(row).collect();
    rows(settings.format, &schema("atmctl.config.check/1", &columns), &list, io)?;
    Ok(if checks.iter().all(|(_, result)| result.is_ok()) { 0 } else { Code::Configuration.exit() })
}
