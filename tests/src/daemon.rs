//! One real atmd on data of its own: starting it, ending it in every way, and starting it again.
//!
//! Each has a loopback address of its own, so that its ports are still free when it comes back: no other
//! program's connections come from that address.

use crate::process::{self, Outcome};
use crate::programs::programs;
use crate::wait;
use atmd::config::Config;
use atmd::config::load::from_text;
use rustix::process::{Pid, Resource, Signal, getrlimit, kill_process, setrlimit};
use std::collections::BTreeMap;
use std::env;
use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::mpsc;
use std::thread;
use tempfile::TempDir;

/// The port of metrics, which is free at each atmd's own address.
const METRICS_PORT: u16 = 9464;

/// What a test's atmd is configured with: quick hashes and generous bounds, unless the test sets others.
#[derive(Clone, Debug)]
pub struct Options {
    settings: BTreeMap<String, String>,
}

impl Default for Options {
    fn default() -> Self {
        let settings = [
            ("auth.failure_delay", "50ms"),
            ("auth.iterations", "1"),
            ("auth.memory_kib", "256"),
            ("auth.peer_burst", "100000"),
            ("auth.peer_per_minute", "100000"),
            ("logging.rotation", "never"),
            // Two tests at once may start what is not to come up, and yet takes its ports first.
            ("operator.listen", "127.0.0.1:0"),
            ("operator.refusals_burst", "100000"),
            ("server.data_dir", "data"),
            ("server.max_connections", "10000"),
            ("server.max_connections_per_peer", "10000"),
            ("server.port", "0"),
            ("server.worker_threads", "2"),
        ];
        Self { settings: settings.map(|(key, value)| (key.to_owned(), value.to_owned())).into() }
    }
}

impl Options {
    /// The same with one key (`section.name`) set.
    #[must_use]
    pub fn set(mut self, key: &str, value: &str) -> Self {
        self.settings.insert(key.to_owned(), value.to_owned());
        self
    }

    /// The same with metrics and health over HTTP, at [`Atmd::metrics`].
    #[must_use]
    pub fn with_metrics(self) -> Self {
        self.set("metrics.listen", "127.0.0.1:0")
    }

    /// As atmd understands it.
    ///
    /// # Panics
    /// Where atmd would not take it.
    #[must_use]
    pub fn config(&self) -> Config {
        parse(&self.ini())
    }

    /// As a config file.
    fn ini(&self) -> String {
        let mut text = String::new();
        let mut open = "";
        for (key, value) in &self.settings {
            let (section, name) = key.split_once('.').expect("a key is section.name");
            if section != open {
                text += &format!("[{section}]\n");
                open = section;
            }
            text += &format!("{name} = {value}\n");
        }
        text
    }
}

/// Where a running atmd listens.
#[derive(Clone, Copy, Debug)]
struct Listening {
    customers: SocketAddr,
    operators: SocketAddr,
}

/// An atmd and the folder that it lives in. Both end when this is dropped.
#[derive(Debug)]
pub struct Atmd {
    folder: TempDir,
    address: Ipv4Addr,
    listening: Option<Listening>,
    child: Option<Child>,
    /// A program and its arguments that become atmd when they run with its command line behind them.
    within: Vec<String>,
    /// A program that runs in place of the one that was built here.
    other: Option<PathBuf>,
}

impl Atmd {
    /// Starts one on a fresh folder, and waits until it serves.
    ///
    /// # Panics
    /// With all that it said where it does not come to serve.
    #[must_use]
    pub fn start(options: &Options) -> Self {
        let mut atmd = Self::prepare(options);
        atmd.serve();
        atmd
    }

    /// Its fresh folder, configured; nothing runs on it yet.
    ///
    /// # Panics
    /// Where there is no temporary folder.
    #[must_use]
    pub fn prepare(options: &Options) -> Self {
        raise_open_files();
        let folder = TempDir::with_prefix("atmd-").expect("a temporary folder can be made");
        let atmd = Self {
            folder,
            address: own_address(),
            listening: None,
            child: None,
            within: Vec::new(),
            other: None,
        };
        atmd.configure(options);
        atmd
    }

