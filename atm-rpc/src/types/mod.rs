//! Values that are parsed once, where they come in, and are valid from then on.
//!
//! Nothing here reads a clock, a file or a connection.

pub mod account;
pub mod action;
pub mod code;
pub mod key;
pub mod mobile;
pub mod money;
pub mod pin;
pub mod terminal;
pub mod time;
