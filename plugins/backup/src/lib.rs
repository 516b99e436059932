//! The commands of `atmctl backup`: a bank in one file while it is open, whether such a file is whole, and a data
//! directory made of it.
//!
//! atmd puts a backup together; this encrypts it, so atmd never learns a passphrase. `file` says how a backup looks.

mod create;
mod file;
mod passphrase;
mod restore;
mod seal;
mod verify;

use atm_plugin_sdk::{Column, Command, Host};
use atm_rpc::operator::Capability;
use atm_rpc::operator::backup::Keys;
use atm_rpc::plugin::{Code, Failure, Kind};
use std::path::{Path, PathBuf};
use tokio::signal::unix::{SignalKind, signal};

/// A bank in one file: taken while it is open, checked, and brought back.
#[derive(Debug, clap::Parser)]
#[command(name = "backup", version)]
pub enum Backup {
    /// Put the whole bank into a new file, encrypted to a passphrase, while atmd serves.
    Create {
        /// Where to; the file must not be there yet.
        #[arg(long)]
        out: PathBuf,
        /// A file whose first line is the passphrase; otherwise it is asked for at the terminal.
        #[arg(long)]
        passphrase_file: Option<PathBuf>,
        /// Leave out keys and certificates, which are then to be kept elsewhere. Without a passphrase file nothing is
        /// encrypted.
        #[arg(long)]
        without_secrets: bool,
    },
    /// Check that a backup is whole, with its passphrase to the last byte inside; ends with 3 where it is not.
    Verify {
        /// The backup.
        file: PathBuf,
        /// A file whose first line is the passphrase; without it the file is checked from outside.
        #[arg(long)]
        passphrase_file: Option<PathBuf>,
    },
    /// Make a data directory of a backup, in an empty folder.
    Restore {
        /// The backup.
        file: PathBuf,
        /// The folder, which must be there and empty.
        #[arg(long)]
        into: PathBuf,
        /// A file whose first line is the passphrase; otherwise it is asked for at the terminal.
        #[arg(long)]
        passphrase_file: Option<PathBuf>,
    },
}

/// What clap does not know about the commands.
pub const COMMANDS: &[Command] = &[
    Command::rows("create", "atmctl.backup.create/1", create::COLUMNS)
        .needs(&[Capability::BackupRead])
        .writes(&["out"])
        .examples(&[
            "--out bank.backup --passphrase-file passphrase.txt",
            "--out bank.backup --without-secrets",
        ]),
    Command::rows("verify", "atmctl.backup.verify/1", verify::COLUMNS)
        .without_connection()
        .examples(&["bank.backup", "bank.backup --passphrase-file passphrase.txt"]),
    Command::rows("restore", "atmctl.backup.restore/1", restore::COLUMNS)
        .without_connection()
        .writes(&["into"])
        .examples(&["bank.backup --into /var/lib/atmd --passphrase-file passphrase.txt"]),
];

/// Columns that tell which bank a backup is of, and how far it goes.
const fn told() -> [Column; 4] {
    [
        Column::new("bank", Kind::Text),
        Column::new("created_at", Kind::Date),
        Column::new("last_entry", Kind::Number),
        Column::new("seal_head", Kind::Text),
    ]
}

/// Runs a command.
///
/// # Errors
/// What atmd or the system says, and what is wrong with a backup that is to be restored.
pub async fn work(command: Backup, host: &mut Host) -> Result<(), Failure> {
    match command {
        Backup::Create { out, passphrase_file, without_secrets } => {
            let keys = if without_secrets { Keys::LeftOut } else { Keys::Included };
            create::create(host, &out, passphrase_file.as_deref(), keys).await
        }
        Backup::Verify { file, passphrase_file } => verify::verify(host, &file, passphrase_file.as_deref()),
        Backup::Restore { file, into, passphrase_file } => {
            restore::restore(host, &file, &into, passphrase_file.as_deref()).await
        }
    }
}

/// Waits until somebody wants this to end, by a key of the terminal or otherwise, from the call on.
fn interrupted() -> impl Future<Output = ()> {
    let kinds = [SignalKind::interrupt(), SignalKind::terminate()].map(signal);
    async move {
        let [Ok(mut interrupt), Ok(mut terminate)] = kinds else { return std::future::pending().await };
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    }
}

fn unwritable(path: &Path, why: &impl std::fmt::Display) -> Failure {
    Failure::new(Code::Failed, format!("{} cannot be written: {why}", path.display()))
}

fn unreadable(path: &Path, why: &impl std::fmt::Display) -> Failure {
    Failure::new(Code::Failed, format!("{} cannot be read: {why}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_and_the_parser_agree() {
        let description = atm_plugin_sdk::describe::<Backup>(COMMANDS).unwrap();
        let found: Vec<_> =
            description.commands.iter().map(|command| (command.name.as_str(), command.changes)).collect();
        assert_eq!(found, [("create", false), ("verify", false), ("restore", false)]);
        let written = |command: usize| {
            let arguments = &description.commands[command].arguments;
            let written = arguments.iter().filter(|argument| argument.kind == Kind::PathWrite);
            written.map(|argument| argument.name.as_str()).collect::<Vec<_>>()
        };
        assert_eq!((written(0), written(1), written(2)), (vec!["out"], vec![], vec!["into"]));
    }
}
