//! The harness: it builds the real programs once, starts them on data of their own, and drives them as
//! customers, operators and terminals do. The suite, the demo and the benchmarks stand on it.
//!
//! A failure here ends the test that met it, with what the programs said.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    clippy::disallowed_methods,
    reason = "a harness ends the test that it cannot go on with"
)]

pub mod bank;
pub mod books;
pub mod browser;
pub mod csv;
pub mod daemon;
pub mod disk;
pub mod documents;
pub mod figures;
pub mod hostile;
pub mod http;
pub mod link;
pub mod load;
pub mod need;
pub mod office;
pub mod previous;
pub mod process;
pub mod programs;
pub mod prometheus;
pub mod random;
pub mod servers;
pub mod terminal;
pub mod time;
pub mod tmux;
pub mod tools;
pub mod wait;
pub mod yardstick;
