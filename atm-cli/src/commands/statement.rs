//! `statement`: the newest entries, newest first.

use super::Job;
use crate::error::Error;
use crate::output::Data;
use crate::statement::Choice;

pub(super) async fn run(mut job: Job<'_>, choice: Choice) -> Result<(), Error> {
    job.log_in().await?;
    let lines = job.console.wait(job.bank.statement(choice.asked())).await??;
    job.print(&Data::Statement(&choice.of(lines)))
}
