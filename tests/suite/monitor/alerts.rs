//! Alerts in a real Prometheus, of an atmd that is in that state.

use super::shipped::rules;
use atm_tests::daemon::{Atmd, Options};
use atm_tests::link::{self, HERE, patient};
use atm_tests::prometheus::Prometheus;
use atm_tests::{bank, load, wait};
use std::fs;
use std::time::Duration;
use tempfile::TempDir;

/// The rules that come with atmd, with seconds where they have minutes and hours: what holds for a while in them holds
/// for a second here, and what they look back for is half a minute.
fn hurried(folder: &TempDir) -> std::path::PathBuf {
    let quick = |line: &str| match line.trim_start().strip_prefix("for: ") {
        Some(_) => format!("{}for: 1s", &line[..line.len() - line.trim_start().len()]),
        None => line
            .replace("[1h] offset 5m", "[1m] offset 30s")
            .replace("[5m]", "[30s]")
            .replace("[10m]", "[30s]")
            .replace("stalled_seconds > 60", "stalled_seconds > 2"),
    };
    let text: String = rules().lines().map(|line| quick(line) + "\n").collect();
    assert!(!text.contains("[5m]") && !text.contains("for: 1m"), "{text}");
    let file = folder.path().join("rules.yml");
    fs::write(&file, text).unwrap();
    file
}

fn firing(prometheus: &Prometheus) -> Result<Vec<String>, String> {
    let alerts = prometheus.alerts()?.into_iter();
    Ok(alerts.filter(|(_, state)| state == "firing").map(|(name, _)| name).collect())
}

fn fires(prometheus: &Prometheus, alert: &str) {
    wait::eventually(alert, || {
        let firing = firing(prometheus)?;
        if firing.iter().any(|name| name == alert) { Ok(()) } else { Err(format!("{firing:?} fire")) }
    });
}

/// Waits until the target was looked at, and gives what fires.
fn watched(prometheus: &Prometheus) -> Vec<String> {
    wait::eventually("atmd is watched", || match prometheus.query("atmd_ready == 1")?.as_slice() {
        [_] => firing(prometheus),
        other => Err(format!("{other:?}")),
    })
}

#[test]
fn one_that_is_down_is_told_of() {
    let mut atmd = Atmd::start(&Options::default().with_metrics());
    let folder = TempDir::new().unwrap();
    let Some(prometheus) = Prometheus::start(&[atmd.metrics()], &[&hurried(&folder)]) else { return };
    assert!(!watched(&prometheus).contains(&"AtmdDown".to_owned()));
    atmd.kill();
    fires(&prometheus, "AtmdDown");
    atmd.restart();
    wait::eventually("it is over", || {
        let firing = firing(&prometheus)?;
        if firing.iter().any(|name| name == "AtmdDown") { Err(format!("{firing:?} fire")) } else { Ok(()) }
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_pins_and_lock_outs_are_told_of() {
    let atmd = Atmd::start(&Options::default().with_metrics());
    for n in 0..12 {
        link::register(&atmd, bank::number(n)).await;
    }
    let folder = TempDir::new().unwrap();
    let Some(prometheus) = Prometheus::start(&[atmd.metrics()], &[&hurried(&folder)]) else { return };
    let before = watched(&prometheus);
    assert!(!before.iter().any(|name| name == "AtmdLockOuts" || name == "AtmdLoginFailures"), "{before:?}");
    for n in 0..12 {
        let client = link::plain(&atmd, HERE).await;
        for _ in 0..5 {
            let answer = client.login(patient(), bank::wrong(bank::number(n)), bank::terminal()).await;
            assert!(answer.unwrap().is_err());
        }
    }
    fires(&prometheus, "AtmdLockOuts");
    fires(&prometheus, "AtmdLoginFailures");
}

#[tokio::test(flavor = "multi_thread")]
async fn ledgers_that_cannot_be_written_are_told_of() {
    let atmd = Atmd::start(&Options::default().with_metrics());
    let folder = TempDir::new().unwrap();
    let Some(prometheus) = Prometheus::start(&[atmd.metrics()], &[&hurried(&folder)]) else { return };
    assert!(!watched(&prometheus).contains(&"AtmdLedgersBehind".to_owned()));
    // A folder in the place of a file: nobody can write that, whoever they are.
    fs::remove_file(atmd.client_csv()).unwrap();
    fs::create_dir(atmd.client_csv()).unwrap();
    // A small bank has few entries, and they are missing all the same.
    let mut sessions = load::sessions(&atmd, 1, 1).await;
    fires(&prometheus, "AtmdLedgersStalled");
    assert!(!firing(&prometheus).unwrap().contains(&"AtmdLedgersBehind".to_owned()));
    sessions.extend(load::sessions(&atmd, 2, 63).await);
    while prometheus.query("atmd_projection_lag_entries > 1000").unwrap().is_empty() {
        (sessions, _) = load::deposits(&atmd, sessions, Duration::from_secs(1)).await;
    }
    fires(&prometheus, "AtmdLedgersBehind");
}
