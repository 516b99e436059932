//! Moments that people type, counted from when they do.

use atm_rpc::plugin::parse_moment;
use atm_rpc::types::time::Timestamp;
use std::time::SystemTime;

/// The time on this machine.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "what is typed is meant by the time on this machine")]
pub fn now() -> Timestamp {
    let since_1970 = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_ms(i64::try_from(since_1970.as_millis()).unwrap_or(i64::MAX))
}

/// Parses an argument that is a date or how long ago: `2026-11-22`, `2026-11-22T18:00:00Z`, `-2h`.
///
/// # Errors
/// What is allowed, for the person who typed it.
pub fn moment(text: &str) -> Result<Timestamp, String> {
    parse_moment(text, now())
}
