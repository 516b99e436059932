//! The only place in atmd that reads the time. Everybody else is given it.

use atm_rpc::types::time::Timestamp;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Where the time comes from.
#[derive(Clone, Debug)]
pub enum Clock {
    /// The system's clock.
    System,
    /// A clock that a test sets, in milliseconds since 1970.
    Set(Arc<AtomicI64>),
}

impl Clock {
    /// The time of day.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "this is the clock")]
    pub fn now(&self) -> Timestamp {
        match self {
            Self::System => {
                let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
                Timestamp::from_ms(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
            }
            Self::Set(ms) => Timestamp::from_ms(ms.load(Ordering::Relaxed)),
        }
    }
}

/// How far apart two readings may be that belong together.
const TOGETHER: Duration = Duration::from_millis(200);

/// The time of day and an instant that belong together; nothing where this process was held up between the two.
#[must_use]
pub fn both(clock: &Clock) -> Option<(Timestamp, Instant)> {
    let before = monotonic();
    let now = clock.now();
    (before.elapsed() < TOGETHER).then_some((now, before))
}

/// An instant for measuring how long something takes; it never goes back.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "this is the clock")]
pub fn monotonic() -> Instant {
    Instant::now()
}
