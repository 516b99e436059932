//! README.md does what it says: its ```console blocks are one long session, run here from top to bottom in a
//! folder of its own. Links in all documents lead somewhere.
//!
//! In a block, `$ ` begins a command and what follows is its output; `...` stands for any lines. A command ends
//! with 0, unless the next one is `echo $?`. `$ atmd` runs until `^C`. What a person types into `$ atm-cli`
//! stands behind its prompts. Times and spaces between words do not count.

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
const INTERRUPT: &str = "^C";
const ANY_LINES: &str = "...";
/// Prompts with what is typed behind them, and those that hide it.
const PROMPTS: [&str; 4] = ["Mobile number: ", "Register it now (yes/no)? ", "> ", "Amount: "];
const PIN_PROMPTS: [&str; 4] = ["PIN:", "Current PIN:", "New PIN:", "New PIN again:"];

#[test]
fn what_readme_shows_is_what_happens() {
    let steps = steps(&document("README.md"));
    assert!(steps.len() > 20, "README.md has only {} commands", steps.len());
    let mut reader = Reader::new();
    for (index, step) in steps.iter().enumerate() {
        let asked_for_code = steps.get(index + 1).is_some_and(|next| next.command == "echo $?");
        let said = reader.take(step, asked_for_code);
        let expected: Vec<String> = step.output.iter().map(|line| stable(line)).collect();
        let said: Vec<String> = reader.as_documented(&said).lines().map(stable).collect();
        let (expected, said) = (trimmed(&expected), trimmed(&said));
        assert!(
            fits(expected, said),
            "README.md:{}: $ {}\ndocumented:\n{}\nsaid:\n{}",
            step.line,
            step.command,
            expected.join("\n"),
            said.join("\n")
        );
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
        let text = document(&name);
        for link in text.split("](").skip(1).filter_map(|rest| rest.split_once(')')).map(|(link, _)| link) {
            let path = root().join(&name).with_file_name(link.split('#').next().unwrap_or_default());
            if !link.starts_with("https://") && !path.exists() {
                broken.push(format!("{name}: {link}"));
            }
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

fn document(name: &str) -> String {
    fs::read_to_string(root().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// A command, where it stands, and its documented output.
struct Step {
    line: usize,
    command: String,
    output: Vec<String>,
}

fn steps(text: &str) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    let mut inside = false;
    for (line, text) in (1..).zip(text.lines()) {
        if text.starts_with("```") {
            inside = text == "```console";
        } else if inside {
            let command = text.strip_prefix("$ ").or_else(|| (text == INTERRUPT).then_some(text));
            match (command, steps.last_mut()) {
                (Some(command), _) => {
                    steps.push(Step { line, command: command.to_owned(), output: Vec::new() });
                }
                (None, Some(step)) => step.output.push(text.to_owned()),
                (None, None) => panic!("README.md:{line}: output without a command"),
            }
        }
    }
    steps
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
    fn take(&mut self, step: &Step, asked_for_code: bool) -> String {
        match step.command.as_str() {
            "atmd" => self.start(),
            INTERRUPT => self.interrupt(),
            command => {
                let typed = if command == "atm-cli" { typed(&step.output) } else { String::new() };
                let mut bash = self.isolated("bash");
                bash.args(["-c", &format!("exec 2>&1; (exit {}); {command}", self.code)]);
                let outcome = process::run(bash, &typed);
                self.code = outcome.code.unwrap_or(-1);
                let fine = self.code == 0 || asked_for_code;
                assert!(fine, "README.md:{}: $ {command}\n{outcome}", step.line);
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
    let typed = output.iter().filter_map(|line| match prompt_in(line) {
        Some(prompt) => line.strip_prefix(prompt),
        None => PIN_PROMPTS.contains(&line.as_str()).then_some(bank::PIN),
    });
    typed.map(|line| format!("{line}\n")).collect()
}

fn prompt_in(line: &str) -> Option<&'static str> {
    PROMPTS.into_iter().find(|prompt| line.starts_with(prompt))
}

/// A line without what differs from run to run: times, and the space between words. From a pipe, what is
/// typed is not shown.
fn stable(line: &str) -> String {
    // What listens on every address is connected to at one of them.
    let line = prompt_in(line).unwrap_or(line).replace("0.0.0.0:", "127.0.0.1:");
    let words: Vec<&str> = line.split_whitespace().collect();
    let mut text = String::new();
    for part in words.join(" ").split_inclusive(|c: char| !c.is_ascii_alphanumeric() && !"-:.".contains(c)) {
        let word = part.trim_end_matches(|c: char| !c.is_ascii_alphanumeric());
        text += if is_time(word) { "TIME" } else { word };
        text += &part[word.len()..];
    }
    text
}

/// `2026-11-22`, with or without a time behind it, or `15:02` with or without seconds.
fn is_time(word: &str) -> bool {
    let has = |pattern: &str| {
        let mut bytes = word.bytes();
        pattern
            .bytes()
            .all(|p| bytes.next().is_some_and(|b| if p == b'0' { b.is_ascii_digit() } else { p == b }))
    };
    has("0000-00-00") || (has("00:00") && word.len() <= 8)
}

/// Without empty lines at the end.
fn trimmed(lines: &[String]) -> &[String] {
    let end = lines.iter().rposition(|line| !line.is_empty()).map_or(0, |last| last + 1);
    &lines[..end]
}

fn fits(expected: &[String], said: &[String]) -> bool {
    match expected.split_first() {
        None => said.is_empty(),
        Some((line, rest)) if line == ANY_LINES => {
            (0..=said.len()).any(|skipped| fits(rest, &said[skipped..]))
        }
        Some((line, rest)) => said.first() == Some(line) && fits(rest, &said[1..]),
    }
}

#[test]
fn lines_are_compared_by_what_is_stable() {
    let same = [
        ("| Date and time  2026-11-22 15:05:30  |", "| Date and time 2027-01-01 00:00:00 |"),
        ("x,2026-11-22T15:05:30.291Z,,", "x,2027-01-01T00:00:00.000Z,,"),
        ("blocked until 2026-11-22 17:02.", "blocked until 2026-11-23 01:30."),
        ("Amount: 500", "Amount: "),
    ];
    for (one, other) in same {
        assert_eq!(stable(one), stable(other));
    }
    for (one, other) in [("Balance 400.00", "Balance 500.00"), ("a,b", "a b"), ("0801234567", "0801234568")] {
        assert_ne!(stable(one), stable(other));
    }
    let lines = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
    for (expected, fitting) in
        [("a ... d", true), ("... d", true), ("a ...", true), ("a ... c", false), ("a d", false)]
    {
        assert_eq!(fits(&lines(expected), &lines("a b c d")), fitting, "{expected}");
    }
}
