//! `atmctl config show`: the settings in force, and where each comes from.

use crate::Io;
use crate::identity::{ca_file, identity_file};
use crate::render::{rows, schema};
use crate::settings::{Settings, Sourced};
use crate::stop::Stop;
use atm_rpc::plugin::Kind;
use serde_json::{Value, json};

pub(crate) fn show(origin: bool, settings: &Settings, io: &mut Io) -> Result<u8, Stop> {
    let list = [
        ("server", Some(settings.server.clone())),
        ("ca", ca_file(settings)),
        ("identity", identity_file(settings)),
        ("output", Some(settings.output.clone())),
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