    /// From the next start on it runs within another program, which becomes atmd: `nsenter ...`, say.
    #[must_use]
    pub fn within(mut self, program: &[&str]) -> Self {
        self.within = program.iter().map(|&word| word.to_owned()).collect();
        self
    }

    /// From the next start on another version's program runs, or the one that was built here.
    #[must_use]
    pub fn in_place_of_atmd(mut self, other: Option<PathBuf>) -> Self {
        self.other = other;
        self
    }

    /// Ends it in order if it runs, and starts it on the same data and ports.
    pub fn restart(&mut self) {
        if self.child.is_some() {
            let status = self.stop();
            assert!(status.success(), "atmd ended with {status}\n{}", self.said());
        }
        self.serve();
    }

    /// As [`restart`](Self::restart), with other options from now on.
    pub fn restart_with(&mut self, options: &Options) {
        self.configure(options);
        self.restart();
    }

    /// Sends it a signal.
    ///
    /// # Panics
    /// Where it does not run.
    pub fn signal(&self, signal: Signal) {
        let child = self.child.as_ref().expect("atmd runs");
        kill_process(Pid::from_child(child), signal).expect("atmd takes a signal");
    }

    /// Ends it in order (SIGTERM).
    ///
    /// # Panics
    /// Where it does not run, or does not end in time.
    pub fn stop(&mut self) -> ExitStatus {
        let mut child = self.child.take().expect("atmd runs");
        kill_process(Pid::from_child(&child), Signal::TERM).expect("atmd takes a signal");
        let status = wait::exit(&mut child, wait::PATIENCE);
        process::end(&mut child);
        status.unwrap_or_else(|| panic!("atmd did not end after SIGTERM\n{}", self.said()))
    }

    /// Waits until it ends by itself.
    ///
    /// # Panics
    /// Where it does not run, or goes on.
    pub fn ended(&mut self) -> ExitStatus {
        let mut child = self.child.take().expect("atmd runs");
        let status = wait::exit(&mut child, wait::PATIENCE);
        process::end(&mut child);
        status.unwrap_or_else(|| panic!("atmd goes on\n{}", self.said()))
    }

    /// Ends it at once (SIGKILL).
    ///
    /// # Panics
    /// Where it does not run, or had ended by itself.
    pub fn kill(&mut self) {
        let mut child = self.child.take().expect("atmd runs");
        let ended = child.try_wait().expect("a child can be waited for");
        process::end(&mut child);
        assert!(ended.is_none(), "atmd had ended by itself: {ended:?}\n{}", self.said());
    }

    /// Whether it runs, as far as this knows.
    #[must_use]
    pub const fn is_running(&self) -> bool {
        self.child.is_some()
    }

