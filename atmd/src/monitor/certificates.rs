//! When certificates end, and what is said of those that do so soon.

use super::{Monitor, Sources};
use crate::clock;
use crate::ledger::operators::Operator;
use crate::pki::{Lasting, ROOT, ServerCertificate, Stated, in_pem, is_issued_by, stated, stated_in_pem};
use crate::store::{Store, StoreError};
use atm_rpc::operator::metrics::CertificateMetrics;
use atm_rpc::types::time::Timestamp;
use rustls::pki_types::CertificateDer;
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

/// What is said of operators while another CA comes, and when none comes.
const NOT_OF_NEXT: &str = " have certificates of another CA than the next one: atmctl operator renew NAME, before atmd pki rotate --finish";
const OF_NONE: &str = " have certificates of a CA that is gone, and are refused: atmctl operator renew NAME";

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
    begins_at: Timestamp,
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
    /// Operators who have certificates of another CA than the one that stays, and whether that one is to come.
    of_other_ca: (Vec<String>, bool),
    looked_at: Option<Instant>,
    told: Option<(Instant, Vec<String>)>,
}

fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The certificates of operators who are let in.
async fn operators(store: &Store) -> Result<Vec<(String, CertificateDer<'static>)>, StoreError> {
    let mut all = store.operators(None, OPERATORS_MAX).await?;
    all.retain(|(_, operator)| operator.enabled);
    let mut kept = store.certificates(all.iter().map(|(_, operator)| operator.id)).await?;
    let mut certificate = |operator: &Operator| in_pem(&kept.remove(&operator.id)?).into_iter().next();
    Ok(all.into_iter().filter_map(|(name, operator)| Some((name, certificate(&operator)?))).collect())
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
        let root = sources.pki.root_certificate();
        if let Some(root) = root.filter(|_| operators.iter().all(|(name, _)| name != ROOT)) {
            operators.push((ROOT.to_owned(), root));
        }
        let of_other_ca = match sources.pki.lasting_ca() {
            Ok(Lasting { certificate, is_next }) => {
                let other = operators.iter().filter(|(_, own)| !is_issued_by(own, &certificate));
                (other.map(|(name, _)| name.clone()).collect(), is_next)
            }
            Err(error) => {
                warn!(%error, "the CA could not be read");
                (Vec::new(), false)
            }
        };
        let ending = |kind, name: &str, of: &Stated| Ending {
            kind,
            name: name.to_owned(),
            begins_at: of.from,
            ends_at: of.until,
        };
        let shown = held(&self.certificates.shown).clone();
        let server = shown.iter().map(|one| one.stated()).min_by_key(|stated| stated.until);
        let ca = sources.pki.ca_pem().ok().and_then(|pem| stated_in_pem(&pem));
        let mut endings: Vec<Ending> = server.iter().map(|of| ending(Kind::Server, "", of)).collect();
        endings.extend(ca.iter().map(|of| ending(Kind::Ca, "", of)));
        let of_operators =
            operators.iter().filter_map(|(name, own)| Some(ending(Kind::Operator, name, &stated(own)?)));
        endings.extend(of_operators);
        {
            let mut found = held(&self.certificates.found);
            (found.endings, found.of_other_ca) = (endings, of_other_ca);
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
        let (names, is_next) = &found.of_other_ca;
        if !names.is_empty() {
            told.push(names.join(", ") + if *is_next { NOT_OF_NEXT } else { OF_NONE });
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
    one.ends_at.since_ms(now) < SOON_MS || one.begins_at > now
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
    if one.begins_at > now {
        let begins_at = one.begins_at;
        return format!(
            "the certificate of {whose} is not valid before {begins_at}: look at this machine's clock, or {cure}"
        );
    }
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
            let (begins_at, ends_at) = (now, now.plus_ms(days * DAY_MS));
            let one = Ending { kind, name: name.to_owned(), begins_at, ends_at };
            let said = is_near(&one, now).then(|| words(&one, now));
            assert_eq!(said.is_some(), expected.is_some(), "{said:?}");
            assert!(said.unwrap_or_default().starts_with(expected.unwrap_or_default()), "{one:?}");
        }
        let (begins_at, ends_at) = (now.plus_ms(1), now.plus_ms(700 * DAY_MS));
        let early = Ending { kind: Kind::Ca, name: String::new(), begins_at, ends_at };
        assert!(is_near(&early, now) && !is_near(&early, begins_at));
        let told = "the certificate of the CA is not valid before 2026-11-22T10:00:00.001Z: look at this machine's clock, or \
                    atmd pki renew";
        assert_eq!(words(&early, now), told);
    }
}
