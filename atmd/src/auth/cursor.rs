//! Where a page of accounts ended, for who asks for the next one.
//!
//! Accounts stand in the order of their numbers, so their place is the number; and somebody who may not see numbers
//! gets pages, too. So the place is encrypted: under a pad that follows from a hash over it (as RFC 5297 does), which
//! also shows what was not made here.

use atm_rpc::types::account::AccountId;
use std::fmt::Write as _;
use zeroize::Zeroizing;

/// Encrypts places.
pub struct Cursors {
    key: Zeroizing<[u8; 32]>,
}

impl std::fmt::Debug for Cursors {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Cursors")
    }
}

impl Cursors {
    /// With a key derived from a secret.
    #[must_use]
    pub fn new(secret: &[u8; 32]) -> Self {
        Self {
            key: Zeroizing::new(blake3::derive_key("atmd 2026-11-22 place in a list of accounts", secret)),
        }
    }

    /// The place after an account.
    #[must_use]
    pub fn after(&self, account: AccountId) -> String {
        let place = account.raw().to_be_bytes();
        let mark: [u8; 16] = self.hash(b"mark", &place);
        let pad: [u8; 8] = self.hash(b"pad", &mark);
        let mut text = String::with_capacity(48);
        for byte in mark.into_iter().chain(xor(place, pad)) {
            // Writing to a string does not fail.
            let _ = write!(text, "{byte:02x}");
        }
        text
    }

    /// The account that [`after`](Self::after) was given, or `None` where it did not give this.
    #[must_use]
    pub fn account(&self, cursor: &str) -> Option<AccountId> {
        let mut bytes = [0; 24];
        if cursor.len() != 2 * bytes.len() || !cursor.is_ascii() {
            return None;
        }
        for (at, byte) in bytes.iter_mut().enumerate() {
            *byte = u8::from_str_radix(cursor.get(2 * at..2 * at + 2)?, 16).ok()?;
        }
        let (mark, hidden) = bytes.split_at(16);
        let place = xor(hidden.try_into().ok()?, self.hash(b"pad", mark));
        let made: [u8; 16] = self.hash(b"mark", &place);
        (made == *mark).then(|| AccountId::from_raw(i64::from_be_bytes(place))).flatten()
    }

    fn hash<const N: usize>(&self, what: &[u8], of: &[u8]) -> [u8; N] {
        let mut hash = [0; N];
        blake3::Hasher::new_keyed(&self.key).update(what).update(of).finalize_xof().fill(&mut hash);
        hash
    }
}

fn xor(place: [u8; 8], pad: [u8; 8]) -> [u8; 8] {
    std::array::from_fn(|at| place[at] ^ pad[at])
}

#[cfg(test)]
mod tests {
    use super::*;
    use atm_rpc::types::mobile::MobileNumber;

    #[test]
    fn only_its_own_places_are_taken() {
        let cursors = Cursors::new(&[7; 32]);
        let account = |text| AccountId::of(MobileNumber::parse(text).unwrap());
        let (a, b) = (account("0801234567"), account("0801234568"));
        let cursor = cursors.after(a);
        assert_eq!((cursors.account(&cursor), cursors.account(&cursors.after(b))), (Some(a), Some(b)));
        assert_eq!(cursors.after(a), cursor, "the same after a restart");
        assert!(!cursor.contains(&format!("{:x}", a.raw())));
        for at in 0..cursor.len() {
            let digit = if cursor.as_bytes()[at] == b'0' { "1" } else { "0" };
            let other = [&cursor[..at], digit, &cursor[at + 1..]].concat();
            assert_eq!(cursors.account(&other), None, "{other}");
        }
        for other in ["", "0", &cursor[2..], "+1".repeat(24).as_str(), "é".repeat(24).as_str()] {
            assert_eq!(cursors.account(other), None, "{other}");
        }
        assert_eq!(Cursors::new(&[8; 32]).account(&cursor), None);
    }
}
