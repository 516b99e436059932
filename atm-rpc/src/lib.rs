//! All that both ends of an ATM connection must agree on, and nothing else.
//!
//! - [`types`]: values parsed once and valid for ever (money, numbers, PINs, keys, times).
//! - [`customer`] and [`operator`]: the two services, each method with its meaning and errors.
//! - [`error`]: what can go wrong, as it crosses the wire.
//! - [`transport`]: TLS, ALPN, frames, codec and their limits.
//! - [`client`]: connecting, and going on after a connection broke.
//! - [`plugin`]: how plugins of atmctl describe themselves and fail, and the connection they are given.
//!
//! This crate decides nothing about accounts or people: policy lives in atmd.

pub mod client;
pub mod customer;
pub mod error;
pub mod operator;
pub mod plugin;
pub mod transport;
pub mod types;
