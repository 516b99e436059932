//! The commands of `atmctl report`: what the CSV ledgers say.

pub mod reports;
