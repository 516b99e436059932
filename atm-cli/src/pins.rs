//! How a PIN is chosen: twice the same. A weak one is asked for again here only to spare a round
//! trip; the bank decides.

use crate::console::{Console, Echo, TRIES_MAX};
use crate::error::Error;
use crate::explain::sentence;
use atm_rpc::types::code::OneTimeCode;
use atm_rpc::types::mobile::MobileNumber;
use atm_rpc::types::pin::Pin;

/// Prompts for a log-in.
pub(crate) const PIN: &str = "PIN: ";
/// Prompts for the PIN that is to be changed.
pub(crate) const CURRENT: &str = "Current PIN: ";
/// Prompts for a one-time code.
const CODE: &str = "One-time code: ";
/// Prompts for a PIN that is chosen, by a new customer or in place of another.
const NEW: [&str; 2] = ["New PIN: ", "New PIN again: "];

/// Asks for a PIN.
pub(crate) async fn ask(console: &mut Console, prompt: &str) -> Result<Pin, Error> {
    console.ask_for(prompt, Echo::Hidden, Pin::parse).await
}

/// What is shown at a log-in.
pub(crate) enum Shown {
    /// The PIN.
    Pin(Pin),
    /// The wish to show a one-time code instead.
    Code,
}

/// Asks for the PIN at a log-in.
pub(crate) async fn ask_or_code(console: &mut Console) -> Result<Shown, Error> {
    let parse = |text: &str| match text.eq_ignore_ascii_case("code") {
        true => Ok(Shown::Code),
        false => Pin::parse(text).map(Shown::Pin),
    };
    console.ask_for(PIN, Echo::Hidden, parse).await
}

/// Asks for a one-time code.
pub(crate) async fn ask_code(console: &mut Console) -> Result<OneTimeCode, Error> {
    console.ask_for(CODE, Echo::Hidden, OneTimeCode::parse).await
}

/// Asks for a new PIN twice, five times at most.
pub(crate) async fn choose(console: &mut Console, mobile: MobileNumber) -> Result<Pin, Error> {
    let [once, again] = NEW;
    for _ in 0..TRIES_MAX {
        let pin = ask(console, once).await?;
        if let Some(weakness) = pin.weakness(mobile) {
            console.say(&sentence(&weakness.to_string()))?;
            continue;
        }
        let repeated = console.ask(again, Echo::Hidden).await?;
        if Pin::parse(repeated.trim()).is_ok_and(|repeated| repeated == pin) {
            return Ok(pin);
        }
        console.say("The two PINs are not the same.")?;
    }
    Err(Error::TooOften)
}
