//! Sees a drain through: counts the sessions that are left, ends them at the deadline, and says when there are none.

use crate::clock;
use crate::drain::Shut;
use crate::ledger::request::{Caller, Request};
use crate::rpc::Services;
use crate::store::StoreError;
use atm_rpc::error::SessionEnd;
use atm_rpc::types::key::SessionId;
use futures::future::join_all;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::sleep_until;
use tracing::{info, warn};

/// How often the sessions that are left are counted.
const LOOK_INTERVAL: Duration = Duration::from_millis(500);
/// The pause after some were ended, before it is looked whether these were all.
const END_INTERVAL: Duration = Duration::from_millis(50);
/// Sessions that are ended at a time.
const ENDED_AT_ONCE: usize = 256;

/// Waits for drains, until atmd stops.
pub(super) async fn see_drains_through(services: Arc<Services>) {
    let mut changes = services.drain.watch();
    loop {
        tokio::select! {
            () = services.stop.cancelled() => return,
            shut = changes.wait_for(Option::is_some) => if shut.is_err() { return },
        }
        info!("draining: nobody is let in");
        // No session begins any more, so those before the oldest that is open need not be looked at again.
        let mut oldest = SessionId(0);
        while let Some(shut) = services.drain.now() {
            let pause = look(&services, &shut, &mut oldest).await;
            let next = clock::monotonic() + pause;
            let ahead = shut.deadline.filter(|deadline| *deadline > clock::monotonic());
            let until = ahead.map_or(next, |deadline| deadline.min(next));
            tokio::select! {
                () = services.stop.cancelled() => return,
                changed = changes.changed() => if changed.is_err() { return },
                () = sleep_until(until.into()) => {}
            }
        }
        info!("customers are let in again");
    }
}

/// Counts those that are left, and ends them where it is time. Gives when to look again.
async fn look(services: &Services, shut: &Shut, oldest: &mut SessionId) -> Duration {
    let left = match left(services, *oldest).await {
        Ok(left) => left,
        Err(error) => {
            warn!(%error, "open sessions cannot be counted");
            return LOOK_INTERVAL;
        }
    };
    if let Some(first) = left.first() {
        *oldest = first.session;
    }
    if services.drain.left(u64::try_from(left.len()).unwrap_or(u64::MAX)) {
        info!(reason = shut.told.reason, "drained: no session is left");
    }
    if left.is_empty() || shut.deadline.is_none_or(|deadline| deadline > clock::monotonic()) {
        return LOOK_INTERVAL;
    }
    info!(sessions = left.len(), "the deadline of the drain is over: sessions end");
    for some in left.chunks(ENDED_AT_ONCE) {
        let ended = some.iter().map(|&caller| {
            services.writer.submit(Request::EndSession { caller, reason: SessionEnd::Drained })
        });
        if let Some(error) = join_all(ended).await.into_iter().find_map(Result::err) {
            warn!(%error, "sessions are not ended yet");
            return LOOK_INTERVAL;
        }
    }
    END_INTERVAL
}

/// Sessions that can still act, from `oldest` on: such as are idle for too long are refused at their next request.
async fn left(services: &Services, oldest: SessionId) -> Result<Vec<Caller>, StoreError> {
    let (rules, now) = (services.rules.now(), services.clock.now());
    let seen_since = now.plus_ms(-(rules.idle_timeout_ms.saturating_add(rules.idle_timeout_ms / 4)));
    let started_since = now.plus_ms(-rules.session_length_ms);
    services.store.open_sessions(oldest, seen_since, started_since).await
}
