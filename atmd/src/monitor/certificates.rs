//! When certificates end, and what is said of those that do so soon.

use super::{Monitor, Sources};
use crate::clock;
use crate::ledger::operators::Operator;
use crate::pki::{ROOT, ServerCertificate, Stated, stated_in_pem};
use crate::store::{Store, StoreError};
use atm_rpc::operator::metrics::CertificateMetrics;
use atm_rpc::types::time::Timestamp;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tracing::warn;

/// How often they are looked at.
const INTERVAL: Duration = Duration::from_secs(60);
/// How often the log is told of the same ones.
const TELL_INTERVAL: Duration = Duration::from_secs(24 * 60 * 60);
/// Operators whose certificates are looked at.
const OPERATORS_MAX: u64 = 1_000;
const DAY_MS: i64 = 24 * 60 * 60 * 1_000;
/// Who ends within this time is told of.
const SOON_MS: i64 = 30 * DAY_MS;

/// What a certificate is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Server,
    Ca,
    Operator,
}

/// A certificate that ends.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Ending {
    kind: Kind,
    /// The operator's name.
    name: String,
    ends_at: Timestamp,
}

/// What was found when they were looked at last.
#[derive(Debug, Default)]
pub(super) struct Certificates {
    shown: Mutex<Vec<Arc<ServerCertificate>>>,
    found: Mutex<Found>,
}

#[derive(Debug, Default)]
struct Found {
    endings: Vec<Ending>,
    /// Operators who have certificates of a CA that goes.
    of_old_ca: Vec<String>,
    looked_at: Option<Instant>,
    told: Option<(Instant, Vec<String>)>,
}

fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The certificates of operators who are let in.
async fn operators(store: &Store) -> Result<Vec<(String, Stated)>, StoreError> {
    let mut all = store.operators(None, OPERATORS_MAX).await?;
    all.retain(|(_, operator)| operator.enabled);
    let mut kept = store.certificates(all.iter().map(|(_, operator)| operator.id)).await?;
    let stated =
        |operator: Operator, kept: &mut BTreeMap<i64, String>| stated_in_pem(&kept.remove(&operator.id)?);
    Ok(all.into_iter().filter_map(|(name, operator)| Some((name, stated(operator, &mut kept)?))).collect())
}

impl Monitor {
    /// From now on the listeners show these.
    pub fn shows(&self, certificates: [Arc<ServerCertificate>; 2]) {
        *held(&self.certificates.shown) = certificates.into();
        // They are looked at again at once.
        held(&self.certificates.found).looked_at = None;
    }

    /// Looks at them where it is time to.
    pub(super) async fn look_at_certificates(&self, sources: &Sources) {
        let due = |looked_at: Option<Instant>| looked_at.is_none_or(|then| then.elapsed() >= INTERVAL);
        if !due(held(&self.certificates.found).looked_at) {
            return;
        }
        let mut operators = operators(&sources.store).await.unwrap_or_else(|error| {
            warn!(%error, "operators' certificates could not be read");
            Vec::new()
        });
        // The first one may have its certificate in its file alone.
        if let Some(root) = sources.pki.root().filter(|_| operators.iter().all(|(name, _)| name != ROOT)) {
            operators.push((ROOT.to_owned(), root));
        }
        let next = sources.pki.next_ca();
        let of_old_ca = operators.iter().filter(|(_, own)| next.as_ref().is_some_and(|ca| own.issuer != *ca));
        let of_old_ca = of_old_ca.map(|(name, _)| name.clone()).collect();
        let ending = |kind, name: &str, ends_at| Ending { kind, name: name.to_owned(), ends_at };
        let shown = held(&self.certificates.shown).clone();
        let server = shown.iter().map(|one| one.stated().until).min();
        let ca = sources.pki.ca_pem().ok().and_then(|pem| stated_in_pem(&pem)).map(|ca| ca.until);
        let mut endings: Vec<Ending> = server.into_iter().map(|at| ending(Kind::Server, "", at)).collect();
        endings.extend(ca.map(|at| ending(Kind::Ca, "", at)));
        endings.extend(operators.iter().map(|(name, own)| ending(Kind::Operator, name, own.until)));
        {
            let mut found = held(&self.certificates.found);
            (found.endings, found.of_old_ca) = (endings, of_old_ca);
            found.looked_at = Some(clock::monotonic());
        }
        self.tell(sources.clock.now());
    }

