//! A running plugin: its connection, its output, and the exit code that follows from its end.

use super::Connector;
use super::around::Folders;
use super::discover::Found;
use super::output::render_rows;
use super::process::{GRACE, adopt_orphans, end, end_orphans, shares_terminal, signalled};
use super::program::Program;
use super::relay::relay;
use super::sandbox::start::Start;
use super::sandbox::{Available, Policy};
use super::terminal::Terminal;
use crate::Io;
use crate::link::Link;
use crate::render::{Renderer, say_if_empty};
use crate::settings::Settings;
use crate::stop::Stop;
use atm_rpc::client::Connection;
use atm_rpc::plugin::{Code, Command, ENV_NO_INPUT, Failure, Output};
use rustix::process::Signal;
use std::io;
use std::os::unix::process::ExitStatusExt;
use std::pin::pin;
use std::process::{ExitStatus, Stdio};
use tokio::net::UnixStream;
use tokio::process::Child;
use tokio::signal::unix::SignalKind;
use tokio::time::timeout;

/// The exit code of a finding: not a failure, and nothing to add to it.
const FINDING: i32 = 3;

/// What is to be run.
pub(super) struct Launch<'a> {
    pub(super) found: &'a Found,
    pub(super) program: &'a Program,
    pub(super) command: &'a Command,
    /// What people call it: `blacklist add`.
    pub(super) title: String,
    pub(super) arguments: Vec<String>,
    pub(super) settings: &'a Settings,
    /// Whether nobody is to be asked.
    pub(super) no_input: bool,
    /// What it finds around it.
    pub(super) folders: &'a Folders,
    /// What it may reach.
    pub(super) policy: Policy,
    /// What this system has to hold it with.
    pub(super) available: Available,
}

/// How a plugin ended by itself.
struct Ended {
    status: ExitStatus,
    told: Option<Failure>,
}

impl Launch<'_> {
    /// `connector`: where the command talks with atmd.
    pub(super) async fn run(self, connector: Option<Connector>, io: &mut Io) -> Result<u8, Stop> {
        let mut over = pin!(self.settings.over());
        let opening = async {
            match &connector {
                Some(connector) => connector.open().await.map(Some),
                None => Ok(None),
            }
        };
        let opened = tokio::select! {
            biased;
            over = &mut over => Err(over),
            opened = opening => opened,
        }?;
        let format = self.settings.format;
        let currency = opened.as_ref().map(|(_, currency)| *currency);
        let mut renderer = match &self.command.output {
            Output::Rows { schema } => Some(Renderer::new(format, schema, currency)),
            Output::Raw => None,
        };
        let connection = opened.map(|(link, _)| link).zip(connector);
        let terminal = shares_terminal(io).then(Terminal::remember).flatten();
        let ended = self.supervised(connection, renderer.as_mut(), over, io).await;
        end_orphans();
        if let Some(terminal) = terminal {
            terminal.give_back(&self.command.output);
        }
        match (ended.and_then(|ended| self.exit(ended)), renderer) {
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
        connection: Option<(Link<Connection>, Connector)>,
        renderer: Option<&mut Renderer<'_>>,
        over: impl Future<Output = Failure>,
        io: &mut Io,
    ) -> Result<Ended, Stop> {
        let shared = shares_terminal(io);
        let (host, plugin) = match connection {
            Some(_) => UnixStream::pair().map(|(host, plugin)| (Some(host), Some(plugin))),
            None => Ok((None, None)),
        }
        .map_err(|error| self.cannot_start(&error))?;
        adopt_orphans();
        let (mut signalled, mut over) = (pin!(signalled()), pin!(over));
        // A child that was not handed over yet is ended with what is dropped here.
        let mut child = tokio::select! {
            biased;
            _ = &mut signalled => return Err(Stop::Said(Code::Interrupted.exit())),
            over = &mut over => return Err(over.into()),
            started = self.spawn(plugin, shared, io) => started.map_err(|error| self.cannot_start(&error))?,
        };
        let stdout = child.stdout.take();
        let relayed = async move {
            let Some((host, (link, connector))) = host.zip(connection) else { return Ok(()) };
            let again = async || connector.open().await.map(|(link, _)| link);
            relay(host, link, connector.changes(), again).await.map_err(Stop::from)
        };
        let (to, aside) = (&mut io.stdout, &mut io.stderr);
        let rendered = async move {
            match (stdout, renderer) {
                (Some(stdout), Some(renderer)) => render_rows(stdout, renderer, to, aside).await,
                _ => Ok(None),
            }
        };
        let served = async { futures::try_join!(relayed, rendered).map(|((), told)| told) };
        // The connection stays open until the plugin has ended: it may have to leave the terminal in order.
        let mut served = pin!(served);
        let (stop, ask) = tokio::select! {
            // A signal that reached the plugin, too, is the reason, not the plugin's end by it.
            biased;
            signal = signalled => {
                let reached = shared && [SignalKind::interrupt(), SignalKind::quit()].contains(&signal);
                (Stop::Said(Code::Interrupted.exit()), (!reached).then_some(Signal::TERM))
            }
            over = over => (over.into(), Some(Signal::TERM)),
            ended = lifetime(&mut child, served.as_mut()) => match ended {
                Ok(ended) => return Ok(ended),
                Err(stop) => (stop, Some(Signal::TERM)),
            },
        };
        end(&mut child, ask, shared).await;
        Err(stop)
    }

    async fn spawn(&self, connection: Option<UnixStream>, shared: bool, io: &Io) -> io::Result<Child> {
        let is_raw = self.command.output == Output::Raw;
        let mut environment = self.folders.environment(connection.is_some(), io);
        environment.extend(self.no_input.then(|| (ENV_NO_INPUT, "1".to_owned())));
        let start = Start {
            program: self.program,
            path: &self.found.path,
            arguments: &self.arguments,
            environment,
            policy: self.policy.clone(),
            available: self.available,
            connection,
            stdin: Stdio::inherit(),
            stdout: if is_raw { Stdio::inherit() } else { Stdio::piped() },
            stderr: Stdio::inherit(),
            shares_group: shared,
            trust: self.found.trust,
        };
        start.start().await
    }

    fn cannot_start(&self, error: &io::Error) -> Failure {
        Failure::new(Code::Refused, format!("{} cannot be started: {error}", self.found.path.display()))
    }

    /// The exit code, from the plugin's own and what it told.
    fn exit(&self, ended: Ended) -> Result<u8, Stop> {
        let name = &self.title;
        if let Some(signal) = ended.status.signal() {
            if signal == Signal::INT.as_raw() {
                return Err(Stop::Said(Code::Interrupted.exit()));
            }
            let text = format!("{name} crashed: it was ended by signal {signal}");
            return Err(Failure::new(Code::Crashed, text).into());
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
                let text = format!("{} ended with exit code {code}", self.title);
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
    let mut served = pin!(served);
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
