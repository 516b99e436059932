//! The ledgers client.csv and bank.csv: projections of the journal, equal to it byte for byte.
//!
//! After a commit its rows are appended, synced, and then checkpointed in the database. Nobody
//! waits for that. After a crash the bytes behind the checkpoint are compared with what the journal
//! gives: equal rows are kept, anything else is moved aside and reported, never destroyed.
//! The same task writes the line of the log for each entry.
#![deny(clippy::float_arithmetic)]

pub mod compare;
mod file;
mod projection;
mod rebuild;
pub mod render;

pub use projection::{Projection, Settings};
pub use rebuild::Rebuild;
