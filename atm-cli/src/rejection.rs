//! The bank's 'no', and the end of a session, in sentences with the numbers they carry.

use crate::words::{Words, count};
use atm_rpc::error::{Rejection, SessionEnd};
use atm_rpc::types::money::Money;
use atm_rpc::types::time::Timestamp;
use serde_json::{Map, Value, json};

/// What is said, what to do next, and the same for programs.
#[derive(Debug)]
pub(crate) struct Told {
    /// Stable, for programs.
    pub(crate) code: &'static str,
    /// What happened.
    pub(crate) message: String,
    /// What to do next.
    pub(crate) hint: String,
    /// The numbers in it, money as decimal strings.
    pub(crate) details: Map<String, Value>,
}

fn told(code: &'static str, message: impl Into<String>, hint: impl Into<String>) -> Told {
    Told { code, message: message.into(), hint: hint.into(), details: Map::new() }
}

impl Told {
    fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.details.insert(name.to_owned(), value.into());
        self
    }

    fn with_money(self, name: &str, amount: Money, words: &Words) -> Self {
        self.with(name, words.number(amount)).with("currency", words.currency.code())
    }
}

/// A rejection as the customer is told.
pub(crate) fn rejection(rejection: Rejection, words: &Words) -> Told {
    match rejection {
        Rejection::KeyConflict => told(
            "key_conflict",
            "This request key was used before, for another request. Nothing was booked now.",
            "Use a new request key for a new request; without --request-key one is made.",
        ),
        Rejection::KeyClosed => told(
            "key_closed",
            "This request came after the bank was asked about it, and was not applied any more. \
             Nothing was booked.",
            "Make the request again, with a new request key.",
        ),
        Rejection::Blacklisted { until } => blacklisted(until, words),
        Rejection::AccountClosed => {
            told("account_closed", "This account is closed.", "Ask the bank what to do.")
        }
        Rejection::DebitBlocked => told(
            "debit_blocked",
            "The bank does not let money out of this account at present.",
            "Ask the bank why.",
        ),
        Rejection::CreditBlocked => told(
            "credit_blocked",
            "The bank does not let money into this account at present.",
            "Ask the bank why.",
        ),
        Rejection::RegistrationClosed => {
            told("registration_closed", "Only the bank itself registers new customers.", "Ask the bank.")
        }
        Rejection::AlreadyRegistered => told(
            "already_registered",
            "This number has an account already.",
            "Log in with its PIN. If you do not know it, ask the bank.",
        ),
        Rejection::WrongPin { attempts_left } => wrong_pin(attempts_left),
        Rejection::WeakPin(weakness) => told(
            "weak_pin",
            format!("This PIN is refused: {weakness}."),
            "Choose five digits that are no run, no repetition and no part of your number.",
        )
        .with("reason", json!(weakness)),
        Rejection::SamePin => told("same_pin", "The new PIN is the one you have.", "Choose another PIN."),
        Rejection::ZeroAmount => told("zero_amount", "The amount is zero.", "Choose an amount above zero."),
        Rejection::BelowMinimum { minimum } => below_minimum(minimum, words),
        Rejection::AboveMaximum { maximum } => above_maximum(maximum, words),
        Rejection::NotAMultiple { multiple, below } => not_a_multiple(multiple, below, words),
        Rejection::InsufficientFunds { available, largest } => insufficient(available, largest, words),
        Rejection::VaultShort { largest } => vault_short(largest, words),
        Rejection::BalanceLimit => told(
            "balance_limit",
            "The balance would become larger than the bank can count.",
            "Bring a smaller amount.",
        ),
    }
}

fn blacklisted(until: Option<Timestamp>, words: &Words) -> Told {
    match until {
        None => told("blacklisted", "This number is blocked.", "Ask the bank to unblock it.")
            .with("until", Value::Null),
        Some(until) => told(
            "blacklisted",
            format!("This number is blocked until {}.", words.minute(until)),
            "Try again after that time, or ask the bank to unblock it.",
        )
        .with("until", until.to_string()),
    }
}

