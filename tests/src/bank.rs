//! Customers of a test's bank: numbers, PINs and amounts that are right, written briefly.

use atm_rpc::customer::Credentials;
use atm_rpc::types::mobile::MobileNumber;
use atm_rpc::types::money::Money;
use atm_rpc::types::pin::Pin;
use atm_rpc::types::terminal::TerminalName;

/// A PIN that nobody objects to, and that every test's customers have.
pub const PIN: &str = "28471";
/// A PIN that is not theirs.
pub const WRONG_PIN: &str = "93618";

/// The number of a test's n-th customer.
///
/// # Panics
/// Where n has too many digits.
#[must_use]
pub fn number(n: u32) -> MobileNumber {
    MobileNumber::parse(&format!("07{n:08}")).expect("ten digits are a number")
}

/// A number with the PIN that is [its own](PIN).
#[must_use]
pub fn right(mobile: MobileNumber) -> Credentials {
    with_pin(mobile, PIN)
}

/// A number with a PIN that is not its own.
#[must_use]
pub fn wrong(mobile: MobileNumber) -> Credentials {
    with_pin(mobile, WRONG_PIN)
}

fn with_pin(mobile: MobileNumber, pin: &str) -> Credentials {
    Credentials { mobile, pin: Pin::parse(pin).expect("a PIN of the tests is one") }
}

/// Where a test's customers stand.
///
/// # Panics
/// Never: the name is one.
#[must_use]
pub fn terminal() -> TerminalName {
    TerminalName::parse("ATM-0001").expect("a terminal's name")
}

/// So many whole units of the currency.
#[must_use]
pub const fn rupees(whole: i64) -> Money {
    Money::from_minor(whole * 100)
}
