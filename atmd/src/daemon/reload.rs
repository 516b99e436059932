//! Reads the configuration again, at an operator's wish or at SIGHUP: checked first, then swapped whole. Where it has
//! mistakes, or the audit log cannot be written, everything stays as it is.

use super::background::tell_of_root;
use super::prepare::check_open_files;
use super::{raise_open_files, supervisor};
use crate::config::keys::{Holds, Key};
use crate::config::load::{Loaded, Setting};
use crate::config::{Config, Source};
use crate::ledger::Rules;
use crate::ledger::request::AuditDraft;
use crate::live::{Swap, Terms, rules};
use crate::log::{LevelFilter, LevelSwitch};
use crate::pki::Endpoints;
use crate::rpc::{Reload, Services, note};
use atm_rpc::error::ServiceError;
use atm_rpc::operator::daemon::{KeyState, Reloaded, ReloadedKey};
use rustls::ServerConfig;
use std::path::PathBuf;
use std::sync::Arc;
use tokio::signal::unix::Signal;
use tokio::sync::mpsc;
use tracing::{error, info, warn};

/// Mistakes that an operator is told; the log has no more either.
const MISTAKES_MAX: usize = 100;
/// What stands for a secret.
const HIDDEN: &str = "********";

/// What is swapped.
pub(super) struct Swaps {
    pub(super) rules: Swap<Rules>,
    pub(super) terms: Swap<Terms>,
    pub(super) listeners: [Swap<ServerConfig>; 2],
    pub(super) level: LevelSwitch,
}

/// Reads again what was read at the start.
pub(super) struct Reloader {
    source: Source,
    /// The file that was read at the start, named or found.
    file: Option<PathBuf>,
    /// What holds, key by key, in the order of the table.
    in_force: Vec<Setting>,
    /// What was read at the start; what holds at once may be different meanwhile.
    started_with: Config,
    swaps: Swaps,
    services: Arc<Services>,
}

/// A configuration that can hold.
struct Ready {
    loaded: Loaded,
    endpoints: Endpoints,
    level: LevelFilter,
    keys: Vec<ReloadedKey>,
}

impl Reloader {
    /// One that swaps what was read from that source at the start.
    pub(super) fn new(source: &Source, loaded: &Loaded, swaps: Swaps, services: &Arc<Services>) -> Self {
        Self {
            source: source.clone(),
            file: loaded.file.clone(),
            in_force: loaded.settings.clone(),
            started_with: loaded.config.clone(),
            swaps,
            services: Arc::clone(services),
        }
    }

