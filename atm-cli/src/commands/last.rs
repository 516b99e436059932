//! `last`: did it go through?

use super::Job;
use crate::bank::Settled;
use crate::error::Error;
use crate::output::Data;
use crate::{pins, settle};
use atm_rpc::customer::Credentials;

pub(super) async fn run(mut job: Job<'_>) -> Result<(), Error> {
    let mobile = job.mobile().await?;
    let pin = job.pin(pins::PIN).await?;
    job.begin(&Credentials { mobile, pin }).await?;
    let (pending, asides) = job.bank.pending(mobile)?;
    for aside in asides {
        job.report.note(job.console, &aside.to_string())?;
    }
    // The newest pending request is the answer; the ones before it are settled on the way.
    let asked = job.key.or_else(|| pending.last().map(|record| record.request_key));
    settle::settle(job.console, job.bank, job.report, mobile, asked).await?;

    let (finished, aside) = job.bank.last(mobile)?;
    if let Some(aside) = aside {
        job.report.note(job.console, &aside.to_string())?;
    }
    let key = asked
        .or_else(|| finished.as_ref().map(|record| record.request_key))
        .ok_or(Error::NothingRemembered)?;
    let noted = pending.into_iter().chain(finished).find(|record| record.request_key == key);
    let outcome = job.console.wait(job.bank.outcome(key)).await??;
    let settled = Settled { key, record: noted, outcome };
    let printed = job.print(&Data::Outcome(&settled));
    if let Some(warning) = job.bank.conclude(&settled) {
        job.console.complain(&format!("atm-cli: {warning}\n"));
    }
    printed
}
