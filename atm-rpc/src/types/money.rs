//! Amounts of money in integer minor units, and the currency that says how to print them.
#![deny(clippy::float_arithmetic)]

use serde::{Deserialize, Serialize};
use std::fmt;
use thiserror::Error;

/// An amount in minor units of the bank's currency (paise, cents). Never a float.
///
/// Balances may be negative in principle (system accounts); amounts that move are above zero.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Money(i64);

impl Money {
    /// No money.
    pub const ZERO: Self = Self(0);

    /// An amount of so many minor units.
    #[must_use]
    pub const fn from_minor(minor: i64) -> Self {
        Self(minor)
    }

    /// The number of minor units.
    #[must_use]
    pub const fn minor(self) -> i64 {
        self.0
    }

    /// The sum, or `None` where it does not fit.
    #[must_use]
    pub fn checked_add(self, other: Self) -> Option<Self> {
        self.0.checked_add(other.0).map(Self)
    }

    /// The difference, or `None` where it does not fit.
    #[must_use]
    pub fn checked_sub(self, other: Self) -> Option<Self> {
        self.0.checked_sub(other.0).map(Self)
    }

    /// The largest multiple of `step` that is not above this amount; zero where there is none.
    #[must_use]
    pub fn round_down_to(self, step: Self) -> Self {
        if step.0 <= 0 || self.0 <= 0 {
            return Self(self.0.max(0));
        }
        Self(self.0 - self.0 % step.0)
    }

    /// Reads `100`, `100.5` or `100.50`, as many decimals as the currency has at the most.
    ///
    /// Refused: signs, exponents, separators of thousands, spaces, more decimals, nothing at all,
    /// and what does not fit.
    ///
    /// # Errors
    /// [`MoneyError`] names what is wrong with the text.
    pub fn parse(text: &str, currency: Currency) -> Result<Self, MoneyError> {
        if text.is_empty() {
            return Err(MoneyError::Empty);
        }
        if text.len() > 32 {
            return Err(MoneyError::TooLarge);
        }
        let (whole, decimals) = match text.split_once('.') {
            Some((whole, decimals)) => (whole, Some(decimals)),
            None => (text, None),
        };
        if whole.is_empty() || !whole.bytes().all(|b| b.is_ascii_digit()) {
            return Err(MoneyError::NotAnAmount(currency.example()));
        }
        let decimals = match decimals {
            Some(d) if d.is_empty() || !d.bytes().all(|b| b.is_ascii_digit()) => {
                return Err(MoneyError::NotAnAmount(currency.example()));
            }
            Some(d) if d.len() > usize::from(currency.exponent) => {
                return Err(MoneyError::TooManyDecimals(currency.exponent));
            }
            other => other.unwrap_or_default(),
        };
        let padding = usize::from(currency.exponent) - decimals.len();
        let mut minor: i64 = 0;
        for digit in whole.bytes().chain(decimals.bytes()).chain(std::iter::repeat_n(b'0', padding)) {
            minor = minor
                .checked_mul(10)
                .and_then(|m| m.checked_add(i64::from(digit - b'0')))
                .ok_or(MoneyError::TooLarge)?;
        }
        Ok(Self(minor))
    }

    /// The amount with all decimals of the currency, without its code: `400.00`, `0.00`, `-5.00`.
    #[must_use]
    pub fn display(self, currency: Currency) -> MoneyDisplay {
        currency.display(i128::from(self.0))
    }
}

/// An amount on its way to text. Made by [`Money::display`] and [`Currency::display`].
#[derive(Clone, Copy, Debug)]
pub struct MoneyDisplay {
    minor: i128,
    exponent: u8,
}

impl fmt::Display for MoneyDisplay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.minor < 0 { "-" } else { "" };
        let magnitude = self.minor.unsigned_abs();
        let text = match self.exponent {
            0 => format!("{sign}{magnitude}"),
            exponent => {
                let unit = 10_u128.pow(u32::from(exponent));
                let width = usize::from(exponent);
                format!("{sign}{}.{:0width$}", magnitude / unit, magnitude % unit)
            }
        };
        f.pad(&text)
    }
}

/// A currency: its ISO 4217 code and the number of decimals of its minor unit.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Currency {
    code: [u8; 3],
    exponent: u8,
}

/// ISO 4217 currencies whose minor unit is not a hundredth.
const EXPONENTS: &[(&str, u8)] = &[
    ("BHD", 3),
    ("BIF", 0),
    ("CLP", 0),
    ("DJF", 0),
    ("GNF", 0),
    ("IQD", 3),
    ("ISK", 0),
    ("JOD", 3),
    ("JPY", 0),
    ("KMF", 0),
    ("KRW", 0),
    ("KWD", 3),
    ("LYD", 3),
    ("OMR", 3),
    ("PYG", 0),
    ("RWF", 0),
    ("TND", 3),
    ("UGX", 0),
    ("UYI", 0),
    ("VND", 0),
    ("VUV", 0),
    ("XAF", 0),
    ("XOF", 0),
    ("XPF", 0),
];

impl Currency {
    /// The Indian rupee, the bank's currency unless its configuration names another.
    pub const INR: Self = Self { code: *b"INR", exponent: 2 };

