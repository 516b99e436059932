//! The core's own commands, one module each. Everything else is a plugin.

pub(crate) mod api;
pub(crate) mod completion;
pub(crate) mod config;
mod install;
pub(crate) mod man;
pub(crate) mod plugin;
mod plugin_test;
pub(crate) mod status;
pub(crate) mod version;
