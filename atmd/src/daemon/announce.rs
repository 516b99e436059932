//! What atmd says on stdout when it serves.

use crate::cli::say;
use crate::config::Config;
use crate::pki::Pki;
use tracing::{info, warn};

/// Tells on stdout where things are at the first start, and one line at every start.
pub(super) fn announce(config: &Config, pki: &Pki, first_start: bool, [customers, operators]: [String; 2]) {
    let data = config.server.data_dir.display();
    let version = env!("CARGO_PKG_VERSION");
    info!(version, customers, operators, data_dir = %data, "atmd started");
    if config.mysql.configured {
        warn!("[mysql] is filled in and not used: [database] backend = sqlite");
    }
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

/// An address to connect to, for one to listen on.
fn reachable(address: &str) -> String {
    address.replacen("0.0.0.0", "127.0.0.1", 1).replacen("[::]", "[::1]", 1)
}
