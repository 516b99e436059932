//! What atmd says on stdout when it serves.

use crate::cli::say;
use crate::config::{Backend, Config, TlsMode};
use crate::pki::Pki;
use std::net::IpAddr;
use tokio::net::TcpListener;
use tracing::{info, warn};

/// Tells on stdout where things are at the first start, and one line at every start.
pub(super) fn announce(config: &Config, pki: &Pki, first_start: bool, [customers, operators]: [String; 2]) {
    let data = config.server.data_dir.display();
    let version = env!("CARGO_PKG_VERSION");
    info!(version, customers, operators, data_dir = %data, "atmd started");
    warn_of_servers(config);
    let mut text = String::new();
    if first_start {
        let (ca, root) = (pki.ca(), pki.root_identity());
        let (ca, root) = (ca.display(), root.display());
        text = format!(
            "A new bank was opened in {data}\n  \
             for terminals    {ca}\n  \
             first operator   {root} (secret)\n  \
             keys             {data}/keys (secret; back them up apart from the database)\n  \
             ledgers          {data}/ledger/client.csv and bank.csv\n  \
             log              {}\n\
             Next, in another terminal:\n  \
             atm-cli --server {} --ca {ca}\n  \
             atmctl --server {} --ca {ca} --identity {root} status\n",
            config.logging.logfile.display(),
            reachable(&customers),
            reachable(&operators),
        );
    }
    text += &format!("atmd ready: customers {customers}, operators {operators}, data {data}\n");
    say(&text);
}

/// Tells where metrics are, before anything is slow, and warns where others than this machine may reach them.
pub(super) fn announce_metrics(listener: &TcpListener) {
    let Ok(address) = listener.local_addr() else { return };
    if !address.ip().is_loopback() {
        warn!(%address, "metrics are told to everybody who reaches [metrics] listen; a firewall must keep others away");
    }
    info!(%address, "metrics");
    say(&format!("atmd metrics: http://{address}/metrics\n"));
}

/// Tells of a server that is configured and not used, and of one that anybody on the way may stand in for.
fn warn_of_servers(config: &Config) {
    let Config { mysql, postgresql, database, .. } = config;
    for (section, server, backend) in
        [("mysql", mysql, Backend::Mysql), ("postgresql", postgresql, Backend::Postgresql)]
    {
        if database.backend != backend {
            if server.configured {
                let used = match database.backend {
                    Backend::Sqlite => "sqlite",
                    Backend::Mysql => "mysql",
                    Backend::Postgresql => "postgresql",
                };
                warn!("[{section}] is filled in and not used: [database] backend = {used}");
            }
            continue;
        }
        let address: Option<IpAddr> = server.host.parse().ok();
        let here = server.host == "localhost"
            || server.host.starts_with('/')
            || address.is_some_and(|address| address.is_loopback());
        if !here && !matches!(server.tls, TlsMode::VerifyCa | TlsMode::VerifyFull) {
            warn!(
                "the server of [{section}] is on another machine and its certificate is not checked: set tls = verify-full"
            );
        }
    }
}

/// An address to connect to, for one to listen on.
fn reachable(address: &str) -> String {
    address.replacen("0.0.0.0", "127.0.0.1", 1).replacen("[::]", "[::1]", 1)
}