    /// Reads a code of three capital letters; the decimals follow from ISO 4217.
    ///
    /// # Errors
    /// [`MoneyError::NotACurrency`] when the text is not of that form.
    pub fn parse(code: &str) -> Result<Self, MoneyError> {
        let bytes: [u8; 3] = code.as_bytes().try_into().map_err(|_| MoneyError::NotACurrency)?;
        if !bytes.iter().all(u8::is_ascii_uppercase) {
            return Err(MoneyError::NotACurrency);
        }
        let exponent =
            EXPONENTS.iter().find(|(known, _)| *known == code).map_or(2, |(_, exponent)| *exponent);
        Ok(Self { code: bytes, exponent })
    }

    /// The code, such as `INR`.
    #[must_use]
    pub fn code(&self) -> &str {
        std::str::from_utf8(&self.code).unwrap_or("???")
    }

    /// How many decimals an amount has.
    #[must_use]
    pub const fn exponent(&self) -> u8 {
        self.exponent
    }

    /// So many minor units as [`Money::display`] shows them. A sum of amounts may be more than an amount can be.
    #[must_use]
    pub const fn display(self, minor: i128) -> MoneyDisplay {
        MoneyDisplay { minor, exponent: self.exponent }
    }

    fn example(self) -> String {
        Money(10_i64.pow(u32::from(self.exponent)) * 100).display(self).to_string()
    }
}

impl TryFrom<String> for Currency {
    type Error = MoneyError;
    fn try_from(code: String) -> Result<Self, MoneyError> {
        Self::parse(&code)
    }
}

impl From<Currency> for String {
    fn from(currency: Currency) -> Self {
        currency.code().to_owned()
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl fmt::Debug for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

/// Why a text is not an amount or not a currency.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum MoneyError {
    /// Nothing was given.
    #[error("no amount was given")]
    Empty,
    /// Something else than digits and one point.
    #[error("an amount is digits with at most one decimal point, such as {0}")]
    NotAnAmount(String),
    /// More decimals than the currency has.
    #[error("this currency has {0} decimals, not more")]
    TooManyDecimals(u8),
    /// The number does not fit.
    #[error("the amount is too large")]
    TooLarge,
    /// Not an ISO 4217 code.
    #[error("a currency is an ISO 4217 code of three capital letters, such as INR")]
    NotACurrency,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn currency(code: &str) -> Currency {
        Currency::parse(code).unwrap_or(Currency::INR)
    }

    #[test]
    fn parses_what_a_person_would_type_and_refuses_the_rest() {
        let not = || Err(MoneyError::NotAnAmount("100.00".into()));
        let table: &[(&str, &str, Result<i64, MoneyError>)] = &[
            ("INR", "100", Ok(10_000)),
            ("INR", "100.5", Ok(10_050)),
            ("INR", "100.50", Ok(10_050)),
            ("INR", "0", Ok(0)),
            ("INR", "0.01", Ok(1)),
            ("INR", "007", Ok(700)),
            ("INR", "92233720368547758.07", Ok(i64::MAX)),
            ("INR", "92233720368547758.08", Err(MoneyError::TooLarge)),
            ("INR", "999999999999999999999999999999999999", Err(MoneyError::TooLarge)),
            ("INR", "", Err(MoneyError::Empty)),
            ("INR", "100.505", Err(MoneyError::TooManyDecimals(2))),
            ("INR", "-1", not()),
            ("INR", "+1", not()),
            ("INR", "1e3", not()),
            ("INR", "nan", not()),
            ("INR", "1,000", not()),
            ("INR", "1 000", not()),
            ("INR", " 1", not()),
            ("INR", ".5", not()),
            ("INR", "5.", not()),
            ("INR", "1.2.3", not()),
            ("INR", "१००", not()),
            ("JPY", "100", Ok(100)),
            ("JPY", "100.5", Err(MoneyError::TooManyDecimals(0))),
            ("KWD", "1.5", Ok(1_500)),
        ];
        for (code, text, expected) in table {
            let got = Money::parse(text, currency(code)).map(Money::minor);
            assert_eq!(&got, expected, "{code} {text:?}");
        }
    }

    #[test]
    fn prints_all_decimals() {
        let table = [
            ("INR", 0, "0.00"),
            ("INR", 5, "0.05"),
            ("INR", -500, "-5.00"),
            ("INR", i64::MAX, "92233720368547758.07"),
            ("INR", i64::MIN, "-92233720368547758.08"),
            ("JPY", 100, "100"),
            ("KWD", 1_500, "1.500"),
        ];
        for (code, minor, expected) in table {
            assert_eq!(Money::from_minor(minor).display(currency(code)).to_string(), expected);
        }
        let sum = i128::from(i64::MAX) * 10;
        assert_eq!(currency("INR").display(sum).to_string(), "922337203685477580.70");
    }

    #[test]
    fn a_currency_is_three_capitals() {
        for bad in ["", "inr", "RUPEE", "IN1", "IN"] {
            assert_eq!(Currency::parse(bad), Err(MoneyError::NotACurrency), "{bad:?}");
        }
        assert_eq!(currency("JPY").exponent(), 0);
    }

    #[test]
    fn rounds_down_to_what_can_be_paid() {
        let table = [(2_550, 1_000, 2_000), (999, 1_000, 0), (3_000, 1_000, 3_000), (-5, 10, 0), (7, 0, 7)];
        for (amount, step, expected) in table {
            assert_eq!(Money(amount).round_down_to(Money(step)), Money(expected));
        }
    }
}
