//! The menu: what can be chosen, and going on until the customer leaves.

use super::{Talk, ends};
use crate::console::Echo;
use crate::error::Error;
use atm_rpc::types::mobile::MobileNumber;

const MENU: &str = "
What would you like to do?
  1  Withdraw
  2  Deposit
  3  Balance
  4  Mini statement
  5  Change PIN
  6  Exit";
const CHOICE: &str = "> ";

/// What can be chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Choice {
    Withdraw,
    Deposit,
    Balance,
    Statement,
    ChangePin,
    Exit,
}

/// What may be typed for each; the beginning is enough.
const WORDS: &[(&str, Choice)] = &[
    ("1", Choice::Withdraw),
    ("withdraw", Choice::Withdraw),
    ("2", Choice::Deposit),
    ("deposit", Choice::Deposit),
    ("3", Choice::Balance),
    ("balance", Choice::Balance),
    ("4", Choice::Statement),
    ("mini statement", Choice::Statement),
    ("statement", Choice::Statement),
    ("5", Choice::ChangePin),
    ("change pin", Choice::ChangePin),
    ("pin", Choice::ChangePin),
    ("6", Choice::Exit),
    ("exit", Choice::Exit),
    ("quit", Choice::Exit),
];

impl Talk<'_> {
    /// Does what is chosen until the customer leaves, or the session ends.
    pub(super) async fn menu(&mut self, mobile: MobileNumber) -> Result<(), Error> {
        let mut unknown = None;
        loop {
            self.console.go_on()?;
            self.console.say(MENU)?;
            let left = match self.console.ask_for(CHOICE, Echo::Shown, choose).await {
                Ok(Choice::Exit) => Error::Left,
                Ok(choice) => {
                    match self.act(choice, mobile, &mut unknown).await {
                        Err(error) if ends(&error, self.bank) => return Err(error),
                        Err(error) => self.explain(&error)?,
                        Ok(()) => {}
                    }
                    continue;
                }
                Err(error) => error,
            };
            // Who leaves before the outcome is known is told once more what to do.
            return match (unknown, left) {
                (Some(record), Error::Left | Error::EndOfInput) => Err(Error::Unknown(record)),
                (_, left) => Err(left),
            };
        }
    }

    async fn act(
        &mut self,
        choice: Choice,
        mobile: MobileNumber,
        unknown: &mut Option<crate::state::Record>,
    ) -> Result<(), Error> {
        if unknown.is_some() {
            self.settle(mobile).await?;
            *unknown = None;
        }
        let result = match choice {
            Choice::Withdraw => self.withdraw(mobile).await,
            Choice::Deposit => self.deposit(mobile).await,
            Choice::Balance => self.balance().await,
            Choice::Statement => self.statement().await,
            Choice::ChangePin => self.change_pin(mobile).await,
            Choice::Exit => Err(Error::Left),
        };
        if let Err(Error::Unknown(record)) = &result {
            *unknown = Some(record.clone());
        }
        result
    }
}

fn choose(text: &str) -> Result<Choice, &'static str> {
    let typed = text.to_ascii_lowercase().replace(['-', '_'], " ");
    let typed = typed.split_whitespace().collect::<Vec<_>>().join(" ");
    let exact = WORDS.iter().find(|(word, _)| *word == typed).map(|(_, choice)| *choice);
    if let Some(choice) = exact {
        return Ok(choice);
    }
    let mut choices: Vec<Choice> = Vec::new();
    for (word, choice) in WORDS {
        if !typed.is_empty() && word.starts_with(&typed) && !choices.contains(choice) {
            choices.push(*choice);
        }
    }
    match choices[..] {
        [choice] => Ok(choice),
        _ => Err("Please type a number from 1 to 6, or the word beside it."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_numbers_words_and_their_beginnings() {
        let table = [
            ("1", Choice::Withdraw),
            ("w", Choice::Withdraw),
            ("WITHDRAW", Choice::Withdraw),
            ("dep", Choice::Deposit),
            ("Balance", Choice::Balance),
            ("4", Choice::Statement),
            ("mini", Choice::Statement),
            ("Mini  Statement", Choice::Statement),
            ("s", Choice::Statement),
            ("change-pin", Choice::ChangePin),
            ("c", Choice::ChangePin),
            ("pin", Choice::ChangePin),
            ("6", Choice::Exit),
            ("e", Choice::Exit),
            ("q", Choice::Exit),
            ("Quit", Choice::Exit),
        ];
        for (text, expected) in table {
            assert_eq!(choose(text), Ok(expected), "{text}");
        }
        for text in ["", " ", "0", "7", "12", "withdrawal", "transfer", "-", "\u{fffd}"] {
            assert!(choose(text).is_err(), "{text:?}");
        }
    }
}
