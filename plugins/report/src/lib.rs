//! The commands of `atmctl report`: what the CSV ledgers say.

pub mod cache;
pub mod chart;
pub mod drawing;
pub mod page;
pub mod read;
pub mod reports;
