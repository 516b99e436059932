//! What must hold whatever bytes come from outside: one function for each place that reads them, which ends
//! the test where its promise does not hold. `fuzz/` looks for bytes that break one, and the suite feeds
//! them all that is kept in `fuzz/corpus` and `fuzz/regressions`.

mod descriptions;
mod frames;
mod ledgers;
mod texts;

pub use descriptions::descriptions;
pub use frames::{customer_frames, operator_frames};
pub use ledgers::ledgers;
pub use texts::{amounts, config, numbers};

/// Checks what must hold for some bytes.
pub type Check = fn(&[u8]);

/// Every check with its name: that of its program in `fuzz/targets` and of its folder in `fuzz/corpus`.
pub const CHECKS: [(&str, Check); 7] = [
    ("amounts", amounts),
    ("config", config),
    ("customer_frames", customer_frames),
    ("descriptions", descriptions),
    ("ledgers", ledgers),
    ("numbers", numbers),
    ("operator_frames", operator_frames),
];
