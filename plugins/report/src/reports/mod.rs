//! The reports: pure functions from a ledger to rows. What is printed of them is `commands`' business.

pub mod rows;
