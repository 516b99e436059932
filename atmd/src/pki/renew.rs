//! `atmd pki renew`: new certificates for keys that stay, so that whoever trusts or knows a key goes on.
//!
//! The first operator is known to the ledger by its certificate. The one that it is known by stays beside the new one
//! until atmd has told the ledger of that.

use super::certificate::{DAY_MS, Lasts, Stated, in_pem, key_in_pem, pem, public_key};
use super::{Pki, PkiError, ROOT, kept, read, stated, stated_in_pem, write};
use crate::files;
use crate::ledger::operators::Certificate;
use rustix::fs::{FlockOperation, flock};
use std::fs::{self, File};
use std::io;
use std::path::PathBuf;
use zeroize::Zeroizing;

/// What ends within this time is renewed: a CA's must outlast what it issues.
const CA_DUE_MS: i64 = (Lasts::Operator as i64 + 30) * DAY_MS;
const ROOT_DUE_MS: i64 = 180 * DAY_MS;

/// Which certificates are renewed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    /// Those that end soon.
    Ending,
    /// All that there are.
    All,
}

/// The first operator's new certificate, which the ledger does not know yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Renewed {
    /// Fingerprint of the one that it takes the place of.
    pub replaces: [u8; 32],
    /// Its own.
    pub fingerprint: [u8; 32],
    /// The certificate.
    pub certificate: Certificate,
}

impl Pki {
    /// Renews certificates that lie here, and says what was done.
    ///
    /// # Errors
    /// [`PkiError`]; a repeat goes on where this one ended.
    pub fn renew(&self, which: Which) -> Result<String, PkiError> {
        let _lock = self.lock()?;
        let now = self.clock.now();
        // One that is not valid yet was made by a clock that was ahead.
        let due = |stated: &Stated, ms: i64| {
            which == Which::All || stated.until.since_ms(now) < ms || stated.from > now
        };
        let mut told = String::new();
        let mut say = |what: &str, text: &str| told += &format!("{what:<8}{text}\n");
        let (certificate, key) = self.authority()?;
        let ca = stated(&certificate).ok_or(PkiError::Unreadable)?;
        let of_kept = |stated: &Stated| format!("stays; it ends at {}, and --all renews it", stated.until);
        if self.next_authority()?.is_some() {
            say("ca", "stays; another one takes its place (atmd pki rotate --finish)");
        } else if due(&ca, CA_DUE_MS) {
            let name = ca.subject.strip_prefix("CN=").unwrap_or(&ca.subject);
            let renewed = self.ca_params(name)?.self_signed(&key)?;
            write(&self.ca(), &renewed.pem(), 0o644)?;
            say("ca", "renewed with the same key; who has the old certificate goes on with it");
        } else {
            say("ca", &of_kept(&ca));
        }
        match self.root() {
            Some(root) if due(&root, ROOT_DUE_MS) => {
                self.renew_root()?;
                say(
                    ROOT,
                    "renewed with the same key; copies of the old file are refused once atmd knows this one",
                );
            }
            Some(root) => say(ROOT, &of_kept(&root)),
            None => say(ROOT, "is not here; `atmctl operator renew` renews operators' certificates"),
        }
        say("server", "is issued anew by atmd itself, at each start and before it ends");
        Ok(told + "Next, if atmd runs: systemctl reload-or-restart atmd\n")
    }

    /// Nobody else changes certificates as long as this is there.
    pub(super) fn lock(&self) -> Result<File, PkiError> {
        let failed = |source| PkiError::File { path: self.private.clone(), source };
        let folder = File::open(&self.private).map_err(failed)?;
        match flock(&folder, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(folder),
            Err(error) if error == rustix::io::Errno::WOULDBLOCK => Err(PkiError::Busy(self.private.clone())),
            Err(error) => Err(failed(error.into())),
        }
    }

    /// The certificate that the ledger knows the first operator by, where it is not that of its file.
    fn root_before(&self) -> PathBuf {
        self.private.join("root.before.pem")
    }

    /// Certifies the first operator's key anew, by the CA of operators.
    pub(super) fn renew_root(&self) -> Result<(), PkiError> {
        let path = self.root_identity();
        let text = Zeroizing::new(read(&path)?);
        let key = key_in_pem(&text)?;
        let before = self.root_before();
        if !before.exists() {
            let known = in_pem(&text).into_iter().next().ok_or(PkiError::Unreadable)?;
            write(&before, &pem(&known), 0o600)?;
        }
        let certificate = self.operator_certificate(ROOT, &key)?;
        write(&path, &(certificate.pem() + &key.serialize_pem()), 0o600)
    }

    /// What the ledger is to learn of the first operator, if anything.
    ///
    /// # Errors
    /// [`PkiError`].
    pub fn renewed_root(&self) -> Result<Option<Renewed>, PkiError> {
        let before = match read(&self.root_before()) {
            Err(PkiError::File { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
                return Ok(None);
            }
            before => before?,
        };
        let text = Zeroizing::new(read(&self.root_identity())?);
        let (Some(before), Some(now)) = (stated_in_pem(&before), stated_in_pem(&text)) else {
            return Ok(None);
        };
        // Another key is another operator's business.
        if before.fingerprint == now.fingerprint || before.key != now.key {
            return Ok(None);
        }
        let pem = in_pem(&text).first().map(pem).unwrap_or_default();
        let certificate = Certificate { key: now.key, pem };
        Ok(Some(Renewed { replaces: before.fingerprint, fingerprint: now.fingerprint, certificate }))
    }

    /// The ledger knows what [`renewed_root`](Self::renewed_root) told, by its fingerprint, or will never take it.
    /// Where root was renewed once more meanwhile, there is that to tell.
    ///
    /// # Errors
    /// [`PkiError::File`], and [`PkiError::Busy`] while certificates are being changed.
    pub fn root_is_known(&self, told: &[u8; 32]) -> Result<(), PkiError> {
        let _lock = self.lock()?;
        if self.root().is_some_and(|root| root.fingerprint != *told) {
            return Ok(());
        }
        let path = self.root_before();
        let removed = fs::remove_file(&path).and_then(|()| files::sync_folder_of(&path));
        removed.map_err(|source| PkiError::File { path, source })
    }

    /// Certifies the key of a certificate anew.
    ///
    /// # Errors
    /// [`PkiError`].
    pub fn recertify(&self, name: &str, pem: &str) -> Result<([u8; 32], Certificate), PkiError> {
        let der = in_pem(pem).into_iter().next().ok_or(PkiError::Unreadable)?;
        let key = public_key(&der).ok_or(PkiError::Unreadable)?;
        Ok(kept(&self.operator_certificate(name, &key)?, &key))
    }
}
