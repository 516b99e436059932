//! The words for what happened, each with an index of a byte.

use atm_ledger_csv::entry::Word;
use atm_rpc::plugin::{Code, Failure};
use atm_rpc::types::action::Action;
use std::sync::{Mutex, PoisonError};

/// All words of a ledger. Those that atmd knows are the first, in its order.
#[derive(Debug)]
pub(super) struct Words(Mutex<Vec<String>>);

impl Words {
    pub(super) fn new() -> Self {
        Self(Mutex::new(Action::ALL.iter().map(|action| action.name().to_owned()).collect()))
    }

    pub(super) fn all(&self) -> Vec<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The index of a word, which it gets here where it has none.
    pub(super) fn index(&self, word: &Word) -> Result<u8, Failure> {
        let mut words = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = words.iter().position(|known| known == word.text());
        let index = known.unwrap_or(words.len());
        let index = u8::try_from(index).map_err(|_| {
            let message = "there are more than 256 different actions in it: it is no ledger";
            Failure::new(Code::Failed, message)
        })?;
        if known.is_none() {
            words.push(word.text().to_owned());
        }
        Ok(index)
    }
}
