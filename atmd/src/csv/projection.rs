//! The task that follows the journal: ledgers, checkpoints, and the lines of the log.

use super::file::{Aside, LedgerFile};
use super::rebuild::Rebuild;
use super::render::Ledger;
use crate::clock::Clock;
use crate::ledger::entry::Entry;
use crate::ledger::request::{Checkpoint, Request};
use crate::live::{Live, Terms};
use crate::log;
use crate::store::{Store, StoreError};
use crate::writer::Writer;
use anyhow::Context;
use atm_rpc::types::account::AccountId;
use atm_rpc::types::money::{Currency, Money};
use futures::future::try_join_all;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio::task::spawn_blocking;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

/// Entries that are appended at a time, before the files are synced and a checkpoint is kept.
const PAGE: usize = 4_096;
/// Time that commits are gathered before their rows are appended.
const GATHER: Duration = Duration::from_millis(50);
/// The pause after a failure.
const PAUSE: Duration = Duration::from_secs(1);
/// How long a stop waits for the last rows.
const LAST_ROWS: Duration = Duration::from_secs(5);

/// Where and how the ledgers are written.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The folder.
    pub folder: PathBuf,
    /// The node's name, for its checkpoints.
    pub node: String,
    /// The bank's currency.
    pub currency: Currency,
    /// Whether the log shows numbers in full.
    pub terms: Live<Terms>,
}

/// Follows the journal.
#[derive(Debug)]
pub struct Projection {
    pub(super) settings: Settings,
    pub(super) store: Store,
    pub(super) writer: Writer,
    pub(super) clock: Clock,
    projected: Arc<AtomicI64>,
    wishes: mpsc::Receiver<Rebuild>,
    /// The first entry that has no line in the log yet; known once the checkpoints are.
    next_logged: Option<i64>,
}

impl Projection {
    /// A projection. `projected` tells others how far it is; `wishes` come from operators.
    #[must_use]
    pub fn new(
        settings: Settings,
        store: Store,
        writer: Writer,
        clock: Clock,
        projected: Arc<AtomicI64>,
        wishes: mpsc::Receiver<Rebuild>,
    ) -> Self {
        Self { settings, store, writer, clock, projected, wishes, next_logged: None }
    }

    /// Follows the journal until `stop`, and then to its end.
    pub async fn run(mut self, stop: CancellationToken) {
        let mut commits = self.writer.commits();
        let mut files = None;
        loop {
            let stopping = stop.is_cancelled();
            let last_rows_are_late = async {
                stop.cancelled().await;
                sleep(LAST_ROWS).await;
            };
            let followed = tokio::select! {
                followed = self.follow(&mut files) => followed,
                () = last_rows_are_late => {
                    return warn!("the CSV ledgers lack the last rows; they are added at the next start");
                }
            };
            let Err(failure) = followed else {
                if stopping {
                    return;
                }
                if self.wait(&mut commits, &stop).await {
                    files = None;
                }
                continue;
            };
            error!(error = format!("{failure:#}"), "the CSV ledgers are behind; trying again");
            files = None;
            if stopping {
                return;
            }
            tokio::select! {
                () = sleep(PAUSE) => {}
                () = stop.cancelled() => {}
            }
        }
    }

    /// Waits for entries or the end, and fulfils operators' wishes meanwhile. Says whether files were replaced.
    async fn wait(&mut self, commits: &mut watch::Receiver<i64>, stop: &CancellationToken) -> bool {
        loop {
            let wish = tokio::select! {
                _ = commits.changed() => {
                    sleep(GATHER).await;
                    return false;
                }
                () = stop.cancelled() => return false,
                // There are no more wishes once nobody can have one.
                Some(wish) = self.wishes.recv() => wish,
            };
            let Rebuild { audit, job, reply } = wish;
            let tried = audit.is_none();
            let rebuilt = self.rebuild(audit, &job).await;
            let same = rebuilt.as_ref().is_ok_and(|ledgers| ledgers.iter().all(|ledger| !ledger.changed));
            // Who does not wait any more finds it in the log.
            let _ = reply.send(rebuilt);
            // What was only looked at stays as it was found.
            if !tried && !same {
                return true;
            }
        }
    }

    /// Brings the files up to the end of the journal.
    async fn follow(&mut self, files: &mut Option<Vec<LedgerFile>>) -> anyhow::Result<()> {
        loop {
            let mut open = match files.take() {
                Some(open) if untouched(&open)? => open,
                _ => self.recover().await?,
            };
            let first = open.iter().map(LedgerFile::next_seq).min().unwrap_or(1);
            self.projected.store(first - 1, Ordering::Relaxed);
            let entries = self.entries(first).await.context("the journal cannot be read")?;
            let Some(last) = entries.last().map(|entry| entry.seq.0) else {
                *files = Some(open);
                return Ok(());
            };
            let texts: Vec<String> = open.iter().map(|file| self.render(file, &entries)).collect();
            let open = spawn_blocking(move || -> std::io::Result<Vec<LedgerFile>> {
                for (file, text) in open.iter_mut().zip(texts) {
                    file.append(&text, last + 1)?;
                }
                Ok(open)
            });
            let open =
                open.await.context("the task that writes was ended")?.context("they cannot be written")?;
            self.log(&entries);
            self.keep_checkpoints(&open).await?;
            *files = Some(open);
        }
    }

