//! `backup restore`: a data directory made of a backup, in an empty folder, all of it or nothing.
//!
//! Everything is written, synced and checked in a folder within that one, and then moved out of it. As long as that
//! folder is there, atmd does not start on what is beside it.

use crate::file::{Head, Whole, Wrong};
use crate::passphrase::{self, Asked};
use crate::{interrupted, told, unreadable, unwritable};
use atm_plugin_sdk::{Column, Host};
use atm_rpc::operator::backup::{FOLDERS, Manifest, RESTORED, RESTORING};
use atm_rpc::plugin::{Code, Failure, Kind};
use serde_json::json;
use std::ffi::OsString;
use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::task::spawn_blocking;

const TOLD: [Column; 4] = told();
pub(crate) const COLUMNS: &[Column] = &[
    Column::new("folder", Kind::Text),
    Column::new("files", Kind::Number),
    Column::new("bytes", Kind::Number),
    Column::new("engine", Kind::Text),
    Column::new("keys", Kind::Boolean),
    TOLD[0],
    TOLD[1],
    TOLD[2],
    TOLD[3],
];

/// Restores a backup, prints its row, and says what comes next.
pub(crate) async fn restore(
    host: &mut Host,
    path: &Path,
    into: &Path,
    passphrase_file: Option<&Path>,
) -> Result<(), Failure> {
    check_empty(into)?;
    let file = File::open(path).map_err(|error| unreadable(path, &error))?;
    let bar = host.progress();
    let whole = Whole::read(file, &|done, total| bar.bytes("checking", done, total));
    drop(bar);
    let whole = whole.map_err(|wrong| refused(path, wrong))?;
    let passphrase = match (&whole.head.encryption, passphrase_file) {
        (Some(_), file) => passphrase::get(host, file, Asked::Known)?,
        (None, Some(_)) => return Err(refused(path, Wrong::Plain)),
        (None, None) => {
            host.note(
                "the backup is not encrypted, so nobody vouches for it: compare its seal_head with the log",
            );
            passphrase::Passphrase::default()
        }
    };
    let head = whole.head.clone();
    let part = into.join(RESTORING);
    let bar = host.progress();
    let total = head.content_bytes().unwrap_or(0);
    let (stopped, below) = (Arc::new(AtomicBool::new(false)), part.clone());
    let (asked, interrupted) = (Arc::clone(&stopped), interrupted());
    let mut unpacking = spawn_blocking(move || {
        unpack(whole, &passphrase, &below, &|done| {
            bar.bytes("restoring", done, total);
            if asked.load(Ordering::Relaxed) { Err(io::Error::other("interrupted")) } else { Ok(()) }
        })
    });
    // What is there by then are keys in the clear: they are taken away again.
    let unpacked = tokio::select! {
        biased;
        () = interrupted => {
            stopped.store(true, Ordering::Relaxed);
            unpacking.await
        }
        unpacked = &mut unpacking => unpacked,
    };
    let unpacked = unpacked.map_err(|error| unwritable(into, &error))?;
    let restored = unpacked.map_err(|wrong| match wrong {
        _ if stopped.load(Ordering::Relaxed) => Failure::new(Code::Interrupted, "interrupted"),
        Wrong::Io(error) => unwritable(into, &error),
        wrong => refused(path, wrong),
    });
    let restored = restored.and_then(|()| settle(&part, into).map_err(|error| unwritable(into, &error)));
    if let Err(failure) = restored {
        return Err(match clear(into) {
            Ok(()) => failure,
            Err(error) => Failure::new(failure.code, format!("{failure}; what was written stays: {error}"))
                .hint(format!("empty {}", into.display())),
        });
    }
    let Manifest { engine, bank, created_at, last_seq, seal_head, members, .. } = &head.manifest;
    host.row(&json!({
        "folder": into.display().to_string(), "files": members.len(), "bytes": total, "engine": engine,
        "keys": head.has_keys(), "bank": bank, "created_at": created_at, "last_entry": last_seq,
        "seal_head": seal_head,
    }))?;
    tell_next(host, &head, into);
    Ok(())
}

/// What the operator does now.
fn tell_next(host: &Host, head: &Head, into: &Path) {
    let into = into.display();
    if !head.has_keys() {
        host.note(&format!("the backup has no keys: put `keys` and `pki` of this bank into {into}"));
    }
    if head.manifest.engine == "sqlite" {
        host.note(&format!("with [server] data_dir = {into}, owned by atmd's user, start atmd"));
    } else {
        host.note(&format!(
            "with [server] data_dir = {into}, owned by atmd's user, and an empty database configured, run `atmd load`, \
             and start atmd"
        ));
    }
    host.note("then run `atmctl ledger verify`; let the bank that this is a copy of never run again");
}

