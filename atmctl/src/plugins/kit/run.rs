//! One run of a plugin under test, and what can be said against it.

use super::stand_in::{Seen, StandIn};
use crate::Io;
use crate::plugins::around::Folders;
use crate::plugins::discover::Trust;
use crate::plugins::output::render_rows;
use crate::plugins::process::{adopt_orphans, end_group, end_orphans, id};
use crate::plugins::program::Program;
use crate::plugins::sandbox::start::Start;
use crate::plugins::sandbox::{Policy, available};
use crate::render::{Format, Renderer};
use crate::stop::Stop;
use atm_rpc::operator::Mode;
use atm_rpc::plugin::{Code, Command, Connection, Failure, Output};
use atm_rpc::types::money::Currency;
use serde_json::Value;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;
use tokio::io::AsyncReadExt;
use tokio::net::UnixStream;
use tokio::process::ChildStdout;
use tokio::time::timeout;

/// The most bytes of a raw command that are looked at.
const RAW_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// Who is at the other end of the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Other {
    /// Somebody who answers.
    Answers,
    /// Nobody any more.
    Gone,
}

/// A run that is to be made.
pub(super) struct Run<'a> {
    pub(super) program: &'a Program,
    pub(super) path: &'a Path,
    pub(super) command: &'a Command,
    pub(super) arguments: &'a [String],
    pub(super) policy: Policy,
    pub(super) folders: &'a Folders,
    pub(super) mode: Mode,
    pub(super) other: Other,
    pub(super) limit: Duration,
}

/// How it went.
#[derive(Debug)]
pub(super) struct Ran {
    /// `None`: it had to be ended.
    pub(super) status: Option<ExitStatus>,
    pub(super) told: Option<Failure>,
    /// What is wrong with its output.
    pub(super) output: Option<String>,
    pub(super) rows: Vec<Value>,
    pub(super) seen: Seen,
}

impl Run<'_> {
    pub(super) async fn make(self, io: &Io) -> Result<Ran, Failure> {
        let cannot = |error: std::io::Error| {
            Failure::new(Code::Failed, format!("{} cannot be started: {error}", self.path.display()))
        };
        let connected = self.command.connection == Connection::Required;
        let (near, far) = UnixStream::pair().map_err(cannot)?;
        let start = Start {
            program: self.program,
            path: self.path,
            arguments: self.arguments,
            environment: self.folders.environment(connected, io),
            policy: self.policy,
            available: available(),
            connection: connected.then_some(far),
            stdin: Stdio::null(),
            stdout: Stdio::piped(),
            stderr: Stdio::null(),
            trust: Trust::Installed,
            shares_group: false,
        };
        adopt_orphans();
        let mut child = start.start().await.map_err(cannot)?;
        let (group, stdout) = (id(&child), child.stdout.take());
        let mut stand_in = StandIn::new(&self.command.capabilities, self.mode);
        let ran = timeout(self.limit, async {
            let served = async {
                match self.other {
                    Other::Answers => stand_in.serve(near).await,
                    Other::Gone => drop(near),
                }
                std::future::pending::<()>().await;
            };
            let read = async { (read(self.command, stdout).await, child.wait().await.ok()) };
            tokio::select! {
                read = read => read,
                () = served => Default::default(),
            }
        });
        let ran = ran.await;
        end_group(&mut child, group).await;
        end_orphans();
        let ((told, output, rows), status) = ran.unwrap_or_default();
        Ok(Ran { status, told, output, rows, seen: stand_in.seen })
    }
}

/// What it told of its failure, what is wrong with its output, and its rows.
type Printed = (Option<Failure>, Option<String>, Vec<Value>);

async fn read(command: &Command, stdout: Option<ChildStdout>) -> Printed {
    let Some(stdout) = stdout else { return Printed::default() };
    let Output::Rows { schema } = &command.output else {
        let mut page = Vec::new();
        let read = stdout.take(RAW_BYTES_MAX).read_to_end(&mut page).await;
        return (None, read.err().map(|error| error.to_string()), Vec::new());
    };
    let currency = (command.connection == Connection::Required).then_some(Currency::INR);
    let (mut renderer, mut text) = (Renderer::new(Format::Json, schema, currency), Vec::new());
    let told = render_rows(stdout, &mut renderer, &mut text, &mut std::io::sink()).await;
    let finished = renderer.finish(&mut text).is_ok();
    let printed = serde_json::from_slice::<Value>(&text).ok().filter(|_| finished);
    let rows = printed.and_then(|json| json["data"].as_array().cloned()).unwrap_or_default();
    match told {
        Ok(told) => (told, None, rows),
        Err(Stop::Failed(failure)) => (None, Some(failure.message), rows),
        Err(_) => (None, Some("its output cannot be read".to_owned()), rows),
    }
}

impl Ran {
    /// What is wrong with how it ended, if anything is.
    pub(super) fn end(&self, command: &Command, limit: Duration) -> Option<String> {
        let Some(status) = self.status else {
            return Some(format!("it did not end within {} s", limit.as_secs()));
        };
        if let Some(signal) = status.signal() {
            return Some(format!("it was ended by signal {signal}"));
        }
        let code = status.code().unwrap_or(1);
        match &self.told {
            Some(_) if code == 0 => Some("it told of a failure and ended with 0".to_owned()),
            None if ![0, 3].contains(&code) && command.output != Output::Raw => {
                Some(format!("it ended with exit code {code} and did not say why"))
            }
            _ => None,
        }
    }
}
