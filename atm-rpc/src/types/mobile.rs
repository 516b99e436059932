//! Mobile numbers: 5 to 15 ASCII digits, where a leading zero is part of the number.

use serde::{Deserialize, Serialize};
use std::fmt;
use thiserror::Error;

/// The fewest digits of a number.
pub const DIGITS_MIN: usize = 5;
/// The most digits of a number (ITU-T E.164).
pub const DIGITS_MAX: usize = 15;

/// A customer's mobile number.
///
/// It has no `Display`, and its `Debug` is masked, so that it reaches a log only where somebody
/// wrote [`full`](Self::full). Held as one integer, the digits behind a leading 1, which keeps
/// leading zeros and makes it a key that every database stores alike.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct MobileNumber(i64);

impl MobileNumber {
    /// Reads 5 to 15 ASCII digits.
    ///
    /// # Errors
    /// [`NotAMobileNumber`] for anything else, spaces and a leading `+` included.
    pub fn parse(text: &str) -> Result<Self, NotAMobileNumber> {
        let fits = (DIGITS_MIN..=DIGITS_MAX).contains(&text.len());
        if !fits || !text.bytes().all(|b| b.is_ascii_digit()) {
            return Err(NotAMobileNumber);
        }
        Ok(Self(text.bytes().fold(1, |n, digit| n * 10 + i64::from(digit - b'0'))))
    }

    /// The number as one integer: its digits behind a leading 1.
    #[must_use]
    pub const fn packed(self) -> i64 {
        self.0
    }

    /// The number that [`packed`](Self::packed) gave, or `None` where no number packs to that.
    #[must_use]
    pub fn from_packed(packed: i64) -> Option<Self> {
        packed.to_string().strip_prefix('1').and_then(|digits| Self::parse(digits).ok())
    }

    /// All digits. For the customer's own eyes and for ledgers, not for logs.
    #[must_use]
    pub fn full(self) -> String {
        self.0.to_string().split_off(1)
    }

    /// The last digits behind asterisks: four of a long number, two of a short one.
    #[must_use]
    pub fn masked(self) -> String {
        let digits = self.full();
        let shown = if digits.len() >= 8 { 4 } else { 2 };
        let hidden = digits.len() - shown;
        format!("{}{}", "*".repeat(hidden), &digits[hidden..])
    }
}

impl fmt::Debug for MobileNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.masked())
    }
}

impl TryFrom<String> for MobileNumber {
    type Error = NotAMobileNumber;
    fn try_from(text: String) -> Result<Self, NotAMobileNumber> {
        Self::parse(&text)
    }
}

impl From<MobileNumber> for String {
    fn from(number: MobileNumber) -> Self {
        number.full()
    }
}

impl std::str::FromStr for MobileNumber {
    type Err = NotAMobileNumber;
    fn from_str(text: &str) -> Result<Self, NotAMobileNumber> {
        Self::parse(text)
    }
}

/// The text is not a mobile number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("a mobile number is 5 to 15 digits without spaces or signs, such as 0801234567")]
pub struct NotAMobileNumber;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_digits_and_keeps_leading_zeros() {
        for good in ["00000", "12345", "0801234567", "999999999999999", "000000000000000"] {
            let number = MobileNumber::parse(good);
            assert_eq!(number.map(MobileNumber::full).as_deref(), Ok(good));
            assert_eq!(number.ok().and_then(|n| MobileNumber::from_packed(n.packed())), number.ok());
        }
    }

    #[test]
    fn refuses_all_else() {
        for bad in
            ["", "1234", "1234567890123456", "+911234567", "12 345", "12345\n", "१२३४५", "abcde", "12.45"]
        {
            assert_eq!(MobileNumber::parse(bad), Err(NotAMobileNumber), "{bad:?}");
        }
        for bad in [0, 1, 5, 11_234, 212_345, -112_345, i64::MAX, i64::MIN] {
            assert_eq!(MobileNumber::from_packed(bad), None, "{bad}");
        }
    }

    #[test]
    fn different_numbers_pack_differently() {
        let packed: std::collections::HashSet<_> = ["12345", "012345", "0012345", "112345"]
            .iter()
            .filter_map(|text| MobileNumber::parse(text).ok())
            .map(MobileNumber::packed)
            .collect();
        assert_eq!(packed.len(), 4);
    }

    #[test]
    fn is_masked_where_it_could_be_logged() {
        let table = [("0801234567", "******4567"), ("12345", "***45"), ("12345678", "****5678")];
        for (text, masked) in table {
            let number = MobileNumber::parse(text);
            assert_eq!(number.map(MobileNumber::masked).as_deref(), Ok(masked));
            assert_eq!(format!("{:?}", number.ok()), format!("Some({masked})"));
        }
    }
}
