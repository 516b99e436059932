//! `atmd pki rotate`: another CA takes the place of the one that there is, in steps between which everybody goes on.
//!
//! From the first step on, both are in `public/ca.pem`: atmd takes operators of both, and terminals that have the file take
//! servers of both. The last step has servers certified by the new one and leaves the old one out. Each file is replaced
//! whole, in an order in which the key of the CA always has its certificate in `public/ca.pem`; a step that was
//! interrupted is repeated.

use super::{Pki, PkiError, in_pem, key_in_pem, pem, read, sha256, stated, write};
use crate::files;
use rcgen::{KeyPair, PublicKeyData};
use rustls::pki_types::CertificateDer;
use std::fs;
use std::io;
use std::path::PathBuf;
use zeroize::Zeroizing;

/// A step of a change of CAs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Makes the new CA.
    Begin,
    /// Takes the old one out.
    Finish,
    /// Takes the new one out.
    Cancel,
}

/// The CA that stays.
#[derive(Clone, Debug)]
pub struct Lasting {
    /// Its certificate.
    pub certificate: CertificateDer<'static>,
    /// Whether it takes the place of another one.
    pub is_next: bool,
}

const NONE_BEGUN: &str = "no change of CAs is under way; begin one: atmd pki rotate --begin";
const ROOT_UNKNOWN: &str = "atmd does not know root's new certificate yet, and root would be locked out: \
    start atmd or see its log, and then this again";
const HALF_FINISHED: &str =
    "servers are certified by the new CA already: go on with atmd pki rotate --finish";

impl Pki {
    /// Takes a step, and says what comes next.
    ///
    /// # Errors
    /// [`PkiError::Rotation`] where it is not its turn; after any other the step is repeated.
    pub fn rotate(&self, step: Step) -> Result<String, PkiError> {
        let _lock = self.lock()?;
        match step {
            Step::Begin => self.begin_rotation(),
            Step::Finish => self.finish_rotation(),
            Step::Cancel => self.cancel_rotation(),
        }
    }

    /// Certificate and key of the next CA.
    fn next(&self) -> PathBuf {
        self.private.join("next-ca.pem")
    }