    /// Its process.
    ///
    /// # Panics
    /// Where it does not run.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.as_ref().expect("atmd runs").id()
    }

    /// Where customers connect.
    ///
    /// # Panics
    /// Where it was never started.
    #[must_use]
    pub fn customers(&self) -> SocketAddr {
        self.listening.expect("atmd was started").customers
    }

    /// Where operators connect.
    ///
    /// # Panics
    /// Where it was never started.
    #[must_use]
    pub fn operators(&self) -> SocketAddr {
        self.listening.expect("atmd was started").operators
    }

    /// Where it tells metrics and health, where its options say that it does; also before it serves.
    #[must_use]
    pub fn metrics(&self) -> SocketAddr {
        SocketAddr::from((self.address, METRICS_PORT))
    }

    /// The folder of its data.
    #[must_use]
    pub fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// The certificate that its clients trust.
    #[must_use]
    pub fn ca(&self) -> PathBuf {
        self.data().join("public/ca.pem")
    }

    /// The certificate and key of its first operator.
    #[must_use]
    pub fn root_identity(&self) -> PathBuf {
        self.data().join("pki/root.pem")
    }

    /// Its client.csv.
    #[must_use]
    pub fn client_csv(&self) -> PathBuf {
        self.data().join("ledger/client.csv")
    }

    /// Its bank.csv.
    #[must_use]
    pub fn bank_csv(&self) -> PathBuf {
        self.data().join("ledger/bank.csv")
    }

    /// What its log has.
    #[must_use]
    pub fn log(&self) -> String {
        read(&self.data().join("bank_server.log"))
    }

    /// atmd on this data, not yet started.
    #[must_use]
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.isolated(self.other.as_deref().unwrap_or_else(|| programs().path("atmd")));
        command.arg("--config").arg(self.config_file()).args(arguments);
        command
    }

    /// Runs atm-cli as a person at this machine would: its own home, no settings but the server and its CA.
    #[must_use]
    pub fn cli(&self, arguments: &[&str], input: &str) -> Outcome {
        process::run(self.cli_command(arguments), input)
    }

    /// As [`cli`](Self::cli), not yet started.
    #[must_use]
    pub fn cli_command(&self, arguments: &[&str]) -> Command {
        let mut command = self.isolated(programs().path("atm-cli"));
        command.arg("--server").arg(self.customers().to_string()).arg("--ca").arg(self.ca()).args(arguments);
        command
    }

    /// Runs atmctl as the first operator.
    #[must_use]
    pub fn ctl(&self, arguments: &[&str]) -> Outcome {
        process::run(self.ctl_command(arguments), "")
    }

    /// As [`ctl`](Self::ctl), not yet started.
    #[must_use]
    pub fn ctl_command(&self, arguments: &[&str]) -> Command {
        let mut command = self.isolated(programs().path("atmctl"));
        command.arg("--server").arg(self.operators().to_string()).arg("--ca").arg(self.ca());
        command.arg("--identity").arg(self.root_identity()).args(arguments);
        command
    }

    /// A program that sees nothing of who runs the tests.
    fn isolated(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        let home = self.folder.path().join("home");
        fs::create_dir_all(&home).expect("a home can be made");
        command.env_clear().env("PATH", env::var_os("PATH").unwrap_or_default());
        command.env("LANG", "C.UTF-8").env("TERM", "xterm").env("HOME", &home);
        for (variable, name) in [
            ("XDG_CONFIG_HOME", "config"),
            ("XDG_DATA_HOME", "data"),
            ("XDG_STATE_HOME", "state"),
            ("XDG_CACHE_HOME", "cache"),
            ("ATM_STATE_DIR", "atm-state"),
        ] {
            command.env(variable, home.join(name));
        }
        command.current_dir(&home);
        command
    }

    /// What it is configured with, for looking at its bank while it does not run.
    ///
    /// # Panics
    /// Where atmd would not take it.
    #[must_use]
    pub fn config(&self) -> Config {
        parse(&read(&self.config_file()))
    }

    fn config_file(&self) -> PathBuf {
        self.folder.path().join("config.ini")
    }

    /// Writes its config file, for who has it read again.
    ///
    /// # Panics
    /// Where the file cannot be written.
    pub fn configure(&self, options: &Options) {
        self.configure_with_names(options, &[]);
    }

    /// As [`configure`](Self::configure), with more names for the server's certificate.
    ///
    /// # Panics
    /// Where the file cannot be written.
    pub fn configure_with_names(&self, options: &Options, names: &[&str]) {
        let address = self.address.to_string();
        let data = self.data();
        let mut here = options.clone();
        if here.settings.contains_key("metrics.listen") {
            here = here.set("metrics.listen", &self.metrics().to_string());
        }
        let here = here
            .set("server.host", &address)
            .set("server.names", &[&[address.as_str()], names].concat().join(", "))
            .set("server.data_dir", data.to_str().expect("temporary folders have names in UTF-8"));
        fs::write(self.config_file(), here.ini()).expect("a config can be written");
    }

    fn serve(&mut self) {
        let (port, listen) = match self.listening {
            Some(Listening { customers, operators }) => (customers.port(), operators),
            None => (0, SocketAddr::from((self.address, 0))),
        };
        let mut command = self.command(&[]);
        command.arg("--set").arg(format!("server.port={port}"));
        command.arg("--set").arg(format!("operator.listen={listen}"));
        if let [program, arguments @ ..] = self.within.as_slice() {
            let inner = command;
            command = Command::new(program);
            command.args(arguments).arg(inner.get_program()).args(inner.get_args()).env_clear();
            command.envs(inner.get_envs().filter_map(|(name, value)| Some((name, value?))));
        }
        let stderr =
            File::options().create(true).append(true).open(self.stderr()).expect("stderr has a file");
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(stderr);
        let mut child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let (sender, lines) = mpsc::channel();
        let stdout = BufReader::new(child.stdout.take().expect("stdout is a pipe"));
        // Reads on after the line that counts, so that atmd never waits for us.
        thread::spawn(move || stdout.lines().map_while(Result::ok).for_each(|line| drop(sender.send(line))));
        self.child = Some(child);
        let mut said = Vec::new();
        while let Ok(line) = lines.recv_timeout(wait::PATIENCE) {
            if let Some(listening) = ready(&line) {
                self.listening = Some(listening);
                return;
            }
            said.push(line);
        }
        let ended = self.child.take().map(|mut child| {
            let ended = child.try_wait();
            process::end(&mut child);
            ended
        });
        panic!("atmd does not serve: {ended:?}\nstdout:\n{}\n{}", said.join("\n"), self.said());
    }

    fn stderr(&self) -> PathBuf {
        self.folder.path().join("stderr")
    }

    /// What it said so far, for a failure.
    fn said(&self) -> String {
        format!("stderr:\n{}\nlog:\n{}", read(&self.stderr()), self.log())
    }
}

