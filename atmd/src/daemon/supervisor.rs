//! What systemd is told of the service's life, by sd_notify(3): ready, reloading, stopping, and signs of life. Where nobody
//! listens, which is without NOTIFY_SOCKET, nothing is sent.

use crate::monitor::Monitor;
use sd_notify::NotifyState;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::MissedTickBehavior;
use tracing::{error, warn};

/// A sign of life is given so many times in the time after which the service counts as dead.
const SIGNS_IN_TIMEOUT: u32 = 3;

/// It serves.
pub(super) fn ready([customers, operators]: &[String; 2]) {
    let status = format!("serving customers on {customers}, operators on {operators}");
    tell(&[NotifyState::Ready, NotifyState::Status(&status)]);
}

/// It reads its configuration again.
pub(super) fn reloading() {
    let Ok(now) = NotifyState::monotonic_usec_now() else { return };
    tell(&[NotifyState::Reloading, now]);
}

/// It did, and serves.
pub(super) fn reloaded(status: &str) {
    tell(&[NotifyState::Ready, NotifyState::Status(status)]);
}

/// It ends, which may take so long.
pub(super) fn stopping(at_most: Duration) {
    let time = u32::try_from(at_most.as_micros()).unwrap_or(u32::MAX);
    tell(&[
        NotifyState::Stopping,
        NotifyState::Status("stopping: what is under way is finished"),
        NotifyState::ExtendTimeoutUsec(time),
    ]);
}

/// Gives signs of life where somebody wants them, as long as atmd gets on; never ends. Where they stay away, systemd
/// ends atmd and starts it again.
pub(super) async fn give_signs_of_life(monitor: Arc<Monitor>) {
    let Some(timeout) = sd_notify::watchdog_enabled() else { return };
    let mut ticks = tokio::time::interval(timeout / SIGNS_IN_TIMEOUT);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        match monitor.not_alive() {
            None => tell(&[NotifyState::Watchdog]),
            Some(why) => error!("{why}: systemd gets no sign of life"),
        }
    }
}

fn tell(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        warn!(%error, "systemd cannot be told how atmd is");
    }
}
