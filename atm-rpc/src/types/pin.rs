//! PINs: five digits that live in memory that is wiped, and are never printed.

use super::mobile::MobileNumber;
use serde::{Deserialize, Serialize};
use thiserror::Error;
use zeroize::{Zeroize, ZeroizeOnDrop};

/// How many digits a PIN has.
pub const DIGITS: usize = 5;

/// A PIN. It is wiped when dropped, and has no `Debug`, `Display` or `Serialize` on purpose;
/// only [`crate::customer::Credentials`] and its kin carry it over the wire.
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct Pin([u8; DIGITS]);

impl Pin {
    /// Reads exactly five ASCII digits.
    ///
    /// # Errors
    /// [`NotAPin`] for anything else; the error does not repeat the text.
    pub fn parse(text: &str) -> Result<Self, NotAPin> {
        let digits: [u8; DIGITS] = text.as_bytes().try_into().map_err(|_| NotAPin)?;
        if !digits.iter().all(u8::is_ascii_digit) {
            return Err(NotAPin);
        }
        Ok(Self(digits))
    }

    /// The ASCII digits, for the hash and the wire.
    #[must_use]
    pub const fn expose(&self) -> &[u8; DIGITS] {
        &self.0
    }

    /// Why this PIN is too easy to guess for that number, if it is.
    #[must_use]
    pub fn weakness(&self, number: MobileNumber) -> Option<WeakPin> {
        let steps: [i16; DIGITS - 1] =
            std::array::from_fn(|i| i16::from(self.0[i + 1]) - i16::from(self.0[i]));
        if steps.iter().all(|step| *step == 0) {
            return Some(WeakPin::OneDigitRepeated);
        }
        if steps.iter().all(|step| *step == 1) || steps.iter().all(|step| *step == -1) {
            return Some(WeakPin::Run);
        }
        let number = zeroize::Zeroizing::new(number.full());
        number.as_bytes().windows(DIGITS).any(|part| part == self.0).then_some(WeakPin::PartOfNumber)
    }
}

/// The text is not a PIN.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("a PIN is exactly 5 digits")]
pub struct NotAPin;

/// Why a PIN is refused when it is chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WeakPin {
    /// Such as 11111.
    #[error("one digit repeated is too easy to guess")]
    OneDigitRepeated,
    /// Such as 12345 or 98765.
    #[error("a run of digits is too easy to guess")]
    Run,
    /// Five digits in a row of the mobile number.
    #[error("digits of your own number are too easy to guess")]
    PartOfNumber,
}

/// Carries a PIN inside the requests that need one: `#[serde(with = "on_wire")]`.
pub(crate) mod on_wire {
    use super::Pin;
    use serde::{Deserialize, Deserializer, Serializer, de::Error};
    use zeroize::Zeroizing;

    pub(crate) fn serialize<S: Serializer>(pin: &Pin, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(std::str::from_utf8(pin.expose()).unwrap_or_default())
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Pin, D::Error> {
        let text = Zeroizing::new(String::deserialize(deserializer)?);
        Pin::parse(&text).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_five_digits_only() {
        assert!(Pin::parse("00000").is_ok());
        for bad in ["", "1234", "123456", "1234a", "12 45", " 1234", "१२३४५"] {
            assert!(Pin::parse(bad) == Err(NotAPin), "{bad:?}");
        }
    }

    #[test]
    fn says_why_a_pin_is_weak() {
        let table = [
            ("11111", "0801234567", Some(WeakPin::OneDigitRepeated)),
            ("12345", "0999999999", Some(WeakPin::Run)),
            ("01234", "0999999999", Some(WeakPin::Run)),
            ("98765", "0111111111", Some(WeakPin::Run)),
            ("08012", "0801234567", Some(WeakPin::PartOfNumber)),
            ("90123", "0801234567", None),
            ("28471", "0801234567", None),
            ("13579", "0801234567", None),
        ];
        for (pin, number, expected) in table {
            let (Ok(pin), Ok(number)) = (Pin::parse(pin), MobileNumber::parse(number)) else {
                continue;
            };
            assert_eq!(pin.weakness(number), expected);
        }
    }
}