fn wrong_pin(attempts_left: u32) -> Told {
    let (message, hint) = match attempts_left {
        0 => (
            "The PIN is wrong, and that was the last attempt: this number is blocked now.".to_owned(),
            "Ask the bank to unblock it.",
        ),
        left => (
            format!("The PIN is wrong. You have {} left.", count(left, "attempt")),
            "After the last one the number is blocked.",
        ),
    };
    told("wrong_pin", message, hint).with("attempts_left", attempts_left)
}

/// A one-time code that is wrong, used, or whose time is over.
pub(crate) fn wrong_code(attempts_left: u32) -> Told {
    let (message, hint) = match attempts_left {
        0 => (
            "This code is not good, and that was the last attempt: this number is blocked now.".to_owned(),
            "Ask the bank to unblock it, and for a new code.",
        ),
        left => (
            format!("This code is not good. You have {} left.", count(left, "attempt")),
            "It may be mistyped, used already, or too old: the bank gives you a new one.",
        ),
    };
    told("wrong_code", message, hint).with("attempts_left", attempts_left)
}

fn below_minimum(minimum: Money, words: &Words) -> Told {
    told(
        "below_minimum",
        format!("The smallest amount is {}.", words.money(minimum)),
        format!("Choose {} or more.", words.number(minimum)),
    )
    .with_money("minimum", minimum, words)
}

fn above_maximum(maximum: Money, words: &Words) -> Told {
    told(
        "above_maximum",
        format!("The largest amount at a time is {}.", words.money(maximum)),
        format!("Choose {} or less.", words.number(maximum)),
    )
    .with_money("maximum", maximum, words)
}

fn not_a_multiple(multiple: Money, below: Money, words: &Words) -> Told {
    let hint = match below {
        Money::ZERO => format!("The smallest such amount is {}.", words.number(multiple)),
        below => format!("The nearest smaller amount is {}.", words.number(below)),
    };
    told("not_a_multiple", format!("The amount must be a multiple of {}.", words.money(multiple)), hint)
        .with_money("multiple", multiple, words)
        .with_money("below", below, words)
}

fn insufficient(available: Money, largest: Money, words: &Words) -> Told {
    told(
        "insufficient_funds",
        format!("You have {} available. {}", words.money(available), most(largest, words)),
        "Choose a smaller amount, or bring cash first.",
    )
    .with_money("available", available, words)
    .with_money("largest", largest, words)
}

fn vault_short(largest: Money, words: &Words) -> Told {
    told(
        "vault_short",
        format!("The bank cannot pay out that much at present. {}", most(largest, words)),
        "Choose a smaller amount, or come back later.",
    )
    .with_money("largest", largest, words)
}

fn most(largest: Money, words: &Words) -> String {
    match largest {
        Money::ZERO => "There is nothing you can take now.".to_owned(),
        largest => format!("The most you can take now is {}.", words.money(largest)),
    }
}

