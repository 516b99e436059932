//! Rules, dashboard and page that come with atmd: the rules do what they say, and what they name is there.

use atm_tests::daemon::{Atmd, Options};
use atm_tests::http;
use atm_tests::need::need;
use atm_tests::process;
use atm_tests::programs::root;
use atmd::monitor::names::{self, Name};
use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

fn folder() -> PathBuf {
    root().join("deploy/prometheus")
}

pub(super) fn rules() -> String {
    fs::read_to_string(folder().join("atmd.rules.yml")).unwrap()
}

fn dashboard() -> String {
    fs::read_to_string(root().join("deploy/grafana/atmd.json")).unwrap()
}

fn page() -> String {
    fs::read_to_string(root().join("docs/monitoring.md")).unwrap()
}

/// The names of all alerts.
fn alerts(rules: &str) -> Vec<&str> {
    rules.lines().filter_map(|line| line.trim().strip_prefix("- alert: ")).collect()
}

/// All that looks like a name of a metric.
fn metrics(text: &str) -> BTreeSet<&str> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    words.filter(|word| word.starts_with("atmd_") || word.starts_with("process_")).collect()
}

#[test]
fn each_alert_fires_and_is_silent_just_below() {
    let Some(promtool) = need("promtool") else { return };
    for arguments in [
        &["check", "rules", "atmd.rules.yml"][..],
        &["check", "config", "prometheus.yml"],
        &["test", "rules", "atmd.rules.test.yml"],
    ] {
        let mut command = Command::new(&promtool);
        command.args(arguments).current_dir(folder());
        let _ = process::run(command, "").coded(0);
    }
    let tests = fs::read_to_string(folder().join("atmd.rules.test.yml")).unwrap();
    let tested: BTreeSet<&str> =
        tests.lines().filter_map(|line| line.trim().strip_prefix("- name: ")).collect();
    for alert in alerts(&rules()) {
        assert!(tested.contains(alert), "{alert} has no test");
    }
}

#[test]
fn each_alert_says_what_to_do() {
    let (rules, page) = (rules(), page());
    let parts: Vec<&str> = rules.split("- alert: ").skip(1).collect();
    assert!(parts.len() > 20, "{parts:?}");
    for part in parts {
        let name = part.lines().next().unwrap();
        for field in ["expr: ", "severity: ", "summary: ", "description: ", "runbook: "] {
            assert!(part.contains(field), "{name} has no {field}");
        }
        assert!(part.contains("severity: critical") || part.contains("severity: warning"), "{name}");
        let runbook = format!("runbook: \"docs/monitoring.md#{}\"", name.to_lowercase());
        assert!(part.contains(&runbook), "{name}: {runbook}");
        let section = page.split(&format!("\n### {name}\n")).nth(1);
        let section = section.and_then(|rest| rest.split("\n## ").next()?.split("\n### ").next());
        assert!(section.is_some_and(|section| section.trim().len() > 80), "{name} has no section");
    }
    for section in page.lines().filter_map(|line| line.strip_prefix("### ")) {
        assert!(alerts(&rules).contains(&section), "no alert {section}");
    }
}

#[test]
fn the_page_has_every_metric_as_it_is() {
    let page = page();
    let table = page.split("\n## Metrics of Prometheus\n").nth(1).unwrap();
    let rows: Vec<&str> = table.lines().filter(|line| line.starts_with("| `")).collect();
    let expected: Vec<String> = names::ALL.iter().map(row).collect();
    assert_eq!(rows, expected);
}

/// A metric as the page tells of it.
fn row(name: &Name) -> String {
    let Name { name, kind, unit, labels, help } = name;
    let labels: Vec<String> = labels.iter().map(|label| format!("`{label}`")).collect();
    let or_none = |text: String| if text.is_empty() { "-".to_owned() } else { text };
    format!(
        "| `{name}` | {kind} | {} | {} | {help} |",
        or_none((*unit).to_owned()),
        or_none(labels.join(", "))
    )
}

#[test]
fn what_rules_and_dashboard_name_is_at_the_endpoint() {
    let (rules, dashboard) = (rules(), dashboard());
    let tests = fs::read_to_string(folder().join("atmd.rules.test.yml")).unwrap();
    let atmd = Atmd::start(&Options::default().with_metrics());
    let told = http::metrics(atmd.metrics()).0;
    let types: BTreeSet<&str> =
        told.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next()).collect();
    let named: BTreeSet<&str> =
        [&rules, &dashboard, &tests].into_iter().flat_map(|text| metrics(text)).collect();
    assert!(named.len() > 30, "{named:?}");
    for name in named {
        let metric = names::find(name).unwrap_or_else(|| panic!("there is no metric {name}"));
        // The text has counters by their name without its end.
        let there = types.contains(metric.name) || types.contains(metric.name.trim_end_matches("_total"));
        assert!(there, "{name} is not at the endpoint:\n{told}");
    }
}

#[test]
fn the_dashboard_is_one() {
    let json: serde_json::Value = serde_json::from_str(&dashboard()).unwrap();
    let panels = json["panels"].as_array().unwrap();
    let mut ids = BTreeSet::new();
    for panel in panels {
        assert!(ids.insert(panel["id"].as_u64().unwrap()), "{panel}");
        let grid = &panel["gridPos"];
        assert!(grid["x"].as_u64().unwrap() + grid["w"].as_u64().unwrap() <= 24, "{panel}");
        if panel["type"] == "row" {
            continue;
        }
        assert!(!panel["description"].as_str().unwrap().is_empty(), "{panel}");
        for target in panel["targets"].as_array().unwrap() {
            let expression = target["expr"].as_str().unwrap();
            assert!(expression.contains("instance=~\"$instance\""), "{expression}");
        }
    }
    assert!(ids.len() > 20);
}

#[test]
fn prometheus_takes_the_queries_of_the_dashboard() {
    let Some(promtool) = need("promtool") else { return };
    let json: serde_json::Value = serde_json::from_str(&dashboard()).unwrap();
    let targets = json["panels"].as_array().unwrap().iter().flat_map(|panel| panel["targets"].as_array());
    let expressions = targets.flatten().map(|target| target["expr"].as_str().unwrap());
    let rules = expressions.enumerate().map(|(index, expression)| {
        let expression = expression.replace("$__rate_interval", "1m").replace("$instance", ".*");
        format!("  - {{record: \"query:{index}\", expr: {}}}\n", serde_json::json!(expression))
    });
    let text = format!("groups:\n- name: dashboard\n  rules:\n{}", rules.collect::<String>());
    let file = tempfile::NamedTempFile::with_suffix(".yml").unwrap();
    fs::write(file.path(), text).unwrap();
    let mut command = Command::new(promtool);
    command.args(["check", "rules"]).arg(file.path());
    let _ = process::run(command, "").coded(0);
}
