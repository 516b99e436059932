//! The integration tests: one program, so that the harness builds and links once. Each module is about one
//! promise that the whole system makes.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a test ends where its promise does not hold"
)]

mod accounts;
mod atmctl;
mod backups;
mod certificates;
mod checker;
mod concurrency;
mod control;
mod conversation;
mod crash;
mod demo;
mod disk;
mod engines;
mod exports;
mod failures;
mod guessing;
mod hostile;
mod imports;
mod layout;
mod ledgers;
mod legacy;
mod load;
mod mended;
mod metrics;
mod monitor;
mod operators;
mod package;
mod pages;
mod plugins;
mod power;
mod programs;
mod readme;
mod reports;
mod servers;
mod service;
mod sessions;
mod setup;
mod single;
mod story;
mod surroundings;
mod tables;
mod verify;
mod writer;
