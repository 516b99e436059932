//! The hash that tells whether two requests under one key are the same.
//!
//! It is keyed, because a request may hold a PIN, and five digits behind a plain hash are soon found.

use crate::ledger::entry::PayloadHash;
use atm_rpc::types::account::AccountId;
use atm_rpc::types::code::OneTimeCode;
use atm_rpc::types::money::Money;
use atm_rpc::types::pin::Pin;
use zeroize::Zeroizing;

/// What a request asks for.
pub enum Payload<'a> {
    /// A withdrawal.
    Withdraw(Money),
    /// A deposit.
    Deposit(Money),
    /// A registration with that PIN.
    Register(&'a Pin),
    /// A change from one PIN to another.
    ChangePin(&'a Pin, &'a Pin),
    /// A PIN chosen by a one-time code.
    Redeem(&'a OneTimeCode, &'a Pin),
}

/// Makes hashes of requests.
pub struct PayloadHasher {
    key: Zeroizing<[u8; 32]>,
}

impl std::fmt::Debug for PayloadHasher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PayloadHasher")
    }
}

impl PayloadHasher {
    /// A hasher with a key derived from a secret.
    #[must_use]
    pub fn new(secret: &[u8; 32]) -> Self {
        Self {
            key: Zeroizing::new(blake3::derive_key("atmd 2026-11-22 hash of a request's payload", secret)),
        }
    }

    /// The hash of what a customer asks for.
    #[must_use]
    pub fn hash(&self, who: AccountId, payload: &Payload<'_>) -> PayloadHash {
        let mut hasher = blake3::Hasher::new_keyed(&self.key);
        hasher.update(&who.raw().to_le_bytes());
        match payload {
            Payload::Withdraw(amount) => hasher.update(b"w").update(&amount.minor().to_le_bytes()),
            Payload::Deposit(amount) => hasher.update(b"d").update(&amount.minor().to_le_bytes()),
            Payload::Register(pin) => hasher.update(b"r").update(pin.expose()),
            Payload::ChangePin(current, new) => {
                hasher.update(b"c").update(current.expose()).update(new.expose())
            }
            Payload::Redeem(code, new) => hasher.update(b"o").update(code.expose()).update(new.expose()),
        };
        let mut hash = [0; 16];
        hash.copy_from_slice(&hasher.finalize().as_bytes()[..16]);
        hash
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use atm_rpc::types::mobile::MobileNumber;

    #[test]
    fn different_requests_have_different_hashes() {
        let hasher = PayloadHasher::new(&[7; 32]);
        let account = |text| AccountId::of(MobileNumber::parse(text).unwrap());
        let (a, b) = (account("0801234567"), account("0801234568"));
        let (p, q) = (Pin::parse("28471").unwrap(), Pin::parse("28472").unwrap());
        let code = OneTimeCode::from_random(&[9; 12]);
        let hashes: std::collections::HashSet<_> = [
            hasher.hash(a, &Payload::Withdraw(Money::from_minor(1))),
            hasher.hash(a, &Payload::Withdraw(Money::from_minor(2))),
            hasher.hash(b, &Payload::Withdraw(Money::from_minor(1))),
            hasher.hash(a, &Payload::Deposit(Money::from_minor(1))),
            hasher.hash(a, &Payload::Register(&p)),
            hasher.hash(a, &Payload::Register(&q)),
            hasher.hash(a, &Payload::ChangePin(&p, &q)),
            hasher.hash(a, &Payload::ChangePin(&q, &p)),
            hasher.hash(a, &Payload::Redeem(&code, &p)),
            hasher.hash(a, &Payload::Redeem(&code, &q)),
            PayloadHasher::new(&[8; 32]).hash(a, &Payload::Register(&p)),
        ]
        .into();
        assert_eq!(hashes.len(), 11);
    }
}
