//! The reports: pure functions from a ledger to rows. What is printed of them is `commands`' business.

mod continuity;
mod daily;
mod effect;
mod failures;
mod frames;
mod hourly;
pub mod rows;
mod sessions;
mod statement;
mod summary;
mod top;

pub use continuity::continuity;
pub use daily::daily;
pub use failures::failures;
pub use hourly::hourly;
pub use sessions::sessions;
pub use statement::statement;
pub use summary::summary;
pub use top::top;