    /// A page of entries from `first` on, from memory where the writer still has them.
    async fn entries(&self, first: i64) -> Result<Vec<Entry>, StoreError> {
        let entries = self.writer.take_committed(first, PAGE);
        if entries.is_empty() { self.store.journal(first, PAGE as u64).await } else { Ok(entries) }
    }

    /// What a file lacks of these entries; its header, where it has nothing yet.
    fn render(&self, file: &LedgerFile, entries: &[Entry]) -> String {
        let mut text = String::new();
        if file.length() == 0 {
            text.push_str(file.ledger().header());
        }
        for entry in entries.iter().filter(|entry| entry.seq.0 >= file.next_seq()) {
            file.ledger().render(entry, self.settings.currency, &mut text);
        }
        text
    }

    /// Both at once, so that one batch takes them.
    async fn keep_checkpoints(&self, files: &[LedgerFile]) -> anyhow::Result<()> {
        let kept = files.iter().map(|file| async {
            let checkpoint = Checkpoint {
                node: self.settings.node.clone(),
                file: file.ledger().file_name().to_owned(),
                next_seq: file.next_seq(),
                byte_length: i64::try_from(file.length())?,
            };
            anyhow::Ok(self.writer.submit(Request::Checkpoint(checkpoint)).await?)
        });
        try_join_all(kept).await?;
        Ok(())
    }

    /// Opens the files and keeps of their tails what the journal gives.
    async fn recover(&mut self) -> anyhow::Result<Vec<LedgerFile>> {
        let mut checkpoints = Vec::new();
        for ledger in Ledger::ALL {
            let kept = self.store.checkpoint(&self.settings.node, ledger.file_name()).await?;
            checkpoints.push((ledger, kept.unwrap_or((1, 0))));
        }
        if self.next_logged.is_none() {
            // Since the start the log has a line for every entry behind the checkpoints, twice rather than never.
            self.next_logged = checkpoints.iter().map(|(_, (next_seq, _))| *next_seq).min();
        }
        let mut files = Vec::new();
        for (ledger, kept) in checkpoints {
            let folder = self.settings.folder.clone();
            let stamp = self.clock.now().ms();
            let opened = spawn_blocking(move || LedgerFile::open(&folder, ledger, kept, stamp)).await?;
            let path = self.settings.folder.join(ledger.file_name());
            let (mut file, aside) = opened.with_context(|| path.display().to_string())?;
            report(ledger, aside);
            self.accept_tail(&mut file).await?;
            report(ledger, file.cut(stamp).with_context(|| path.display().to_string())?);
            files.push(file);
        }
        Ok(files)
    }

    /// Accepts the rows behind the checkpoint that are as the journal gives them.
    async fn accept_tail(&mut self, file: &mut LedgerFile) -> anyhow::Result<()> {
        if file.length() == 0 {
            let header = file.ledger().header();
            if file.tail(header.len())? != header.as_bytes() {
                return Ok(());
            }
            file.accept(header.len(), file.next_seq());
        }
        loop {
            let entries = self.store.journal(file.next_seq(), PAGE as u64).await?;
            if entries.is_empty() {
                return Ok(());
            }
            for entry in &entries {
                let mut row = String::new();
                file.ledger().render(entry, self.settings.currency, &mut row);
                if file.tail(row.len())? != row.as_bytes() {
                    return Ok(());
                }
                file.accept(row.len(), entry.seq.0 + 1);
                self.log(std::slice::from_ref(entry));
            }
        }
    }

    /// One line for each entry, so that the log is a history that a person can read.
    fn log(&mut self, entries: &[Entry]) {
        let (first, full_numbers) = (self.next_logged.unwrap_or(1), self.settings.terms.now().full_numbers);
        for entry in entries.iter().filter(|entry| entry.seq.0 >= first) {
            let money = |amount: Money| amount.display(self.settings.currency).to_string();
            let number = entry.customer.and_then(AccountId::mobile);
            let number = number.map(|number| log::number(number, full_numbers));
            let amount = entry.transfer.map(|transfer| money(transfer.amount));
            let balance = entry.customer_balance.map(money);
            let bank_balance = money(entry.vault_balance);
            let session = entry.session.map(|session| session.id.0);
            let terminal = entry.terminal.as_ref().map(|terminal| terminal.as_str());
            let (reference, action) = (entry.seq.0, entry.action.name());
            info!(reference, number, amount, balance, bank_balance, session, terminal, "{action}");
        }
        if let Some(last) = entries.last() {
            self.next_logged = Some(first.max(last.seq.0 + 1));
        }
    }
}

fn untouched(files: &[LedgerFile]) -> std::io::Result<bool> {
    for file in files {
        if !file.is_untouched()? {
            return Ok(false);
        }
    }
    Ok(true)
}

fn report(ledger: Ledger, aside: Option<Aside>) {
    if let Some(Aside { what, bytes, kept }) = aside {
        let kept = kept.map(|path| path.display().to_string());
        warn!(file = ledger.file_name(), bytes, kept, "{what}");
    }
}
