//! `change-pin`: a new PIN for the current one.

use super::Job;
use crate::bank::Order;
use crate::error::Error;
use crate::pins;
use atm_rpc::customer::{Credentials, PinChange};
use atm_rpc::types::key::RequestKey;

pub(super) async fn run(mut job: Job<'_>) -> Result<(), Error> {
    let mobile = job.mobile().await?;
    let current = job.pin(pins::CURRENT).await?;
    let new = job.new_pin(mobile).await?;
    let key = job.key.unwrap_or_else(RequestKey::generate);
    job.log_in_as(Credentials { mobile, pin: current.clone() }).await?;
    let order = Order::ChangePin(PinChange { current, new });
    let done = job.bank.perform(job.console, mobile, key, &order).await?;
    job.receipt(&done)
}
