//! `atmctl status`: how atmd is. Prints it in any case; the exit code says whether it is well.

use crate::Io;
use crate::link;
use crate::render::{record, schema};
use crate::settings::Settings;
use crate::stop::Stop;
use atm_rpc::operator::{OperatorRequest, Status};
use atm_rpc::plugin::{Kind, Schema};
use atm_rpc::types::money::Currency;
use serde_json::{Value, json};

/// The exit code where atmd answers and is not well: a finding, as verify has them.
const UNWELL: u8 = 3;

pub(crate) async fn run(settings: &Settings, io: &mut Io) -> Result<u8, Stop> {
    let endpoint = link::endpoint(settings, io)?;
    let mut link = link::as_operator(&endpoint, settings.limit.unwrap_or(link::PATIENCE)).await?;
    let me = link.whoami().await?;
    let status: Status = link.ask(&OperatorRequest::Status {}).await?;
    match record(settings.format, &columns(), Some(me.currency), &row(&status, me.currency), io) {
        // Who reads no further still gets the finding.
        Ok(()) | Err(Stop::OutputClosed) => {}
        Err(stop) => return Err(stop),
    }
    Ok(if status.healthy { 0 } else { UNWELL })
}

fn columns() -> Schema {
    schema(
        "atmctl.status/1",
        &[
            ("healthy", Kind::Boolean),
            ("reasons", Kind::Text),
            ("warnings", Kind::Text),
            ("version", Kind::Text),
            ("started_at", Kind::Date),
            ("uptime_ms", Kind::Duration),
            ("cpu_percent", Kind::Number),
            ("memory_bytes", Kind::Number),
            ("threads", Kind::Number),
            ("connections_active", Kind::Number),
            ("connections_max", Kind::Number),
            ("connections_total", Kind::Number),
            ("journal_seq", Kind::Number),
            ("vault_balance", Kind::Money),
            ("currency", Kind::Text),
            ("business_date", Kind::Date),
            ("projection_lag_entries", Kind::Number),
            ("draining", Kind::Boolean),
            ("drain_reason", Kind::Text),
            ("drain_since", Kind::Date),
            ("drain_deadline", Kind::Date),
            ("drain_sessions_left", Kind::Number),
        ],
    )
}

fn row(status: &Status, currency: Currency) -> Value {
    let draining = status.draining.as_ref();
    let told = |sentences: &[String]| Some(sentences.join("; ")).filter(|told| !told.is_empty());
    json!({
        "healthy": status.healthy,
        "reasons": told(&status.reasons),
        "warnings": told(&status.warnings),
        "version": status.version,
        "started_at": status.started_at,
        "uptime_ms": status.uptime_ms,
        "cpu_percent": (f64::from(status.cpu_percent) * 10.0).round() / 10.0,
        "memory_bytes": status.memory_bytes,
        "threads": status.threads,
        "connections_active": status.connections_active,
        "connections_max": status.connections_max,
        "connections_total": status.connections_total,
        "journal_seq": status.journal_seq,
        "vault_balance": status.vault_balance_minor,
        "currency": currency,
        "business_date": status.business_date,
        "projection_lag_entries": status.projection_lag_entries,
        "draining": draining.is_some(),
        "drain_reason": draining.map(|told| &told.reason),
        "drain_since": draining.map(|told| told.since),
        "drain_deadline": draining.and_then(|told| told.deadline),
        "drain_sessions_left": draining.and_then(|told| told.sessions_left),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::{Format, Renderer};
    use atm_rpc::operator::daemon::Draining;
    use atm_rpc::types::time::Timestamp;

    #[test]
    fn the_row_is_of_its_schema() {
        let status = Status {
            version: "0.1.0".into(),
            healthy: false,
            reasons: vec!["the disk is full".into(), "the projection lags".into()],
            warnings: Vec::new(),
            started_at: Timestamp::from_ms(0),
            uptime_ms: 5,
            cpu_percent: 12.345,
            memory_bytes: u64::MAX,
            threads: 4,
            connections_active: 1,
            connections_max: 2,
            connections_total: 3,
            journal_seq: 7,
            vault_balance_minor: -500,
            business_date: "2026-11-22".into(),
            projection_lag_entries: 0,
            draining: Some(Draining {
                reason: "new disks".into(),
                since: Timestamp::from_ms(0),
                deadline: None,
                sessions_left: Some(2),
            }),
        };
        let (schema, mut out) = (columns(), Vec::new());
        let mut renderer = Renderer::new(Format::Json, &schema, Some(Currency::INR));
        renderer.row(&row(&status, Currency::INR), &mut out).unwrap();
        renderer.finish(&mut out).unwrap();
        let read: Value = serde_json::from_slice(&out).unwrap();
        assert_eq!(read["data"][0]["reasons"], "the disk is full; the projection lags");
        assert_eq!(read["data"][0]["warnings"], Value::Null);
        assert_eq!(read["data"][0]["memory_bytes"], "18446744073709551615");
        assert_eq!(read["data"][0]["vault_balance"], "-5.00");
        assert_eq!(read["data"][0]["cpu_percent"], "12.3");
        assert_eq!(read["data"][0]["drain_reason"], "new disks");
        assert_eq!(read["data"][0]["drain_deadline"], Value::Null);
    }
}
