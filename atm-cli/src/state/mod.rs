//! Notes of requests on this machine's disk: written and synced before a request is sent, so that
//! a program that was killed finds out what became of it. Never a PIN.
//!
//! `pending/BANK-NUMBER-KEY.json` is a request without a final answer, `last/BANK-NUMBER.json` the
//! last one that has it. A file is written under another name and renamed; no two requests share
//! one, so programs that run at once do not disturb each other.

mod file;

use atm_rpc::types::key::RequestKey;
use atm_rpc::types::mobile::MobileNumber;
use atm_rpc::types::time::Timestamp;
use file::{Unreadable, make_folder, move_aside, read, sync, write_beside};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use std::{fs, io};
use thiserror::Error;

const VERSION: u32 = 1;

/// What a request asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum What {
    /// To open an account.
    Register,
    /// To bring cash.
    Deposit,
    /// To take cash.
    Withdraw,
    /// To choose a new PIN.
    ChangePin,
}

/// The note of one request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Record {
    /// Of this format.
    pub(crate) version: u32,
    /// The bank it is meant for: 32 hexadecimal digits.
    pub(crate) bank: String,
    /// The customer.
    pub(crate) mobile: MobileNumber,
    /// The key under which it acts once.
    pub(crate) request_key: RequestKey,
    /// What it asks for.
    pub(crate) what: What,
    /// The amount in minor units, where one moves.
    pub(crate) amount_minor: Option<i64>,
    /// When the note was made, by this machine's clock.
    pub(crate) created_at: Timestamp,
}

impl Record {
    /// The note of a request that is to be sent.
    pub(crate) fn new(
        bank: &str,
        mobile: MobileNumber,
        request_key: RequestKey,
        (what, amount_minor): (What, Option<i64>),
        created_at: Timestamp,
    ) -> Self {
        Self { version: VERSION, bank: bank.to_owned(), mobile, request_key, what, amount_minor, created_at }
    }

    fn asks_the_same(&self, other: &Self) -> bool {
        Self { created_at: other.created_at, ..self.clone() } == *other
    }
}

/// A note that could not be read, and was moved out of the way.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Aside {
    /// Where it is now.
    pub(crate) path: PathBuf,
    /// What is wrong with it.
    pub(crate) reason: String,
}

impl std::fmt::Display for Aside {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "A note of an earlier request could not be read ({}). It was moved to {}. \
             The statement shows whether that request was done.",
            self.reason,
            self.path.display()
        )
    }
}

/// Why notes cannot be kept.
#[derive(Debug, Error)]
pub(crate) enum StateError {
    /// The disk or the rights.
    #[error("cannot {doing} {}: {source}", .path.display())]
    Io {
        /// What was attempted.
        doing: &'static str,
        /// On what.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The key is pending for another request.
    #[error("the request key is in use for another request of this number, which is still pending")]
    KeyInUse,
}

fn failed(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> StateError {
    move |source| StateError::Io { doing, path: path.to_owned(), source }
}

/// Whether a request was noted before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Noted {
    /// It was not.
    Now,
    /// A try under the same key has no final answer yet.
    Before,
}

/// The folder of the notes.
#[derive(Clone, Debug)]
pub(crate) struct State {
    pending: PathBuf,
    last: PathBuf,
}

impl State {
    /// Notes in that folder. Nothing is made before something is noted.
    pub(crate) fn new(folder: &Path) -> Self {
        Self { pending: folder.join("pending"), last: folder.join("last") }
    }

    /// Notes a request. When this returns, the note is on the disk.
    pub(crate) fn keep(&self, record: &Record) -> Result<Noted, StateError> {
        make_folder(&self.pending)?;
        let path = self.pending_path(record);
        let file = write_beside(&self.pending, record)?;
        match file.persist_noclobber(&path) {
            Ok(_) => sync(&self.pending).map(|()| Noted::Now),
            Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => match read(&path) {
                // A repeat with the same key finds the note of the first try.
                Ok(there) if there.asks_the_same(record) => sync(&self.pending).map(|()| Noted::Before),
                _ => Err(StateError::KeyInUse),
            },
            Err(error) => Err(failed("write", &path)(error.error)),
        }
    }