    /// Waits for wishes and for SIGHUP, until atmd stops.
    pub(super) async fn run(mut self, mut hangup: Signal, mut wishes: mpsc::Receiver<Reload>) {
        let stop = self.services.stop.clone();
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                Some(_) = hangup.recv() => {
                    supervisor::reloading();
                    let words = match self.on_signal().await {
                        Ok(()) => "serving by the configuration that was read again",
                        Err(()) => "serving by the configuration of before; what was read again has mistakes, see the log",
                    };
                    supervisor::reloaded(words);
                }
                Some(wish) = wishes.recv() => {
                    let answer = match wish.audit {
                        Some(audit) => {
                            supervisor::reloading();
                            let answer = self.on_wish(audit).await;
                            supervisor::reloaded("serving");
                            answer
                        }
                        None => Ok(self.try_out()),
                    };
                    // Whoever does not wait any more sees it in the log.
                    let _ = wish.reply.send(answer);
                }
            }
        }
    }

    async fn on_signal(&mut self) -> Result<(), ()> {
        info!("SIGHUP: the configuration is read again");
        let ready = self.read().map_err(|mistakes| tell_mistakes(&mistakes))?;
        self.swap(ready);
        tell_of_root(&self.services).await;
        Ok(())
    }

    fn try_out(&self) -> Reloaded {
        match self.read() {
            Ok(ready) => reloaded(ready.keys, true),
            Err(mistakes) => refused(mistakes, true),
        }
    }

    async fn on_wish(&mut self, audit: AuditDraft) -> Result<Reloaded, ServiceError> {
        let ready = match self.read() {
            Ok(ready) => ready,
            Err(mistakes) => {
                tell_mistakes(&mistakes);
                note(&self.services, audit, format!("refused: {} mistakes", mistakes.len())).await?;
                return Ok(refused(mistakes, false));
            }
        };
        let told = reloaded(ready.keys.clone(), false);
        let result = if told.changed {
            let count = |state| ready.keys.iter().filter(|key| key.state == state).count();
            let (changed, waiting) = (count(KeyState::Changed), count(KeyState::NeedsRestart));
            format!("done: {changed} changed, {waiting} need a restart")
        } else {
            "unchanged".to_owned()
        };
        note(&self.services, audit, result).await?;
        self.swap(ready);
        tell_of_root(&self.services).await;
        Ok(told)
    }

    /// Reads it, and makes everything that may fail.
    fn read(&self) -> Result<Ready, Vec<String>> {
        let loaded = self.source.read().map_err(|errors| errors.problems)?;
        let mut mistakes = Vec::new();
        // Where none was named, another one may be found now, or none.
        if let Some(file) = self.file.as_ref().filter(|file| loaded.file.as_ref() != Some(file)) {
            mistakes.push(format!("{}: atmd was started with it, and it is not there", file.display()));
        }
        let currency = loaded.config.bank.currency;
        if currency != self.services.currency {
            let place = loaded.settings.iter().find(|s| s.key.path() == "bank.currency").map(place);
            let has = self.services.currency.code();
            mistakes.push(format!("{}: the bank has {has}, for good", place.unwrap_or_default()));
        }
        mistakes.extend(check_open_files(&loaded.config).err().map(|error| error.to_string()));
        let level = self.swaps.level.parse(&loaded.config.logging.level);
        let endpoints = self.services.pki.endpoints(&loaded.config);
        match (level, endpoints) {
            (Ok(level), Ok(endpoints)) if mistakes.is_empty() => {
                let keys = differences(&self.in_force, &self.started_with, &loaded);
                Ok(Ready { loaded, endpoints, level, keys })
            }
            (level, endpoints) => {
                mistakes.extend(level.err().map(|error| format!("{error:#}")));
                mistakes.extend(endpoints.err().map(|error| error.to_string()));
                Err(mistakes)
            }
        }
    }

    /// Nothing in here fails.
    fn swap(&mut self, ready: Ready) {
        let Ready { loaded: Loaded { config, settings, .. }, endpoints, level, keys } = ready;
        if let Err(error) = raise_open_files(&config) {
            warn!(%error, "fewer connections are taken than the configuration allows");
        }
        self.swaps.rules.to(rules(&config));
        self.swaps.terms.to(Terms::of(&config));
        for (swap, listener) in self.swaps.listeners.iter().zip([endpoints.customers, endpoints.operators]) {
            swap.to(listener);
        }
        self.services.monitor.shows(endpoints.certificates);
        self.swaps.level.set(level);
        for (holds, new) in self.in_force.iter_mut().zip(settings) {
            if new.key.holds == Holds::AtOnce {
                *holds = new;
            }
        }
        for ReloadedKey { key, old, new, state } in &keys {
            match state {
                KeyState::Changed => info!(key, old, new, "changed"),
                KeyState::NeedsRestart => warn!(key, old, new, "needs a restart of atmd"),
            }
        }
        info!(
            keys = keys.len(),
            "the configuration was read again, and the server's certificate issued anew"
        );
    }
}

/// The keys whose values are not those that hold.
fn differences(in_force: &[Setting], started_with: &Config, read: &Loaded) -> Vec<ReloadedKey> {
    let mut keys = Vec::new();
    for (holds, new) in in_force.iter().zip(&read.settings) {
        let secret = new.key.secret.then(|| secrets(new.key, [started_with, &read.config])).flatten();
        let (old, new) = match secret {
            Some([old, new]) => (shown(old), shown(new)),
            None if new.key.secret || holds.value == new.value => continue,
            None => (holds.value.clone(), new.value.clone()),
        };
        let state = match holds.key.holds {
            Holds::AtOnce => KeyState::Changed,
            Holds::AtStart => KeyState::NeedsRestart,
        };
        keys.push(ReloadedKey { key: holds.key.path(), old, new, state });
    }
    keys
}

/// Whether there is a secret under a key before and after, where the two are not the same.
fn secrets(key: &Key, [old, new]: [&Config; 2]) -> Option<[bool; 2]> {
    let of = |config: &Config| match key.section {
        "mysql" => config.mysql.password.clone(),
        _ => config.postgresql.password.clone(),
    };
    let (old, new) = (of(old), of(new));
    (old != new).then_some([old.is_some(), new.is_some()])
}

fn shown(is_there: bool) -> String {
    if is_there { HIDDEN.to_owned() } else { String::new() }
}

/// Where a value came from, as mistakes name it.
fn place(setting: &Setting) -> String {
    let Setting { key, value, origin } = setting;
    format!("{origin}: [{}] {} = {value:?}", key.section, key.name)
}

fn reloaded(keys: Vec<ReloadedKey>, dry_run: bool) -> Reloaded {
    let changed = keys.iter().any(|key| key.state == KeyState::Changed);
    Reloaded { changed, dry_run, mistakes: Vec::new(), keys }
}

fn refused(mut mistakes: Vec<String>, dry_run: bool) -> Reloaded {
    if mistakes.len() > MISTAKES_MAX {
        let more = mistakes.len() - MISTAKES_MAX;
        mistakes.truncate(MISTAKES_MAX);
        mistakes.push(format!("... and {more} more"));
    }
    Reloaded { changed: false, dry_run, mistakes, keys: Vec::new() }
}

fn tell_mistakes(mistakes: &[String]) {
    error!(mistakes = mistakes.len(), "the configuration has mistakes: nothing was changed");
    mistakes.iter().take(MISTAKES_MAX).for_each(|mistake| error!("{mistake}"));
}
