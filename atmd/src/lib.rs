//! atmd: the daemon behind the bank's terminals.
//!
//! `rpc` asks who is calling and passes requests on; `auth` and `writer` carry them out, by the pure
//! decisions of `ledger` and the database in `store`; `csv` and `monitor` tell what happened.

pub mod auth;
pub mod backup;
pub mod calendar;
pub mod cli;
pub mod clock;
pub mod config;
pub mod csv;
pub mod daemon;
pub mod drain;
pub mod files;
pub mod jobs;
pub mod ledger;
pub mod live;
pub mod log;
pub mod monitor;
pub mod pki;
pub mod rpc;
pub mod seal;
pub mod secrets;
pub mod store;
pub mod verify;
pub mod writer;