    /// The pending requests of a number at a bank, oldest first, and notes that were moved aside.
    pub(crate) fn pending(
        &self,
        bank: &str,
        mobile: MobileNumber,
    ) -> Result<(Vec<Record>, Vec<Aside>), StateError> {
        let entries = match fs::read_dir(&self.pending) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok((vec![], vec![])),
            Err(error) => return Err(failed("read", &self.pending)(error)),
        };
        let prefix = format!("{bank}-{}-", mobile.full());
        let (mut records, mut asides) = (Vec::new(), Vec::new());
        for entry in entries {
            let path = entry.map_err(failed("read", &self.pending))?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            if !name.starts_with(&prefix) || !name.ends_with(".json") {
                continue;
            }
            match read(&path) {
                Ok(record) if self.pending_path(&record) == path => records.push(record),
                Ok(_) => asides.push(move_aside(&path, "it does not match its name".into())?),
                // Another program has just settled it.
                Err(Unreadable::Io(error)) if error.kind() == io::ErrorKind::NotFound => {}
                Err(Unreadable::Io(error)) => return Err(failed("read", &path)(error)),
                Err(Unreadable::NotANote(reason)) => asides.push(move_aside(&path, reason)?),
            }
        }
        // Keys of version 7 begin with the time.
        records.sort_by_key(|record| record.request_key);
        Ok((records, asides))
    }

    /// Remembers a request as the last one, and removes it from the pending ones.
    pub(crate) fn finish(&self, record: &Record) -> Result<(), StateError> {
        make_folder(&self.last)?;
        let path = self.last_path(&record.bank, record.mobile);
        let file = write_beside(&self.last, record)?;
        file.persist(&path).map_err(|error| failed("write", &path)(error.error))?;
        sync(&self.last)?;
        self.forget(record)
    }

    /// Removes a request under which nothing was applied.
    pub(crate) fn forget(&self, record: &Record) -> Result<(), StateError> {
        let path = self.pending_path(record);
        match fs::remove_file(&path) {
            Ok(()) => sync(&self.pending),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(failed("remove", &path)(error)),
        }
    }

    /// The last finished request of a number at a bank, or the note that was moved aside.
    pub(crate) fn last(
        &self,
        bank: &str,
        mobile: MobileNumber,
    ) -> Result<(Option<Record>, Option<Aside>), StateError> {
        let path = self.last_path(bank, mobile);
        match read(&path) {
            Ok(record) => Ok((Some(record), None)),
            Err(Unreadable::Io(error)) if error.kind() == io::ErrorKind::NotFound => Ok((None, None)),
            Err(Unreadable::Io(error)) => Err(failed("read", &path)(error)),
            Err(Unreadable::NotANote(reason)) => Ok((None, Some(move_aside(&path, reason)?))),
        }
    }

    fn pending_path(&self, record: &Record) -> PathBuf {
        let name = format!("{}-{}-{}.json", record.bank, record.mobile.full(), record.request_key);
        self.pending.join(name)
    }

