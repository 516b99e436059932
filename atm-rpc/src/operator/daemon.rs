//! The daemon itself, as operators steer it: its configuration read again, and customers let in or not.

use crate::types::time::Timestamp;
use serde::{Deserialize, Serialize};

/// The longest time that a drain may leave to sessions: longer than any session lasts.
pub const DRAIN_MS_MAX: u64 = 7 * 24 * 60 * 60 * 1_000;

/// What became of a configuration that was read again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reloaded {
    /// Whether anything is different now.
    pub changed: bool,
    /// Whether the connection only tries: nothing was changed.
    pub dry_run: bool,
    /// What is wrong with it, each with its key, its place and what is allowed; then nothing was changed.
    pub mistakes: Vec<String>,
    /// The keys whose values are not those that held.
    pub keys: Vec<ReloadedKey>,
}

/// A key with another value than the one that held.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReloadedKey {
    /// `section.name`.
    pub key: String,
    /// What held; a secret as `********`.
    pub old: String,
    /// What was read.
    pub new: String,
    /// Whether it holds.
    pub state: KeyState,
}

/// Whether a value that was read holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeyState {
    /// From now on (in a dry run: it would).
    Changed,
    /// From the next start on.
    NeedsRestart,
}

/// How far it is that nobody is let in any more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Draining {
    /// Why, as customers are told.
    pub reason: String,
    /// Since when.
    pub since: Timestamp,
    /// When sessions that are still open end; none: when they end by themselves.
    pub deadline: Option<Timestamp>,
    /// How many sessions can still act; unknown before the first look.
    pub sessions_left: Option<u64>,
}

/// What a change of it did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DrainChange {
    /// Whether anything is different now.
    pub changed: bool,
    /// Whether the connection only tries: nothing was changed.
    pub dry_run: bool,
    /// How it is now (in a dry run: would be); none where customers are let in.
    pub draining: Option<Draining>,
}
