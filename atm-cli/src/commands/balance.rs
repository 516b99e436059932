//! `balance`: what the account has.

use super::Job;
use crate::error::Error;
use crate::output::Data;

pub(super) async fn run(mut job: Job<'_>) -> Result<(), Error> {
    job.log_in().await?;
    let balance = job.console.wait(job.bank.balance()).await??;
    job.print(&Data::Balance(&balance))
}