    fn last_path(&self, bank: &str, mobile: MobileNumber) -> PathBuf {
        self.last.join(format!("{bank}-{}.json", mobile.full()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{mobile, record};
    use std::os::unix::fs::PermissionsExt;

    fn state() -> (tempfile::TempDir, State) {
        let folder = tempfile::tempdir().unwrap();
        let state = State::new(&folder.path().join("deep/atm"));
        (folder, state)
    }

    #[test]
    fn a_note_is_kept_until_it_is_finished_and_then_remembered() {
        let (_folder, state) = state();
        let mut first = record(What::Withdraw, Some(50_000));
        let mut second = Record { request_key: RequestKey::generate(), ..first.clone() };
        (first.amount_minor, second.what) = (Some(1), What::ChangePin);
        assert_eq!(state.pending(&first.bank, mobile()).unwrap(), (vec![], vec![]));
        assert_eq!(state.last(&first.bank, mobile()).unwrap(), (None, None));
        state.keep(&second).unwrap();
        state.keep(&first).unwrap();
        assert_eq!(
            state.pending(&first.bank, mobile()).unwrap(),
            (vec![first.clone(), second.clone()], vec![])
        );
        state.finish(&first).unwrap();
        state.finish(&first).unwrap();
        state.forget(&second).unwrap();
        assert_eq!(state.pending(&first.bank, mobile()).unwrap(), (vec![], vec![]));
        assert_eq!(state.last(&first.bank, mobile()).unwrap(), (Some(first), None));
    }

    #[test]
    fn programs_that_run_at_once_do_not_disturb_each_other() {
        let (_folder, state) = state();
        let note = record(What::Deposit, Some(1));
        let worker = || {
            let mut seen = 0;
            for _ in 0..20 {
                let own = Record { request_key: RequestKey::generate(), ..note.clone() };
                assert_eq!(state.keep(&own).unwrap(), Noted::Now);
                let (records, asides) = state.pending(&note.bank, mobile()).unwrap();
                assert!(records.contains(&own) && asides.is_empty(), "{asides:?}");
                state.finish(&own).unwrap();
                seen += 1;
            }
            seen
        };
        std::thread::scope(|scope| {
            let workers: Vec<_> = (0..4).map(|_| scope.spawn(worker)).collect();
            assert!(workers.into_iter().all(|worker| worker.join().unwrap() == 20));
        });
        assert_eq!(state.pending(&note.bank, mobile()).unwrap(), (vec![], vec![]));
        assert!(state.last(&note.bank, mobile()).unwrap().0.is_some());
    }

    #[test]
    fn others_notes_are_left_alone() {
        let (_folder, state) = state();
        let mine = record(What::Deposit, Some(1));
        state.keep(&mine).unwrap();
        let longer = MobileNumber::parse("08012345678").unwrap();
        assert_eq!(state.pending(&mine.bank, longer).unwrap(), (vec![], vec![]));
        assert_eq!(state.pending(&"f".repeat(32), mobile()).unwrap(), (vec![], vec![]));
        assert_eq!(state.pending(&mine.bank, mobile()).unwrap().0, [mine]);
    }

    #[test]
    fn a_key_is_pending_for_one_request_only() {
        let (_folder, state) = state();
        let first = record(What::Deposit, Some(1));
        assert_eq!(state.keep(&first).unwrap(), Noted::Now);
        let again = Record { created_at: Timestamp::from_ms(9), ..first.clone() };
        assert_eq!(state.keep(&again).unwrap(), Noted::Before);
        let other = Record { amount_minor: Some(2), ..first.clone() };
        assert!(matches!(state.keep(&other), Err(StateError::KeyInUse)));
        assert_eq!(state.pending(&first.bank, mobile()).unwrap().0, [first]);
    }

    #[test]
    fn only_the_owner_can_read_and_no_pin_is_in_it() {
        let (folder, state) = state();
        let note = record(What::Withdraw, Some(50_000));
        state.keep(&note).unwrap();
        state.finish(&note).unwrap();
        state.keep(&note).unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        for made in
            [&state.pending, &state.last, &folder.path().join("deep"), &folder.path().join("deep/atm")]
        {
            assert_eq!(mode(made), 0o700, "{made:?}");
        }
        for file in [state.pending_path(&note), state.last_path(&note.bank, mobile())] {
            assert_eq!(mode(&file), 0o600, "{file:?}");
            assert_eq!(
                fs::read_to_string(file).unwrap(),
                "{\"version\":1,\"bank\":\"00112233445566778899aabbccddeeff\",\"mobile\":\"0801234567\",\
                 \"request_key\":\"0190a6e2-7d4c-7b1e-9c53-2f6d8e0a4b17\",\"what\":\"withdraw\",\
                 \"amount_minor\":50000,\"created_at\":\"2026-11-18T11:06:40.007Z\"}"
            );
        }
        assert_eq!(fs::read_dir(&state.pending).unwrap().count(), 1, "nothing else is left");
    }

    #[test]
    fn what_cannot_be_read_is_moved_aside_and_reported() {
        let (_folder, state) = state();
        let note = record(What::Withdraw, Some(50_000));
        let newer = serde_json::to_string(&Record { version: 2, ..note.clone() }).unwrap();
        let alien = serde_json::to_string(&Record { bank: "e".repeat(32), ..note.clone() }).unwrap();
        for (n, text) in (1..).zip(["", "{\"version\":1", "\0\0\0", &newer, &alien]) {
            state.keep(&note).unwrap();
            let path = state.pending_path(&note);
            fs::write(&path, text).unwrap();
            let (records, asides) = state.pending(&note.bank, mobile()).unwrap();
            assert_eq!((records.len(), asides.len()), (0, 1), "{text}");
            assert!(asides[0].path.to_string_lossy().ends_with(&format!(".json.unreadable-{n}")));
            assert_eq!(fs::read_to_string(&asides[0].path).unwrap(), text, "not destroyed");
            assert!(!path.exists());
        }
        state.finish(&note).unwrap();
        fs::write(state.last_path(&note.bank, mobile()), "x").unwrap();
        assert!(matches!(state.last(&note.bank, mobile()).unwrap(), (None, Some(_))));
    }

    #[test]
    fn says_what_could_not_be_written() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        fs::write(&file, "").unwrap();
        let error = State::new(&file).keep(&record(What::Deposit, Some(1))).unwrap_err();
        assert!(error.to_string().contains("file"), "{error}");
    }
}
