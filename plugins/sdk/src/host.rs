//! The plugin's side of its host: the connection that it was given, and where rows go.

use crate::progress::Progress;
use atm_rpc::error::ServiceError;
use atm_rpc::operator::OperatorClient;
use atm_rpc::plugin::{self, Code, Connection, CurrencyLine, Failure, WarningLine};
use atm_rpc::transport::{DEADLINE_MAX, OPERATOR, codec};
use atm_rpc::types::money::Currency;
use serde::Serialize;
use std::io::{self, BufWriter, IsTerminal, Stdout, Write};
use std::time::Instant;
use tarpc::client::{Config, RpcError};
use tarpc::context::{self, Context};
use tokio::net::UnixStream;

/// atmd, as far as the command may go, and the host that renders what is found.
#[derive(Debug)]
pub struct Host {
    atmd: Option<OperatorClient>,
    owner: Owner,
    rows: BufWriter<Stdout>,
    /// Whether the reader of the rows has gone.
    deserted: bool,
    end: End,
}

/// How a command ended that did what it was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// And that is all.
    Done,
    /// And found something that is not as it should be.
    Finding,
}

/// Whose stdout is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Owner {
    /// The host reads rows from it.
    Host,
    /// The command prints what it likes.
    Command,
}

impl Host {
    pub(crate) fn new(connection: Connection, owner: Owner) -> Result<Self, Failure> {
        let atmd = match connection {
            Connection::None => None,
            Connection::Required => Some(connect().map_err(|error| {
                Failure::new(Code::Protocol, format!("no connection on descriptor {}: {error}", plugin::FD))
            })?),
        };
        Ok(Self { atmd, owner, rows: BufWriter::new(io::stdout()), deserted: false, end: End::Done })
    }

    /// Asks atmd, and waits as long as atmd allows.
    ///
    /// # Errors
    /// What atmd or the connection says, ready for the person who asked.
    pub async fn call<T>(
        &self,
        call: impl AsyncFnOnce(&OperatorClient, Context) -> Result<Result<T, ServiceError>, RpcError>,
    ) -> Result<T, Failure> {
        let none = || Failure::new(Code::Protocol, "this command was described as one without a connection");
        let atmd = self.atmd.as_ref().ok_or_else(none)?;
        match call(atmd, patient()).await {
            Ok(answer) => Ok(answer?),
            Err(RpcError::DeadlineExceeded) => {
                Err(Failure::new(Code::TryAgain, "atmd did not answer in time"))
            }
            Err(RpcError::Server(error)) => Err(Failure::new(Code::TryAgain, error)),
            Err(error) => Err(Failure::new(Code::Unreachable, format!("the connection broke: {error}"))),
        }
    }

    /// Prints one row.
    ///
    /// # Errors
    /// Where nobody reads rows any more; pass it on.
    pub fn row(&mut self, row: &impl Serialize) -> Result<(), Failure> {
        let printed = print_line(&mut self.rows, row);
        self.printed(printed)
    }

    /// Says something to the person beside the rows, on stderr. Where nobody can be told, nothing is lost.
    pub fn note(&self, text: &str) {
        let _ = writeln!(io::stderr().lock(), "note: {text}");
    }

    /// Says in which currency amounts are. A command without a connection says it before the first of them.
    ///
    /// # Errors
    /// Where nobody reads rows any more; pass it on.
    pub fn currency(&mut self, currency: Currency) -> Result<(), Failure> {
        self.row(&CurrencyLine { atmctl_currency: currency })
    }

    /// Says what a person, or a program, should know of the rows. Of a command that prints what it likes, it goes to
    /// stderr at once.
    ///
    /// # Errors
    /// Where nobody reads rows any more; pass it on.
    pub fn warn(&mut self, text: &str) -> Result<(), Failure> {
        if self.owner == Owner::Command {
            let _ = writeln!(io::stderr().lock(), "warning: {text}");
            return Ok(());
        }
        self.row(&WarningLine { atmctl_warning: text.to_owned() })
    }

    /// Whether there is somebody at a terminal who may be asked something.
    #[must_use]
    pub fn may_ask(&self) -> bool {
        let terminal = io::stdin().is_terminal() && io::stderr().is_terminal();
        terminal && std::env::var_os(plugin::ENV_NO_INPUT).is_none()
    }

    /// The rows tell of something that is not as it should be: the command ends with 3.
    pub const fn finding(&mut self) {
        self.end = End::Finding;
    }

    /// A bar for the person who waits, where there is one. Rows are to be printed when it is gone.
    #[must_use]
    pub fn progress(&self) -> Progress {
        Progress::new()
    }

    /// Hands over what was printed so far. Needed only before waiting for something.
    ///
    /// # Errors
    /// Where nobody reads rows any more; pass it on.
    pub fn flush(&mut self) -> Result<(), Failure> {
        let printed = self.rows.flush();
        self.printed(printed)
    }

    pub(crate) fn finish(mut self, result: Result<(), Failure>) -> Result<End, Failure> {
        let flushed = self.flush();
        // A reader that has seen enough is no failure, whatever the command made of it.
        if self.deserted { Ok(self.end) } else { result.and(flushed).map(|()| self.end) }
    }

    fn printed(&mut self, printed: io::Result<()>) -> Result<(), Failure> {
        printed.map_err(|error| {
            self.deserted |= error.kind() == io::ErrorKind::BrokenPipe;
            Failure::new(Code::Failed, format!("the rows cannot be written: {error}"))
        })
    }
}

/// A call that waits as long as atmd allows.
#[expect(clippy::disallowed_methods, reason = "tarpc takes an instant where it means a length of time")]
fn patient() -> Context {
    let mut context = context::current();
    context.deadline = Instant::now() + DEADLINE_MAX;
    context
}

/// Prints one line of JSON at once.
pub(crate) fn print(to: &mut impl Write, value: &impl Serialize) -> Result<(), Failure> {
    let printed = print_line(to, value).and_then(|()| to.flush());
    printed.map_err(|error| Failure::new(Code::Failed, error))
}

fn print_line(to: &mut impl Write, value: &impl Serialize) -> io::Result<()> {
    serde_json::to_writer(&mut *to, value)?;
    to.write_all(b"\n")
}

fn connect() -> io::Result<OperatorClient> {
    let stream = plugin::connection()?;
    stream.set_nonblocking(true)?;
    let transport = codec::client(UnixStream::from_std(stream)?, OPERATOR);
    Ok(OperatorClient::new(Config::default(), transport).spawn())
}
