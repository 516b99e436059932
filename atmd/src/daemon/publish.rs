//! What whoever reads the bank's ledgers has to know of it, for everybody: `public/bank.json`.

use super::StartError;
use crate::config::Config;
use crate::files;
use atm_rpc::plugin::{Bank, Site};
use std::fs;

/// Writes the file where it says something else.
pub(super) fn publish(config: &Config) -> Result<(), StartError> {
    let currency = config.bank.currency;
    let bank = Bank {
        currency: currency.code().to_owned(),
        decimals: currency.exponent(),
        timezone: config.bank.timezone.iana_name().unwrap_or("UTC").to_owned(),
    };
    let failed = |source| StartError::DataDir { path: config.server.data_dir.clone(), source };
    let mut text = serde_json::to_string(&bank).map_err(|error| failed(error.into()))?;
    text.push('\n');
    let path = config.server.data_dir.join(Site::Bank.path());
    if fs::read_to_string(&path).is_ok_and(|there| there == text) {
        return Ok(());
    }
    files::put(&path, &text, 0o644).map_err(failed)
}
