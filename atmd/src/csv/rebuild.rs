//! Ledgers written anew from the journal. What differs is moved aside, never destroyed; what is equal is not
//! touched. Done by the task that follows the journal, so that nothing else writes meanwhile.

use super::compare::Comparison;
use super::file::suffixed;
use super::projection::Projection;
use super::render::Ledger;
use crate::files::sync_folder_of;
use crate::jobs::Job;
use crate::ledger::entry::Entry;
use crate::ledger::request::{AuditDraft, Checkpoint, OperatorAct, Request};
use anyhow::{Context, bail};
use atm_rpc::operator::ledger::{Phase, RebuiltLedger};
use atm_rpc::types::money::Currency;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::sync::oneshot;
use tokio::task::spawn_blocking;
use tracing::warn;

/// Entries that are read at a time.
const PAGE: u64 = 2_000;

/// The wish that ledgers which differ be written anew.
#[derive(Debug)]
pub struct Rebuild {
    /// Who wishes it, for the audit log; `None` where it is only tried.
    pub audit: Option<AuditDraft>,
    /// Who waits, and where progress goes.
    pub job: Arc<Job>,
    /// Takes what became of each ledger.
    pub reply: oneshot::Sender<anyhow::Result<Vec<RebuiltLedger>>>,
}

/// A ledger that was compared with the journal.
struct Compared {
    ledger: Ledger,
    differs: bool,
    rows: u64,
    bytes: u64,
}

/// A ledger that is being written beside the one that is there.
struct NewFile {
    ledger: Ledger,
    path: PathBuf,
    there: PathBuf,
    file: BufWriter<File>,
    bytes: u64,
    rows: u64,
}

impl Projection {
    /// Compares both ledgers with the journal, and puts new ones in the place of those that differ. Files that are
    /// open are not those of the folder any more.
    pub(super) async fn rebuild(
        &self,
        audit: Option<AuditDraft>,
        job: &Arc<Job>,
    ) -> anyhow::Result<Vec<RebuiltLedger>> {
        let dry_run = audit.is_none();
        let last = self.store.head().await?.seq;
        let compared = self.compare(last, job).await?;
        let differing: Vec<Ledger> =
            compared.iter().filter(|one| one.differs).map(|one| one.ledger).collect();
        let mut written = Vec::new();
        if !differing.is_empty() {
            if let Some(audit) = audit {
                // No audit row, no effect.
                let names: Vec<&str> = differing.iter().map(|ledger| ledger.file_name()).collect();
                let act = OperatorAct::Noted(format!("begun: {}", names.join(", ")));
                self.writer.submit(Request::Operate { audit, act }).await?;
            }
            written = self.write(last, differing, dry_run, job).await?;
        }
        let mut rebuilt = Vec::new();
        for Compared { ledger, differs: changed, mut rows, mut bytes } in compared {
            let new = written.iter().position(|new| new.ledger == ledger).map(|at| written.swap_remove(at));
            if let Some(new) = &new {
                (rows, bytes) = (new.rows, new.bytes);
            }
            let kept_as = match new {
                Some(new) if !dry_run => self.put_in_place(new, last).await?,
                _ => None,
            };
            let file = ledger.file_name().to_owned();
            rebuilt.push(RebuiltLedger { file, changed, dry_run, rows, bytes, kept_as });
        }
        Ok(rebuilt)
    }

    /// Which ledgers differ from what the entries up to `last` give. Rows behind a checkpoint may be missing: they
    /// are still to come.
    async fn compare(&self, last: i64, job: &Arc<Job>) -> anyhow::Result<Vec<Compared>> {
        let mut compared = Vec::new();
        for ledger in Ledger::ALL {
            let kept = self.store.checkpoint(&self.settings.node, ledger.file_name()).await?;
            let must_have = kept.map_or(0, |(next_seq, _)| next_seq - 1).min(last);
            let comparison =
                Comparison::open(&self.settings.folder, ledger, self.settings.currency, must_have);
            compared.push((comparison.context(ledger.file_name())?, false));
        }
        job.enter(Phase::Ledgers, u64::try_from(last).unwrap_or(0));
        self.each_page(last, job, &mut compared, |compared, entries| {
            for (comparison, differs) in compared {
                for entry in entries {
                    comparison.entry(entry, &mut |_| *differs = true)?;
                }
            }
            Ok(())
        })
        .await?;
        for (comparison, differs) in &mut compared {
            comparison.hold()?;
            comparison.end(&mut |_| *differs = true);
        }
        let result = |(comparison, differs): (Comparison, bool)| Compared {
            ledger: comparison.ledger(),
            differs,
            rows: comparison.rows(),
            bytes: comparison.bytes(),
        };
        Ok(compared.into_iter().map(result).collect())
    }

