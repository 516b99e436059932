//! A real Prometheus that looks at what a test has running, quickly.

use crate::daemon::own_address;
use crate::http;
use crate::need::need;
use crate::process;
use crate::wait::eventually;
use serde_json::Value;
use std::fs::{self, File};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use tempfile::TempDir;

/// How often it looks.
const INTERVAL: &str = "1s";
const PORT: u16 = 9090;

/// A Prometheus and its folder. Both end when this is dropped.
#[derive(Debug)]
pub struct Prometheus {
    address: SocketAddr,
    child: Child,
    folder: TempDir,
}

impl Prometheus {
    /// Starts one that scrapes these targets as the job `atmd`, each second, with these files of rules. `None` where
    /// the machine lacks it: the test says that it was skipped.
    ///
    /// # Panics
    /// With what it said where it does not come to serve.
    #[must_use]
    pub fn start(targets: &[SocketAddr], rules: &[&Path]) -> Option<Self> {
        let program = need("prometheus")?;
        let folder = TempDir::with_prefix("prometheus-").expect("a temporary folder can be made");
        let quoted =
            |words: Vec<String>| words.iter().map(|word| format!("{word:?}")).collect::<Vec<_>>().join(", ");
        let targets = quoted(targets.iter().map(ToString::to_string).collect());
        let rules = quoted(rules.iter().map(|rules| rules.display().to_string()).collect());
        let config = format!(
            "global: {{ scrape_interval: {INTERVAL}, scrape_timeout: {INTERVAL}, evaluation_interval: {INTERVAL} }}\n\
             rule_files: [{rules}]\n\
             scrape_configs: [{{ job_name: atmd, static_configs: [{{ targets: [{targets}] }}] }}]\n"
        );
        let file = folder.path().join("prometheus.yml");
        fs::write(&file, config).expect("a config can be written");
        let address = SocketAddr::from((own_address(), PORT));
        let log = File::create(folder.path().join("log")).expect("a log can be made");
        let mut command = Command::new(program);
        command.arg(format!("--config.file={}", file.display()));
        command.arg(format!("--storage.tsdb.path={}", folder.path().join("data").display()));
        command.arg(format!("--web.listen-address={address}"));
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        let child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let prometheus = Self { address, child, folder };
        eventually("Prometheus serves", || match http::get(address, "/-/ready") {
            Ok(answer) if answer.status == 200 => Ok(()),
            Ok(answer) => Err(format!("{answer:?}")),
            Err(error) => Err(format!("{error}\n{}", prometheus.said())),
        });
        Some(prometheus)
    }

    /// What an expression is now: each series' labels, and its value.
    ///
    /// # Errors
    /// What Prometheus says against it.
    pub fn query(&self, expression: &str) -> Result<Vec<(Value, f64)>, String> {
        let told = self.api(&format!("/api/v1/query?query={}", encoded(expression)))?;
        let series = told["data"]["result"].as_array().ok_or_else(|| told.to_string())?;
        let read = |one: &Value| Some((one["metric"].clone(), one["value"][1].as_str()?.parse().ok()?));
        series.iter().map(|one| read(one).ok_or_else(|| one.to_string())).collect()
    }

    /// Alerts that are pending or fire: each one's name and state.
    ///
    /// # Errors
    /// What Prometheus says.
    pub fn alerts(&self) -> Result<Vec<(String, String)>, String> {
        let told = self.api("/api/v1/alerts")?;
        let alerts = told["data"]["alerts"].as_array().ok_or_else(|| told.to_string())?;
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        Ok(alerts.iter().map(|alert| (text(&alert["labels"]["alertname"]), text(&alert["state"]))).collect())
    }

    /// An answer of its API.
    ///
    /// # Errors
    /// Where it is none, or not of success.
    pub fn api(&self, path: &str) -> Result<Value, String> {
        let request = format!("GET {path} HTTP/1.0\r\nHost: {}\r\n\r\n", self.address);
        let answer = http::ask(self.address, &request).map_err(|error| error.to_string())?;
        let told: Value =
            serde_json::from_str(&answer.body).map_err(|error| format!("{error}: {answer:?}"))?;
        if told["status"] == "success" { Ok(told) } else { Err(told.to_string()) }
    }

    fn said(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        process::end(&mut self.child);
    }
}

/// As a query of a URL has it.
fn encoded(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}
