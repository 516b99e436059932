//! Prompts, hidden input, and Ctrl-C: what is shown to the person and what the person types.
//!
//! Lines are read by a thread of their own, so that a prompt can be left while nobody types.

use crate::error::Error;
use crate::io::{Environment, Io};
use crate::words;
use atm_rpc::types::time::Timestamp;
use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};
use std::fmt::Display;
use std::io::{self, ErrorKind, Read, Write};
use std::sync::mpsc;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::oneshot;
use zeroize::Zeroizing;

/// How often one prompt is answered wrongly before the program leaves.
pub(crate) const TRIES_MAX: u32 = 5;
/// The most bytes of a line that are kept; nothing that is valid is as long.
const LINE_BYTES_MAX: usize = 256;

/// Where prompts and notes go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Voice {
    /// To the output: the conversation.
    Output,
    /// To the errors: subcommands, whose output is data.
    Errors,
}

/// Whether what is typed is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Echo {
    /// It is.
    Shown,
    /// On a terminal it is not.
    Hidden,
}

type Line = Option<Zeroizing<String>>;
type Asked = oneshot::Sender<io::Result<Line>>;

/// The person's side of a run.
pub(crate) struct Console {
    voice: Voice,
    terminal: bool,
    output: Box<dyn Write>,
    errors: Box<dyn Write>,
    lines: mpsc::Sender<Asked>,
    now: fn() -> Timestamp,
    interrupt: Signal,
    terminate: Signal,
    /// The person wants to leave as soon as what is under way is answered.
    leaving: bool,
}

impl Console {
    /// Begins to listen to signals and, when first asked, to the input.
    pub(crate) fn open(io: Io, voice: Voice) -> Result<(Self, Environment), (io::Error, Io)> {
        let signals = (signal(SignalKind::interrupt()), signal(SignalKind::terminate()));
        let (interrupt, terminate) = match signals {
            (Ok(interrupt), Ok(terminate)) => (interrupt, terminate),
            (Err(error), _) | (_, Err(error)) => return Err((error, io)),
        };
        let Io { input, terminal, output, errors, env, now } = io;
        let (lines, asked) = mpsc::channel();
        std::thread::spawn(move || answer(input, &asked));
        let leaving = false;
        Ok((Self { voice, terminal, output, errors, lines, now, interrupt, terminate, leaving }, env))
    }

    /// The time of day.
    pub(crate) fn now(&self) -> Timestamp {
        (self.now)()
    }

    /// Whether somebody can be asked.
    pub(crate) const fn is_terminal(&self) -> bool {
        self.terminal
    }

    /// Fails where the person wanted to leave while something was under way.
    pub(crate) const fn go_on(&self) -> Result<(), Error> {
        if self.leaving { Err(Error::Interrupted(None)) } else { Ok(()) }
    }

    /// Prints a result, as it is.
    pub(crate) fn data(&mut self, text: &str) -> Result<(), Error> {
        let written = self.output.write_all(text.as_bytes()).and_then(|()| self.output.flush());
        written.map_err(Error::Output)
    }

    /// Prints an error, as it is. Where that fails, nobody can be told.
    pub(crate) fn complain(&mut self, text: &str) {
        let _ = self.errors.write_all(text.as_bytes()).and_then(|()| self.errors.flush());
    }

    /// Says something to the person: in the conversation in lines of 80 columns, else as it is, so
    /// that a script finds a message on one line.
    pub(crate) fn say(&mut self, text: &str) -> Result<(), Error> {
        match self.voice {
            Voice::Output => self.show(&format!("{}\n", words::wrap(text))),
            Voice::Errors => self.show(&format!("{text}\n")),
        }
    }

    fn show(&mut self, text: &str) -> Result<(), Error> {
        match self.voice {
            Voice::Output => self.data(text),
            Voice::Errors => {
                self.complain(text);
                Ok(())
            }
        }
    }

    /// Prompts for a line; `exit` leaves.
    pub(crate) async fn ask(&mut self, prompt: &str, echo: Echo) -> Result<Zeroizing<String>, Error> {
        self.go_on()?;
        let quiet = match (echo, self.terminal) {
            (Echo::Hidden, true) => Some(Quiet::begin().map_err(Error::Input)?),
            _ => None,
        };
        self.show(prompt)?;
        let line = self.line().await;
        // The newline that the person typed is on the screen only where the terminal echoed it.
        let echoed = self.terminal && quiet.is_none() && matches!(line, Ok(Some(_)));
        drop(quiet);
        if !echoed {
            self.show("\n")?;
        }
        match line? {
            Some(line) if line.trim().eq_ignore_ascii_case("exit") => Err(Error::Left),
            Some(line) => Ok(line),
            None => Err(Error::EndOfInput),
        }
    }

    /// Prompts until the line can be used, five times at most.
    pub(crate) async fn ask_for<T, E: Display>(
        &mut self,
        prompt: &str,
        echo: Echo,
        parse: impl Fn(&str) -> Result<T, E>,
    ) -> Result<T, Error> {
        for _ in 0..TRIES_MAX {
            let line = self.ask(prompt, echo).await?;
            match parse(line.trim()) {
                Ok(value) => return Ok(value),
                Err(wrong) => self.say(&crate::explain::sentence(&wrong.to_string()))?,
            }
        }
        Err(Error::TooOften)
    }

    /// The next line of the input, `None` at its end.
    pub(crate) async fn line(&mut self) -> Result<Line, Error> {
        let (asked, answered) = oneshot::channel();
        let gone = || Error::Input(ErrorKind::BrokenPipe.into());
        self.lines.send(asked).map_err(|_| gone())?;
        let read = self.wait(answered).await?;
        read.map_err(|_| gone())?.map_err(Error::Input)
    }

