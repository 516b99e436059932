//! `redeem`: a PIN by a one-time code of the bank.

use super::Job;
use crate::error::Error;
use atm_rpc::customer::Redemption;
use atm_rpc::types::key::RequestKey;

pub(super) async fn run(mut job: Job<'_>) -> Result<(), Error> {
    let mobile = job.mobile().await?;
    let code = job.code().await?;
    let new = job.new_pin(mobile).await?;
    let key = job.key.unwrap_or_else(RequestKey::generate);
    let done = job.bank.redeem(job.console, key, Redemption { mobile, code, new }).await?;
    job.receipt(&done)
}
