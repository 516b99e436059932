//! The audit log, as operators see it: what operators did, and what they were refused.

use super::Role;
use crate::types::time::Timestamp;
use serde::{Deserialize, Serialize};

/// Which rows of the audit log. What is left out is not asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct AuditFilter {
    /// Those of this operator.
    pub operator: Option<String>,
    /// Those of this method, such as `blacklist_add`.
    pub method: Option<String>,
    /// Those that came to this.
    pub outcome: Option<Outcome>,
    /// Those since this instant.
    pub since: Option<Timestamp>,
}

/// What a call came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It was done, and something is different.
    Done,
    /// Everything was so already.
    Unchanged,
    /// It was refused.
    Refused,
    /// It was begun and did not come to its end.
    Failed,
}

impl Outcome {
    /// Every outcome there is.
    pub const ALL: [Self; 4] = [Self::Done, Self::Unchanged, Self::Refused, Self::Failed];

    /// What its results begin with.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Unchanged => "unchanged",
            Self::Refused => "refused",
            Self::Failed => "failed",
        }
    }
}

/// Where in the audit log a page begins, and which way it goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AuditFrom {
    /// The newest row first.
    Newest,
    /// The newest row before this one first.
    Before(i64),
    /// The oldest row after this one first.
    After(i64),
}

/// One row of the audit log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditEntry {
    /// Its place.
    pub id: i64,
    /// When.
    pub at: Timestamp,
    /// Who.
    pub operator: String,
    /// The role then.
    pub role: Role,
    /// The command that ran, in the host's words.
    pub command: Option<String>,
    /// The plugin that ran it, in the host's words.
    pub plugin: Option<String>,
    /// Its version, in the host's words.
    pub plugin_version: Option<String>,
    /// Digest of its file, in the host's words.
    pub plugin_digest: Option<String>,
    /// The rights that the connection had, by their names.
    pub capabilities: String,
    /// The method that was called.
    pub method: String,
    /// Its arguments; numbers masked.
    pub arguments: String,
    /// What came of it.
    pub result: String,
}

/// Some rows of the audit log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditPage {
    /// The rows.
    pub rows: Vec<AuditEntry>,
    /// Whether more follow.
    pub more: bool,
}
