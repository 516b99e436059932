//! A real Chromium without a window, driven through two pipes by its DevTools protocol, that may reach nothing.

use crate::{process, wait};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::Duration;
use tempfile::TempDir;

/// What keeps it from the network, from our home, and from asking anything.
const FLAGS: [&str; 10] = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--remote-debugging-pipe",
];

/// The browser reads commands from descriptor 3 and answers on 4, each message ended by a NUL.
const PIPES: &str = "exec \"$@\" 3<&0 4>&1 </dev/null >/dev/null 2>/dev/null";

/// How long it may take to end.
const FAREWELL: Duration = Duration::from_secs(10);

/// A browser with one page.
#[derive(Debug)]
pub struct Browser {
    process: Child,
    to: ChildStdin,
    from: Receiver<Value>,
    /// What it told without being asked, since the page was opened.
    events: Vec<Value>,
    session: Option<String>,
    asked: u64,
    _folder: TempDir,
}

impl Browser {
    /// Starts it.
    ///
    /// # Panics
    /// Where it does not come up.
    #[must_use]
    pub fn start(program: &Path) -> Self {
        let folder = TempDir::with_prefix("browser-").expect("there is room");
        let mut command = Command::new("sh");
        command.args(["-c", PIPES, "sh"]).arg(program).args(FLAGS);
        command.arg(format!("--user-data-dir={}", folder.path().join("profile").display()));
        command.env_clear().env("PATH", "/usr/bin:/bin").env("HOME", folder.path()).env("LANG", "C.UTF-8");
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = command.spawn().expect("the browser can be started");
        let to = process.stdin.take().expect("it was asked for");
        let mut answers = BufReader::new(process.stdout.take().expect("it was asked for"));
        let (sender, from) = mpsc::channel();
        thread::spawn(move || {
            let mut message = Vec::new();
            while let Ok(1..) = answers.read_until(0, &mut message) {
                let value = serde_json::from_slice(message.strip_suffix(b"\0").unwrap_or(&message));
                message.clear();
                if value.map_or(true, |value: Value| sender.send(value).is_err()) {
                    break;
                }
            }
        });
        let mut browser =
            Self { process, to, from, events: Vec::new(), session: None, asked: 0, _folder: folder };
        let page = browser.call("Target.createTarget", &json!({ "url": "about:blank" }));
        let attach = json!({ "targetId": page["targetId"], "flatten": true });
        let session = browser.call("Target.attachToTarget", &attach)["sessionId"].as_str().map(str::to_owned);
        browser.session = Some(session.expect("a page can be attached to"));
        for domain in ["Page", "Runtime", "Log", "Network"] {
            browser.call(&format!("{domain}.enable"), &json!({}));
        }
        browser
    }

    /// Has it do something; gives the answer.
    ///
    /// # Panics
    /// Where it refuses, or does not answer.
    pub fn call(&mut self, method: &str, parameters: &Value) -> Value {
        self.asked += 1;
        let mut message = json!({ "id": self.asked, "method": method, "params": parameters });
        if let Some(session) = &self.session {
            message["sessionId"] = json!(session);
        }
        let mut bytes = message.to_string().into_bytes();
        bytes.push(0);
        self.to.write_all(&bytes).expect("the browser listens");
        let asked = self.asked;
        loop {
            let told = self.told(method);
            if told["id"] == asked {
                assert!(told["error"].is_null(), "{method}: {}", told["error"]);
                return told["result"].clone();
            }
            self.events.push(told);
        }
    }

    /// Opens a file and waits until all of it is there; gives what it asked for and complained of meanwhile.
    pub fn open(&mut self, file: &Path) -> Vec<String> {
        self.events.clear();
        self.call("Page.navigate", &json!({ "url": format!("file://{}", file.display()) }));
        while !self.events.iter().any(|event| event["method"] == "Page.loadEventFired") {
            let told = self.told("Page.navigate");
            self.events.push(told);
        }
        // What it still has to say about the page, it says before this.
        self.evaluate("document.fonts.ready.then(() => true)");
        self.events.iter().filter_map(said).collect()
    }

    /// Gives the page that many pixels, and light or dark paper.
    pub fn show(&mut self, (width, height): (u32, u32), scheme: &str) {
        let size = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false });
        self.call("Emulation.setDeviceMetricsOverride", &size);
        let scheme = json!([{ "name": "prefers-color-scheme", "value": scheme }]);
        self.call("Emulation.setEmulatedMedia", &json!({ "media": "", "features": scheme }));
    }

    /// What an expression gives on the page, or what its promise holds.
    ///
    /// # Panics
    /// Where it throws.
    pub fn evaluate(&mut self, expression: &str) -> Value {
        let asked = json!({ "expression": expression, "returnByValue": true, "awaitPromise": true });
        let answer = self.call("Runtime.evaluate", &asked);
        assert!(answer["exceptionDetails"].is_null(), "{expression}: {}", answer["exceptionDetails"]);
        answer["result"]["value"].clone()
    }

    fn told(&self, awaited: &str) -> Value {
        let told = self.from.recv_timeout(wait::PATIENCE);
        told.unwrap_or_else(|why| panic!("no answer to {awaited}: {why}"))
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // Asked to end, it ends what it started, too.
        let asked = self.to.write_all(b"{\"id\":0,\"method\":\"Browser.close\"}\0").is_ok();
        if !asked || wait::exit(&mut self.process, FAREWELL).is_none() {
            process::end(&mut self.process);
        }
    }
}

/// Requests, words on the console, and complaints; `None`: something else.
fn said(event: &Value) -> Option<String> {
    let parameters = &event["params"];
    match event["method"].as_str()? {
        "Network.requestWillBeSent" => Some(format!("asked for {}", parameters["request"]["url"])),
        "Runtime.consoleAPICalled" | "Runtime.exceptionThrown" | "Log.entryAdded" => {
            Some(format!("said {parameters}"))
        }
        _ => None,
    }
}
