//! A PIN chosen by a one-time code: the same steps as a log-in, so that nothing tells a wrong code from a wrong PIN,
//! a number without a code, or one without an account.

use super::login::{delay, hash_error, refused};
use super::{Services, receipt, unexpected};
use crate::auth::payload::Payload;
use crate::clock;
use crate::ledger::request::{Answer, RedeemOrder, Request};
use atm_rpc::customer::{Receipt, Redemption};
use atm_rpc::error::ServiceError;
use atm_rpc::types::account::AccountId;
use atm_rpc::types::key::RequestKey;
use atm_rpc::types::terminal::TerminalName;
use std::sync::Arc;

/// Chooses a PIN, or says no after the time that a wrong PIN takes.
pub(super) async fn redeem(
    services: Arc<Services>,
    key: RequestKey,
    redemption: Redemption,
    terminal: TerminalName,
) -> Result<Receipt, ServiceError> {
    let arrived = clock::monotonic();
    let result = decide(&services, key, redemption, terminal).await;
    if let Err(error) = result {
        delay(&services, arrived, error).await;
    }
    result
}

async fn decide(
    services: &Services,
    key: RequestKey,
    redemption: Redemption,
    terminal: TerminalName,
) -> Result<Receipt, ServiceError> {
    let Redemption { mobile: number, code, new } = redemption;
    let payload = services.payloads.hash(AccountId::of(number), &Payload::Redeem(&code, &new));
    let place = services.hasher.place().await.map_err(hash_error)?;
    let (kept, stranger) = match services.writer.submit(Request::BeginRedeem { number, key, payload }).await?
    {
        Answer::Verify(kept) => (Some(kept), false),
        Answer::NoCode => (None, false),
        Answer::Stranger => {
            let now = services.clock.now();
            services.strangers().begin(number, services.rules.now().attempts_max, now)?;
            (None, true)
        }
        Answer::Receipt(known) => return Ok(known),
        other => return Err(unexpected(&other)),
    };
    let right = place.verify(kept.clone(), number, code).await.map_err(hash_error)?;
    let kept = match kept {
        Some(kept) if right => kept,
        _ if stranger => {
            let (now, rules) = (services.clock.now(), services.rules.now());
            return Err(services.strangers().fail(number, rules.attempts_max, rules.lockout_ms, now));
        }
        _ => {
            let failed = Request::FailAttempt { number, terminal: Some(terminal) };
            return Err(refused(services.writer.submit(failed).await));
        }
    };
    let new = match new.weakness(number) {
        Some(weak) => Err(weak),
        None => Ok(place.hash(number, new).await.map_err(hash_error)?),
    };
    drop(place);
    let order = RedeemOrder { number, key, payload, salt: kept.salt, terminal, new };
    receipt(services.writer.submit(Request::Redeem(order)).await?)
}
