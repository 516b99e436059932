//! Operators: what a connection may do, who is let in and out, and what the audit log has of it.

mod audit;
mod letting_in;
mod narrowing;
mod refusals;
mod rights;
mod trials;
