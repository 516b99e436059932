//! `statement`: the newest entries, newest first.

use super::Job;
use crate::error::Error;
use crate::output::Data;

pub(super) async fn run(mut job: Job<'_>, count: u16) -> Result<(), Error> {
    job.log_in().await?;
    let lines = job.console.wait(job.bank.statement(count)).await??;
    job.print(&Data::Statement(&lines))
}