fn refused(path: &Path, wrong: Wrong) -> Failure {
    match wrong {
        Wrong::Io(error) => unreadable(path, &error),
        wrong => {
            let is_plain = matches!(wrong, Wrong::Plain);
            let failure = Failure::new(Code::Failed, format!("{} is not restored: {wrong}", path.display()));
            if is_plain {
                failure.hint("if it was made without one, leave --passphrase-file out")
            } else {
                failure
            }
        }
    }
}

fn check_empty(into: &Path) -> Result<(), Failure> {
    let folder = into.display();
    if !into.is_dir() {
        let text = format!("{folder} is no folder");
        return Err(Failure::new(Code::NotFound, text).hint(format!("make an empty one: mkdir {folder}")));
    }
    let there = fs::read_dir(into).and_then(|there| there.map(|one| Ok(one?.file_name())).collect());
    let there: Vec<OsString> = there.map_err(|error| unreadable(into, &error))?;
    match there.as_slice() {
        [] => Ok(()),
        // A file system of its own has that.
        [one] if one == "lost+found" => Ok(()),
        [one] if one == RESTORING => {
            let text =
                format!("{folder} has what a restore left that was killed, keys in the clear among it");
            let part = into.join(RESTORING);
            Err(Failure::new(Code::Conflict, text)
                .hint(format!("rm -r {}, and restore again", part.display())))
        }
        _ => {
            let text = format!("{folder} is not empty, and a backup is restored into an empty folder alone");
            Err(Failure::new(Code::Conflict, text).hint("name another folder"))
        }
    }
}

/// Writes all members below a folder of their own.
fn unpack(
    whole: Whole,
    passphrase: &[u8],
    part: &Path,
    so_far: &dyn Fn(u64) -> io::Result<()>,
) -> Result<(), Wrong> {
    make_folder(part, 0o700)?;
    for folder in FOLDERS {
        make_folder(&part.join(folder), if is_public(folder) { 0o755 } else { 0o700 })?;
    }
    let names: Vec<String> = whole.head.manifest.members.iter().map(|member| member.name.clone()).collect();
    let files = names.iter().map(|name| new_file(part, name)).collect::<io::Result<Vec<File>>>()?;
    let mut done = 0;
    whole.members(passphrase, &mut |place, bytes| {
        let mut file = &files[place];
        file.write_all(bytes)?;
        done += bytes.len() as u64;
        so_far(done)
    })?;
    files.iter().try_for_each(File::sync_all)?;
    for folder in FOLDERS {
        File::open(part.join(folder))?.sync_all()?;
    }
    Ok(())
}

/// Everybody reads the first of the folders.
fn is_public(folder: &str) -> bool {
    folder == FOLDERS[0]
}

fn make_folder(path: &Path, mode: u32) -> io::Result<()> {
    DirBuilder::new().mode(mode).create(path)?;
    // Whatever the process takes off by itself.
    fs::set_permissions(path, Permissions::from_mode(mode))
}

fn new_file(part: &Path, name: &str) -> io::Result<File> {
    let (path, mode): (PathBuf, u32) = match name.split_once('/') {
        Some((folder, _)) if is_public(folder) => (part.join(name), 0o644),
        Some(_) => (part.join(name), 0o600),
        None => (part.join(RESTORED), 0o600),
    };
    let file = OpenOptions::new().create_new(true).write(true).mode(mode).open(&path)?;
    file.set_permissions(Permissions::from_mode(mode))?;
    Ok(file)
}

/// Moves everything to where atmd looks for it, and then takes away what keeps atmd from starting.
fn settle(part: &Path, into: &Path) -> io::Result<()> {
    for name in [RESTORED].into_iter().chain(FOLDERS) {
        let from = part.join(name);
        // Folders of keys that the backup does not have would look like keys.
        if fs::read_dir(&from).is_ok_and(|mut files| files.next().is_none()) {
            fs::remove_dir(&from)?;
        } else {
            fs::rename(from, into.join(name))?;
        }
    }
    File::open(into)?.sync_all()?;
    fs::remove_dir(part)?;
    File::open(into)?.sync_all()
}

/// Empties the folder, which was empty before. What keeps atmd from starting goes last.
fn clear(into: &Path) -> io::Result<()> {
    for name in FOLDERS.into_iter().chain([RESTORED]) {
        let path = into.join(name);
        let gone = if path.is_dir() { fs::remove_dir_all(&path) } else { fs::remove_file(&path) };
        match gone {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    match fs::remove_dir_all(into.join(RESTORING)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
