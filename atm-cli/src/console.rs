//! Prompts, hidden input, and Ctrl-C: what is shown to the person and what the person types.

use crate::error::Error;
use crate::io::{Environment, Io};
use crate::keyboard::{Input, Quiet, Step, Typing};
use crate::words;
use atm_rpc::types::time::Timestamp;
use rustix::process::{self, getpgrp, getpid, getsid, kill_process};
use std::fmt::Display;
use std::io::{self, Write};
use std::pin::{Pin, pin};
use std::task::Poll;
use std::time::Duration;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::sleep;
use zeroize::Zeroizing;

/// How often one prompt is answered wrongly before the program leaves.
pub(crate) const TRIES_MAX: u32 = 5;
/// How long the bank may take before the person is told that it is waited for.
const SLOW: Duration = Duration::from_secs(2);

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

/// The person's side of a run.
pub(crate) struct Console {
    voice: Voice,
    output: Box<dyn Write>,
    errors: Box<dyn Write>,
    /// Whether a person sees the errors.
    errors_seen: bool,
    now: fn() -> Timestamp,
    input: Input,
    /// What was read beyond the last line.
    ahead: Zeroizing<Vec<u8>>,
    typing: Typing,
    /// The prompt that is open.
    prompt: Option<(String, Echo)>,
    /// The terminal, where the input is one.
    terminal: Option<Quiet>,
    /// Ctrl-C and the like.
    ending: Vec<Signal>,
    /// Ctrl-Z.
    stopping: Signal,
    /// This program goes on after it stood still.
    resumed: Signal,
    /// Nothing is said about waiting.
    silent: bool,
    /// How long the bank may take before something is said.
    slow: Duration,
    /// The person wants to leave as soon as what is under way is answered.
    leaving: bool,
}

impl Console {
    /// Begins to listen to signals and, when first asked, to the input. A terminal is quiet from now on.
    pub(crate) fn open(io: Io, voice: Voice) -> Result<(Self, Environment), (io::Error, Io)> {
        let ([stopping, resumed], ending, terminal) = match listen(io.terminal) {
            Ok(listening) => listening,
            Err(error) => return Err((error, io)),
        };
        let Io { input, terminal: person, errors_terminal, output, errors, env, now } = io;
        let console = Self {
            voice,
            output,
            errors,
            errors_seen: errors_terminal,
            now,
            input: Input::open(input),
            ahead: Zeroizing::new(Vec::new()),
            typing: Typing::new(person),
            prompt: None,
            terminal,
            ending,
            stopping,
            resumed,
            silent: false,
            slow: SLOW,
            leaving: false,
        };
        Ok((console, env))
    }

    /// Says nothing about waiting, unless a person sees it.
    pub(crate) const fn wait_silently(&mut self) {
        self.silent = !self.errors_seen;
    }

    /// The time of day.
    pub(crate) fn now(&self) -> Timestamp {
        (self.now)()
    }

    /// Whether somebody can be asked.
    pub(crate) const fn is_terminal(&self) -> bool {
        self.terminal.is_some()
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
        self.show_bytes(text.as_bytes())
    }

    fn show_bytes(&mut self, bytes: &[u8]) -> Result<(), Error> {
        let to = match self.voice {
            Voice::Output => &mut self.output,
            Voice::Errors => &mut self.errors,
        };
        match (to.write_all(bytes).and_then(|()| to.flush()), self.voice) {
            (Err(error), Voice::Output) => Err(Error::Output(error)),
            // Where errors cannot be written, nobody can be told.
            (_, Voice::Errors) | (Ok(()), _) => Ok(()),
        }
    }