    /// The CA that takes the place of this one, where there is a change.
    pub(super) fn next_authority(&self) -> Result<Option<(CertificateDer<'static>, KeyPair)>, PkiError> {
        let text = match read(&self.next()) {
            Err(PkiError::File { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
                return Ok(None);
            }
            text => Zeroizing::new(text?),
        };
        let certificate = in_pem(&text).into_iter().next().ok_or(PkiError::Unreadable)?;
        Ok(Some((certificate, key_in_pem(&text)?)))
    }

    /// The CA whose operators are let in when no change is under way any more.
    ///
    /// # Errors
    /// [`PkiError`].
    pub fn lasting_ca(&self) -> Result<Lasting, PkiError> {
        Ok(match self.next_authority()? {
            Some((certificate, _)) => Lasting { certificate, is_next: true },
            None => Lasting { certificate: self.authority()?.0, is_next: false },
        })
    }

    fn begin_rotation(&self) -> Result<String, PkiError> {
        let (old, _) = self.authority()?;
        let (new, _) = match self.next_authority()? {
            Some(begun) => begun,
            None => {
                let key = KeyPair::generate()?;
                let name = stated(&old).map_or_else(String::new, |old| name_after(&old.subject));
                let certificate = self.ca_params(&name)?.self_signed(&key)?;
                write(&self.next(), &(certificate.pem() + &key.serialize_pem()), 0o600)?;
                (certificate.der().clone(), key)
            }
        };
        if old != new {
            write(&self.ca(), &(pem(&old) + &pem(&new)), 0o644)?;
        }
        let root = if self.root().is_some() {
            self.renew_root()?;
            String::new()
        } else {
            let file = self.root_identity();
            format!(
                "root stays with the old CA, because {} is not here: put it there, and give this step again.\n",
                file.display()
            )
        };
        Ok(format!(
            "A new CA is made, and {ca} has both.\n{root}\
             Next:\n  \
             1. systemctl reload-or-restart atmd (before that, root is refused)\n  \
             2. copy {ca} to every terminal and operator\n  \
             3. atmctl operator renew NAME, for each of: atmctl operator list\n  \
             4. atmd pki rotate --finish\n\
             To go back instead: atmd pki rotate --cancel\n",
            ca = self.ca().display()
        ))
    }

    fn finish_rotation(&self) -> Result<String, PkiError> {
        let (new, key) = self.next_authority()?.ok_or(PkiError::Rotation(NONE_BEGUN))?;
        if self.renewed_root()?.is_some() {
            return Err(PkiError::Rotation(ROOT_UNKNOWN));
        }
        write(&self.ca_key(), &key.serialize_pem(), 0o600)?;
        write(&self.ca(), &pem(&new), 0o644)?;
        self.forget_next()?;
        Ok(format!(
            "The new CA is the only one. Certificates of the old one are refused from the next step on.\n\
             Next:\n  \
             1. systemctl reload-or-restart atmd\n  \
             2. copy {} to every terminal and operator, when it suits you: those with both CAs in it go on\n",
            self.ca().display()
        ))
    }

    fn cancel_rotation(&self) -> Result<String, PkiError> {
        let (own, own_key) = self.authority()?;
        let next = self.next_authority()?;
        if next.is_none() && in_pem(&self.ca_pem()?).len() == 1 {
            return Err(PkiError::Rotation(NONE_BEGUN));
        }
        if let Some((_, key)) = next {
            let same = |one: &KeyPair, other: &KeyPair| {
                sha256(&one.subject_public_key_info()) == sha256(&other.subject_public_key_info())
            };
            if same(&key, &own_key) {
                return Err(PkiError::Rotation(HALF_FINISHED));
            }
            self.forget_next()?;
        }
        if self.root().is_some() {
            self.renew_root()?;
        }
        write(&self.ca(), &pem(&own), 0o644)?;
        Ok("The new CA is gone. Operators who were renewed meanwhile are renewed once more: atmctl operator renew NAME\n\
            Next: systemctl reload-or-restart atmd\n"
            .to_owned())
    }

    fn forget_next(&self) -> Result<(), PkiError> {
        let path = self.next();
        let removed = fs::remove_file(&path).and_then(|()| files::sync_folder_of(&path));
        removed.map_err(|source| PkiError::File { path, source })
    }
}

/// `ATM bank CA` is followed by `ATM bank CA 2`, and that by `ATM bank CA 3`.
fn name_after(subject: &str) -> String {
    let name = subject.strip_prefix("CN=").unwrap_or(subject);
    match name.rsplit_once(' ').and_then(|(name, number)| Some((name, number.parse::<u32>().ok()?))) {
        Some((name, number)) => format!("{name} {}", number.saturating_add(1)),
        None => format!("{name} 2"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;
    use crate::pki::renew::Which;
    use crate::pki::{fingerprint, stated_in_pem};
    use std::path::Path;

    fn bank(folder: &Path) -> Pki {
        let pki = Pki::in_data_dir(folder, Clock::System).unwrap();
        pki.found(false).unwrap();
        pki
    }

    /// Who issued what a listener would show.
    fn issuer_of_server(pki: &Pki) -> String {
        stated(pki.server(&[]).unwrap().cert.first().unwrap()).unwrap().issuer
    }

    fn trusted(pki: &Pki) -> Vec<String> {
        let all = in_pem(&pki.ca_pem().unwrap());
        all.iter().map(|der| stated(der).unwrap().subject).collect()
    }

    const OLD: &str = "CN=ATM bank CA";
    const NEW: &str = "CN=ATM bank CA 2";

    #[test]
    fn each_step_keeps_what_the_one_before_it_promised() {
        let folder = tempfile::tempdir().unwrap();
        let pki = bank(folder.path());
        let first = pki.root().unwrap();
        assert!(matches!(pki.rotate(Step::Finish), Err(PkiError::Rotation(NONE_BEGUN))));
        assert!(matches!(pki.rotate(Step::Cancel), Err(PkiError::Rotation(NONE_BEGUN))));
        let _ = pki.rotate(Step::Begin).unwrap();
        assert_eq!(trusted(&pki), [OLD, NEW]);
        assert_eq!(issuer_of_server(&pki), OLD);
        let root = pki.root().unwrap();
        assert_eq!((root.issuer.as_str(), root.key), (NEW, first.key));
        let renewed = pki.renewed_root().unwrap().unwrap();
        assert_eq!((renewed.replaces, renewed.fingerprint), (first.fingerprint, root.fingerprint));
        let authority = fs::read(pki.next()).unwrap();
        let _ = pki.rotate(Step::Begin).unwrap();
        assert_eq!(fs::read(pki.next()).unwrap(), authority, "a repeat makes no third one");
        let again = pki.renewed_root().unwrap().unwrap();
        assert_eq!(again.replaces, first.fingerprint);
        pki.root_is_known(&renewed.fingerprint).unwrap();
        assert_eq!(
            pki.renewed_root().unwrap(),
            Some(again),
            "it was renewed once more while the ledger was told"
        );
        assert!(matches!(pki.rotate(Step::Finish), Err(PkiError::Rotation(ROOT_UNKNOWN))));
        pki.root_is_known(&pki.root().unwrap().fingerprint).unwrap();
        let _ = pki.rotate(Step::Finish).unwrap();
        assert_eq!((trusted(&pki), issuer_of_server(&pki)), (vec![NEW.to_owned()], NEW.to_owned()));
        assert!(!pki.next().exists());
        let _ = pki.rotate(Step::Begin).unwrap();
        assert_eq!(trusted(&pki), [NEW, "CN=ATM bank CA 3"]);
    }

    #[test]
    fn a_step_that_was_interrupted_anywhere_is_repeated() {
        // The files that a step had written when the machine stopped.
        for written in 0..3 {
            let folder = tempfile::tempdir().unwrap();
            let pki = bank(folder.path());
            let _ = pki.rotate(Step::Begin).unwrap();
            pki.root_is_known(&pki.root().unwrap().fingerprint).unwrap();
            let next = fs::read(pki.next()).unwrap();
            let both = pki.ca_pem().unwrap();
            let _ = pki.rotate(Step::Finish).unwrap();
            let (new_key, new) = (fs::read(pki.ca_key()).unwrap(), pki.ca_pem().unwrap());
            fs::write(pki.next(), next).unwrap();
            fs::write(pki.ca(), if written == 2 { new.clone() } else { both }).unwrap();
            assert_eq!(issuer_of_server(&pki), NEW, "{written}");
            if written > 0 {
                assert!(matches!(pki.rotate(Step::Cancel), Err(PkiError::Rotation(HALF_FINISHED))));
            }
            let _ = pki.rotate(Step::Finish).unwrap();
            assert_eq!((fs::read(pki.ca_key()).unwrap(), pki.ca_pem().unwrap()), (new_key, new), "{written}");
        }
    }

    #[test]
    fn a_change_is_cancelled_and_root_is_the_old_cas_again() {
        let folder = tempfile::tempdir().unwrap();
        let pki = bank(folder.path());
        let (key, ca, first) = (fs::read(pki.ca_key()).unwrap(), pki.ca_pem().unwrap(), pki.root().unwrap());
        let _ = pki.rotate(Step::Begin).unwrap();
        let _ = pki.rotate(Step::Cancel).unwrap();
        assert_eq!((fs::read(pki.ca_key()).unwrap(), in_pem(&pki.ca_pem().unwrap())), (key, in_pem(&ca)));
        let root = pki.root().unwrap();
        assert_eq!((root.issuer.as_str(), root.key), (OLD, first.key));
        assert_eq!(pki.renewed_root().unwrap().unwrap().replaces, first.fingerprint);
    }

    #[test]
    fn renewed_certificates_have_the_same_keys() {
        let folder = tempfile::tempdir().unwrap();
        let pki = bank(folder.path());
        let (ca, root) = (stated_in_pem(&pki.ca_pem().unwrap()).unwrap(), pki.root().unwrap());
        assert!(pki.renew(Which::Ending).unwrap().contains("ca      stays"));
        assert_eq!(pki.renewed_root().unwrap(), None);
        assert!(pki.renew(Which::All).unwrap().contains("root    renewed"));
        let (new_ca, new_root) = (stated_in_pem(&pki.ca_pem().unwrap()).unwrap(), pki.root().unwrap());
        assert_eq!((&new_ca.subject, new_ca.key), (&ca.subject, ca.key));
        assert_ne!(new_ca.fingerprint, ca.fingerprint);
        assert_eq!(new_root.key, root.key);
        let (again, certificate) = pki.recertify("ravi", &pki.ca_pem().unwrap()).unwrap();
        let renewed = stated_in_pem(&certificate.pem).unwrap();
        assert_eq!((renewed.subject.as_str(), renewed.key, renewed.fingerprint), ("CN=ravi", ca.key, again));
        assert_eq!(fingerprint(&in_pem(&certificate.pem)[0]), again);
        let held = pki.lock().unwrap();
        assert!(matches!(pki.renew(Which::All), Err(PkiError::Busy(_))));
        drop(held);
        let elsewhere = Pki::of_bank(&folder.path().join("none"), Clock::System);
        assert!(matches!(elsewhere, Err(PkiError::NoBank(_))));
    }
}
