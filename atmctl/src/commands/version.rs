//! `atmctl version`.

use crate::Io;
use crate::render::{record, schema};
use crate::settings::Settings;
use crate::stop::Stop;
use atm_rpc::plugin::Kind;
use serde_json::json;

pub(crate) fn run(settings: &Settings, io: &mut Io) -> Result<u8, Stop> {
    let columns =
        [("version", Kind::Text), ("operator_protocol", Kind::Number), ("plugin_protocol", Kind::Number)];
    let row = json!({
        "version": env!("CARGO_PKG_VERSION"),
        "operator_protocol": atm_rpc::operator::PROTOCOL,
        "plugin_protocol": atm_rpc::plugin::PROTOCOL,
    });
    record(settings.format, &schema("atmctl.version/1", &columns), None, &row, io)?;
    Ok(0)
}
