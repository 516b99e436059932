//! The certificate that a listener shows: a site's own, or one of the bank's CA that is issued anew before it ends.

use super::certificate::{self, DAY_MS, Stated};
use super::{Pki, PkiError};
use atm_rpc::types::time::Timestamp;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tracing::{info, warn};

/// So long before its end a certificate is issued anew.
const RENEW_BEFORE_MS: i64 = 90 * DAY_MS;
/// When that is tried again where it failed.
const RETRY_MS: i64 = 60 * 60 * 1_000;

/// What is shown at each handshake.
#[derive(Debug)]
pub struct ServerCertificate {
    /// Where the next one comes from; nowhere where it is a site's.
    issued: Option<(Pki, Vec<String>)>,
    shown: Mutex<Shown>,
}

#[derive(Debug)]
struct Shown {
    key: Arc<CertifiedKey>,
    stated: Stated,
    /// Not again before.
    tried_at: Option<Timestamp>,
}

impl Shown {
    fn new(key: CertifiedKey) -> Option<Self> {
        let stated = certificate::stated(key.cert.first()?)?;
        Some(Self { key: Arc::new(key), stated, tried_at: None })
    }

    /// Also where the clock was set back so far that it is not valid yet.
    fn is_due(&self, now: Timestamp) -> bool {
        let near = self.stated.until.since_ms(now) < RENEW_BEFORE_MS || now < self.stated.from;
        near && self.tried_at.is_none_or(|then| now.since_ms(then).max(then.since_ms(now)) >= RETRY_MS)
    }
}

impl ServerCertificate {
    /// One of the bank's CA for these names.
    ///
    /// # Errors
    /// [`PkiError`].
    pub(super) fn issued(pki: Pki, names: Vec<String>) -> Result<Arc<Self>, PkiError> {
        let shown = Shown::new(pki.server(&names)?).ok_or(PkiError::Unreadable)?;
        Ok(Arc::new(Self { issued: Some((pki, names)), shown: Mutex::new(shown) }))
    }

    /// A site's own, which was looked at.
    pub(super) fn of_site(key: CertifiedKey) -> Option<Arc<Self>> {
        Some(Arc::new(Self { issued: None, shown: Mutex::new(Shown::new(key)?) }))
    }

    /// What it says.
    #[must_use]
    pub fn stated(&self) -> Stated {
        self.current().stated.clone()
    }

    fn current(&self) -> MutexGuard<'_, Shown> {
        let mut shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((pki, names)) = &self.issued {
            let now = pki.clock.now();
            if shown.is_due(now) {
                match pki.server(names).map(Shown::new) {
                    Ok(Some(new)) => {
                        info!(until = %new.stated.until, "the server's certificate was issued anew");
                        *shown = new;
                    }
                    failed => {
                        let error = failed.err().unwrap_or(PkiError::Unreadable);
                        let until = shown.stated.until;
                        warn!(%error, %until, "the server's certificate cannot be issued anew; trying again in an hour");
                        shown.tried_at = Some(now);
                    }
                }
            }
        }
        shown
    }
}

impl ResolvesServerCert for ServerCertificate {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.current().key))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;
    use std::fs;
    use std::sync::atomic::{AtomicI64, Ordering};

    #[test]
    fn a_certificate_is_issued_anew_before_it_ends_and_where_the_clock_was_wrong() {
        let folder = tempfile::tempdir().unwrap();
        let begun = Timestamp::parse("2026-11-22T10:00:00Z").unwrap();
        let ms = Arc::new(AtomicI64::new(begun.ms()));
        let pki = Pki::in_data_dir(folder.path(), Clock::Set(Arc::clone(&ms))).unwrap();
        pki.found(false).unwrap();
        let certificate = ServerCertificate::issued(pki, vec!["atm.example.org".to_owned()]).unwrap();
        let first = certificate.stated();
        assert!(first.names.contains(&"atm.example.org".to_owned()), "{first:?}");
        let after = |days: i64| {
            ms.store(begun.plus_ms(days * DAY_MS).ms(), Ordering::Relaxed);
            certificate.stated()
        };
        assert_eq!(after(-6), first);
        assert_eq!(after(300), first);
        let second = after(301);
        assert_eq!(second.until, begun.plus_ms((301 + 390) * DAY_MS));
        let third = after(-300);
        assert_eq!(third.until, begun.plus_ms(90 * DAY_MS));
        // Without the key of the CA the one that there is goes on, and what was lost may come back.
        let key = folder.path().join("pki/ca.key");
        let kept = fs::read(&key).unwrap();
        fs::remove_file(&key).unwrap();
        assert_eq!(after(80), third);
        fs::write(&key, kept).unwrap();
        assert_eq!(after(80), third, "an hour has not passed");
        assert_ne!(after(81), third);
    }
}
