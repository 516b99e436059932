//! The listener: every name of the table and no other, valid text, and what it answers to other requests.

use atm_tests::daemon::{Atmd, Options};
use atm_tests::http;
use atm_tests::need::need;
use atm_tests::{bank, link, process};
use atmd::monitor::names::{self, Kind};
use std::collections::BTreeSet;
use std::process::Command;

/// An atmd at which every kind of thing has happened that there is a series for.
async fn busy() -> Atmd {
    let atmd = Atmd::start(&Options::default().with_metrics());
    link::register(&atmd, bank::number(1)).await;
    let root = link::operator(&atmd).await;
    let status = root.status(link::patient()).await.unwrap().unwrap();
    assert!(status.healthy);
    atmd
}

#[tokio::test(flavor = "multi_thread")]
async fn the_text_has_every_name_of_the_table_and_no_other() {
    let atmd = busy().await;
    let text = http::metrics(atmd.metrics()).0;
    let mut seen = BTreeSet::new();
    for line in text.lines() {
        if line.starts_with('#') {
            continue;
        }
        let (series, value) = line.rsplit_once(' ').unwrap();
        assert!(value.parse::<f64>().is_ok(), "{line}");
        let (name, labels) = series.split_once('{').unwrap_or((series, "}"));
        let known = names::find(name).unwrap_or_else(|| panic!("{line}: not in the table"));
        let labels = labels.trim_end_matches('}').split("\",").filter(|label| !label.is_empty());
        let labels: Vec<&str> = labels.map(|label| label.split_once('=').unwrap().0).collect();
        let bounds = ["le"].iter().filter(|_| known.kind == Kind::Histogram && name.ends_with("_bucket"));
        let expected: Vec<&str> = known.labels.iter().chain(bounds).copied().collect();
        assert_eq!(labels, expected, "{line}");
        seen.insert(known.name);
    }
    let missing: Vec<_> = names::ALL.iter().filter(|name| !seen.contains(name.name)).collect();
    assert!(missing.is_empty(), "{missing:?}\n{text}");
    let told: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("# TYPE ")).collect();
    let table: Vec<String> = names::ALL.iter().map(|name| format!("{} {}", name.name, name.kind)).collect();
    assert_eq!(told, table, "each once, in the table's order");
    assert!(!text.contains(&bank::number(1).full()) && !text.contains("127."), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn promtool_takes_the_text() {
    let Some(promtool) = need("promtool") else { return };
    let atmd = busy().await;
    let mut command = Command::new(promtool);
    command.args(["check", "metrics"]);
    let told = process::run(command, &http::metrics(atmd.metrics()).0).coded(0);
    assert_eq!((told.stdout.as_str(), told.stderr.as_str()), ("", ""), "{told}");
}

#[test]
fn other_requests_are_told_what_there_is() {
    let atmd = Atmd::start(&Options::default().with_metrics());
    let at = atmd.metrics();
    let table = [
        ("GET / HTTP/1.1", "", 404),
        ("GET /metrics/ HTTP/1.1", "", 404),
        ("POST /metrics HTTP/1.1", "Content-Length: 0\r\n", 405),
        ("DELETE /readyz HTTP/1.1", "", 405),
        ("HEAD /metrics HTTP/1.1", "", 200),
        ("GET /metrics?x=1 HTTP/1.1", "", 200),
        ("nonsense", "", 400),
    ];
    for (line, headers, status) in table {
        let request = format!("{line}\r\nHost: {at}\r\nConnection: close\r\n{headers}\r\n");
        let answer = http::ask(at, &request).unwrap();
        assert_eq!(answer.status, status, "{line}: {answer:?}");
        assert_eq!(answer.body.is_empty(), line.starts_with("HEAD") || status == 400, "{line}: {answer:?}");
    }
    let long = format!("GET /metrics HTTP/1.1\r\nX: {}\r\n\r\n", "x".repeat(20_000));
    assert_eq!(http::ask(at, &long).unwrap().status, 431);
    let head = http::get(at, "/metrics").unwrap().head.to_lowercase();
    assert!(head.contains("content-type: text/plain; version=0.0.4; charset=utf-8"), "{head}");
}

#[test]
fn without_an_address_nobody_is_told_anything() {
    let atmd = Atmd::start(&Options::default());
    assert!(http::get(atmd.metrics(), "/metrics").is_err());
}

#[test]
fn more_connections_than_there_are_places_wait_and_none_is_lost() {
    let atmd = Atmd::start(&Options::default().with_metrics());
    let at = atmd.metrics();
    let askers: Vec<_> = (0..64).map(|_| std::thread::spawn(move || http::get(at, "/livez"))).collect();
    for asker in askers {
        assert_eq!(asker.join().unwrap().unwrap().status, 200);
    }
}
