//! The host of plugins: what it starts and when, whom it trusts, and what is left of a plugin that ended.

mod around;
mod consent;
mod exits;
mod hostile;
mod index;
mod installation;
mod processes;
mod samples;
mod sandbox;
