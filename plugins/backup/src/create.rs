//! `backup create`: has atmd put a backup together, fetches it part by part, and writes it to a file, encrypted on the
//! way. A file is whole, or it is empty again, which atmctl takes away.

use crate::file::{Head, Writer, check_names};
use crate::passphrase::{self, Asked, Passphrase};
use crate::seal::Encryption;
use crate::{interrupted, told, unwritable};
use atm_plugin_sdk::job::{Ended, follow};
use atm_plugin_sdk::{Column, Host};
use atm_rpc::operator::backup::{Keys, Manifest};
use atm_rpc::operator::ledger::JobEnd;
use atm_rpc::plugin::{Code, Failure, Kind};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use std::fs::{File, OpenOptions, Permissions};
use std::io::{BufWriter, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use zeroize::Zeroizing;

const TOLD: [Column; 4] = told();
pub(crate) const COLUMNS: &[Column] = &[
    Column::new("file", Kind::Text),
    Column::new("bytes", Kind::Number),
    Column::new("encrypted", Kind::Boolean),
    Column::new("keys", Kind::Boolean),
    TOLD[0],
    TOLD[1],
    TOLD[2],
    TOLD[3],
];

/// Writes a backup, and prints its row.
pub(crate) async fn create(
    host: &mut Host,
    out: &Path,
    passphrase_file: Option<&Path>,
    keys: Keys,
) -> Result<(), Failure> {
    let passphrase = match (passphrase_file, keys) {
        (None, Keys::LeftOut) => None,
        (file, _) => Some(passphrase::get(host, file, Asked::New)?),
    };
    let file = new_file(out)?;
    // What is dropped takes along what it buffered, before the file is emptied.
    let written = tokio::select! {
        biased;
        () = interrupted() => Err(Failure::new(Code::Interrupted, "interrupted")),
        written = write(host, out, &file, passphrase.as_ref(), keys) => written,
    };
    match written {
        Ok(row) => {
            if passphrase.is_none() {
                host.warn("this backup is not encrypted, and it holds personal data: who has it reads it")?;
            }
            host.row(&row)
        }
        // A part of a backup is none. Where it cannot be cut off either, both are told.
        Err(failure) => Err(match file.set_len(0) {
            Ok(()) => failure,
            Err(error) => unwritable(out, &format!("{failure}, and it holds a part: {error}")),
        }),
    }
}

/// The file that atmctl made, which must have nothing yet.
fn new_file(path: &Path) -> Result<File, Failure> {
    let file = OpenOptions::new().write(true).open(path).map_err(|error| unwritable(path, &error))?;
    let about = file.metadata().map_err(|error| unwritable(path, &error))?;
    if about.len() > 0 {
        let text = format!("{} has something in it already", path.display());
        return Err(Failure::new(Code::Conflict, text).hint("name a new file, or take that one away"));
    }
    if about.is_file() {
        // One that was there may be for everybody.
        file.set_permissions(Permissions::from_mode(0o600)).map_err(|error| unwritable(path, &error))?;
    }
    Ok(file)
}

async fn write(
    host: &Host,
    out: &Path,
    file: &File,
    passphrase: Option<&Passphrase>,
    keys: Keys,
) -> Result<Value, Failure> {
    let begun = host.call(async |atmd, context| atmd.backup_create(context, keys).await).await?;
    let Ended { end: JobEnd::BackedUp(manifest), .. } = follow(host, begun).await? else {
        return Err(Failure::new(Code::Protocol, "atmd ended another job than was begun"));
    };
    // What could not be brought back is no backup.
    check_names(&manifest.members)
        .map_err(|wrong| Failure::new(Code::Protocol, format!("atmd's backup: {wrong}")))?;
    let no_salt = |error| Failure::new(Code::Failed, format!("no random numbers: {error}"));
    let encryption = passphrase.map(|_| Encryption::new()).transpose().map_err(no_salt)?;
    let head = Head { manifest: *manifest, encryption };
    let cannot = |error| unwritable(out, &error);
    let passphrase = passphrase.map_or(&[][..], |passphrase| passphrase.as_slice());
    let mut writer = Writer::begin(BufWriter::new(file), &head, passphrase).map_err(cannot)?;
    fetch(host, &head, &mut writer, out).await?;
    writer.finish().and_then(|mut buffer| buffer.flush()).map_err(cannot)?;
    // It is there when the machine stops, too.
    file.sync_all().map_err(cannot)?;
    let bytes = file.metadata().map_err(cannot)?.len();
    let Manifest { bank, created_at, last_seq, seal_head, .. } = &head.manifest;
    Ok(json!({
        "file": out.display().to_string(), "bytes": bytes, "encrypted": head.encryption.is_some(),
        "keys": head.has_keys(), "bank": bank, "created_at": created_at, "last_entry": last_seq,
        "seal_head": seal_head,
    }))
}

/// Every member, part by part, each as long and with the digest that the manifest says.
async fn fetch<W: Write>(
    host: &Host,
    head: &Head,
    writer: &mut Writer<W>,
    out: &Path,
) -> Result<(), Failure> {
    let differs =
        |name: &str| Failure::new(Code::Protocol, format!("atmd sent another {name} than it told of"));
    let (bar, total, mut done) = (host.progress(), head.content_bytes().unwrap_or(0), 0);
    for (place, member) in (0_u32..).zip(&head.manifest.members) {
        let (mut offset, mut hasher) = (0, blake3::Hasher::new());
        while offset < member.bytes {
            let part = host.call(async |atmd, context| atmd.backup_read(context, place, offset).await).await;
            let part = Zeroizing::new(part.map_err(lost)?.base64);
            let bytes = STANDARD.decode(part.as_bytes()).map_err(|_| differs(&member.name))?;
            let bytes = Zeroizing::new(bytes);
            offset += bytes.len() as u64;
            if bytes.is_empty() || offset > member.bytes {
                return Err(differs(&member.name));
            }
            hasher.update(&bytes);
            writer.write(&bytes).map_err(|error| unwritable(out, &error))?;
            done += bytes.len() as u64;
            bar.bytes("fetching", done, total);
        }
        if hasher.finalize().to_hex().as_str() != member.blake3 {
            return Err(differs(&member.name));
        }
    }
    Ok(())
}

/// A backup goes with the connection on which it was made.
fn lost(failure: Failure) -> Failure {
    match failure.code {
        Code::NotFound => {
            Failure::new(Code::TryAgain, "the connection to atmd broke, and the backup ended with it")
        }
        _ => failure,
    }
}
