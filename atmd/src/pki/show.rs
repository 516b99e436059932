//! `atmd pki show`: the certificates that lie in the data directory and those of the site, as lines.

use super::certificate::{DAY_MS, in_pem, stated};
use super::{Pki, PkiError, read};
use crate::config::Config;
use atm_rpc::types::time::Timestamp;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// Tells what certificates there are.
///
/// # Errors
/// [`PkiError`] where a file that must be there cannot be read.
pub fn show(pki: &Pki, config: &Config) -> Result<String, PkiError> {
    let mut text = String::new();
    let mut files: Vec<(&str, PathBuf)> = vec![("ca", pki.ca())];
    if pki.root_identity().exists() {
        files.push(("root", pki.root_identity()));
    }
    let (server, operator) = (&config.server, &config.operator);
    let of_site = [("server", &server.certificate), ("operators' listener", &operator.certificate)];
    files.extend(of_site.iter().filter_map(|(what, own)| Some((*what, own.as_ref()?.certificate.clone()))));
    for (what, path) in &files {
        lines(&mut text, what, path, pki.clock.now())?;
    }
    for (what, own) in of_site {
        if own.is_none() {
            let _ = writeln!(
                text,
                "{what}\n  issued by atmd at its start and before it ends, and kept in memory"
            );
        }
    }
    if pki.next_authority()?.is_some() {
        text += "a change of CAs is under way; it ends with: atmd pki rotate --finish\n";
    }
    Ok(text)
}

fn lines(text: &mut String, what: &str, path: &Path, now: Timestamp) -> Result<(), PkiError> {
    for stated in in_pem(&read(path)?).iter().filter_map(stated) {
        let days = stated.until.since_ms(now).div_euclid(DAY_MS);
        let left = if stated.until <= now {
            "it has ended".to_owned()
        } else if stated.from > now {
            "not valid yet; is this machine's clock right?".to_owned()
        } else {
            format!("{days} days left")
        };
        let fingerprint: Vec<String> = stated.fingerprint.iter().map(|byte| format!("{byte:02x}")).collect();
        let names = if stated.names.is_empty() { "-".to_owned() } else { stated.names.join(", ") };
        // Writing to a string does not fail.
        let _ = write!(
            text,
            "{what}\n  file         {}\n  subject      {}\n  issuer       {}\n  names        {names}\n  \
             fingerprint  {}\n  from         {}\n  until        {} ({left})\n",
            path.display(),
            stated.subject,
            stated.issuer,
            fingerprint.concat(),
            stated.from,
            stated.until,
        );
    }
    Ok(())
}
