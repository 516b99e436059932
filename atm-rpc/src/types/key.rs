//! Identifiers that one side makes and the other remembers.

use serde::{Deserialize, Serialize};
use std::fmt;
use thiserror::Error;
use uuid::Uuid;
use zeroize::{Zeroize, ZeroizeOnDrop};

/// A UUIDv7 made by the client and kept on its disk before it sends: the same key never acts twice.
///
/// Version 7 begins with the time, which keeps the index over all keys at one end of its tree.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "Uuid", into = "Uuid")]
pub struct RequestKey(Uuid);

impl RequestKey {
    /// A new key, from the system's clock and random numbers.
    #[must_use]
    pub fn generate() -> Self {
        Self(Uuid::now_v7())
    }

    /// Reads a UUIDv7 in its usual form.
    ///
    /// # Errors
    /// [`NotARequestKey`] for other texts and other versions.
    pub fn parse(text: &str) -> Result<Self, NotARequestKey> {
        Uuid::try_parse(text).map_err(|_| NotARequestKey)?.try_into()
    }

    /// The 16 raw bytes, as the journal stores them.
    #[must_use]
    pub const fn bytes(&self) -> &[u8; 16] {
        self.0.as_bytes()
    }
}

impl TryFrom<Uuid> for RequestKey {
    type Error = NotARequestKey;
    fn try_from(uuid: Uuid) -> Result<Self, NotARequestKey> {
        if uuid.get_version_num() == 7 { Ok(Self(uuid)) } else { Err(NotARequestKey) }
    }
}

impl TryFrom<&[u8]> for RequestKey {
    type Error = NotARequestKey;
    fn try_from(bytes: &[u8]) -> Result<Self, NotARequestKey> {
        Uuid::from_slice(bytes).map_err(|_| NotARequestKey)?.try_into()
    }
}

impl From<RequestKey> for Uuid {
    fn from(key: RequestKey) -> Self {
        key.0
    }
}

impl fmt::Display for RequestKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for RequestKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::str::FromStr for RequestKey {
    type Err = NotARequestKey;
    fn from_str(text: &str) -> Result<Self, NotARequestKey> {
        Self::parse(text)
    }
}

/// The text or the bytes are not a UUIDv7.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("a request key is a UUID of version 7, such as 0190a6e2-7d4c-7b1e-9c53-2f6d8e0a4b17")]
pub struct NotARequestKey;

/// A place in the journal: dense, from 1, in the order of commits. Receipts call it the reference.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Seq(pub i64);

impl fmt::Display for Seq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A session, as logs and ledgers name it. It is no secret; the [`ResumeToken`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SessionId(pub i64);

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Names a failure in the log of atmd, where its details are. Customers are shown nothing else.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct IncidentId(Uuid);

impl IncidentId {
    /// A new incident.
    #[must_use]
    pub fn generate() -> Self {
        Self(Uuid::now_v7())
    }
}

impl fmt::Display for IncidentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for IncidentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What lets a client go on with its session over a new connection: 32 random bytes,
/// kept by atmd as a hash only. A secret: wiped when dropped, and not printed.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, Zeroize, ZeroizeOnDrop)]
pub struct ResumeToken([u8; 32]);

impl ResumeToken {
    /// The token of these random bytes.
    #[must_use]
    pub const fn new(random: [u8; 32]) -> Self {
        Self(random)
    }

    /// The bytes, for hashing.
    #[must_use]
    pub const fn expose(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for ResumeToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ResumeToken")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_key_is_a_uuid_of_version_7() {
        let key = RequestKey::generate();
        assert_eq!(RequestKey::parse(&key.to_string()), Ok(key));
        assert_eq!(RequestKey::try_from(key.bytes().as_slice()), Ok(key));
        for bad in ["", "x", "00000000-0000-0000-0000-000000000000", "f47ac10b-58cc-4372-a567-0e02b2c3d479"] {
            assert_eq!(RequestKey::parse(bad), Err(NotARequestKey), "{bad:?}");
        }
    }
}