/// The end of a session as the customer is told.
pub(crate) fn session_end(end: SessionEnd) -> Told {
    let (reason, message, hint) = match end {
        SessionEnd::NotLoggedIn => ("not_logged_in", "You are not logged in.", "Log in."),
        SessionEnd::Unknown => ("unknown", "The bank does not know this session any more.", "Log in again."),
        SessionEnd::Exited => ("exited", "This session was ended.", "Log in again."),
        SessionEnd::TakenOver => (
            "taken_over",
            "This session ended because somebody logged in with the same number and PIN elsewhere.",
            "If that was not you, log in and change your PIN at once.",
        ),
        SessionEnd::ResumedElsewhere => (
            "resumed_elsewhere",
            "This session goes on over another connection, and has ended here.",
            "Log in again.",
        ),
        SessionEnd::Idle => {
            ("idle", "This session ended because nothing was asked for too long.", "Log in again.")
        }
        SessionEnd::TooLong => ("too_long", "This session reached its greatest length.", "Log in again."),
        SessionEnd::Blacklisted => (
            "blacklisted",
            "This session ended because the number was blocked.",
            "Ask the bank to unblock it.",
        ),
        SessionEnd::PinReset => (
            "pin_reset",
            "This session ended because a new PIN was chosen by a one-time code of the bank.",
            "Log in with the new PIN. If you did not choose it, tell the bank at once.",
        ),
        SessionEnd::AccountClosed => {
            ("account_closed", "This session ended because the account was closed.", "Ask the bank.")
        }
        SessionEnd::Drained => (
            "drained",
            "This session ended because the machine is closed for maintenance.",
            "Nothing was booked by this request. Log in again later.",
        ),
        SessionEnd::OperatorUnknown => {
            ("operator_unknown", "The bank does not accept this connection.", "Tell the bank.")
        }
    };
    told("unauthenticated", message, hint).with("reason", reason)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::words;
    use atm_rpc::types::pin::WeakPin;

    #[test]
    fn each_rejection_is_a_sentence_with_its_numbers() {
        let money = Money::from_minor;
        let until = Some(Timestamp::from_ms(1_795_000_000_007));
        let table = [
            (Rejection::KeyConflict, "key_conflict", "used before, for another request"),
            (Rejection::KeyClosed, "key_closed", "Nothing was booked"),
            (Rejection::Blacklisted { until: None }, "blacklisted", "This number is blocked."),
            (Rejection::Blacklisted { until }, "blacklisted", "until 2026-11-18 12:06 +01."),
            (Rejection::AccountClosed, "account_closed", "closed"),
            (Rejection::DebitBlocked, "debit_blocked", "out of this account"),
            (Rejection::CreditBlocked, "credit_blocked", "into this account"),
            (Rejection::RegistrationClosed, "registration_closed", "Only the bank"),
            (Rejection::AlreadyRegistered, "already_registered", "has an account already"),
            (Rejection::WrongPin { attempts_left: 2 }, "wrong_pin", "You have 2 attempts left."),
            (Rejection::WrongPin { attempts_left: 1 }, "wrong_pin", "You have 1 attempt left."),
            (Rejection::WrongPin { attempts_left: 0 }, "wrong_pin", "the last attempt"),
            (Rejection::WeakPin(WeakPin::Run), "weak_pin", "a run of digits is too easy"),
            (Rejection::SamePin, "same_pin", "the one you have"),
            (Rejection::ZeroAmount, "zero_amount", "The amount is zero."),
            (Rejection::BelowMinimum { minimum: money(10_000) }, "below_minimum", "is 100.00 INR."),
            (Rejection::AboveMaximum { maximum: money(500_000) }, "above_maximum", "is 5000.00 INR."),
            (
                Rejection::NotAMultiple { multiple: money(1_000), below: money(12_000) },
                "not_a_multiple",
                "multiple of 10.00 INR. The nearest smaller amount is 120.00.",
            ),
            (
                Rejection::NotAMultiple { multiple: money(1_000), below: money(0) },
                "not_a_multiple",
                "The smallest such amount is 10.00.",
            ),
            (
                Rejection::InsufficientFunds { available: money(40_550), largest: money(40_000) },
                "insufficient_funds",
                "You have 405.50 INR available. The most you can take now is 400.00 INR.",
            ),
            (
                Rejection::InsufficientFunds { available: money(0), largest: money(0) },
                "insufficient_funds",
                "You have 0.00 INR available. There is nothing you can take now.",
            ),
            (
                Rejection::VaultShort { largest: money(20_000) },
                "vault_short",
                "The most you can take now is 200.00 INR.",
            ),
            (Rejection::BalanceLimit, "balance_limit", "larger than the bank can count"),
        ];
        for (case, code, expected) in table {
            let told = rejection(case, &words());
            let text = format!("{} {}", told.message, told.hint);
            assert!(told.code == code && text.contains(expected), "{case:?}: {} {text}", told.code);
        }
    }

    #[test]
    fn numbers_for_programs_are_decimal_strings() {
        let case =
            Rejection::InsufficientFunds { available: Money::from_minor(40_550), largest: Money::ZERO };
        let details = Value::Object(rejection(case, &words()).details);
        assert_eq!(details, json!({"available": "405.50", "largest": "0.00", "currency": "INR"}));
    }
}