    /// Tells the log, once a day and of each change.
    fn tell(&self, now: Timestamp) {
        let warnings = self.certificate_warnings(now);
        let mut found = held(&self.certificates.found);
        let kinds: Vec<String> =
            found.endings.iter().filter(|e| is_near(e, now)).map(|e| format!("{e:?}")).collect();
        let known =
            found.told.as_ref().is_some_and(|(then, told)| *told == kinds && then.elapsed() < TELL_INTERVAL);
        if known || warnings.is_empty() {
            return;
        }
        found.told = Some((clock::monotonic(), kinds));
        drop(found);
        warnings.iter().for_each(|warning| warn!("{warning}"));
    }

    /// What there is to say of certificates that end soon or have ended, and what to do.
    #[must_use]
    pub fn certificate_warnings(&self, now: Timestamp) -> Vec<String> {
        let found = held(&self.certificates.found);
        let mut told: Vec<String> =
            found.endings.iter().filter(|e| is_near(e, now)).map(|e| words(e, now)).collect();
        if !found.of_old_ca.is_empty() {
            told.push(format!(
                "{} have certificates of the CA that goes: atmctl operator renew NAME, before atmd pki rotate --finish",
                found.of_old_ca.join(", ")
            ));
        }
        told
    }

    /// Whether what a listener shows has ended, and nobody can connect.
    #[must_use]
    pub fn server_certificate_ended(&self, now: Timestamp) -> bool {
        held(&self.certificates.found)
            .endings
            .iter()
            .any(|one| one.kind == Kind::Server && one.ends_at <= now)
    }

    /// When the first of each kind ends.
    pub(super) fn certificates(&self, now: Timestamp) -> Vec<CertificateMetrics> {
        let found = held(&self.certificates.found);
        let first = |kind| found.endings.iter().filter(|one| one.kind == kind).map(|one| one.ends_at).min();
        let all = [("server", Kind::Server), ("ca", Kind::Ca), ("operator", Kind::Operator)];
        let told = all.into_iter().filter_map(|(name, kind)| Some((name, first(kind)?)));
        let told = told.map(|(name, ends_at)| CertificateMetrics {
            certificate: name.to_owned(),
            ends_at,
            days_left: days_left(ends_at, now),
        });
        told.collect()
    }
}

fn is_near(one: &Ending, now: Timestamp) -> bool {
    one.ends_at.since_ms(now) < SOON_MS
}

fn days_left(ends_at: Timestamp, now: Timestamp) -> i64 {
    ends_at.ms().saturating_sub(now.ms()).div_euclid(DAY_MS)
}

fn words(one: &Ending, now: Timestamp) -> String {
    let (whose, cure) = match (one.kind, one.name.as_str()) {
        (Kind::Server, _) => (
            "the server".to_owned(),
            "put a newer one in its place and reload atmd, or see the log for why none is issued".to_owned(),
        ),
        (Kind::Ca, _) => ("the CA".to_owned(), "atmd pki renew".to_owned()),
        (Kind::Operator, ROOT) => ("operator root".to_owned(), "atmd pki renew".to_owned()),
        (Kind::Operator, name) => (format!("operator {name}"), format!("atmctl operator renew {name}")),
    };
    let when = match days_left(one.ends_at, now) {
        ..0 => format!("ended at {}", one.ends_at),
        0 => "ends today".to_owned(),
        days => format!("ends in {days} days"),
    };
    format!("the certificate of {whose} {when}: {cure}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_ends_soon_is_told_with_what_to_do() {
        let now = Timestamp::parse("2026-11-22T10:00:00Z").unwrap();
        let table = [
            (Kind::Server, "", 40, None),
            (Kind::Server, "", 29, Some("the certificate of the server ends in 29 days: put a newer")),
            (Kind::Ca, "", 1, Some("the certificate of the CA ends in 1 days: atmd pki renew")),
            (Kind::Operator, "root", 0, Some("the certificate of operator root ends today: atmd pki renew")),
            (
                Kind::Operator,
                "asha",
                -1,
                Some(
                    "the certificate of operator asha ended at 2026-11-21T10:00:00.000Z: atmctl operator renew asha",
                ),
            ),
        ];
        for (kind, name, days, expected) in table {
            let one = Ending { kind, name: name.to_owned(), ends_at: now.plus_ms(days * DAY_MS) };
            let said = is_near(&one, now).then(|| words(&one, now));
            assert_eq!(said.is_some(), expected.is_some(), "{said:?}");
            assert!(said.unwrap_or_default().starts_with(expected.unwrap_or_default()), "{one:?}");
        }
    }
}
