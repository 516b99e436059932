//! What a failure of the database means for what was being written.

use super::OpenError;
use sea_orm::sqlx::mysql::MySqlDatabaseError;
use sea_orm::sqlx::postgres::PgDatabaseError;
use sea_orm::{DbErr, RuntimeErr, sqlx};
use std::fmt;
use std::io;

/// What to do about a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The same again may work: another writer was in the way, or the connection broke.
    Retry,
    /// There is no space. The same again works when there is.
    Full,
    /// This statement never works: something in the batch is at fault.
    Poison,
    /// The storage cannot be trusted any more. atmd ends.
    Fatal,
}

/// A failure of the database.
#[derive(Debug)]
pub struct StoreError {
    /// What to do about it.
    pub failure: Failure,
    message: String,
}

impl StoreError {
    /// A file beside the database that cannot be made as it should be.
    pub(super) fn unwritable(error: &OpenError) -> Self {
        let full = match error {
            OpenError::Database(error) => error.failure == Failure::Full,
            OpenError::File { source, .. } => source.kind() == io::ErrorKind::StorageFull,
            _ => false,
        };
        Self { failure: if full { Failure::Full } else { Failure::Poison }, message: error.to_string() }
    }

    /// A row that atmd cannot have written.
    pub(super) const fn corrupt(message: String) -> Self {
        Self { failure: Failure::Fatal, message }
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for StoreError {}

impl From<DbErr> for StoreError {
    fn from(error: DbErr) -> Self {
        Self { failure: classify(&error), message: error.to_string() }
    }
}

/// SQLite's result codes: <https://www.sqlite.org/rescode.html>.
fn sqlite_failure(code: u32) -> Failure {
    const IOERR_SHMSIZE: u32 = 4874;
    match (code, code & 0xff) {
        (IOERR_SHMSIZE, _) | (_, 13) => Failure::Full,
        // BUSY, LOCKED, PROTOCOL, SCHEMA
        (_, 5 | 6 | 15 | 17) => Failure::Retry,
        // NOMEM, READONLY, IOERR, CORRUPT, CANTOPEN, NOTADB: never write on, fsync above all.
        (_, 7 | 8 | 10 | 11 | 14 | 26) => Failure::Fatal,
        _ => Failure::Poison,
    }
}

/// Error numbers of MariaDB and MySQL: <https://mariadb.com/kb/en/mariadb-error-code-reference/>.
fn mysql_failure(number: u16) -> Failure {
    match number {
        // No space: DISK_FULL, RECORD_FILE_FULL.
        1021 | 1114 => Failure::Full,
        // Another transaction was in the way: CHECKREAD, LOCK_WAIT_TIMEOUT, LOCK_DEADLOCK. Retried as well are
        // COMMIT that failed, Galera that is not ready, a server that starts, stops, has no connection left or
        // only reads, a session that was killed or waited too long, a table that was altered meanwhile, and a
        // right that is being changed.
        1020 | 1205 | 1213 | 1180 | 1047 | 1040 | 1053 | 1077 | 1079 | 1203 | 1226 | 1290 | 1836 | 1317
        | 1927 | 3024 | 1152 | 1184 | 4031 | 1412 | 1615 | 1044 | 1045 | 1142 | 1698 => Failure::Retry,
        // NOT_KEYFILE, CRASHED_ON_USAGE, CRASHED_ON_REPAIR: tables that cannot be trusted.
        1034 | 1194 | 1195 => Failure::Fatal,
        _ => Failure::Poison,
    }
}

/// PostgreSQL's SQLSTATE: <https://www.postgresql.org/docs/current/errcodes-appendix.html>.
fn postgresql_failure(code: &str) -> Failure {
    match code {
        "53100" => Failure::Full,
        // data_corrupted, index_corrupted
        "XX001" | "XX002" => Failure::Fatal,
        // Serialisation, deadlock, lock not available, idle for too long in a transaction, only reading, a plan
        // that changed, a right that is being changed.
        "40001" | "40P01" | "40003" | "55P03" | "25P03" | "25006" | "0A000" | "42501" => Failure::Retry,
        // Classes: connection, wrong password, no resources, operator's intervention, system errors.
        _ if ["08", "28", "53", "57", "58"].iter().any(|class| code.starts_with(class)) => Failure::Retry,
        _ => Failure::Poison,
    }
}

/// Whether the database refuses its user a right.
pub(super) fn is_denied(error: &DbErr) -> bool {
    let (DbErr::Conn(RuntimeErr::SqlxError(error))
    | DbErr::Exec(RuntimeErr::SqlxError(error))
    | DbErr::Query(RuntimeErr::SqlxError(error))) = error
    else {
        return false;
    };
    let sqlx::Error::Database(error) = error.as_ref() else { return false };
    match error.try_downcast_ref::<MySqlDatabaseError>() {
        Some(error) => matches!(error.number(), 1044 | 1142 | 1143 | 1227 | 1370),
        None => error.code().as_deref() == Some("42501"),
    }
}

fn classify(error: &DbErr) -> Failure {
    let (DbErr::Conn(runtime) | DbErr::Exec(runtime) | DbErr::Query(runtime)) = error else {
        return match error {
            DbErr::ConnectionAcquire(_) => Failure::Retry,
            _ => Failure::Poison,
        };
    };
    let RuntimeErr::SqlxError(error) = runtime else { return Failure::Poison };
    match error.as_ref() {
        sqlx::Error::Database(error) => {
            let code = error.code().unwrap_or_default();
            if let Some(error) = error.try_downcast_ref::<MySqlDatabaseError>() {
                mysql_failure(error.number())
            } else if error.try_downcast_ref::<PgDatabaseError>().is_some() {
                postgresql_failure(&code)
            } else {
                code.parse().map_or(Failure::Poison, sqlite_failure)
            }
        }
        // The connection to a server broke, or there is none yet.
        sqlx::Error::Io(_)
        | sqlx::Error::Tls(_)
        | sqlx::Error::Protocol(_)
        | sqlx::Error::PoolTimedOut
        | sqlx::Error::PoolClosed => Failure::Retry,
        sqlx::Error::WorkerCrashed => Failure::Fatal,
        _ => Failure::Poison,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_code_of_sqlite_has_its_meaning() {
        let table = [
            (5, Failure::Retry),
            (517, Failure::Retry),
            (6, Failure::Retry),
            (13, Failure::Full),
            (4874, Failure::Full),
            (10, Failure::Fatal),
            (1034, Failure::Fatal), // IOERR_FSYNC
            (11, Failure::Fatal),
            (19, Failure::Poison),
            (2067, Failure::Poison), // CONSTRAINT_UNIQUE
        ];
        for (code, expected) in table {
            assert_eq!(sqlite_failure(code), expected, "{code}");
        }
    }

    #[test]
    fn each_number_of_mariadb_has_its_meaning() {
        let table = [
            (1213, Failure::Retry),
            (1205, Failure::Retry),
            (1180, Failure::Retry),
            (1290, Failure::Retry),
            (1114, Failure::Full),
            (1194, Failure::Fatal),
            (1062, Failure::Poison), // DUP_ENTRY
            (1406, Failure::Poison), // DATA_TOO_LONG
        ];
        for (number, expected) in table {
            assert_eq!(mysql_failure(number), expected, "{number}");
        }
    }

    #[test]
    fn each_state_of_postgresql_has_its_meaning() {
        let table = [
            ("40001", Failure::Retry),
            ("40P01", Failure::Retry),
            ("55P03", Failure::Retry),
            ("57P01", Failure::Retry),
            ("08006", Failure::Retry),
            ("53300", Failure::Retry),
            ("53100", Failure::Full),
            ("XX001", Failure::Fatal),
            ("23505", Failure::Poison), // unique_violation
            ("22001", Failure::Poison), // string_data_right_truncation
        ];
        for (code, expected) in table {
            assert_eq!(postgresql_failure(code), expected, "{code}");
        }
    }
}
