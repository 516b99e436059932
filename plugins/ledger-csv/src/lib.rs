//! Reads the CSV ledgers: those that atmd writes, and those that older tools wrote.
//!
//! [`reader::Reader`] gives one [`entry::Entry`] or one [`fault::Fault`] for each row of a file, in the file's order and in
//! bounded memory. What it is made of can be used alone, to read a file in parts on several threads:
//! [`dialect`] says how a file is written, [`chunks`] cuts it into whole rows, [`records`] finds the rows of a part,
//! [`row`] says what a row means, and [`fast`] does the same for the rows that atmd writes, many times faster.
//!
//! Nothing here decides what to do about a malformed row, and nothing here writes.
//!
//! Amounts are integers of minor units. No number goes through a float on its way.

pub mod amount;
pub mod chunks;
pub mod dialect;
pub mod entry;
pub mod fast;
pub mod fault;
mod fields;
pub mod reader;
pub mod records;
pub mod row;
pub mod time;
