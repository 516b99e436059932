//! What a connection may do, and how rights are taken off it.

use super::{Capability, Role};
use crate::types::money::Currency;
use serde::{Deserialize, Serialize};

/// How far the calls of a connection may go. Ordered: a connection may only move down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Every call that changes something is refused.
    Read,
    /// Such calls are decided and answered, and nothing is stored.
    DryRun,
    /// Such calls act.
    Change,
}

/// Which rights a connection keeps, and on whose behalf it goes on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Narrow {
    /// How far calls may go.
    pub mode: Mode,
    /// The command that runs, such as `blacklist add`.
    pub command: String,
    /// The rights that it needs.
    pub capabilities: Vec<Capability>,
    /// The plugin that runs it. The host's word, recorded as such.
    pub plugin: Option<PluginIdentity>,
    /// The connection ends after this time.
    pub ttl_ms: u64,
}

/// A plugin, as the host knows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PluginIdentity {
    /// Its name, without `atmctl-`.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Digest of its file, in hexadecimal.
    pub digest: String,
}

/// Who answers and who asks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Whoami {
    /// Version of atmd.
    pub version: String,
    /// Version of the service.
    pub protocol: u16,
    /// Currency of all amounts.
    pub currency: Currency,
    /// The operator's name.
    pub operator: String,
    /// The operator's role.
    pub role: Role,
    /// What this connection may do.
    pub capabilities: Vec<Capability>,
    /// How far its calls may go.
    pub mode: Mode,
}
