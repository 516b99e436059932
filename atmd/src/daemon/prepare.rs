//! What must be right before anything is served: limits of the process, folders, keys.

use super::StartError;
use crate::config::{Backend, Config, DatabaseServer};
use crate::csv::render::Ledger;
use crate::files;
use crate::secrets;
use crate::store;
use atm_rpc::operator::backup::{RESTORED, RESTORING};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use tracing::error;

/// A core dump would hold PINs and keys.
pub(super) fn without_core_dumps() {
    // 1 and not 0: with 0 the kernel still hands a core to a program that core_pattern names (core(5)).
    // Refused only where the limit is lower already.
    let _ = setrlimit(Resource::Core, Rlimit { current: Some(1), maximum: Some(1) });
}

/// Files beside connections: the database, the ledgers, the log, the runtime's own.
const OPEN_FILES_BESIDE: u64 = 128;

/// Whether as many files may be open as there may be connections. Gives the limit to be set for it, if one must be.
pub(super) fn check_open_files(config: &Config) -> Result<Option<Rlimit>, StartError> {
    let connections = config.server.max_connections.saturating_add(config.operator.max_connections);
    let needed = u64::try_from(connections).unwrap_or(u64::MAX).saturating_add(OPEN_FILES_BESIDE);
    let limit = getrlimit(Resource::Nofile);
    if limit.maximum.is_some_and(|maximum| maximum < needed) {
        return Err(StartError::OpenFiles { needed, allowed: limit.maximum.unwrap_or(0) });
    }
    let short = limit.current.is_some_and(|current| current < needed);
    Ok(short.then_some(Rlimit { current: limit.maximum, ..limit }))
}

/// Makes room for as many open files as there may be connections.
pub(super) fn raise_open_files(config: &Config) -> Result<(), StartError> {
    let Some(limit) = check_open_files(config)? else { return Ok(()) };
    let allowed = getrlimit(Resource::Nofile).current.unwrap_or(0);
    let connections = config.server.max_connections.saturating_add(config.operator.max_connections);
    let needed = u64::try_from(connections).unwrap_or(u64::MAX);
    setrlimit(Resource::Nofile, limit).map_err(|_| StartError::OpenFiles { needed, allowed })
}

/// Readable by others, who need the CA in it; what is secret has folders of its own.
pub(super) fn make_data_dir(path: &Path) -> Result<(), StartError> {
    let made = DirBuilder::new().recursive(true).mode(0o755).create(path);
    made.map_err(|source| StartError::DataDir { path: path.to_owned(), source })
}

/// Whether there is a bank, perhaps one that was just restored. One is never opened anew beside the ledgers of one that was there.
pub(super) async fn bank_exists(config: &Config) -> Result<bool, StartError> {
    take_restored(config)?;
    let exists = store::exists(config).await?;
    let restored = config.server.data_dir.join(RESTORED);
    if !exists && restored.exists() {
        return Err(StartError::NotLoaded(restored));
    }
    let ledgers = Ledger::ALL.map(|ledger| config.server.data_dir.join("ledger").join(ledger.file_name()));
    match ledgers.into_iter().find(|ledger| ledger.exists()) {
        Some(ledger) if !exists => Err(StartError::DatabaseGone { missing: missing(config), ledger }),
        _ => Ok(exists),
    }
}

/// Puts a database that was restored where that of an atmd on SQLite belongs.
fn take_restored(config: &Config) -> Result<(), StartError> {
    let (data_dir, path) = (&config.server.data_dir, &config.database.path);
    let restoring = data_dir.join(RESTORING);
    if restoring.exists() {
        return Err(StartError::HalfRestored(restoring));
    }
    let restored = data_dir.join(RESTORED);
    if config.database.backend != Backend::Sqlite || path.exists() || !restored.exists() {
        return Ok(());
    }
    store::backup::check_alone(path)?;
    let failed = |source| StartError::DataDir { path: path.clone(), source };
    match fs::rename(&restored, path) {
        Err(error) if error.kind() == io::ErrorKind::CrossesDevices => Err(StartError::NotLoaded(restored)),
        renamed => renamed.and_then(|()| files::sync_folder_of(path)).map_err(failed),
    }
}

fn missing(config: &Config) -> String {
    let on_server = |server: &DatabaseServer| {
        format!("the bank in database {} on {}:{}", server.database, server.host, server.port)
    };
    match config.database.backend {
        Backend::Sqlite => config.database.path.display().to_string(),
        Backend::Mysql => on_server(&config.mysql),
        Backend::Postgresql => on_server(&config.postgresql),
    }
}

pub(super) fn load_secrets(config: &Config, bank_exists: bool) -> Result<secrets::Secrets, StartError> {
    let folder = config.server.data_dir.join("keys");
    let made = DirBuilder::new().recursive(true).mode(0o700).create(&folder);
    made.map_err(|source| StartError::DataDir { path: folder.clone(), source })?;
    Ok(secrets::load(&folder, credentials().as_deref(), bank_exists)?)
}

/// Where systemd puts credentials.
pub(super) fn credentials() -> Option<PathBuf> {
    std::env::var_os("CREDENTIALS_DIRECTORY").map(PathBuf::from)
}

/// What should never happen goes to the log, too.
pub(super) fn log_panics() {
    let default = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        let place = panic.location().map(ToString::to_string);
        error!(place, "a task of atmd panicked; this is a mistake in the program");
        default(panic);
    }));
}