    /// Writes ledgers beside those that are there; in a dry run to nowhere.
    async fn write(
        &self,
        last: i64,
        ledgers: Vec<Ledger>,
        dry_run: bool,
        job: &Arc<Job>,
    ) -> anyhow::Result<Vec<NewFile>> {
        let folder = &self.settings.folder;
        let open = |ledger| NewFile::open(folder, ledger, dry_run);
        let mut files = ledgers.into_iter().map(open).collect::<Result<Vec<_>, _>>()?;
        job.enter(Phase::Writing, u64::try_from(last).unwrap_or(0));
        let currency = self.settings.currency;
        let written = self
            .each_page(last, job, &mut files, move |files, entries| {
                files.iter_mut().try_for_each(|file| file.append(entries, currency))
            })
            .await;
        let synced = match written {
            Ok(()) => files.iter_mut().try_for_each(|new| new.sync(dry_run)).map_err(Into::into),
            Err(error) => Err(error),
        };
        if let Err(error) = synced {
            // Half a file is of no use to anybody.
            files.iter().for_each(|new| drop(fs::remove_file(&new.path)));
            return Err(error);
        }
        Ok(files)
    }

    /// Reads the journal up to `last` and hands its pages to a thread that may wait for a disk.
    async fn each_page<T: Default + Send + 'static>(
        &self,
        last: i64,
        job: &Arc<Job>,
        state: &mut T,
        work: impl Fn(&mut T, &[Entry]) -> io::Result<()> + Copy + Send + 'static,
    ) -> anyhow::Result<()> {
        let mut first = 1;
        while first <= last {
            if job.is_stopped() {
                bail!("it was asked to end");
            }
            let mut entries = self.store.journal(first, PAGE).await?;
            entries.retain(|entry| entry.seq.0 <= last);
            let Some(newest) = entries.last().map(|entry| entry.seq.0) else {
                bail!("the journal ends before entry {last}");
            };
            job.advance(u64::try_from(entries.len()).unwrap_or(0));
            let mut taken = std::mem::take(state);
            let worked = spawn_blocking(move || work(&mut taken, &entries).map(|()| taken));
            *state = worked.await.context("the task that writes was ended")??;
            first = newest + 1;
        }
        Ok(())
    }

    /// Puts a new ledger in the place of the old one, which stays under another name, and notes how far it is. A
    /// crash in between leaves one of the two whole in its place, and the old checkpoint holds for both.
    async fn put_in_place(&self, new: NewFile, last: i64) -> anyhow::Result<Option<String>> {
        let (ledger, bytes) = (new.ledger, new.bytes);
        let stamp = self.clock.now().ms();
        let placed = spawn_blocking(move || new.put_in_place(stamp)).await;
        let kept_as = placed.context("the task that writes was ended")?.context(ledger.file_name())?;
        let kept = kept_as.as_ref().map(|path| path.display().to_string());
        warn!(file = ledger.file_name(), bytes, kept, "a ledger was written anew at an operator's wish");
        let checkpoint = Checkpoint {
            node: self.settings.node.clone(),
            file: ledger.file_name().to_owned(),
            next_seq: last + 1,
            byte_length: i64::try_from(bytes)?,
        };
        self.writer.submit(Request::Checkpoint(checkpoint)).await?;
        Ok(kept)
    }
}

impl NewFile {
    fn open(folder: &Path, ledger: Ledger, dry_run: bool) -> io::Result<Self> {
        let there = folder.join(ledger.file_name());
        let path = if dry_run { PathBuf::from("/dev/null") } else { suffixed(&there, "new") };
        if !dry_run
            && let Err(error) = fs::remove_file(&path)
            && error.kind() != io::ErrorKind::NotFound
        {
            return Err(error);
        }
        let file = OpenOptions::new().write(true).create(!dry_run).mode(0o640).open(&path)?;
        let mut new = Self { ledger, path, there, file: BufWriter::new(file), bytes: 0, rows: 0 };
        new.write(ledger.header())?;
        Ok(new)
    }

    fn append(&mut self, entries: &[Entry], currency: Currency) -> io::Result<()> {
        let mut text = String::new();
        for entry in entries {
            self.ledger.render(entry, currency, &mut text);
        }
        let rows = text.bytes().filter(|byte| *byte == b'\n').count();
        self.rows += u64::try_from(rows).unwrap_or(0);
        self.write(&text)
    }

    fn write(&mut self, text: &str) -> io::Result<()> {
        self.bytes += u64::try_from(text.len()).unwrap_or(0);
        self.file.write_all(text.as_bytes())
    }

    fn sync(&mut self, dry_run: bool) -> io::Result<()> {
        self.file.flush()?;
        if dry_run { Ok(()) } else { self.file.get_ref().sync_all() }
    }

    /// Gives the name of the old file, if there was one.
    fn put_in_place(self, stamp: i64) -> io::Result<Option<PathBuf>> {
        let aside = suffixed(&self.there, &format!("replaced-{stamp}"));
        // A second name first, so that at each moment there is a ledger in its place.
        let kept = match fs::hard_link(&self.there, &aside) {
            Ok(()) => Some(aside),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(error),
        };
        fs::rename(&self.path, &self.there)?;
        sync_folder_of(&self.there)?;
        Ok(kept)
    }
}
