//! Who is asking: PINs, guesses against them, and how many of either are let through.
//!
//! Five digits are soon tried, so the bounds on attempts do the work; the hash and its secret slow
//! down a thief of the database. What counts as an attempt is decided by `ledger`; what a PIN's
//! hash is, only by [`pin`].

pub mod cursor;
pub mod hasher;
pub mod payload;
pub mod pin;
pub mod refusals;
pub mod strangers;
pub mod throttle;
