//! A running plugin: its environment and descriptor, its end, and the exit code that follows.

use super::Connector;
use super::discover::Found;
use super::output::render_rows;
use super::relay::relay;
use crate::Io;
use crate::render::{Renderer, say_if_empty};
use crate::settings::Settings;
use crate::stop::Stop;
use atm_rpc::operator::Narrow;
use atm_rpc::plugin::{Code, Command, ENV_BIN, ENV_FD, ENV_PROTOCOL, FD, Failure, Output, PROTOCOL};
use command_fds::{CommandFdExt, FdMapping};
use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::process::ExitStatusExt;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;
use tokio::net::UnixStream;
use tokio::process::Child;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::{sleep, timeout};

/// What a plugin may take to end by itself.
const GRACE: Duration = Duration::from_secs(5);
/// The exit code of a finding: not a failure, and nothing to add to it.
const FINDING: i32 = 3;

/// What is to be run, and how far it may go.
pub(super) struct Launch<'a> {
    pub(super) found: &'a Found,
    pub(super) command: &'a Command,
    pub(super) arguments: Vec<String>,
    pub(super) narrow: Narrow,
    pub(super) settings: &'a Settings,
}

/// How a plugin ended by itself.
struct Ended {
    status: ExitStatus,
    told: Option<Failure>,
}

impl Launch<'_> {
    pub(super) async fn run(self, connector: Option<Connector>, io: &mut Io) -> Result<u8, Stop> {
        let format = self.settings.format;
        let mut renderer = match &self.command.output {
            Output::Rows { schema } => Some(Renderer::new(format, schema)),
            Output::Raw => None,
        };
        // With a terminal it is the plugin's, too: prompts work, and Ctrl-C reaches both.
        let shared = io.stdin_is_terminal || io.stderr_is_terminal;
        let ended = self.supervised(connector, shared, renderer.as_mut(), io).await;
        let ended = match ended {
            Ok(ended) => self.exit(ended),
            Err(stop) => Err(stop),
        };
        match (ended, renderer) {
            (Ok(code), Some(renderer)) => {
                let count = renderer.finish(&mut io.stdout)?;
                say_if_empty(format, count, io);
                Ok(code)
            }
            (Err(Stop::OutputClosed), _) => Err(Stop::OutputClosed),
            (Err(stop), Some(renderer)) => renderer.give_up(&mut io.stdout).and(Err(stop)),
            (ended, None) => ended,
        }
    }

    /// Runs it to its end, or ends it.
    async fn supervised(
        &self,
        connector: Option<Connector>,
        shared: bool,
        renderer: Option<&mut Renderer<'_>>,
        io: &mut Io,
    ) -> Result<Ended, Stop> {
        let (served, descriptor) = match connector {
            None => (None, None),
            Some(connector) => {
                let link = connector.open(std::slice::from_ref(&self.narrow)).await?;
                let (host, plugin) = UnixStream::pair().map_err(|error| self.cannot_start(&error))?;
                (Some((host, link, connector)), Some(plugin))
            }
        };
        let mut child = self.spawn(descriptor, shared, io).map_err(|error| self.cannot_start(&error))?;
        let stdout = child.stdout.take();
        let narrow = self.narrow.clone();
        let relayed = async move {
            match served {
                None => Ok(()),
                Some((host, link, connector)) => {
                    relay(host, link, narrow, async |narrows: &[Narrow]| connector.open(narrows).await).await
                }
            }
        };
        let to = &mut io.stdout;
        let rendered = async move {
            match (stdout, renderer) {
                (Some(stdout), Some(renderer)) => render_rows(stdout, renderer, to).await,
                _ => Ok(None),
            }
        };
        let served =
            async { futures::try_join!(async { Ok(relayed.await?) }, rendered).map(|((), told)| told) };
        let (stop, ask) = tokio::select! {
            // A signal that reached the plugin, too, is the reason, not the plugin's end by it.
            biased;
            signal = signalled() => {
                let reached = shared && signal == SignalKind::interrupt();
                (Stop::Said(Code::Interrupted.exit()), (!reached).then_some(Signal::TERM))
            }
            () = limit(self.settings.limit) => {
                let failure = Failure::new(Code::TryAgain, "the command took longer than --timeout allows");
                (failure.into(), Some(Signal::TERM))
            }
            ended = lifetime(&mut child, served) => match ended {
                Ok(ended) => return Ok(ended),
                Err(stop) => (stop, Some(Signal::TERM)),
            },
        };
        end(&mut child, ask, shared).await;
        Err(stop)
    }

    fn spawn(&self, connection: Option<UnixStream>, shared: bool, io: &Io) -> io::Result<Child> {
        let mut command = std::process::Command::new(&self.found.path);
        command.args(&self.arguments).env_clear().env(ENV_PROTOCOL, PROTOCOL.to_string());
        command.env(ENV_BIN, &io.program);
        command.envs(io.environment.iter().filter(|(name, _)| is_passed_on(name)));
        if self.command.output != Output::Raw {
            command.stdout(Stdio::piped());
        }
        let mut command = tokio::process::Command::from(command);
        command.kill_on_drop(true);
        if !shared {
            command.process_group(0);
        }
        if let Some(connection) = connection {
            let connection = connection.into_std()?;
            // The plugin may be written in a language that waits.
            connection.set_nonblocking(false)?;
            command.env(ENV_FD, FD.to_string());
            let mapping = FdMapping { parent_fd: OwnedFd::from(connection), child_fd: FD };
            command.fd_mappings(vec![mapping]).map_err(io::Error::other)?;
        }
        // Here the command is dropped, and with it this process's copy of the plugin's end.
        command.spawn()
    }

    fn cannot_start(&self, error: &io::Error) -> Failure {
        Failure::new(Code::Refused, format!("{} cannot be started: {error}", self.found.path.display()))
    }

    /// The exit code, from the plugin's own and what it told.
    fn exit(&self, ended: Ended) -> Result<u8, Stop> {
        let name = &self.narrow.command;
        if let Some(signal) = ended.status.signal() {
            if signal == Signal::INT.as_raw() {
                return Err(Stop::Said(Code::Interrupted.exit()));
            }
            return Err(Failure::new(
                Code::Crashed,
                format!("{name} crashed: it was ended by signal {signal}"),
            )
            .into());
        }
        let code = ended.status.code().unwrap_or(1);
        match (code, ended.told) {
            (0, None) | (FINDING, None) => Ok(u8::try_from(code).unwrap_or(1)),
            (0, Some(_)) => {
                Err(Failure::new(Code::Protocol, format!("{name} told of a failure and ended with 0")).into())
            }
            (_, Some(failure)) => Err(failure.into()),
            (code, None) => Err(self.untold(code)),
        }
    }

    /// A failure of which the host knows the exit code alone.
    fn untold(&self, code: i32) -> Stop {
        let exit = u8::try_from(code).unwrap_or(1);
        match self.command.output {
            // It said on stderr what there was to say.
            Output::Raw => Stop::Said(exit),
            Output::Rows { .. } => {
                let known = Code::ALL.iter().find(|known| known.exit() == exit).copied();
                let text = format!("{} ended with exit code {code}", self.narrow.command);
                Failure::new(known.unwrap_or(Code::Failed), text).into()
            }
        }
    }
}

