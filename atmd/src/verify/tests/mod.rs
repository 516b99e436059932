//! Banks that were tampered with: each change is found, and a bank that was left alone has none.
//!
//! - `bank`: a small bank with real history.
//! - `tampering`: one change of each kind, and what is found.
//! - `random`: many changes at random; not one may pass.

mod bank;
mod random;
mod tampering;
