//! Encryption of a backup's body: a key made of the passphrase by argon2id, and the bytes in parts of 64 KiB by
//! ChaCha20-Poly1305, as the STREAM construction has it (<https://eprint.iacr.org/2015/189>): the nonce counts the parts
//! and says which is the last, so none can be changed, moved, left out or added.

use argon2::{Algorithm, Argon2, Params, Version};
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

/// Bytes of a part before it is encrypted.
pub(crate) const PART: usize = 64 * 1024;
/// Bytes that encryption adds to a part.
pub(crate) const TAG: usize = 16;
const SALT: usize = 16;
/// What argon2id takes today: 64 MiB, three times.
const MEMORY_KIB: u32 = 64 * 1024;
const ITERATIONS: u32 = 3;
/// What a file may ask for, whoever made it.
const MEMORY_KIB_MAX: u32 = 1024 * 1024;
const ITERATIONS_MAX: u32 = 16;

/// How the body of a backup is encrypted, as its head tells.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Encryption {
    /// `chacha20-poly1305`, in parts of 64 KiB.
    cipher: String,
    /// `argon2id`.
    kdf: String,
    memory_kib: u32,
    iterations: u32,
    /// In hexadecimal.
    salt: String,
}

impl Encryption {
    /// One with a salt of its own.
    pub(crate) fn new() -> Result<Self, getrandom::Error> {
        let mut salt = [0; SALT];
        getrandom::fill(&mut salt)?;
        Ok(Self {
            cipher: "chacha20-poly1305".to_owned(),
            kdf: "argon2id".to_owned(),
            memory_kib: MEMORY_KIB,
            iterations: ITERATIONS,
            salt: salt.iter().map(|byte| format!("{byte:02x}")).collect(),
        })
    }

    /// The key that a passphrase gives, bound to the head. `None`: this version does not know how.
    pub(crate) fn key(&self, passphrase: &[u8], head: blake3::Hash) -> Option<Sealing> {
        let known = self.cipher == "chacha20-poly1305"
            && self.kdf == "argon2id"
            && self.memory_kib <= MEMORY_KIB_MAX
            && self.iterations <= ITERATIONS_MAX;
        let digits = self
            .salt
            .as_bytes()
            .chunks_exact(2)
            .map(|digits| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok());
        let salt = digits.collect::<Option<Vec<u8>>>().filter(|salt| known && salt.len() == SALT)?;
        let params = Params::new(self.memory_kib, self.iterations, 1, Some(32)).ok()?;
        let mut key = Zeroizing::new([0; 32]);
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        argon2.hash_password_into(passphrase, &salt, key.as_mut_slice()).ok()?;
        let key = UnboundKey::new(&CHACHA20_POLY1305, key.as_slice()).ok()?;
        Some(Sealing { key: LessSafeKey::new(key), head, next: 0 })
    }
}

/// Whether more parts come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Inside,
    Last,
}

/// A key and the number of the next part.
pub(crate) struct Sealing {
    key: LessSafeKey,
    head: blake3::Hash,
    next: u64,
}

impl Sealing {
    fn nonce(&mut self, place: Place) -> Nonce {
        let mut nonce = [0; NONCE_LEN];
        nonce[3..11].copy_from_slice(&self.next.to_be_bytes());
        nonce[11] = u8::from(place == Place::Last);
        self.next += 1;
        Nonce::assume_unique_for_key(nonce)
    }

    /// Encrypts the next part where it stands. `None` where it is too long.
    pub(crate) fn seal(&mut self, part: &mut Vec<u8>, place: Place) -> Option<()> {
        let (nonce, aad) = (self.nonce(place), Aad::from(*self.head.as_bytes()));
        self.key.seal_in_place_append_tag(nonce, aad, part).ok()
    }

    /// Decrypts the next part where it stands. `None` where it is not what was encrypted with this key.
    pub(crate) fn open(&mut self, part: &mut Vec<u8>, place: Place) -> Option<()> {
        let (nonce, aad) = (self.nonce(place), Aad::from(*self.head.as_bytes()));
        let length = self.key.open_in_place(nonce, aad, part).ok()?.len();
        part.truncate(length);
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quick() -> Encryption {
        Encryption { memory_kib: 64, iterations: 1, ..Encryption::new().unwrap() }
    }

    fn sealed(encryption: &Encryption, parts: &[&[u8]]) -> Vec<Vec<u8>> {
        let mut sealing = encryption.key(b"correct horse", blake3::hash(b"head")).unwrap();
        let seal = |(place, part): (usize, &&[u8])| {
            let mut part = part.to_vec();
            let place = if place + 1 == parts.len() { Place::Last } else { Place::Inside };
            sealing.seal(&mut part, place).unwrap();
            part
        };
        parts.iter().enumerate().map(seal).collect()
    }

    fn opened(sealing: &mut Sealing, parts: &[Vec<u8>]) -> Option<Vec<Vec<u8>>> {
        let open = |(place, part): (usize, &Vec<u8>)| {
            let mut part = part.clone();
            let place = if place + 1 == parts.len() { Place::Last } else { Place::Inside };
            sealing.open(&mut part, place).map(|()| part)
        };
        parts.iter().enumerate().map(open).collect()
    }

    #[test]
    fn parts_open_in_their_order_with_their_passphrase_and_head() {
        let encryption = quick();
        let parts = sealed(&encryption, &[b"one", b"two", b"three"]);
        let with = |passphrase: &[u8], head: &[u8], parts: &[Vec<u8>]| {
            opened(&mut encryption.key(passphrase, blake3::hash(head)).unwrap(), parts)
        };
        let right = |parts: &[Vec<u8>]| with(b"correct horse", b"head", parts);
        assert_eq!(right(&parts).unwrap(), [b"one".to_vec(), b"two".to_vec(), b"three".to_vec()]);
        assert!(with(b"wrong horse", b"head", &parts).is_none());
        assert!(with(b"correct horse", b"Head", &parts).is_none());
        let [one, two, three] = [&parts[0], &parts[1], &parts[2]].map(Clone::clone);
        assert!(right(&[two.clone(), one.clone(), three.clone()]).is_none(), "swapped");
        assert!(right(&[one.clone(), two.clone()]).is_none(), "cut off");
        assert!(right(&[one.clone(), three.clone()]).is_none(), "left out");
        assert!(right(&[one, two, three.clone(), three]).is_none(), "added");
    }

    #[test]
    fn what_a_file_may_not_ask_for_gives_no_key() {
        let head = blake3::hash(b"");
        for wrong in [
            Encryption { cipher: "none".into(), ..quick() },
            Encryption { kdf: "plain".into(), ..quick() },
            Encryption { memory_kib: u32::MAX, ..quick() },
            Encryption { iterations: 1_000, ..quick() },
            Encryption { salt: "00".into(), ..quick() },
            Encryption { salt: "x".repeat(32), ..quick() },
        ] {
            assert!(wrong.key(b"correct horse", head).is_none(), "{wrong:?}");
        }
    }
}
