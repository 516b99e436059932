//! From the number to the session: a new number is registered on the way.

use super::Talk;
use crate::bank::Done;
use crate::console::{Echo, TRIES_MAX};
use crate::error::Error;
use crate::output::table;
use crate::pins::{self, Shown};
use crate::words::wrong_pins;
use atm_rpc::client::CustomerError;
use atm_rpc::customer::{Credentials, Redemption, Session, Standing};
use atm_rpc::error::{Rejection, ServiceError};
use atm_rpc::types::key::RequestKey;
use atm_rpc::types::mobile::MobileNumber;
use atm_rpc::types::pin::Pin;

const NUMBER: &str = "Mobile number: ";
const HAVE_A_CODE: &str = "If the bank gave you a one-time code, type code instead of the PIN.";
const REGISTER: &str = "Register it now (yes/no)? ";

impl Talk<'_> {
    /// Asks who it is, and begins a session.
    pub(super) async fn enter(&mut self) -> Result<MobileNumber, Error> {
        for _ in 0..TRIES_MAX {
            let mobile = self.console.ask_for(NUMBER, Echo::Shown, MobileNumber::parse).await?;
            let standing = self.console.wait(self.bank.lookup(mobile)).await??;
            let account = match standing {
                Standing::Registered | Standing::Undisclosed => Account::Old,
                Standing::New => self.register(mobile).await?,
            };
            let session = match account {
                Account::New(pin) => self.log_in(Credentials { mobile, pin }).await?,
                Account::Old => self.ask_pin(mobile).await?,
                Account::None => continue,
            };
            self.greet(mobile, &session)?;
            self.settle(mobile).await?;
            return Ok(mobile);
        }
        Err(Error::TooOften)
    }

    /// Registers a new number, if the customer wants to.
    async fn register(&mut self, mobile: MobileNumber) -> Result<Account, Error> {
        let number = mobile.full();
        self.console.say(&match self.bank.pending_registration(mobile)? {
            Some(_) => format!("{number} has no account yet; your last registration did not go through."),
            None => format!("{number} has no account yet."),
        })?;
        if self.console.ask_for(REGISTER, Echo::Shown, yes_or_no).await? == Answer::No {
            return Ok(Account::None);
        }
        for _ in 0..TRIES_MAX {
            let pin = pins::choose(self.console, mobile).await?;
            let who = Credentials { mobile, pin };
            match self.bank.register(self.console, None, &who).await {
                Ok(done) => {
                    self.receipt(&done)?;
                    return Ok(Account::New(who.pin));
                }
                // The bank may be stricter than this program.
                Err(error) if is_weak(&error) => self.explain(&error)?,
                // Another try was faster.
                Err(error) if is_registered(&error) => {
                    self.explain(&error)?;
                    return Ok(Account::Old);
                }
                Err(error) => return Err(error),
            }
        }
        Err(Error::TooOften)
    }

    /// Asks for the PIN until it is right; the bank counts, and stops it.
    async fn ask_pin(&mut self, mobile: MobileNumber) -> Result<Session, Error> {
        let mut tries = 0;
        loop {
            let pin = match pins::ask_or_code(self.console).await? {
                Shown::Pin(pin) => pin,
                Shown::Code => self.redeem(mobile).await?,
            };
            tries += 1;
            match self.log_in(Credentials { mobile, pin }).await {
                Err(error) if tries < TRIES_MAX && may_try_again(&error) => {
                    self.explain(&error)?;
                    if tries == 1 {
                        self.console.say(HAVE_A_CODE)?;
                    }
                }
                other => return other,
            }
        }
    }

    /// Chooses a PIN by a one-time code, and gives it; the bank counts wrong codes, and stops it.
    async fn redeem(&mut self, mobile: MobileNumber) -> Result<Pin, Error> {
        for _ in 0..TRIES_MAX {
            let code = pins::ask_code(self.console).await?;
            let new = pins::choose(self.console, mobile).await?;
            let redemption = Redemption { mobile, code, new: new.clone() };
            match self.bank.redeem(self.console, RequestKey::generate(), redemption).await {
                Ok(done) => {
                    self.receipt(&done)?;
                    return Ok(new);
                }
                Err(error @ Error::WrongCode { attempts_left: 1.. }) => self.explain(&error)?,
                // The bank may be stricter than this program.
                Err(error) if is_weak(&error) => self.explain(&error)?,
                Err(error) => return Err(error),
            }
        }
        Err(Error::TooOften)
    }

    async fn log_in(&mut self, who: Credentials) -> Result<Session, Error> {
        self.console.wait(self.bank.log_in(&who)).await?
    }

    fn greet(&mut self, mobile: MobileNumber, session: &Session) -> Result<(), Error> {
        self.console.say(&format!("\nYou are logged in as {}.", mobile.masked()))?;
        if session.failures_before > 0 {
            let wrong = wrong_pins(session.failures_before);
            self.console.say(&format!("{wrong} If that was not you, change your PIN."))?;
        }
        match session.taken_over {
            0 => Ok(()),
            1 => self.console.say("Your other session was ended."),
            others => self.console.say(&format!("{others} other sessions of yours were ended.")),
        }
    }

    /// Shows a receipt; from then on the request is not pending any more.
    pub(super) fn receipt(&mut self, done: &Done) -> Result<(), Error> {
        let text = format!("\n{}", table::receipt(&done.receipt, &self.bank.words));
        let shown = self.console.data(&text);
        if let Some(warning) = self.bank.finish(&done.record) {
            self.console.say(&warning)?;
        }
        shown.map_err(Error::after_it_was_done)
    }
}

fn may_try_again(error: &Error) -> bool {
    match error {
        Error::Call(CustomerError::LoginInterrupted) => true,
        other => matches!(
            other.service(),
            Some(
                ServiceError::Busy { .. }
                    | ServiceError::Unavailable
                    | ServiceError::Rejected(Rejection::WrongPin { attempts_left: 1.. })
            )
        ),
    }
}

fn is_weak(error: &Error) -> bool {
    matches!(error.service(), Some(ServiceError::Rejected(Rejection::WeakPin(_))))
}

fn is_registered(error: &Error) -> bool {
    error.service() == Some(ServiceError::Rejected(Rejection::AlreadyRegistered))
}

/// What a number has once it was looked up and perhaps registered.
enum Account {
    /// One that has just been opened, with this PIN.
    New(Pin),
    /// One with a PIN that the customer knows.
    Old,
    /// None, as the customer wants it.
    None,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Answer {
    Yes,
    No,
}

fn yes_or_no(text: &str) -> Result<Answer, &'static str> {
    match text.to_ascii_lowercase().as_str() {
        "y" | "yes" => Ok(Answer::Yes),
        "n" | "no" => Ok(Answer::No),
        _ => Err("Please answer yes or no."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn yes_is_yes_and_no_is_no() {
        let table =
            [("y", Ok(Answer::Yes)), ("YES", Ok(Answer::Yes)), ("n", Ok(Answer::No)), ("No", Ok(Answer::No))];
        for (text, expected) in table {
            assert_eq!(yes_or_no(text), expected);
        }
        for text in ["", "maybe", "1", "yess"] {
            assert!(yes_or_no(text).is_err(), "{text}");
        }
    }
}
