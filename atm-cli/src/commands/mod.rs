//! The subcommands: each does one thing and ends. Data goes to the output, all else to the errors.

mod balance;
mod change_pin;
mod last;
mod movement;
mod redeem;
mod register;
mod statement;

use crate::args::{Command, Format, Place, Who};
use crate::bank::{Bank, Done};
use crate::console::{Console, Echo};
use crate::error::Error;
use crate::exit::Exit;
use crate::io::Environment;
use crate::output::{Data, Report};
use crate::settings::{Settings, SettingsError};
use crate::statement::Choice;
use crate::words::{Words, count, wrong_pins};
use crate::{pins, settle};
use atm_rpc::customer::Credentials;
use atm_rpc::types::code::OneTimeCode;
use atm_rpc::types::key::RequestKey;
use atm_rpc::types::mobile::MobileNumber;
use atm_rpc::types::money::Currency;
use atm_rpc::types::pin::Pin;

/// What a subcommand works with.
struct Job<'a> {
    console: &'a mut Console,
    bank: &'a mut Bank,
    report: &'a mut Report,
    who: &'a Who,
    /// A key that was given: its request is repeated or asked about, and not settled beforehand.
    key: Option<RequestKey>,
}

/// Does what a subcommand says.
pub(crate) async fn run(command: &Command, place: &Place, env: &Environment, console: &mut Console) -> Exit {
    let mut report = Report::new(command.who().output);
    if command.who().output == Format::Json {
        console.wait_silently();
    }
    let mut words = Words::local(Currency::INR);
    let result = act(command, place, env, console, &mut report, &mut words).await;
    report.close(console, result, &words)
}

async fn act(
    command: &Command,
    place: &Place,
    env: &Environment,
    console: &mut Console,
    report: &mut Report,
    words: &mut Words,
) -> Result<(), Error> {
    check(command, console)?;
    let settings = Settings::find(place, env)?;
    if command.needs_notes() && settings.state.is_none() {
        return Err(SettingsError::NoState.into());
    }
    let mut bank = console.wait(Bank::connect(&settings)).await??;
    *words = bank.words.clone();
    let (who, key) = (command.who(), command.request_key());
    let job = Job { console, bank: &mut bank, report, who, key };
    let result = match command {
        Command::Register { .. } => register::run(job).await,
        Command::Balance { .. } => balance::run(job).await,
        Command::Deposit(movement) => movement::run(job, movement, movement::Direction::In).await,
        Command::Withdraw(movement) => movement::run(job, movement, movement::Direction::Out).await,
        Command::Statement { count, all, .. } => {
            statement::run(job, Choice { count: *count, all: *all }).await
        }
        Command::Last { .. } => last::run(job).await,
        Command::ChangePin { .. } => change_pin::run(job).await,
        Command::Redeem { .. } => redeem::run(job).await,
    };
    bank.leave().await;
    result
}

/// What can be found wrong before anybody is asked or anything is sent.
fn check(command: &Command, console: &Console) -> Result<(), Error> {
    let who = command.who();
    let nobody = !console.is_terminal();
    if nobody && who.mobile.is_none() {
        let message = "No mobile number was given, and there is no terminal to ask for it.".to_owned();
        return Err(Error::Usage { message, hint: "Give it with --mobile NUMBER." });
    }
    if nobody && !who.pin_stdin {
        let message = "There is no terminal to ask for the PIN.".to_owned();
        return Err(Error::Usage { message, hint: "Write it to the standard input, and give --pin-stdin." });
    }
    match command {
        Command::Deposit(movement) | Command::Withdraw(movement) => movement::check(&movement.amount),
        _ => Ok(()),
    }
}

impl Job<'_> {
    async fn mobile(&mut self) -> Result<MobileNumber, Error> {
        match self.who.mobile {
            Some(mobile) => Ok(mobile),
            None => self.console.ask_for("Mobile number: ", Echo::Shown, MobileNumber::parse).await,
        }
    }

    /// The PIN: a line of the input, or what is typed at the prompt.
    async fn pin(&mut self, prompt: &str) -> Result<Pin, Error> {
        if !self.who.pin_stdin {
            return pins::ask(self.console, prompt).await;
        }
        self.line_as_pin().await
    }

    /// A new PIN: a line of the input, or typed twice.
    async fn new_pin(&mut self, mobile: MobileNumber) -> Result<Pin, Error> {
        if !self.who.pin_stdin {
            return pins::choose(self.console, mobile).await;
        }
        self.line_as_pin().await
    }

    /// A one-time code: a line of the input, or what is typed at the prompt.
    async fn code(&mut self) -> Result<OneTimeCode, Error> {
        if !self.who.pin_stdin {
            return pins::ask_code(self.console).await;
        }
        let line = self.console.line().await?.ok_or(Error::EndOfInput)?;
        OneTimeCode::parse(line.trim()).map_err(|wrong| Error::Usage {
            message: crate::explain::sentence(&wrong.to_string()),
            hint: "With --pin-stdin the code is the first line, and the new PIN the second.",
        })
    }

    async fn line_as_pin(&mut self) -> Result<Pin, Error> {
        let line = self.console.line().await?.ok_or(Error::EndOfInput)?;
        Pin::parse(line.trim()).map_err(|wrong| Error::Usage {
            message: crate::explain::sentence(&wrong.to_string()),
            hint: "With --pin-stdin each PIN is a line of its own.",
        })
    }

    /// Asks who it is, begins the session, and settles what is pending.
    async fn log_in(&mut self) -> Result<MobileNumber, Error> {
        let mobile = self.mobile().await?;
        let pin = self.pin(pins::PIN).await?;
        self.log_in_as(Credentials { mobile, pin }).await?;
        Ok(mobile)
    }

    async fn log_in_as(&mut self, who: Credentials) -> Result<(), Error> {
        self.begin(&who).await?;
        settle::settle(self.console, self.bank, self.report, who.mobile, self.key).await?;
        Ok(())
    }

    async fn begin(&mut self, who: &Credentials) -> Result<(), Error> {
        let session = self.console.wait(self.bank.log_in(who)).await??;
        if session.failures_before > 0 {
            self.report.note(self.console, &wrong_pins(session.failures_before))?;
        }
        if session.taken_over > 0 {
            let others = count(session.taken_over, "other session");
            self.report.note(self.console, &format!("This log-in ended {others} of this number."))?;
        }
        Ok(())
    }

    /// Prints a receipt; from then on the request is not pending any more.
    fn receipt(&mut self, done: &Done) -> Result<(), Error> {
        let data = Data::Receipt(&done.receipt, done.record.request_key);
        let printed = self.report.print(self.console, &data, &self.bank.words);
        if let Some(warning) = self.bank.finish(&done.record) {
            self.console.complain(&format!("atm-cli: {warning}\n"));
        }
        printed.map_err(Error::after_it_was_done)
    }

    fn print(&mut self, data: &Data<'_>) -> Result<(), Error> {
        self.report.print(self.console, data, &self.bank.words)
    }
}
