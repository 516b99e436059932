//! What the two listeners show: made at the start, and again whenever the configuration is read.

use super::StartError;
use crate::config::Config;
use crate::pki::{self, Pki};
use atm_rpc::transport::tls::server_config;
use atm_rpc::transport::{CUSTOMER, OPERATOR};
use atm_rpc::types::time::Timestamp;
use rustls::ServerConfig;
use std::sync::Arc;

/// Certificate, key, and for operators whose certificates are taken.
pub(super) struct ServerConfigs {
    /// Of customers' listener and of operators'.
    pub(super) listeners: [Arc<ServerConfig>; 2],
    /// When the certificate ends.
    pub(super) ends_at: Option<Timestamp>,
}

/// Those of both listeners.
pub(super) fn server_configs(config: &Config, pki: &Pki) -> Result<ServerConfigs, StartError> {
    let identity = || pki.server(&config.server.names);
    let for_customers = identity()?;
    let ends_at = for_customers.certificate().and_then(pki::ends_at);
    let customers = server_config(CUSTOMER, for_customers, None)?;
    let operators = server_config(OPERATOR, identity()?, Some(pki.ca_pem()?.as_bytes()))?;
    Ok(ServerConfigs { listeners: [customers, operators], ends_at })
}