/// From start to end, where both are the plugin's own doing.
async fn lifetime(
    child: &mut Child,
    served: impl Future<Output = Result<Option<Failure>, Stop>>,
) -> Result<Ended, Stop> {
    let waited = |error| Failure::new(Code::Failed, format!("the plugin's end was not seen: {error}"));
    let mut served = std::pin::pin!(served);
    tokio::select! {
        told = &mut served => {
            let told = told?;
            Ok(Ended { status: child.wait().await.map_err(waited)?, told })
        }
        status = child.wait() => {
            let status = status.map_err(waited)?;
            // What it wrote may still be on its way. A process that it left behind may hold on to
            // its output for ever.
            let left = || Failure::new(Code::Protocol, "the plugin ended and left processes behind");
            let told = timeout(GRACE, served).await.map_err(|_| left())??;
            Ok(Ended { status, told })
        }
    }
}

/// Ends it: politely where it was not asked yet, then for certain.
async fn end(child: &mut Child, ask: Option<Signal>, shared: bool) {
    let id = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
    let send = |signal| {
        // What has ended already needs no signal.
        let _ = id.map(|id| if shared { kill_process(id, signal) } else { kill_process_group(id, signal) });
    };
    if let Some(signal) = ask {
        send(signal);
    }
    if timeout(GRACE, child.wait()).await.is_err() {
        send(Signal::KILL);
        // Nothing survives this.
        let _ = child.wait().await;
    }
}

async fn limit(limit: Option<Duration>) {
    match limit {
        Some(limit) => sleep(limit).await,
        None => std::future::pending().await,
    }
}

/// Waits until somebody wants this process to end.
async fn signalled() -> SignalKind {
    let kinds = [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()];
    let waits = kinds.map(|kind| {
        Box::pin(async move {
            match signal(kind) {
                Ok(mut signals) => signals.recv().await,
                Err(_) => std::future::pending().await,
            };
            kind
        })
    });
    futures::future::select_all(waits).await.0
}

/// Variables that a plugin sees.
fn is_passed_on(name: &str) -> bool {
    ["LANG", "TZ", "TERM", "COLUMNS", "NO_COLOR"].contains(&name) || name.starts_with("LC_")
}
