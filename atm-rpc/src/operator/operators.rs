//! Operators, as operators see them: who there is, and what a change did.

use super::Role;
use crate::types::time::Timestamp;
use serde::{Deserialize, Serialize};

/// The most characters of an operator's name.
pub const OPERATOR_NAME_LENGTH_MAX: usize = 32;
/// The most bytes of a request for a certificate, as PEM.
pub const SIGNING_REQUEST_BYTES_MAX: usize = 4_096;

/// Somebody who may ask this service, or might once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OperatorEntry {
    /// Its place; `after` of the next page.
    pub id: i64,
    /// The name.
    pub name: String,
    /// The role.
    pub role: Role,
    /// Whether atmd takes its certificate.
    pub enabled: bool,
    /// SHA-256 of its certificate, in hexadecimal.
    pub fingerprint: String,
    /// Since when it has this certificate.
    pub created_at: Timestamp,
    /// When its certificate ends, where atmd has it.
    #[serde(default)]
    pub ends_at: Option<Timestamp>,
}

/// Some operators.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OperatorPage {
    /// The rows.
    pub rows: Vec<OperatorEntry>,
    /// Whether more follow.
    pub more: bool,
}

/// What a change did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OperatorChange {
    /// Whether anything is different now.
    pub changed: bool,
    /// Whether the connection only tries: nothing was stored.
    pub dry_run: bool,
    /// The name.
    pub name: String,
    /// The role.
    pub role: Role,
    /// Whether atmd takes its certificate now (in a dry run: would).
    pub enabled: bool,
    /// Its certificate as PEM, where one was asked for and it is stored.
    pub certificate: Option<String>,
}

/// Whether an operator who is about to be disabled may be the one who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Oneself {
    /// That is a mistake.
    Refused,
    /// That is meant.
    Meant,
}
