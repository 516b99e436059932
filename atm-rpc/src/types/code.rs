//! One-time codes: what the bank gives a customer who chooses a PIN without knowing the old one.

use thiserror::Error;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

/// How many symbols a code has: 60 random bits.
pub const SYMBOLS: usize = 12;
/// Symbols that stand together where a code is shown.
const GROUP: usize = 4;
/// Digits and letters without those that are taken for others (Crockford's base 32).
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// A one-time code. It is wiped when dropped, and has no `Debug`, `Display` or `Serialize` on purpose: it is shown
/// once, by [`grouped`](Self::grouped), and only [`crate::customer::Redemption`] carries it over the wire.
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct OneTimeCode([u8; SYMBOLS]);

impl OneTimeCode {
    /// A code from random bytes; three bits of each are not used.
    #[must_use]
    pub fn from_random(random: &[u8; SYMBOLS]) -> Self {
        Self(random.map(|byte| ALPHABET[usize::from(byte % 32)]))
    }

    /// Reads a code as people type it: in any case, with or without dashes and spaces, O for 0, I and L for 1.
    ///
    /// # Errors
    /// [`NotACode`]; the error does not repeat the text.
    pub fn parse(text: &str) -> Result<Self, NotACode> {
        let mut symbols = Zeroizing::new([0; SYMBOLS]);
        let mut length = 0;
        for typed in text.bytes().filter(|byte| !matches!(byte, b'-' | b' ')) {
            let symbol = match typed.to_ascii_uppercase() {
                b'O' => b'0',
                b'I' | b'L' => b'1',
                symbol => symbol,
            };
            let place = symbols.get_mut(length).ok_or(NotACode)?;
            *place = ALPHABET.contains(&symbol).then_some(symbol).ok_or(NotACode)?;
            length += 1;
        }
        if length == SYMBOLS { Ok(Self(*symbols)) } else { Err(NotACode) }
    }

    /// The ASCII symbols, for the hash and the wire.
    #[must_use]
    pub const fn expose(&self) -> &[u8; SYMBOLS] {
        &self.0
    }

    /// The code as it is shown: `7K2M-Q9XD-3HRT`.
    #[must_use]
    pub fn grouped(&self) -> Zeroizing<String> {
        let mut text = Zeroizing::new(String::with_capacity(SYMBOLS + SYMBOLS / GROUP));
        for (at, symbol) in self.0.iter().enumerate() {
            if at > 0 && at % GROUP == 0 {
                text.push('-');
            }
            text.push(char::from(*symbol));
        }
        text
    }
}

/// The text is not a one-time code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("a one-time code is 12 letters and digits, such as 7K2M-Q9XD-3HRT")]
pub struct NotACode;

/// Carries a code inside the request that needs one: `#[serde(with = "on_wire")]`.
pub(crate) mod on_wire {
    use super::OneTimeCode;
    use serde::{Deserialize, Deserializer, Serializer, de::Error};
    use zeroize::Zeroizing;

    pub(crate) fn serialize<S: Serializer>(code: &OneTimeCode, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(std::str::from_utf8(code.expose()).unwrap_or_default())
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<OneTimeCode, D::Error> {
        let text = Zeroizing::new(String::deserialize(deserializer)?);
        OneTimeCode::parse(&text).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_read_as_people_type_it() {
        let Ok(code) = OneTimeCode::parse("7K2M-Q0XD-1HRT") else { panic!("it is one") };
        for text in ["7K2MQ0XD1HRT", "7k2m-q0xd-1hrt", " 7K2M QOXD IHRT ", "7k2m-qoxd-lhrt"] {
            assert!(OneTimeCode::parse(text) == Ok(code.clone()), "{text}");
        }
        assert_eq!(code.grouped().as_str(), "7K2M-Q0XD-1HRT");
        for text in
            ["", "7K2M-Q0XD-1HR", "7K2M-Q0XD-1HRTX", "7K2M-Q0XD-1HRU", "7K2M_Q0XD_1HRT", "१२३४५६७८९०१२"]
        {
            assert!(OneTimeCode::parse(text) == Err(NotACode), "{text}");
        }
    }

    #[test]
    fn random_bytes_give_each_symbol_alike() {
        let mut counts = std::collections::HashMap::new();
        for byte in 0..=u8::MAX {
            let code = OneTimeCode::from_random(&[byte; SYMBOLS]);
            assert!(OneTimeCode::parse(&code.grouped()) == Ok(code.clone()));
            *counts.entry(code.expose()[0]).or_insert(0) += 1;
        }
        assert_eq!(counts.len(), 32);
        assert!(counts.values().all(|count| *count == 8));
    }
}
