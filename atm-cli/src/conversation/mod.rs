//! The conversation: number, PIN, then a menu until the customer leaves.
//!
//! It works on a terminal and with lines from a pipe alike. However it ends, the session is ended
//! too, and the last words say why.

mod entry;
mod menu;
mod service;

use crate::args::{Format, Place};
use crate::bank::Bank;
use crate::console::Console;
use crate::error::Error;
use crate::exit::Exit;
use crate::explain::explain;
use crate::io::Environment;
use crate::output::Report;
use crate::settings::{Settings, SettingsError};
use crate::words::Words;
use atm_rpc::error::{Rejection, ServiceError};
use atm_rpc::types::mobile::MobileNumber;
use atm_rpc::types::money::Currency;

const GOODBYE: &str = "Goodbye.";

/// What a conversation works with.
struct Talk<'a> {
    console: &'a mut Console,
    bank: &'a mut Bank,
    report: &'a mut Report,
}

/// Talks with a customer.
pub(crate) async fn run(place: &Place, env: &Environment, console: &mut Console) -> Exit {
    let mut words = Words::local(Currency::INR);
    let result = talk(place, env, console, &mut words).await;
    let exit = last_words(console, &result, &words);
    exit.unwrap_or_else(|error| explain(&error, &words).exit)
}

async fn talk(
    place: &Place,
    env: &Environment,
    console: &mut Console,
    words: &mut Words,
) -> Result<(), Error> {
    let settings = Settings::find(place, env)?;
    if settings.state.is_none() {
        return Err(SettingsError::NoState.into());
    }
    console.say("Welcome. Type exit at any prompt to leave.")?;
    let mut bank = console.wait(Bank::connect(&settings)).await??;
    *words = bank.words.clone();
    // In the conversation notes are said at once, like everything else.
    let mut report = Report::new(Format::Table);
    let mut talk = Talk { console, bank: &mut bank, report: &mut report };
    let result = talk.serve().await;
    bank.leave().await;
    result
}

/// Why it ends, and how the program ends. Leaving is in order, unless a request has no outcome yet.
fn last_words(console: &mut Console, result: &Result<(), Error>, words: &Words) -> Result<Exit, Error> {
    match result {
        Ok(()) | Err(Error::Left | Error::EndOfInput) => {
            console.say(GOODBYE)?;
            Ok(Exit::Done)
        }
        Err(Error::TooOften) => {
            console.say(&format!("That was wrong five times. {GOODBYE}"))?;
            Ok(Exit::Usage)
        }
        Err(error) => {
            let failure = explain(error, words);
            console.say(&failure.message)?;
            if !failure.hint.is_empty() {
                console.say(&failure.hint)?;
            }
            console.say(GOODBYE)?;
            Ok(failure.exit)
        }
    }
}

impl Talk<'_> {
    async fn serve(&mut self) -> Result<(), Error> {
        let mobile = self.enter().await?;
        self.menu(mobile).await
    }

    /// Says what went wrong, where the conversation goes on.
    fn explain(&mut self, error: &Error) -> Result<(), Error> {
        let failure = explain(error, &self.bank.words);
        self.console.say(&failure.message)?;
        if failure.hint.is_empty() { Ok(()) } else { self.console.say(&failure.hint) }
    }

    /// What became of the requests without a final answer.
    async fn settle(&mut self, mobile: MobileNumber) -> Result<(), Error> {
        crate::settle::settle(self.console, self.bank, self.report, mobile, None).await?;
        Ok(())
    }
}

/// Whether nothing more can be said to this customer after that.
fn ends(error: &Error, bank: &Bank) -> bool {
    match error {
        Error::Interrupted(_)
        | Error::Left
        | Error::EndOfInput
        | Error::TooOften
        | Error::Input(_)
        | Error::Output(_)
        | Error::Receipt(_)
        | Error::Closed { .. }
        | Error::Settings(_) => true,
        Error::Usage { .. } | Error::NothingRemembered | Error::State(_) => false,
        Error::Unknown(_) | Error::NoAnswer => !bank.has_session(),
        Error::WrongCode { attempts_left } => *attempts_left == 0,
        Error::Call(_) => match error.service() {
            Some(ServiceError::Rejected(no)) => bars(no),
            Some(ServiceError::Unauthenticated(_)) => true,
            _ => !bank.has_session(),
        },
    }
}

/// Whether a rejection shuts the customer out.
const fn bars(no: Rejection) -> bool {
    matches!(
        no,
        Rejection::Blacklisted { .. } | Rejection::AccountClosed | Rejection::WrongPin { attempts_left: 0 }
    )
}
