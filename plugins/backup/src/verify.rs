//! `backup verify`: whether a backup is what atmd gave, without atmd.

use crate::file::{Whole, Wrong};
use crate::passphrase::{self, Asked};
use crate::{told, unreadable};
use atm_plugin_sdk::{Column, Host};
use atm_rpc::plugin::{Failure, Kind};
use serde_json::{Value, json};
use std::fs::File;
use std::path::Path;

const TOLD: [Column; 4] = told();
pub(crate) const COLUMNS: &[Column] = &[
    Column::new("file", Kind::Text),
    Column::new("whole", Kind::Boolean),
    Column::new("wrong", Kind::Text),
    Column::new("decrypted", Kind::Boolean),
    Column::new("encrypted", Kind::Boolean),
    Column::new("keys", Kind::Boolean),
    TOLD[0],
    TOLD[1],
    TOLD[2],
    TOLD[3],
];

/// Checks a backup, and prints its row. One that is not whole is a finding.
pub(crate) fn verify(host: &mut Host, path: &Path, passphrase_file: Option<&Path>) -> Result<(), Failure> {
    let passphrase =
        passphrase_file.map(|file| passphrase::get(host, Some(file), Asked::Known)).transpose()?;
    let file = File::open(path).map_err(|error| unreadable(path, &error))?;
    let bar = host.progress();
    let read = Whole::read(file, &|done, total| bar.bytes("checking", done, total));
    let (head, checked) = match read {
        Ok(whole) => {
            let head = whole.head.clone();
            let (total, mut done) = (head.content_bytes().unwrap_or(0), 0);
            let mut count = |_, bytes: &[u8]| {
                done += bytes.len() as u64;
                bar.bytes("checking inside", done, total);
                Ok(())
            };
            let checked = match (&head.encryption, &passphrase) {
                (Some(_), None) => Ok(()),
                (Some(_), Some(passphrase)) => whole.members(passphrase.as_slice(), &mut count),
                (None, None) => whole.members(&[], &mut count),
                (None, Some(_)) => Err(Wrong::Plain),
            };
            (Some(head), checked)
        }
        Err(wrong) => (None, Err(wrong)),
    };
    drop(bar);
    let (whole, wrong) = match checked {
        Ok(()) => (true, None),
        Err(Wrong::Io(error)) => return Err(unreadable(path, &error)),
        Err(wrong) => (false, Some(wrong.to_string())),
    };
    let is_encrypted = head.as_ref().map(|head| head.encryption.is_some());
    let decrypted = whole && is_encrypted == Some(true) && passphrase.is_some();
    let manifest = head.as_ref().map(|head| &head.manifest);
    host.row(&json!({
        "file": path.display().to_string(), "whole": whole, "wrong": wrong, "decrypted": decrypted,
        "encrypted": is_encrypted,
        "keys": head.as_ref().map(super::file::Head::has_keys),
        "bank": manifest.map(|manifest| &manifest.bank),
        "created_at": manifest.map(|manifest| manifest.created_at),
        "last_entry": manifest.map(|manifest| manifest.last_seq),
        "seal_head": manifest.map_or(Value::Null, |manifest| json!(manifest.seal_head)),
    }))?;
    if !whole {
        host.finding();
    } else if is_encrypted == Some(true) && !decrypted {
        host.note(
            "it was checked from outside; with --passphrase-file it is decrypted and checked inside, too",
        );
    }
    Ok(())
}
