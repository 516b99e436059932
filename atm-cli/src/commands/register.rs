//! `register`: an account for a new number. Repeated after a crash, it opens one account only.

use super::Job;
use crate::error::Error;
use atm_rpc::customer::Credentials;

pub(super) async fn run(mut job: Job<'_>) -> Result<(), Error> {
    let mobile = job.mobile().await?;
    let pin = job.new_pin(mobile).await?;
    let done = job.bank.register(job.console, job.key, &Credentials { mobile, pin }).await?;
    job.receipt(&done)
}
