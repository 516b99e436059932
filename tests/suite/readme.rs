//! README.md does what it says: its ```console blocks are one long session, run here from top to bottom in a
//! folder of its own. Links in all documents lead somewhere.
//!
//! `$ atmd` runs until `^C`. What a person types into `$ atm-cli` stands behind its prompts.

use atm_tests::documents::{self, Step};
use atm_tests::programs::{programs, root};
use atm_tests::{bank, process, wait};
use rustix::process::{Pid, Signal, kill_process};
use std::env;
use std::fs;
use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, TcpListener};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use tempfile::TempDir;

/// Where README.md has its reader work.
const FOLDER: &str = "/tmp/atm-demo";
const CUSTOMERS: &str = "0.0.0.0:65432";
const OPERATORS: &str = "127.0.0.1:65433";
/// Prompts that hide what is typed.
const PIN_PROMPTS: [&str; 4] = ["PIN:", "Current PIN:", "New PIN:", "New PIN again:"];

#[test]
fn what_readme_shows_is_what_happens() {
    let steps = documents::steps("README.md");
    assert!(steps.len() > 20, "README.md has only {} commands", steps.len());
    let mut reader = Reader::new();
    for step in &steps {
        let said = reader.take(step);
        step.compare(&reader.as_documented(&said));
    }
    assert!(reader.atmd.is_none(), "README.md leaves atmd running");
}

#[test]
fn links_lead_somewhere() {
    let docs = fs::read_dir(root().join("docs")).unwrap();
    let docs = docs.map(|entry| format!("docs/{}", entry.unwrap().file_name().display()));
    let documents =
        ["README.md", "ARCHITECTURE.md", "CHANGELOG.md"].map(str::to_owned).into_iter().chain(docs);
    let mut broken = Vec::new();
    for name in documents.filter(|name| name.ends_with(".md")) {
        let text = documents::text(&name);
        for link in text.split("](").skip(1).filter_map(|rest| rest.split_once(')')).map(|(link, _)| link) {
            let path = root().join(&name).with_file_name(link.split('#').next().unwrap_or_default());
            if !link.starts_with("https://") && !path.exists() {
                broken.push(format!("{name}: {link}"));
            }
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

/// Who does what README.md says: a folder, addresses that nobody else has, and perhaps a running atmd.
struct Reader {
    folder: TempDir,
    address: Ipv4Addr,
    customers: String,
    operators: String,
    code: i32,
    atmd: Option<Child>,
}

impl Reader {
    fn new() -> Self {
        // A range of its own beside that of the harness; the process makes it unique.
        let [_, _, high, low] = std::process::id().to_be_bytes();
        let address = Ipv4Addr::new(127, 200, high, low);
        let sockets = [(); 2].map(|()| TcpListener::bind((address, 0)).unwrap());
        let [customers, operators] = sockets.map(|socket| socket.local_addr().unwrap().to_string());
        let folder = TempDir::with_prefix("readme-").unwrap();
        Self { folder, address, customers, operators, code: 0, atmd: None }
    }

    /// Does one step. Gives what it said.
    fn take(&mut self, step: &Step) -> String {
        match step.command.as_str() {
            "atmd" => self.start(),
            documents::INTERRUPT => self.interrupt(),
            command => {
                let typed = if command == "atm-cli" { typed(&step.output) } else { String::new() };
                let mut bash = self.isolated("bash");
                bash.args(["-c", &format!("exec 2>&1; (exit {}); {command}", self.code)]);
                let outcome = process::run(bash, &typed);
                self.code = outcome.code.unwrap_or(-1);
                let fine = self.code == 0 || step.may_fail;
                assert!(fine, "{step}\n{outcome}");
                outcome.stdout
            }
        }
    }

    /// Starts atmd with the defaults, but for where it listens.
    fn start(&mut self) -> String {
        let mut command = self.isolated("atmd");
        let address = self.address.to_string();
        let port = self.customers.rsplit_once(':').unwrap().1;
        command.env("ATMD_SERVER_HOST", &address).env("ATMD_SERVER_NAMES", &address);
        command.env("ATMD_SERVER_PORT", port).env("ATMD_OPERATOR_LISTEN", &self.operators);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::inherit());
        let mut child = command.spawn().unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        assert!(self.atmd.replace(child).is_none(), "README.md starts a second atmd");
        let (sender, lines) = mpsc::channel();
        thread::spawn(move || stdout.lines().map_while(Result::ok).for_each(|line| drop(sender.send(line))));
        let mut said = String::new();
        while !said.contains("atmd ready") {
            let line = lines.recv_timeout(wait::PATIENCE);
            said += &line.unwrap_or_else(|error| panic!("atmd does not serve ({error}); it said:\n{said}"));
            said.push('\n');
        }
        said
    }

    fn interrupt(&mut self) -> String {
        let mut atmd = self.atmd.take().expect("README.md stops an atmd that runs");
        kill_process(Pid::from_child(&atmd), Signal::INT).unwrap();
        let status = wait::exit(&mut atmd, wait::PATIENCE);
        process::end(&mut atmd);
        assert!(status.is_some_and(|status| status.success()), "atmd ended with {status:?}");
        String::new()
    }

    /// A program as a newcomer starts it: nothing is set but where atmd is, and the terminal's name.
    fn isolated(&self, program: &str) -> Command {
        let paths = env::var_os("PATH").unwrap_or_default();
        let paths = [PathBuf::from(programs().folder())].into_iter().chain(env::split_paths(&paths));
        let mut command = Command::new(program);
        let path = env::join_paths(paths).unwrap();
        command
            .env_clear()
            .env("PATH", path)
            .env("LANG", "C.UTF-8")
            .env("HOME", self.folder.path().join("home"));
        command.env("ATM_TERMINAL", "ATM-0001");
        command.env("ATM_SERVER", &self.customers).env("ATMCTL_SERVER", &self.operators);
        command.current_dir(self.folder.path());
        command
    }

    /// The same with README.md's folder and addresses.
    fn as_documented(&self, said: &str) -> String {
        let folder = self.folder.path().to_str().unwrap();
        said.replace(folder, FOLDER).replace(&self.customers, CUSTOMERS).replace(&self.operators, OPERATORS)
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        if let Some(atmd) = &mut self.atmd {
            process::end(atmd);
        }
    }
}

/// What a person types in a conversation.
fn typed(output: &[String]) -> String {
    let typed = output.iter().filter_map(|line| match documents::prompt_in(line) {
        Some(prompt) => line.strip_prefix(prompt),
        None => PIN_PROMPTS.contains(&line.as_str()).then_some(bank::PIN),
    });
    typed.map(|line| format!("{line}\n")).collect()
}
