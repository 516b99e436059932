//! Why atmd did not start, or ended by itself.

use crate::pki::PkiError;
use crate::secrets::SecretError;
use crate::store::OpenError;
use crate::writer::Ended;
use atm_rpc::error::ServiceError;
use std::io;
use std::path::PathBuf;
use thiserror::Error;

/// Why atmd did not start, or ended by itself.
#[derive(Debug, Error)]
pub enum StartError {
    /// The data directory cannot be made.
    #[error("{path}: {source}; it must be a folder that this user may write")]
    DataDir {
        /// Which.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The data directory held a bank whose database is gone.
    #[error(
        "{missing} is missing, but this data directory held a bank ({ledger} is there): restore the database, \
         or move the directory away to open a new bank"
    )]
    DatabaseGone {
        /// The database.
        missing: String,
        /// What tells of a bank.
        ledger: PathBuf,
    },
    /// A restore did not come to its end.
    #[error(
        "{0} is what a restore left that was interrupted: empty the data directory, and restore the backup again"
    )]
    HalfRestored(PathBuf),
    /// A restored database waits to be brought to a server.
    #[error(
        "{0} is a restored bank, and the configured database has none: run 'atmd load', which brings it there; \
         to open a new bank instead, move the data directory away"
    )]
    NotLoaded(PathBuf),
    /// An address cannot be listened on.
    #[error("{source}; choose an address of this machine and a free port, or port 0 to be given one")]
    Listen {
        /// The section of the key.
        section: &'static str,
        /// The key.
        key: &'static str,
        /// What the system says.
        source: io::Error,
    },
    /// The system does not let atmd open as many files as it may have connections.
    #[error(
        "[server] max_connections and [operator] max_connections need {needed} open files and the system allows \
         {allowed}; lower them, or raise the limit (LimitNOFILE in a systemd unit, ulimit -Hn in a shell)"
    )]
    OpenFiles {
        /// So many.
        needed: u64,
        /// So many at the most.
        allowed: u64,
    },
    /// The log cannot be written.
    #[error("{0}")]
    Log(String),
    /// There are no certificates.
    #[error(transparent)]
    Pki(#[from] PkiError),
    /// The keys are missing or not safe.
    #[error(transparent)]
    Secrets(#[from] SecretError),
    /// The database cannot be used.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The system gives no threads.
    #[error("no threads: {0}")]
    Threads(#[source] io::Error),
    /// The bank could not be opened for the first time.
    #[error("the bank could not be opened: {0}")]
    Founding(#[source] ServiceError),
    /// atmd must not go on.
    #[error("atmd ends: {0}")]
    Ended(#[source] Ended),
}