impl Drop for Atmd {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            process::end(&mut child);
            if thread::panicking() {
                eprintln!("atmd {}: {}", self.address, self.said());
            }
        }
    }
}

fn parse(ini: &str) -> Config {
    let loaded = from_text(Some((Path::new("config.ini"), ini)), &[], &[]);
    loaded.unwrap_or_else(|error| panic!("{ini}\n{error}")).config
}

/// Reads `atmd ready: customers ADDR, operators ADDR, data DIR`.
fn ready(line: &str) -> Option<Listening> {
    let rest = line.strip_prefix("atmd ready: customers ")?;
    let (customers, rest) = rest.split_once(", operators ")?;
    let (operators, _) = rest.split_once(", data ")?;
    Some(Listening { customers: customers.parse().ok()?, operators: operators.parse().ok()? })
}

fn read(file: &Path) -> String {
    fs::read_to_string(file).unwrap_or_default()
}

/// A loopback address that no other program of this or another test run has.
pub(crate) fn own_address() -> Ipv4Addr {
    static NEXT: AtomicU8 = AtomicU8::new(1);
    let [_, _, high, low] = std::process::id().to_be_bytes();
    Ipv4Addr::new(127, 16 + (high & 0x7f), low, NEXT.fetch_add(1, Ordering::Relaxed))
}

/// Load tests hold a thousand connections at each end: takes what the system grants, for atmd as well.
fn raise_open_files() {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    setrlimit(Resource::Nofile, limit).expect("the soft limit may be raised to the hard one");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_line_that_tells_it_serves() {
        let line = "atmd ready: customers 127.0.0.1:65432, operators 127.0.0.1:65433, data /var/lib/atmd";
        let listening = ready(line).expect("it serves");
        assert_eq!(listening.customers.port(), 65_432);
        assert_eq!(listening.operators.port(), 65_433);
        assert!(ready("atmd made a certificate").is_none());
    }

    #[test]
    fn writes_each_section_once() {
        let options = Options::default().set("bank.currency", "JPY").set("auth.iterations", "3");
        let ini = options.ini();
        assert!(ini.starts_with("[auth]\nfailure_delay = 50ms\niterations = 3\n"), "{ini}");
        let sections: Vec<_> = ini.lines().filter(|line| line.starts_with('[')).collect();
        assert!(sections.is_sorted_by(|one, next| one < next) && sections.contains(&"[bank]"), "{ini}");
    }
}