    /// Waits for something that may be left at any time.
    pub(crate) async fn wait<T>(&mut self, work: impl Future<Output = T>) -> Result<T, Error> {
        self.go_on()?;
        tokio::select! {
            biased;
            done = work => Ok(done),
            () = signalled(&mut self.interrupt, &mut self.terminate) => Err(Error::Interrupted(None)),
        }
    }

    /// Waits for something whose end should be known: the first Ctrl-C says so, the second leaves.
    pub(crate) async fn wait_through<T>(&mut self, work: impl Future<Output = T>) -> Result<T, Error> {
        let mut work = std::pin::pin!(work);
        if let Ok(done) = self.wait(&mut work).await {
            return Ok(done);
        }
        // Whether or not this can be shown: the answer matters more.
        let _ = self.say("\nWaiting for the bank's answer. Press Ctrl-C again to leave without it.");
        let done = self.wait(&mut work).await;
        self.leaving = true;
        if done.is_err() {
            // What the terminal echoes of Ctrl-C has no newline.
            let _ = self.say("");
        }
        done
    }
}

async fn signalled(interrupt: &mut Signal, terminate: &mut Signal) {
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
}

/// Reads a line for each that asks, until nobody can ask any more.
fn answer(mut input: Box<dyn Read + Send>, asked: &mpsc::Receiver<Asked>) {
    let mut buffer = Zeroizing::new(Vec::with_capacity(LINE_BYTES_MAX));
    for reply in asked {
        // Who asked may have left.
        let _ = reply.send(read_line(&mut input, &mut buffer));
    }
}

/// Reads to the end of a line or of the input. `ahead` keeps what was read beyond it, is never
/// grown and so never copied: no PIN stays behind in memory.
fn read_line(input: &mut dyn Read, ahead: &mut Zeroizing<Vec<u8>>) -> io::Result<Line> {
    let mut line = Zeroizing::new(Vec::with_capacity(LINE_BYTES_MAX));
    let mut any = false;
    loop {
        any |= !ahead.is_empty();
        let end = ahead.iter().position(|byte| *byte == b'\n');
        let length = end.unwrap_or(ahead.len());
        let kept = length.min(LINE_BYTES_MAX - line.len());
        line.extend_from_slice(&ahead[..kept]);
        ahead.drain(..end.map_or(length, |end| end + 1));
        if end.is_some() {
            break;
        }
        let mut bytes = Zeroizing::new([0; LINE_BYTES_MAX]);
        match input.read(&mut *bytes) {
            Ok(0) if any => break,
            Ok(0) => return Ok(None),
            Ok(length) => ahead.extend_from_slice(&bytes[..length]),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    // What is not text is not a valid answer to any prompt.
    Ok(Some(Zeroizing::new(std::str::from_utf8(&line).unwrap_or("\u{fffd}").to_owned())))
}

/// A terminal that does not show what is typed, until this is dropped.
struct Quiet(Termios);

impl Quiet {
    fn begin() -> io::Result<Self> {
        let before = tcgetattr(rustix::stdio::stdin())?;
        let mut quiet = before.clone();
        quiet.local_modes.remove(LocalModes::ECHO | LocalModes::ECHONL);
        tcsetattr(rustix::stdio::stdin(), OptionalActions::Now, &quiet)?;
        Ok(Self(before))
    }
}

impl Drop for Quiet {
    fn drop(&mut self) {
        // A terminal that is gone needs no restoring.
        let _ = tcsetattr(rustix::stdio::stdin(), OptionalActions::Now, &self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;
    use atm_rpc::types::mobile::MobileNumber;

    fn block_on<T>(work: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work)
    }

    #[test]
    fn reads_lines_of_any_kind() {
        let long = format!("{}\nnext", "x".repeat(1000));
        let table: &[(&[u8], &[&str])] = &[
            (b"", &[]),
            (b"one\ntwo\r\n\nthree", &["one", "two\r", "", "three"]),
            (b"\xff\xfe\nok\n", &["\u{fffd}", "ok"]),
            (long.as_bytes(), &[&"x".repeat(LINE_BYTES_MAX), "next"]),
        ];
        for (input, expected) in table {
            let (mut input, mut ahead) = (*input, Zeroizing::new(Vec::with_capacity(LINE_BYTES_MAX)));
            for line in *expected {
                assert_eq!(read_line(&mut input, &mut ahead).unwrap().as_deref().map(|l| &**l), Some(*line));
            }
            assert!(read_line(&mut input, &mut ahead).unwrap().is_none());
            assert_eq!(ahead.capacity(), LINE_BYTES_MAX, "never grown");
        }
    }

    #[test]
    fn asks_again_until_it_is_right_or_wrong_too_often() {
        let right = |result: &Result<MobileNumber, Error>| result.is_ok();
        type Check = fn(&Result<MobileNumber, Error>) -> bool;
        let table: &[(&str, Check, usize)] = &[
            ("12345\n", right, 1),
            ("abc\n\n  12345 \r\n", right, 3),
            ("1\n2\n3\n4\n5\n12345\n", |result| matches!(result, Err(Error::TooOften)), 5),
            ("1\nEXIT\n", |result| matches!(result, Err(Error::Left)), 2),
            ("1\n", |result| matches!(result, Err(Error::EndOfInput)), 2),
        ];
        for (input, check, prompts) in table {
            let (io, output, _) = testing::io(input, &[]);
            let result = block_on(async {
                let (mut console, _) = Console::open(io, Voice::Output).map_err(|(error, _)| error).unwrap();
                console.ask_for("Number: ", Echo::Hidden, MobileNumber::parse).await
            });
            assert!(check(&result), "{input:?}: {result:?}");
            assert_eq!(output.text().matches("Number: ").count(), *prompts, "{input:?}");
        }
    }
}
