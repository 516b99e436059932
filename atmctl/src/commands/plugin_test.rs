//! `atmctl plugin test`: what the kit tried, a row each.

use crate::Io;
use crate::arguments::Globals;
use crate::plugins::kit::{self, Check};
use crate::render::{rows, schema};
use crate::settings::Settings;
use crate::stop::Stop;
use atm_rpc::plugin::Kind;
use serde_json::{Value, json};
use std::path::Path;

/// The exit code of a finding.
const FINDING: u8 = 3;

pub(super) async fn run(
    file: &Path,
    globals: &Globals,
    settings: &Settings,
    io: &mut Io,
) -> Result<u8, Stop> {
    let checks = kit::test(file, globals.unsandboxed, io).await?;
    let row = |Check { command, what, finding }: &Check| json!({ "command": command, "check": what, "ok": finding.is_none(), "finding": finding });
    let columns =
        [("command", Kind::Text), ("check", Kind::Text), ("ok", Kind::Boolean), ("finding", Kind::Text)];
    let list: Vec<Value> = checks.iter().map(row).collect();
    rows(settings.format, &schema("atmctl.plugin.test/1", &columns), &list, io)?;
    Ok(if checks.iter().all(|check| check.finding.is_none()) { 0 } else { FINDING })
}
