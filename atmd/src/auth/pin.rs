//! How a PIN becomes a hash: argon2id with a secret that is not in the database (RFC 9106), the number as
//! associated data, so that a hash copied to another account is worth nothing there.

use crate::ledger::book::PinHash;
use argon2::{Algorithm, Argon2, AssociatedData, Block, Params, ParamsBuilder, Version};
use atm_rpc::types::code::OneTimeCode;
use atm_rpc::types::mobile::MobileNumber;
use atm_rpc::types::pin::Pin;
use std::collections::BTreeMap;
use thiserror::Error;
use zeroize::Zeroizing;

/// The secrets that PINs are hashed with, by id; the highest id hashes new ones.
pub type Peppers = BTreeMap<i32, Zeroizing<[u8; 32]>>;

/// What a hash costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cost {
    /// argon2id's m, in KiB.
    pub memory_kib: u32,
    /// argon2id's t.
    pub iterations: u32,
}

/// Why a PIN cannot be hashed.
#[derive(Debug, Error)]
pub enum PinError {
    /// The secret it was hashed with is not there.
    #[error("the pepper with id {0} is missing")]
    MissingPepper(i32),
    /// The parameters are not ones that argon2id takes.
    #[error("argon2id refuses its parameters: {0}")]
    Parameters(argon2::Error),
    /// There are no random numbers.
    #[error("no random numbers: {0}")]
    Random(getrandom::Error),
}

/// What a customer shows: the PIN, or a one-time code in its place. One is never the other, because their lengths
/// differ.
#[derive(Clone)]
pub enum Shown {
    /// The PIN.
    Pin(Pin),
    /// The code.
    Code(OneTimeCode),
}

impl Shown {
    fn bytes(&self) -> &[u8] {
        match self {
            Self::Pin(pin) => pin.expose(),
            Self::Code(code) => code.expose(),
        }
    }
}

impl From<Pin> for Shown {
    fn from(pin: Pin) -> Self {
        Self::Pin(pin)
    }
}

impl From<OneTimeCode> for Shown {
    fn from(code: OneTimeCode) -> Self {
        Self::Code(code)
    }
}

/// Memory that one hash after another uses.
#[derive(Debug, Default)]
pub struct Memory(Vec<Block>);

/// Hashes a new PIN under a fresh salt.
///
/// # Errors
/// [`PinError`].
pub fn hash(
    peppers: &Peppers,
    cost: Cost,
    number: MobileNumber,
    shown: &Shown,
    memory: &mut Memory,
) -> Result<PinHash, PinError> {
    let mut salt = [0; 16];
    getrandom::fill(&mut salt).map_err(PinError::Random)?;
    let pepper = peppers.last_key_value().map_or(0, |(id, _)| *id);
    let mut made =
        PinHash { pepper, memory_kib: cost.memory_kib, iterations: cost.iterations, salt, hash: [0; 32] };
    made.hash = tag(peppers, &made, number, shown, memory)?;
    Ok(made)
}

/// Whether this is the PIN.
///
/// # Errors
/// [`PinError`].
pub fn verify(
    peppers: &Peppers,
    kept: &PinHash,
    number: MobileNumber,
    shown: &Shown,
    memory: &mut Memory,
) -> Result<bool, PinError> {
    let tag = tag(peppers, kept, number, shown, memory)?;
    Ok(blake3::Hash::from_bytes(tag) == blake3::Hash::from_bytes(kept.hash))
}

/// Whether a PIN should be hashed anew: its cost or secret is not the current one.
#[must_use]
pub fn is_outdated(peppers: &Peppers, cost: Cost, kept: &PinHash) -> bool {
    let current = peppers.last_key_value().map(|(id, _)| *id);
    current != Some(kept.pepper) || kept.memory_kib != cost.memory_kib || kept.iterations != cost.iterations
}

fn tag(
    peppers: &Peppers,
    kept: &PinHash,
    number: MobileNumber,
    shown: &Shown,
    memory: &mut Memory,
) -> Result<[u8; 32], PinError> {
    let pepper = peppers.get(&kept.pepper).ok_or(PinError::MissingPepper(kept.pepper))?;
    let number = Zeroizing::new(number.full());
    let data = AssociatedData::new(number.as_bytes()).map_err(PinError::Parameters)?;
    let params: Params = ParamsBuilder::new()
        .m_cost(kept.memory_kib)
        .t_cost(kept.iterations)
        .p_cost(1)
        .output_len(32)
        .data(data)
        .build()
        .map_err(PinError::Parameters)?;
    let blocks = params.block_count();
    if memory.0.len() < blocks {
        memory.0.resize(blocks, Block::default());
    }
    let argon2 = Argon2::new_with_secret(pepper.as_slice(), Algorithm::Argon2id, Version::V0x13, params)
        .map_err(PinError::Parameters)?;
    let mut tag = [0; 32];
    let blocks = memory.0.get_mut(..blocks).unwrap_or_default();
    argon2
        .hash_password_into_with_memory(shown.bytes(), &kept.salt, &mut tag, blocks)
        .map_err(PinError::Parameters)?;
    Ok(tag)
}

#[cfg(test)]
mod tests {
    use super::*;

    const COST: Cost = Cost { memory_kib: 64, iterations: 1 };

    fn peppers(ids: &[(i32, u8)]) -> Peppers {
        ids.iter().map(|(id, byte)| (*id, Zeroizing::new([*byte; 32]))).collect()
    }

    fn number(text: &str) -> MobileNumber {
        MobileNumber::parse(text).unwrap()
    }

    #[test]
    fn a_pin_is_verified_by_its_number_and_pepper_only() {
        let memory = &mut Memory::default();
        let (ours, theirs) = (number("0801234567"), number("0801234568"));
        let pin = |digits| Shown::from(Pin::parse(digits).unwrap());
        let (right, wrong) = (pin("28471"), pin("28472"));
        let keys = peppers(&[(1, 7)]);
        let kept = hash(&keys, COST, ours, &right, memory).unwrap();
        assert!(verify(&keys, &kept, ours, &right, memory).unwrap());
        assert!(!verify(&keys, &kept, ours, &wrong, memory).unwrap());
        assert!(!verify(&keys, &kept, theirs, &right, memory).unwrap(), "copied to another account");
        assert!(!verify(&peppers(&[(1, 8)]), &kept, ours, &right, memory).unwrap(), "another pepper");
        assert!(matches!(
            verify(&peppers(&[(2, 7)]), &kept, ours, &right, memory),
            Err(PinError::MissingPepper(1))
        ));
    }

    #[test]
    fn a_pin_is_hashed_anew_when_cost_or_pepper_change() {
        let memory = &mut Memory::default();
        let pin = Shown::from(Pin::parse("28471").unwrap());
        let kept = hash(&peppers(&[(1, 7)]), COST, number("0801234567"), &pin, memory).unwrap();
        assert!(!is_outdated(&peppers(&[(1, 7)]), COST, &kept));
        assert!(is_outdated(&peppers(&[(1, 7), (2, 9)]), COST, &kept));
        assert!(is_outdated(&peppers(&[(1, 7)]), Cost { iterations: 2, ..COST }, &kept));
        let both = peppers(&[(1, 7), (2, 9)]);
        assert!(
            verify(&both, &kept, number("0801234567"), &pin, memory).unwrap(),
            "old peppers still verify"
        );
    }
}
