//! What needs a PIN: the steps between the ledger's decisions and the hash.
//!
//! A place at the hasher comes first, then the attempt is counted, then hashed, then the verdict is
//! decided. A number without an account goes the same way, so that nothing tells them apart.

use super::{Services, internal, receipt, unexpected};
use crate::auth::hasher::{HashError, Place};
use crate::auth::payload::Payload;
use crate::clock;
use crate::ledger::book::PinHash;
use crate::ledger::request::{
    Answer, Attempt, Caller, LoginOrder, PinOrder, Registration, Request, Unfit, Verified,
};
use atm_rpc::customer::{Credentials, PinChange, Receipt};
use atm_rpc::error::{Rejection, ServiceError};
use atm_rpc::types::account::AccountId;
use atm_rpc::types::key::{RequestKey, ResumeToken};
use atm_rpc::types::mobile::MobileNumber;
use atm_rpc::types::pin::Pin;
use atm_rpc::types::terminal::TerminalName;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::time::sleep_until;

/// When to come back where too many wait for the hasher.
const HASHER_RETRY_MS: u32 = 1_000;

pub(super) fn hash_error(error: HashError) -> ServiceError {
    match error {
        HashError::Busy => ServiceError::Busy { retry_after_ms: HASHER_RETRY_MS },
        other => internal(&other),
    }
}

pub(super) fn token_hash(token: &ResumeToken) -> [u8; 32] {
    *blake3::hash(token.expose()).as_bytes()
}

/// Waits with an answer that tells of a failed attempt until a multiple of the delay is over, so
/// that its time says nothing.
pub(super) async fn delay(services: &Services, arrived: Instant, error: ServiceError) {
    let tells = matches!(
        error,
        ServiceError::Rejected(Rejection::WrongPin { .. } | Rejection::Blacklisted { .. })
            | ServiceError::Busy { .. }
    );
    let failure_delay = services.terms.now().failure_delay;
    if !tells || failure_delay.is_zero() {
        return;
    }
    let unit = failure_delay.as_nanos();
    let units = clock::monotonic().duration_since(arrived).as_nanos().div_ceil(unit).max(1);
    let wait = failure_delay.saturating_mul(u32::try_from(units).unwrap_or(u32::MAX));
    sleep_until((arrived + wait.min(Duration::from_secs(3600))).into()).await;
}

/// What counting an attempt gave.
enum Counted {
    /// The number has a PIN, to be compared.
    Customer(PinHash),
    /// The number has no account.
    Stranger,
    /// The request was decided before.
    Known(Answer),
}

async fn count(services: &Services, attempt: Attempt) -> Result<Counted, ServiceError> {
    let number = attempt.number;
    match services.writer.submit(Request::BeginAttempt(attempt)).await? {
        Answer::Verify(pin) => Ok(Counted::Customer(pin)),
        Answer::Stranger => {
            let now = services.clock.now();
            services.strangers().begin(number, services.rules.now().attempts_max, now)?;
            Ok(Counted::Stranger)
        }
        known @ Answer::Receipt(_) => Ok(Counted::Known(known)),
        other => Err(unexpected(&other)),
    }
}

/// Begins a session, or says no.
pub(super) async fn login(
    services: Arc<Services>,
    credentials: Credentials,
    terminal: TerminalName,
) -> Result<(Answer, ResumeToken), ServiceError> {
    let Credentials { mobile: number, pin } = credentials;
    let place = services.hasher.place().await.map_err(hash_error)?;
    let kept = match count(&services, Attempt { number, change: None }).await? {
        Counted::Customer(kept) => Some(kept),
        Counted::Stranger => None,
        Counted::Known(answer) => return Err(unexpected(&answer)),
    };
    let right = place.verify(kept.clone(), number, pin.clone()).await.map_err(hash_error)?;
    let kept = match (right, kept) {
        (true, Some(kept)) => kept,
        (_, Some(_)) => {
            let failed = Request::FailAttempt { number, terminal: Some(terminal) };
            return Err(refused(services.writer.submit(failed).await));
        }
        (_, None) => {
            let now = services.clock.now();
            let rules = services.rules.now();
            return Err(services.strangers().fail(number, rules.attempts_max, rules.lockout_ms, now));
        }
    };
    let rehashed = match services.hasher.is_outdated(&kept) {
        true => Some(place.hash(number, pin).await.map_err(hash_error)?),
        false => None,
    };
    drop(place);
    let token = new_token()?;
    let hash = token_hash(&token);
    let order = LoginOrder { number, salt: kept.salt, rehashed, token: hash, terminal };
    let answer = services.writer.submit(Request::Login(order)).await?;
    Ok((answer, token))
}

pub(super) fn refused(result: Result<Answer, ServiceError>) -> ServiceError {
    match result {
        Err(error) => error,
        Ok(answer) => unexpected(&answer),
    }
}

fn new_token() -> Result<ResumeToken, ServiceError> {
    let mut random = [0; 32];
    getrandom::fill(&mut random).map_err(|error| internal(&error))?;
    Ok(ResumeToken::new(random))
}

/// Opens an account.
pub(super) async fn register(
    services: Arc<Services>,
    key: RequestKey,
    credentials: Credentials,
) -> Result<Receipt, ServiceError> {
    let Credentials { mobile: number, pin } = credentials;
    if !services.rules.now().open_registration {
        return Err(ServiceError::Rejected(Rejection::RegistrationClosed));
    }
    let payload = services.payloads.hash(AccountId::of(number), &Payload::Register(&pin));
    let pin = match pin.weakness(number) {
        Some(weak) => Err(weak),
        None => {
            let place = services.hasher.place().await.map_err(hash_error)?;
            Ok(place.hash(number, pin).await.map_err(hash_error)?)
        }
    };
    let order = Registration { number, key, payload, pin };
    let receipt = receipt(services.writer.submit(Request::Register(order)).await?)?;
    services.strangers().forget(number);
    Ok(receipt)
}

/// Chooses a new PIN, after the current one was verified.
pub(super) async fn change_pin(
    services: Arc<Services>,
    caller: Caller,
    key: RequestKey,
    change: PinChange,
) -> Result<Receipt, ServiceError> {
    let number = caller.account.mobile().ok_or(ServiceError::NotFound)?;
    let asked = Payload::ChangePin(&change.current, &change.new);
    let payload = services.payloads.hash(caller.account, &asked);
    let place = services.hasher.place().await.map_err(hash_error)?;
    let attempt = Attempt { number, change: Some((caller, key, payload)) };
    let kept = match count(&services, attempt).await? {
        Counted::Customer(kept) => kept,
        Counted::Stranger => return Err(ServiceError::NotFound),
        Counted::Known(answer) => return receipt(answer),
    };
    let PinChange { current, new } = change;
    let same = current == new;
    let salt = kept.salt;
    let right = place.verify(Some(kept), number, current).await.map_err(hash_error)?;
    let (verified, new) = if right {
        (Verified::Right { salt }, new_pin(&place, number, new, same).await?)
    } else {
        (Verified::Wrong, Err(Unfit::Same))
    };
    let order = PinOrder { caller, key, payload, verified, new };
    receipt(services.writer.submit(Request::ChangePin(order)).await?)
}

async fn new_pin(
    place: &Place,
    number: MobileNumber,
    new: Pin,
    same: bool,
) -> Result<Result<PinHash, Unfit>, ServiceError> {
    if let Some(weak) = new.weakness(number) {
        return Ok(Err(Unfit::Weak(weak)));
    }
    if same {
        return Ok(Err(Unfit::Same));
    }
    Ok(Ok(place.hash(number, new).await.map_err(hash_error)?))
}