    /// Prompts for a line; `exit` leaves.
    pub(crate) async fn ask(&mut self, prompt: &str, echo: Echo) -> Result<Zeroizing<String>, Error> {
        self.go_on()?;
        self.show(prompt)?;
        self.prompt = Some((prompt.to_owned(), echo));
        let line = self.line().await;
        self.prompt = None;
        // Nobody else shows the newline that was typed.
        self.show("\n")?;
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
    pub(crate) async fn line(&mut self) -> Result<Option<Zeroizing<String>>, Error> {
        self.typing = Typing::new(self.is_terminal());
        let shown = self.is_terminal() && matches!(self.prompt, Some((_, Echo::Shown)));
        loop {
            let mut screen = Vec::new();
            // A PIN is not copied to where nobody wipes it.
            let mut hidden = Zeroizing::new(Vec::with_capacity(self.ahead.len() * 3));
            let to = if shown { &mut screen } else { &mut *hidden };
            let (used, step) = self.typing.take(&self.ahead, to);
            self.ahead.drain(..used);
            if !screen.is_empty() {
                self.show_bytes(&screen)?;
            }
            match step {
                Step::Line => return Ok(Some(self.typing.text())),
                Step::End => return Ok(None),
                Step::More => {}
            }
            let next = pin!(self.input.next());
            self.ahead = self.hold(next, Waiting::ForPerson).await?.map_err(Error::Input)?;
            if self.ahead.is_empty() {
                return Ok(if self.typing.is_empty() { None } else { Some(self.typing.text()) });
            }
        }
    }

    /// Waits for the bank, which may be left at any time.
    pub(crate) async fn wait<T>(&mut self, work: impl Future<Output = T>) -> Result<T, Error> {
        self.hold(pin!(work), Waiting::ForBank).await
    }

    /// Waits for something whose end should be known: the first Ctrl-C says so, the second leaves.
    pub(crate) async fn wait_through<T>(&mut self, work: impl Future<Output = T>) -> Result<T, Error> {
        let mut work = pin!(work);
        if let Ok(done) = self.hold(work.as_mut(), Waiting::ForBank).await {
            return Ok(done);
        }
        // Whether or not this can be shown: the answer matters more.
        let _ = self.say("Waiting for the bank's answer. Press Ctrl-C again to leave without it.");
        let done = self.hold(work, Waiting::ForPerson).await;
        self.leaving = true;
        done
    }

    async fn hold<T>(
        &mut self,
        mut work: Pin<&mut impl Future<Output = T>>,
        waiting: Waiting,
    ) -> Result<T, Error> {
        self.go_on()?;
        let mut slow = pin!(sleep(self.slow));
        let mut silent = self.silent || waiting == Waiting::ForPerson;
        loop {
            tokio::select! {
                biased;
                done = work.as_mut() => return Ok(done),
                () = signalled(&mut self.ending) => return Err(Error::Interrupted(None)),
                _ = self.stopping.recv() => self.stop()?,
                _ = self.resumed.recv() => self.resume()?,
                () = slow.as_mut(), if !silent => {
                    silent = true;
                    self.say("Waiting for the bank ... Ctrl-C leaves.")?;
                }
            }
        }
    }

    /// Stands still, where there is a shell that can let it go on, and leaves the terminal to that.
    fn stop(&self) -> Result<(), Error> {
        let session = getsid(None).map_err(|error| Error::Input(error.into()))?;
        if getpgrp() != session {
            if let Some(quiet) = &self.terminal {
                quiet.restore();
            }
            kill_process(getpid(), process::Signal::STOP).map_err(|error| Error::Input(error.into()))?;
        }
        Ok(())
    }

    /// Goes on after this program stood still, and others had the terminal.
    fn resume(&mut self) -> Result<(), Error> {
        let Some(quiet) = &self.terminal else { return Ok(()) };
        quiet.apply().map_err(Error::Input)?;
        if let Some((prompt, echo)) = self.prompt.clone() {
            self.show(&prompt)?;
            if echo == Echo::Shown {
                let typed = self.typing.so_far().to_vec();
                self.show_bytes(&typed)?;
            }
        }
        Ok(())
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Waiting {
    ForBank,
    ForPerson,
}

/// The signals that stop and continue a run, those that end it, and the terminal, where it is one.
fn listen(terminal: bool) -> io::Result<([Signal; 2], Vec<Signal>, Option<Quiet>)> {
    let mut ending = vec![signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?];
    if terminal {
        // Each leaves the terminal as it was.
        ending.extend([signal(SignalKind::quit())?, signal(SignalKind::hangup())?]);
    }
    let stopping = signal(SignalKind::from_raw(process::Signal::TSTP.as_raw()))?;
    let resumed = signal(SignalKind::from_raw(process::Signal::CONT.as_raw()))?;
    let quiet = if terminal { Some(Quiet::begin()?) } else { None };
    Ok(([stopping, resumed], ending, quiet))
}

async fn signalled(signals: &mut [Signal]) {
    std::future::poll_fn(|context| {
        let any = signals.iter_mut().any(|signal| signal.poll_recv(context).is_ready());
        if any { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
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

    #[test]
    fn says_once_that_the_bank_is_waited_for_and_not_that_a_person_is() {
        let table = [(false, false, 1), (true, false, 0), (true, true, 1)];
        for (silently, seen, expected) in table {
            let (mut io, _, errors) = testing::io("", &[]);
            io.errors_terminal = seen;
            let slow = Duration::from_millis(20);
            let result = block_on(async {
                let (mut console, _) = Console::open(io, Voice::Errors).map_err(|(error, _)| error).unwrap();
                console.slow = slow;
                if silently {
                    console.wait_silently();
                }
                console.hold(pin!(sleep(slow * 5)), Waiting::ForPerson).await.unwrap();
                console.wait(sleep(slow / 4)).await.unwrap();
                console.wait(sleep(slow * 5)).await
            });
            assert!(result.is_ok());
            assert_eq!(errors.text(), "Waiting for the bank ... Ctrl-C leaves.\n".repeat(expected));
        }
    }
}
