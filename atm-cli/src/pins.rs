//! How a PIN is chosen: twice the same. A weak one is asked for again here only to spare a round
//! trip; the bank decides.

use crate::console::{Console, Echo, TRIES_MAX};
use crate::error::Error;
use crate::explain::sentence;
use atm_rpc::types::mobile::MobileNumber;
use atm_rpc::types::pin::Pin;

/// Prompts for a log-in.
pub(crate) const PIN: &str = "PIN: ";
/// Prompts for the PIN that is to be changed.
pub(crate) const CURRENT: &str = "Current PIN: ";
/// Prompts for a PIN that is chosen, by a new customer or in place of another.
const NEW: [&str; 2] = ["New PIN: ", "New PIN again: "];

/// Asks for a PIN.
pub(crate) async fn ask(console: &mut Console, prompt: &str) -> Result<Pin, Error> {
    console.ask_for(prompt, Echo::Hidden, Pin::parse).await
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
